package source

import (
	"strings"
	"testing"

	"netcase"
)

func TestCutReason(t *testing.T) {
	for _, rows := range []int64{10_000, 30_000, 100_000, 500_000} {
		reason, query := CutReason(rows, "azure-traffic")
		if reason == "" || !strings.Contains(query, "AzureNetworkAnalytics_CL") {
			t.Errorf("%d rows: %q, %q", rows, reason, query)
		}
	}
	for _, rows := range []int64{0, 9_999, 10_001, 29_999, 30_001, 64_000} {
		if reason, query := CutReason(rows, "azure-traffic"); reason != "" || query != "" {
			t.Errorf("%d rows: %q", rows, reason)
		}
	}
	_, query := CutReason(30_000, "NTANetAnalytics")
	if !strings.Contains(query, "NTANetAnalytics") {
		t.Error(query)
	}
	if parts := strings.Split(query, "\n\n"); len(parts) != 2 || strings.Count(parts[0], "let From") != 1 || strings.Count(parts[1], "let From") != 1 {
		t.Errorf("want two queries with a blank line between them:\n%s", query)
	}
}

func TestSizeCap(t *testing.T) {
	for n, want := range map[int64]bool{
		rawCap: true, rawCap - 1000: true, rawCap + 1: false, rawCap / 2: false, compressedCap - 4096: true, 0: false,
	} {
		if got := sizeCap(n) != ""; got != want {
			t.Errorf("%d bytes: %v", n, got)
		}
	}
}

// TestCutIsReported decodes a table of exactly 10,000 rows.
func TestCutIsReported(t *testing.T) {
	head := "TimeGenerated,FlowType_s,SrcIP_s,DestIP_s,DestPort_d,FlowStatus_s\n"
	row := "2025-10-20T14:05:33Z,MaliciousFlow,198.51.100.23,10.0.0.5,22,A\n"
	for rows, cut := range map[int]bool{9_999: false, 10_000: true} {
		_, report, err := allFlows(t, azureTraffic, []byte(head+strings.Repeat(row, rows)))
		if err != nil {
			t.Fatal(err)
		}
		if got := report.Cut != ""; got != cut {
			t.Errorf("%d rows: cut %q", rows, report.Cut)
		}
		if cut && !strings.Contains(report.CutQuery, "datetime(2025-10-20T00:00:00.000Z)") {
			t.Error(report.CutQuery)
		}
	}
}

func TestQueries(t *testing.T) {
	span := netcase.Span{Start: 1760918400000, End: 1761004800000}
	var all strings.Builder
	for _, q := range Queries(span) {
		if q.Language != "kql" || q.Title == "" || strings.Contains(q.Text, "/*") {
			t.Errorf("%+v", q)
		}
		if !strings.Contains(q.Text, "let From = datetime(2025-10-20T00:00:00.000Z);\nlet To = datetime(2025-10-21T00:00:00.000Z);\n") {
			t.Errorf("%s: the span is missing:\n%s", q.Title, q.Text)
		}
		all.WriteString(q.Text)
	}
	for _, word := range []string{"AzureNetworkAnalytics_CL", "NTANetAnalytics", "DeviceNetworkEvents", "EventID in (4624, 4625)",
		"DeviceLogonEvents", "row_cumsum", "FlowStatus_s", "InitiatingProcessCommandLine", "SubStatus"} {
		if !strings.Contains(all.String(), word) {
			t.Errorf("no query has %s", word)
		}
	}
}

// TestQueriesNameColumnsThatAreRead compares the projections with what the formats read.
func TestQueriesNameColumnsThatAreRead(t *testing.T) {
	traffic, defender := trafficSpec().aliases, defenderSpec().aliases
	for _, q := range queryTables() {
		known := traffic
		if q.format == "" {
			continue
		}
		if q.format == formatDefender {
			known = defender
		}
		for _, c := range q.columns {
			name, _ := columnName([]byte(c))
			if _, ok := known[name]; !ok && !strings.HasSuffix(name, "iptype") && name != "faschemaversion" &&
				!strings.HasPrefix(name, "initiatingprocessid") && name != "initiatingprocesscreationtime" {
				t.Errorf("%s: the format does not read %s", q.name, c)
			}
		}
	}
}
