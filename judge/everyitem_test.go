package judge

import (
	"maps"
	"slices"
	"testing"

	"netcase"
)

// firing are findings as detectors make them, in which together every item of the weights
// holds at least once.
func firing() map[string]Input {
	o := newOutward()
	out := scripted()
	given := func(name string, change func(*Input), findings ...netcase.Finding) {
		in := o.entered(nil)
		in.Findings = numbered(findings...)
		if change != nil {
			change(&in)
		}
		out[name] = in
	}
	login := o.entered(nil).Findings[0]
	graded := func(grade string, successes int64) netcase.Finding {
		f, a := login, *login.Auth
		a.Grade, a.Successes = grade, successes
		if successes == 0 {
			a.Pattern = netcase.PatternGuessing
		}
		f.Auth = &a
		return f
	}
	says := func(denied bool) func(*Input) {
		return func(in *Input) {
			in.Site.Statements = []netcase.Statement{{Who: "owner", What: "about this login", Account: "svc", Denied: denied}}
		}
	}
	given("from elsewhere", nil, graded("B", 1))
	given("another account", nil, graded("C", 1))
	given("nobody came in", nil, graded("", 0))
	given("vouched for", says(false), login)
	given("denied by the owner", says(true), login)
	given("a load unanswered", nil, o.load(1350, 7650, netcase.False, 160))
	given("a load that is felt", nil, o.load(60, 9000, netcase.True, 160))
	given("at night, packed", nil, o.upload(func(u *netcase.UploadFacts) { u.OffHours = true }),
		netcase.Finding{Detector: "staging", Kind: "staging", Title: "packed", Span: o.span(),
			Process: &netcase.ProcessFacts{Host: o.host, Rule: ruleStaging, Why: "packs files", Image: "rar.exe", CommandLine: `rar.exe a C:\ProgramData\a.rar D:\`, Decibans: 14, First: o.start, Last: o.start}},
		netcase.Finding{Detector: "socket", Kind: "owner of the calls", Title: "rar.exe opened the connections", Span: o.span(), Direction: netcase.Outbound,
			Process: &netcase.ProcessFacts{Host: o.host, Rule: "owner of the calls", Why: "packs files", Image: "rar.exe", Peer: o.peer, Port: 443,
				Socket: &netcase.SocketFacts{Program: `\programdata\rar.exe`, Unusual: ruleStaging, Chain: []string{"it opened a connection"}, Programs: 4, Archives: []string{`C:\ProgramData\a.rar`}}}})
	given("joined to a lasting program", nil, o.beacon(nil), o.listed(netcase.ClaimC2), o.socket("image path", 4),
		netcase.Finding{Detector: "process", Kind: "image path", Title: "svchost.exe from a user's folder", Span: o.span(),
			Process: &netcase.ProcessFacts{Host: o.host, Rule: "image path", Why: "not where Windows keeps it", Image: "svchost.exe", Decibans: 14}},
		netcase.Finding{Detector: "persistence", Kind: "start key", Title: "a start key", Span: o.span(),
			Persistence: &netcase.PersistenceFacts{Host: o.host, What: "start key", Name: "Helper", Odd: "it starts a program in a user's folder", At: o.start}})
	out["many sessions"] = withProfiles(func(p *netcase.Profile) { move(p, 22, netcase.ReachBidirectional, 50); p.BusiestHour = 25 })
	out["a research scanner"] = withListing(netcase.ClaimScanner)
	out["within a change"] = withSite(func(s *netcase.Site, w world) {
		s.Changes = []netcase.Change{{Start: w.start - 1, End: w.start + netcase.Hour, Reason: "CHG-1"}}
	})
	out["came back to open doors"] = returning()
	return out
}

// withProfiles is the decided incident with other flows.
func withProfiles(change func(*netcase.Profile)) Input {
	w := incident()
	in := w.decided(netcase.ReachDenied)
	w.eachProfile(in.Findings, change)
	return in
}

// withListing is the incident whose sources another list names.
func withListing(claim netcase.ClaimType) Input {
	w := incident()
	in := w.decided(netcase.ReachDenied)
	for i := range in.Findings {
		if s := in.Findings[i].Sighting; s != nil {
			for j := range s.Sightings {
				s.Sightings[j].Card.Listings = append(s.Sightings[j].Card.Listings, w.listing("published ranges", "published ranges", claim, 0))
			}
		}
	}
	return in
}

func withSite(change func(*netcase.Site, world)) Input {
	w := incident()
	in := w.decided(netcase.ReachDenied)
	in.Site = &netcase.Site{Own: prefixes("10.0.0.0/8")}
	change(in.Site, w)
	return in
}

// returning is a source on no list that asked for ports once and came back to one that
// answered, while the lists of the day were known.
func returning() Input {
	w := incident()
	in := w.decided(netcase.ReachRefused)
	in.Findings = slices.DeleteFunc(in.Findings, func(f netcase.Finding) bool { return f.Scan == nil })
	in.Coverage.Feeds[0].Learned = w.start - netcase.Day
	w.eachProfile(in.Findings, func(p *netcase.Profile) {
		p.Reach = netcase.Tally{}
		for i := range p.Ports {
			c := &p.Ports[i]
			c.Reach, c.Flows = netcase.Tally{}, 3
			if i == 0 {
				c.Flows, c.AnsweredHours = 9, 3
				c.Reach[netcase.ReachBidirectional] = 9
			} else {
				c.Reach[netcase.ReachRefused] = 3
			}
			p.Reach = p.Reach.Plus(c.Reach)
		}
	})
	return in
}

// TestEveryItemHolds: no item of the weights is one that nothing can produce. An item that
// is new in the weights fails until findings are told in which it holds.
func TestEveryItemHolds(t *testing.T) {
	held, weighed := map[string]string{}, map[string]string{}
	for name, in := range firing() {
		c := judged(t, in)
		claims := slices.Clone(c.Claims)
		for _, g := range c.Groups {
			claims = append(claims, g.Claims...)
			for _, i := range g.Items {
				if i.State == netcase.True {
					held[i.ID] = name
				}
			}
			for _, h := range g.Hypotheses {
				for _, w := range h.Weights {
					weighed[w.Item] = name
				}
			}
		}
		for _, k := range claims {
			for _, i := range k.Items {
				if i.State == netcase.True {
					held[k.ID+" "+i.ID] = name
				}
			}
			for _, w := range k.Weights {
				weighed[k.ID+" "+w.Item] = name
			}
		}
	}
	w := mustWeights(t)
	all := slices.Collect(maps.Keys(w.Activity.Items))
	for id, c := range w.Claims {
		for item := range c.Items {
			all = append(all, id+" "+item)
		}
	}
	slices.Sort(all)
	for _, item := range all {
		if held[item] == "" {
			t.Errorf("%s: no findings are told in which it holds", item)
		} else if weighed[item] == "" {
			t.Errorf("%s holds in %q and weighs in nothing", item, held[item])
		}
	}
}
