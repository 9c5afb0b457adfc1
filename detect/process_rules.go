package detect

import (
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// processView is a process record made ready for the rules.
type processView struct {
	p       *netcase.Process
	image   string // in lower case, with its ending
	parent  string
	path    string // whole, in lower case
	system  system
	group   string // of svchost
	service string
	outside bool // the peer of a connection is a public address that is not ours
}

func viewOf(in *Input, p *netcase.Process) processView {
	v := processView{p: p, image: strings.ToLower(imageOf(p)), parent: withExe(strings.ToLower(baseName(p.Parent)))}
	if v.parent == "" {
		v.parent = strings.ToLower(baseName(p.ParentPath))
	}
	v.path = strings.ToLower(p.Path)
	os := p.OS
	if a, ok := in.Site.AssetOf(p.Host); os == "" && ok {
		os = a.OS
	}
	v.system = systemOf(os)
	if v.image == svchost {
		v.group, v.service = svchostArguments(p.CommandLine)
	}
	v.outside = p.Peer.Addr.IsValid() && !in.Site.Owns(p.Peer.Addr) && netcase.Public(p.Peer.Addr)
	return v
}

const svchost = "svchost.exe"

// processRule is one rule on processes.
type processRule struct {
	name      string // short
	short     string // what is unusual, in a few words
	decibans  float64
	technique []string
	sigma     []string // public rules that look for the same, by their ids
	roles     []netcase.ProcessRole
	ask       func(*processView) (why string) // empty: as it should be, or not known
}

var (
	startedOnly = []netcase.ProcessRole{netcase.RoleStarted}
	// owner judges the same of processes that own a socket.
	startedOrActing = []netcase.ProcessRole{netcase.RoleStarted, netcase.RoleLoaded, netcase.RoleInjected, netcase.RoleRegistry, netcase.RoleWrote}
)

// processRules is the table of rules on processes.
//
// Units:  decibans, for a claim of compromise.
// Source: weights set by experts, not calibrated. The ids are those of rules of the Sigma
// project, whose authors keep their rights; the rules here are our own.
func processRules() []processRule {
	return []processRule{
		{"image path", "it lies where the system's program does not", weightMasquerade, []string{"T1036.005"},
			[]string{"be58d2e2-06c8-4f58-b666-b99f6dc3b6cd"}, startedOrActing, askPath},
		{"name look-alike", "its name looks like that of a program of the system", weightMasquerade, []string{"T1036.005"}, nil, startedOrActing, askLookAlike},
		{"parent", "its parent is not services.exe", weightOwner, []string{"T1055.012", "T1036"},
			[]string{"01d2e2a1-5f09-44f7-9fc1-24faa7479b6d"}, startedOnly, askParent},
		{"missing -k", "its command line names no group", weightOwner, []string{"T1055"},
			[]string{"16c37b52-b141-42a5-a3ea-bbe098444397", "f17211f1-1f24-4d0c-829f-31e28dc93cdd"}, startedOnly, askGroup},
		{"service of another group", "the service belongs to another group", weightOwner, []string{"T1543.003"}, nil, startedOnly, askServiceGroup},
		{"ServiceDll", "the library of a service was set", weightMasquerade, []string{"T1543.003", "T1574"}, []string{"registry_set_servicedll_hijack"},
			[]netcase.ProcessRole{netcase.RoleRegistry}, askServiceDLL},
		{"foreign module in svchost", "it loaded a library that is not Microsoft's", weightOwner, []string{"T1055.001", "T1574.001"}, nil,
			[]netcase.ProcessRole{netcase.RoleLoaded}, askModule},
		{"reaches into another process", "it reached into another process", weightMasquerade, []string{"T1055"}, nil,
			[]netcase.ProcessRole{netcase.RoleInjected}, askRemote},
		{"shell of TermService", "Remote Desktop's service started a shell", weightMasquerade, []string{"T1021.001", "T1059"},
			[]string{"1012f107-b8f1-4271-af30-5aed2de89b39"}, startedOnly, askTermService},
	}
}

// systemImages are programs of Windows that lie in System32, SysWOW64 or WinSxS only.
var systemImages = []string{
	svchost, "lsass.exe", "csrss.exe", "services.exe", "smss.exe", "winlogon.exe", "wininit.exe", "spoolsv.exe", "lsm.exe", "taskhostw.exe", "dllhost.exe",
	"conhost.exe", "rundll32.exe",
}

func askPath(v *processView) string {
	if !slices.Contains(systemImages, v.image) {
		return ""
	}
	if v.system == systemOther {
		return fmt.Sprintf("%s is a program of Windows; the machine is recorded as another system.", v.image)
	}
	if strings.EqualFold(v.p.Original, v.image) {
		return "" // what it states of itself is what it is called: moved, not made up
	}
	switch {
	case !inSystemFolder(v.p.Path, v.image):
		return fmt.Sprintf("%s lies in System32, SysWOW64 or WinSxS; this one has the path %s.", v.image, v.p.Path)
	case v.image == svchost && !linePath(v.p.CommandLine):
		return "svchost.exe lies in System32, SysWOW64 or WinSxS; the command line names another place."
	}
	return ""
}

// inSystemFolder tells whether a path, a folder or nothing at all may be that of a
// program of the system.
func inSystemFolder(path, image string) bool {
	p := strings.ToLower(strings.ReplaceAll(path, "/", `\`))
	return systemPath(strings.TrimSuffix(p, image) + svchost)
}

func askLookAlike(v *processView) string {
	if slices.Contains(systemImages, v.image) {
		return ""
	}
	for _, real := range systemImages {
		if real == svchost && looksLike(v.image, real) || len(real) > len("lsm.exe") && readsAs(v.image, real) {
			return fmt.Sprintf("The name %s differs from %s in a few characters.", v.image, real)
		}
	}
	return ""
}

func askParent(v *processView) string {
	if v.image != svchost || v.parent == "" || slices.Contains(svchostParents, v.parent) {
		return ""
	}
	return fmt.Sprintf("svchost.exe is started by services.exe; the parent here is %s.", v.parent)
}

func askGroup(v *processView) string {
	if v.image != svchost || v.p.CommandLine == "" || v.group != "" || slices.Contains(svchostSelf, v.parent) {
		return ""
	}
	return "svchost.exe always runs with -k and a group; the command line has none."
}

// serviceGroups are the groups of svchost that services run in, as Windows 10, 11 and
// Server 2016 to 2025 register them. The registry of the host knows better.
func serviceGroups() map[string][]string {
	return map[string][]string{
		"dnscache": {"networkservice"}, "cryptsvc": {"networkservice"}, "lanmanworkstation": {"networkservice"}, "dosvc": {"networkservice"},
		"winrm": {"networkservice"}, "wecsvc": {"networkservice"}, "mapsbroker": {"networkservice"}, "rpcss": {"rpcss"}, "rpceptmapper": {"rpcss"},
		"policyagent": {"networkservicenetworkrestricted"}, "schedule": {"netsvcs"}, "bits": {"netsvcs"}, "winmgmt": {"netsvcs"}, "profsvc": {"netsvcs"},
		"seclogon": {"netsvcs"}, "appinfo": {"netsvcs"}, "ikeext": {"netsvcs"}, "gpsvc": {"netsvcs", "gpsvcgroup"}, "lanmanserver": {"netsvcs", "smbsvcs"},
		"wuauserv": {"netsvcs", "wusvcs"}, "dhcp": {"localservicenetworkrestricted"}, "eventlog": {"localservicenetworkrestricted"},
		"lmhosts": {"localservicenetworkrestricted"}, "diagtrack": {"utcsvc"}, "plugplay": {"dcomlaunch"}, "dcomlaunch": {"dcomlaunch"},
		"termservice": {"networkservice", "termsvcs"},
	}
}

func askServiceGroup(v *processView) string {
	if v.image != svchost || v.group == "" || v.service == "" {
		return ""
	}
	groups, ok := serviceGroups()[v.service]
	switch {
	case !ok || slices.Contains(groups, v.group) && v.service != "termservice":
		return ""
	case v.service == "termservice" && slices.Contains(groups, v.group) && (v.system == systemUnknown || v.system == systemClient && v.group == "networkservice" || v.system == systemServer && v.group == "termsvcs"):
		return ""
	}
	return fmt.Sprintf("The service %s runs in the group %s; here it is %s.", v.service, strings.Join(groups, " or "), v.group)
}

// installers may set the library of a service.
var installers = []string{
	"tiworker.exe", "trustedinstaller.exe", "poqexec.exe", "services.exe", "msiexec.exe", "setuphost.exe", "windowsupdatebox.exe", "dismhost.exe", "drvinst.exe",
}

// askServiceDLL judges the registry value that names the library of a service.
func askServiceDLL(v *processView) string {
	key := strings.ToLower(v.p.Target)
	if !strings.Contains(key, `\services\`) || !strings.HasSuffix(key, `\servicedll`) || v.p.Detail == "" || strings.HasPrefix(strings.ToLower(v.p.Action), "delete") {
		return ""
	}
	if !underSystem(v.p.Detail) {
		return fmt.Sprintf("The library of a service lies in System32; this one was set to %s.", v.p.Detail)
	}
	if v.image != "" && !slices.Contains(installers, v.image) {
		return fmt.Sprintf("%s set the library of a service, which installers do.", v.image)
	}
	return ""
}

// signer is whose signature a record states: valid and Microsoft's, another's, none, or
// not known.
func signer(signed string) (microsoft, known bool) {
	s := strings.ToLower(signed)
	switch {
	case s == "":
		return false, false
	case strings.Contains(s, "signed false") || strings.Contains(s, "unsigned"):
		return false, true
	case strings.Contains(s, "status unavailable") || strings.Contains(s, "unknown"):
		return false, false
	case strings.Contains(s, "microsoft") && !strings.Contains(s, "invalid") && !strings.Contains(s, "revoked"):
		return true, true
	case strings.Contains(s, "signed true") || strings.Contains(s, "valid"):
		return false, true
	}
	return false, false
}

// userFolders are where everybody may write.
var userFolders = []string{`\users\`, `\temp\`, `\tmp\`, `\programdata\`, `\perflogs\`, `\appdata\`, `\recycle`, `\windows\tasks\`, `\windows\debug\`, `\public\`, `\downloads\`}

func userWritable(path string) bool {
	p := strings.ToLower(strings.ReplaceAll(path, "/", `\`))
	return slices.ContainsFunc(userFolders, func(f string) bool { return strings.Contains(p, f) })
}

func askModule(v *processView) string {
	target := strings.ToLower(v.p.Target)
	if v.image != svchost || target == "" || strings.HasSuffix(target, ".exe") || v.p.Action == "DriverLoad" {
		return ""
	}
	microsoft, known := signer(v.p.Signed)
	switch {
	case known && !microsoft:
		return fmt.Sprintf("svchost.exe loaded %s, which is not signed by Microsoft (%s).", v.p.Target, v.p.Signed)
	case !known && userWritable(target):
		return fmt.Sprintf("svchost.exe loaded %s from a folder that users may write to; its signature is not recorded.", v.p.Target)
	}
	return ""
}

// reachers are programs of the system that reach into others as a matter of course.
var reachers = []string{
	"csrss.exe", "smss.exe", "wininit.exe", "winlogon.exe", "services.exe", "lsass.exe", "dwm.exe", "svchost.exe", "werfault.exe", "werfaultsecure.exe", "taskmgr.exe",
	"wmiprvse.exe", "sihost.exe", "conhost.exe", "vmtoolsd.exe",
}

// guards are programs of security products, which reach into everything.
var guards = []string{"msmpeng.exe", "mssense.exe", "sensendr.exe", "sensecm.exe", "senseir.exe", "mpdefendercoreservice.exe"}

func askRemote(v *processView) string {
	target := strings.ToLower(baseName(v.p.Target))
	switch {
	case v.image == "" || target == "" || v.image == target:
		return ""
	case slices.Contains(reachers, v.image) && strings.Contains(v.path, `\`) && inSystemFolder(v.path, v.image):
		return ""
	case slices.Contains(guards, v.image) && (strings.Contains(v.path, `\windows defender`) || strings.Contains(v.path, `\microsoft\windows defender`)):
		return ""
	}
	return fmt.Sprintf("%s reached into %s (%s): debuggers and security products do so as well.", v.image, target, strings.TrimSpace(v.p.Action))
}

// shells take commands.
var shells = []string{"cmd.exe", "powershell.exe", "pwsh.exe", "rundll32.exe", "regsvr32.exe", "mshta.exe", "wscript.exe", "cscript.exe"}

func askTermService(v *processView) string {
	group, service := svchostArguments(v.p.ParentLine)
	if v.parent != svchost || !slices.Contains(shells, v.image) || service != "termservice" && group != "termsvcs" {
		return ""
	}
	return fmt.Sprintf("The service of Remote Desktop starts sessions, not programs; here it started %s.", v.image)
}
