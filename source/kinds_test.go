package source

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// kinds are what a format must be shown to read: for each a pattern that the input of a
// case matches. The case's want.json tells what became of it.
var kinds = map[string][]string{
	"suricata-eve": {
		`"event_type": ?"flow"`, `"event_type": ?"alert"`, `"event_type": ?"ssh"`, `"event_type": ?"rdp"`, `"event_type": ?"http"`, `"event_type": ?"tls"`,
		`"event_type": ?"anomaly"`, `"timestamp": ?"[^"]*[+-]\d{4}"`, `"timestamp": ?"[^"]*(Z|[+-]\d\d:\d\d)"`,
	},
	formatAWSVPC: {
		`(?m)^2 \d+ eni-`, `(?m)^3 vpc-`, `(?m)^5 `, `tcp-flags`, `pkt-srcaddr`, `traffic-path`, `flow-direction`, `NODATA`, `SKIPDATA`,
	},
	"syslog": {
		`sshd\[\d+\]: Failed password`, `sshd-session\[`, `login\[|login:`, `telnetd`, `sudo`, `pam_unix`, `message repeated \d+ times`,
		`(?m)^[A-Z][a-z]{2} [ \d]\d `, `(?m)^\d{4}-\d\d-\d\dT\S+[+-]\d\d:\d\d `, `UFW BLOCK`, `IN=\S* OUT=`, `rule [^:]+: block`, `nft-input-drop`,
	},
	formatAZFW:           {`AzureFirewallNetworkRule|NetworkRule`, `AzureFirewallApplicationRule|ApplicationRule`, `Nat`, `Deny`, `Allow`},
	"azure-nsg":          {`"Version": ?1`, `"Version": ?2`},
	"binetflow":          {`(?m)->`, `<->`, `StartTime\t`},
	"nfdump":             {`"first"`, `^ts,|^firstSeen,`},
	"cef":                {`CEF:0\|Palo Alto`, `CEF:0\|Fortinet`, `(?i)CEF:0\|Cisco`, `CEF:0\|Check Point`},
	"leef":               {`LEEF:1\.0`, `LEEF:2\.0`},
	"commonsecuritylog":  {`Palo Alto`, `Fortinet`, `Cisco`, `Check Point`},
	"zeek-conn":          {`#path\tconn`, `"id.orig_h"`},
	"cowrie":             {`cowrie.login.failed`, `cowrie.login.success`, `cowrie.session.connect`},
	"journald":           {`sshd`, `__REALTIME_TIMESTAMP`},
	"syslog-table":       {`sshd`, `SyslogMessage`},
	"asim-network":       {`DvcAction|EventResult`},
	"ocsf":               {`"class_uid": ?4001`},
	"ecs":                {`"@timestamp"`},
	"defender-logon":     {`LogonFailed`, `LogonSuccess`},
	"defender-process":   {`ProcessCreated`},
	"defender-image":     {`ImageLoaded`},
	"defender-registry":  {`RegistryValueSet`},
	"defender-events":    {`ServiceInstalled`, `ScheduledTaskCreated`},
	"entra-signin":       {`ResultType|errorCode`},
	"zeek-notice":        {`Password_Guessing|SSH::`},
	"zeek-ssh":           {`auth_success`},
	"zeek-rdp":           {`cookie`},
	"zeek-ssl":           {`server_name`},
	"zeek-http":          {`status_code`},
	"zeek-dns":           {`query`},
	"fortigate":          {`type="?traffic`},
	"cisco-asa":          {`%ASA-`, `%FTD-`},
	"checkpoint":         {`action`},
	"paloalto":           {`TRAFFIC`, `THREAT`},
	"windows-json":       {`winlog`},
	"parquet":            {`PAR1`},
	"windows-viewer-csv": {`Event ID`},
}

// binaryKinds are the cases of binary formats by name.
var binaryKinds = map[string]string{
	formatNetflow: "v5 v9-forwarding ipfix-biflow sflow nsel",
	formatPcap:    "tcp datagrams layers mixed-links nanoseconds", // mixed-links is pcapng
	formatParquet: "aws-vpc defender security-lake",
	formatEVTX:    "closed dirty damaged",
	formatNfdump:  "csv csv-fast csv-old json ndjson nfcapd",
}

// windowsKinds are the events of Windows that must be read, by their provider.
var windowsKinds = map[string]string{
	"Microsoft-Windows-Security-Auditing":                        "4624 4625 4634 4648 4672 4688 4697 4698 4740 4771 4776",
	"Service Control Manager":                                    "7045",
	"Microsoft-Windows-RemoteDesktopServices-RdpCoreTS":          "131 140",
	"Microsoft-Windows-TerminalServices-RemoteConnectionManager": "1149",
	"Microsoft-Windows-TerminalServices-LocalSessionManager":     "21 24 25",
	"Microsoft-Windows-Sysmon":                                   "1 3 7 8 10 11 12 13 14 22",
}

// TestWindowsKinds reads every kind of event of Windows by itself: each is accepted and
// becomes an event.
func TestWindowsKinds(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", formatWindowsXML, "kinds", "in.xml"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	head := regexp.MustCompile(`<Provider Name='([^']+)'/><EventID>(\d+)</EventID>`)
	for _, event := range regexp.MustCompile(`(?s)<Event xmlns=.*?</Event>`).FindAll(text, -1) {
		m := head.FindSubmatch(event)
		name := string(m[1]) + " " + string(m[2])
		found[name] = true
		_, all, report := winAll(t, append([]byte("<Events>"), append(event, "</Events>"...)...))
		events := len(all.Logins) + len(all.Processes) + len(all.Queries) + len(all.Alerts) + len(all.Flows)
		if report.Accepted != 1 || events == 0 {
			t.Errorf("%s: accepted %d, %d events, %v %v", name, report.Accepted, events, report.Reasons, report.Samples)
		}
	}
	for provider, ids := range windowsKinds {
		for _, id := range strings.Fields(ids) {
			if !found[provider+" "+id] {
				t.Errorf("no case with %s of %s", id, provider)
			}
		}
	}
}

// TestKinds checks that every registered format has a case with what was read of it, a
// fuzz target seeded from its cases and a row in the README, and that the kinds of
// records that it promises stand in its cases.
func TestKinds(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	fuzzed, names := fuzzTargets(t), map[string]bool{}
	for _, f := range Formats() {
		names[f.Name] = true
		text := casesOf(t, f.Name)
		if row := "| `" + f.Name + "` | "; !fuzzed[f.Name] || !strings.Contains(string(readme), row) {
			t.Errorf("format %q: fuzzed %v, or it has no row in the README", f.Name, fuzzed[f.Name])
		}
		for _, kind := range kinds[f.Name] {
			if !regexp.MustCompile(kind).MatchString(text) {
				t.Errorf("format %q: no case with %s", f.Name, kind)
			}
		}
	}
	for name, cases := range binaryKinds {
		for _, c := range strings.Fields(cases) {
			if _, err := os.Stat(filepath.Join("testdata", name, c, "want.json")); err != nil {
				t.Errorf("format %q: no case %s", name, c)
			}
		}
	}
	for name := range kinds {
		if !names[name] {
			t.Errorf("format %q is not registered", name)
		}
	}
}

// casesOf is the inputs of a format's cases, each of which has its want.json.
func casesOf(t *testing.T, format string) string {
	t.Helper()
	var all strings.Builder
	cases, err := filepath.Glob(filepath.Join("testdata", format, "*", "in.*"))
	if err != nil || len(cases) == 0 {
		t.Errorf("format %q: no case: %v", format, err)
	}
	for _, path := range cases {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "want.json")); err != nil {
			t.Errorf("%s: what it gives is not recorded: %v", path, err)
		}
		all.Write(text)
		all.WriteByte('\n')
	}
	return all.String()
}
