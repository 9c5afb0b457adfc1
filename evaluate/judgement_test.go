package evaluate

import (
	"net/netip"
	"testing"

	"netcase"
	"netcase/simulate"
)

// TestVerdict: what counts as right and what as wrong, case by case.
func TestVerdict(t *testing.T) {
	source, host, place := netip.MustParseAddr("91.20.30.40"), netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("52.1.2.3")
	claims := func(id string, standing netcase.Standing, p float64) []netcase.Claim {
		return []netcase.Claim{{ID: id, Standing: standing, Posterior: p}}
	}
	group := func(lead string) []netcase.Group {
		return []netcase.Group{{Sources: []netcase.Profile{{Peer: netcase.At(source)}}, SourceCount: 1, Hypotheses: []netcase.Hypothesis{{ID: lead, Posterior: .9}}}}
	}
	beacon := []netcase.Finding{{Beacon: &netcase.BeaconFacts{Host: netcase.At(host), Peer: netcase.At(place), Verdict: netcase.CadencePeriodic}}}
	pattern := []simulate.Activity{{Kind: simulate.ActBeacon, Sources: []netip.Addr{host}, Hosts: []netip.Addr{place}}}
	scan := []simulate.Activity{{Kind: simulate.ActScan, Sources: []netip.Addr{source}, Hosts: []netip.Addr{host}}}
	for _, x := range []struct {
		name   string
		labels simulate.Labels
		c      netcase.Case
		right  bool
	}{
		{"a scan, told as one", simulate.Labels{Hypothesis: "BG", Lead: []string{"BG"}, Activities: scan}, netcase.Case{Groups: group("BG")}, true},
		{"a scan, told as guessing", simulate.Labels{Hypothesis: "BG", Lead: []string{"BG"}, Activities: scan}, netcase.Case{Groups: group("BFA")}, false},
		{"a scan, not told", simulate.Labels{Hypothesis: "BG", Lead: []string{"BG"}, Activities: scan}, netcase.Case{}, false},
		{"a scan, and a compromise besides", simulate.Labels{Hypothesis: "BG", Lead: []string{"BG"}, Activities: scan}, netcase.Case{Groups: group("BG"), Claims: claims("compromise", netcase.Assessed, .6)}, false},
		{"a pattern, named and left open", simulate.Labels{Hypothesis: "C2", Claims: []string{"c2"}, Activities: pattern}, netcase.Case{Findings: beacon, Claims: claims("c2", netcase.NotDeterminable, .02)}, true},
		{"a pattern, left open and not named", simulate.Labels{Hypothesis: "C2", Claims: []string{"c2"}, Activities: pattern}, netcase.Case{Claims: claims("c2", netcase.NotDeterminable, .02)}, false},
		{"a pattern, called unlikely", simulate.Labels{Hypothesis: "C2", Claims: []string{"c2"}, Activities: pattern}, netcase.Case{Findings: beacon, Claims: claims("c2", netcase.Assessed, .1)}, false},
		{"a pattern, gated out", simulate.Labels{Hypothesis: "C2", Claims: []string{"c2"}, Activities: pattern}, netcase.Case{Findings: beacon, Claims: claims("c2", netcase.Gated, 0)}, false},
		{"proof, likely", simulate.Labels{Hypothesis: "C2", Claims: []string{"c2"}, Proven: []string{"c2"}, Activities: pattern}, netcase.Case{Findings: beacon, Claims: claims("c2", netcase.Assessed, .83)}, true},
		{"proof, left open", simulate.Labels{Hypothesis: "C2", Claims: []string{"c2"}, Proven: []string{"c2"}, Activities: pattern}, netcase.Case{Findings: beacon, Claims: claims("c2", netcase.NotDeterminable, .3)}, false},
		{"harmless, and quiet", simulate.Labels{Hypothesis: "MIS"}, netcase.Case{Groups: group("BG")}, true},
		{"harmless, called guessing", simulate.Labels{Hypothesis: "MIS"}, netcase.Case{Groups: group("BFA")}, false},
		{"harmless, called command and control", simulate.Labels{Hypothesis: "MIS"}, netcase.Case{Claims: claims("c2", netcase.Assessed, .7)}, false},
		{"the interval of a log, named", simulate.Labels{Hypothesis: "ART", Artefact: true, Activities: scan}, netcase.Case{Artefact: &netcase.ArtefactFacts{Verdict: "likely"}}, true},
		{"the interval of a log, not named", simulate.Labels{Hypothesis: "ART", Artefact: true, Activities: scan}, netcase.Case{}, false},
		{"a cadence read from intervals", simulate.Labels{Hypothesis: "ART", Artefact: true, Activities: pattern}, netcase.Case{Findings: beacon, Artefact: &netcase.ArtefactFacts{Verdict: "likely"}}, false},
	} {
		told := simulate.Told{Truth: simulate.Truth{Labels: &x.labels}, Site: netcase.Site{Own: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
		got, g := answer(&x.c, &told.Truth, subjects(told))
		if wrong := verdict(&x.c, told, got, g); (wrong == "") != x.right {
			t.Errorf("%s: %q", x.name, wrong)
		}
	}
}

// TestConfirmed: a posterior alone confirms nothing, nor does an approval of a claim that
// the evidence does not carry.
func TestConfirmed(t *testing.T) {
	word := &netcase.Approval{By: "somebody"}
	for _, x := range []struct {
		name   string
		status netcase.Status
		word   *netcase.Approval
		want   bool
	}{
		{"approved", netcase.StatusConfirmed, word, true}, {"another claim is", netcase.StatusConfirmed, nil, false}, {"suspected", netcase.StatusSuspected, nil, false},
	} {
		c := netcase.Case{Status: x.status, Claims: []netcase.Claim{{ID: "compromise", Standing: netcase.Assessed, Posterior: .97, Approved: x.word}}}
		if got := confirmed(&c, "compromise"); got != x.want {
			t.Errorf("%s: %v", x.name, got)
		}
	}
	if confirmed(nil, "compromise") {
		t.Error("a case that nobody could approve is confirmed")
	}
}
