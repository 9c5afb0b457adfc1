package simulate

import (
	"net/netip"
	"slices"
	"time"

	"netcase"
)

// Shape of the incident in hours. The span gives the spike at least three days
// of history, which is what an hour-of-day baseline needs.
const (
	spanHours    = 108 // of telemetry
	historyDays  = 3   // whole days before the day of the incident
	activeHours  = 24  // of the three addresses
	spikeHours   = 3
	tuplesEach   = 12 // three hosts by four ports
	suspectCount = 3
	portCount    = 4
)

// world is everything that a scenario is made from.
type world struct {
	seed    uint64
	exposed bool // one administration port is open to everybody

	start, end netcase.Time // of the telemetry, whole hours
	day        netcase.Time // the day of the incident, 00:00
	active     netcase.Span // of the three addresses
	spike      netcase.Span

	prefix       string // of machine names
	octet        byte   // 10.octet.0.0/16
	clientNumber int    // which desktop has the public address
	office       netip.Addr
	worker       netip.Addr // who works on the public desktop from home
	publicNet    netip.Prefix
	tenant       string
	subscription string

	ports    []uint16 // what the three addresses ask for, ascending
	openPort uint16   // the one of them that answers
	openHost int
	targets  []int // the hosts they ask

	hosts  []host
	nsgs   []nsg
	byAddr map[netip.Addr]int

	suspects   []suspect
	sources    []scanner // of the spike
	background []scanner
	places     map[netip.Addr]place

	flows []flow
}

// suspect is one of the three addresses of the report.
type suspect struct {
	addr             netip.Addr
	country          string // as Traffic Analytics has it
	category, tags   string
	score            int
	claimed, routed  geo // two answers to where it is
	description      string
	phishing, pulsed bool // which further providers list it
}

type geo struct {
	country, city string
	asn           int
	name          string
}

// scanner is a source that asks many hosts for a few ports.
type scanner struct {
	addr  netip.Addr
	ports []uint16
}

// place says where an outside address is, as Traffic Analytics puts it.
type place struct {
	azure bool
	name  string // region, or ISO country in lower case
}

// usualFlows is about how many flows a world has.
const usualFlows = 1 << 17

// reportSeed tells the incident with the report's own values.
const reportSeed = 0

// newWorld plans a world and lets its traffic happen.
func newWorld(seed uint64, incident bool) *world {
	w := &world{seed: seed, exposed: incident, places: map[netip.Addr]place{}, flows: make([]flow, 0, usualFlows)}
	d := newDraw(seed, partPlan)
	w.planOutside(d)
	if seed == reportSeed {
		w.planReport()
	} else {
		w.planOther(d)
	}
	w.start, w.end = w.day-historyDays*netcase.Day, w.day-historyDays*netcase.Day+spanHours*netcase.Hour
	w.build()
	w.background = w.planBackground(newDraw(seed, partBackground))
	w.ordinaryTraffic()
	if incident {
		w.sources = w.planSpike(newDraw(seed, partSpike))
		w.suspectTraffic()
		w.spikeTraffic()
	}
	slices.SortFunc(w.flows, compareFlows)
	return w
}

// planOutside draws who is known outside: the office and the worker at home.
func (w *world) planOutside(d draw) {
	w.office = d.within(d.net24(visitorOctets))
	w.worker = d.within(d.net24(visitorOctets))
	w.places[w.office], w.places[w.worker] = place{name: "nl"}, place{name: "nl"}
	w.places[platform] = place{azure: true}
	w.publicNet = netip.PrefixFrom(netip.AddrFrom4([4]byte{20, byte(d.between(40, 110)), byte(d.IntN(256)), byte(d.IntN(16)) << 4}), 28)
}

// planReport takes over what the report says.
func (w *world) planReport() {
	w.octet, w.clientNumber = 20, 6
	w.day = netcase.TimeOf(time.Date(2025, time.October, 20, 0, 0, 0, 0, time.UTC))
	w.active = hours(w.day+4*netcase.Hour, activeHours)
	w.spike = hours(w.day+13*netcase.Hour, spikeHours)
	w.ports, w.openPort = []uint16{22, 23, 80, 3389}, rdpPort
	w.suspects = reportSuspects()
	w.placeSuspects()
}

func hours(start netcase.Time, n int) netcase.Span {
	return netcase.Span{Start: start, End: start + netcase.Time(n)*netcase.Hour}
}

func reportSuspects() []suspect {
	return []suspect{
		{
			addr: netip.AddrFrom4([4]byte{194, 180, 49, 103}), country: "pl", category: "Bad Reputation",
			tags: "phishing, abuse, credential", score: 43, phishing: true,
			claimed: geo{country: "DE", city: "Bergwau"}, routed: geo{"PL", "Warsaw", 201814, "MEVSPACE"},
			description: "scanning activity from a hosting provider",
		},
		{
			addr: netip.AddrFrom4([4]byte{162, 243, 203, 54}), country: "us", category: "Potential Attacker",
			tags: "credential, ddos, VPS", score: 53,
			claimed: geo{"US", "Secaucus", 14061, "DigitalOcean"}, routed: geo{"US", "Secaucus", 14061, "DigitalOcean"},
			description: "VPS address involved in repetitive scanning; reported since 2024",
		},
		{
			addr: netip.AddrFrom4([4]byte{103, 189, 80, 205}), country: "in", category: "Malicious Activity",
			tags: "ddos, ftp, ssh, malware", score: 59, pulsed: true,
			claimed: geo{country: "IN", city: "New Delhi"}, routed: geo{"IN", "Ranchi", 149583, ""},
			description: "repeated abusive behaviour",
		},
	}
}

// otherPorts are what the three addresses of another seed may ask for.
var otherPorts = []uint16{21, 22, 23, 80, 443, 445, 1433, 3389, 5900, 8080}

// planOther draws an incident of the same structure.
func (w *world) planOther(d draw) {
	w.prefix = pick(d, []string{"alder", "birch", "cedar", "elm", "fir", "hazel", "larch", "rowan"}) + "-"
	w.octet, w.clientNumber = byte(d.between(1, 250)), d.IntN(22)
	w.day = netcase.TimeOf(time.Date(2025, time.January, 6+d.IntN(350), 0, 0, 0, 0, time.UTC))
	first := w.day + netcase.Time(d.between(1, 8))*netcase.Hour
	w.active = hours(first, activeHours)
	w.spike = hours(first+netcase.Time(d.between(3, 14))*netcase.Hour, spikeHours)
	w.openPort = pick(d, []uint16{rdpPort, rdpPort, sshPort})
	w.ports = append(drawPorts(d, otherPorts, portCount-1, w.openPort), w.openPort)
	slices.Sort(w.ports)
	w.suspects = otherSuspects(d)
	w.placeSuspects()
}

// drawPorts draws n different ports, none of them not.
func drawPorts(d draw, from []uint16, n int, not ...uint16) []uint16 {
	var out []uint16
	for len(out) < n {
		p := pick(d, from)
		if !slices.Contains(out, p) && !slices.Contains(not, p) {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// otherSuspects are three addresses of different networks. Their AS numbers are
// those that RFC 5398 sets aside, for the networks are invented.
func otherSuspects(d draw) []suspect {
	places := []geo{
		{"NL", "Amsterdam", 64496, "Invented Hosting One"}, {"RO", "Cluj", 64497, "Invented Hosting Two"},
		{"VN", "Hanoi", 64498, "Invented Telecom"}, {"BR", "Recife", 64499, "Invented Cloud"},
		{"BG", "Varna", 64500, "Invented Servers"}, {"SG", "Singapore", 64501, "Invented VPS"},
	}
	d.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	nets := d.nets(suspectCount, scannerOctets)
	out := reportSuspects()
	for i := range out {
		out[i].addr = d.within(nets[i])
		out[i].routed = places[i]
		out[i].claimed = places[i]
		if i != 1 { // the second is undisputed
			out[i].claimed = geo{country: places[i+3].country, city: places[i+3].city}
		}
		out[i].country = lower(out[i].routed.country)
		out[i].score = d.between(41, 64)
	}
	return out
}

// nets draws n different /24s.
func (d draw) nets(n int, octets []byte) []netip.Prefix {
	var out []netip.Prefix
	for len(out) < n {
		p := d.net24(octets)
		if !slices.ContainsFunc(out, func(o netip.Prefix) bool {
			return o.Addr().As4()[0] == p.Addr().As4()[0] && o.Addr().As4()[1] == p.Addr().As4()[1]
		}) {
			out = append(out, p)
		}
	}
	return out
}

func (w *world) placeSuspects() {
	for _, s := range w.suspects {
		w.places[s.addr] = place{name: s.country}
	}
}

// lower is an ISO country code in lower case.
func lower(code string) string {
	b := []byte(code)
	for i := range b {
		b[i] |= 0x20
	}
	return string(b)
}
