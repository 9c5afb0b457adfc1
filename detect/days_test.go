package detect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// threeDays are what every detector is shown: an attack (attacks() has the telemetry), what
// only looks like it, and a day on which nothing happens.
type threeDays struct {
	names  string      // what a finding of the attack names
	kinds  []string    // of what is found in the attack, the strongest first
	alike  func() plot // the look-alike
	weaker []string    // kinds that may be said of the look-alike; none: nothing is
	quiet  func() plot // the quiet day
	plain  []string    // kinds that may be said of the quiet day; none: nothing is
}

// days is the three for every detector.
func days() map[string]threeDays {
	ofTraffic := func(w *traffic) plot { return plot{w.batch, w.span, w.listed} }
	ofOffice := func(o *office) plot { return plot{o.batch, o.span, o.listed} }
	ofScene := func(s *scene) plot { return plot{batch: netcase.Batch{Flows: s.flows, Logins: s.logins}} }
	ofProcesses := func(list ...netcase.Process) plot {
		return plot{batch: netcase.Batch{Processes: list}, span: netcase.Span{Start: monday, End: monday + 3*netcase.Hour}}
	}
	ofLogins := func(x logins) plot { return plot{batch: netcase.Batch{Logins: x}} }
	clients := func() plot { s := &scene{}; s.background(40); return ofScene(s) }
	desks := func() plot { o := &office{}; workday(o, 1); return ofOffice(o) }
	inside := func(more func(*office)) plot {
		o := &office{}
		insideDays(o)
		more(o)
		o.span = netcase.Span{Start: monday + (daysOfOffice-1)*netcase.Day, End: monday + daysOfOffice*netcase.Day}
		return ofOffice(o)
	}
	proper := started("svchost.exe", properLine, "services.exe")
	proper.Path = svchostPath
	return map[string]threeDays{
		"spike": {names: "inbound flows", kinds: []string{"spike"},
			alike: func() plot { // a backup of every night
				w := newTraffic()
				w.noise(0, 240, 40, 3)
				for day := range 10 {
					w.flows(24*day+2, "45.9.21.11", "10.0.0.4", 443, 400+day)
				}
				w.span = netcase.Span{Start: monday + 6*24*netcase.Hour, End: monday + 10*24*netcase.Hour}
				return ofTraffic(w)
			}, weaker: []string{"description"},
			quiet: func() plot { w := newTraffic(); w.noise(0, 120, 65, 2); return ofTraffic(w) }, plain: []string{"description"}},
		"sighting": {names: scannerAddr, kinds: []string{"denied probe"},
			alike: func() plot { // its neighbour is listed
				x := attacks()["sighting"]()
				x.listed = []string{"45.95.147.10"}
				return x
			}, quiet: func() plot { x := clients(); x.listed = []string{scannerAddr}; return x }},
		"scan": {names: scannerAddr, kinds: []string{classHorizontal},
			alike: func() plot { // a crawler that is answered
				s := &scene{}
				s.background(40)
				for i := range 40 {
					s.flow(noon, scannerAddr, host(i), 443, netcase.ReachBidirectional)
				}
				return ofScene(s)
			}, quiet: clients},
		"beacon": {names: farEnd, kinds: []string{string(netcase.CadencePeriodic)},
			alike: func() plot { // the same clock, of a network time server
				o := &office{}
				workday(o, 1)
				o.calls(ms(exactly(64*netcase.Second, 1350)), desk7, farEnd, 123)
				for i := range o.batch.Flows {
					if o.batch.Flows[i].DstPort == 123 {
						o.batch.Flows[i].Proto = netcase.UDP
					}
				}
				return ofOffice(o)
			}, weaker: []string{string(netcase.CadenceBenign)}, quiet: desks},
		"longconn": {names: farEnd, kinds: []string{"long connection"},
			alike: func() plot { // three hours with a place that all machines call
				o := &office{}
				workday(o, 1)
				for m := range 12 {
					o.call(monday+8*netcase.Hour, fmt.Sprintf("10.0.0.%d", 1+m), "151.101.2.3", 443, 900, 900)
				}
				o.open(monday+9*netcase.Hour, 3*netcase.Hour, desk7, "151.101.2.3", 443)
				return ofOffice(o)
			}, quiet: desks},
		"exfil": {names: farEnd, kinds: []string{"upload"},
			alike: func() plot { // as much, received
				o := &office{}
				weekOfUploads(o)
				o.call(lastNight, desk7, farEnd, 443, 90_000, 300<<20)
				return ofOffice(o)
			}, quiet: func() plot { o := &office{}; weekOfUploads(o); return ofOffice(o) }},
		"lateral": {names: "10.0.0.14", kinds: []string{"unusually many machines"},
			alike: func() plot { // a new machine uses the file server
				return inside(func(o *office) { o.call(lastMorning, "10.0.0.99", "10.0.1.1", 445, 900, 90_000) })
			}, quiet: func() plot { return inside(func(*office) {}) }},
		"dos": {names: host(1), kinds: []string{"flood"},
			alike: func() plot { // one client with a script
				s := &scene{}
				webServer(s, floodHours)
				flooded(s, 1500, func(int) string { return "93.184.7.7" }, host(1), netcase.ReachBidirectional)
				return ofScene(s)
			}, quiet: func() plot { s := &scene{}; webServer(s, floodHours); return ofScene(s) }},
		"exposure": {names: host(3), kinds: []string{"admin port answers"},
			alike: func() plot { // the same door, denied, and one to a web server
				s := &scene{}
				s.background(10)
				s.flow(noon, "91.20.30.40", host(3), 3389, netcase.ReachDenied)
				s.flow(noon, "91.20.30.40", host(3), 22, netcase.ReachNoReply)
				return ofScene(s)
			}, quiet: clients},
		"artefact": {names: "91.20.30.40", kinds: []string{"counts"},
			alike: func() plot { // an exact schedule in a log of single flows
				w := newTraffic()
				for i := range 288 {
					for _, port := range seedPorts() {
						w.row(monday+netcase.Time(i)*300*netcase.Second+137*netcase.Second, "91.20.30.40", "10.0.0.4", port, netcase.ResolutionRaw, 1)
					}
				}
				return ofTraffic(w)
			}, quiet: clients},
		"owner": {names: "ws-17", kinds: []string{"owner " + ownerMismatch},
			alike: func() plot { // the usual owner of an open port
				return ofProcesses(listener("Windows10", "svchost.exe", `C:\Windows\System32\svchost.exe -k NetworkService -s TermService`, 3389))
			}, weaker: []string{"owner " + ownerExpected}, quiet: func() plot { return ofProcesses(proper) }},
		"process": {names: "ws-17", kinds: []string{"image path", "parent"},
			alike: func() plot { // the same file in capitals, and a group without a service
				p := proper
				p.Path, p.CommandLine = `c:\WINDOWS\SYSTEM32\SVCHOST.EXE`, "svchost.exe -k NetworkService -p"
				return ofProcesses(p)
			}, quiet: func() plot { return ofProcesses(proper, started("notepad.exe", "notepad.exe a.txt", "explorer.exe")) }},
		"socket": {names: socketPeer, kinds: []string{"owner of the calls"},
			alike: func() plot { // as many calls, of a browser that breaks no rule
				const browser = `C:\Program Files\Maker\browser.exe`
				c := new(chain).start(2, 7, browser, `C:\Windows\explorer.exe`).call(3, 7, browser, socketPeer).call(90, 7, browser, socketPeer)
				return ofProcesses(c.list...)
			}, quiet: func() plot { return ofProcesses(proper) }},
		"staging": {names: "files-1", kinds: []string{"staging"},
			alike: func() plot { // archives that are unpacked
				return ofProcesses(packing(netcase.Hour, `C:\Program Files\7-Zip\7z.exe`, `7z.exe x update.7z`), packing(2*netcase.Hour, `C:\x\rclone.exe`, `rclone copy mega:x D:\Restore`))
			}, quiet: func() plot { return ofProcesses(packing(netcase.Hour, svchostPath, properLine)) }},
		"persistence": {names: "srv-1", kinds: []string{"service", "changes noted"},
			alike: func() plot { // an installer's service, without a login before it
				return ofProcesses(change(netcase.RoleService, "Updater", `"C:\Program Files\Maker\updater.exe" /svc`))
			}, weaker: []string{"changes noted"}, quiet: func() plot { return ofProcesses(proper) }},
		"auth": {names: guesser, kinds: []string{"success-after-failure", "bruteforce"},
			alike: func() plot { // somebody who mistypes
				x := logins{}
				for i := range 4 {
					x.add(netcase.Time(i)*5*netcase.Second, "10.0.0.7", "bob", netcase.LoginWrongPassword)
				}
				x.add(30*netcase.Second, "10.0.0.7", "bob", netcase.LoginSucceeded)
				return ofLogins(x)
			}, weaker: []string{"typing errors"},
			quiet: func() plot {
				x := logins{}
				for i := range 20 {
					x.add(netcase.Time(i)*netcase.Minute, fmt.Sprintf("10.0.0.%d", 20+i), fmt.Sprintf("user%d", i), netcase.LoginSucceeded)
				}
				return ofLogins(x)
			}},
		"clock": {names: "zeek", kinds: []string{"sensor silent"},
			alike: func() plot { // silent every night
				s := &scene{}
				steady(s, "zeek", 5, 12, func(_, h int) bool { return h < 6 })
				return ofScene(s)
			}, quiet: func() plot { s := &scene{}; steady(s, "zeek", 5, 12, nil); return ofScene(s) }},
	}
}

// TestThreeDays: every detector finds its attack and names who and what it is about, holds
// back or says the weaker word where something only looks like it, and is silent on a day on
// which nothing happens. A detector without the three fails.
func TestThreeDays(t *testing.T) {
	notShort(t)
	told, all := attacks(), days()
	for _, d := range Detectors() {
		t.Run(d.Name, func(t *testing.T) {
			x, ok := all[d.Name]
			if !ok || told[d.Name] == nil || x.alike == nil || x.quiet == nil || x.names == "" {
				t.Fatal("an attack, a look-alike or a quiet day is missing: see attacks() and days()")
			}
			attack := foundIn(t, d, told[d.Name]())
			if got := kindsOnce(attack); !slices.Equal(got, x.kinds) {
				t.Errorf("attack: %q, want %q", got, x.kinds)
			}
			if !slices.ContainsFunc(attack, func(f netcase.Finding) bool { return names(t, &f, x.names) }) {
				t.Errorf("attack: no finding names %s", x.names)
			}
			if got := kindsOnce(foundIn(t, d, x.alike())); !slices.Equal(got, x.weaker) {
				t.Errorf("look-alike: %q, want %q", got, x.weaker)
			}
			if got := kindsOnce(foundIn(t, d, x.quiet())); !slices.Equal(got, x.plain) {
				t.Errorf("quiet day: %q, want %q", got, x.plain)
			}
			if slices.Contains(x.weaker, x.kinds[0]) || slices.Contains(x.plain, x.kinds[0]) {
				t.Errorf("%q is said of the attack: it is no weaker word", x.kinds[0])
			}
		})
	}
	for name := range all {
		if !slices.ContainsFunc(Detectors(), func(d Detector) bool { return d.Name == name }) {
			t.Errorf("no detector is called %s", name)
		}
	}
}

func foundIn(t *testing.T, d Detector, x plot) []netcase.Finding {
	t.Helper()
	site := netcase.Site{}
	r, err := Run(context.Background(), Request{
		Config: DefaultConfig(), Site: &site, Span: x.span, Intel: listOf(t, x.listed), Answerer: ofInputs(site, []netcase.Batch{x.batch}), Detectors: []Detector{d},
	})
	if err != nil || !r.Runs[0].OK {
		t.Fatal(err, r.Runs)
	}
	return r.Findings
}

// kindsOnce are the kinds of findings, with the verdict on an owner, each once, in their order.
func kindsOnce(found []netcase.Finding) (out []string) {
	for _, f := range found {
		kind := f.Kind
		if f.Owner != nil {
			kind += " " + f.Owner.Verdict
		}
		if !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	return out
}

func names(t *testing.T, f *netcase.Finding, what string) bool {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(b), what)
}
