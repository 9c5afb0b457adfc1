package evaluate

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/hunt"
	"netcase/simulate"
)

// Where published rules for the same tables are silent or wrong: each with the rule's
// own answer beside that of a judged case. D1 to D4, D6, D10 and D12 are in hunt.

// scene is a story on disk.
type scene struct {
	told   simulate.Told
	dir    string
	events *events
}

func tell(t *testing.T, story, format string, seed uint64) *scene {
	t.Helper()
	return tellOn(t, story, seed, simulate.Ground{Format: format})
}

func tellOn(t *testing.T, story string, seed uint64, g simulate.Ground) *scene {
	t.Helper()
	told, err := simulate.Tell(story, seed, g)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{told: told, dir: t.TempDir()}
	for _, name := range told.Files.Names() {
		s.write(t, name, told.Files[name])
	}
	if s.events, err = readEvents(context.Background(), filepath.Join(s.dir, "telemetry")); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) write(t *testing.T, name string, b []byte) {
	t.Helper()
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// judged is the case; a list is known from the day before the story on.
func (s *scene) judged(t *testing.T) *netcase.Case {
	t.Helper()
	h := hunt.DefaultConfig()
	h.Workers, h.Site, h.SiteFrom = 1, s.told.Site, "site.yaml"
	h.Paths = []string{filepath.Join(s.dir, "telemetry")}
	if lists := filepath.Join(s.dir, "intel"); exists(lists) {
		h.Intel = []hunt.IntelPath{{Path: lists, Date: s.told.Truth.Span.Start - netcase.Day}}
	}
	c, err := hunt.Run(context.Background(), h)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// last is the last labelled activity: what the story is about.
func (s *scene) last() simulate.Activity {
	l := s.told.Truth.Labels.Activities
	return l[len(l)-1]
}

// sighted are the sightings of an address.
func sighted(c *netcase.Case, a netip.Addr) (out []netcase.Sighting) {
	for i := range c.Findings {
		if f := c.Findings[i].Sighting; f != nil {
			for _, s := range f.Sightings {
				if s.Profile.Peer.Addr == a {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// TestD5EmptyValidity: indicators without an end are kept by a first filter and dropped
// by the second, since nothing is smaller than an empty value. Here they are met, as of
// the time of the flow.
func TestD5EmptyValidity(t *testing.T) {
	s := tell(t, "sweep", "azure-nsg", 11)
	source := s.last().Sources[0]
	s.write(t, "intel/claims.csv", fmt.Appendf(nil, "address,provider,origin,category,first_seen,last_seen,valid_until\n%s,AbuseIPDB,AbuseIPDB,Port Scan,%s,%s,\n",
		source, s.told.Truth.Span.Start.Std().AddDate(0, 0, -5).Format("2006-01-02"), s.told.Truth.Span.Start.Std().Format("2006-01-02")))
	later := s.told.Truth.Span.End + 30*netcase.Day
	if got := sentinelIntel([]indicator{{source.String(), 0}}, s.events.flows, s.told.Truth.Span.End); len(got) != 0 {
		t.Errorf("the rule matches %d flows of an indicator without an end", len(got))
	}
	if got := sentinelIntel([]indicator{{source.String(), later}}, s.events.flows, s.told.Truth.Span.End); len(got) == 0 {
		t.Error("the rule matches no flow of an indicator with an end")
	}
	if got := sentinelIntel([]indicator{{source.String(), s.told.Truth.Span.End + 1}}, s.events.flows, later); len(got) != 0 {
		t.Error("the rule asked a month later still matches an indicator that was valid at the time of the flow")
	}
	if got := sighted(s.judged(t), source); len(got) != 1 || got[0].Profile.Flows == 0 {
		t.Errorf("%d sightings of an indicator without an end", len(got))
	}
}

// TestD9GuessingOverAzure: the rule asks for failures and leaves out what was denied,
// and in the logs of network security groups every failure is a denial. The sessions
// themselves tell.
func TestD9GuessingOverAzure(t *testing.T) {
	s := tell(t, "guess-flows", "azure-nsg", 12)
	a := s.last()
	if got := sentinelRDP().Flag(s.events); len(got) != 0 {
		t.Errorf("the rule flags %v", got)
	}
	c := s.judged(t)
	_, group := answer(c, &s.told.Truth, map[netip.Addr]bool{a.Sources[0]: true})
	if group == nil || group.Lead().ID != simulate.Guessing {
		t.Fatalf("%d sessions of one source to port 3389 are not told as guessing", a.Count)
	}
	if k, _ := claim(c, "compromise"); likely(c, "compromise") || k.Standing == netcase.Gated {
		t.Errorf("without a login log, compromise is %s at %.3f", k.Standing, k.Posterior)
	}
}

// TestD11SeverityByOutcome: the rule raises Medium and the tactic of command and control
// for whatever did not fail, and has no word on the port, the count or the direction.
// Here a denied probe, an answered probe and a call of ours differ.
func TestD11SeverityByOutcome(t *testing.T) {
	severity := map[string]netcase.Severity{}
	outcomes := map[string]netcase.Outcome{}
	for name, x := range map[string]struct{ story, format string }{
		"denied probe": {"sweep", "azure-nsg"}, "answered probe": {"sweep-open-port", "zeek"}, "our call": {"beacon-listed", "zeek"},
	} {
		s := tellOn(t, x.story, 13, simulate.Ground{Format: x.format, Silent: true})
		a := s.last()
		outside := a.Sources[0]
		if name == "our call" {
			outside = a.Hosts[0]
		}
		s.write(t, "intel/claims.csv", fmt.Appendf(nil, "address,port,provider,origin,category,first_seen,last_seen\n%s,%d,ThreatFox,ThreatFox,botnet_cc,2025-01-01,%s\n",
			outside, a.Ports[0], s.told.Truth.Span.Start.Std().Format("2006-01-02")))
		for _, m := range sentinelIntelDevice([]indicator{{address: outside.String()}}, s.events.flows, s.told.Truth.Span.End) {
			if m.severity != "Medium" || m.tactic != "CommandAndControl" {
				t.Errorf("%s: the rule says %+v", name, m)
			}
		}
		c := s.judged(t)
		severity[name] = c.Severity
		if got := sighted(c, outside); len(got) != 1 {
			t.Errorf("%s: %d sightings", name, len(got))
		} else {
			outcomes[name] = got[0].Outcome
		}
		if k, _ := claim(c, "c2"); name != "our call" && likely(c, "c2") {
			t.Errorf("%s: c2 is %s at %.3f", name, k.Standing, k.Posterior)
		}
	}
	want := map[string]netcase.Outcome{"denied probe": netcase.OutcomeDenied, "answered probe": netcase.OutcomeTwoWay, "our call": netcase.OutcomeOutbound}
	for name, w := range want {
		if outcomes[name] != w {
			t.Errorf("%s: outcome %q, want %q", name, outcomes[name], w)
		}
	}
	if severity["denied probe"].High >= severity["answered probe"].High || severity["denied probe"].High >= severity["our call"].High {
		t.Errorf("severities: %v", severity)
	}
}

// TestD8AggregatedBeacon: a table with one row an hour can never have more than 15
// events in an hour, so that the rule is silent on everything. Here the case says that
// nothing can be said of a cadence, and why.
func TestD8AggregatedBeacon(t *testing.T) {
	s := tell(t, "beacon-through-hours", "azure-traffic-60", 14)
	for _, p := range []Peer{sentinelBeaconASIM(), sentinelBeaconPAN()} {
		if got := p.Flag(s.events); len(got) != 0 {
			t.Errorf("%s flags %v", p.Name, got)
		}
	}
	c := s.judged(t)
	if c.Artefact == nil || c.Artefact.Verdict != "likely" || !slices.ContainsFunc(c.Artefact.Blocks, func(b string) bool { return strings.Contains(b, "cadence") || strings.Contains(b, "period") }) {
		t.Errorf("the interval of the log is not named as what blocks a cadence: %+v", c.Artefact)
	}
	for i := range c.Findings {
		if b := c.Findings[i].Beacon; b != nil && b.Verdict == netcase.CadencePeriodic {
			t.Errorf("a cadence read from hours: %s", c.Findings[i].Title)
		}
	}
	if k, ok := claim(c, "c2"); !ok || k.Standing != netcase.NotDeterminable {
		t.Errorf("c2 is %s", k.Standing)
	}
}

// TestD7BeaconOverFourMinutes: the rule asks for more than 15 events in an hour, so that
// no period over four minutes can fire, for the same whole second in four of five, so
// that jitter hides everything, and compares a connection with the next one of the
// source to anywhere, so that a busy machine hides its own. Here the pair is named.
func TestD7BeaconOverFourMinutes(t *testing.T) {
	for _, story := range []string{"beacon-exact", "beacon-jitter-10", "beacon-jitter-50"}[:fewer(3, 1)] {
		s := tell(t, story, "zeek", 15)
		a := s.last()
		k := pair{a.Sources[0], a.Hosts[0]}
		if got := sentinelBeaconASIM().Flag(s.events); got[k] {
			t.Errorf("%s: the rule flags the pair", story)
		}
		c := s.judged(t)
		if !slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
			return f.Beacon != nil && f.Beacon.Verdict == netcase.CadencePeriodic && f.Beacon.Host.Addr == k.host && f.Beacon.Peer.Addr == k.peer
		}) {
			t.Errorf("%s: the pair is not named", story)
		}
		if got, ok := claim(c, "c2"); !ok || likely(c, "c2") || got.Standing == netcase.Gated {
			t.Errorf("%s: a pattern alone makes c2 %s at %.3f", story, got.Standing, got.Posterior)
		}
	}
}

// TestRITATwin: the score here and the one that the detector shows were written apart
// from the same description, and agree.
func TestRITATwin(t *testing.T) {
	for _, story := range []string{"beacon-exact", "beacon-jitter-20", "beacon-jitter-50", "beacon-jitter-90", "beacon-gap", "beacon-sizes"}[:fewer(6, 1)] {
		s := tell(t, story, "zeek", 15)
		a := s.last()
		var seconds, sizes []int64
		var data ritaSpan
		for i := range s.events.flows {
			f := &s.events.flows[i]
			at := int64(f.Start) / int64(netcase.Second)
			if data.first == 0 {
				data.first = at
			}
			data.last = max(data.last, at)
			if f.Src.Addr == a.Sources[0] && f.Dst.Addr == a.Hosts[0] {
				seconds, sizes = append(seconds, at), append(sizes, f.OctetsOut)
			}
		}
		own := ritaScore(seconds, sizes, data)
		shown := -1.0
		c := s.judged(t)
		for i := range c.Findings {
			if b := c.Findings[i].Beacon; b != nil && b.RITA != nil && b.Host.Addr == a.Sources[0] && b.Peer.Addr == a.Hosts[0] {
				shown = b.RITA.Score
			}
		}
		if diff := own - shown; diff > .0015 || diff < -.0015 {
			t.Errorf("%s: %.3f here, %.3f by the detector", story, own, shown)
		}
	}
}
