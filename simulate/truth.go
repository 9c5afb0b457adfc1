package simulate

import (
	"encoding/json"
	"math"
	"net/netip"
	"slices"

	"netcase"
)

// Truth is what is true in a scenario, to compare results with. Counts are of
// flows as they happened, each once however many rule sets reported it, unless
// they say rows.
type Truth struct {
	Scenario string         `json:"scenario"`
	Seed     uint64         `json:"seed"`
	Note     string         `json:"note"`
	Span     netcase.Span   `json:"span"` // of the telemetry
	Rows     map[string]int `json:"rows"` // records in each telemetry file, without its header

	Day       netcase.Time   `json:"day,omitzero"` // of the incident
	Addresses []AddressTruth `json:"addresses,omitempty"`
	Ports     []uint16       `json:"ports,omitempty"`   // what they asked for
	Targets   []HostTruth    `json:"targets,omitempty"` // whom they asked
	Active    netcase.Span   `json:"active,omitzero"`   // when
	Answered  []PortTruth    `json:"answered,omitempty"`
	Spike     *SpikeTruth    `json:"spike,omitempty"`

	Public     []HostTruth  `json:"public,omitempty"` // hosts with a public address
	Hosts      int          `json:"hosts,omitempty"`
	Approved   []netip.Addr `json:"approved,omitempty"`   // known people outside, never to be blocked
	Background []netip.Addr `json:"background,omitempty"` // sources that scan all the time
	Research   netip.Addr   `json:"research,omitzero"`    // the one of them that is a known research scanner
	Owners     []OwnerTruth `json:"owners,omitempty"`     // of the sockets that accepted from outside

	ReachDecided bool     `json:"reach_decided"`      // by the exports of this scenario, for every flow of the three
	Severity     []string `json:"severity,omitempty"` // one value, or the lower and the upper end
	Status       string   `json:"status,omitempty"`
	Lead         string   `json:"lead,omitempty"`    // most probable hypothesis
	Missing      []string `json:"missing,omitempty"` // columns that the projection lost

	Labels *Labels `json:"labels,omitempty"` // of the stories that an evaluation is made of
	Office bool    `json:"office,omitempty"` // the first label is of the scanners that an office sees every day
}

// AddressTruth is one of the three addresses.
type AddressTruth struct {
	Address    netip.Addr `json:"address"`
	Rows       int        `json:"rows"`   // cells of (hour, host, port): the rows that aggregation leaves
	Tuples     int        `json:"tuples"` // distinct (host, port)
	Hours      int        `json:"hours"`  // with activity
	Flows      int        `json:"flows"`
	Denied     int        `json:"denied"`
	Unanswered int        `json:"unanswered"`
	Answered   int        `json:"answered"`
	InWindow   int        `json:"in_window"` // flows during the spike
	Score      int        `json:"score"`     // as SOCRadar prints it
	Origins    []string   `json:"origins"`   // independent, of its listings
	GeoDiffers bool       `json:"geo_differs"`
}

// HostTruth is one machine.
type HostTruth struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	OS      string     `json:"os"`
}

// PortTruth is a port of a host that answered one of the three.
type PortTruth struct {
	Host netip.Addr `json:"host"`
	Port uint16     `json:"port"`
}

// SpikeTruth is the excess of inbound flows.
type SpikeTruth struct {
	Window       netcase.Span   `json:"window"`
	Sources      []netip.Addr   `json:"sources"`
	Prefixes     []netip.Prefix `json:"prefixes"`
	Listed       []netip.Addr   `json:"listed"`   // of the sources, those in the netset
	Observed     int            `json:"observed"` // inbound flows in the window
	Expected     float64        `json:"expected"` // mean of the same hours of the days before
	Ratio        float64        `json:"ratio"`
	OfSources    int            `json:"of_sources"`     // flows of the sources in the window
	ShareOfThree float64        `json:"share_of_three"` // flows of the three in the window, over the excess
	Hourly       []int          `json:"hourly"`         // inbound flows of every hour of the span
}

// OwnerTruth is a process that accepted connections.
type OwnerTruth struct {
	Host        string `json:"host"`
	OS          string `json:"os"`
	Port        uint16 `json:"port"`
	CommandLine string `json:"command_line"`
	Outside     bool   `json:"outside"` // from outside
}

func (t Truth) encode() ([]byte, error) {
	b, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}

const simulatedNote = "simulated: addresses stand for roles in a story and accuse nobody"

// truth is what holds in every scenario of a world.
func (w *world) truth(scenario string) Truth {
	t := Truth{
		Scenario: scenario, Seed: w.seed, Note: simulatedNote, Span: netcase.Span{Start: w.start, End: w.end},
		Rows: map[string]int{}, Hosts: len(w.hosts), Public: w.hostTruths(w.publicHosts()),
		Approved: []netip.Addr{w.office, w.worker}, Research: w.background[0].addr,
	}
	for _, s := range w.background {
		t.Background = append(t.Background, s.addr)
	}
	if !w.incident() {
		return t
	}
	t.Day, t.Active, t.Ports, t.Targets = w.day, w.active, w.ports, w.hostTruths(w.targets)
	for _, s := range w.suspects {
		t.Addresses = append(t.Addresses, w.addressTruth(s))
	}
	t.Answered = w.answeredPorts()
	t.Spike = w.spikeTruth(t.Addresses)
	return t
}

func (w *world) hostTruths(list []int) (out []HostTruth) {
	for _, i := range list {
		out = append(out, HostTruth{w.hosts[i].name, w.hosts[i].addr, w.hosts[i].os})
	}
	return out
}

func (w *world) addressTruth(s suspect) AddressTruth {
	t := AddressTruth{Address: s.addr, Score: s.score, Origins: []string{"AbuseIPDB"}, GeoDiffers: s.claimed.city != s.routed.city}
	if s.pulsed {
		t.Origins = append(t.Origins, "IPQS")
	}
	type tuple struct {
		host netip.Addr
		port uint16
	}
	tuples, rows, hours := map[tuple]bool{}, map[cellKey]bool{}, map[netcase.Time]bool{}
	for i := range w.flows {
		f := &w.flows[i]
		if f.src != s.addr {
			continue
		}
		t.count(f, w.spike)
		hour := f.at.Truncate(interval)
		tuples[tuple{f.dst, f.dport}], hours[hour] = true, true
		rows[cellKey{hour: hour, dst: f.dst, dport: f.dport}] = true
	}
	t.Tuples, t.Rows, t.Hours = len(tuples), len(rows), len(hours)
	return t
}

func (t *AddressTruth) count(f *flow, window netcase.Span) {
	t.Flows++
	switch f.result {
	case denied:
		t.Denied++
	case unanswered:
		t.Unanswered++
	case answered:
		t.Answered++
	}
	if window.Contains(f.at) {
		t.InWindow++
	}
}

// answeredPorts are the ports that answered one of the three.
func (w *world) answeredPorts() (out []PortTruth) {
	for i := range w.flows {
		f := &w.flows[i]
		p := PortTruth{f.dst, f.dport}
		if f.result == answered && w.isSuspect(f.src) && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func (w *world) isSuspect(a netip.Addr) bool {
	return slices.ContainsFunc(w.suspects, func(s suspect) bool { return s.addr == a })
}

func (w *world) spikeTruth(three []AddressTruth) *SpikeTruth {
	t := &SpikeTruth{Window: w.spike, Hourly: make([]int, spanHours), Listed: w.listedSources()}
	for _, s := range w.sources {
		t.Sources = append(t.Sources, s.addr)
		if p := netip.PrefixFrom(s.addr, 24).Masked(); !slices.Contains(t.Prefixes, p) {
			t.Prefixes = append(t.Prefixes, p)
		}
	}
	for i := range w.flows {
		f := &w.flows[i]
		if !w.inbound(f) {
			continue
		}
		t.Hourly[(f.at-w.start)/netcase.Hour]++
		if slices.Contains(t.Sources, f.src) {
			t.OfSources++
		}
	}
	first := int((w.spike.Start - w.start) / netcase.Hour)
	for h := first; h < first+spikeHours; h++ {
		t.Observed += t.Hourly[h]
		for back := 1; back <= historyDays; back++ {
			t.Expected += float64(t.Hourly[h-24*back]) / historyDays
		}
	}
	ofThree := 0
	for _, a := range three {
		ofThree += a.InWindow
	}
	t.ShareOfThree = rounded(float64(ofThree) / (float64(t.Observed) - t.Expected))
	t.Ratio, t.Expected = rounded(float64(t.Observed)/t.Expected), rounded(t.Expected)
	return t
}

// rounded is a number to four decimals, so that it prints the same everywhere.
func rounded(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// ownerTruths are the processes that accepted connections of the sensor's hosts.
func ownerTruths(events []event) (out []OwnerTruth) {
	for _, e := range events {
		if e.action != accepted || e.localPort == monitorPort {
			continue
		}
		o := OwnerTruth{e.host.name, e.host.os, e.localPort, e.owner.process().command, !e.remote.IsPrivate()}
		if !slices.Contains(out, o) {
			out = append(out, o)
		}
	}
	return out
}
