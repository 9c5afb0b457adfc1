package simulate

import (
	"net/netip"

	"netcase"
)

func floodStories() []storyline {
	return []storyline{
		{name: "flood", doc: "thousands of sources ask a web server at once: it answers one in seven of them, and hardly any visitor", hypothesis: Flood, days: 5, formats: floodFormats, tell: func(l *lab) { l.flood(.15) }},
		{name: "flood-exhausted", doc: "the same, and it answers next to nobody", hypothesis: Flood, days: 5, formats: floodFormats, tell: func(l *lab) { l.flood(.001) }},
		{name: "flood-spoofed", doc: "every packet from another address, and visitors no longer get an answer", hypothesis: Flood, days: 5, formats: floodFormats, tell: floodSpoofed},
		{name: "crowd", doc: "a press release brings ten times the visitors for two hours, and all are served", hypothesis: Misconfigured, days: 5, formats: floodFormats, tell: crowd},
	}
}

// floodFormats record whether the server replied.
var floodFormats = []string{formatZeek, formatEVE}

const floodMinutes = 50

// visited is a web server that many people use, on every day of the story.
func (l *lab) visited() {
	const perHour = 150.0
	for hour := l.start; hour < l.end(); hour += netcase.Hour {
		for range l.poisson(perHour * webHour(hour)) {
			l.add(conn{at: l.millis(hour, netcase.Hour), length: netcase.Time(l.between(200, 9000)), src: l.within(l.net24(visitorOctets)), dst: l.web.addr,
				dport: 443, result: answered, out: octets(int64(l.between(900, 6000))), in: octets(int64(l.between(4000, 90_000)))})
		}
	}
}

// flood lets many sources ask, of whom a share is answered.
func (l *lab) flood(served float64) {
	l.visited()
	first := len(l.conns)
	from := l.at(l.between(9, 16), 0)
	sources := make([]netip.Addr, 1500)
	for i := range sources {
		sources[i] = l.stranger()
	}
	for range 9000 {
		at := l.millis(from, floodMinutes*netcase.Minute)
		c := conn{at: at, src: pick(l.draw, sources), dst: l.web.addr, dport: 443, result: unanswered}
		if l.chance(served) {
			c.result, c.out, c.in = answered, size{4, 500}, size{3, 400}
		}
		l.add(c)
	}
	l.flooded(first, from)
}

func floodSpoofed(l *lab) {
	l.visited()
	first := len(l.conns)
	from := l.at(l.between(9, 16), 0)
	for range 12_000 {
		l.add(conn{at: l.millis(from, floodMinutes*netcase.Minute), src: netip.AddrFrom4([4]byte{byte(l.between(11, 99)), byte(l.IntN(256)), byte(l.IntN(256)), byte(l.between(1, 254))}), dst: l.web.addr, dport: 443, result: unanswered})
	}
	l.flooded(first, from)
}

// flooded labels a flood; what the visitors asked for meanwhile got no answer.
func (l *lab) flooded(first int, from netcase.Time) {
	for i := range l.conns[:first] {
		c := &l.conns[i]
		if c.dst == l.web.addr && c.dport == 443 && c.at >= from && c.at < from+floodMinutes*netcase.Minute && l.chance(.9) {
			c.result, c.in = unanswered, size{}
		}
	}
	a := l.happened(ActFlood, first, true)
	a.Sources = a.Sources[:min(len(a.Sources), 20)]
	l.label(a)
	l.labels.Lead, l.labels.Severity = []string{Flood}, [2]string{sevLow, sevHigh}
}

func crowd(l *lab) {
	l.visited()
	first := len(l.conns)
	from := l.at(10, 0)
	for range 3600 {
		l.add(conn{at: l.millis(from, 2*netcase.Hour), length: netcase.Time(l.between(200, 9000)), src: l.within(l.net24(visitorOctets)), dst: l.web.addr, dport: 443, result: answered,
			out: octets(int64(l.between(900, 6000))), in: octets(int64(l.between(4000, 90_000)))})
	}
	a := l.happened(ActCrowd, first, true)
	a.Sources = a.Sources[:min(len(a.Sources), 20)]
	l.label(a)
	l.labels.Severity = [2]string{sevInfo, sevLow}
}
