package hunt_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"netcase"
	"netcase/hunt"
	"netcase/source"
	"netcase/store"
)

// everyRecord checks that every record of every input is accounted for.
func everyRecord(t *testing.T, inputs []netcase.InputReport) (files int, read int64) {
	t.Helper()
	for i := range inputs {
		in := &inputs[i]
		if !in.Balanced() {
			t.Errorf("%s: read %d, accepted %d, rejected %d, skipped %d, duplicate %d", in.Name, in.Read, in.Accepted, in.Rejected, in.Skipped, in.Duplicate)
		}
		if in.Flows != in.Reaches.Total() {
			t.Errorf("%s: %d flows, %d by outcome", in.Name, in.Flows, in.Reaches.Total())
		}
		reasons := int64(0)
		for _, n := range in.Reasons {
			reasons += n
		}
		if lost := in.Rejected + in.Skipped + in.Duplicate; reasons != lost {
			t.Errorf("%s: %d records were left out, %d with a reason: %v", in.Name, lost, reasons, in.Reasons)
		}
		files, read = files+1, read+in.Read
	}
	return files, read
}

// filesBelow is how many files stand in a folder.
func filesBelow(t *testing.T, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// octetsBelow is how much stands in a folder.
func octetsBelow(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ofFolder is what became of the inputs of a folder that goes through the whole river,
// or, where nothing in it is telemetry, of its first reading.
func ofFolder(t *testing.T, dir string) []netcase.InputReport {
	t.Helper()
	cfg := hunt.DefaultConfig()
	cfg.Paths = []string{dir}
	c, err := hunt.Run(context.Background(), cfg)
	if err == nil {
		return c.Coverage.Inputs
	}
	found, err2 := source.Find([]string{dir}, source.Options{})
	if err2 != nil {
		t.Fatal(errors.Join(err, err2))
	}
	defer func() { _ = found.Close() }()
	m, err2 := store.Fold(context.Background(), store.Config{}, &netcase.Site{}, found)
	if err2 != nil {
		t.Fatal(errors.Join(err, err2))
	}
	defer func() { _ = m.Close() }()
	cov := m.Coverage()
	if len(cov.Families) > 0 {
		t.Errorf("%s: %v", dir, err)
	}
	return cov.Inputs
}

// TestRealFolders investigates every folder of real telemetry by itself: all files are told
// of, and in each every record is accounted for.
func TestRealFolders(t *testing.T) {
	data := dataDir(t)
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == "ti" {
			continue // no telemetry, and much of it: TestRealAtOnce reads it
		}
		t.Run(e.Name(), func(t *testing.T) {
			dir := filepath.Join(data, e.Name())
			if testing.Short() && octetsBelow(t, dir) > 512<<10 {
				t.Skip("the small folders are enough of goroutines")
			}
			inputs := ofFolder(t, dir)
			files, read := everyRecord(t, inputs)
			if have := filesBelow(t, dir); files < have {
				t.Errorf("%d inputs are told of, the folder has %d files", files, have)
			}
			t.Logf("%d inputs, %d records", files, read)
		})
	}
}

// TestRealAtOnce investigates all of them in one call.
func TestRealAtOnce(t *testing.T) {
	notShort(t)
	data := dataDir(t)
	inputs := ofFolder(t, data)
	files, read := everyRecord(t, inputs)
	if have := filesBelow(t, data); files < have {
		t.Errorf("%d inputs are told of, there are %d files", files, have)
	}
	formats := map[string]bool{}
	for i := range inputs {
		formats[inputs[i].Format] = true
	}
	for _, want := range strings.Fields("azure-nsg azure-vnet azure-traffic zeek-conn zeek-notice suricata-eve syslog windows-evtx windows-securityevent windows-json pcap netflow-pcap binetflow cowrie") {
		if !formats[want] {
			t.Errorf("no input was read as %s", want)
		}
	}
	t.Logf("%d inputs, %d records", files, read)
}

// folded is the first reading of a path.
func folded(t *testing.T, path string) *store.Memory {
	t.Helper()
	found, err := source.Find([]string{path}, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = found.Close() })
	m, err := store.Fold(context.Background(), store.Config{}, &netcase.Site{}, found)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// attempts are the logins that failed, by their peer, and those from a peer that succeeded.
func attempts(t *testing.T, m *store.Memory) (failed map[string]int64, succeeded int64) {
	t.Helper()
	failed = map[string]int64{}
	for l, err := range m.Logins(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case l.Outcome.Failed():
			failed[l.Peer.String()] += l.Count
		case l.Outcome == netcase.LoginSucceeded && l.Peer.Known():
			succeeded += l.Count
		}
	}
	return failed, succeeded
}

// TestRealHoneypot: 969 failures from two addresses, and no success.
func TestRealHoneypot(t *testing.T) {
	failed, succeeded := attempts(t, folded(t, filepath.Join(dataDir(t), "azure-honeypot-2026")))
	if len(failed) != 2 || failed["185.156.73.74"]+failed["185.156.73.169"] != 969 || succeeded != 0 {
		t.Errorf("failures %v, %d successes", failed, succeeded)
	}
}

// TestRealNotices: notices of Zeek are alerts. Three of them cannot be read: the times of
// two were blanked before they were published, and the last one of a file is cut off.
func TestRealNotices(t *testing.T) {
	alerts, rejected, notices := 0, int64(0), 0
	for path, want := range noticesBelow(t, dataDir(t)) {
		m := folded(t, path)
		for a, err := range m.Alerts(context.Background()) {
			if err != nil {
				t.Fatal(err)
			}
			if a.Name == "" || !a.Src.Known() && !a.Dst.Known() {
				t.Errorf("%s: %+v", path, a)
			}
			alerts++
		}
		in := m.Coverage().Inputs[0]
		if in.Format != "zeek-notice" || in.Read != int64(want) || in.Skipped != 0 {
			t.Errorf("%s: %d notices: %+v", path, want, in)
		}
		rejected, notices = rejected+in.Rejected, notices+want
	}
	if rejected != 3 || alerts != notices-3 {
		t.Errorf("%d alerts of %d notices, %d rejected", alerts, notices, rejected)
	}
}

// noticesBelow are the logs of notices below a folder, with the number of their records.
func noticesBelow(t *testing.T, dir string) map[string]int {
	t.Helper()
	out := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(d.Name(), "notice.log") {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				out[path]++
			}
		}
		return err
	})
	if err != nil || len(out) == 0 {
		t.Fatal("no notices", err)
	}
	return out
}

// TestRealSshd: the failures of loghub and of fail2ban's samples, counted by their lines.
func TestRealSshd(t *testing.T) {
	data := dataDir(t)
	m := folded(t, filepath.Join(data, "loghub", "OpenSSH_2k.log"))
	records := 0
	for l, err := range m.Logins(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		if l.Outcome.Failed() && l.Method == "password" {
			records++
		}
	}
	if records != 520 {
		t.Errorf("%d records of failed passwords, want 520", records)
	}
	in := folded(t, filepath.Join(data, "fail2ban-logs", "sshd")).Coverage().Inputs[0]
	if in.Format != "syslog" || in.Events["login failure"] == 0 || !in.Balanced() || in.Rejected != 0 {
		t.Errorf("%+v", in)
	}
	t.Logf("fail2ban's sshd: %v, left out: %v", in.Events, in.Reasons)
}
