package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"netcase"

	"github.com/klauspost/compress/gzip"
)

// allLogins decodes text with a format and returns copies of its logins and flows.
func allLogins(t testing.TB, f Format, text []byte, near netcase.Span) ([]netcase.Login, []netcase.Flow, *netcase.InputReport) {
	t.Helper()
	var logins []netcase.Login
	var flows []netcase.Flow
	report := &netcase.InputReport{}
	in := &Input{Name: "in", R: bytes.NewReader(text), Report: report, Near: near}
	err := f.Decode(context.Background(), in, func(b *netcase.Batch) error {
		logins, flows = append(logins, b.Logins...), append(flows, b.Flows...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !report.Balanced() {
		t.Fatalf("records do not add up: %+v", report)
	}
	return logins, flows, report
}

// failures counts failed attempts, each as often as its record says.
func failures(logins []netcase.Login, method string) (n int64, records int) {
	for _, l := range logins {
		if l.Event == netcase.LoginAttempt && l.Outcome.Failed() && (method == "" || l.Method == method) {
			n += l.Count
			records++
		}
	}
	return n, records
}

func near(year int) netcase.Span {
	at := netcase.TimeOf(time.Date(year, 7, 1, 0, 0, 0, 0, time.UTC))
	return netcase.Span{Start: at, End: at + netcase.Day}
}

// TestSyslogLoghub counts the failures of a real log without years.
func TestSyslogLoghub(t *testing.T) {
	text := readAll(t, filepath.Join(dataDir(t, "loghub"), "OpenSSH_2k.log"))
	if ok, why := detectSyslog(text[:HeadSize]); !ok || !undatedSyslog(text[:HeadSize]) {
		t.Fatal(why)
	}
	logins, _, report := allLogins(t, syslog, text, near(2016))
	if n, records := failures(logins, "password"); records != 520 || n != 528 {
		t.Errorf("%d password failures in %d records, want 528 in 520 (two lines are repeated five times)", n, records)
	}
	if report.Read != 2000 || report.Rejected != 0 {
		t.Errorf("%+v", report)
	}
	n, records := failures(logins, "")
	if records < 524 || records > 540 {
		t.Errorf("%d failures in %d records: the lines that go with others are counted", n, records)
	}
	t.Logf("all failures %d, events %v, reasons %v, notes %q", records, report.Events, report.Reasons, report.Notes)
}

// failJSON is the label that fail2ban puts above a line.
type failJSON struct {
	Match bool   `json:"match"`
	Host  string `json:"host"`
	Time  string `json:"time"`
	Desc  string `json:"desc"`
}

// labelled calls each for the labelled lines of a file of fail2ban.
func labelled(t testing.TB, path string, each func(label failJSON, line string)) (n int) {
	t.Helper()
	label, have := failJSON{}, false
	for _, line := range strings.Split(string(readAll(t, path)), "\n") {
		if text, ok := strings.CutPrefix(line, "# failJSON:"); ok {
			label = failJSON{}
			if err := json.Unmarshal([]byte(text), &label); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			have = true
			continue
		}
		if strings.TrimSpace(line) == "" || line[0] == '#' || !have {
			continue
		}
		have = false
		n++
		each(label, line)
	}
	return n
}

// sshdDeviations are the lines that fail2ban judges otherwise, by a part of the line.
var sshdDeviations = map[string]string{
	"Too many authentication failures":             "goes with the failures before it, which are counted; it names no address",
	"pam_unix(sshd:auth): authentication failure;": "alone it is the only line about the attempt and counts; fail2ban waits for the next",
	"Accepted password for known":                  "fail2ban counts the failures of another account before it here; we count them at their lines",
	"Read from socket failed":                      "names no address; it goes with the connection",
	"kex_exchange_identification: ":                "names no address; the line that closes the connection does",
	"Unable to negotiate a key exchange method":    "names no address; the connection does",
	"fatal: no matching mac found":                 "names no address; the connection does",
}

// TestSshdLabels reads each line of fail2ban's samples by itself.
func TestSshdLabels(t *testing.T) {
	dir := dataDir(t, "fail2ban-logs")
	n := labelled(t, filepath.Join(dir, "sshd"), func(label failJSON, line string) {
		logins, _, report := allLogins(t, syslog, []byte(line+"\n"), near(2005))
		if report.Rejected > 0 {
			t.Errorf("rejected: %s\n%v", line, report.Reasons)
		}
		got := ""
		for _, l := range logins {
			got += fmt.Sprintf("[%s %s %s %s]", l.Event, l.Outcome, l.Account, l.Peer)
		}
		_, bad := failures(logins, "")
		peer := len(logins) == 1 && (logins[0].Peer.String() == strings.TrimPrefix(label.Host, "::ffff:"))
		agree := !label.Match && bad == 0 || label.Match && peer && (bad == 1 || logins[0].Event == netcase.LoginConnect)
		for part, why := range sshdDeviations {
			if strings.Contains(line, part) {
				if why == "" {
					t.Error("a deviation without a reason")
				}
				return
			}
		}
		if !agree {
			t.Errorf("label %v %s, got %s\n%s", label.Match, label.Host, got, line)
		}
	})
	if n != 155 {
		t.Errorf("%d labelled lines, want 155", n)
	}
}

func TestSyslogCrowdsec(t *testing.T) {
	dir := dataDir(t, "crowdsec-hub-tests")
	for _, tt := range []struct {
		name            string
		logins, failed  int
		flows, rejected int
	}{
		{"ssh-bf", 6, 6, 0, 0},
		{"ssh-slow-bf", 22, 22, 0, 0},
		{"sshd-logs-fp", 0, 0, 0, 0},
		{"sshd-success-logs", 4, 0, 0, 0},
		{"iptables-logs", 0, 0, 3, 0},
		{"iptables-scan-multi-port", 0, 0, 49, 0},
		{"pf-logs", 0, 0, 9, 0},
		{"pf-scan-multi-port", 0, 0, 16, 0},
		{"sshd-refused-conn", 1, 0, 0, 0},
		{"ssh-generic-test", 1, 1, 0, 0},
		{"sshd-logs", 22, 8, 0, 0},
		{"ssh-timeout", 5, 0, 0, 0},
		{"sshd_banner_exchange", 6, 0, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			paths, err := filepath.Glob(filepath.Join(dir, tt.name, "*.log"))
			if err != nil || len(paths) == 0 {
				t.Fatal(err)
			}
			text, err := os.ReadFile(paths[0])
			if err != nil {
				t.Fatal(err)
			}
			logins, flows, report := allLogins(t, syslog, text, near(2022))
			_, failed := failures(logins, "")
			if len(logins) != tt.logins && tt.name != "sshd-logs-fp" || failed != tt.failed || len(flows) != tt.flows || report.Rejected != int64(tt.rejected) {
				t.Errorf("%d logins, %d failed, %d flows, %d rejected; want %+v: %v", len(logins), failed, len(flows), report.Rejected, tt, report.Reasons)
			}
		})
	}
}

// TestSyslogCrowdsecSources: every address that CrowdSec's own tests expect of a line of
// sshd is the peer of a login.
func TestSyslogCrowdsecSources(t *testing.T) {
	dir := dataDir(t, "crowdsec-hub-tests")
	source := regexp.MustCompile(`Evt\.Meta\["source_ip"\] == "([^"]+)"`)
	labelled := 0
	for _, name := range []string{"sshd-logs", "ssh-timeout", "sshd-success-logs", "sshd-refused-conn"} {
		text := readAll(t, filepath.Join(dir, name, name+".log"))
		logins, _, _ := allLogins(t, syslog, text, near(2022))
		peers := map[string]bool{}
		for _, l := range logins {
			peers[l.Peer.String()] = true
		}
		for _, m := range source.FindAllSubmatch(readAll(t, filepath.Join(dir, name, "parser.assert")), -1) {
			if labelled++; !peers[string(m[1])] {
				t.Errorf("%s: nothing is told of %s", name, m[1])
			}
		}
	}
	if labelled < 30 {
		t.Errorf("%d labels were found", labelled)
	}
}

// TestSyslogYears: the year comes from the other inputs, and turns with the file.
func TestSyslogYears(t *testing.T) {
	line := func(stamp string) string {
		return stamp + " a sshd[1]: Failed password for root from 198.51.100.7 port 1 ssh2\n"
	}
	for _, tt := range []struct {
		name   string
		stamps []string
		near   netcase.Span
		want   string // the first ten letters of each time
	}{
		{"near", []string{"Mar  4 10:00:00"}, near(2024), "2024-03-04"},
		{"turn", []string{"Dec 31 10:00:00", "Jan  1 10:00:00", "Dec 31 11:00:00", "Jun  1 00:00:00"}, near(2024), "2023-12-31 2024-01-01 2023-12-31 2024-06-01"},
		{"december, the others in january", []string{"Dec 31 10:00:00"}, netcase.Span{Start: near(2025).Start - 180*netcase.Day, End: near(2025).Start - 179*netcase.Day}, "2024-12-31"},
		{"leap", []string{"Feb 28 10:00:00", "Feb 29 10:00:00"}, near(2025), "2024-02-28 2024-02-29"},
		{"leap after the turn", []string{"Dec 28 10:00:00", "Feb 29 10:00:00"}, near(2025), "2023-12-28 2024-02-29"},
		{"nothing near", []string{"Dec 31 10:00:00", "Jan  1 10:00:00"}, netcase.Span{}, "2000-12-31 2001-01-01"},
		{"only a start", []string{"Mar  4 10:00:00"}, netcase.Span{Start: near(2019).Start}, "2019-03-04"},
		{"a year stated", []string{"Mar  4 2021 10:00:00", "Mar  5 10:00:00"}, near(2024), "2021-03-04 2021-03-05"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text := ""
			for _, s := range tt.stamps {
				text += line(s)
			}
			logins, _, report := allLogins(t, syslog, []byte(text), tt.near)
			var got []string
			for _, l := range logins {
				got = append(got, l.Time.String()[:10])
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("got %v, want %s (%v)", got, tt.want, report.Reasons)
			}
			if len(report.Notes) < 2 {
				t.Errorf("what was assumed is not said: %q", report.Notes)
			}
		})
	}
}

func TestSyslogZone(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	report := &netcase.InputReport{}
	text := "2025-03-30T01:59:59 a sshd[1]: Accepted password for u from 198.51.100.7 port 1 ssh2\n" +
		"2025-03-30T03:00:01 a sshd[1]: Accepted password for u from 198.51.100.7 port 1 ssh2\n"
	var at []string
	in := &Input{R: strings.NewReader(text), Report: report, Zone: zone, Raw: true}
	err = syslog.Decode(t.Context(), in, func(b *netcase.Batch) error {
		for _, l := range b.Logins {
			at = append(at, l.Time.String()+l.Zone)
		}
		return nil
	})
	if got := strings.Join(at, " "); err != nil || got != "2025-03-30T00:59:59.000ZEurope/Berlin 2025-03-30T01:00:01.000ZEurope/Berlin" {
		t.Errorf("%s, %v", got, err)
	}
}

// sshdAttack is a log of guesses, each with the lines that sshd writes about it, and
// connections that overlap.
func sshdAttack(connections int) []byte {
	var b bytes.Buffer
	for i := range connections {
		at := fmt.Sprintf("2025-03-04T%02d:%02d:%02d.%06d+00:00 web-1", i/3600%24, i/60%60, i%60, i%1000000)
		peer := fmt.Sprintf("198.51.%d.%d", i/250%256, i%250)
		fmt.Fprintf(&b, "%s sshd[%d]: Invalid user user%d from %s port %d\n", at, 1000+i, i%97, peer, 1024+i%60000)
		if i%3 == 0 && i > 0 { // the one before ends late
			fmt.Fprintf(&b, "%s sshd[%d]: Connection closed by invalid user user%d %s port %d [preauth]\n", at, 999+i, (i-1)%97, peer, 1024)
		}
		fmt.Fprintf(&b, "%s sshd[%d]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=%s \n", at, 1000+i, peer)
		fmt.Fprintf(&b, "%s sshd[%d]: Failed password for invalid user user%d from %s port %d ssh2\n", at, 1000+i, i%97, peer, 1024+i%60000)
		fmt.Fprintf(&b, "%s CRON[%d]: (root) CMD (true)\n", at, i)
	}
	return b.Bytes()
}

// TestSyslogParts: decoded in parts, a stream gives the same attempts.
func TestSyslogParts(t *testing.T) {
	text := sshdAttack(20000)
	split := splitSyslog(text[:HeadSize])
	if split == nil {
		t.Fatal("a stream with years is not split")
	}
	whole, _, all := allLogins(t, syslog, text, netcase.Span{})
	if n, _ := failures(whole, ""); n != 20000 {
		t.Fatalf("%d attempts, want 20000: %v", n, all.Reasons)
	}
	for _, size := range []int{1 << 20, 300 << 10, 777777} {
		sum, read := int64(0), int64(0)
		for rest := text; len(rest) > 0; {
			n := len(rest)
			if n > size {
				n = split.Cut(rest[:size])
			}
			if n == 0 || rest[n-1] != '\n' {
				t.Fatalf("cut at %d", n)
			}
			logins, _, report := allLogins(t, syslog, rest[:n], netcase.Span{})
			f, _ := failures(logins, "")
			sum, read, rest = sum+f, read+report.Read, rest[n:]
		}
		if sum != 20000 || read != all.Read {
			t.Errorf("parts of %d: %d attempts of %d records, whole %d", size, sum, read, all.Read)
		}
	}
}

// TestSyslogHeldIsBounded: however many connections are open, few are remembered
// and none is lost.
func TestSyslogHeldIsBounded(t *testing.T) {
	var b bytes.Buffer
	for i := range 5000 {
		fmt.Fprintf(&b, "2025-03-04T10:00:00Z a sshd[%d]: Invalid user u from 198.51.100.7 port 1\n", i)
	}
	logins, _, _ := allLogins(t, syslog, b.Bytes(), netcase.Span{})
	if n, _ := failures(logins, ""); n != 5000 {
		t.Errorf("%d attempts", n)
	}
}

// TestSyslogJournalKey: a message of a file and the same of the journal have one key.
func TestSyslogJournalKey(t *testing.T) {
	file, _, _ := allLogins(t, syslog, []byte("2025-03-04T10:05:33+00:00 web-1 sshd[9]: Accepted password for u from 198.51.100.7 port 1 ssh2\n"), netcase.Span{})
	journal, _, _ := allLogins(t, journald, []byte(`{"__REALTIME_TIMESTAMP":"1741082733123456","_HOSTNAME":"web-1","SYSLOG_IDENTIFIER":"sshd","_PID":"9","MESSAGE":"Accepted password for u from 198.51.100.7 port 1 ssh2"}`), netcase.Span{})
	if len(file) != 1 || len(journal) != 1 || file[0].Key != journal[0].Key || file[0].Key == 0 {
		t.Errorf("%+v %+v", file, journal)
	}
}

// TestSyslogClaimsNothingElse: none of the real files of other kinds is taken.
func TestSyslogClaimsNothingElse(t *testing.T) {
	notShort(t)
	own := map[string]bool{"syslog": true, "journald": true, "syslog-table": true, "cowrie": true}
	check := func(path string, ours bool) {
		info, err := os.Stat(path)
		if err != nil || info.IsDir() || info.Size() == 0 {
			return
		}
		text := syslogHeadOf(t, path)
		for _, f := range Formats() {
			if ok, _ := f.Detect(text); own[f.Name] && ok && !ours {
				t.Errorf("%s claims %s", f.Name, path)
			}
		}
	}
	paths, _ := filepath.Glob(filepath.Join("testdata", "*", "*", "in.*"))
	for _, path := range paths {
		check(path, own[strings.Split(filepath.ToSlash(path), "/")[1]])
	}
	root := dataDir(t)
	for _, dir := range []string{"stratosphere-testing", "iot23-34-1", "slips", "rita", "azure-nsg-v2", "azure-vnet-v4", "msticpy", "azure-honeypot-2026", "zeek-traces", "otrf", "evtx", "netflow-pcaps", "ti", "geo"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				check(path, filepath.Base(path) == "syslog_data.csv")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// syslogHeadOf is the start of a file as a format is asked about it.
func syslogHeadOf(t testing.TB, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var r io.Reader = f
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(f); err != nil {
			return nil // no gzip at all
		}
	}
	head := make([]byte, HeadSize)
	n, _ := io.ReadFull(r, head) // some are cut off
	return head[:n]
}

// TestSyslogOtherLabels reads fail2ban's samples of the other programs that are covered.
func TestSyslogOtherLabels(t *testing.T) {
	dir := dataDir(t, "fail2ban-logs")
	deviations := map[string]string{
		"pop(pam_unix)":                           "fail2ban gave this spelling up; it is still a failure",
		"FAIL LOGIN: Client \"64.106.46.98\"":     "vsftpd's own log, not syslog",
		"FAIL LOGIN: Client \"::ffff:192.0.2.1\"": "vsftpd's own log, not syslog",
		"user=test rhost=192.0.2.152":             "the account is the client's to choose: what stands behind user= is not believed to be a host",
		"Exit before auth":                        "goes with the failures before it",
	}
	for _, name := range []string{"pam-generic", "vsftpd", "dropbear"} {
		n := labelled(t, filepath.Join(dir, name), func(label failJSON, line string) {
			logins, _, _ := allLogins(t, syslog, []byte(line+"\n"), near(2005))
			_, bad := failures(logins, "")
			if good := bad == 1 && strings.TrimPrefix(label.Host, "::ffff:") == logins[0].Peer.String(); good == label.Match || !label.Match && bad == 0 {
				return
			}
			for part := range deviations {
				if strings.Contains(line, part) {
					return
				}
			}
			t.Errorf("%s: label %v %s, got %+v\n%s", name, label.Match, label.Host, logins, line)
		})
		if n == 0 {
			t.Errorf("%s: no labels", name)
		}
	}
}

// TestSyslogBSD: each attempt at a FreeBSD machine counts once, though PAM and sshd
// both write a line about it.
func TestSyslogBSD(t *testing.T) {
	text := readAll(t, filepath.Join(dataDir(t, "fail2ban-logs", "bsd"), "syslog-plain.txt"))
	logins, _, report := allLogins(t, syslog, text, near(2013))
	n, _ := failures(logins, "")
	if failed := int64(bytes.Count(text, []byte("Failed "))); report.Rejected > 0 || n < failed {
		t.Errorf("%d attempts, %d lines say Failed: %+v", n, failed, report.Reasons)
	}
}

// TestCowrieLabels reads fail2ban's samples of Cowrie.
func TestCowrieLabels(t *testing.T) {
	labelled(t, filepath.Join(dataDir(t, "fail2ban-logs"), "cowrie"), func(label failJSON, line string) {
		logins, _, report := allLogins(t, cowrie, []byte(line+"\n"), netcase.Span{})
		connect := len(logins) == 1 && logins[0].Event == netcase.LoginConnect && logins[0].Peer.String() == label.Host
		if connect != label.Match {
			t.Errorf("label %v, got %+v %v\n%s", label.Match, logins, report.Reasons, line)
		}
	})
}

func TestNetfilterVerdicts(t *testing.T) {
	for prefix, want := range map[string]netcase.Reach{
		"": netcase.ReachUnknown, "iptables": netcase.ReachUnknown, "[UFW BLOCK]": netcase.ReachDenied, "[UFW AUDIT]": netcase.ReachUnknown,
		"[UFW ALLOW]": netcase.ReachAllowed, "Shorewall:net2all:DROP": netcase.ReachDenied, "filter_IN_public_REJECT": netcase.ReachDenied,
		"DROPBEAR": netcase.ReachUnknown, "accept-or-drop": netcase.ReachUnknown, "nft denied": netcase.ReachDenied, "PASSWORD": netcase.ReachUnknown,
		"[WAN_LOCAL-default-D]": netcase.ReachDenied, "[WAN_IN-3-A]": netcase.ReachAllowed, "[ipv4-NAM-WAN_IN-10-R]": netcase.ReachDenied,
		`[WAN_IN-D-4000] DESCR="allow list"`: netcase.ReachDenied, "[WAN_DROP-10-A]": netcase.ReachAllowed, "[LAN_IN-RET-2147483647]": netcase.ReachUnknown,
		"[1-A]": netcase.ReachUnknown, "[WAN-x-A]": netcase.ReachUnknown, "[WAN-3-X]": netcase.ReachUnknown, "[WAN-3-A": netcase.ReachUnknown,
		"[-3-A]": netcase.ReachUnknown, "[a--A]": netcase.ReachUnknown, "[A-3]": netcase.ReachUnknown,
	} {
		if got := verdictOf([]byte(prefix)); got != want {
			t.Errorf("%q: %s, want %s", prefix, got, want)
		}
	}
}

// FuzzSyslog and its siblings check what must hold whatever is read.
func FuzzSyslog(f *testing.F)      { fuzzFormat(f, syslog, "syslog") }
func FuzzJournald(f *testing.F)    { fuzzMessages(f, journald, "journald") }
func FuzzSyslogTable(f *testing.F) { fuzzMessages(f, syslogTable, "syslog-table") }
func FuzzCowrie(f *testing.F)      { fuzzMessages(f, cowrie, "cowrie") }

// fuzzMessages is fuzzFormat without the place of raw bytes, and with logins.
func fuzzMessages(f *testing.F, format Format, name string) {
	seedFrom(f, name)
	f.Fuzz(func(t *testing.T, text []byte) {
		format.Detect(text[:min(len(text), HeadSize)])
		report := &netcase.InputReport{}
		events := int64(0)
		_ = format.Decode(t.Context(), &Input{R: bytes.NewReader(text), Report: report, Raw: true}, func(b *netcase.Batch) error {
			events += int64(b.Len())
			for i := range b.Flows {
				checkFlow(t, &b.Flows[i])
			}
			return nil
		})
		if !report.Balanced() || report.Accepted != events {
			t.Fatalf("%d events: %+v", events, report)
		}
		for _, n := range append(report.Notes, "") {
			if strings.Contains(n, "the decoder failed") {
				t.Fatal(n)
			}
		}
		for reason := range report.Reasons {
			if strings.HasPrefix(reason, "panic") {
				t.Fatal(reason)
			}
		}
	})
}

func BenchmarkSyslogSshd(b *testing.B) {
	text := sshdAttack(50_000)
	benchmarkFormat(b, syslog, text, int64(bytes.Count(text, []byte{'\n'})))
}

func BenchmarkSyslogFailed(b *testing.B) {
	var text bytes.Buffer
	for i := range 200_000 {
		fmt.Fprintf(&text, "Mar  4 %02d:%02d:%02d web-1 sshd[%d]: Failed password for root from 198.51.%d.%d port %d ssh2\n", i/20000, i/333%60, i/5%60, 1000+i/6%30000, i%9, i%251, 1024+i%60000)
	}
	benchmarkFormat(b, syslog, text.Bytes(), 200_000)
}

func BenchmarkSyslogPackets(b *testing.B) {
	var text bytes.Buffer
	for i := range 100_000 {
		fmt.Fprintf(&text, "Mar  4 10:%02d:%02d fw kernel: [%d.088484] [UFW BLOCK] IN=eth0 OUT= MAC=00:08:a2:0c:1f:12:00:c8:8b:e2:d6:87:08:00 SRC=198.51.100.%d DST=192.0.2.10 LEN=40 TOS=0x00 PREC=0x00 TTL=245 ID=%d PROTO=TCP SPT=%d DPT=%d WINDOW=1024 RES=0x00 SYN URGP=0\n", i/6000%60, i/100%60, i, i%250, i%65536, 1024+i%60000, i%1024)
	}
	benchmarkFormat(b, syslog, text.Bytes(), 100_000)
}

// TestSyslogTableReal reads a real export of the table.
func TestSyslogTableReal(t *testing.T) {
	text := readAll(t, filepath.Join(dataDir(t, "msticpy"), "syslog_data.csv"))
	logins, _, report := allLogins(t, syslogTable, text, netcase.Span{})
	elevations := 0
	for _, l := range logins {
		if l.Event == netcase.LoginElevation && l.Outcome == netcase.LoginSucceeded {
			elevations++
		}
	}
	if want := bytes.Count(text, []byte("COMMAND=")); report.Rejected > 0 || elevations != want {
		t.Errorf("%d elevations, %d rows have a command; %v %+v", elevations, want, report.Reasons, report.Samples)
	}
	t.Logf("%d rows, %v, %v, %q", report.Read, report.Events, report.Reasons, report.Notes)
}

// TestJournalYears takes the year of the first message from what journalctl says first.
func TestJournalYears(t *testing.T) {
	const begins = "-- Logs begin at Sun 2023-01-08 09:00:00 CET, end at Tue 2025-01-07 09:00:00 CET. --\n"
	const message = " web1 sshd[1]: Failed password for root from 198.51.100.23 port 50273 ssh2\n"
	for text, want := range map[string]string{
		begins + "Jan 08 09:00:00" + message: "2023-01-08T09:00:00.000Z",
		begins + "Jan 07 08:00:00" + message: "2025-01-07T08:00:00.000Z",
		begins + "Feb 01 08:00:00" + message: "2024-02-01T08:00:00.000Z",
		"-- Journal begins at Mon 2025-10-20 00:00:00 UTC, ends at Mon 2025-10-20 23:00:00 UTC. --\nOct 20 08:00:00" + message: "2025-10-20T08:00:00.000Z",
		"-- Journal begins at Mon 2025-13-20, ends at Mon 2025-10-20. --\nOct 20 08:00:00" + message:                           "2000-10-20T08:00:00.000Z",
		"-- Logs end at Mon 2025-10-20, begin at Mon 2025-10-21. --\nOct 20 08:00:00" + message:                                "2000-10-20T08:00:00.000Z",
		"-- Boot 2025-10-20 --\nOct 20 08:00:00" + message:                                                                     "2000-10-20T08:00:00.000Z",
	} {
		logins, _, report := allLogins(t, syslog, []byte(text), netcase.Span{})
		if len(logins) != 1 || logins[0].Time.String() != want {
			t.Errorf("%swant %s, got %+v %+v", text, want, logins, report)
		}
	}
}
