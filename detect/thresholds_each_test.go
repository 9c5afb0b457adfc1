package detect

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
)

// bite is data in which thresholds decide what is found.
type bite struct {
	what string // what is set: name=value, several with blanks between them
	data netcase.Batch
	site netcase.Site
}

// eachBites checks that what is set changes what a detector finds.
func eachBites(t *testing.T, d Detector, all []bite) {
	t.Helper()
	for _, b := range all {
		before, after := b.said(t, d, ""), b.said(t, d, b.what)
		if before == after {
			t.Errorf("%s: %s changes nothing: %q", d.Name, b.what, before)
		}
	}
}

// said is the kinds and the titles of what a detector finds, the results of its tests, and
// what explains an excess.
func (b *bite) said(t *testing.T, d Detector, set string) string {
	t.Helper()
	config := DefaultConfig()
	for _, x := range strings.Fields(set) {
		name, value, _ := strings.Cut(x, "=")
		if err := config.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := config.Check(); err != nil {
		t.Fatal(err)
	}
	r, err := Run(context.Background(), Request{Config: config, Site: &b.site, Answerer: cube.Of(b.site, "in-1", b.data), Detectors: []Detector{d}})
	if err != nil || !r.Runs[0].OK {
		t.Fatal(err, r.Runs)
	}
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Kind+": "+f.Title)
		switch {
		case f.Artefact != nil:
			out = append(out, results(f.Artefact))
		case f.Spike != nil:
			out = append(out, fmt.Sprint(f.Spike.Attribution, f.Spike.Cells, f.Spike.Fine, f.Spike.Described))
		case f.Flood != nil:
			out = append(out, fmt.Sprintf("%+v", *f.Flood))
		case f.Process != nil:
			out = append(out, fmt.Sprint(f.Limits))
		case f.Auth != nil:
			out = append(out, fmt.Sprintf("%+v", *f.Auth))
		case f.Scan != nil:
			out = append(out, fmt.Sprint(f.Scan.JoinedBy, f.Scan.Coordination))
		}
	}
	return strings.Join(out, "\n")
}

// flowsOf is the flows of a scene.
func flowsOf(build func(*scene)) netcase.Batch {
	s := &scene{}
	build(s)
	return netcase.Batch{Flows: s.flows, Logins: s.logins}
}

func TestClockThresholdsBite(t *testing.T) {
	behind := func(at netcase.Time) netcase.Time { return at + 2*netcase.Minute }
	late := flowsOf(func(s *scene) { s.twice(rand.New(rand.NewPCG(1, 9)), 60, behind) })
	busy := flowsOf(func(s *scene) {
		for range 3 {
			s.twice(rand.New(rand.NewPCG(1, 9)), 60, behind)
		}
	})
	half := flowsOf(func(s *scene) {
		s.twice(rand.New(rand.NewPCG(1, 9)), 60, func(at netcase.Time) netcase.Time { return at + netcase.Time(b2i(at%3 > 0))*netcase.Hour })
	})
	gap := func(days, perHour int) netcase.Batch {
		return flowsOf(func(s *scene) {
			steady(s, "zeek", days, perHour, func(day, h int) bool { return day == days/2 && h >= 10 && h < 13 })
		})
	}
	beside := flowsOf(func(s *scene) {
		steady(s, "zeek", 1, 12, func(_, h int) bool { return h >= 10 && h < 13 })
		steady(s, "suricata", 1, 15, nil)
		s.flows = slices.DeleteFunc(s.flows, func(f netcase.Flow) bool {
			h := f.Start.Hour() % 24
			return h >= 10 && h < 13 && int(f.Start/netcase.Minute)%4 == 0
		})
	})
	same := flowsOf(func(s *scene) {
		steady(s, "zeek", 1, 20, nil)
		for i, f := range s.flows {
			if f.Sensor = "copy"; i%33 == 0 {
				f.DstPort = 8443
			}
			s.flows = append(s.flows, f)
		}
	})
	eachBites(t, clock(), []bite{
		{what: "clock.tolerance=3m", data: late},
		{what: "clock.reach=1m", data: late},
		{what: "clock.pairs=100", data: late},
		{what: "clock.flows=1", data: busy},
		{what: "clock.share=0.9", data: half},
		{what: "silence.usual=30", data: gap(5, 12)},
		{what: "silence.days=5", data: gap(5, 12)},
		{what: "silence.apart=2h", data: gap(5, 12)},
		{what: "silence.lull=2h", data: gap(1, 40)},
		{what: "silence.beside=50", data: gap(1, 40)},
		{what: "silence.others=1", data: beside},
		{what: "twins.cells=1000", data: same},
		{what: "twins.share=0.99", data: same},
	})
}

func TestArtefactThresholdsBite(t *testing.T) {
	places := func(at func(i int) netcase.Time) netcase.Batch { // of one source, four ports of one host
		w := newTraffic()
		for i := range 288 {
			for _, port := range seedPorts() {
				w.row(monday+netcase.Time(i*5)*netcase.Minute+at(i), "91.20.30.40", "10.0.0.4", port, netcase.ResolutionUnknown, 1)
			}
		}
		return w.batch
	}
	onTheMinute := places(func(int) netcase.Time { return 0 })
	nearIt := places(func(i int) netcase.Time { return netcase.Time(i%3) * netcase.Second })
	mixed := places(func(i int) netcase.Time { return netcase.Time(b2i(i%20 == 0) * 137) })
	w := newTraffic()
	for i := range 48 { // on one tuple, where only its place in the hour tells a schedule
		w.row(monday+netcase.Time(i)*netcase.Hour+netcase.Time(130+i%15)*netcase.Second, "91.20.30.40", "10.0.0.4", 22, netcase.ResolutionUnknown, 1)
	}
	scheduled := w.batch
	day := hourly(1, 1, []uint16{3389}, 24, netcase.ResolutionUnknown, nil).batch
	seed := seedCounts().batch
	eachBites(t, artefact(), []bite{
		{what: "artefact.records=30", data: day},
		{what: "artefact.cap.cells=30", data: day},
		{what: "artefact.cap.p=1e-12", data: day},
		{what: "artefact.cap.grid=2h", data: day},
		{what: "artefact.product.slack=0.001", data: seed},
		{what: "artefact.equal.p=1e-9", data: seed},
		{what: "artefact.equal.counts=4", data: seed},
		{what: "artefact.equal.share=0.001 artefact.product.slack=0.001", data: seed},
		{what: "artefact.counters=0.5", data: seed},
		{what: "artefact.fractions=0.01", data: mixed},
		{what: "artefact.records=2000", data: onTheMinute},
		{what: "artefact.grid.near=2s", data: nearIt},
		{what: "artefact.grid.share=0.5", data: nearIt},
		{what: "artefact.phase.starts=300", data: scheduled},
		{what: "artefact.phase.r=1", data: scheduled},
	})
}

func TestSpikeThresholdsBite(t *testing.T) {
	notShort(t)
	rise := func(hours int) netcase.Batch {
		w := newTraffic()
		w.noise(0, hours, 40, 5)
		w.flows(hours-2, "45.95.147.9", "10.0.0.4", 22, 400)
		w.flows(hours-2, "45.95.148.9", "10.0.0.5", 23, 300)
		return w.batch
	}
	counts := func(build func(*traffic)) netcase.Batch {
		w := newTraffic()
		build(w)
		return w.batch
	}
	hidden := counts(func(w *traffic) {
		w.noise(0, 120, 900, 6)
		for h := range 120 {
			w.flows(h, "45.9.77.7", "10.0.0.4", 3389, 6+h%3)
		}
		w.flows(100, "91.20.30.40", "10.0.0.5", 3389, 300)
	})
	heldBack := counts(func(w *traffic) {
		w.noise(0, 100, 50, 7)
		w.flows(102, "45.9.21.11", "10.0.0.4", 22, 190)
		w.noise(103, 120, 50, 9)
	})
	newSensor := counts(func(w *traffic) {
		w.noise(0, 96, 50, 10)
		for h := 90; h < 96; h++ {
			w.record(h, "91.20.30.40", "10.0.9.9", 443, 300, netcase.ReachAllowed, "fw-new")
			w.flows(h, "45.9.21.11", "10.0.0.4", 22, 100)
		}
	})
	hours := counts(func(w *traffic) {
		w.noise(0, 96, 50, 10)
		for h := 80; h < 86; h++ {
			w.flows(h, "91.20.30.40", "10.0.0.4", 443, 300)
		}
	})
	silent := counts(func(w *traffic) {
		for h := range 96 {
			w.record(h, "45.9.21.11", "10.0.0.4", 22, 50+h%5+400*b2i(h == 90), netcase.ReachDenied, "fw-a")
			if h < 83 || h == 90 { // a part of the total is missing from there on
				w.record(h, "45.9.22.12", "10.0.0.5", 23, 60, netcase.ReachDenied, "fw-b")
			}
		}
	})
	inside := flowsOf(func(s *scene) {
		s.background(4)
		for i := range 2000 {
			s.flow(noon+netcase.Time(i)*netcase.Second, host(9), host(4), 80, netcase.ReachBidirectional)
			if i%10 == 0 {
				s.flow(noon+netcase.Hour+netcase.Time(3*i)*netcase.Second, host(9), host(4), 80, netcase.ReachBidirectional)
			}
		}
	})
	eachBites(t, spike(), []bite{
		{what: "baseline.bins=30", data: rise(20)},
		{what: "baseline.phi.mean=1000", data: rise(20)},
		{what: "baseline.mean=1000", data: rise(20)},
		{what: "baseline.phi.median=1000", data: rise(5 * 24)},
		{what: "baseline.caution=100", data: rise(5 * 24)},
		{what: "baseline.silent=70", data: silent},
		{what: "baseline.alive=0.05", data: silent},
		{what: "attribution.element=1", data: rise(20)},
		{what: "attribution.set=0.1", data: rise(20)},
		{what: "attribution.divergence=1", data: rise(20)},
		{what: "attribution.new=20", data: rise(20)},
		{what: "attribution.cell=1", data: rise(20)},
		{what: "spike.line=1", data: hidden},
		{what: "spike.catchup=0.01", data: heldBack},
		{what: "spike.sensor=0.5", data: newSensor},
		{what: "spike.longest=3h", data: hours},
		{what: "spike.burst=5000", data: inside},
		{what: "spike.burst.share=1", data: inside},
	})
}

func TestDosThresholdsBite(t *testing.T) {
	notShort(t)
	load := func(n int, source func(int) string, to string, r netcase.Reach) netcase.Batch {
		return flowsOf(func(s *scene) {
			webServer(s, floodHours)
			flooded(s, n, source, to, r)
		})
	}
	madeUp := load(1500, scattered, host(1), netcase.ReachNoReply)
	fewOnce := load(1500, func(i int) string { return scattered(i % 1000) }, host(1), netcase.ReachNoReply)
	outward := load(1500, func(int) string { return host(7) }, "93.184.7.7", netcase.ReachNoReply)
	halfAnswered := flowsOf(func(s *scene) {
		webServer(s, floodHours)
		for _, r := range []netcase.Reach{netcase.ReachNoReply, netcase.ReachBidirectional} {
			flooded(s, 800, func(int) string { return host(7) }, "93.184.7.7", r)
		}
	})
	worse := flowsOf(func(s *scene) { // two of three clients are served
		webServer(s, floodHours)
		s.flows = slices.DeleteFunc(s.flows, func(f netcase.Flow) bool {
			return f.Start.Hour() == (noon+(floodHours-2)*netcase.Hour).Hour() && f.Start/netcase.Second/20%3 == 0
		})
		flooded(s, 1500, scattered, host(1), netcase.ReachNoReply)
	})
	young := flowsOf(func(s *scene) {
		for i := range 3000 {
			s.flow(noon+netcase.Time(i)*netcase.Second, scattered(i), host(1), 443, netcase.ReachNoReply)
		}
	})
	outage := flowsOf(func(s *scene) { // nobody is answered in ten minutes of the last hour but one
		for h := range floodHours {
			for c := range 240 {
				at := noon + netcase.Time(h)*netcase.Hour + netcase.Time(c)*15*netcase.Second
				if h != floodHours-2 || c < 40 {
					s.flow(at, fmt.Sprintf("93.184.%d.%d", c/50, 1+c%50), host(1), 443, netcase.ReachBidirectional)
				}
			}
		}
		for i := range 3000 {
			s.flow(noon+(floodHours-2)*netcase.Hour+netcase.Time(600_000+i*200), scattered(i), host(1), 443, netcase.ReachNoReply)
		}
	})
	eachBites(t, dos(), []bite{
		{what: "dos.sources=5000", data: madeUp},
		{what: "dos.madeup=0.4", data: fewOnce},
		{what: "dos.unanswered=0.5", data: halfAnswered},
		{what: "dos.p=1e-300", data: outward},
		{what: "dos.described=1000", data: young},
		{what: "dos.suffers=0.7", data: worse},
		{what: "dos.bears=0.55", data: worse},
		{what: "dos.answers=200", data: worse},
		{what: "dos.dark=30m", data: outage},
	})
}

func TestScanThresholdsBite(t *testing.T) {
	estate := func(build func(*scene)) netcase.Batch {
		return flowsOf(func(s *scene) {
			s.background(40)
			build(s)
		})
	}
	sweep := func(hosts, ports int, r netcase.Reach) netcase.Batch {
		return estate(func(s *scene) {
			for i := range hosts {
				for p := range ports {
					s.flow(noon+netcase.Time(i)*netcase.Second, scannerAddr, host(i), uint16(1000+p), r)
				}
			}
		})
	}
	each := estate(func(s *scene) { // 24 hosts, four ports, one on each host
		for i := range 24 {
			s.flow(noon, scannerAddr, host(i), uint16(1000+i%4), netcase.ReachNoReply)
		}
	})
	answered := estate(func(s *scene) {
		for i := range 40 {
			r := netcase.ReachBidirectional
			if i%3 == 0 {
				r = netcase.ReachRefused
			}
			s.flow(noon, scannerAddr, host(i), 22, r)
		}
	})
	own := estate(func(s *scene) {
		for i := range 20 {
			s.flow(noon, host(70), host(i), 22, netcase.ReachNoReply)
		}
	})
	cluster := estate(func(s *scene) {
		for i := range 48 {
			s.flow(noon+netcase.Time(i)*netcase.Second, fmt.Sprintf("45.95.147.%d", 1+i/3), host(i), 22, netcase.ReachNoReply)
		}
	})
	inTime := estate(func(s *scene) { // one half asks for one port, the other for another
		for i := range 48 {
			s.flow(noon+netcase.Time(i)*netcase.Minute, fmt.Sprintf("45.95.147.%d", 1+i/3), host(i), uint16(22+i/3%2), netcase.ReachNoReply)
		}
	})
	dark := netcase.Site{
		Own: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, Dark: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/29")},
	}
	eachBites(t, scan(), []bite{
		{what: "scan.hosts.share=0.2", data: sweep(19, 1, netcase.ReachNoReply)},
		{what: "scan.strobe.share=1", data: sweep(14, 4, netcase.ReachUnknown)},
		{what: "scan.strobe.ports=2", data: sweep(14, 4, netcase.ReachUnknown)},
		{what: "scan.few.ports=2 scan.strobe.ports=2", data: each},
		{what: "scan.few.hosts=50", data: sweep(30, 20, netcase.ReachDenied)},
		{what: "scan.dark=10", data: sweep(10, 1, netcase.ReachUnknown), site: dark},
		{what: "scan.dark.hosts=15", data: sweep(10, 1, netcase.ReachUnknown), site: dark},
		{what: "scan.failures=0.5", data: answered},
		{what: "scan.inside.hosts=15", data: own},
		{what: "scan.walk.contacts=30", data: sweep(12, 1, netcase.ReachNoReply)},
		{what: "scan.walk.low=0.21 scan.walk.high=0.22", data: sweep(12, 1, netcase.ReachNoReply)},
		{what: "scan.joint.time=1h", data: inTime},
		{what: "scan.joint.factor=3", data: cluster},
		{what: "scan.joint.p=1e-200", data: cluster},
	})
}

func TestAuthThresholdsBite(t *testing.T) {
	data := func(x logins) netcase.Batch { return netcase.Batch{Logins: x} }
	home := logins{} // it came from there two days ago, and now mistypes
	home.add(0, "91.99.0.1", "alice", netcase.LoginSucceeded)
	for i := range 4 {
		home.add(2*netcase.Day+netcase.Time(i)*5*netcase.Second, "91.99.0.1", "alice", netcase.LoginWrongPassword)
	}
	home.add(2*netcase.Day+30*netcase.Second, "91.99.0.1", "alice", netcase.LoginSucceeded)
	won := guess(30, 2*netcase.Second)
	won.add(2*netcase.Minute, guesser, "alice", netcase.LoginSucceeded)
	won.add(2*netcase.Minute+5*netcase.Second, guesser, "alice", netcase.LoginSucceeded)
	hinted := guess(7, 10*netcase.Second)
	hinted.blockedAs(2*netcase.Minute, 1, "0xC0000072")
	lent := guess(30, 2*netcase.Second)
	lent = append(lent, netcase.Login{Time: monday + 2*netcase.Minute, Host: end("10.0.0.4"), Peer: end(guesser), Event: netcase.LoginConnect, Service: "rdp", Count: 1, Sensor: "windows/dc"})
	lent.add(2*netcase.Minute+5*netcase.Second, guesser, "alice", netcase.LoginSucceeded)
	lent[len(lent)-1].Peer, lent[len(lent)-1].Kind = netcase.Endpoint{}, "network"
	eachBites(t, auth(), []bite{
		{what: "auth.usual=1h", data: data(home)},
		{what: "auth.same=1s", data: data(won)},
		{what: "auth.known.wrong=9", data: data(hinted)},
		{what: "auth.lend=1s", data: data(lent)},
	})
}

func TestStagingThresholdsBite(t *testing.T) {
	var many, job []netcase.Process
	for i := range 100 {
		p := packing(netcase.Time(i)*netcase.Second, `C:\x\cmd.exe`, "")
		p.Role, p.Target = netcase.RoleWrote, fmt.Sprintf(`C:\ProgramData\x\f%d.docx`, i)
		many = append(many, p)
	}
	for day := range 4 {
		job = append(job, packing(netcase.Time(day)*netcase.Day+netcase.Time(2+day%2)*netcase.Hour, `C:\ProgramData\rar.exe`, `rar.exe a C:\ProgramData\a.rar D:\Finance`))
	}
	eachBites(t, staging(), []bite{
		{what: "staging.files=101", data: netcase.Batch{Processes: many}},
		{what: "staging.job.days=5", data: netcase.Batch{Processes: job}},
		{what: "staging.job.span=1h", data: netcase.Batch{Processes: job}},
	})
}

// One service calls where all 150 machines call, and one of them where no other does.
func TestProcessThresholdsBite(t *testing.T) {
	var list []netcase.Process
	call := func(machine int, peer string) {
		p := started("svchost.exe", properLine, "services.exe")
		p.Path, p.Role, p.Action, p.RemotePort = svchostPath, netcase.RoleConnector, "ConnectionSuccess", 443
		p.Time = monday + netcase.Time(machine)*netcase.Minute
		p.Host, p.Peer = netcase.Endpoint{Name: fmt.Sprintf("pc-%d", machine)}, end(peer)
		list = append(list, p)
	}
	for m := range 150 {
		call(m, "151.101.1.1")
	}
	call(7, "93.184.7.9")
	data := netcase.Batch{Processes: list}
	eachBites(t, process(), []bite{
		{what: "process.rare.estate=200", data: data},
		{what: "process.rare.share=0.001", data: data},
		{what: "process.rare.history=1m", data: data},
	})
}

func TestBeaconThresholdsBite(t *testing.T) {
	o := &office{resolution: 60} // rows of hours: no times of connections
	workday(o, 3)
	for h := range 24 {
		o.call(monday+netcase.Time(h)*netcase.Hour, desk7, farEnd, 443, 412, 1280)
	}
	for i := range o.batch.Flows {
		o.batch.Flows[i].Resolution = 60
	}
	eachBites(t, beacon(), []bite{
		{what: "beacon.unmeasured.hours=25", data: o.batch},
		{what: "artefact.counters=0.5", data: clocked()},
	})
}

// clocked is a machine that calls out every ten minutes.
func clocked() netcase.Batch {
	o := &office{}
	workday(o, 3)
	o.calls(ms(exactly(10*netcase.Minute, 100)), desk7, farEnd, 443)
	return o.batch
}

// Values that cannot stand beside each other are named.
func TestCheckNamesThresholds(t *testing.T) {
	c := DefaultConfig()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	for _, set := range [][2]string{
		{"baseline.daily", "400h"}, {"baseline.phi.mean", "0.5"}, {"baseline.phi.median", "0.9"}, {"baseline.bins", "1"},
		{"artefact.equal.counts", "1"}, {"auth.success.source", "11"}, {"auth.lockouts.account", "11"}, {"auth.stale.beats", "65"}, {"scan.walk.low", "0.96"}, {"dos.suffers", "0.9"}, {"scan.joint.factor", "0.5"},
	} {
		c := DefaultConfig()
		if err := c.Set(set[0], set[1]); err != nil {
			t.Fatal(err)
		}
		group, _, _ := strings.Cut(set[0], ".")
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), "threshold "+group+".") {
			t.Errorf("%s = %s: %v", set[0], set[1], err)
		}
	}
}
