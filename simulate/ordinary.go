package simulate

import (
	"net/netip"
	"slices"
	"time"

	"netcase"
)

// rhythm is how much of its peak something has at an hour, 0 to 1.
type rhythm func(hour netcase.Time) float64

// Parts of the peak that remain on a weekend day. They stay above one half: an
// ordinary Monday after a weekend is not a spike.
const (
	weekendOffice = 0.65
	weekendWeb    = 0.9
)

var officeDay = [24]float64{
	.08, .08, .08, .08, .08, .1, .2, .45, .8, 1, 1, .95, .75, .9, 1, 1, .95, .75, .4, .25, .18, .14, .1, .08,
}

var webDay = [24]float64{
	.5, .46, .44, .44, .46, .5, .58, .68, .78, .86, .92, .95, .95, .96, .98, 1, 1, .98, .96, .95, .9, .82, .7, .58,
}

func steady(netcase.Time) float64       { return 1 }
func office(hour netcase.Time) float64  { return daily(hour, officeDay, weekendOffice) }
func webHour(hour netcase.Time) float64 { return daily(hour, webDay, weekendWeb) }

func daily(hour netcase.Time, curve [24]float64, weekend float64) float64 {
	t := hour.Std()
	v := curve[t.Hour()]
	if day := t.Weekday(); day == time.Saturday || day == time.Sunday {
		v *= weekend
	}
	return v
}

// service is something outside that our machines use.
type service struct {
	place place
	addrs []netip.Addr
}

func azure(region string, addrs ...netip.Addr) service { return service{place{true, region}, addrs} }
func abroad(country string, addrs ...netip.Addr) service {
	return service{place{false, country}, addrs}
}

func ip(a, b, c, e byte) netip.Addr { return netip.AddrFrom4([4]byte{a, b, c, e}) }

// Services that many estates use.
var (
	office365 = azure("westeurope", ip(52, 97, 137, 66), ip(52, 98, 207, 210), ip(40, 99, 201, 162), ip(52, 113, 194, 132))
	entraID   = azure("northeurope", ip(20, 190, 159, 4), ip(20, 190, 159, 71), ip(40, 126, 31, 69))
	telemetry = azure("northeurope", ip(20, 50, 73, 9), ip(20, 38, 85, 152), ip(52, 239, 137, 4))
	timeHost  = azure("westeurope", ip(20, 101, 57, 9))
	cdn       = abroad("us", ip(104, 18, 32, 47), ip(104, 16, 132, 229), ip(151, 101, 65, 140), ip(23, 55, 178, 84))
	saas      = abroad("ie", ip(13, 110, 36, 4), ip(34, 251, 201, 224), ip(140, 82, 121, 4), ip(142, 250, 179, 132))
	ocsp      = abroad("us", ip(23, 215, 0, 133), ip(104, 18, 38, 233))
	packages  = abroad("gb", ip(185, 125, 190, 36), ip(185, 125, 190, 39))
)

func services() []service {
	return []service{office365, entraID, telemetry, timeHost, cdn, saas, ocsp, packages}
}

// habit is something that the machines of a role do again and again.
type habit struct {
	from    []role
	to      []role   // machines of ours, or
	outside *service // a service
	port    uint16
	proto   uint8
	perHour float64 // a machine, at the peak
	rhythm  rhythm
	out, in size // typical
	owner   owner
}

var (
	servers = []role{roleWeb, roleJump, roleMonitor, roleBackup, roleApp, roleWinApp, roleSQL, roleFile, rolePay, roleDC}
	clients = []role{roleDesktop}
)

func habits() []habit {
	return []habit{
		{clients, nil, &office365, 443, netcase.TCP, 3, office, size{18, 4200}, size{22, 16500}, outlook},
		{clients, nil, &entraID, 443, netcase.TCP, .6, office, size{14, 5200}, size{14, 9800}, edge},
		{clients, nil, &saas, 443, netcase.TCP, 2.4, office, size{24, 5100}, size{40, 42000}, edge},
		{clients, nil, &cdn, 443, netcase.TCP, 1.6, office, size{30, 3900}, size{70, 88000}, edge},
		{clients, nil, &ocsp, 80, netcase.TCP, .12, office, size{6, 520}, size{5, 2100}, cryptSvc},
		{clients, []role{roleDC}, nil, 53, netcase.UDP, 3, office, size{1, 76}, size{1, 180}, dnsCache},
		{clients, []role{roleDC}, nil, 88, netcase.TCP, .4, office, size{5, 2300}, size{5, 2100}, lsass},
		{clients, []role{roleFile}, nil, 445, netcase.TCP, .9, office, size{60, 14000}, size{80, 96000}, system},
		{servers, nil, &telemetry, 443, netcase.TCP, 1.1, steady, size{16, 7300}, size{14, 5200}, agent},
		{servers, nil, &packages, 443, netcase.TCP, .08, steady, size{12, 2100}, size{60, 74000}, agent},
		{servers, []role{roleDC}, nil, 53, netcase.UDP, .7, steady, size{1, 74}, size{1, 172}, dnsCache},
		{[]role{roleWeb}, []role{roleApp}, nil, 443, netcase.TCP, 14, webHour, size{12, 3100}, size{14, 9600}, none},
		{[]role{roleApp}, []role{roleSQL}, nil, 1433, netcase.TCP, 9, webHour, size{20, 4800}, size{24, 15600}, none},
		{[]role{roleApp}, []role{rolePay}, nil, 443, netcase.TCP, .8, webHour, size{12, 3400}, size{10, 2800}, none},
		{[]role{roleBackup}, []role{roleSQL, roleFile}, nil, 445, netcase.TCP, .5, steady, size{90, 16000}, size{900, 1250000}, none},
		{[]role{roleJump}, []role{roleWinApp}, nil, 3389, netcase.TCP, .5, office, size{420, 61000}, size{610, 540000}, none},
		{[]role{roleJump}, []role{roleWeb, roleApp}, nil, 22, netcase.TCP, .8, office, size{140, 19000}, size{160, 46000}, none},
	}
}

// ordinaryTraffic is what would have happened anyway.
func (w *world) ordinaryTraffic() {
	for _, s := range services() {
		for _, a := range s.addrs {
			w.places[a] = s.place
		}
	}
	d := newDraw(w.seed, partOrdinary)
	list := habits()
	for hour := w.start; hour < w.end; hour += netcase.Hour {
		for i := range list {
			w.follow(d, &list[i], hour)
		}
		w.administer(d, hour)
	}
	w.clockwork(d)
	w.visitors(newDraw(w.seed, partVisitors))
	w.backgroundTraffic(newDraw(w.seed, partBackground+1<<8))
}

// follow lets the machines of a role keep a habit for an hour.
func (w *world) follow(d draw, h *habit, hour netcase.Time) {
	mean := h.perHour * h.rhythm(hour)
	targets := w.with(h.to...)
	for _, i := range w.with(h.from...) {
		for range d.poisson(mean) {
			f := flow{at: d.instant(hour), src: w.hosts[i].addr, sport: d.ephemeral(), dport: h.port, proto: h.proto, owner: h.owner}
			if h.outside != nil {
				f.dst = pick(d, h.outside.addrs)
			} else {
				f.dst = w.hosts[d.usual(targets, i)].addr
			}
			if f.dst != f.src {
				w.happen(d.sized(f, h.out, h.in))
			}
		}
	}
}

// usual is the target that a machine mostly turns to, at times another.
func (d draw) usual(targets []int, machine int) int {
	const faithful = .9
	if d.chance(faithful) {
		return targets[machine%len(targets)]
	}
	return pick(d, targets)
}

// sized gives a flow sizes around the typical ones, and a length to match.
func (d draw) sized(f flow, out, in size) flow {
	factor := 0.4 + float64(1.2*d.Float64()) // the conversion keeps machines from fusing the two
	f.out, f.in = out.times(factor), in.times(factor)
	f.length = netcase.Time(1+d.IntN(int(2+f.in.packets))) * netcase.Second
	return f
}

func (s size) times(factor float64) size {
	p := max(int64(float64(s.packets)*factor), 1)
	return size{p, max(int64(float64(s.octets)*factor), p*40)}
}

// administer is the work of known people from outside: the office on the jump
// host, and a worker at home on the public desktop.
func (w *world) administer(d draw, hour netcase.Time) {
	jump, client := w.targets[0], w.targets[2]
	for range d.poisson(.7 * office(hour)) {
		f := flow{at: d.instant(hour), src: w.office, dst: w.hosts[jump].addr, sport: d.ephemeral(), dport: sshPort, proto: netcase.TCP}
		w.happen(d.sized(f, size{300, 41000}, size{280, 96000}))
	}
	for range d.poisson(.8 * office(hour)) {
		f := flow{at: d.instant(hour), src: w.worker, dst: w.hosts[client].addr, sport: d.ephemeral(), dport: rdpPort, proto: netcase.TCP}
		w.happen(d.sized(f, size{5200, 690000}, size{9100, 8900000}))
	}
}

// watched is what the monitoring host looks after.
var watched = []role{roleWeb, roleWinApp, roleSQL, roleFile, rolePay, roleDC}

// clockwork is what runs by the clock: health probes of the platform, the
// monitoring host, a paid uptime check from outside, and the time service.
func (w *world) clockwork(d draw) {
	uptime := d.within(d.net24(visitorOctets))
	w.places[uptime] = place{name: "ie"}
	webs, monitor := w.with(roleWeb), w.hosts[w.with(roleMonitor)[0]].addr
	tick := func(every netcase.Time, f flow, out, in size) {
		phase := netcase.Time(d.IntN(int(every/netcase.Second))) * netcase.Second
		for f.at = w.start + phase; f.at < w.end; f.at += every {
			f.sport = d.ephemeral()
			f.out, f.in, f.length = out, in, netcase.Second
			w.happen(f)
		}
	}
	for _, i := range webs {
		tick(5*netcase.Minute, flow{src: platform, dst: w.hosts[i].addr, dport: 80, proto: netcase.TCP}, size{5, 420}, size{4, 610})
	}
	tick(5*netcase.Minute, flow{src: uptime, dst: w.hosts[webs[0]].addr, dport: 443, proto: netcase.TCP}, size{9, 1400}, size{10, 6200})
	for i := range w.hosts {
		h := &w.hosts[i]
		if slices.Contains(watched, h.role) {
			tick(15*netcase.Minute, flow{src: monitor, dst: h.addr, dport: monitorPort, proto: netcase.TCP}, size{6, 700}, size{6, 1900})
		}
		if h.role == roleDC {
			tick(1024*netcase.Second, flow{src: h.addr, dst: timeHost.addrs[0], dport: 123, proto: netcase.UDP}, size{1, 76}, size{1, 76})
		}
	}
}

// Visitors of the web hosts.
const (
	visitorCount  = 420
	visitsPerHour = 78 // at the peak, of all web hosts
)

// visitors come to the web hosts, some of them often.
func (w *world) visitors(d draw) {
	countries := []string{"nl", "nl", "nl", "de", "de", "gb", "fr", "us", "be"}
	addrs := make([]netip.Addr, visitorCount)
	for i := range addrs {
		addrs[i] = d.within(d.net24(visitorOctets))
		w.places[addrs[i]] = place{name: pick(d, countries)}
	}
	webs := w.with(roleWeb)
	for hour := w.start; hour < w.end; hour += netcase.Hour {
		for range d.poisson(visitsPerHour * webHour(hour)) {
			visitor := addrs[min(d.IntN(visitorCount), d.IntN(visitorCount))]
			w.visit(d, visitor, w.hosts[pick(d, webs)].addr, d.instant(hour))
		}
	}
}

// visit is one or a few flows to the web, the first of them at times unencrypted.
func (w *world) visit(d draw, src, dst netip.Addr, at netcase.Time) {
	if d.chance(.15) {
		f := flow{at: at, src: src, dst: dst, sport: d.ephemeral(), dport: 80, proto: netcase.TCP}
		w.happen(d.sized(f, size{5, 520}, size{4, 700}))
	}
	for range 1 + d.IntN(3) {
		f := flow{at: at, src: src, dst: dst, sport: d.ephemeral(), dport: 443, proto: netcase.TCP}
		w.happen(d.sized(f, size{16, 3200}, size{24, 26000}))
	}
}

// Background scanning: always there, always about as much.
const (
	backgroundSources = 8
	backgroundPerHour = 5.5 // flows of one source
)

var backgroundPorts = []uint16{21, 22, 23, 25, 80, 443, 445, 1433, 3306, 5900, 8080, 8443}

// planBackground draws the sources that scan all the time. The first is a
// research scanner that says so.
func (w *world) planBackground(d draw) []scanner {
	var out []scanner
	for i, net := range d.nets(backgroundSources, scannerOctets) {
		s := scanner{addr: d.within(net), ports: drawPorts(d, backgroundPorts, 5)}
		if i == 0 && w.exposed {
			s.ports = append(s.ports, rdpPort)
		}
		w.places[s.addr] = place{name: pick(d, []string{"us", "nl", "cn", "bg", "vn"})}
		out = append(out, s)
	}
	return out
}

func (w *world) backgroundTraffic(d draw) {
	public := w.publicHosts()
	for hour := w.start; hour < w.end; hour += netcase.Hour {
		for _, s := range w.background {
			for range d.poisson(backgroundPerHour) {
				w.probe(d, s.addr, w.hosts[pick(d, public)].addr, pick(d, s.ports), hour)
			}
		}
	}
}

// probe is one attempt of a scanner: what is open answers with little, for
// nobody logs in.
func (w *world) probe(d draw, src, dst netip.Addr, port uint16, hour netcase.Time) {
	out, in := int64(d.between(3, 6)), int64(d.between(2, 5))
	w.happen(flow{
		at: d.instant(hour), src: src, dst: dst, sport: d.ephemeral(), dport: port, proto: netcase.TCP,
		length: netcase.Time(d.between(1, 9)) * netcase.Second,
		out:    size{out, out*40 + int64(d.between(20, 260))},
		in:     size{in, in*40 + int64(d.between(20, 700))},
	})
}
