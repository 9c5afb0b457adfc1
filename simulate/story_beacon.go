package simulate

import (
	"net/netip"

	"netcase"
)

// beaconOf is the plan of one program that calls home.
type beaconOf struct {
	period netcase.Time
	jitter int          // percent, uniform, of each sleep
	drift  netcase.Time // added to every sleep
	gap    bool         // the machine sleeps at night
	work   bool         // it runs in working hours only
	random bool         // no clock at all
	from   *machine
	to     netip.Addr
	port   uint16
	image  string
	line   string // command line of the program
	varied bool   // sizes vary
}

func beaconStories() []storyline {
	one := func(name, doc string, plan func(*lab) beaconOf) storyline {
		return storyline{name: name, doc: doc, hypothesis: Control, days: 2, tell: func(l *lab) { l.beaconed(plan(l)) }}
	}
	minutes := func(n int) netcase.Time { return netcase.Time(n) * netcase.Minute }
	return []storyline{
		one("beacon-exact", "a desk calls one rare address every five minutes, to the second", func(*lab) beaconOf { return beaconOf{period: minutes(5)} }),
		one("beacon-jitter-10", "every minute, give or take ten per cent", func(*lab) beaconOf { return beaconOf{period: minutes(1), jitter: 10} }),
		one("beacon-jitter-20", "every five minutes, give or take twenty per cent", func(*lab) beaconOf { return beaconOf{period: minutes(5), jitter: 20} }),
		one("beacon-jitter-30", "every ten minutes, give or take thirty per cent", func(*lab) beaconOf { return beaconOf{period: minutes(10), jitter: 30} }),
		one("beacon-jitter-50", "every five minutes, give or take fifty per cent", func(*lab) beaconOf { return beaconOf{period: minutes(5), jitter: 50} }),
		one("beacon-jitter-70", "every three minutes, give or take seventy per cent", func(*lab) beaconOf { return beaconOf{period: minutes(3), jitter: 70} }),
		one("beacon-jitter-90", "every three minutes, give or take ninety per cent", func(*lab) beaconOf { return beaconOf{period: minutes(3), jitter: 90} }),
		one("beacon-drift", "each sleep a little longer than the last", func(*lab) beaconOf { return beaconOf{period: minutes(4), jitter: 5, drift: 40} }),
		one("beacon-gap", "every five minutes, but the machine is off for eight hours", func(*lab) beaconOf { return beaconOf{period: minutes(5), jitter: 5, gap: true} }),
		one("beacon-working-hours", "every three minutes, from eight to six", func(*lab) beaconOf { return beaconOf{period: minutes(3), jitter: 20, work: true} }),
		one("beacon-sizes", "every two minutes with twenty per cent of jitter, and sizes of all kinds", func(*lab) beaconOf { return beaconOf{period: minutes(2), jitter: 20, varied: true} }),
		{name: "beacon-listed", doc: "a beacon to an address and port that a list calls command and control", hypothesis: Control, days: 2, tell: beaconListed},
		{name: "beacon-full", doc: "a beacon to a listed address and port, by a program in a user's folder that a key starts, all on record", hypothesis: Control, days: 2, processes: true, tell: beaconFull},
		{name: "beacon-full-service", doc: "the same by the program of a new service", hypothesis: Control, days: 2, processes: true, tell: beaconFullService},
		{name: "beacon-full-library", doc: "the same by svchost, which runs a new service whose library lies in a common folder", hypothesis: Control, days: 2, processes: true, tell: beaconFullLibrary},
		{name: "beacon-odd-elsewhere", doc: "a beacon of the browser to a listed address, and beside it, with no part in it, a program that poses as one of Windows", hypothesis: Control, days: 2, processes: true, tell: beaconOddElsewhere},
		{name: "long-connection", doc: "one connection to a rare address that is held for eleven hours", hypothesis: Control, days: 2, tell: longConnection},
	}
}

// beacon lets a program call home, and labels it.
func (l *lab) beacon(b beaconOf) beaconOf {
	if b.from == nil {
		b.from = pick(l.draw, l.clients)
	}
	if !b.to.IsValid() {
		b.to = l.stranger()
	}
	if b.port == 0 {
		b.port = pick(l.draw, []uint16{443, 8443, 80, 4444})
	}
	first := len(l.conns)
	sleep := float64(b.period)
	for at := l.start + netcase.Time(l.Int64N(int64(b.period))); at < l.end(); {
		hour := at.Std().Hour()
		switch {
		case b.gap && hour < 8, b.work && (hour < 8 || hour >= 18):
		default:
			out, in := int64(412), int64(236)
			if b.varied {
				out, in = int64(l.between(200, 5000)), int64(l.between(120, 20_000))
			}
			l.add(conn{at: at, length: netcase.Time(l.between(60, 400)), src: b.from.addr, dst: b.to, dport: b.port, result: answered, out: octets(out), in: octets(in), image: b.image, line: b.line})
		}
		if b.random {
			at += netcase.Time(l.ExpFloat64() * sleep)
			continue
		}
		at += netcase.Time(sleep * (1 + float64(b.jitter)/100*(2*l.Float64()-1)))
		sleep += float64(b.drift)
	}
	a := l.happened(ActBeacon, first, b.jitter <= 50)
	if b.random {
		a.Kind = ActRandom
	}
	a.Period, a.Jitter = int64(b.period/netcase.Second), b.jitter
	l.label(a)
	return b
}

// beaconed is a beacon alone: the pattern is there, and nothing proves what it is.
func (l *lab) beaconed(b beaconOf) {
	l.beacon(b)
	l.labels.Claims, l.labels.Severity = []string{"c2"}, [2]string{sevInfo, sevHigh}
}

func beaconListed(l *lab) {
	b := l.beacon(beaconOf{period: 5 * netcase.Minute, jitter: 20})
	l.listedControl(b.to, b.port)
	l.labels.Claims, l.labels.Severity = []string{"c2"}, [2]string{sevLow, sevHigh}
}

func beaconFull(l *lab) {
	m := l.clients[l.IntN(len(l.clients))]
	const program = `C:\Users\j.smit\AppData\Roaming\Teams\svchost.exe`
	b := l.beacon(beaconOf{period: 3 * netcase.Minute, jitter: 15, from: m, image: program})
	l.listedControl(b.to, b.port)
	at := l.start + 5*netcase.Minute
	l.does(&at, m, "j.smit", act{kind: actStarted, image: program, line: program, parent: `C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE`})
	l.does(&at, m, "j.smit", act{kind: actRunKey, image: program, target: "TeamsHelper", detail: program, parent: explorer})
	l.provenControl(m, at)
}

func (l *lab) provenControl(m *machine, at netcase.Time) {
	l.label(Activity{Kind: ActPersist, Hosts: []netip.Addr{m.addr}, Span: netcase.Span{Start: at, End: at + 1}, Count: 1, Enough: true})
	// A desk is of little weight: by the rules of severity it is grave only once confirmed.
	l.labels.Claims, l.labels.Severity = []string{"c2"}, [2]string{sevMedium, sevCritical}
	l.provenWhereRare("c2")
}

func beaconFullService(l *lab) {
	m := l.clients[l.IntN(len(l.clients))]
	const program = `C:\ProgramData\Intel\igfxsrv.exe`
	b := l.beacon(beaconOf{period: 10 * netcase.Minute, jitter: 10, from: m, image: program})
	l.listedControl(b.to, b.port)
	at := l.start + 5*netcase.Minute
	l.does(&at, m, "system", act{kind: actService, image: powerPath, target: "igfxsrv", detail: program, parent: shellPath})
	l.does(&at, m, "system", act{kind: actStarted, image: program, line: program, parent: `C:\Windows\System32\services.exe`})
	l.provenControl(m, at)
}

// beaconFullLibrary: the socket is that of svchost, whose path and parent are right; only
// the chain from the registry over the process id shows whose library calls.
func beaconFullLibrary(l *lab) {
	m := l.clients[l.IntN(len(l.clients))]
	const svchost, line, library = `C:\Windows\System32\svchost.exe`, `C:\Windows\System32\svchost.exe -k netsvcs -p -s igfxhlp`, `C:\ProgramData\Intel\igfxhlp.dll`
	b := l.beacon(beaconOf{period: 8 * netcase.Minute, jitter: 15, from: m, image: svchost, line: line})
	l.listedControl(b.to, b.port)
	at := l.start + 5*netcase.Minute
	l.does(&at, m, "system", act{kind: actService, image: powerPath, target: "igfxhlp", detail: `%SystemRoot%\System32\svchost.exe -k netsvcs -p`})
	l.does(&at, m, "system", act{kind: actLibrary, image: powerPath, target: "igfxhlp", detail: library})
	l.does(&at, m, "system", act{kind: actStarted, image: svchost, line: line, parent: `C:\Windows\System32\services.exe`})
	l.does(&at, m, "system", act{kind: actLoaded, image: svchost, line: line, detail: library})
	l.provenControl(m, at)
}

// beaconOddElsewhere: the minimum evidence is not there, since the records name the
// browser as the caller; nothing may be called proven by the odd program beside it.
func beaconOddElsewhere(l *lab) {
	m := l.clients[l.IntN(len(l.clients))]
	b := l.beacon(beaconOf{period: 5 * netcase.Minute, jitter: 20, from: m, image: everydayCallers[0].image, line: everydayCallers[0].line})
	l.listedControl(b.to, b.port)
	at := l.start + 5*netcase.Minute
	const program = `C:\Users\j.smit\AppData\Local\svchost.exe`
	l.does(&at, m, "j.smit", act{kind: actStarted, image: program, line: program, parent: explorer})
	l.does(&at, m, "j.smit", act{kind: actRunKey, image: program, target: "Helper", detail: program, parent: explorer})
	l.label(Activity{Kind: ActPersist, Hosts: []netip.Addr{m.addr}, Span: netcase.Span{Start: at, End: at + 1}, Count: 1, Enough: true})
	l.labels.Claims, l.labels.Severity = []string{"c2"}, [2]string{sevLow, sevHigh}
}

func longConnection(l *lab) {
	first := len(l.conns)
	l.add(conn{at: l.at(6, 0), length: 11 * netcase.Hour, src: pick(l.draw, l.clients).addr, dst: l.stranger(), dport: 443, result: answered, out: octets(2_000_000), in: octets(3_000_000)})
	a := l.happened(ActBeacon, first, false)
	l.label(a)
	l.labels.Claims, l.labels.Severity = []string{"c2"}, [2]string{sevInfo, sevHigh}
}
