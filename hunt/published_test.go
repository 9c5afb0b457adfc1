package hunt_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// The published content for the same tables, step by step over the rows of a test, so that
// its own answer stands beside that of the case. The parts that a test is not about are left
// out; what is left is as the content has it.
//
// Source: Azure-Sentinel: ASimNetworkSessionAzureNSG and ASimNetworkSessionNTANetAnalytics
// 0.1.1; TI map IP entity to AzureNetworkAnalytics_CL 1.3.1 and its newer form 1.4.5; port
// scan 1.0.6.

// column is the cell of either table.
func column(r row, nsg, nta string) string {
	if v, ok := r[nsg]; ok {
		return v
	}
	return r[nta]
}

// first is split(cell, "|")[0], of which all readers make the one address of a row.
func first(cell string) string { return strings.Split(cell, "|")[0] }

// parsed are the source and the destination that the two parsers give a row.
func parsed(r row) (src, dst string) {
	src, dst = column(r, "SrcIP_s", "SrcIp"), column(r, "DestIP_s", "DestIp")
	if src == "" {
		src = first(column(r, "SrcPublicIPs_s", "SrcPublicIps"))
	}
	if dst == "" {
		dst = first(column(r, "DestPublicIPs_s", "DestPublicIps"))
	}
	return src, dst
}

// parkedAddresses are what the newer parser keeps of a packed cell in AdditionalFields: every
// token of seven characters or more.
func parkedAddresses(cell string) (out []string) {
	for _, token := range strings.FieldsFunc(cell, func(c rune) bool { return c == '|' || c == ' ' }) {
		if len(token) >= 7 {
			out = append(out, token)
		}
	}
	return out
}

// matchedSessions is a rule over the parsers: equal text of an indicator and of either end.
func matchedSessions(rows []row, list ...string) (out []string) {
	for _, r := range rows {
		src, dst := parsed(r)
		for _, a := range []string{src, dst} {
			if slices.Contains(list, a) && !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// isPrivateFalse is `ipv4_is_private(x) == false`: the function is null for what is no IPv4
// address in text, and null is not false.
func isPrivateFalse(x string) bool {
	a, err := netip.ParseAddr(x)
	return err == nil && a.Is4() && !a.IsPrivate()
}

// matchedFlows is the rule for AzureNetworkAnalytics_CL: the first address of PublicIPs_s,
// else the source, public by the test above, joined by equal text; where the last flow is
// taken first, its status is asked for after that.
func matchedFlows(rows []row, lastFirst bool, list ...string) (out []string) {
	type flow struct{ at, address, status string }
	var flows []flow
	for _, r := range rows {
		a := first(r["PublicIPs_s"])
		if a == "" {
			a = r["SrcIP_s"]
		}
		if isPrivateFalse(a) {
			flows = append(flows, flow{r["TimeGenerated"], a, r["FlowStatus_s"]})
		}
	}
	if lastFirst { // summarize arg_max(TimeGenerated, *) by the address
		last := map[string]flow{}
		for _, f := range flows {
			if f.at >= last[f.address].at {
				last[f.address] = f
			}
		}
		flows = nil
		for _, f := range last {
			flows = append(flows, f)
		}
	}
	for _, f := range flows {
		if f.status == "A" && slices.Contains(list, f.address) && !slices.Contains(out, f.address) {
			out = append(out, f.address)
		}
	}
	return out
}

// portScans are the sources of the port scan rule: public, IPv4, more than fifty distinct
// ports in a fixed bin of five minutes of the time at which rows were written.
func portScans(t *testing.T, rows []row) (out []string) {
	t.Helper()
	ports := map[string]map[string]bool{}
	for _, r := range rows {
		src, _ := parsed(r)
		at, err := time.Parse(time.RFC3339, r["TimeGenerated"])
		if err != nil {
			t.Fatal(err)
		}
		if !isPrivateFalse(src) {
			continue
		}
		key := src + " " + at.Truncate(5*time.Minute).String()
		if ports[key] == nil {
			ports[key] = map[string]bool{}
		}
		ports[key][column(r, "DestPort_d", "DestPort")] = true
		if len(ports[key]) > 50 && !slices.Contains(out, src) {
			out = append(out, src)
		}
	}
	return out
}

// TestPublished: the steps do what their text says, where the rows are as it expects them.
func TestPublished(t *testing.T) {
	plain := nsgRow(14, row{"SrcIP_s": "11.201.7.77"})
	if got := matchedSessions([]row{plain}, "11.201.7.77"); !slices.Equal(got, []string{"11.201.7.77"}) {
		t.Errorf("sessions: %q", got)
	}
	for _, lastFirst := range []bool{false, true} {
		if got := matchedFlows([]row{plain}, lastFirst, "11.201.7.77"); !slices.Equal(got, []string{"11.201.7.77"}) {
			t.Errorf("flows: %q", got)
		}
	}
	for x, want := range map[string]bool{"11.201.7.77": true, "10.0.0.5": false, "2c10:bad::77": false, "::ffff:11.201.7.9": false, "": false} {
		if got := isPrivateFalse(x); got != want {
			t.Errorf("%q: %v", x, got)
		}
	}
	var many []row
	for i := range 51 {
		many = append(many, plain.with(row{"DestPort_d": string(rune('a' + i))}))
	}
	if len(portScans(t, many)) != 1 || len(portScans(t, many[:50])) != 0 {
		t.Errorf("51 ports %q, 50 ports %q", portScans(t, many), portScans(t, many[:50]))
	}
}
