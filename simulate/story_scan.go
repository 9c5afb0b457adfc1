package simulate

import (
	"net/netip"
	"slices"

	"netcase"
)

// Severities by name.
const (
	sevInfo, sevLow, sevMedium, sevHigh, sevCritical = "INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"
)

func scanStories() []storyline {
	return []storyline{
		{name: "sweep", doc: "forty listed sources sweep the public machines for mass-scanned ports, nothing answers", hypothesis: Background, days: 2, tell: sweep},
		{name: "sweep-open-port", doc: "the same, and one Remote Desktop port answers each of them once or twice", hypothesis: Background, days: 2, tell: sweepOpen},
		{name: "sweep-fast", doc: "eight sources ask every machine of the network for one port, each within some minutes", hypothesis: Background, days: 2, tell: sweepFast},
		{name: "sweep-slow", doc: "a source asks for one machine every few hours for six days", hypothesis: Background, days: 7, tell: sweepSlow},
		{name: "sweep-distributed", doc: "thirty sources of one network share the work: each asks few machines", hypothesis: Background, days: 2, tell: sweepShared},
		{name: "sweep-burst", doc: "after quiet days a sweep by one source, some hours long", hypothesis: Background, days: 6, formats: burstFormats, tell: sweepBurst},
		{name: "sweep-burst-two", doc: "the same by two sources together", hypothesis: Background, days: 6, formats: burstFormats, tell: sweepBurstTwo},
		{name: "ports", doc: "one unlisted source asks one machine for hundreds of ports and comes back to those that answer", hypothesis: Reconnaissance, days: 2, formats: repliesFormats, tell: portsOfOne},
		{name: "targeted", doc: "an unlisted source asks a few machines in the order of their names, and returns on later days to what answered", hypothesis: Reconnaissance, days: 4, formats: repliesFormats, tell: targeted},
		{name: "research-scanner", doc: "a scanner that announces itself and stands in a list of benign ones", hypothesis: BenignScanner, days: 2, tell: research},
	}
}

// burstFormats count whole intervals of an hour or are raw.
var burstFormats = []string{formatZeek, formatNSG, formatTraffic60}

// repliesFormats record whether a machine replied.
var repliesFormats = []string{formatZeek, formatZeekJSON, formatNSG, formatEVE}

// sweepFrom lets a source ask every public machine for its ports, in a stretch of time.
func (l *lab) sweepFrom(src netip.Addr, ports []uint16, from, length netcase.Time) {
	for _, port := range ports {
		for _, m := range l.public {
			l.probe(l.millis(from, length), src, m, port)
		}
	}
}

func (l *lab) sweeps(n int, closed ...uint16) {
	first := len(l.conns)
	sources := l.strangers(n)
	for _, s := range sources {
		ports := drawPorts(l.draw, backgroundPorts, l.between(1, 4), append(closed, 80, 443)...)
		l.sweepFrom(s, ports, l.at(l.between(0, 12), 0), netcase.Time(l.between(1, 11))*netcase.Hour)
		if l.chance(.85) {
			l.listed(s, "AbuseIPDB", "Port Scan")
		}
	}
	l.label(l.happened(ActScan, first, true))
}

func sweep(l *lab) {
	l.sweeps(40, sshPort, rdpPort)
	l.labels.Lead, l.labels.Severity = []string{Background}, [2]string{sevInfo, sevLow}
}

func sweepOpen(l *lab) {
	l.sweeps(30, sshPort)
	first := len(l.conns)
	for _, s := range l.strangers(10) {
		l.sweepFrom(s, []uint16{23, rdpPort}, l.at(l.between(0, 12), 0), 6*netcase.Hour)
		l.listed(s, "AbuseIPDB", "Port Scan")
	}
	l.label(l.happened(ActScan, first, true))
	l.labels.Lead, l.labels.Severity = []string{Background}, [2]string{sevMedium, sevMedium}
}

func sweepFast(l *lab) {
	first := len(l.conns)
	for _, s := range l.strangers(8) {
		port := pick(l.draw, []uint16{23, 445, 1433, 8080})
		from := l.millis(l.at(1, 0), 20*netcase.Hour)
		for _, m := range l.machines {
			l.probe(l.millis(from, 4*netcase.Minute), s, m, port)
		}
		l.listed(s, "AbuseIPDB", "Port Scan")
	}
	l.label(l.happened(ActScan, first, true))
	l.labels.Lead, l.labels.Severity = []string{Background}, [2]string{sevInfo, sevLow}
}

func sweepSlow(l *lab) {
	first := len(l.conns)
	src := l.stranger()
	at := l.start + netcase.Time(l.between(1, 6))*netcase.Hour
	order := slices.Clone(l.public)
	l.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for _, m := range order {
		l.probe(at, src, m, 445)
		at += netcase.Time(l.between(300, 540)) * netcase.Minute
	}
	l.listed(src, "AbuseIPDB", "Port Scan")
	l.label(l.happened(ActScan, first, true))
	l.labels.Lead, l.labels.Severity = []string{Background}, [2]string{sevInfo, sevLow}
}

func sweepShared(l *lab) {
	first := len(l.conns)
	net := l.net24(scannerOctets)
	from := l.at(l.between(1, 16), 0)
	order := slices.Clone(l.public)
	for i := range 30 {
		src := netip.AddrFrom4([4]byte{net.Addr().As4()[0], net.Addr().As4()[1], net.Addr().As4()[2], byte(10 + i*7)})
		for k := range 2 { // each machine is asked by a few of them
			l.probe(l.millis(from, 8*netcase.Minute), src, order[(2*i+k)%len(order)], 5900)
		}
	}
	l.label(l.happened(ActScan, first, true))
	l.labels.Lead, l.labels.Severity = []string{Background}, [2]string{sevInfo, sevLow}
}

func sweepBurst(l *lab)    { l.burst(1) }
func sweepBurstTwo(l *lab) { l.burst(2) }

// burst is a sweep that stands out of the days before it: whole hours of it.
func (l *lab) burst(sources int) {
	first := len(l.conns)
	hours := l.between(2, 6)
	from := l.at(l.between(3, 15), 0)
	for _, s := range l.strangers(sources) {
		for h := range hours {
			for range l.between(120, 180) / sources {
				l.probe(l.millis(from+netcase.Time(h)*netcase.Hour, netcase.Hour), s, pick(l.draw, l.public), pick(l.draw, []uint16{445, 1433, 5900, 8080}))
			}
		}
		l.listed(s, "AbuseIPDB", "Port Scan")
	}
	scan := l.happened(ActScan, first, true)
	l.label(scan)
	scan.Kind, scan.Span = ActSpike, netcase.Span{Start: from, End: from + netcase.Time(hours)*netcase.Hour}
	l.label(scan)
	l.labels.Lead, l.labels.Severity = []string{Background}, [2]string{sevInfo, sevLow}
}

func portsOfOne(l *lab) {
	first := len(l.conns)
	src := l.stranger()
	from := l.at(l.between(1, 14), 0)
	for p := range 300 {
		port := uint16(20 + p*13)
		c := conn{at: l.millis(from, 20*netcase.Minute), src: src, dst: l.web.addr, dport: port, result: unanswered}
		if port == 80 || port == 443 {
			c.result, c.out, c.in = answered, size{5, 600}, size{4, 3000}
		}
		l.add(c)
	}
	l.label(l.happened(ActScan, first, true))
	for i := range 6 { // and it comes back for more, with requests of its own
		l.add(conn{at: from + netcase.Time(1+i)*netcase.Hour, length: 4000, src: src, dst: l.web.addr, dport: 443, result: answered, out: octets(int64(l.between(2000, 9000))), in: octets(40_000)})
	}
	l.labels.Lead, l.labels.Severity = []string{Reconnaissance, Background}, [2]string{sevInfo, sevMedium}
}

func targeted(l *lab) {
	first := len(l.conns)
	src := l.stranger()
	at := l.start + 10*netcase.Hour
	for _, m := range l.public[:12] { // in the order of their names
		for _, port := range []uint16{80, 443, 8443} {
			l.probe(at, src, m, port)
			at += netcase.Time(l.between(20, 90)) * netcase.Second
		}
	}
	l.label(l.happened(ActScan, first, true))
	l.listed(l.stranger(), "AbuseIPDB", "Port Scan") // a list was given, and does not name it
	for d := 1; d < l.days; d++ {
		for range l.between(4, 9) {
			l.add(conn{at: l.millis(l.start+netcase.Time(d)*netcase.Day+8*netcase.Hour, 9*netcase.Hour), length: 3000, src: src, dst: l.web.addr, dport: 443, result: answered,
				out: octets(int64(l.between(1500, 12_000))), in: octets(int64(l.between(20_000, 90_000)))})
		}
	}
	l.labels.Lead, l.labels.Severity = []string{Reconnaissance}, [2]string{sevInfo, sevMedium}
}

func research(l *lab) {
	first := len(l.conns)
	src := l.stranger()
	l.sweepFrom(src, []uint16{21, 25, 8080, 5900}, l.at(4, 0), 6*netcase.Hour)
	l.claims = append(l.claims, claim{what: src.String(), provider: "Benign scanners", origin: "Northlight Survey", category: "benign-scanner",
		first: l.start - 30*netcase.Day, last: l.start - netcase.Day, until: l.end() + 30*netcase.Day})
	l.label(l.happened(ActScan, first, true))
	l.labels.Lead, l.labels.Severity = []string{BenignScanner}, [2]string{sevInfo, sevInfo}
}
