package detect

import (
	"slices"
	"strings"

	"netcase"
)

// lastingOf is the change that a process record tells of.
func lastingOf(p *netcase.Process) (netcase.PersistenceFacts, bool) {
	f := netcase.PersistenceFacts{
		Host: p.Host.Key(), Name: p.Target, Value: p.Detail, Account: p.Account, Image: strings.ToLower(imageOf(p)), At: p.Time,
	}
	action := strings.ToLower(p.Action)
	if strings.Contains(action, "delete") || strings.Contains(action, "remove") {
		return f, false
	}
	switch p.Role {
	case netcase.RoleService:
		f.What, f.Odd = whatService, oddProgram(p.Detail, true)
	case netcase.RoleTask:
		f.What, f.Odd = whatTask, oddProgram(p.Detail, false)
	case netcase.RoleRegistry:
		if f.What, f.Odd = registryChange(p); f.What == whatService {
			f.Name, f.Value = serviceOfKey(p.Target), strings.ReplaceAll(p.Detail, "%%", "%") // as the Service Control Manager writes it
		}
	case netcase.RoleWrote:
		f.What, f.Odd = writtenFile(p)
		f.Value = ""
	case netcase.RoleStarted, netcase.RoleOther:
		f.What, f.Odd = lastingCommand(p)
		if p.CommandLine != "" {
			f.Name, f.Value = p.CommandLine, ""
		}
		if f.What == "" && strings.EqualFold(p.Action, "WmiBindEventFilterToConsumer") {
			f.What, f.Odd, f.Name = whatWMI, "few programs bind a filter to a consumer", p.Detail
		}
	}
	return f, f.What != ""
}

// oddProgram tells why the program of a service or a task is unusual; empty: it is not.
func oddProgram(line string, service bool) string {
	l := strings.ToLower(line)
	word, _ := firstWord(l)
	name := withExe(strings.TrimPrefix(baseName(word), "@"))
	switch {
	case l == "":
		return ""
	case strings.Contains(l, `\pipe\`):
		return "it writes to a named pipe"
	case strings.Contains(l, "-enc") && strings.Contains(l, "powershell"), strings.Contains(l, "frombase64string"):
		return "it runs an encoded command"
	case strings.Contains(l, "downloadstring") || strings.Contains(l, "http://") || strings.Contains(l, "https://"):
		return "it fetches from the network"
	case strings.Contains(l, `\admin$\`) || strings.Contains(l, `\c$\`):
		return "it runs from an administrative share"
	case service && (strings.HasPrefix(l, "%comspec%") || slices.Contains(shells, name)) && name != "rundll32.exe":
		return "it runs a command shell"
	case service && !strings.Contains(word, `\`) && !strings.HasPrefix(word, "%") && !strings.HasPrefix(l, "system32"):
		return "its program has no path"
	case slices.Contains(shells, name) && !service && (strings.Contains(l, "/c ") || strings.Contains(l, "hidden") || userWritable(l)):
		return "it runs a command shell"
	case userWritable(word):
		return "its program lies where users may write"
	case looksLike(name, svchost):
		return "the name of its program looks like svchost.exe"
	}
	return ""
}

// registryValues are values by which Windows starts programs or loads libraries, as parts
// of their path in lower case.
var registryValues = []struct {
	what string
	path []string // all must be in it
	odd  string   // why any such value is unusual; empty: only by its program
}{
	{whatRunKey, []string{`\currentversion\run\`}, ""},
	{whatRunKey, []string{`\currentversion\runonce\`}, ""},
	{whatRunKey, []string{`\currentversion\runservices`}, "a key of Windows 9x"},
	{whatRunKey, []string{`\currentversion\policies\explorer\run\`}, ""},
	{whatRunKey, []string{`\currentversion\winlogon\shell`}, "the shell of every login was set"},
	{whatRunKey, []string{`\currentversion\winlogon\userinit`}, "what every login runs first was set"},
	{whatRunKey, []string{`\image file execution options\`, `\debugger`}, "it runs in place of another program"},
	{whatRunKey, []string{`\silentprocessexit\`, `\monitorprocess`}, "it runs when another program ends"},
	{whatRunKey, []string{`\windows\appinit_dlls`}, "it is loaded into every program"},
	{whatRunKey, []string{`\control\lsa\`, `packages`}, "it is loaded where passwords are checked"},
}

// registryChange is what a registry value that was set stands for.
func registryChange(p *netcase.Process) (what, odd string) {
	key := strings.ToLower(strings.ReplaceAll(p.Target, `\\`, `\`))
	if p.Detail == "" || strings.HasPrefix(strings.ToLower(p.Action), "createkey") {
		return "", ""
	}
	if strings.Contains(key, `\services\`) {
		switch {
		case strings.HasSuffix(key, `\servicedll`):
			v := viewOf(&Input{Site: &netcase.Site{}}, p)
			return whatDLL, lowerFirst(strings.TrimSuffix(askServiceDLL(&v), "."))
		case strings.HasSuffix(key, `\imagepath`):
			return whatService, oddProgram(p.Detail, true)
		}
	}
	if strings.Contains(key, `\currentversion\svchost\`) {
		return whatDLL, "a group of svchost was set"
	}
	for _, r := range registryValues {
		if slices.ContainsFunc(r.path, func(part string) bool { return !strings.Contains(key, part) }) {
			continue
		}
		if odd = r.odd; odd == "" {
			odd = oddProgram(p.Detail, false)
		}
		if strings.HasSuffix(key, `\winlogon\shell`) && strings.EqualFold(p.Detail, "explorer.exe") {
			odd = ""
		}
		return r.what, odd
	}
	return "", ""
}

// serviceOfKey is the service that a registry key belongs to.
func serviceOfKey(key string) string {
	i := strings.LastIndex(strings.ToLower(key), `\services\`)
	if i < 0 {
		return key
	}
	name, _, _ := strings.Cut(key[i+len(`\services\`):], `\`)
	return name
}

// byWindows tells whether Windows itself made a change, as it does at every login. The
// account of a new service is the one that it runs as, and says nothing of who made it.
func byWindows(f *netcase.PersistenceFacts) bool {
	if f.What == whatService || f.What == whatDLL {
		return false
	}
	a := strings.ToLower(f.Account)
	a = a[strings.LastIndexByte(a, '\\')+1:]
	return strings.HasSuffix(a, "$") || slices.Contains([]string{"system", "local service", "network service", "trustedinstaller"}, a)
}

func lowerFirst(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// writtenFile is what a file that was written stands for.
func writtenFile(p *netcase.Process) (what, odd string) {
	t := strings.ToLower(strings.ReplaceAll(p.Target, `\`, "/"))
	switch {
	case strings.HasSuffix(t, "/.ssh/authorized_keys") || strings.HasSuffix(t, "/.ssh/authorized_keys2"):
		return whatKeys, ""
	case strings.HasPrefix(t, "/etc/cron") || strings.HasPrefix(t, "/var/spool/cron/") || strings.HasSuffix(t, "/etc/crontab"):
		return whatCron, ""
	case strings.HasPrefix(t, "/etc/systemd/system/") || strings.HasPrefix(t, "/usr/lib/systemd/system/") || strings.HasPrefix(t, "/lib/systemd/system/"),
		strings.HasPrefix(t, "/etc/init.d/"), t == "/etc/rc.local", t == "/etc/profile", strings.HasPrefix(t, "/etc/profile.d/"):
		return whatUnit, ""
	case t == "/etc/ld.so.preload":
		return whatUnit, "it is loaded into every program"
	case strings.Contains(t, "/start menu/programs/startup/") && !strings.HasSuffix(t, ".lnk") && !strings.HasSuffix(t, "/desktop.ini"):
		return whatStartup, "a program was put into the start folder"
	case strings.Contains(t, "/start menu/programs/startup/") && strings.HasSuffix(t, ".lnk"):
		return whatStartup, ""
	}
	return "", ""
}

// lastingCommand is what a command line stands for.
func lastingCommand(p *netcase.Process) (what, odd string) {
	l := strings.ToLower(p.CommandLine)
	writes := strings.Contains(l, ">") || strings.Contains(l, "tee ")
	switch {
	case strings.Contains(l, "authorized_keys") && writes:
		return whatKeys, "a key was written by a command"
	case strings.Contains(l, "crontab ") && !strings.Contains(l, "crontab -l") && p.Role == netcase.RoleOther, strings.Contains(l, "/etc/cron") && writes:
		return whatCron, "a job was written by a command"
	case strings.Contains(l, "/etc/ld.so.preload") && writes:
		return whatUnit, "it is loaded into every program"
	}
	return "", ""
}

// adminGroups are groups whose members administer.
var adminGroups = []string{
	"administrators", "domain admins", "enterprise admins", "schema admins", "account operators", "backup operators", "server operators", "dnsadmins",
	"remote desktop users", "remote management users", "sudo", "wheel", "admin", "root", "docker",
	"administratoren", "administrateurs", "administradores", "domänen-admins",
}

// lastingAccount is the change that a record about an account tells of.
func lastingAccount(l *netcase.Login) (netcase.PersistenceFacts, bool) {
	f := netcase.PersistenceFacts{Host: l.Host.Key(), Name: l.Account, Value: l.Detail, At: l.Time}
	if l.Event != netcase.LoginAccount || l.Account == "" {
		return f, false
	}
	d := strings.ToLower(l.Detail)
	if what, by, ok := strings.Cut(l.Detail, " by "); ok && !strings.HasPrefix(d, "user ") {
		f.Account, _, _ = strings.Cut(by, " ")
		d = strings.ToLower(what)
	}
	switch {
	case strings.Contains(d, "added to") || strings.Contains(d, "useraccountaddedtolocalgroup") || strings.HasPrefix(d, "add '"):
		f.What = whatGroup
		if g := adminGroup(d); g != "" {
			f.Odd = "the group " + g + " administers"
		}
	case strings.HasPrefix(d, "created") || strings.Contains(d, "useraccountcreated") || strings.HasPrefix(d, "new user"), strings.HasPrefix(d, "user ") && strings.Contains(d, " added by "):
		f.What = whatAccount
		if strings.Contains(d, "uid=0,") {
			f.Odd = "it has the rights of root"
		}
	case strings.HasPrefix(d, "enabled") && slices.Contains([]string{"guest", "defaultaccount", "gast", "invité", "invitado"}, strings.ToLower(l.Account)):
		f.What, f.Odd = whatAccount, "an account that is off by default was enabled"
	default:
		return f, false
	}
	return f, true
}

// adminGroup is the administrators' group that a text names as a whole word; empty: none.
func adminGroup(text string) string {
	for _, g := range adminGroups {
		for from := 0; ; {
			i := strings.Index(text[from:], g)
			if i < 0 {
				break
			}
			i += from
			from = i + 1
			before, after := i == 0 || !letter(text[i-1]), i+len(g) == len(text) || !letter(text[i+len(g)])
			if before && after {
				return g
			}
		}
	}
	return ""
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c == '-' || c == '_' || c >= '0' && c <= '9' }
