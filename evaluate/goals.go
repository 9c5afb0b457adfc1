package evaluate

import (
	"fmt"
	"math"
)

// Goal is one line of what is to be reached.
type Goal struct {
	Item   string `json:"item"`
	Goal   string `json:"goal"`
	Result string `json:"result"`
	State  State  `json:"state"`
}

// State tells whether a goal is reached.
type State string

// The states.
const (
	Met        State = "met"
	NotMet     State = "not met"
	Unmeasured State = "not measured"
)

// The goals. Source: the method that the detectors follow, its section on evaluation;
// they are set before anything is measured.
const (
	goalScanRecall    = .98
	goalScanFalse     = 1e-3 // a source-hour
	goalContacts      = 6
	goalLoginRecall   = .97
	goalLoginRight    = .95
	goalSuccessRight  = .99
	goalBeaconRecall  = .95
	goalBeaconFalse   = 1e-3 // a host-day
	goalRandom        = .01
	goalArtefact      = .99
	goalArtefactFalse = .02
	goalEdges         = .90
	goalSpikeNull     = .02
	goalOneCause      = .95
	goalTwoCauses     = .85
	goalECE           = .05
	goalCopy          = .01 // by which a copy moves a probability
	goalTopOne        = .90
	goalLikely        = .80
	goalConfirmed     = .60
	goalBrier         = .50 // of the base rate's
)

// goals compares what was measured with what is to be reached.
func goals(r *Report) (out []Goal) {
	least := func(item, key string, want float64) {
		n := r.Ratios[key]
		out = append(out, Goal{item, fmt.Sprintf("at least %g", want), n.String(), stateOf(n.Of, n.Value() >= want)})
	}
	most := func(item, key, unit string, want float64) {
		n := r.Ratios[key]
		text := fmt.Sprintf("%.2g (%d of %d)", n.Value(), n.Hit, n.Of)
		if n.Of == 0 {
			text = "–"
		}
		out = append(out, Goal{item, fmt.Sprintf("at most %g %s", want, unit), text, stateOf(n.Of, n.Value() <= want)})
	}
	least("scan: labelled sources found", "scan.recall", goalScanRecall)
	most("scan: innocent sources flagged", "scan.false", "a source-hour", goalScanFalse)
	least("logins: runs of guessing, spraying, enumeration and logins after them found", "login.recall", goalLoginRecall)
	least("logins: findings that are right", "login.precision", goalLoginRight)
	least("logins: successes of grade A that are right", "login.success-a.precision", goalSuccessRight)
	least("beacon: found, jitter up to 50 %, 30 starts or more", "beacon.recall", goalBeaconRecall)
	most("beacon: other pairs called periodic, harmless clockwork that is not recognised included", "beacon.false", "a host-day", goalBeaconFalse)
	most("beacon: of those, calls of rare destinations: what the judgement weighs", "beacon.false.rare", "a host-day", goalBeaconFalse)
	most("beacon: called periodic on the real benign traffic, by its flows alone", "beacon.false.real", "a host-day", goalBeaconFalse)
	most("beacon: the same, with the names in the other logs of the captures that have them", "beacon.false.real.named", "a host-day", goalBeaconFalse)
	most("beacon: streams without a cadence called periodic", "cadence.random", "of the streams", goalRandom)
	most("beacon: streams of an aggregator called periodic", "cadence.aggregated", "of the streams", goalRandom)
	least("artefact: aggregated exports named as such", "artefact.recall", goalArtefact)
	most("artefact: raw exports called aggregated", "artefact.false", "of the cases", goalArtefactFalse)
	edges := Ratio{r.Edges.Within, r.Edges.N}
	out = append(out, Goal{"spike: bounds within one bin", fmt.Sprintf("at least %g", goalEdges), edges.String(), stateOf(edges.Of, edges.Value() >= goalEdges)})
	most("spike: quiet cases with a spike", "spike.null", "of the cases", goalSpikeNull)
	least("attribution: exactly the one source", "attribution.one", goalOneCause)
	least("attribution: exactly the two sources", "attribution.two", goalTwoCauses)
	for _, f := range r.Frames {
		out = append(out,
			Goal{"calibration, frame " + f.Frame[:1] + ": expected calibration error", fmt.Sprintf("at most %g", goalECE), fmt.Sprintf("%.3f (n %d)", f.ECE, f.N), stateOf(f.N, f.ECE <= goalECE)},
			Goal{"calibration, frame " + f.Frame[:1] + ": Brier score over that of the base rate", fmt.Sprintf("at most %g", goalBrier), brierText(f), stateOf(int(one(f.BaseRate > 0))*f.N, f.Brier <= goalBrier*f.BaseRate)},
		)
	}
	for _, f := range r.Fitted {
		out = append(out, Goal{"calibration, frame " + f.Frame[:1] + ": expected calibration error with weights fitted on seeds below 1001 (not those of the judgement)", fmt.Sprintf("at most %g", goalECE), fmt.Sprintf("%.3f (n %d)", f.ECE, f.N), stateOf(f.N, f.ECE <= goalECE)})
	}
	f := &r.Fusion
	moved := max(f.Copy, f.Fifth)
	out = append(out,
		Goal{"fusion of lists: expected calibration error where lists are as good as the tool believes, copies among them", fmt.Sprintf("at most %g", goalECE), fmt.Sprintf("%.3f (n %d)", f.Calibration.ECE, f.Calibration.N), stateOf(f.Calibration.N, f.Calibration.ECE <= goalECE)},
		Goal{"fusion of lists: most that a copy which names its origin, or a fifth copy, moves the probability", fmt.Sprintf("less than %g", goalCopy), fmt.Sprintf("%.2g", moved), stateOf(f.Calibration.N, moved < goalCopy)},
	)
	least("judgement: right about what happened", "judgement.top1", goalTopOne)
	n := r.Ratios["case.false-confirmed"]
	out = append(out, Goal{"judgement: harm confirmed, once a person approves everything, that was not there or not proven", "none", falseText(n), stateOf(n.Of, n.Hit == 0)})
	least("judgement: true compromises with the minimum evidence that reach \"likely\"", "claim.likely.compromise", goalLikely)
	least("judgement: true C2 with the minimum evidence that reaches \"likely\"", "claim.likely.c2", goalLikely)
	least("judgement: of those compromises, confirmed once a person approves", "claim.confirmed.compromise", goalConfirmed)
	least("judgement: of that C2, confirmed once a person approves", "claim.confirmed.c2", goalConfirmed)
	out = append(out,
		Goal{"scan: first contacts until a source is flagged, median", fmt.Sprintf("at most %d", goalContacts), r.Contacts.String(), stateOf(r.Contacts.N, r.Contacts.Median <= goalContacts)},
		Goal{"judgement: ranges of 90 % that agree with what came true, by sets of equal evidence that could contradict them, each kind of story once", "85 to 95 %", coverText(r.Cover), coverState(r.Cover)},
	)
	return out
}

// The share of the ranges of 90 % that is to agree with what came true.
const goalCoverLeast, goalCoverMost = .85, .95

// coverState: of few sets no share lies within the goal, so that it cannot be met, nor is
// it missed where the interval of the share reaches into it.
func coverState(r Ratio) State {
	if low, high := r.Wilson(); !coverable(r.Of) && low <= goalCoverMost && high >= goalCoverLeast {
		return Unmeasured
	}
	return stateOf(r.Of, r.Value() >= goalCoverLeast && r.Value() <= goalCoverMost)
}

// coverable tells whether some number of n sets is a share within the goal.
func coverable(n int) bool {
	return math.Ceil(goalCoverLeast*float64(n)) <= math.Floor(goalCoverMost*float64(n))
}

func coverText(r Ratio) string {
	if r.Of > 0 && coverState(r) == Unmeasured {
		return fmt.Sprintf("%s; no share of %d lies within the goal", r, r.Of)
	}
	return r.String()
}

func stateOf(n int, ok bool) State {
	switch {
	case n == 0:
		return Unmeasured
	case ok:
		return Met
	}
	return NotMet
}

func brierText(f Calibration) string {
	if f.N == 0 || f.BaseRate <= 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f (%.4f over %.4f)", f.Brier/f.BaseRate, f.Brier, f.BaseRate)
}

// falseText is a count of what must not be, with the bound that its absence allows.
func falseText(n Ratio) string {
	if n.Of == 0 {
		return "–"
	}
	_, high := n.Wilson()
	return fmt.Sprintf("%d of %d cases (95 %% upper bound, if they were independent, %.2g)", n.Hit, n.Of, high)
}
