package simulate

import (
	"netcase"
)

func harmlessStories() []storyline {
	quiet := func(name, doc string, tell func(*lab)) storyline {
		return storyline{name: name, doc: doc, hypothesis: Misconfigured, days: 3, tell: func(l *lab) {
			tell(l)
			l.labels.Severity = [2]string{sevInfo, sevLow}
		}}
	}
	withLogs := func(s storyline) storyline { s.logins = true; s.formats = repliesFormats; return s }
	return []storyline{
		withLogs(quiet("office", "an office on ordinary days: nothing happens but the usual scanning", func(*lab) {})),
		quiet("time-service", "two desks ask a time server every 64 seconds", timeService),
		quiet("updates", "every desk looks for updates about once an hour", updates),
		quiet("heartbeat", "an agent on every desk reports to its vendor every minute", heartbeat),
		quiet("mail-polling", "a mail program asks its server every five minutes, to the second", mailPolling),
		quiet("push-service", "a telephone's push service is kept awake every four minutes", pushService),
		quiet("tunnel-keepalive", "a tunnel to a branch is kept alive every twenty seconds", tunnel),
		quiet("monitoring-inside", "the monitoring machine asks fifteen others every minute", monitoringInside),
		quiet("uptime-check", "a paid service outside asks the web server every minute", uptimeCheck),
		quiet("content-network", "desks fetch from a content network often and at random", contentNetwork),
		quiet("busy-pair", "one desk calls one address 288 times a day at random", busyPair),
		withLogs(quiet("stale-password", "a service with an old password fails to log in every ten minutes", stalePassword)),
		withLogs(quiet("typing-errors", "people mistype their passwords, and then do not", typingErrors)),
		quiet("nightly-backup", "the backup machine copies everything, as it does every night", func(*lab) {}),
		quiet("clock-change", "the night on which summer time begins: people come an hour earlier by the world's clock", clockChange),
	}
}

// periodic labels what began at the n-th flow as harmless and by the clock.
func (l *lab) periodic(first int, period netcase.Time) {
	a := l.happened(ActPeriodic, first, true)
	a.Period = int64(period / netcase.Second)
	l.label(a)
}

// ticks is a connection of a machine to a port by the clock, some of it late.
func (l *lab) ticks(m *machine, c conn, every, late netcase.Time) {
	for at := l.start + netcase.Time(l.Int64N(int64(every))); at < l.end(); at += every {
		c.at, c.src, c.result, c.length = at+netcase.Time(l.Int64N(int64(late)+1)), m.addr, answered, netcase.Time(l.between(60, 900))
		c.sport = l.ephemeral()
		l.add(c)
	}
}

func timeService(l *lab) {
	first := len(l.conns)
	for _, m := range l.clients[:2] {
		l.everyTick(m, l.sites[siteCount-2], 123, netcase.UDP, 64*netcase.Second, 30)
	}
	l.periodic(first, 64*netcase.Second)
}

func updates(l *lab) {
	first := len(l.conns)
	to := l.sites[5]
	for _, m := range l.clients {
		l.ticks(m, conn{dst: to, dport: 443, out: octets(900), in: octets(2400), name: "ctldl.windowsupdate.com"}, netcase.Hour, 18*netcase.Minute)
	}
	l.periodic(first, netcase.Hour)
}

func heartbeat(l *lab) {
	first := len(l.conns)
	to := l.sites[6]
	for _, m := range l.clients {
		l.ticks(m, conn{dst: to, dport: 443, out: octets(1100), in: octets(480), name: "winatp-gw-weu.microsoft.com"}, 5*netcase.Minute, 2*netcase.Second)
	}
	l.periodic(first, 5*netcase.Minute)
}

func mailPolling(l *lab) {
	first := len(l.conns)
	for _, m := range l.clients[:12] {
		l.ticks(m, conn{dst: l.sites[7], dport: 993, out: octets(700), in: octets(1900)}, 5*netcase.Minute, 0)
	}
	l.periodic(first, 5*netcase.Minute)
}

func pushService(l *lab) {
	first := len(l.conns)
	l.ticks(l.clients[4], conn{dst: l.sites[8], dport: 5223, out: octets(300), in: octets(200)}, 4*netcase.Minute, 3*netcase.Second)
	l.periodic(first, 4*netcase.Minute)
}

func tunnel(l *lab) {
	first := len(l.conns)
	l.ticks(l.public[5], conn{dst: l.sites[9], dport: 4500, proto: netcase.UDP, out: size{1, 29}, in: size{1, 29}}, 20*netcase.Second, 200)
	l.periodic(first, 20*netcase.Second)
}

func monitoringInside(l *lab) {
	first := len(l.conns)
	for _, m := range l.machines[:15] {
		l.ticks(l.monitor, conn{dst: m.addr, dport: monitorPort, out: octets(400), in: octets(900)}, netcase.Minute, 300)
	}
	l.periodic(first, netcase.Minute)
}

func uptimeCheck(l *lab) {
	first := len(l.conns)
	from := l.within(l.net24(visitorOctets))
	for at := l.start + 7000; at < l.end(); at += netcase.Minute {
		l.add(conn{at: at, length: 300, src: from, dst: l.web.addr, dport: 443, result: answered, out: octets(600), in: octets(4000)})
	}
	l.periodic(first, netcase.Minute)
}

func contentNetwork(l *lab) {
	first := len(l.conns)
	for hour := l.start; hour < l.end(); hour += netcase.Hour {
		for range l.poisson(60 * office(hour)) {
			l.call(l.millis(hour, netcase.Hour), pick(l.draw, l.clients), l.sites[10+l.IntN(3)], 443, int64(l.between(500, 2000)), int64(l.between(20_000, 4_000_000)))
		}
	}
	l.label(l.happened(ActRandom, first, true))
}

func busyPair(l *lab) {
	l.beacon(beaconOf{period: 5 * netcase.Minute, random: true, to: l.sites[20]})
}

func stalePassword(l *lab) {
	app := l.public[6]
	l.attempts(ActTypo, false, func() {
		for at := l.start + 3*netcase.Minute; at < l.end(); at += 10 * netcase.Minute {
			l.call(at, app, l.files.addr, 445, 3000, 2000)
			l.signins = append(l.signins, signIn{at: at, host: l.files, peer: app.addr, account: "svc-report", result: wrongPassword, kind: 3, known: true})
		}
	})
	l.changes = append(l.changes, netcase.Change{Start: l.start, End: l.start + netcase.Hour, Reason: "password of svc-report changed"})
}

func typingErrors(l *lab) {
	l.attempts(ActTypo, false, func() {
		for _, m := range l.clients {
			at := l.millis(l.at(8, 0), 2*netcase.Hour)
			for range l.between(1, 3) {
				l.signins = append(l.signins, signIn{at: at, host: l.files, peer: m.addr, account: "user-" + m.name, result: wrongPassword, kind: 3, known: true})
				at += netcase.Time(l.between(4, 15)) * netcase.Second
			}
			l.signins = append(l.signins, signIn{at: at, host: l.files, peer: m.addr, account: "user-" + m.name, result: signedIn, kind: 3, known: true})
		}
	})
}

// clockChange moves what people did after the change an hour forward in the world's
// time. On other dates than the right one that is a shift all the same.
func clockChange(l *lab) {
	change := l.lastDay() + netcase.Hour
	for i := range l.conns {
		if c := &l.conns[i]; c.at >= change+netcase.Hour {
			c.at -= netcase.Hour
		}
	}
}
