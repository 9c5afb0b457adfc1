package respond

import (
	"encoding/csv"
	"strings"
	"testing"
	"unicode"

	"netcase"
)

// table is the CSV by value and column.
func table(t *testing.T, text string) map[string]map[string]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]string{}
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		if out[m["value"]] != nil {
			t.Errorf("%s stands there twice", m["value"])
		}
		out[m["value"]] = m
	}
	return out
}

func TestCSV(t *testing.T) {
	rows := table(t, render(t, sample(), Options{TLP: "green"})[csvPath])
	for value, want := range map[string]map[string]string{
		"11.22.33.44": {"to_ids": "false", "severity": "LOW", "reach": "denied=40", "ports": "22 23", "direction": "inbound", "origins": "0", "tlp": "TLP:GREEN", "flows": "40",
			"expires": "2025-10-10T09:00:00.000Z", "case_id": "nc-00c0ffee", "confidence": "moderate", "first_seen": "2025-10-09T04:00:00.000Z", "last_seen": "2025-10-09T08:00:00.000Z"},
		"11.22.33.45":    {"to_ids": "true", "severity": "MEDIUM to HIGH", "claim": "bruteforce", "origins": "1", "listings": "1", "type": "ipv4", "expires": "2025-10-16T09:00:00.000Z", "why_not": ""},
		"2600:ff00:1::5": {"to_ids": "true", "type": "ipv6", "claim": ""},
		"11.50.60.70":    {"to_ids": "true", "direction": "outbound", "claim": "c2"},
		"11.99.0.7":      {"to_ids": "false"},
		"104.16.1.1":     {"to_ids": "false", "why_not": "shared edge: Cloudflare (104.16.0.0/13)"},
		"11.77.7.0/24":   {"to_ids": "false", "type": "ipv4-range", "why_not": "a range names neighbours too"},
	} {
		for k, v := range want {
			if rows[value][k] != v {
				t.Errorf("%s: %s is %q, want %q", value, k, rows[value][k], v)
			}
		}
	}
	if len(rows) != 7 {
		t.Errorf("%d rows, want 7: %v", len(rows), rows)
	}
}

// An address that only talked to an exposed port is no indicator.
func TestCSVLeavesOutBystanders(t *testing.T) {
	c := sample()
	c.Findings = []netcase.Finding{{ID: "F1", Exposure: &netcase.ExposureFacts{Sources: []netcase.Profile{profile(badRange.Addr().Next(), netcase.Inbound, 5, netcase.ReachBidirectional, 22)}}}}
	c.Groups[0].Sources = append(c.Groups[0].Sources, profile(ownHost, netcase.Lateral, 5, netcase.ReachDenied, 22))
	rows := table(t, render(t, c, Options{})[csvPath])
	if rows["11.77.7.1"] != nil || rows[ownHost.String()] != nil {
		t.Errorf("a bystander or an own address is an indicator: %v", rows)
	}
}

func FuzzCSVCell(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := csvCell(s)
		rows, err := csv.NewReader(strings.NewReader("a," + got + ",b\r\n")).ReadAll()
		if err != nil || len(rows) != 1 || len(rows[0]) != 3 {
			t.Fatalf("%q: %q does not read back: %v %v", s, got, rows, err)
		}
		cell := rows[0][1]
		if strings.TrimPrefix(cell, "'") != strings.TrimPrefix(oneLine(s, maxText), "'") {
			t.Errorf("%q became %q", s, cell)
		}
		if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
			t.Errorf("%q is a formula", cell)
		}
		if strings.ContainsFunc(cell, unicode.IsControl) {
			t.Errorf("%q holds a control character", cell)
		}
	})
}
