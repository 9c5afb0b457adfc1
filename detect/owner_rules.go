package detect

import (
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// ownerVerdict is what a rule says about an owner.
type ownerVerdict struct {
	verdict   string // empty: no rule
	rule      string
	why       string
	short     string // the reason in a few words
	decibans  float64
	technique []string
	limits    []string

	group, service string
}

// Weights for a claim of compromise.
//
// Units:  decibans.
// Source: set by experts, not calibrated.
const (
	weightMasquerade = 14
	weightOwner      = 10
	weightTool       = 6
)

// system is a family of operating systems.
type system int

const (
	systemUnknown system = iota
	systemClient         // Windows for desks
	systemServer         // Windows Server
	systemOther          // Linux, macOS and the rest
)

// systemOf reads what sources write: "Windows10", "WindowsServer2019",
// "Microsoft Windows Server 2022 Datacenter", "Ubuntu 22.04".
func systemOf(os string) system {
	s := strings.ToLower(os)
	switch {
	case !strings.ContainsAny(s, "abcdefghijklmnopqrstuvwxyz"): // "10.0" is the number of many systems
		return systemUnknown
	case strings.Contains(s, "windows") && strings.Contains(s, "server"):
		return systemServer
	case strings.Contains(s, "windows"):
		return systemClient
	}
	return systemOther
}

// socketRule names the usual owners of a listening port on a Windows machine
// ("" as an image: no owner is usual), and what svchost has to run there.
type socketRule struct {
	ports    []uint16
	images   []string // usual owners
	servers  bool     // any named web server will do as well
	service  string   // the service, where svchost is usual
	groups   []string // its group; see groupsOn for what depends on the system
	groupsOn map[system][]string
	says     string // what is usual, in words
}

// socketRules is the table of usual owners.
//
// Source: Windows service registrations; 3389 by independent process lists of
// client and server builds. Reading the group from the host's registry is better.
func socketRules() []socketRule {
	return []socketRule{
		{ports: []uint16{22}, images: []string{"sshd.exe"}, says: `sshd.exe in System32\OpenSSH`},
		{ports: []uint16{23}, says: "nothing: the Telnet server was removed from Windows 8 and Server 2016 on"},
		{ports: []uint16{80, 443, 5985, 5986, 47001}, images: []string{"system", "ntoskrnl.exe"}, servers: true, says: "System (pid 4, http.sys) or a named web server"},
		{ports: []uint16{135}, images: []string{"svchost.exe"}, service: "rpcss", groups: []string{"rpcss"}, says: "svchost -k rpcss"},
		{ports: []uint16{139, 445}, images: []string{"system", "ntoskrnl.exe"}, says: "System (pid 4)"},
		{ports: []uint16{3389}, images: []string{"svchost.exe"}, service: "termservice", groupsOn: map[system][]string{
			systemClient: {"networkservice"}, systemServer: {"termsvcs"},
		}, says: "svchost with TermService: group NetworkService on Windows 10 and 11, termsvcs on servers"},
		{ports: []uint16{5353, 5355}, images: []string{"svchost.exe", "chrome.exe", "msedge.exe"}, service: "dnscache", groups: []string{"networkservice"}, says: "svchost with Dnscache"},
		{ports: []uint16{500, 4500}, images: []string{"svchost.exe"}, service: "ikeext", groups: []string{"netsvcs"}, says: "svchost with IKEEXT"},
		{ports: []uint16{7680}, images: []string{"svchost.exe"}, service: "dosvc", groups: []string{"networkservice"}, says: "svchost with DoSvc"},
	}
}

// otherOwners are the usual owners on systems that are not Windows.
func otherOwners() map[uint16][]string {
	return map[uint16][]string{
		22: {"sshd", "sshd-session", "dropbear", "systemd", "launchd"},
		23: {"telnetd", "in.telnetd", "utelnetd", "inetd", "xinetd", "systemd", "busybox"},
	}
}

// webServers are images that serve the Web under their own name.
var webServers = []string{
	"nginx", "httpd", "apache2", "apache", "caddy", "lighttpd", "haproxy", "traefik", "envoy", "w3wp", "iisexpress", "tomcat", "tomcat8", "tomcat9",
	"tomcat10", "java", "node", "python", "python3", "docker-proxy", "com.docker.backend", "varnishd", "squid", "gunicorn", "dotnet", "php-fpm",
}

// svchostParents may start svchost.
var svchostParents = []string{"services.exe", "msmpeng.exe", "mrt.exe", "tiworker.exe", "ngen.exe", "rpcnet.exe"}

// svchostSelf may run svchost without a group.
var svchostSelf = []string{"msmpeng.exe", "mrt.exe"}

// callsOut is where the services of svchost connect to.
func callsOut() map[string][]uint16 {
	return map[string][]uint16{
		"dnscache": {53, 443, 853}, "cryptsvc": {80, 443}, "nlasvc": {80, 443}, "dosvc": {80, 443, 7680, 3544}, "winrm": {5985, 5986},
		"wecsvc": {5985, 5986}, "mapsbroker": {80, 443}, "termservice": {135}, "ncsi": {80, 443}, "w32time": {123}, "bits": {80, 443},
		"wuauserv": {80, 443}, "ikeext": {500, 4500}, "iphlpsvc": {443, 3544}, "diagtrack": {443}, "dhcp": {67, 547}, "lfsvc": {443}, "wpnservice": {443},
	}
}

// groupCalls is where a whole group connects to, for lines that name no service.
func groupCalls() map[string][]uint16 {
	return map[string][]uint16{
		"networkservice": {53, 80, 135, 443, 853, 3544, 5985, 5986, 7680}, "netsvcs": {80, 123, 443, 500, 4500, 3544}, "localservice": {80, 123, 443},
		"utcsvc": {443}, "networkservicenetworkrestricted": {80, 443}, "localservicenetworkrestricted": {67, 80, 443, 547},
	}
}

// signedTools are programs of the system that others use to fetch or to send.
var signedTools = []string{
	"certutil.exe", "bitsadmin.exe", "mshta.exe", "regsvr32.exe", "rundll32.exe", "msbuild.exe", "installutil.exe", "wmic.exe", "curl.exe", "finger.exe",
}

// judgeOwner applies the rules, what does not need the socket first.
func judgeOwner(k *ownerKey) ownerVerdict {
	group, service := svchostArguments(k.line)
	v := judgeProcess(k, group)
	if v.verdict == "" {
		v = judgeSocket(k, group, service)
	}
	v.group, v.service = group, service
	return v
}

// judgeProcess is the rules on the name, the path, the command line and the parent.
func judgeProcess(k *ownerKey, group string) ownerVerdict {
	if k.image != "svchost.exe" {
		if looksLike(k.image, "svchost.exe") {
			return ownerVerdict{verdict: ownerMismatch, rule: "name look-alike", short: "its name looks like svchost.exe", decibans: weightMasquerade,
				technique: []string{"T1036.005"}, why: fmt.Sprintf("The name %s differs from svchost.exe in a few characters.", k.image)}
		}
		return ownerVerdict{}
	}
	switch {
	case systemOf(k.os) == systemOther:
		return ownerVerdict{verdict: ownerMismatch, rule: "system", short: "svchost.exe is a program of Windows", decibans: weightMasquerade,
			technique: []string{"T1036.005"}, why: fmt.Sprintf("svchost.exe is a program of Windows; the machine is recorded as %s.", k.os)}
	case !systemPath(k.path):
		return ownerVerdict{verdict: ownerMismatch, rule: "path", short: "its path is not that of svchost.exe", decibans: weightMasquerade,
			technique: []string{"T1036.005"}, why: fmt.Sprintf("svchost.exe lies in System32, SysWOW64 or WinSxS; this one has the path %s.", k.path)}
	case !linePath(k.line):
		return ownerVerdict{verdict: ownerMismatch, rule: "path", short: "its command line names another path", decibans: weightMasquerade,
			technique: []string{"T1036.005"}, why: "svchost.exe lies in System32, SysWOW64 or WinSxS; the command line names another place."}
	case k.parent != "" && !slices.Contains(svchostParents, withExe(k.parent)):
		return ownerVerdict{verdict: ownerMismatch, rule: "parent", short: "its parent is not services.exe", decibans: weightOwner,
			technique: []string{"T1055.012", "T1036"}, why: fmt.Sprintf("svchost.exe is started by services.exe; the parent here is %s.", k.parent)}
	case k.line != "" && group == "" && !slices.Contains(svchostSelf, withExe(k.parent)):
		return ownerVerdict{verdict: ownerMismatch, rule: "missing -k", short: "its command line names no group", decibans: weightOwner,
			technique: []string{"T1055"}, why: "svchost.exe always runs with -k and a group; the command line has none."}
	}
	return ownerVerdict{}
}

// withExe is a file name with the ending that some sources leave out.
func withExe(name string) string {
	if name == "" || strings.Contains(name, ".") {
		return name
	}
	return name + ".exe"
}

// systemFolders are where svchost.exe may lie, without the drive.
var systemFolders = []string{`\windows\system32`, `\windows\syswow64`, `\windows\winsxs`}

// systemPath tells whether a path, a folder or nothing at all may be that of
// svchost.exe. Upper and lower case are the same.
func systemPath(path string) bool {
	p := windowsPath(path)
	if !strings.Contains(p, `\`) {
		return true // no folder is recorded
	}
	if strings.Contains(p, `\..`) {
		return false
	}
	folder := strings.TrimSuffix(strings.TrimSuffix(p, `svchost.exe`), `\`)
	return slices.ContainsFunc(systemFolders, func(f string) bool {
		return folder == f || f == `\windows\winsxs` && strings.HasPrefix(folder, f+`\`)
	})
}

// windowsPath is a path in lower case, with backslashes and without its drive.
func windowsPath(path string) string {
	p := strings.ReplaceAll(strings.ToLower(path), "/", `\`)
	p = strings.TrimPrefix(strings.TrimPrefix(p, `\??\`), `\\?\`)
	p = strings.ReplaceAll(p, "%%", "%")
	p = strings.Replace(p, "%systemroot%", `c:\windows`, 1)
	p = strings.Replace(p, "%windir%", `c:\windows`, 1)
	if rest, ok := strings.CutPrefix(p, `\systemroot`); ok {
		p = `c:\windows` + rest
	}
	if len(p) > 2 && p[1] == ':' {
		return p[2:]
	}
	if rest, ok := strings.CutPrefix(p, `\device\harddiskvolume`); ok {
		return rest[strings.IndexByte(rest+`\`, '\\'):]
	}
	return p
}

// underSystem tells whether a file lies in System32 or SysWOW64, or below.
func underSystem(path string) bool {
	p := windowsPath(strings.Trim(path, `" `))
	return !strings.Contains(p, `\..`) && (strings.HasPrefix(p, `\windows\system32\`) || strings.HasPrefix(p, `\windows\syswow64\`))
}

// linePath tells whether the program that a command line names may be svchost.exe.
func linePath(line string) bool {
	word, _ := firstWord(strings.ToLower(line))
	if !strings.HasSuffix(word, "svchost.exe") && !strings.HasSuffix(word, "svchost") {
		return true // a line that begins with arguments says nothing of the path
	}
	return systemPath(strings.TrimSuffix(word, ".exe") + ".exe")
}

// looksLike tells whether a name is made to be read as another: equal when
// characters that look alike are taken for one another, or one edit away.
func looksLike(name, real string) bool {
	if name == real || name == "" {
		return false
	}
	name = withExe(name)
	if name == real {
		return false
	}
	return readsAs(name, real) || editDistance(name, real) == 1
}

// confusables are characters that look alike, each as one of them.
var confusables = strings.NewReplacer("0", "o", "1", "l", "5", "s", "3", "e", "vv", "w", "ο", "o", "о", "o", "с", "c", "ѕ", "s", "һ", "h", "ν", "v")

// readsAs tells whether two different names are read as one: equal when characters that
// look alike are taken for one another, or when two neighbours are swapped.
func readsAs(name, real string) bool {
	return name != real && (confusables.Replace(name) == confusables.Replace(real) || swapped(name, real))
}

// swapped tells whether two names differ by two neighbouring characters only.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i+1 < len(a); i++ {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}

// longestName bounds the names that are compared letter by letter.
const longestName = 64

// editDistance is the number of letters to insert, remove or replace; names
// that are too long or differ too much in length are 2 apart or more.
func editDistance(a, b string) int {
	if len(a) > longestName || len(a) > len(b)+1 || len(b) > len(a)+1 {
		return 2
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal + b2i(a[i] != b[j])
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// svchostArguments is the group and the service of a command line, in lower case.
func svchostArguments(line string) (group, service string) {
	_, rest := firstWord(strings.ToLower(line))
	if strings.HasPrefix(strings.TrimSpace(strings.ToLower(line)), "-k") {
		rest = strings.ToLower(line)
	}
	words := strings.Fields(rest)
	for i, w := range words {
		w = strings.Replace(w, "/", "-", 1)
		if i+1 >= len(words) {
			break
		}
		next := strings.Trim(words[i+1], `"`)
		switch w {
		case "-k":
			group = next
		case "-s":
			service = next
		}
	}
	return group, service
}

// judgeSocket is the rules on who owns a socket.
func judgeSocket(k *ownerKey, group, service string) ownerVerdict {
	if k.role == netcase.RoleConnector {
		return judgeConnector(k, group, service)
	}
	var missing []string
	if k.role == "" {
		missing = append(missing, "the action type (who opened the connection)")
	}
	if k.port == 0 {
		missing = append(missing, "the local port")
	}
	always := k.role == netcase.RoleListener && neverOn(k)
	if k.os == "" && !always {
		missing = append(missing, "the operating system")
	}
	if len(missing) > 0 {
		if k.image == "svchost.exe" && service == "" {
			missing = append(missing, "the service (-s)")
		}
		return ownerVerdict{verdict: ownerNotUsable, rule: "what is needed",
			why: "Attribution is not usable; missing: " + strings.Join(missing, ", ") + ".", limits: []string{
				"the initiating process of an accepted connection is the owner of the listening socket, not the one who began the connection"}}
	}
	if systemOf(k.os) == systemOther {
		return judgeOther(k)
	}
	for _, r := range socketRules() {
		if slices.Contains(r.ports, k.port) {
			return r.judge(k, group, service)
		}
	}
	return ownerVerdict{}
}

// neverOn tells whether svchost owns a port that it owns on no version of
// Windows: then the system need not be known.
func neverOn(k *ownerKey) bool {
	return k.image == "svchost.exe" && slices.Contains([]uint16{22, 23, 80, 443, 139, 445, 5985, 5986}, k.port)
}

// judge compares the owner of a listening port with the usual one.
func (r *socketRule) judge(k *ownerKey, group, service string) ownerVerdict {
	rule := fmt.Sprintf("usual owner of port %d", k.port)
	bare := strings.TrimSuffix(k.image, ".exe")
	usual := slices.Contains(r.images, k.image) || r.servers && slices.Contains(webServers, bare)
	switch {
	case k.image == "":
		return ownerVerdict{verdict: ownerNotUsable, rule: rule, why: "Attribution is not usable; missing: the name of the process."}
	case usual && k.image == "svchost.exe":
		return r.judgeService(k, group, service, rule)
	case usual && k.image == "sshd.exe" && k.path != "" && strings.Contains(k.path, `\`) && !strings.Contains(k.path, `\windows\system32\openssh`):
		return ownerVerdict{verdict: ownerCheck, rule: rule, why: fmt.Sprintf("sshd.exe is the usual owner of port %d, but of another place than System32\\OpenSSH: %s.", k.port, k.path)}
	case usual:
		return ownerVerdict{verdict: ownerExpected, rule: rule, why: fmt.Sprintf("%s is the usual owner of port %d.%s", k.image, k.port, reachable(k.port))}
	case k.image == "svchost.exe" || r.service != "" || slices.Contains([]uint16{139, 445}, k.port):
		return ownerVerdict{verdict: ownerMismatch, rule: rule, short: "it does not usually own this port", decibans: weightOwner, technique: []string{"T1571", "T1205"},
			why: fmt.Sprintf("The usual owner of port %d is %s; here it is %s.", k.port, r.says, k.image)}
	}
	return ownerVerdict{verdict: ownerCheck, rule: rule, why: fmt.Sprintf("The usual owner of port %d is %s; here it is %s, which may be a program that was installed for it.", k.port, r.says, k.image)}
}

// judgeService looks at the group and the service that svchost runs.
func (r *socketRule) judgeService(k *ownerKey, group, service, rule string) ownerVerdict {
	groups := r.groups
	if on, ok := r.groupsOn[systemOf(k.os)]; ok {
		groups = on
	}
	switch {
	case group == "":
		return ownerVerdict{verdict: ownerNotUsable, rule: rule, why: "Attribution is not usable; missing: the command line with the group (-k) and the service (-s)."}
	case service != "" && service != r.service:
		return ownerVerdict{verdict: ownerMismatch, rule: rule, short: "another service owns this port", decibans: weightOwner, technique: []string{"T1571", "T1205"},
			why: fmt.Sprintf("The usual owner of port %d is %s; here it is the service %s.", k.port, r.says, service)}
	case !slices.Contains(groups, group):
		return ownerVerdict{verdict: ownerCheck, rule: rule, why: fmt.Sprintf("The group %s is not the usual one for port %d on this system (%s): read the service (-s), its ServiceDll and the groups in the registry of the host.",
			group, k.port, k.os)}
	}
	return ownerVerdict{verdict: ownerExpected, rule: rule,
		why: fmt.Sprintf("svchost with the group %s is the usual owner of port %d on this system (%s).%s", group, k.port, k.os, reachable(k.port))}
}

// reachable says that an accepted connection is an exposure, whoever owns the socket.
func reachable(port uint16) string {
	if netcase.IsAdminPort(port) {
		return " That it accepted connections is an exposure, not a property of the process."
	}
	return ""
}

// judgeOther is the rules for systems that are not Windows.
func judgeOther(k *ownerKey) ownerVerdict {
	usual, ok := otherOwners()[k.port]
	if !ok {
		if slices.Contains([]uint16{80, 443}, k.port) && slices.Contains(webServers, k.image) {
			return ownerVerdict{verdict: ownerExpected, rule: "usual owner", why: fmt.Sprintf("%s is a usual owner of port %d.", k.image, k.port)}
		}
		return ownerVerdict{}
	}
	rule := fmt.Sprintf("usual owner of port %d", k.port)
	if slices.Contains(usual, k.image) {
		return ownerVerdict{verdict: ownerExpected, rule: rule, why: fmt.Sprintf("%s is a usual owner of port %d.%s", k.image, k.port, reachable(k.port))}
	}
	return ownerVerdict{verdict: ownerCheck, rule: rule, why: fmt.Sprintf("The usual owners of port %d are %s; here it is %s.", k.port, strings.Join(usual, ", "), k.image)}
}

// judgeConnector is the rules for processes that opened a connection.
func judgeConnector(k *ownerKey, group, service string) ownerVerdict {
	if slices.Contains(signedTools, k.image) && k.outside {
		return ownerVerdict{verdict: ownerCheck, rule: "system tool to the outside", decibans: weightTool, technique: []string{"T1105", "T1218"},
			why: fmt.Sprintf("%s opened connections to public addresses; administrators do that seldom.", k.image)}
	}
	if k.image != "svchost.exe" {
		return ownerVerdict{}
	}
	if k.port == 0 {
		return ownerVerdict{verdict: ownerNotUsable, rule: "what is needed", why: "Attribution is not usable; missing: the remote port."}
	}
	ports, known := groupCalls()[group]
	name := "the group " + group
	if service != "" {
		name = "the service " + service
		ports, known = callsOut()[service]
	}
	switch {
	case group == "":
		return ownerVerdict{verdict: ownerNotUsable, rule: "what is needed", why: "Attribution is not usable; missing: the command line with the group (-k) and the service (-s)."}
	case !known:
		return ownerVerdict{}
	case slices.Contains(ports, k.port):
		return ownerVerdict{verdict: ownerExpected, rule: "where services connect to", why: fmt.Sprintf("Port %d is where %s usually connects to.", k.port, name)}
	}
	return ownerVerdict{verdict: ownerCheck, rule: "where services connect to", why: fmt.Sprintf("Port %d is not where %s usually connects to.", k.port, name)}
}
