package simulate

import (
	"netcase"
)

func artefactStories() []storyline {
	return []storyline{
		{name: "grid-hour", doc: "three sources ask three machines for four ports in every hour, and the log has one row an hour for each", hypothesis: Artefact, days: 2, formats: []string{formatTraffic60}, tell: func(l *lab) { l.grid(netcase.Hour) }},
		{name: "grid-ten", doc: "the same within every ten minutes, one row for each", hypothesis: Artefact, days: 2, formats: []string{formatTraffic10}, tell: func(l *lab) { l.grid(10 * netcase.Minute) }},
		{name: "grid-minutes", doc: "the same in a cloud's log that sums ten minutes", hypothesis: Artefact, days: 2, formats: []string{formatAWS600}, tell: func(l *lab) { l.grid(10 * netcase.Minute) }},
		{name: "grid-endpoint", doc: "much the same on machines that answer, as an endpoint sensor tells it, which leaves repeats out", hypothesis: Background, days: 2, formats: []string{formatDefender}, tell: gridEndpoint},
		{name: "grid-raw", doc: "the same in a log of every flow: the counts are what happened", hypothesis: Background, days: 2, formats: []string{formatZeek, formatNSG, formatAWS60}, tell: gridRaw},
		{name: "beacon-through-hours", doc: "a beacon of five minutes in a log of hours: whether it is one cannot be known", hypothesis: Artefact, days: 2, formats: []string{formatTraffic60, formatTraffic10}, tell: beaconThrough},
		{name: "random-through-hours", doc: "a busy pair without any cadence in a log of hours", hypothesis: Artefact, days: 2, formats: []string{formatTraffic60, formatTraffic10}, tell: randomThrough},
		{name: "outage", doc: "a sensor is silent for two hours, and then tells everything twice", hypothesis: Artefact, days: 5, formats: []string{formatZeek}, tell: outage},
		{name: "two-sensors", doc: "two sensors report the same traffic", hypothesis: Background, days: 3, formats: []string{formatTwice}, tell: twoSensors},
	}
}

// grid lets three sources ask three machines for four ports at least once in every
// interval of a day, some of them oftener.
func (l *lab) grid(every netcase.Time) {
	first := len(l.conns)
	ports := []uint16{22, 23, 80, rdpPort}
	for _, src := range l.strangers(3) {
		l.listed(src, "AbuseIPDB", "Port Scan")
		source := l.ephemeral() // tools of this kind keep their own port
		for at := l.lastDay(); at < l.end(); at += every {
			for _, m := range l.public[3:6] {
				for _, port := range ports {
					for range 1 + l.poisson(.2) {
						c := conn{at: l.millis(at, every), src: src, dst: m.addr, sport: source, dport: port, result: denied}
						l.add(c)
					}
				}
			}
		}
	}
	l.label(l.happened(ActScan, first, false)) // three machines are fewer than the definition asks for
	l.labels.Lead, l.labels.Artefact, l.labels.Severity = []string{Background}, true, [2]string{sevInfo, sevLow}
}

func gridRaw(l *lab) {
	l.grid(netcase.Hour)
	l.labels.Artefact = false
}

func gridEndpoint(l *lab) {
	for _, m := range l.public[3:6] {
		m.listens = []uint16{22, 80, rdpPort}
	}
	first := len(l.conns)
	for _, src := range l.strangers(3) {
		l.listed(src, "AbuseIPDB", "Port Scan")
		for at := l.lastDay(); at < l.end(); at += netcase.Hour {
			for _, m := range l.public[3:6] {
				for _, port := range m.listens {
					for range 1 + l.poisson(2) {
						l.probe(l.millis(at, netcase.Hour), src, m, port)
					}
				}
			}
		}
	}
	l.label(l.happened(ActScan, first, false))
	for i := range l.labels.Activities { // the sensor does not see what nothing answers
		l.labels.Activities[i].Enough = false
	}
	l.labels.Lead, l.labels.Severity = []string{Background}, [2]string{sevMedium, sevMedium}
}

func beaconThrough(l *lab) {
	l.beacon(beaconOf{period: 5 * netcase.Minute})
	l.labels.Claims, l.labels.Artefact, l.labels.Severity = []string{"c2"}, true, [2]string{sevInfo, sevHigh}
}

func randomThrough(l *lab) {
	busyPair(l)
	l.labels.Artefact, l.labels.Severity = true, [2]string{sevInfo, sevLow}
}

func outage(l *lab) {
	silent := netcase.Span{Start: l.at(10, 0), End: l.at(12, 0)}
	again := netcase.Span{Start: silent.End, End: silent.End + 2*netcase.Hour}
	var kept []conn
	for _, c := range l.conns {
		if silent.Contains(c.at) {
			continue
		}
		kept = append(kept, c)
		if again.Contains(c.at) {
			c.sport = l.ephemeral()
			kept = append(kept, c)
		}
	}
	l.conns = kept
	l.labels.Artefact, l.labels.Severity = true, [2]string{sevInfo, sevLow}
}

func twoSensors(l *lab) {
	l.sweeps(20, sshPort, rdpPort)
	l.labels.Lead, l.labels.Severity = []string{Background}, [2]string{sevInfo, sevLow}
}
