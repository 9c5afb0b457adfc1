package simulate

import (
	"net/netip"

	"netcase"
)

// Rates of what happens anyway, an hour at the peak.
const (
	labVisits     = 14.0 // of all visitors
	labBrowsing   = 1.6  // of a desk
	labBackground = 3.2  // of one scanner that is always there
	labScanners   = 4
	labVisitors   = 90
)

// ordinary is what happens on every day of the office: people at their desks,
// servers, visitors, known people from outside, and the scanners that are always there.
func (l *lab) ordinary() {
	if l.ground.Silent {
		return
	}
	d := l.draw
	l.draw = newDraw(l.seed, partStory+1<<8)
	scanners := make([]netip.Addr, labScanners)
	asked := make([][]uint16, labScanners)
	for i := range scanners {
		scanners[i], asked[i] = l.stranger(), drawPorts(l.draw, backgroundPorts, 4)
	}
	visitors := make([]netip.Addr, labVisitors)
	for i := range visitors {
		visitors[i] = l.within(l.net24(visitorOctets))
	}
	for hour := l.start; hour < l.end(); hour += netcase.Hour {
		for _, m := range l.clients {
			l.desk(m, hour)
		}
		l.servers(hour)
		for range l.poisson(labVisits * webHour(hour)) {
			l.add(conn{at: l.millis(hour, netcase.Hour), length: netcase.Time(l.between(200, 9000)), src: pick(l.draw, visitors), dst: l.web.addr,
				dport: 443, result: answered, out: octets(int64(l.between(900, 6000))), in: octets(int64(l.between(4000, 90_000)))})
		}
		l.known(hour)
	}
	l.clocks()
	first := len(l.conns)
	for i, s := range scanners {
		for hour := l.start; hour < l.end(); hour += netcase.Hour {
			for range l.poisson(labBackground) {
				l.probe(l.millis(hour, netcase.Hour), s, pick(l.draw, l.public), pick(l.draw, asked[i]))
			}
		}
	}
	l.label(l.happened(ActScan, first, true))
	l.draw = d
}

// desk is an hour of one desk.
func (l *lab) desk(m *machine, hour netcase.Time) {
	level := office(hour)
	for range l.poisson(labBrowsing * level) {
		at := l.millis(hour, netcase.Hour)
		site := l.sites[min(l.IntN(siteCount), l.IntN(siteCount))]
		l.call(at-netcase.Time(l.between(20, 90)), m, l.domain.addr, 53, 70, 160)
		for range 1 + l.poisson(1.2) {
			l.call(at, m, site, 443, int64(l.between(700, 9000)), int64(l.between(3000, 400_000)))
			at += netcase.Time(l.between(200, 40_000))
		}
	}
	for range l.poisson(.5 * level) {
		l.call(l.millis(hour, netcase.Hour), m, l.files.addr, 445, int64(l.between(4000, 90_000)), int64(l.between(4000, 900_000)))
	}
	for range l.poisson(.25 * level) {
		at := l.millis(hour, netcase.Hour)
		l.call(at, m, l.domain.addr, 88, 1400, 1500)
		l.signins = append(l.signins, signIn{at: at, host: l.files, peer: m.addr, account: "user-" + m.name, result: signedIn, kind: 3, known: true})
		if l.chance(.03) { // a typing error, and then the right word
			l.signins = append(l.signins, signIn{at: at - 9*netcase.Second, host: l.files, peer: m.addr, account: "user-" + m.name, result: wrongPassword, kind: 3, known: true})
		}
	}
}

// servers is an hour of the machines that nobody sits at.
func (l *lab) servers(hour netcase.Time) {
	for range l.poisson(1.5) {
		m := pick(l.draw, l.public)
		l.call(l.millis(hour, netcase.Hour), m, l.sites[l.IntN(8)], 443, int64(l.between(900, 8000)), int64(l.between(2000, 60_000)))
	}
	if hour.Std().Hour() == 2 { // the nightly copy
		for _, m := range []*machine{l.files, l.domain} {
			l.call(l.millis(hour, 20*netcase.Minute), l.backup, m.addr, 445, 300_000, 900_000_000)
		}
	}
}

// known is an hour of the people outside who may administer.
func (l *lab) known(hour netcase.Time) {
	for range l.poisson(.4 * office(hour)) {
		l.enters(l.millis(hour, netcase.Hour), l.office, l.jump, "ops", netcase.Time(l.between(60, 1800))*netcase.Second)
	}
	for range l.poisson(.25 * office(hour)) {
		l.enters(l.millis(hour, netcase.Hour), l.worker, l.term, "m.visser", netcase.Time(l.between(60, 1800))*netcase.Second)
	}
}

// clocks is what every machine does by the clock: it asks for the time.
func (l *lab) clocks() {
	server := l.sites[siteCount-1]
	for _, m := range []*machine{l.domain, l.web, l.jump} {
		l.everyTick(m, server, 123, netcase.UDP, 1024*netcase.Second, 0)
	}
}

// everyTick is a connection by the clock, from the first to the last day.
func (l *lab) everyTick(m *machine, to netip.Addr, port uint16, proto uint8, every netcase.Time, wobble netcase.Time) {
	for at := l.start + netcase.Time(l.Int64N(int64(every))); at < l.end(); at += every {
		l.add(conn{at: at + netcase.Time(l.Int64N(int64(wobble)+1)), length: 40, src: m.addr, dst: to, dport: port, proto: proto, result: answered, out: size{1, 76}, in: size{1, 76}})
	}
}
