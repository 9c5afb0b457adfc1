package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"netcase"
)

// A source that knows its business is mostly answered; one that tries doors is mostly
// not. The threshold random walk weighs the outcomes of a source's first contacts one by
// one and stops as soon as they tell the two apart.
//
// Source: Jung, Paxson, Berger and Balakrishnan, Fast Portscan Detection Using Sequential
// Hypothesis Testing, IEEE S&P 2004.
type walk struct {
	benign  float64 // P(a first contact is answered | the source is harmless), theta0
	scanner float64 // P(it is answered | the source scans), theta1
	upper   float64 // log of the likelihood ratio at which a source is called a scanner
	lower   float64 // … at which it is called harmless
	least   int     // first contacts that a flag needs
}

// newWalk is the walk for an estate in which harmless sources are answered at a rate.
//
// Units:  alpha, the most false alarms; detection, the least share of scanners found.
func newWalk(benign, scanner, alpha, detection float64, least int) walk {
	return walk{
		benign: benign, scanner: scanner, least: least,
		upper: math.Log(detection / alpha), lower: math.Log((1 - detection) / (1 - alpha)),
	}
}

// verdict is how a walk ended.
type verdict int8

// The verdicts.
const (
	undecided verdict = iota
	flagged
	cleared
)

// run walks over outcomes, true for answered, and tells after how many it was decided.
func (w walk) run(outcomes []bool) (verdict, int) {
	success, failure := math.Log(w.scanner/w.benign), math.Log((1-w.scanner)/(1-w.benign))
	const rounding = 1e-12 // of sums of logarithms: 4⁴ reaches 256 whichever way it is added
	at := 0.0
	for i, answered := range outcomes {
		if answered {
			at += success
		} else {
			at += failure
		}
		switch {
		case at >= w.upper-rounding && i+1 >= w.least:
			return flagged, i + 1
		case at <= w.lower+rounding:
			return cleared, i + 1
		}
	}
	return undecided, len(outcomes)
}

// attempt is a source's first contact with a host.
type attempt struct {
	at    netcase.Time
	reach netcase.Reach
}

// first keeps the earlier of two contacts with a host; at one instant the stronger proof.
func (a attempt) first(b attempt) attempt {
	if c := cmp.Or(cmp.Compare(b.at, a.at), cmp.Compare(a.reach, b.reach)); c < 0 {
		return b
	}
	return a
}

// firstOutcomes are the known outcomes of the first contacts of a source, by time. A contact
// of which the outcome is not known says nothing.
func firstOutcomes(firsts []attempt) []bool {
	known := make([]attempt, 0, len(firsts))
	for _, a := range firsts {
		if a.reach.Decided() {
			known = append(known, a)
		}
	}
	slices.SortStableFunc(known, func(a, b attempt) int { return cmp.Compare(a.at, b.at) })
	out := make([]bool, len(known))
	for i, a := range known {
		out[i] = !a.reach.Failed()
	}
	return out
}

// learned is what the sources that no list names tell of the estate: how often a contact
// is answered that is not a scanner's.
type learned struct {
	answered, failed int64 // contacts of one source with one host in one hour
	walk             walk
	off              string // why there is no walk; empty: there is
}

// see counts one contact.
func (l *learned) see(answered bool) {
	if answered {
		l.answered++
	} else {
		l.failed++
	}
}

// settle makes the walk from what was seen.
func (l *learned) settle(c Config) {
	n := l.answered + l.failed
	rate := float64(l.answered) / float64(max(n, 1))
	switch {
	case n == 0:
		l.off = "no outcome of a contact from outside is recorded"
	case rate <= c.WalkScanner:
		l.off = fmt.Sprintf("of the contacts of unlisted sources %s were answered: nearly everything is closed, so that harmless clients fail as often as scanners", percent(rate))
	default:
		l.walk = newWalk(min(max(rate, c.Scan.WalkLow), c.Scan.WalkHigh), c.WalkScanner, c.WalkAlpha, c.WalkDetection, c.Scan.WalkContacts)
	}
}

// facts is what a finding says of the walk.
func (l *learned) facts() *netcase.WalkFacts {
	if l.off != "" {
		return &netcase.WalkFacts{Off: l.off}
	}
	return &netcase.WalkFacts{Benign: round(l.walk.benign, 4), Scanner: l.walk.scanner}
}
