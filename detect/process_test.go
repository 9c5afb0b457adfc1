package detect

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// started is a record of a process that was created.
func started(image, line, parent string) netcase.Process {
	return netcase.Process{
		Time: monday, Host: netcase.Endpoint{Name: "ws-17"}, OS: "Windows10", Role: netcase.RoleStarted, Action: "ProcessCreated",
		Image: image, CommandLine: line, Parent: parent, Account: "CORP\\alice", Sensor: "defender",
	}
}

func (w *traffic) processes(t *testing.T, d Detector) []netcase.Finding {
	t.Helper()
	for i := range w.batch.Processes {
		w.span = w.span.Extend(w.batch.Processes[i].Time)
	}
	for i := range w.batch.Logins {
		w.span = w.span.Extend(w.batch.Logins[i].Time)
	}
	return w.find(t, d)
}

// TestProcessRules: each rule with what it is for and what only looks like it.
func TestProcessRules(t *testing.T) {
	with := func(p netcase.Process, change func(*netcase.Process)) netcase.Process { change(&p); return p }
	good := started("svchost.exe", `C:\Windows\System32\svchost.exe -k netsvcs -p -s Schedule`, "services.exe")
	good.Path = `C:\Windows\System32\svchost.exe`
	at := func(path string) netcase.Process { return with(good, func(p *netcase.Process) { p.Path = path }) }
	line := func(os, line string) netcase.Process {
		return with(good, func(p *netcase.Process) { p.OS, p.CommandLine = os, line })
	}
	key := func(image, target, value string) netcase.Process {
		return with(good, func(p *netcase.Process) {
			p.Role, p.Action, p.Image, p.Path, p.CommandLine, p.Parent, p.Target, p.Detail = netcase.RoleRegistry, "RegistryValueSet", image, "", "", "", target, value
		})
	}
	dll := `HKLM\SYSTEM\CurrentControlSet\Services\Netman\Parameters\ServiceDll`
	load := func(image, target, signed string) netcase.Process {
		return with(good, func(p *netcase.Process) {
			p.Role, p.Action, p.Image, p.CommandLine, p.Parent, p.Target, p.Signed = netcase.RoleLoaded, "ImageLoad", image, "", "", target, signed
		})
	}
	into := func(path, target string) netcase.Process {
		return with(good, func(p *netcase.Process) {
			p.Role, p.Action, p.Image, p.Path, p.CommandLine, p.Parent, p.Target = netcase.RoleInjected, "CreateRemoteThread", "", path, "", "", target
		})
	}
	child := func(image, parentLine string) netcase.Process {
		p := started(image, image, "svchost.exe")
		p.ParentLine = parentLine
		return p
	}
	for _, c := range []struct {
		name     string
		p        netcase.Process
		rule     string // empty: nothing
		decibans float64
	}{
		{"as it should be", good, "", 0},
		{"path in capitals", at(`c:\WINDOWS\system32\SVCHOST.EXE`), "", 0},
		{"32 bits", at(`C:\Windows\SysWOW64\svchost.exe`), "", 0},
		{"of the component store", at(`C:\Windows\WinSxS\amd64_x\svchost.exe`), "", 0},
		{"device path", at(`\Device\HarddiskVolume3\Windows\System32\svchost.exe`), "", 0},
		{"path elsewhere", at(`C:\Users\Public\svchost.exe`), "image path", 14},
		{"path that climbs", at(`C:\Windows\System32\..\Temp\svchost.exe`), "image path", 14},
		{"lsass elsewhere", with(started("lsass.exe", "lsass.exe", "wininit.exe"), func(p *netcase.Process) { p.Path = `C:\Temp\lsass.exe` }), "image path", 14},
		{"look-alike", started("svch0st.exe", "svch0st.exe -k netsvcs", "services.exe"), "name look-alike", 14},
		{"look-alike in Cyrillic", started("svсhost.exe", "svсhost.exe", "services.exe"), "name look-alike", 14},
		{"look-alike, swapped", started("scvhost.exe", "", "explorer.exe"), "name look-alike", 14},
		{"lsass with a one", started("1sass.exe", "", "explorer.exe"), "name look-alike", 14},
		{"taskhost of older Windows", started("taskhost.exe", "taskhost.exe", "services.exe"), "", 0},
		{"a service called service", started("service.exe", "service.exe", "services.exe"), "", 0},
		{"started by an editor", with(good, func(p *netcase.Process) { p.Parent = "winword.exe" }), "parent", 10},
		{"parent not recorded", with(good, func(p *netcase.Process) { p.Parent = "" }), "", 0},
		{"started by Defender", with(good, func(p *netcase.Process) { p.Parent = "MsMpEng.exe" }), "", 0},
		{"no group", line("Windows10", `C:\Windows\System32\svchost.exe`), "missing -k", 10},
		{"no group, by Defender", with(line("Windows10", `C:\Windows\System32\svchost.exe`), func(p *netcase.Process) { p.Parent = "MsMpEng.exe" }), "", 0},
		{"no command line", line("Windows10", ""), "", 0},
		{"no service is none", line("Windows10", "svchost.exe -k NetworkService -p"), "", 0},
		{"service of another group", line("Windows10", "svchost.exe -k netsvcs -s Dnscache"), "service of another group", 10},
		{"TermService, client", line("Windows11", "svchost.exe -k NetworkService -s TermService"), "", 0},
		{"TermService, server", line("WindowsServer2019", "svchost.exe -k termsvcs -s TermService"), "", 0},
		{"TermService of a client on a server", line("WindowsServer2019", "svchost.exe -k NetworkService -s TermService"), "service of another group", 10},
		{"TermService, system not known", line("", "svchost.exe -k termsvcs -s TermService"), "", 0},
		{"ServiceDll elsewhere", key("reg.exe", dll, `C:\Users\Public\x.dll`), "ServiceDll", 14},
		{"ServiceDll by no installer", key("powershell.exe", dll, `%SystemRoot%\System32\netman.dll`), "ServiceDll", 14},
		{"ServiceDll by an installer", key("TiWorker.exe", dll, `%SystemRoot%\System32\wbem\netman.dll`), "", 0},
		{"another value of a service", key("reg.exe", strings.TrimSuffix(dll, "ServiceDll")+"Start", "2"), "", 0},
		{"unsigned module", load("svchost.exe", `C:\Windows\System32\wlbsctrl.dll`, "signed false status Unavailable"), "foreign module in svchost", 10},
		{"module of another maker", load("svchost.exe", `C:\Program Files\x\y.dll`, "signed true by Evil Ltd status Valid"), "foreign module in svchost", 10},
		{"module of Microsoft", load("svchost.exe", `C:\Windows\System32\netman.dll`, "signed true by Microsoft Windows status Valid"), "", 0},
		{"module without a signature on record", load("svchost.exe", `C:\Windows\System32\netman.dll`, ""), "", 0},
		{"the same from a user's folder", load("svchost.exe", `C:\Users\Public\netman.dll`, ""), "foreign module in svchost", 10},
		{"unsigned module elsewhere", load("game.exe", `C:\x.dll`, "signed false"), "", 0},
		{"thread in another process", into(`C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`, `C:\Windows\System32\notepad.exe`), "reaches into another process", 14},
		{"thread by csrss", into(`C:\Windows\System32\csrss.exe`, `C:\Windows\System32\cmd.exe`), "", 0},
		{"thread by another csrss", into(`C:\Temp\csrss.exe`, `C:\Windows\System32\cmd.exe`), "image path reaches into another process", 14},
		{"thread among browsers", into(`C:\Program Files\x\chrome.exe`, `C:\Program Files\x\chrome.exe`), "", 0},
		{"shell of Remote Desktop, client", child("cmd.exe", "svchost.exe -k NetworkService -s TermService"), "shell of TermService", 14},
		{"shell of Remote Desktop, server", child("powershell.exe", "svchost.exe -k termsvcs"), "shell of TermService", 14},
		{"clipboard of Remote Desktop", child("rdpclip.exe", "svchost.exe -k NetworkService -s TermService"), "", 0},
		{"shell of the scheduler", child("cmd.exe", "svchost.exe -k netsvcs -p -s Schedule"), "", 0},
	} {
		w := newTraffic()
		w.batch.Processes = []netcase.Process{c.p}
		var rules []string
		for _, f := range w.processes(t, process()) {
			rules = append(rules, f.Kind)
			if f.Process.Decibans != c.decibans || f.Process.Why == "" || len(f.Technique) == 0 {
				t.Errorf("%s: %+v", c.name, f.Process)
			}
		}
		slices.Sort(rules)
		if got := strings.Join(rules, " "); got != c.rule {
			t.Errorf("%s: %q, want %q", c.name, got, c.rule)
		}
	}
}

// A destination that one of 200 hosts calls is rare; with 50 hosts nobody can tell.
func TestProcessRareDestination(t *testing.T) {
	for hosts, want := range map[int]int{200: 1, 50: 0} {
		w := newTraffic()
		for i := range hosts {
			p := started("svchost.exe", "svchost.exe -k NetworkService -p -s Dnscache", "services.exe")
			p.Role, p.Action, p.Host.Name, p.RemotePort = netcase.RoleConnector, "ConnectionSuccess", fmt.Sprintf("ws-%d", i), 443
			p.Peer = netcase.At(netip.MustParseAddr("13.107.4.50"))
			w.batch.Processes = append(w.batch.Processes, p)
			if i == 17 {
				p.Peer = netcase.At(netip.MustParseAddr("91.20.30.40"))
				w.batch.Processes = append(w.batch.Processes, p)
			}
		}
		found := w.processes(t, process())
		if len(found) != want || want == 1 && (found[0].Process.Peer.String() != "91.20.30.40" || found[0].Process.Decibans != 6) {
			t.Errorf("%d hosts: %d findings", hosts, len(found))
		}
	}
}

// TestProcessAfterLogin: a finding names the login within a day before it that it most
// likely belongs to.
func TestProcessAfterLogin(t *testing.T) {
	w := newTraffic()
	login := func(at netcase.Time, peer, account string, o netcase.LoginOutcome) {
		w.batch.Logins = append(w.batch.Logins, netcase.Login{Time: monday + at, Host: netcase.Endpoint{Name: "WS-17"}, Peer: end(peer), Account: account, Outcome: o, Count: 1, Sensor: "windows/ws-17"})
	}
	for i := range 6 {
		login(netcase.Time(i)*netcase.Second, guesser, "alice", netcase.LoginWrongPassword)
	}
	login(netcase.Minute, guesser, "alice", netcase.LoginSucceeded)
	login(2*netcase.Minute, "10.0.0.9", "alice", netcase.LoginSucceeded)
	for _, at := range []netcase.Time{netcase.Hour, 30 * netcase.Hour} {
		p := started("svch0st.exe", fmt.Sprint("svch0st.exe ", at), "cmd.exe")
		p.Time += at
		p.Host.Name = "ws-17"
		p.Parent = fmt.Sprint("p", at)
		w.batch.Processes = append(w.batch.Processes, p)
	}
	found := w.processes(t, process())
	if len(found) != 2 {
		t.Fatalf("%d findings", len(found))
	}
	if r := found[0].Process.AfterLogin; r == nil || r.Peer != end(guesser) || !r.Outside || r.Failures != 6 || r.Account != "alice" {
		t.Errorf("%+v", r)
	}
	if r := found[1].Process.AfterLogin; r != nil {
		t.Errorf("a day later: %+v", r)
	}
}

func TestProcessMetamorphosis(t *testing.T) {
	build := func() *traffic {
		w := newTraffic()
		for i := range 40 {
			p := started([]string{"svch0st.exe", "svchost.exe", "notepad.exe"}[i%3], fmt.Sprintf("x %d", i), []string{"cmd.exe", "services.exe"}[i%2])
			p.Host.Name, p.Time = fmt.Sprintf("ws-%d", i%5), monday+netcase.Time(i%4)*netcase.Minute
			w.batch.Processes = append(w.batch.Processes, p)
		}
		return w
	}
	core := func(w *traffic) string {
		var out []string
		for _, f := range w.processes(t, process()) {
			o := *f.Process
			o.Host.Name = strings.Replace(o.Host.Name, "host-", "ws-", 1)
			o.First, o.Last = 0, 0
			out = append(out, fmt.Sprintf("%+v", o))
		}
		slices.Sort(out)
		return strings.Join(out, "\n")
	}
	want := core(build())
	if want == "" {
		t.Fatal("nothing found")
	}
	w := build()
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(w.batch.Processes), func(i, j int) {
		w.batch.Processes[i], w.batch.Processes[j] = w.batch.Processes[j], w.batch.Processes[i]
	})
	if core(w) != want {
		t.Error("shuffled records give other findings")
	}
	w = build()
	for i := range w.batch.Processes {
		w.batch.Processes[i].Time += 1000 * netcase.Hour
		w.batch.Processes[i].Host.Name = strings.Replace(w.batch.Processes[i].Host.Name, "ws-", "host-", 1)
	}
	if core(w) != want {
		t.Error("shifted and renamed records give other findings")
	}
	w = build()
	for i := range 6000 {
		w.batch.Processes = append(w.batch.Processes, started("notepad.exe", fmt.Sprintf("notepad.exe %d.txt", i), "explorer.exe"))
	}
	if core(w) != want {
		t.Error("a quiet day beside it gives other findings")
	}
}

func TestProcessIsBounded(t *testing.T) {
	notShort(t)
	w := newTraffic()
	for i := range 6000 {
		w.batch.Processes = append(w.batch.Processes, started("svch0st.exe", "x", fmt.Sprintf("p%d.exe", i)))
	}
	found := w.processes(t, process())
	if len(found) != mostOddSays || !slices.ContainsFunc(found[len(found)-1].Limits, func(s string) bool { return strings.Contains(s, "5,940 further") }) {
		t.Errorf("%d findings, %v", len(found), found[len(found)-1].Limits)
	}
}

func FuzzProcess(f *testing.F) {
	f.Add("svchost.exe", `C:\Windows\System32\svchost.exe`, "svchost.exe -k NetworkService -p -s Dnscache", "services.exe", `C:\x.dll`, "signed false", uint8(0))
	f.Add("", `\device\harddiskvolume`, `"`, "a/b", `\services\\servicedll`, "", uint8(3))
	f.Fuzz(func(t *testing.T, image, path, line, parent, target, signed string, role uint8) {
		roles := []netcase.ProcessRole{netcase.RoleStarted, netcase.RoleLoaded, netcase.RoleInjected, netcase.RoleRegistry, netcase.RoleWrote, netcase.RoleConnector}
		p := netcase.Process{Image: image, Path: path, CommandLine: line, Parent: parent, ParentLine: line, Target: target, Detail: target, Signed: signed, Role: roles[int(role)%len(roles)]}
		v := viewOf(&Input{Site: &netcase.Site{}}, &p)
		for _, r := range processRules() {
			if r.decibans <= 0 || r.short == "" || len(r.technique) == 0 {
				t.Fatal(r.name)
			}
			r.ask(&v)
		}
	})
}
