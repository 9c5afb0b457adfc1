package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// gaps lists the data that is missing, what that costs, and the query that would
// fetch it; what would decide most comes first.
func (d *draft) gaps() []netcase.Gap {
	s := d.scope()
	out := []netcase.Gap{}
	for _, gap := range []func(scope) []netcase.Gap{
		d.lostInputs, d.missingOutcome, d.missingLogins, d.missingOwner, d.missingCounters, d.missingOutbound, d.missingProcesses,
		d.unreadKinds, d.missingRaw, d.missingIntel, d.missingBaseline, d.missingSite, d.missingColumns, d.missingApprovals,
	} {
		out = append(out, gap(s)...)
	}
	for i := range out {
		if out[i].Query != "" && out[i].Language == "" {
			out[i].Language = languageKQL
		}
		if topic := gapTopics[out[i].Source]; topic != "" {
			out[i].Queries = d.alsoIn(topic, s)
		}
	}
	return out
}

// gapTopics is what is asked for to close a gap, by its source.
var gapTopics = map[string]string{
	"flow verdict": topicOutcome, "replies": topicOutcome, "flow counters": topicOutcome, "packet counters": topicOutcome, "octet counters": topicOutcome, "raw records": topicOutcome,
	"login logs": topicLogins, "outbound flows": topicOutbound, "process records": topicOwner,
}

// unaskedServices are the look-ups that did not get to the end of the plan.
func (d *draft) unaskedServices() (out []netcase.Gap) {
	for _, l := range d.in.Coverage.Lookups {
		var whys []string
		n := 0
		for _, u := range l.Unasked {
			whys, n = append(whys, fmt.Sprintf("%d: %s", u.Count, u.Why)), n+u.Count
		}
		if n > 0 {
			out = append(out, netcase.Gap{Source: "look-up " + l.Service, Expected: "an answer about each address that could change the judgement",
				Present: fmt.Sprintf("%s not asked (%s)", count(n, "address"), strings.Join(whys, "; ")),
				Effect:  "what this service knows of them is not in the judgement"})
		}
	}
	return out
}

// lostInputs are inputs, lists and detectors that did not do their part.
func (d *draft) lostInputs(scope) (out []netcase.Gap) {
	for i := range d.in.Coverage.Inputs {
		r := &d.in.Coverage.Inputs[i]
		if why := r.Unsound(); why != "" {
			out = append(out, netcase.Gap{
				Source: r.Name, Expected: "the whole input", Present: why,
				Effect: "counts are a lower bound, an excess on this source is only described, and nothing is gated out by its silence",
				Query:  r.CutQuery,
			})
		}
	}
	for _, f := range d.in.Coverage.Feeds {
		if f.Error != "" {
			out = append(out, netcase.Gap{Source: f.Name, Expected: "an intelligence list", Present: f.Error, Effect: "addresses that only this list names count as unlisted"})
		}
	}
	for _, r := range d.in.Coverage.Detectors {
		if !r.OK {
			out = append(out, netcase.Gap{Source: "detector " + r.Name, Expected: "a run over all inputs", Present: cmp.Or(r.Why, "it did not run"), Effect: "what it looks for was not looked for"})
		}
	}
	if len(d.in.Coverage.Inputs) == 0 {
		out = append(out, netcase.Gap{Source: "telemetry", Expected: "flows, logins, processes", Present: "nothing was read", Effect: "nothing can be said"})
	}
	return out
}

func (d *draft) missingOutcome(s scope) []netcase.Gap {
	unknown, allowed, total := int64(0), int64(0), int64(0)
	for _, c := range d.clusters {
		unknown += c.reach[netcase.ReachUnknown]
		allowed += c.reach[netcase.ReachAllowed]
		total += c.reach.Total()
	}
	cost := "the severity stays a range, "
	if d.level.Low == d.level.High {
		cost = "the severity does not hang on them, but "
	}
	var out []netcase.Gap
	if unknown > 0 {
		out = append(out, netcase.Gap{
			Source: "flow verdict", Expected: "allow or deny for every flow (FlowStatus)",
			Present: fmt.Sprintf("%s of %s flows of the case carry none", thousands(unknown), thousands(total)),
			Effect:  cost + "whether the attempts failed (A05) weighs nothing, and no claim of success can be decided or gated out",
			Query:   d.verdictQuery(s),
		})
	}
	if allowed > 0 {
		out = append(out, netcase.Gap{
			Source: "replies", Expected: "octets or packets back from the host",
			Present: fmt.Sprintf("%s of %s flows of the case were allowed by a source that records no replies", thousands(allowed), thousands(total)),
			Effect:  cost + "an allowed flow may have met a closed port or an open one",
			Query:   d.verdictQuery(s),
		})
	}
	return out
}

func (d *draft) missingLogins(s scope) []netcase.Gap {
	if d.in.Coverage.Has("login") {
		return nil
	}
	present := "no login log is among the inputs"
	effect := "failed logins (A07) and logins after failures (B-SAF) are unknown: password guessing and compromise cannot be decided"
	if len(d.clusters) > 0 && d.allFailed() {
		effect = "nothing of the case was answered, so no login can have come of it; the logs would only add names"
	}
	return []netcase.Gap{{
		Source: "login logs", Expected: "Windows security 4624, 4625, 4740, 4771 and RdpCoreTS 131, 140, or sshd, of the touched hosts",
		Present: present, Effect: effect, Query: d.queryIfScoped(s, d.loginQuery),
	}}
}

func (d *draft) allFailed() bool {
	return !slices.ContainsFunc(d.clusters, func(c *cluster) bool { return c.reach.Failed() != c.reach.Total() })
}

// queryIfScoped fills a query where there is something to fill it with.
func (d *draft) queryIfScoped(s scope, query func(scope) string) string {
	if !s.span.Start.Known() || !s.span.End.Known() || len(s.peers) == 0 && len(s.hosts) == 0 {
		return ""
	}
	return query(s)
}

// counterKind is one family of counting columns, and what is lost without it.
type counterKind struct {
	source, expected, effect string
	words                    []string
}

func counterKinds() []counterKind {
	return []counterKind{
		{"flow counters", "the number of flows that each record stands for",
			"rows are counted where flows should be, and sessions (A06) cannot be measured", []string{"inflows", "outflows", "flowcount"}},
		{"packet counters", "packets each way", "whether a host replied cannot be seen from packets", []string{"packets", "pkts"}},
		{"octet counters", "octets each way", "data that left (B-BYTES) cannot be measured", []string{"bytes", "octets"}},
	}
}

// missingCounters claims only the counters that are missing, one row for each kind.
func (d *draft) missingCounters(s scope) (out []netcase.Gap) {
	for _, k := range counterKinds() {
		var columns []string
		for _, r := range d.in.Coverage.Inputs {
			for _, m := range r.Missing {
				if k.has(m) {
					columns = append(columns, m)
				}
			}
		}
		slices.Sort(columns)
		columns = slices.Compact(columns)
		present := "columns missing: " + strings.Join(columns, ", ")
		if len(columns) == 0 {
			without, all := d.withoutOctets()
			if k.source != "octet counters" || without == 0 {
				continue
			}
			present = fmt.Sprintf("%d of %s whose flows may have been answered carry none", without, count(all, "source"))
		}
		out = append(out, netcase.Gap{Source: k.source, Expected: k.expected, Present: present, Effect: k.effect, Query: d.queryIfScoped(s, d.verdictQuery)})
	}
	return out
}

func (k counterKind) has(column string) bool {
	return slices.ContainsFunc(k.words, func(w string) bool { return strings.Contains(strings.ToLower(column), w) })
}

// withoutOctets counts the sources whose flows may have been answered, and those
// of them without octets.
func (d *draft) withoutOctets() (without, all int) {
	for _, c := range d.clusters {
		for _, a := range c.sources {
			if a.profile.Reach.Failed() == a.profile.Reach.Total() {
				continue
			}
			all++
			if a.profile.OctetsIn == netcase.Absent {
				without++
			}
		}
	}
	return without, all
}

// unreadKinds are the kinds of records that were recognised and not read, a row
// for each kind.
func (d *draft) unreadKinds(scope) []netcase.Gap {
	type heap struct {
		inputs  int
		records int64
	}
	kinds := map[string]*heap{}
	for i := range d.in.Coverage.Inputs {
		r := &d.in.Coverage.Inputs[i]
		if r.CopyOf != "" {
			continue
		}
		for reason, n := range r.Reasons {
			kind, _, ok := strings.Cut(reason, ": "+notReadYet)
			if !ok {
				continue
			}
			if kinds[kind] == nil {
				kinds[kind] = &heap{}
			}
			kinds[kind].inputs++
			kinds[kind].records += n
		}
	}
	var out []netcase.Gap
	var other []string
	for _, k := range sortedKeys(kinds) {
		shows, effect := unreadShows(k)
		if shows == "" {
			other = append(other, fmt.Sprintf("%s (%s)", k, count(kinds[k].records, "record")))
			continue
		}
		out = append(out, netcase.Gap{Source: k, Expected: shows, Effect: effect,
			Present: fmt.Sprintf("%s in %s, recognised and not read", count(kinds[k].records, "record"), count(kinds[k].inputs, "input"))})
	}
	if len(other) > 0 {
		out = append(out, netcase.Gap{Source: "records of other kinds", Expected: "what they tell beside the flows", Effect: "they are neither evidence for nor against anything here",
			Present: "recognised and not read: " + series(other[:min(len(other), shownPorts)], len(other))})
	}
	return out
}

// notReadYet begins a reader's reason for a kind of records that it knows and
// skips.
const notReadYet = "not read yet"

// unreadShows is what a kind of records would show, and what its absence costs;
// empty: nothing that bears on a case of this kind.
func unreadShows(kind string) (shows, effect string) {
	for _, k := range []struct{ word, shows, effect string }{
		{"dns", "the names that were asked for", "names of destinations, and targets that follow our own names (A08), are unknown"},
		{"http", "requests: host, path, user agent, status", "what was asked over HTTP, payloads and the program that called are unknown"},
		{"ssl", "the server name and the fingerprint of each TLS session", "the destination behind a shared address is unknown"},
		{"x509", "certificates", "the owner of a destination is unknown"},
		{"ssh", "client, server and whether a login was seen to succeed", "password guessing (A07) and logins on port 22 are unknown"},
		{"rdp", "cookies, and whether a session was set up", "password guessing (A07) and logins on port 3389 are unknown"},
		{"ntlm", "accounts and the outcome of logins", "password guessing (A07) is unknown"},
		{"kerberos", "accounts and the outcome of logins", "password guessing (A07) is unknown"},
		{"files", "files that were carried, with hashes", "content that came or left (B-BYTES) is unknown"},
		{"notice", "what the sensor itself raised", "the sensor's own alerts are not weighed"},
		{"weird", "broken protocols", "tunnels and malformed sessions are unseen"},
	} {
		if strings.Contains(strings.ToLower(kind), k.word) {
			return k.shows, k.effect
		}
	}
	return "", ""
}

func isCounter(column string) bool {
	return slices.ContainsFunc(counterKinds(), func(k counterKind) bool { return k.has(column) })
}

func (d *draft) missingOutbound(s scope) []netcase.Gap {
	if d.outbound() == netcase.True {
		return nil
	}
	present := "none is known to be among the inputs"
	if d.outbound() == netcase.False {
		present = "none is among the inputs"
	}
	text := ""
	if s.span.Start.Known() && s.span.End.Known() {
		text = d.outboundQuery(s)
	}
	return []netcase.Gap{{
		Source: "outbound flows", Expected: "flows that our side began, in the same span", Present: present,
		Effect: "command and control and exfiltration cannot be decided", Query: text,
	}}
}

func (d *draft) missingProcesses(s scope) (out []netcase.Gap) {
	const expected = "DeviceNetworkEvents with ActionType, LocalPort, RemotePort, the command line with -k and -s, and the operating system of the device"
	if !d.in.Coverage.Has("process") {
		return []netcase.Gap{{
			Source: "process records", Expected: expected, Present: "no process records are among the inputs",
			Effect: "which process owned a socket (B-PROC) is unknown", Query: d.queryIfScoped(s, d.ownerQuery),
		}}
	}
	var why []string
	for i := range d.findings {
		if o := d.findings[i].Owner; o != nil && o.Verdict == ownerUnusable {
			why = append(why, o.Why)
		}
	}
	if len(why) == 0 {
		return nil
	}
	slices.Sort(why)
	why = slices.Compact(why)
	return []netcase.Gap{{
		Source: "process records", Expected: expected, Present: sentences(why, shownHosts),
		Effect: "the process names in these records cannot be attributed to a socket, so they say nothing for or against a compromise",
		Query:  d.queryIfScoped(s, d.ownerQuery),
	}}
}

func (d *draft) missingRaw(s scope) []netcase.Gap {
	f := d.doubted()
	if f == nil {
		return nil
	}
	least, most := countRange(f.Artefact)
	return []netcase.Gap{{
		Source: "raw records", Expected: "records at the resolution of single flows",
		Present: fmt.Sprintf("near-equal counts of %s to %s that fit the logging interval", thousands(least), thousands(most)),
		Effect:  "no cadence is reported, and the counts are not evidence of anything",
		Query:   d.queryIfScoped(s, d.verdictQuery),
	}}
}

func (d *draft) missingIntel(scope) (out []netcase.Gap) {
	out = d.unaskedServices()
	if !d.listsGiven() {
		g := netcase.Gap{Source: "intelligence", Expected: "at least one list of reported addresses and one of research scanners", Present: "none was given",
			Effect: "whether the sources are known elsewhere (A03, A04) is unknown"}
		if n := len(d.in.Asked); n > 0 {
			g.Present = "none was given; services answered about " + count(n, "address")
			g.Effect = "whether the other sources are known elsewhere (A03, A04) is unknown"
		}
		return append(out, g)
	}
	var undated []string
	for _, f := range d.in.Coverage.Feeds {
		if f.Error == "" && !f.Learned.Known() {
			undated = append(undated, f.Name)
		}
	}
	if len(undated) > 0 {
		slices.Sort(undated)
		out = append(out, netcase.Gap{Source: "dates of intelligence", Expected: "the day each list was learned",
			Present: fmt.Sprintf("%s without one: %s", count(len(undated), "list"), series(undated[:min(len(undated), shownHosts)], len(undated))),
			Effect:  "their claims count as learned after the traffic"})
	}
	return out
}

func (d *draft) missingBaseline(scope) (out []netcase.Gap) {
	for i := range d.findings {
		s := d.findings[i].Spike
		if s == nil || !s.Described {
			continue
		}
		return []netcase.Gap{{
			Source: "history", Expected: "at least 12 whole bins, better 14 days, before the investigated span",
			Present: cmp.Or(s.Why, count(s.History, "bin")+" of history"),
			Effect:  "the time line is described; whether it is unusual is not judged",
		}}
	}
	return nil
}

func (d *draft) missingSite(scope) (out []netcase.Gap) {
	if !d.site.Stated() {
		out = append(out, netcase.Gap{Source: "site", Expected: "the own prefixes, as the owner states them",
			Present: cmp.Or(d.in.Coverage.Site, "private ranges and the exporter's own side were taken as own"),
			Effect:  "direction rests on an assumption, and dark or exposed addresses cannot be told apart"})
	}
	if len(d.clusters) == 0 {
		return out
	}
	unstated := 0
	var hosts []netcase.Endpoint
	for _, c := range d.full() {
		hosts = union(hosts, c.hosts)
	}
	for _, h := range hosts {
		if _, ok := d.site.Criticality(d.named(h)); !ok {
			unstated++
		}
	}
	if unstated > 0 {
		out = append(out, netcase.Gap{Source: "assets", Expected: "criticality, operating system and tags of the touched hosts",
			Present: fmt.Sprintf("%s without a stated criticality", count(unstated, "touched host")),
			Effect:  fmt.Sprintf("criticality %d is assumed, and requirements of standards are not assessable without tags", netcase.UnknownCriticality)})
	}
	if len(d.site.Changes) == 0 {
		out = append(out, netcase.Gap{Source: "changes", Expected: "the record of changes over the span", Present: "none was given",
			Effect: "whether a change began this (A10) is unknown"})
	}
	return out
}

// missingColumns names the columns that other gaps do not speak of.
func (d *draft) missingColumns(scope) (out []netcase.Gap) {
	for _, r := range d.in.Coverage.Inputs {
		var rest []string
		for _, m := range r.Missing {
			if !isCounter(m) && !strings.Contains(strings.ToLower(m), "flowstatus") {
				rest = append(rest, m)
			}
		}
		if len(rest) > 0 && r.CopyOf == "" {
			out = append(out, netcase.Gap{Source: r.Name, Expected: "the full table", Present: "columns missing: " + strings.Join(rest, ", "),
				Effect: "what only these columns say is unknown"})
		}
	}
	return out
}

// missingApprovals are the approvals that count for nothing in this case, and why.
func (d *draft) missingApprovals(scope) (out []netcase.Gap) {
	for _, why := range d.strayApprovals() {
		out = append(out, netcase.Gap{Source: "approvals", Expected: "the id of this case, a claim that the evidence carries, a name and a reason", Present: why,
			Effect: "it counts for nothing here: read this case, and give its id"})
	}
	return out
}
