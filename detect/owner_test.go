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

// listener is a record of an accepted connection.
func listener(os, image, line string, port uint16) netcase.Process {
	return netcase.Process{
		Time: monday, Host: netcase.Endpoint{Name: "ws-17"}, OS: os, Role: netcase.RoleListener, Action: "InboundConnectionAccepted",
		Image: image, CommandLine: line, LocalPort: port, RemotePort: 51234, Peer: netcase.At(netip.MustParseAddr("91.20.30.40")),
	}
}

func ownerOf(t *testing.T, p ...netcase.Process) netcase.Finding {
	t.Helper()
	w := newTraffic()
	w.batch.Processes = p
	found := w.find(t, owner())
	if len(found) != 1 || found[0].Owner == nil {
		t.Fatalf("%d findings", len(found))
	}
	return found[0]
}

func TestOwnerRules(t *testing.T) {
	service := `C:\Windows\System32\svchost.exe -k NetworkService -s TermService`
	word := listener("Windows10", "svchost.exe", "svchost.exe -k netsvcs", 3389)
	word.Parent = "winword.exe"
	noAction := listener("", "svchost.exe", "svchost.exe -k NetworkService", 0)
	noAction.Role, noAction.Action = "", ""
	elsewhere := listener("Windows10", "svchost.exe", service, 3389)
	elsewhere.Path = `C:\Users\Public\svchost.exe`
	shouting := listener("Windows10", "SVCHOST.EXE", service, 3389)
	shouting.Path = `c:\WINDOWS\system32\svchost.exe`
	wow := listener("Windows10", "svchost.exe", service, 3389)
	wow.Path = `C:\Windows\SysWOW64`
	ssh := listener("WindowsServer2022", "sshd.exe", `"C:\Windows\System32\OpenSSH\sshd.exe" -R`, 22)
	ssh.Path = `C:\Windows\System32\OpenSSH\sshd.exe`
	strangeSSH := ssh
	strangeSSH.Path = `C:\ProgramData\x\sshd.exe`
	dns := listener("Windows10", "svchost.exe", "svchost.exe -k NetworkService -p -s Dnscache", 0)
	dns.Role, dns.Action, dns.RemotePort = netcase.RoleConnector, "ConnectionSuccess", 53
	odd := dns
	odd.RemotePort = 4444
	tool := listener("Windows10", "certutil.exe", "certutil.exe -urlcache -f http://91.20.30.40/a", 0)
	tool.Role, tool.Action, tool.RemotePort = netcase.RoleConnector, "ConnectionSuccess", 80

	for _, c := range []struct {
		name     string
		p        netcase.Process
		verdict  string
		decibans float64
		says     string
	}{
		{"client, RDP, TermService", listener("Windows11", "svchost.exe", service, 3389), ownerExpected, 0, "exposure"},
		{"client, RDP, grouped", listener("Windows10", "svchost.exe", "svchost.exe -k NetworkService -p", 3389), ownerExpected, 0, "usual owner"},
		{"server, RDP, termsvcs", listener("WindowsServer2019", "svchost.exe", "svchost.exe -k termsvcs -s TermService", 3389), ownerExpected, 0, "usual owner"},
		{"server, RDP, NetworkService", listener("Windows Server 2019 Datacenter", "svchost.exe", "svchost.exe -k NetworkService", 3389), ownerCheck, 0, "ServiceDll"},
		{"client, RDP, termsvcs", listener("Windows10", "svchost.exe", "svchost.exe -k termsvcs -s TermService", 3389), ownerCheck, 0, "not the usual one"},
		{"client, RDP, another service", listener("Windows10", "svchost.exe", "svchost.exe -k NetworkService -s CryptSvc", 3389), ownerMismatch, 10, "cryptsvc"},
		{"RDP, another program", listener("Windows10", "updater.exe", "updater.exe", 3389), ownerMismatch, 10, "updater.exe"},
		{"port 22", listener("Windows10", "svchost.exe", service, 22), ownerMismatch, 10, "sshd.exe"},
		{"port 22, any system", listener("", "svchost.exe", service, 22), ownerMismatch, 10, "sshd.exe"},
		{"port 23", listener("WindowsServer2019", "svchost.exe", service, 23), ownerMismatch, 10, "Telnet server was removed"},
		{"port 80", listener("WindowsServer2019", "svchost.exe", service, 80), ownerMismatch, 10, "http.sys"},
		{"web server", listener("WindowsServer2019", "nginx.exe", "nginx.exe", 443), ownerExpected, 0, ""},
		{"SMB", listener("WindowsServer2019", "System", "", 445), ownerExpected, 0, "exposure"},
		{"SMB by a program", listener("WindowsServer2019", "impacket.exe", "impacket.exe", 445), ownerMismatch, 10, ""},
		{"endpoint mapper", listener("WindowsServer2019", "svchost.exe", "svchost.exe -k RPCSS -p", 135), ownerExpected, 0, ""},
		{"no system", listener("", "svchost.exe", service, 3389), ownerNotUsable, 0, "the operating system"},
		{"no port", listener("Windows10", "svchost.exe", service, 0), ownerNotUsable, 0, "the local port"},
		{"nothing at all", noAction, ownerNotUsable, 0, "the action type (who opened the connection), the local port, the operating system, the service (-s)"},
		{"started by an editor", word, ownerMismatch, 10, "winword.exe"},
		{"no group", listener("Windows10", "svchost.exe", `C:\Windows\System32\svchost.exe`, 3389), ownerMismatch, 10, "-k"},
		{"path in capitals", shouting, ownerExpected, 0, ""},
		{"32 bits", wow, ownerExpected, 0, ""},
		{"path elsewhere", elsewhere, ownerMismatch, 14, "public"},
		{"line elsewhere", listener("Windows10", "svchost.exe", `"C:\Temp\svchost.exe" -k netsvcs`, 3389), ownerMismatch, 14, "another place"},
		{"look-alike", listener("Windows10", "svch0st.exe", "svch0st.exe -k netsvcs", 3389), ownerMismatch, 14, "svch0st.exe"},
		{"look-alike, swapped", listener("Windows10", "scvhost.exe", "", 443), ownerMismatch, 14, "scvhost.exe"},
		{"sshd", ssh, ownerExpected, 0, ""},
		{"sshd elsewhere", strangeSSH, ownerCheck, 0, "programdata"},
		{"sshd on Linux", listener("Ubuntu 22.04", "sshd", "sshd: root [priv]", 22), ownerExpected, 0, ""},
		{"another on Linux", listener("Linux", "nc", "nc -l 22", 22), ownerCheck, 0, "dropbear"},
		{"svchost on Linux", listener("Linux", "svchost.exe", "", 22), ownerMismatch, 14, "Linux"},
		{"resolver calls out", dns, ownerExpected, 0, "svchost.exe to port 53"},
		{"resolver calls elsewhere", odd, ownerCheck, 0, "4444"},
		{"tool calls out", tool, ownerCheck, 6, "certutil.exe"},
	} {
		f := ownerOf(t, c.p)
		o := f.Owner
		if o.Verdict != c.verdict || o.Decibans != c.decibans || !strings.Contains(o.Why, c.says) {
			t.Errorf("%s: %s, %g dB: %s", c.name, o.Verdict, o.Decibans, o.Why)
		}
		if (o.Verdict == ownerMismatch) != (len(f.Technique) > 0 && o.Decibans >= 10) {
			t.Errorf("%s: techniques %v", c.name, f.Technique)
		}
		if strings.Contains(strings.ToLower(f.Title+o.Why), "inject") {
			t.Errorf("%s speaks of injection", c.name)
		}
	}
}

func TestOwnerFromSite(t *testing.T) {
	w := newTraffic()
	w.site.Assets = []netcase.Asset{{Name: "WS-17", OS: "Windows 10"}}
	w.batch.Processes = []netcase.Process{listener("", "svchost.exe", "svchost.exe -k NetworkService -s TermService", 3389)}
	if o := w.find(t, owner())[0].Owner; o.Verdict != ownerExpected || o.OS != "Windows 10" || o.Group != "networkservice" || o.Service != "termservice" {
		t.Errorf("%+v", o)
	}
}

func TestOwnerGroups(t *testing.T) {
	var p []netcase.Process
	for i := range 50 {
		x := listener("Windows10", "svchost.exe", "svchost.exe -k NetworkService -s TermService", 3389)
		x.Peer = netcase.At(netip.AddrFrom4([4]byte{91, 20, 30, byte(i % 7)}))
		x.Time += netcase.Time(i) * netcase.Minute
		p = append(p, x)
	}
	o := ownerOf(t, p...).Owner
	if o.Events != 50 || o.Peers != 7 {
		t.Errorf("%+v", o)
	}
}

// Ordinary process starts, browsers and unknown ports say nothing about owners,
// but an unknown port is named.
func TestOwnerQuiet(t *testing.T) {
	w := newTraffic()
	for i := range 6000 {
		x := listener("Windows10", "notepad.exe", fmt.Sprintf("notepad.exe %d.txt", i), 0)
		x.Role = netcase.RoleStarted // no socket
		w.batch.Processes = append(w.batch.Processes, x)
	}
	browser := listener("Windows10", "msedge.exe", "msedge.exe", 0)
	browser.Role, browser.RemotePort = netcase.RoleConnector, 443
	w.batch.Processes = append(w.batch.Processes, browser)
	if found := w.find(t, owner()); len(found) != 0 {
		t.Fatalf("%s", found[0].Title)
	}
	w.batch.Processes = append(w.batch.Processes, listener("Windows10", "app.exe", "app.exe", 8291))
	found := w.find(t, owner())
	if len(found) != 1 || found[0].Owner.Verdict != ownerNotUsable || !strings.Contains(found[0].Owner.Why, "8291") {
		t.Fatalf("%+v", found)
	}
}

func TestOwnerIsBounded(t *testing.T) {
	w := newTraffic()
	for i := range 6000 {
		w.batch.Processes = append(w.batch.Processes, listener("Windows10", "svch0st.exe", fmt.Sprintf("svch0st.exe %d", i), 3389))
	}
	found := w.find(t, owner())
	if len(found) != mostOwnerSays || !slices.ContainsFunc(found[len(found)-1].Limits, func(s string) bool { return strings.Contains(s, "5,940 further") }) {
		t.Errorf("%d findings, %v", len(found), found[len(found)-1].Limits)
	}
}

func TestOwnerMetamorphosis(t *testing.T) {
	build := func() *traffic {
		w := newTraffic()
		for i := range 30 {
			p := listener([]string{"Windows10", "WindowsServer2019", ""}[i%3], "svchost.exe", "svchost.exe -k NetworkService -s TermService", []uint16{3389, 22}[i%2])
			p.Host.Name = fmt.Sprintf("ws-%d", i%5)
			p.Time += netcase.Time(i) * netcase.Minute
			w.batch.Processes = append(w.batch.Processes, p)
		}
		return w
	}
	core := func(w *traffic) string {
		var out []string
		for _, f := range w.find(t, owner()) {
			o := *f.Owner
			o.Host.Name = strings.Replace(o.Host.Name, "host-", "ws-", 1)
			out = append(out, fmt.Sprintf("%+v", o))
		}
		slices.Sort(out)
		return strings.Join(out, "\n")
	}
	want := core(build())
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
}

func FuzzOwner(f *testing.F) {
	f.Add("svchost.exe", `C:\Windows\System32\svchost.exe`, "svchost.exe -k NetworkService -p -s Dnscache", "services.exe", "Windows10", uint16(3389), uint8(0))
	f.Add("svch0st.exe", `\??\C:\x`, `"C:\Temp\svchost.exe`, "", "", uint16(22), uint8(1))
	f.Add("", `\device\harddiskvolume3\windows\system32\svchost.exe`, "-k", "a/b", "Linux", uint16(0), uint8(2))
	f.Fuzz(func(t *testing.T, image, path, line, parent, os string, port uint16, role uint8) {
		roles := []netcase.ProcessRole{netcase.RoleListener, netcase.RoleConnector, ""}
		p := netcase.Process{Image: image, Path: path, CommandLine: line, Parent: parent, OS: os, LocalPort: port, RemotePort: port, Role: roles[role%3]}
		k := keyOfOwner(&Input{Site: &netcase.Site{}}, &p)
		v := judgeOwner(&k)
		if v.verdict == ownerMismatch && (v.decibans <= 0 || v.short == "") || v.verdict != "" && (v.why == "" || v.rule == "" || ownerRank(v.verdict) < 0) {
			t.Errorf("%+v", v)
		}
	})
}
