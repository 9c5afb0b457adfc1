package detect

import (
	"fmt"
	"strings"
	"time"

	"netcase"
	"netcase/cube"
)

// finding says what came of one stream.
func (t *tested) finding(in *Input) netcase.Finding {
	facts := t.facts()
	sel := t.selection(in)
	f := netcase.Finding{
		Kind: string(t.verdict), Title: t.title(in), Direction: t.direction, Selection: sel,
		Span: netcase.Span{Start: t.first, End: t.last + 1}, Flows: t.flows, Reach: t.reach, Beacon: facts, Limits: t.limits(),
	}
	f.Selection.Span = f.Span
	numbers := map[string]float64{"flows": float64(t.flows), "hosts": float64(t.rarity.Hosts), "estate": float64(t.rarity.Estate)}
	text := f.Title + ": " + t.why
	if t.verdict != netcase.CadenceUnmeasured {
		numbers["starts"], numbers["retries"], numbers["cycles"] = float64(t.starts), float64(t.retries), round(t.cycles(), 1)
		numbers["period_seconds"], numbers["cv"], numbers["cv_limit"] = round(t.period/1000, 3), round(t.cv, 4), t.limit
		numbers["spectral_p"], numbers["phase_r"], numbers["phase_p"] = t.p, round(t.r, 3), t.phaseP
		text += t.details()
	}
	if t.sized {
		numbers["size_cv"], numbers["same_sizes"], numbers["reply_ratio"] = round(t.sizeCV(), 4), round(t.same, 3), round(t.back, 3)
	}
	if t.rita != nil {
		numbers["rita"] = t.rita.Score
	}
	text += "; " + rarityText(in, t.rarity)
	rules := &in.Config.Cadence
	f.Evidence = []netcase.Evidence{in.Cite(netcase.Evidence{
		Statement: text, Numbers: numbers, Selection: f.Selection,
		Method: fmt.Sprintf("beacon: starts less than %s after another joined; at least %d starts, %d cycles, %s; robust variation of intervals at most %.2f, %.2f from %d, %.2f from %d intervals, "+
			"or spectral p <= %g over %d shuffles within each hour of the day with a hill of the autocorrelation, from %d starts", seconds(rules.Retry), rules.Starts, rules.Cycles, spanText(rules.Active), rules.CV[0], rules.CV[1], rules.Intervals[0], rules.CV[2], rules.Intervals[1], rules.P, rules.Surrogates, rules.SpectrumStart),
	}, t.tag())}
	return f
}

func (t *tested) facts() *netcase.BeaconFacts {
	f := &netcase.BeaconFacts{
		Host: t.host, Peer: t.peers[0], Peers: len(t.peers), Name: t.name, Port: t.port, Proto: t.proto, Process: strings.Join(t.process, ", "),
		Verdict: t.verdict, Why: t.why, Cause: t.cause, Starts: t.starts, SpectralP: 1, PhaseP: 1, SizeCV: -1, Rarity: t.rarity, RITA: t.rita,
	}
	if t.verdict == netcase.CadenceUnmeasured {
		return f
	}
	f.Cycles, f.Active, f.Period = round(t.cycles(), 1), span(t.active), span(netcase.Time(t.period))
	f.CV, f.CVLimit = round(t.cv, 4), t.limit
	f.SpectralPeriod, f.SpectralP = span(netcase.Time(t.spectral)), round(t.p, 4)
	f.PhaseR, f.PhaseP, f.Clock = round(t.r, 3), t.phaseP, t.clock
	f.Times = thinned(t.times)
	f.SizeCV, f.SameSizes, f.Rank = round(t.sizeCV(), 4), round(t.same, 3), round(t.rank, 3)
	return f
}

// thinned is the starts that a figure shows.
func thinned(times []netcase.Time) []netcase.Time {
	n := min(len(times), netcase.CadenceTimes)
	out := make([]netcase.Time, n)
	for i := range out {
		out[i] = times[i*len(times)/n]
	}
	return out
}

func span(t netcase.Time) time.Duration { return time.Duration(t) * time.Millisecond }

func (t *tested) title(in *Input) string {
	port := cube.PortName(t.port, t.proto)
	to := in.Name(t.peers[0])
	switch {
	case t.name != "" && len(t.peers) > 1:
		to = fmt.Sprintf("%s (%s)", t.name, count(len(t.peers), "address"))
	case t.name != "":
		to = fmt.Sprintf("%s (%s)", t.name, t.peers[0])
	case t.network:
		to = fmt.Sprintf("%s of the network of %s", count(len(t.peers), "address"), t.peers[0])
	}
	from := in.Name(t.host)
	if t.direction == netcase.Inbound {
		from, to = to, from
	}
	who := fmt.Sprintf("%s to %s on %s", from, to, port)
	switch t.verdict {
	case netcase.CadencePeriodic:
		return fmt.Sprintf("%s: a connection every %s, %s", who, seconds(netcase.Time(t.period)), t.often())
	case netcase.CadenceBenign:
		return fmt.Sprintf("%s: a connection every %s, %s; %s", who, seconds(netcase.Time(t.period)), t.often(), t.cause)
	case netcase.CadenceHeld:
		return fmt.Sprintf("%s: held open for %s, a record every %s", who, seconds(t.cadence.span.End-t.cadence.span.Start), seconds(netcase.Time(t.period)))
	case netcase.CadenceFromOutside:
		return fmt.Sprintf("%s: regular probing from outside, every %s, %s", who, seconds(netcase.Time(t.period)), t.often())
	case netcase.CadenceUnmeasured:
		return fmt.Sprintf("%s: %s in %s; whether they come by the clock these records cannot show", who, count(t.records, "record"), count(t.hours, "hour"))
	case netcase.CadenceIneligible:
		return fmt.Sprintf("%s (listed): too few connections for a cadence", who)
	}
	return fmt.Sprintf("%s (listed): %s, at no regular interval", who, count(t.starts, "connection"))
}

func (t *tested) often() string {
	return fmt.Sprintf("%s over %s", count(t.starts, "time"), seconds(t.cadence.span.End-t.cadence.span.Start))
}

// details is what else was measured.
func (t *tested) details() string {
	var parts []string
	switch t.clock {
	case "scheduler":
		parts = append(parts, fmt.Sprintf("the starts keep their place in the period (R = %.2f), as a scheduler does", t.r))
	case "sleep":
		parts = append(parts, fmt.Sprintf("the starts do not keep their place in the period (R = %.2f), as after a sleep", t.r))
	}
	if t.retries > 0 {
		parts = append(parts, count(t.retries, "start")+" joined to the one before")
	}
	if t.sized {
		parts = append(parts, fmt.Sprintf("octets sent vary by %.2f of their mean, %.0f %% of the connections have the same two sizes", t.sizeCV(), 100*t.same))
	}
	if t.likewise > 0 {
		parts = append(parts, count(t.likewise, "other host")+" of ours likewise")
	}
	if len(t.process) > 0 {
		parts = append(parts, "opened by "+strings.Join(t.process, ", "))
	}
	if t.rita != nil {
		parts = append(parts, fmt.Sprintf("RITA's score, for comparison: %.3f", t.rita.Score))
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, "; ")
}

// rarityText says how many of our hosts called a destination.
func rarityText(in *Input, r netcase.Rarity) string {
	if r.Estate == 0 {
		return "how many of our hosts call outside is not known"
	}
	text := fmt.Sprintf("%d of %s that call outside called it in %s", r.Hosts, count(r.Estate, "own host"), daysText(r.Days))
	if r.Estate < in.Config.Rare.Estate {
		text += fmt.Sprintf(", too few to call it rare (%d are needed)", in.Config.Rare.Estate)
	}
	return text
}

func daysText(days float64) string {
	if days < 2 {
		return fmt.Sprintf("%.0f hours", 24*days)
	}
	return fmt.Sprintf("%.0f days", days)
}

func (t *tested) limits() (out []string) {
	switch t.verdict {
	case netcase.CadenceUnmeasured:
		out = append(out, t.why+": raw records are needed, one for each connection with its start; the query “Cadence of connections that our side began” asks for them")
	case netcase.CadencePeriodic:
		out = append(out, "a cadence says that a program calls, not what for: agents, updates and monitoring call by the clock as well")
	case netcase.CadenceHeld:
		out = append(out, "the sensor forgets a connection after some silence and writes a new record when it speaks again: what recurs is a sign of life, not a call")
	case netcase.CadenceBenign:
		out = append(out, "the cause is a label: a known port, name or address can be borrowed")
	}
	if t.verdict != netcase.CadenceUnmeasured && t.kinds.sampled {
		out = append(out, "the sensor leaves out repeats, so that some starts are missing")
	}
	if t.cut > 0 {
		out = append(out, fmt.Sprintf("the first %s starts of each address were tested, %s later ones were not", thousands(cube.MaxStarts), thousands(t.cut)))
	}
	if len(t.process) > 1 {
		out = append(out, "several programs opened these connections; they were tested together")
	}
	if t.network {
		out = append(out, "the addresses were joined because they are neighbours: no name was seen that would show that they are one service")
	}
	return out
}

// spanText is a length that is asked for: "10 minutes", "2 hours", "3 days".
func spanText(t netcase.Time) string {
	switch {
	case t%netcase.Day == 0:
		return count(int(t/netcase.Day), "day")
	case t%netcase.Hour == 0:
		return count(int(t/netcase.Hour), "hour")
	case t%netcase.Minute == 0:
		return count(int(t/netcase.Minute), "minute")
	}
	return seconds(t)
}
