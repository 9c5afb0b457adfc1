package source

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"netcase"
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
