package judge

import (
	"slices"
	"strings"
	"testing"

	"netcase"
)

// A gap comes with the query that closes it, in the languages of the inputs at hand.
func TestQueriesBySource(t *testing.T) {
	w := incident()
	for format, want := range map[string]string{
		"zeek-conn": "zeek-cut", "syslog": "journalctl", "windows-evtx": "Get-WinEvent", "paloalto": "tstats", "azure-nsg": "",
	} {
		in := w.input(netcase.ReachUnknown)
		in.Coverage.Inputs = slices.Clone(in.Coverage.Inputs)
		in.Coverage.Inputs[0].Format = format
		c := judged(t, in)
		var texts []string
		for _, g := range c.Gaps {
			for _, q := range g.Queries {
				texts = append(texts, q.Text)
			}
		}
		all := strings.Join(texts, "\n")
		if want == "" && all != "" || !strings.Contains(all, want) {
			t.Errorf("%s: the gaps ask %q, want %q in it", format, all, want)
		}
		if want != "" && format != "syslog" && format != "windows-evtx" && !strings.Contains(all, w.peers[0].String()) && !strings.Contains(all, strings.ReplaceAll(w.peers[0].String(), ".", `\.`)) {
			t.Errorf("%s: the query names no address of the case: %s", format, all)
		}
		for _, j := range c.Judgements {
			if j.Word == string(netcase.NotDeterminable) && len(j.Queries) == 0 {
				t.Errorf("%s: nothing fetches what would change %q", format, j.Claim.Text)
			}
		}
	}
}

// Names that others wrote never reach a shell.
func TestQueriesHoldAddressesOnly(t *testing.T) {
	in := incident().input(netcase.ReachUnknown)
	in.Coverage.Inputs = slices.Clone(in.Coverage.Inputs)
	in.Coverage.Inputs[0].Format = "zeek-conn"
	const evil = "x'; rm -rf /; echo '"
	for i := range in.Findings {
		if s := in.Findings[i].Scan; s != nil {
			s.Sources[0].Hosts = append(slices.Clone(s.Sources[0].Hosts), netcase.Endpoint{Name: evil})
			s.Sources[0].Peer = netcase.Endpoint{Name: evil}
		}
	}
	c := judged(t, in)
	for _, g := range c.Gaps {
		for _, q := range g.Queries {
			if strings.Contains(q.Text, "rm -rf") {
				t.Errorf("%s: %s", g.Source, q.Text)
			}
		}
	}
}
