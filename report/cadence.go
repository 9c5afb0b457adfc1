package report

import (
	"fmt"
	"strings"
	"time"

	"netcase"
	"netcase/chart"
)

// cadenceBlocks is what the start times of a stream show; the first such finding carries
// the figure of all of them.
func cadenceBlocks(c *netcase.Case, f *netcase.Finding) []Block {
	blocks := []Block{cadenceFacts(c, f.Beacon)}
	var shown []*netcase.BeaconFacts
	for i := range c.Findings {
		if b := c.Findings[i].Beacon; b != nil && len(b.Times) > 0 {
			if len(shown) == 0 && &c.Findings[i] != f {
				return blocks
			}
			shown = append(shown, b)
		}
	}
	if len(shown) == 0 {
		return blocks
	}
	return append(blocks, Figure{chart.Cadence("cadence", shown),
		"Starts of connections over time, a row for each stream, and beside it the place of every start in the period, the first start on top. A clock makes a column, a sleep a band that wanders."})
}

// cadenceFacts is what the start times of one stream of connections show.
func cadenceFacts(c *netcase.Case, b *netcase.BeaconFacts) Facts {
	to := named(c, b.Peer)
	if b.Name != "" {
		to = b.Name + ", " + to
	}
	if b.Peers > 1 {
		to += fmt.Sprintf(" and %s", plural(b.Peers-1, "other address", "other addresses"))
	}
	from := Fact{Label: "Host", Value: named(c, b.Host), Quoted: true}
	far := Fact{Label: "Destination", Value: fmt.Sprintf("%s, port %d/%s", to, b.Port, netcase.ProtoName(b.Proto)), Quoted: true}
	if b.Verdict == netcase.CadenceFromOutside {
		from.Label, far.Label = "Service", "From outside"
		from.Value, far.Value = fmt.Sprintf("%s, port %d/%s", named(c, b.Host), b.Port, netcase.ProtoName(b.Proto)), to
	}
	items := []Fact{
		from, far,
		{Label: "Program", Value: b.Process, Quoted: true},
		{Label: "Cadence", Value: string(b.Verdict) + ": " + b.Why},
		{Label: "Known cause", Value: b.Cause},
	}
	if b.Verdict != netcase.CadenceUnmeasured && b.Starts > 0 {
		items = append(items, Fact{Label: "Starts", Value: fmt.Sprintf("%s, one every %s in the middle, %.1f cycles in %s without pauses", count(int64(b.Starts)), lasting(b.Period), b.Cycles, lasting(b.Active))},
			Fact{Label: "Pace", Value: clockText(b)}, Fact{Label: "Sizes", Value: sizesText(b)})
	}
	items = append(items, Fact{Label: "How rare the destination is", Value: rareText(b.Rarity)})
	if b.RITA != nil {
		items = append(items, Fact{Label: "RITA's score, for comparison only", Value: fmt.Sprintf("%.3f (intervals %.2f, sizes %.2f, histogram %.2f, duration %.2f)",
			b.RITA.Score, b.RITA.Intervals, b.RITA.Sizes, b.RITA.Histogram, b.RITA.Duration)})
	}
	return Facts{Items: filled(items)}
}

func clockText(b *netcase.BeaconFacts) string {
	switch b.Clock {
	case "scheduler":
		return fmt.Sprintf("as a scheduler keeps it: the starts lie at one place of the period (R = %.2f)", b.PhaseR)
	case "sleep":
		return fmt.Sprintf("as a program keeps it that sleeps in between: the starts drift through the period (R = %.2f)", b.PhaseR)
	}
	return ""
}

func sizesText(b *netcase.BeaconFacts) string {
	if b.SizeCV < 0 {
		return ""
	}
	return fmt.Sprintf("octets sent vary by %.2f of their mean; %.0f %% of the connections have the same two sizes", b.SizeCV, 100*b.SameSizes)
}

// rareText says how many of our hosts called a destination.
func rareText(r netcase.Rarity) string {
	if r.Estate == 0 {
		return "not known: no connection that our side began was read"
	}
	days := fmt.Sprintf("%.1f days", r.Days)
	text := fmt.Sprintf("%s of %s that call outside, in %s", count(int64(r.Hosts)), plural(r.Estate, "host of ours", "hosts of ours"), days)
	if r.Rare {
		return text + ": rare"
	}
	return text
}

// lasting is a length of time as people say it.
func lasting(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.1f days", d.Hours()/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%.1f hours", d.Hours())
	case d >= 2*time.Minute:
		return fmt.Sprintf("%.1f minutes", d.Minutes())
	}
	return fmt.Sprintf("%.1f seconds", d.Seconds())
}

// longFacts is what is known of connections that stayed open.
func longFacts(c *netcase.Case, l *netcase.LongFacts) Facts {
	return Facts{Items: filled([]Fact{
		{Label: "Host", Value: named(c, l.Host), Quoted: true},
		{Label: "Other end", Value: fmt.Sprintf("%s, port %d/%s", named(c, l.Peer), l.Port, netcase.ProtoName(l.Proto)), Quoted: true},
		{Label: "Longest", Value: lasting(l.Longest)},
		{Label: "Together", Value: fmt.Sprintf("%s in %s of an hour or more", lasting(l.Total), plural(int(l.Sessions), "connection", "connections"))},
		{Label: "Octets", Value: octetsText(l.Out, l.In)},
		{Label: "Known cause", Value: l.Cause},
		{Label: "How rare the other end is", Value: rareText(l.Rarity)},
	})}
}

// octetsText is what a host sent and received.
func octetsText(out, in int64) string {
	if out == netcase.Absent && in == netcase.Absent {
		return ""
	}
	return "sent " + sizeText(out) + ", received " + sizeText(in)
}

func sizeText(n int64) string {
	switch {
	case n == netcase.Absent:
		return "not recorded"
	case n >= 1<<30:
		return fmt.Sprintf("%s GiB", chart.Number(float64(n)/(1<<30), 1))
	case n >= 1<<20:
		return fmt.Sprintf("%s MiB", chart.Number(float64(n)/(1<<20), 1))
	}
	return count(n) + " octets"
}

// uploadFacts is what left, beside what used to leave.
func uploadFacts(c *netcase.Case, u *netcase.UploadFacts) Facts {
	usual := "not known: there is no history"
	if !u.Described || u.Ratio > 0 {
		usual = fmt.Sprintf("%s were to be expected (tier %s); %.1f times that, q = %.2g", sizeText(int64(u.Expected)), u.Tier, u.Ratio, u.Q)
	}
	hours := ""
	if u.OffHours {
		hours = "outside the hours in which the host usually sends"
	}
	return Facts{Items: filled([]Fact{
		{Label: "Host", Value: named(c, u.Host), Quoted: true},
		{Label: "Destination", Value: strings.Join(nonEmpty(named(c, u.Peer), portsOf(u.Ports, len(u.Ports), 8, nil)), ", port "), Quoted: true},
		{Label: "Window", Value: spanText(u.Window)},
		{Label: "Octets", Value: octetsText(u.Out, u.In)},
		{Label: "Usual", Value: usual},
		{Label: "Hours", Value: hours},
		{Label: "Known cause", Value: u.Cause},
		{Label: "How rare the destination is", Value: rareText(u.Rarity)},
	})}
}

// lateralFacts is what one machine of ours did on administration ports of others.
func lateralFacts(c *netcase.Case, l *netcase.LateralFacts) Facts {
	history := fmt.Sprintf("%.1f days", l.History)
	unseen := count(int64(l.New)) + " pairs of machine and port never seen in " + history + " of history"
	if l.History <= 0 {
		unseen = "not known: there is no history"
	}
	approved := ""
	if l.FromAdmin {
		approved = "the owner names this machine as one that administers"
	}
	return Facts{Items: filled([]Fact{
		{Label: "From", Value: named(c, l.From), Quoted: true},
		{Label: "To", Value: hostsText(c, l.To, l.ToCount, 8), Quoted: true},
		{Label: "Ports", Value: portsOf(l.Ports, len(l.Ports), 12, nil)},
		{Label: "New", Value: unseen},
		{Label: "Answered", Value: count(l.Answered) + " flows"},
		{Label: "Usual machines a day", Value: chart.Number(l.Fan, 1)},
		{Label: "Known cause", Value: approved},
	})}
}
