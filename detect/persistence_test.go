package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// change is a record of something that lasts.
func change(role netcase.ProcessRole, target, value string) netcase.Process {
	return netcase.Process{
		Time: monday + netcase.Hour, Host: netcase.Endpoint{Name: "srv-1"}, Role: role, Action: "made", Target: target, Detail: value, Account: "CORP\\alice", Sensor: "windows/srv-1",
	}
}

// TestPersistenceRules: what lasts, why it is unusual, and what only looks like it.
func TestPersistenceRules(t *testing.T) {
	const run = `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Run\x`
	command := func(line string) netcase.Process {
		p := change(netcase.RoleOther, "", "")
		p.CommandLine = line
		return p
	}
	deleted := change(netcase.RoleRegistry, run, `C:\Users\Public\x.exe`)
	deleted.Action = "DeleteValue"
	for _, c := range []struct {
		name string
		p    netcase.Process
		want string // kind, "changes noted", or nothing
	}{
		{"a service of an installer", change(netcase.RoleService, "Updater", `"C:\Program Files\Maker\updater.exe" /svc`), "changes noted"},
		{"a driver", change(netcase.RoleService, "drv", `system32\drivers\drv.sys`), "changes noted"},
		{"a service that is a shell", change(netcase.RoleService, "x", `%COMSPEC% /C start /b powershell -enc SQBm`), "service"},
		{"a service on a pipe", change(netcase.RoleService, "x", `cmd.exe /c echo a > \\.\pipe\b`), "service"},
		{"a service from a share", change(netcase.RoleService, "x", `\\127.0.0.1\ADMIN$\x.exe`), "service"},
		{"a service in a user's folder", change(netcase.RoleService, "x", `C:\Users\Public\svc.exe`), "service"},
		{"a task of an installer", change(netcase.RoleTask, `\Maker\Update`, `C:\Program Files\Maker\updater.exe`), "changes noted"},
		{"a task that runs a shell", change(netcase.RoleTask, `\x`, `cmd.exe /c del c:\users\public\x`), "scheduled task"},
		{"a start key of a program", change(netcase.RoleRegistry, run, `"C:\Program Files\Maker\tray.exe"`), "changes noted"},
		{"a start key in a user's folder", change(netcase.RoleRegistry, run, `C:\Users\Public\x.exe`), "start key"},
		{"the same, deleted", deleted, ""},
		{"another key", change(netcase.RoleRegistry, `HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\RunMRU\a`, `cmd.exe\1`), ""},
		{"a debugger", change(netcase.RoleRegistry, `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Image File Execution Options\sethc.exe\Debugger`, `cmd.exe`), "start key"},
		{"the usual shell", change(netcase.RoleRegistry, `HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon\Shell`, `explorer.exe`), "changes noted"},
		{"a ServiceDll elsewhere", change(netcase.RoleRegistry, `HKLM\SYSTEM\CurrentControlSet\Services\a\Parameters\ServiceDll`, `C:\ProgramData\a.dll`), "service library"},
		{"a key written by a command", command(`echo ssh-rsa AAAA >> ~/.ssh/authorized_keys`), "authorized keys"},
		{"a key that is read", command(`cat ~/.ssh/authorized_keys`), ""},
		{"a file of cron", change(netcase.RoleWrote, "/etc/cron.d/job", ""), "changes noted"},
		{"another file", change(netcase.RoleWrote, "/home/a/notes", ""), ""},
		{"a program in the start folder", change(netcase.RoleWrote, `C:\Users\a\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Startup\x.exe`, ""), "start folder"},
	} {
		w := newTraffic()
		w.batch.Processes = []netcase.Process{c.p}
		kind := ""
		for _, f := range w.processes(t, persistence()) {
			kind += f.Kind
			if f.Persistence == nil || f.Kind != "changes noted" && (f.Persistence.Odd == "" || len(f.Technique) != 1) {
				t.Errorf("%s: %+v", c.name, f.Persistence)
			}
		}
		if kind != c.want {
			t.Errorf("%s: %q, want %q", c.name, kind, c.want)
		}
	}
}

func TestPersistenceAccounts(t *testing.T) {
	for detail, want := range map[string]string{
		"created by CORP\\bob": "changes noted", "added to local group Builtin\\Administrators by CORP\\bob": "member of a group",
		"added to global group CORP\\Readers by CORP\\admin": "changes noted", "changed by CORP\\admin": "",
		"new user: name=eve, UID=0, GID=0, home=/root, shell=/bin/bash": "account", "add 'eve' to group 'sudo'": "member of a group",
		"UserAccountAddedToLocalGroup": "changes noted", "password changed": "",
	} {
		w := newTraffic()
		w.batch.Logins = []netcase.Login{{Time: monday, Event: netcase.LoginAccount, Host: netcase.Endpoint{Name: "srv-1"}, Account: "eve", Detail: detail, Count: 1, Sensor: "windows/srv-1"}}
		kind := ""
		for _, f := range w.processes(t, persistence()) {
			kind += f.Kind
		}
		if kind != want {
			t.Errorf("%s: %q, want %q", detail, kind, want)
		}
	}
}

// afterLogins is a host with a login from outside after failures, one of an administrator
// inside, and changes an hour later.
func afterLogins() *traffic {
	w := newTraffic()
	login := func(at netcase.Time, host, peer, account string, o netcase.LoginOutcome) {
		w.batch.Logins = append(w.batch.Logins, netcase.Login{Time: monday + at, Host: netcase.Endpoint{Name: host}, Peer: end(peer), Account: account, Outcome: o, Count: 1, Sensor: "windows/" + host})
	}
	for i := range 10 {
		login(netcase.Time(i)*netcase.Second, "srv-1", guesser, "alice", netcase.LoginWrongPassword)
	}
	login(netcase.Minute, "srv-1", guesser, "alice", netcase.LoginSucceeded)
	login(2*netcase.Minute, "srv-1", "10.0.0.9", "bob", netcase.LoginSucceeded)
	login(2*netcase.Minute, "srv-2", "10.0.0.9", "bob", netcase.LoginSucceeded)
	for _, host := range []string{"srv-1", "srv-2"} {
		p := change(netcase.RoleService, "Helper", `C:\Program Files\Helper\helper.exe`)
		p.Host.Name, p.Account = host, "LocalSystem"
		q := change(netcase.RoleTask, `\Microsoft\Windows\GroupPolicy\x`, `gpupdate.exe`)
		q.Host.Name, q.Account = host, "CORP\\"+host+"$"
		late := change(netcase.RoleService, "Later", `C:\Program Files\Later\later.exe`)
		late.Host.Name, late.Time = host, monday+30*netcase.Hour
		w.batch.Processes = append(w.batch.Processes, p, q, late)
	}
	return w
}

// TestPersistenceAfterLogin: an ordinary service is told where it follows a login from
// outside; what Windows does by itself at a login is not, nor what follows a day later.
func TestPersistenceAfterLogin(t *testing.T) {
	found := afterLogins().processes(t, persistence())
	if len(found) != 2 || found[0].Kind != "service" || found[1].Kind != "changes noted" {
		t.Fatalf("%d findings: %s", len(found), found[0].Title)
	}
	p := found[0].Persistence
	if p.Host.Name != "srv-1" || p.Name != "Helper" || p.Odd != "" || p.AfterLogin == nil || p.AfterLogin.Peer != end(guesser) || p.AfterLogin.Account != "alice" || p.AfterLogin.Failures != 10 {
		t.Errorf("%+v, %+v", p, p.AfterLogin)
	}
	if n := found[1].Evidence[0].Numbers["changes"]; n != 5 {
		t.Errorf("%g changes noted", n)
	}
}

func TestPersistenceMetamorphosis(t *testing.T) {
	core := func(w *traffic) string {
		var out []string
		for _, f := range w.processes(t, persistence()) {
			p := *f.Persistence
			p.At, p.AfterLogin = 0, nil
			out = append(out, strings.ReplaceAll(fmt.Sprintf("%+v", p), "host-", "srv-"))
		}
		return strings.Join(out, "\n")
	}
	want := core(afterLogins())
	w := afterLogins()
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(w.batch.Processes), func(i, j int) {
		w.batch.Processes[i], w.batch.Processes[j] = w.batch.Processes[j], w.batch.Processes[i]
	})
	slices.Reverse(w.batch.Logins)
	if got := core(w); got != want {
		t.Errorf("shuffled: %s\nwant %s", got, want)
	}
	w = afterLogins()
	for i := range w.batch.Processes {
		w.batch.Processes[i].Time += 1000 * netcase.Hour
	}
	for i := range w.batch.Logins {
		w.batch.Logins[i].Time += 1000 * netcase.Hour
	}
	if got := core(w); got != want {
		t.Errorf("shifted: %s", got)
	}
	w = afterLogins()
	for _, p := range slices.Clone(w.batch.Processes) { // a second log tells of the same
		p.Sensor = "defender"
		w.batch.Processes = append(w.batch.Processes, p)
	}
	if got := core(w); got != want {
		t.Errorf("two sensors: %s", got)
	}
}

// TestPersistenceReal: what the captures of others show of services and tasks.
func TestPersistenceReal(t *testing.T) {
	notShort(t)
	const evtx, otrf = "evtx/evtx-attack-samples/", "otrf/atomic-host/"
	for _, c := range []struct {
		name string
		want []string // kind and name of what is told by itself
	}{
		{evtx + "Lateral Movement/LM_Remote_Service02_7045.evtx", []string{"service remotesvc", "service spoolfool", "service spoolsv"}},
		{evtx + "Lateral Movement/remote task update 4624 4702 same logonid.evtx", []string{`scheduled task \LMST`}},
		{otrf + "aptsimulator_cobaltstrike.zip", []string{"service tbbd05"}},
		{otrf + "empire_psexec_dcerpc_tcp_svcctl.zip", []string{"service Updater"}},
		{otrf + "empire_dllinjection_LoadLibrary_CreateRemoteThread.zip", nil},
		{otrf + "rdp_interactive_taskmanager_lsass_dump.zip", nil},
		{otrf + "covenant_psremoting_command.zip", nil},
		{otrf + "proxylogon_ssrf_rce_poc.zip", nil},
		{"msticpy/mde_proc_cs1.csv.gz", nil},
		{"loghub/Linux_2k.log", nil},
	} {
		t.Run(strings.ReplaceAll(c.name, "/", " "), func(t *testing.T) {
			b, _ := realEvents(t, c.name)
			var got []string
			for _, f := range findIn(t, netcase.Batch{Processes: b.Processes, Logins: b.Logins}, persistence()) {
				if f.Kind != "changes noted" {
					got = append(got, f.Kind+" "+f.Persistence.Name)
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func FuzzPersistence(f *testing.F) {
	f.Add("service", `x`, `%COMSPEC% /c a`, "made", "by x")
	f.Add("registry", `HKLM\System\Services\a\Parameters\ServiceDll`, ``, "SetValue", "added to group sudo by ")
	f.Fuzz(func(t *testing.T, role, target, value, action, detail string) {
		p := netcase.Process{Role: netcase.ProcessRole(role), Target: target, Detail: value, Action: action, CommandLine: value}
		if got, ok := lastingOf(&p); ok && lastingTechniques[got.What] == "" {
			t.Errorf("%q has no technique", got.What)
		}
		l := netcase.Login{Event: netcase.LoginAccount, Account: target, Detail: detail}
		if got, ok := lastingAccount(&l); ok && lastingTechniques[got.What] == "" {
			t.Errorf("%q has no technique", got.What)
		}
	})
}
