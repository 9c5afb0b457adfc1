package evaluate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"netcase/judge"
)

// Document is the report as Markdown.
func (r *Report) Document() []byte {
	var b strings.Builder
	w := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	w("# Evaluation\n\n")
	w("What `netcase evaluate` measured. Every number here is written by it. Read the last two sections before you quote one.\n\n")
	r.protocol(w)
	r.goalTable(w)
	r.byStory(w)
	r.calibrations(w)
	r.mistakeTable(w)
	r.ablationTable(w)
	r.realTable(w)
	r.peerTables(w)
	r.left(w)
	return []byte(b.String())
}

type writer func(format string, args ...any)

func (r *Report) protocol(w writer) {
	w("netcase %s, %s. %d cases as raw telemetry through the whole river: %s of each story, ", r.Version, r.Weights, r.Cases, plural(r.Seeds, "seed"))
	w("%d of them beside real benign traffic. Seeds from %d on; those below %d were used while stories and detectors were written. ", r.Injected, r.First, FirstSeed)
	w("The thresholds are those of the default configuration and were not changed for this run:\n\n")
	for i, k := range settingsOf(r.Settings) {
		if i > 0 {
			w(", ")
		}
		w("`%s` %s", k, r.Settings[k])
	}
	w("\n\nUnits: a source in a story for scans, a pair of machines for cadences, a labelled run of attempts for logins, a case for the judgement. ")
	w("Proportions carry Wilson intervals of 95 %%. False alarms are counted on the stories that stand alone, over the hours in which sources outside were at work, ")
	w("or the days on which a machine called out. Where a story can be told in several formats, the seed draws one.\n\n")
	w("The stories are simulated, by people who know what detectors look for; the machines, people and rates of the office are drawn, and its visitors and desks are Poisson. ")
	w("A recall of 1 here says that the definition is met, not that nothing escapes in the wild; the real data below is the better guide to that.\n\n")
	if len(r.Grounds) > 0 {
		w("Real traffic beside which stories were told: the story takes place on its days and, where it names them, its machines.\n\n")
		for _, g := range r.Grounds {
			w("- %s\n", g)
		}
		w("\n")
	}
	for _, a := range r.Absent {
		w("**Not measured:** %s.\n\n", a)
	}
	if len(r.Failed) > 0 {
		w("**%s could not be run** and counted as wrong:\n\n", plural(len(r.Failed), "case"))
		for _, f := range r.Failed[:min(len(r.Failed), 20)] {
			w("- %s\n", cell(f))
		}
		w("\n")
	}
	w("A judgement is right where the claim of harm that is true, and has its minimum evidence in the telemetry, is at least likely (%.2f); where that evidence is not there, ", likelyFrom)
	w("where the claim stands open (not ruled out, not below %.2f) and a finding names the pair or the run; where the group with the labelled sources leads with the right explanation; ", unlikelyBelow)
	w("where harmless things are not called guessing, reconnaissance, a flood or harm; and where an aggregated export is named as such and no cadence is read from it. ")
	w("No claim of harm that is not true may be likely. For \"confirmed\" every case with a claim that is open to that step is judged once more with a person's approval of all three claims recorded in its site.yaml; the tool never takes the step by itself.\n\n")
}

func settingsOf(m map[string]string) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (r *Report) goalTable(w writer) {
	w("## Goals\n\n| what | goal | measured | |\n|---|---|---|---|\n")
	for _, g := range r.Goals {
		state := string(g.State)
		if g.State == NotMet {
			state = "**not met**"
		}
		w("| %s | %s | %s | %s |\n", g.Item, g.Goal, g.Result, state)
	}
	w("\n")
}

// shownRatios are the further ratios that are printed, with what they say.
var shownRatios = []struct{ key, text string }{
	{"run.detectors", "detectors that ran to their end"},
	{"scan.precision", "scan: flagged sources that are scanners, stories alone"},
	{"scan.of-flood", "floods of which sources are called scanners (fewer is better)"},
	{"login.flows.recall", "guessing seen in flows alone, no login log: found as a finding"},
	{"beacon.false.real.rare", "beacon: of those on the real benign traffic, rare destinations (one machine a capture cannot show what is rare: none by construction)"},
	{"beacon.recall.jittery", "beacon: found, jitter of 70 and 90 %"},
	{"cadence.unmeasured", "streams through an aggregator of which is said that their cadence cannot be measured"},
	{"upload.recall", "upload: found"},
	{"upload.precision", "upload: findings that are right"},
	{"flood.recall", "flood: found"},
	{"flood.precision", "flood: findings that are right"},
	{"lateral.recall", "lateral: found"},
	{"lateral.precision", "lateral: findings that are right"},
	{"persistence.recall", "persistence: found"},
	{"persistence.precision", "persistence: odd findings that are on the right machine"},
	{"process.precision", "process: findings with a weight that are on the right machine"},
	{"spike.recall", "spike: found"},
	{"spike.recall.history", "spike: found where the recording begins twelve hours or more before it (hours without a record are missing, and no history)"},
	{"spike.short.described", "spike: where fewer do, described and not called one, as it should be"},
	{"spike.outage", "a sensor's silence and what follows it called a spike (fewer is better)"},
	{"judgement.top1.office", "judgement right, stories alone"},
	{"judgement.top1.beside", "judgement right, beside real traffic"},
	{"judgement.severity", "severity within the range that is right, stories alone"},
	{"claim.assessed", "claims of harm that were assessed, not left open or gated out"},
	{"claim.likely.all.compromise", "all true compromises that reach likely, without minimum evidence too"},
	{"claim.likely.all.c2", "all true C2 that reaches likely, a pattern alone included"},
	{"claim.likely.all.exfiltration", "all true exfiltration that reaches likely"},
	{"claim.likely.exfiltration", "true exfiltration with its minimum evidence that reaches likely"},
	{"claim.confirmed.exfiltration", "of that, confirmed once a person approves"},
	{"claim.false-likely", "claims that are not true and reach likely (fewer is better)"},
}

func (r *Report) byStory(w writer) {
	w("## More of it\n\n| what | measured |\n|---|---|\n")
	for _, s := range shownRatios {
		if n := r.Ratios[s.key]; n.Of > 0 {
			w("| %s | %s |\n", s.text, n)
		}
	}
	if r.Edges.N > 0 {
		w("| spike: error of the bounds, median and worst, in bins | %.1f, %.1f |\n", r.Edges.Median, r.Edges.Worst)
	}
	w("\n### By hypothesis\n\n| hypothesis | judgement right |\n|---|---|\n")
	for _, h := range []string{"BG", "REC", "BFA", "BFS", "C2", "DOS", "EXF", "BSC", "MIS", "ART"} {
		w("| %s | %s |\n", h, r.Ratios["judgement.top1."+h])
	}
	w("\n### By story\n\nParts that are not wholly right; what is not listed is.\n\n| what | story | measured |\n|---|---|---|\n")
	for _, k := range settingsOf(keysWith(r.Ratios, "/")) {
		n := r.Ratios[k]
		what, story, _ := strings.Cut(k, "/")
		bad := strings.Contains(what, ".false") || what == "beacon.false-beside" || strings.Contains(what, "null")
		if !bad && n.Hit < n.Of || bad && n.Hit > 0 {
			text := n.String()
			if bad {
				text = fmt.Sprint(n.Hit)
			}
			w("| %s | %s | %s |\n", what, story, text)
		}
	}
	w("\n")
}

func keysWith(m map[string]Ratio, part string) map[string]string {
	out := map[string]string{}
	for k := range m {
		if strings.Contains(k, part) {
			out[k] = ""
		}
	}
	return out
}

func (r *Report) calibrations(w writer) {
	w("## Calibration\n\nThe weights of the judgement are set by experts and not fitted. Claims that are not determinable state no probability and are not counted. ")
	w("A probability is compared with what is true, not with what would be a right answer: of the explanations in frame A one is true, and the Brier score is over all of them.\n\n")
	w("Cases of one kind (a story, and in frame B a claim) come true together or not at all, so the kinds decide what these tables can tell. ")
	w("Beside each error stands that of somebody whose probabilities are exactly right: %d times the truth of every kind is drawn with the probability that was stated for it. ", exactDraws)
	w("The slope is the factor on the log odds that would make what came true most probable, each kind counting once: below 1 too much was stated, above 1 too little.\n\n")
	for _, f := range r.Frames {
		f.write(w, "Frame "+f.Frame)
	}
	w("### Why no calibration is applied\n\n")
	for _, s := range r.whyUncalibrated() {
		w("- %s\n", s)
	}
	r.fusionText(w)
	w("\n### With fitted weights\n\n")
	w("Not those of the judgement (%s): L2 logistic regression with the expert weights as prior mean and their signs, on the stories alone with seeds 1 to %d, each kind of story counting as one. ", r.FittedWeights, FitSeeds)
	w("They are not used, for the same reasons. `netcase evaluate --fit FILE` makes such a file.\n\n")
	for _, f := range r.Fitted {
		f.write(w, "Frame "+f.Frame)
	}
}

func (r *Report) fusionText(w writer) {
	f := &r.Fusion
	w("\n### Fusion of lists\n\nIn the stories a list is never wrong, and of the addresses on real lists hardly any has a known truth among the data. So lists are drawn that are as good as the tool believes: ")
	w("of %d addresses %g %% are abusive, %d origins list each with the likelihood ratio that one listing of it weighs (and %g %% of the innocent ones), and up to %d others repeat a listing, half of them without saying from whom. ", fusionAddresses, 100*fusionPrior, len(listers()), 100*fusionInnocent, fusionCopies)
	w("This tests the arithmetic of origins and copies, not how good lists are, nor copies that neither say so nor stand in the table of origins.\n\n")
	f.Calibration.write(w, "The probability that a listed address is abusive")
	w("Who takes every listing for a voice of its own has an error of %.3f. Where lists are so full that %g %% of the innocent addresses stand in each, the error is %.3f, since the silence of a list would then say something and is not weighed. ", f.Naive, 100*fusionFull, f.Full)
	w("Brier's score is %.4f; who knows how the lists were drawn gets %.4f, so that the 0.05 of the method is a matter of how good lists are and not of their fusion. A copy that names its origin moves the probability by at most %.2g, a fifth copy by %.2g.\n", f.Calibration.Brier, f.Bayes, f.Copy, f.Fifth)
}

// write is one frame with its reliability table; what says of what.
func (c *Calibration) write(w writer, what string) {
	if c.N == 0 {
		w("%s: nothing was stated.\n\n", what)
		return
	}
	w("%s: n %d of %s, Brier %.4f (of the base rate %.4f), expected calibration error %.3f. ", what, c.N, plural(c.Kinds, "kind"), c.Brier, c.BaseRate, c.ECE)
	w("Of the exactly right: %.3f (median), more than %.3f once in twenty draws; at most %g in %.0f of a hundred, as much as here or more in %.0f of a hundred. ", c.Exact.Median, c.Exact.High, goalECE, 100*c.Exact.Within, 100*c.Exact.Beyond)
	w("Slope: %s.\n\n", c.slopeText())
	w("| stated | n | mean stated | came true | kinds | of them not true |\n|---|---|---|---|---|---|\n")
	for _, b := range c.Bins {
		w("| %.1f–%.1f | %d | %.3f | %.3f | %s | %s |\n", b.Low, b.High, b.N, b.Stated, b.True, kindsText(b.Kinds), kindsText(b.Missed))
	}
	w("\n")
}

func (c *Calibration) slopeText() string {
	if c.Slope >= slopeMost {
		return "without bound, since nothing that was likely failed"
	}
	return fmt.Sprintf("%.2f", c.Slope)
}

// kindsText names kinds where they are few.
func kindsText(list []string) string {
	const shown = 8
	switch {
	case len(list) == 0:
		return "–"
	case len(list) > shown:
		return fmt.Sprint(len(list))
	}
	return strings.Join(list, ", ")
}

// whyUncalibrated says why what is stated is not corrected by what came true.
func (r *Report) whyUncalibrated() []string {
	var met, free []string
	for _, f := range r.Frames {
		met = append(met, fmt.Sprintf("%.0f of a hundred draws in frame %s", 100*f.Exact.Within, f.Frame[:1]))
		if f.N > 0 && f.Slope >= slopeMost {
			free = append(free, f.Frame[:1])
		}
	}
	out := []string{
		fmt.Sprintf("The number of kinds bounds what can be told. Exact probabilities reach the goal (at most %g) in %s.", goalECE, strings.Join(met, ", in ")),
	}
	if len(free) > 0 {
		out = append(out, "A frame whose slope has no bound ("+strings.Join(free, ", ")+") teaches nothing: whatever is fitted to it (a temperature, a monotone curve, weights without an expert's bound) states certainty. "+
			"All that is likely in it is true and all that is unlikely is not, because no story holds the look-alike that nobody could tell apart: "+
			"a login after failures at an administration port is stated at 0.67, which leaves one in three to owners who had forgotten their password, and the one story of such an owner has the owner's word. To state more would be to learn which stories were thought of.")
	}
	return append(out,
		"Where a slope can be read it is that of the stories, whose mix is no base rate: one more kind of look-alike moves it. The scanners of every day, told as background at 0.84 in nearly every story and rightly so, are not among the sources that the stories are about.",
		"The claim of compromise in the stories of command and control counts as not true, since they do not tell how the program came; a reader may see that otherwise.",
		"Weights that closed cases give are another matter: the fit is there and asks for a hundred of them.",
		"The method sets this goal for the fusion of lists, and it is lent to the frames here. What the fusion itself gets stands below.",
	)
}

func (r *Report) mistakeTable(w writer) {
	w("## What was judged wrong\n\n")
	if len(r.Mistakes) == 0 {
		w("Nothing.\n\n")
		return
	}
	w("| story | truth | judged as | cases | of | for example |\n|---|---|---|---|---|---|\n")
	for _, m := range r.Mistakes {
		w("| %s | %s | %s | %d | %d | %s |\n", m.Story, m.Expected, cell(m.Got), m.Times, m.Of, cell(m.Where[0]))
	}
	w("\n")
}

func (r *Report) ablationTable(w writer) {
	w("## Without one item of evidence\n\nThe groups that the stories are about, and the claims, each case judged again without the item, as `--without` does.\n\n")
	w("| item | true in | right before, wrong without | wrong before, right without | lead or likelihood changes |\n|---|---|---|---|---|\n")
	for _, a := range r.Ablation {
		w("| %s | %d | %d | %d | %d |\n", a.Item, a.Stood, a.Lost, a.Mended, a.Changed)
	}
	w("\n")
	if never := r.neverWeighed(); len(never) > 0 {
		w("%s%s.\n\n", neverWeighed, strings.Join(never, ", "))
	}
}

const neverWeighed = "Without weight in all of these, so that only tests beside them show what they do: "

// neverWeighed are the items of the weights that weighed in no group or claim of a story.
func (r *Report) neverWeighed() (out []string) {
	w, err := judge.DefaultWeights()
	if err != nil {
		return nil
	}
	for _, item := range everyItem(w) {
		if !slices.ContainsFunc(r.Ablation, func(a Ablation) bool { return a.Item == item }) {
			out = append(out, item)
		}
	}
	return out
}

// everyItem lists the items of the weights, each once.
func everyItem(w *judge.Weights) []string {
	out := slices.Collect(maps.Keys(w.Activity.Items))
	for _, c := range w.Claims {
		out = slices.AppendSeq(out, maps.Keys(c.Items))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (r *Report) realTable(w writer) {
	w("## Real data with labels\n\n")
	if len(r.Real) == 0 {
		w("No folder of data was given.\n\n")
		return
	}
	w("As it is; nothing was tuned to it.\n\n| set | asked | result | right |\n|---|---|---|---|\n")
	for _, x := range r.Real {
		w("| %s | %s | %s | %s |\n", cell(x.Set), cell(x.Asked), cell(x.Result), x.Right)
	}
	w("\n")
}

func (r *Report) peerTables(w writer) {
	w("## Beside the published rules of others\n\nEach rule is run as it is described on the records of the stories that stand alone. netcase stands in the first row.\n\n")
	w("**Scans.** Sources found, and innocent outside sources that are flagged. The offices have sixteen public machines, so that 20 or 25 hosts on one port are only reached in `sweep-fast`, and more than fifty ports only in `ports`: the numbers tell what fixed thresholds do on a small estate, not what they do where they were made for. netcase scales its threshold with the estate.\n\n| rule | what it is | its own assertions | found | innocent sources flagged |\n|---|---|---|---|---|\n")
	w("| netcase | docs/architecture.md | – | %s | %.2g a source-hour |\n", r.Ratios["scan.recall"], r.Ratios["scan.false"].Value())
	for _, p := range r.asked(asksScan) {
		w("| %s | %s | %s | %s | %s |\n", p.Name, cell(p.Rule), p.Asserts, p.Recall, p.False)
	}
	w("\n**Beacons.** Found with jitter up to 50 %%, found beyond it, streams without a cadence that are flagged, streams of an aggregator that are flagged, and other pairs flagged a host-day (harmless clockwork included). No story is an exact clock of less than five minutes, the one case in which Sentinel's rules fire (they do in the tests); stories of that kind would raise their number.\n\n")
	w("| rule | what it is | found | jittery | without a cadence | aggregated | a host-day |\n|---|---|---|---|---|---|---|\n")
	w("| netcase | – | %s | %s | %s | %s | %.2g |\n", r.Ratios["beacon.recall"], r.Ratios["beacon.recall.jittery"], r.Ratios["cadence.random"], r.Ratios["cadence.aggregated"], r.Ratios["beacon.false"].Value())
	for _, p := range r.asked(asksBeacon) {
		w("| %s | %s | %s | %s | %s | %s | %.2g |\n", p.Name, cell(p.Rule), p.Recall, p.Jittery, p.Random, p.Blurred, p.False.Value())
	}
	w("\n**Guessing.** Labelled runs found, and flagged sources that did guess. A rule for sshd alone is asked about machines with sshd alone; Sentinel's success rule only speaks where a login follows.\n\n")
	w("| rule | what it is | its own assertions | found | flagged rightly |\n|---|---|---|---|---|\n")
	w("| netcase | – | – | %s | %s |\n", r.Ratios["login.recall"], r.Ratios["login.precision"])
	for _, p := range r.asked(asksGuessing) {
		w("| %s | %s | %s | %s | %s |\n", p.Name, cell(p.Rule), p.Asserts, p.Recall, p.Precision)
	}
	w("\n")
	r.intelTable(w)
}

func (r *Report) intelTable(w writer) {
	w("**Listed addresses.** Stories with a list: those with command and control of which the rule says so, and those without of which it says so too. ")
	w("Sentinel's rule for DeviceNetworkEvents raises Medium and that tactic for every match that did not fail; netcase says so where the claim is at least likely, and leaves it open otherwise.\n\n")
	w("| rule | with command and control | without |\n|---|---|---|\n")
	w("| netcase | %s | %s |\n", r.Ratios["intel.c2.named"], r.Ratios["intel.c2.false"])
	w("| %s | %s | %s |\n\n", intelPeer, r.Ratios["peer."+intelPeer+".recall"], r.Ratios["peer."+intelPeer+".false"])
}

func (r *Report) asked(question string) (out []PeerResult) {
	for _, p := range r.Peers {
		if p.Question == question {
			out = append(out, p)
		}
	}
	return out
}

func (r *Report) left(w writer) {
	w("## What this does not show\n\n")
	w("- Cases of one story are alike: most results are all or nothing by story, so the cases are not independent and the intervals are far too narrow. There are %d stories; what is never wrong in them may still be wrong in one of twenty other kinds.\n", r.stories())
	w("- The stories and the detectors were written side by side, by people who could read each other's work. A perfect score on them is a check that the pieces do what was meant, not a forecast.\n")
	w("- On real benign machines the aim for false candidates is missed by far, with names too, see the goals: a browser with open pages calls by the clock (a push service, a writing aid, a bot check, a network of messages), and one machine cannot show that others do not. None of these was weighed as command and control for the same reason. ")
	w("Nearly all of them do keep a clock, within a few per cent of their period: what is missing is not a sharper test of cadence but who else calls the place, which program it is, or a name that its maker documents. Names seen in these captures alone were not added to the known causes. Nine days without any false call could not show one in a thousand either.\n")
	w("- Stories are told one at a time; two attackers at once are not among them.\n")
	w("- The real benign traffic is small: days of single machines, no estate of hundreds.\n")
	w("- Calibration on simulated cases says nothing about base rates elsewhere; the priors are for those who opened a case. A goal of calibration that is met here is met on this mix of stories.\n")
	w("- Rules of others are run from their descriptions, not on their engines; CrowdSec's, RITA's and fail2ban's count pass their publishers' own assertions here.\n")
	r.changed(w)
}

// changed says what was changed after first results were seen, all on seeds below 1001.
func (r *Report) changed(w writer) {
	w("\n## What was changed after first results\n\n")
	w("Seen on seeds 1 to 15, before the reported seeds were drawn:\n\n")
	for _, s := range []string{
		"stories: `grid-*` is no longer labelled a scan (three machines are below the definition) and its sources are listed; `grid-endpoint` became background; the web server of the floods got more visitors, and `flood-exhausted` was added beside `flood`, which is judged wrong; names of TLS were added to eve.json; `password-known` is told by event logs alone; `sweep-fast` was added",
		"labels: an administration port that answers strangers raises the right severity to MEDIUM; a desk with command and control may be MEDIUM before it is confirmed",
		"measuring: sources that knocked below every threshold are not counted as called scanners; load that a service bore is not counted as called a flood; guessing by many sources may be called distributed; a stream through an aggregator is right where it is called not measurable; a flood is looked up by its service",
		"the tool itself, as faults that this evaluation showed: machines of one's own network counted as one source of failed logins; names in site.yaml did not join a login log to flows (without it no true compromise reached likely)",
	} {
		w("- %s\n", s)
	}
	w("\nLater, seen on seeds 1 to 40 and in an earlier report:\n\n")
	for _, s := range []string{
		"labels: beside real traffic the minimum evidence of command and control and of exfiltration is not in the telemetry, since too few machines call outside to show what is rare; those cases are no longer labelled proven (half of the cases of `beacon-full` and `upload-staged`)",
		"stories: process records now have ids, and the connections of every program of a machine where those of one are there; `upload-staged` names the program that sends; `targeted` is given a list that does not name its source, which its own description supposes; `beacon-full-library`, `beacon-odd-elsewhere` and `backup-packed` were added, the last two as look-alikes",
		"the tool: the process behind the calls, staged data, loads without answers, return visits, one account of sizes, ranges (decision 26)",
		"known and not changed: a spike or an upload in the first twelve hours of a recording has nothing before it to be compared with; a spike is then only described. This is why spikes are found less often beside real traffic, whose recordings are a day long or less",
	} {
		w("- %s\n", s)
	}
	w("\nLater still, after the weights v3 had been reported, seen on seeds 1 to 5 and on the real benign captures:\n\n")
	for _, s := range []string{
		"stories: Sysmon's rows named every transport tcp, so that time service by UDP was called a cadence without a cause; all 45 false cadences of the report before were these",
		"the tool: parts of one connection that stays open are no calls; the cause by all names of an address; cloud drives are a known cause of cadences, as they were of uploads (the real captures have one); an outage by its minutes; a large upload in the first hours is described; what was packed and given to the sender (weights v4)",
		"measuring: the real benign captures are also read with the logs of names that lie beside them; spikes are counted apart by whether twelve hours lie before them; a calibration with fitted weights stands beside that of the judgement",
	} {
		w("- %s\n", s)
	}
	w("\nOnce more, after the weights v4 had been reported, seen on seeds 1 to 7:\n\n")
	for _, s := range []string{
		"measuring: a probability in frame A was compared with any right answer instead of the one that is true (two stories have two right answers: `ports` and `breach-denied-by-owner`), its Brier score was over the leading explanation alone, which has no base rate, and now is over all; ranges were tested as if the forty cases of a story were separate draws (16 of 19 sets agreed), now by kinds, and sets that no outcome could contradict are not counted; what exact probabilities would get stands beside each error; the fusion of lists is measured on drawn lists, first with 4 % of the innocent addresses on each and then with 1 %, both of which are shown",
		"labels: the visitors of `crowd` are labelled, so that what is said of them counts",
		"the tool: the word of the owner of an account that all tries of a source were theirs is the owner's word of A10 (`breach-denied-by-owner` was stated at 0.9997)",
	} {
		w("- %s\n", s)
	}
	w("\nAfter the reported seeds were first run, at first only the report changed: false confirmations are counted by case instead of by claim, the real benign traffic got a line among the goals, and what was claimed of others' assertions was corrected.\n")
}

// stories counts the stories that were told.
func (r *Report) stories() (n int) {
	for k := range r.Ratios {
		if strings.HasPrefix(k, "judgement.top1/") {
			n++
		}
	}
	return n
}

// cell is text inside a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "\r", " ").Replace(s)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
