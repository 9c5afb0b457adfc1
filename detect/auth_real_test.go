package detect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"netcase"
	telemetry "netcase/source"
)

// realEvents reads one file of the real data beside the project, whatever its format and
// however it is packed, or skips.
func realEvents(t *testing.T, name string) (all netcase.Batch, format string) {
	t.Helper()
	for _, b := range unpacked(t, name, realBytes(t, name)) {
		for _, f := range telemetry.Formats() {
			if ok, _ := f.Detect(b[:min(len(b), telemetry.HeadSize)]); !ok {
				continue
			}
			format = f.Name
			in := &telemetry.Input{Name: name, R: bytes.NewReader(b), Report: &netcase.InputReport{ID: "in-real", Name: name}}
			if err := f.Decode(context.Background(), in, func(x *netcase.Batch) error {
				all.Flows = append(all.Flows, x.Flows...)
				all.Logins = append(all.Logins, x.Logins...)
				all.Processes = append(all.Processes, x.Processes...)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	return all, format
}

// unpacked is the files of an archive, or the file itself.
func unpacked(t *testing.T, name string, b []byte) (out [][]byte) {
	t.Helper()
	read := func(r io.Reader, err error) {
		if err == nil {
			var x []byte
			x, err = io.ReadAll(r)
			out = append(out, x)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	switch {
	case strings.HasSuffix(name, ".zip"):
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			if !f.FileInfo().IsDir() {
				r, err := f.Open()
				read(r, err)
			}
		}
	case strings.HasSuffix(name, ".tar.gz"):
		for r := tar.NewReader(bytes.NewReader(b)); ; {
			h, err := r.Next()
			if err == io.EOF {
				return out
			}
			if err != nil {
				t.Fatal(err)
			}
			if h.Typeflag == tar.TypeReg {
				read(r, nil)
			}
		}
	default:
		out = append(out, b)
	}
	return out
}

// findIn runs one detector over events.
func findIn(t *testing.T, b netcase.Batch, d Detector) []netcase.Finding {
	t.Helper()
	w := newTraffic()
	w.batch = b
	for i := range b.Logins {
		w.span = w.span.Extend(b.Logins[i].Time)
	}
	for i := range b.Processes {
		w.span = w.span.Extend(b.Processes[i].Time)
	}
	found := w.find(t, d)
	for _, f := range found {
		t.Log(f.Title)
	}
	return found
}

// TestAuthReal reads login logs that nobody here wrote, with what their authors, or the
// rules of others over them, say is in them.
func TestAuthReal(t *testing.T) {
	for _, c := range []struct {
		name  string
		fails int64             // attempts that failed, by a count of the records
		want  map[string]string // findings: what, by whom; others are not looked for
		only  bool              // and no other finding
	}{
		// Two addresses, user names tried, no success, by the author.
		{"azure-honeypot-2026/query_data.csv.gz", 969, map[string]string{"185.156.73.74": "enumeration", "185.156.73.169": "enumeration"}, true},
		// The one that dominates, and another with few tries for each of many names.
		{"loghub/OpenSSH_2k.log", 533, map[string]string{"183.62.140.253": "bruteforce", "103.99.0.122": "enumeration"}, false},
		// The asserts of CrowdSec: ssh-bf, ssh-slow-bf; none in the others.
		{"crowdsec-hub-tests/ssh-bf/ssh-bf.log", 6, map[string]string{"35.188.49.176": "bruteforce"}, true},
		{"crowdsec-hub-tests/ssh-slow-bf/ssh-slow-bf.log", 22, map[string]string{"103.100.210.198": "enumeration"}, true},
		{"crowdsec-hub-tests/windows-logs/windows-logs.log", 1, nil, true},
		{"crowdsec-hub-tests/sshd-logs-fp/sshd-logs.log", 0, nil, true},
		{"crowdsec-hub-tests/sshd-success-logs/sshd-success-logs.log", 0, nil, true},
		{"crowdsec-hub-tests/sshd-refused-conn/sshd-refused-conn.log", 0, nil, true},
		// A probe is no guess, though CrowdSec counts a broken banner as one.
		{"crowdsec-hub-tests/ssh-timeout/ssh-timeout.log", 0, nil, true},
		{"crowdsec-hub-tests/sshd_banner_exchange/sshd_banner_exchange.log", 0, nil, true},
		// Single lines of many days: nothing above a threshold.
		{"fail2ban-logs/sshd", 58, nil, true},
		// Nine accounts, a try each: one fewer than a spray.
		{"evtx/evtx-attack-samples/Credential Access/kerberos_pwd_spray_4771.evtx", 9, map[string]string{"172.16.66.1": "bruteforce"}, true},
		{"evtx/evtx-attack-samples/Credential Access/CA_4624_4625_LogonType2_LogonProc_chrome.evtx", 1, nil, true},
		{"evtx/evtx-attack-samples/Lateral Movement/LM_WMI_4624_4688_TargetHost.evtx", 0, nil, true},
		{"evtx/evtx-attack-samples/Command and Control/DE_RDP_Tunneling_4624.evtx", 0, nil, true},
		{"msticpy/host_logons.csv", 0, nil, true},
	} {
		t.Run(strings.ReplaceAll(c.name, "/", " "), func(t *testing.T) {
			b, _ := realEvents(t, c.name)
			failed := int64(0)
			for i := range b.Logins {
				failed += int64(b2i(b.Logins[i].Event == netcase.LoginAttempt && b.Logins[i].Outcome.Failed())) * max(b.Logins[i].Count, 1)
			}
			if failed != c.fails {
				t.Errorf("%d failed attempts, want %d", failed, c.fails)
			}
			got := map[string]string{}
			for _, f := range findIn(t, b, auth()) {
				if f.Auth.Pattern == netcase.PatternSuccess {
					t.Errorf("nobody came in, but: %s", f.Title)
				}
				for _, p := range f.Auth.Peers {
					got[p.String()] = f.Kind
				}
			}
			for peer, kind := range c.want {
				if got[peer] != kind {
					t.Errorf("%s: %q, want %q", peer, got[peer], kind)
				}
			}
			if c.only && len(got) != len(c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// A honeypot with SSH, seen from the wire: the sensor names no account, and two of those
// who guessed came in.
func TestAuthRealInfected(t *testing.T) {
	notShort(t)
	b, _ := realEvents(t, "stratosphere-testing/007-zeek-scenario-ssh-infected/ssh.log.gz")
	in, guessing := map[string]string{}, map[string]int64{}
	for _, f := range findIn(t, b, auth()) {
		switch f.Auth.Pattern {
		case netcase.PatternSuccess:
			in[f.Auth.Peers[0].String()] = f.Auth.Grade
		case netcase.PatternGuessing:
			guessing[f.Auth.Peers[0].String()] = f.Auth.Failures
		}
		if len(f.Auth.Accounts) > 0 {
			t.Errorf("accounts %q", f.Auth.Accounts)
		}
	}
	if len(in) != 2 || in["45.141.84.126"] != "C" || in["185.217.1.246"] != "C" || guessing["112.85.42.94"] != 159 {
		t.Errorf("came in: %v; guessed: %v", in, guessing)
	}
}
