package detect

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"

	"netcase"
)

// finding turns a rise into a finding with its evidence.
func (r *rise) finding(in *Input, s *seriesSet, a *attribution) netcase.Finding {
	unit := "flow"
	if a.unknown && a.flows == a.records && a.flows > 0 {
		unit = "record"
	}
	if r.kind == "spike" && a.newborn >= in.Config.Rise.Sensor {
		r.kind, r.flagged = "description", nil
		r.why = fmt.Sprintf("no judgement: sensors that were not there before explain %s of the excess; a new source of records looks the same", percent(a.newborn))
	}
	if r.line.distinct {
		unit = "source"
	}
	facts := r.facts(in, s, a, unit)
	f := netcase.Finding{
		Kind: r.kind, Title: r.title(s, facts), Direction: r.line.direction, Span: s.g.span(r.from, r.to),
		Selection: r.selection(s), Flows: a.flows, Reach: a.reach, Spike: facts, Limits: r.limits(in, s, a, unit),
	}
	f.Evidence = append(f.Evidence, in.Cite(r.countEvidence(in, s, facts, a), r.tag))
	if r.kind == "spike" {
		f.Evidence = append(f.Evidence, r.windowEvidence(in, s, facts))
	}
	if !facts.Described {
		f.Evidence = append(f.Evidence, r.shareEvidence(&in.Config.Attribution, s, facts, a))
	}
	if a.listed != nil && !r.line.distinct {
		f.Evidence = append(f.Evidence, r.listedEvidence(s, facts, a, unit))
	}
	return f
}

func (r *rise) facts(in *Input, s *seriesSet, a *attribution, unit string) *netcase.SpikeFacts {
	e := r.base.at(r.from)
	f := &netcase.SpikeFacts{
		Series: r.line.called(plural(unit)), Tier: e.tier.String(), Described: r.kind != "spike", Why: r.why,
		BinMinutes: int(60 * s.g.hours), History: int(e.n), Window: s.g.span(r.from, r.to),
		Observed: sum(r.line.x[r.from:r.to]), Contributors: a.stack, Listed: a.listed, ListedPeers: a.each, Cells: a.cells,
	}
	r.compare(f)
	if f.Support = f.Window; r.window.supportTo > 0 {
		f.Support = s.g.span(r.window.supportFrom, r.window.supportTo)
	}
	if r.window.expected > 0 {
		f.Attribution = a.answers
	}
	if r.kind == "spike" {
		f.LLR, f.Q = r.window.stat, r.q
		f.WindowP = r.windowP(in, s)
		f.Kusto = r.kusto(s)
		f.Fine = r.fine(in, s)
	}
	f.Points = r.points(s, a)
	return f
}

// compare fills in what was expected; without a baseline that stays zero.
func (r *rise) compare(f *netcase.SpikeFacts) {
	if r.window.expected > 0 {
		f.Observed, f.Expected = r.window.observed, r.window.expected
	} else if e := r.base.at(r.from); e.tier != tierNone {
		f.Expected = e.mu
	}
	if f.Expected > 0 {
		// Whole flows, so that the excess is the difference of the two numbers that
		// every text shows.
		f.Ratio, f.Excess = f.Observed/f.Expected, math.Round(f.Observed)-math.Round(f.Expected)
	}
}

// windowP draws series from the fitted baseline and asks how often their best
// window is as good.
func (r *rise) windowP(in *Input, s *seriesSet) float64 {
	mu := s.means(r.base, make([]bool, s.g.bins()))[s.g.from:]
	phi := make([]float64, len(mu))
	for i := range phi {
		phi[i] = r.base.at(s.g.from + i).phi
	}
	if n := len(mu); n > spikePoints {
		mu, phi = mu[n-spikePoints:], phi[n-spikePoints:]
	}
	h := fnv.New64a()
	h.Write([]byte(r.line.called("")))
	random := rand.New(rand.NewPCG(in.Config.Seed, h.Sum64()))
	return windowP(mu, phi, s.longest(&in.Config.Rise, mu), r.window.stat, in.Config.Draws, random)
}

// bandTail is what the band of the figure leaves above.
const bandTail = 0.01

func (r *rise) points(s *seriesSet, a *attribution) []netcase.SpikePoint {
	n := s.g.bins()
	band := map[[2]float64]float64{}
	var out []netcase.SpikePoint
	for i := max(0, n-spikePoints); i < n; i++ {
		p := netcase.SpikePoint{Start: s.g.start(i), X: r.line.x[i], Missing: s.g.missing[i], Flagged: r.flagged[i], Stack: a.stacks[i]}
		if e := r.base.at(i); e.tier != tierNone {
			key := [2]float64{e.mu, e.phi}
			if _, ok := band[key]; !ok {
				band[key] = nbQuantile(bandTail, e.mu, e.phi)
			}
			p.Expected, p.High = e.mu, band[key]
		}
		if p.Stack == nil && len(a.stack) > 0 {
			p.Stack = make([]int64, len(a.stack))
		}
		out = append(out, p)
	}
	return out
}

// title says it in one line, with its numbers.
func (r *rise) title(s *seriesSet, f *netcase.SpikeFacts) string {
	name := f.Series
	if r.kind == "spike" {
		return fmt.Sprintf("%s reached %s in the %s, %s times the %s expected (excess %s, q = %s)", name,
			amount(f.Observed), period(s.g, r.from, r.to), ratio(f.Ratio), amount(f.Expected), amount(f.Excess), small(f.Q))
	}
	total := sum(r.line.x[s.g.from:])
	text := fmt.Sprintf("%s: %s in %s, at most %s in the %s", name, amount(total), r.compared(s),
		amount(f.Observed), period(s.g, r.from, r.to))
	if s.short {
		text = fmt.Sprintf("%s: %s in less than an hour from %s", name, amount(total), minute(s.began))
	}
	if f.Expected > 0 {
		text += fmt.Sprintf(" (%s expected)", amount(f.Expected))
	}
	return text
}

// compared is how many bins of the investigated span there are, in words.
func (r *rise) compared(s *seriesSet) string { return count(max(r.present(s), 1), s.binNoun()) }

func (s *seriesSet) binNoun() string {
	if s.g.hours == 1 {
		return "hour"
	}
	return fmt.Sprintf("bin of %d hours", s.g.hours)
}

// present is the number of bins of the investigated span that are not missing.
func (r *rise) present(s *seriesSet) (n int) {
	for i := s.g.from; i < s.g.bins(); i++ {
		n += b2i(!s.g.missing[i])
	}
	return n
}

// period is a stretch of bins in words: "hour from 2025-10-20 14:00".
func period(g *grid, from, to int) string {
	hours := int64(to-from) * g.hours
	if hours == 1 {
		return "hour from " + minute(g.start(from))
	}
	return fmt.Sprintf("%d hours from %s", hours, minute(g.start(from)))
}

// minute is an instant to the minute. Relative clocks begin in 1970, where an
// instant of zero is known.
func minute(t netcase.Time) string { return t.Std().Format("2006-01-02 15:04") }

// withPeers is "from 3 addresses", or "with" them where they did not begin.
func (r *rise) withPeers(n int) string {
	if r.line.direction == netcase.Outbound {
		return "with " + count(n, "address")
	}
	return "from " + count(n, "address")
}

func (r *rise) countEvidence(in *Input, s *seriesSet, f *netcase.SpikeFacts, a *attribution) netcase.Evidence {
	e := netcase.Evidence{Selection: r.selection(s), Numbers: map[string]float64{
		"observed": f.Observed, "bins": float64(r.present(s)), "addresses": float64(a.peers), "total": sum(r.line.x[s.g.from:]),
	}}
	if r.kind != "spike" {
		e.Statement = r.describe(s, f, a)
		e.Method = fmt.Sprintf("spike: counts in bins of %s on the hour, ranked; tier %s", count(int(s.g.hours), "hour"), f.Tier)
		return e
	}
	fit := r.base.at(r.from)
	e.Statement = fmt.Sprintf("%s: %s in the %s, %s; %s were expected (ratio %s, excess %s, q = %s).", f.Series,
		amount(f.Observed), period(s.g, r.from, r.to), r.withPeers(a.peers), amount(f.Expected), ratio(f.Ratio), amount(f.Excess), small(f.Q))
	e.Method = fmt.Sprintf("spike: bins of %s; baseline %s from %s before the window, mean %.4g, dispersion %.3g at its start; negative binomial upper tail; "+
		"Benjamini–Hochberg over %s in %s; floors q <= %g, ratio >= %g, excess >= %g",
		count(int(s.g.hours), "hour"), f.Tier, count(f.History, "complete bin"), fit.mu, fit.phi,
		count(s.tests, "test"), thousands(int64(s.series))+" series", in.Config.SpikeQ, in.Config.SpikeRatio, in.Config.SpikeExcess)
	e.Numbers["expected"], e.Numbers["ratio"], e.Numbers["excess"], e.Numbers["q"] = f.Expected, f.Ratio, f.Excess, f.Q
	e.Numbers["tests"], e.Numbers["history"] = float64(s.tests), float64(f.History)
	return e
}

// describe is rank, share and rate of the fullest bin.
func (r *rise) describe(s *seriesSet, f *netcase.SpikeFacts, a *attribution) string {
	total := sum(r.line.x[s.g.from:])
	observed := sum(r.line.x[r.from:r.to])
	rank := 1
	for i := s.g.from; i < s.g.bins(); i++ {
		rank += b2i(r.line.x[i] > r.line.x[r.from] && i != r.from)
	}
	text := fmt.Sprintf("%s: %s in the %s, rank %d of %s, %s of the %s in the span, %s a minute, %s.", f.Series,
		amount(observed), period(s.g, r.from, r.to), rank, r.compared(s), percent(observed/max(total, 1)),
		amount(total), rate(observed/float64(60*s.g.hours*int64(r.to-r.from))), r.withPeers(a.peers))
	if s.short {
		part := ""
		if observed < total {
			part = fmt.Sprintf("; %s of them in the %s", amount(observed), period(s.g, r.from, r.to))
		}
		text = fmt.Sprintf("%s: %s in less than an hour from %s%s, %s.", f.Series, amount(total), minute(s.began), part, r.withPeers(a.peers))
	}
	if seconds := int64(math.Ceil(float64(a.span.End-a.span.Start) / 1000)); seconds > 0 && seconds < 1800 {
		text += fmt.Sprintf(" The first and the last of them lie %s apart.", count(seconds, "second"))
	}
	if len(a.cells) > 0 {
		c := a.cells[0]
		text += fmt.Sprintf(" The largest part, %s, went from %s.", amount(c.Observed), c.Name)
	}
	return text
}

func (r *rise) windowEvidence(in *Input, s *seriesSet, f *netcase.SpikeFacts) netcase.Evidence {
	k := f.Kusto
	return netcase.Evidence{
		Statement: fmt.Sprintf("The window with the largest likelihood ratio is %s (LLR %.2f, p = %s); its bounds may lie anywhere in %s. "+
			"In Kusto's scale the bin from %s scores %.1f%s; Sentinel's own rule asks for %g.", f.Window, f.LLR, small(f.WindowP), f.Support,
			minute(k.At), k.Score, seasonText(k.PeriodHours), kustoAnomaly) + fineText(f.Fine),
		Numbers:   map[string]float64{"llr": f.LLR, "p": f.WindowP, "draws": float64(in.Config.Draws), "kusto_score": k.Score},
		Selection: r.selection(s),
		Method: fmt.Sprintf("spike: temporal scan statistic, windows of at most %d bins, %d draws from the fitted negative binomials, seed %d; "+
			"support: windows with LLR >= maximum - %g; Kusto: series_decompose_anomalies(n, %g, %d, 'linefit')", s.longest(&in.Config.Rise, s.means(r.base, make([]bool, s.g.bins()))), in.Config.Draws, in.Config.Seed, supportDrop, kustoThreshold, k.PeriodHours/int(s.g.hours)),
	}
}

func fineText(s netcase.Span) string {
	if s.Length() == 0 {
		return ""
	}
	return fmt.Sprintf(" In bins of five minutes it reaches from %s to %s UTC.", minute(s.Start), minute(s.End))
}

func seasonText(hours int) string {
	if hours == 0 {
		return ", without a season"
	}
	return fmt.Sprintf(", with a season of %s", count(hours, "hour"))
}

// shareEvidence says what the excess consists of.
func (r *rise) shareEvidence(rule *AttributionConfig, s *seriesSet, f *netcase.SpikeFacts, a *attribution) netcase.Evidence {
	excess := f.Excess
	fresh := a.fresh.in / excess
	var parts []string
	for _, x := range a.answers {
		if len(x.Elements) == 0 {
			parts = append(parts, x.Dimension+" do not explain it")
			continue
		}
		parts = append(parts, fmt.Sprintf("%s explain %s (%s)", x.Dimension, partOf(x.Share, excess, r.line.noun()), elementList(x.Elements, excess, r.line.noun())))
	}
	text := fmt.Sprintf("The excess of %s %s: %s. ", amount(excess), plural(r.line.noun()), strings.Join(parts, "; "))
	text += fmt.Sprintf("Not met in the hours it is compared with: %s of %s, with %s %s.",
		thousands(int64(a.freshN)), count(a.peers, "address"), amount(a.fresh.in), plural(r.line.noun()))
	return netcase.Evidence{
		Statement: text, Selection: r.selection(s),
		Numbers: map[string]float64{"excess": excess, "new_addresses": float64(a.freshN), "new_flows": a.fresh.in, "new_share": fresh},
		Method: fmt.Sprintf("spike: explanatory power (O-E of the element over O-E of all) and surprise (Jensen–Shannon, bits) by address, /24 or /48, autonomous system where lists name it, host, port, outcome and sensor; "+
			"E of an element is E of all times its share of the compared hours, %g where it was never met; set by falling surprise with power >= %g until %g; no answer below %g bit",
			rule.New, rule.Element, rule.Set, rule.Divergence),
	}
}

// noun is what a series counts.
func (l *line) noun() string {
	if l.distinct {
		return "source"
	}
	return "flow"
}

// partOf is a share of an excess with its counts: "718 of 4,178 flows, 17 %".
func partOf(share, excess float64, noun string) string {
	return fmt.Sprintf("%s of %s %s, %s", amount(math.Round(share*excess)), amount(excess), plural(noun), percent(share))
}

func elementList(e []netcase.Contribution, excess float64, noun string) string {
	const shown = 4
	var parts []string
	for _, c := range e[:min(len(e), shown)] {
		parts = append(parts, fmt.Sprintf("%s: %s, %s", c.Name, count(int64(math.Round(c.Share*excess)), noun), percent(c.Share)))
	}
	if len(e) > shown {
		parts = append(parts, fmt.Sprintf("%d more", len(e)-shown))
	}
	return strings.Join(parts, "; ")
}

func (r *rise) listedEvidence(s *seriesSet, f *netcase.SpikeFacts, a *attribution, unit string) netcase.Evidence {
	l := a.listed
	e := netcase.Evidence{
		Selection: r.selection(s),
		Method:    "spike: addresses of which an indicator says something bad, whatever its date, counted together",
		Numbers:   map[string]float64{"observed": l.Observed, "expected": l.Expected, "share": l.Share},
	}
	observed := sum(r.line.x[r.from:r.to])
	if !f.Described {
		e.Statement = fmt.Sprintf("%s had %s of the %s %s; of the excess that is %s.", l.Name, amount(l.Observed), amount(observed), plural(unit), partOf(l.Share, f.Excess, "flow"))
	} else {
		e.Statement = fmt.Sprintf("%s had %s of the %s %s (%s).", l.Name, amount(l.Observed), amount(observed), plural(unit), percent(l.Observed/max(observed, 1)))
	}
	return e
}

// limits is what this data cannot show.
func (r *rise) limits(in *Input, s *seriesSet, a *attribution, unit string) []string {
	var out []string
	if unit == "record" {
		out = append(out, "this export has no counters: records are counted, not flows; one record may stand for many flows")
	}
	switch r.base.at(r.from).tier {
	case tierNone:
		out = append(out, fmt.Sprintf("less than %d bins of history: nothing here says whether the count is unusual", s.g.rule.Bins))
	case tierMean:
		out = append(out, "the baseline is the mean of less than "+spanText(in.Config.Baseline.Daily)+": a rhythm of the day cannot be told from a rise")
	}
	if n := countTrue(s.g.missing); n > 0 {
		out = append(out, "missing, not zero: "+count(n, s.binNoun())+" in which a sensor was silent")
	}
	if s.dropped {
		out = append(out, "the last bin is incomplete and left out")
	}
	if s.outside > 0 {
		out = append(out, fmt.Sprintf("%s flows lie before or after the hours that were compared", amount(s.outside)))
	}
	for _, d := range a.skipped {
		out = append(out, "too many "+d+" to count them one by one")
	}
	if r.kind == "spike" {
		out = append(out, "a share of the excess is arithmetic, not a cause")
	}
	if cutInputs(in) != "" {
		out = append(out, "an input is probably cut: hours may lack flows")
	}
	return out
}

func countTrue(v []bool) (n int) {
	for _, b := range v {
		n += b2i(b)
	}
	return n
}

// amount is a count as people read it; expectations below ten keep a decimal.
func amount(v float64) string {
	if math.Abs(v) < 9.95 && math.Abs(v-math.Round(v)) > 0.05 {
		return fmt.Sprintf("%.1f", v)
	}
	return thousands(int64(math.Round(v)))
}

func ratio(v float64) string {
	if v >= 99.5 {
		return amount(v)
	}
	return fmt.Sprintf("%.1f", v)
}

func rate(v float64) string {
	if v < 0.1 {
		return fmt.Sprintf("%.2g", v)
	}
	return amount(v)
}

// percent is a share in words; what is not nothing is never "0 %".
func percent(share float64) string {
	p := 100 * share
	switch {
	case p > 0 && p < 0.5:
		return "less than 1 %"
	case p < 0 && p > -0.5:
		return "0 %"
	}
	return fmt.Sprintf("%.0f %%", p)
}

// small is a probability in words: "2e-9", "0.0031".
func small(p float64) string {
	if p <= smallestP {
		return "less than 1e-300"
	}
	if p >= 0.001 {
		return fmt.Sprintf("%.2g", p)
	}
	text := fmt.Sprintf("%.0e", p)
	return strings.Replace(text, "e-0", "e-", 1)
}
