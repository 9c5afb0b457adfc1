package evaluate

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"netcase"
)

// TestFail2banAsserts: the count bans whom fail2ban's own tests of it assert, of the same
// failures: five and three at one instant, and five 500 seconds apart.
func TestFail2banAsserts(t *testing.T) {
	const often, thrice, slowly = "193.168.0.128", "87.142.124.10", "100.100.10.10"
	type failure struct {
		of string
		at netcase.Time // seconds
	}
	failures := slices.Concat(
		slices.Repeat([]failure{{often, 1_167_605_999}}, 5),
		slices.Repeat([]failure{{thrice, 1_167_605_999}}, 3),
		[]failure{{slowly, 1_000_000_000}, {slowly, 1_000_000_500}, {slowly, 1_000_001_000}, {slowly, 1_000_001_500}, {slowly, 1_000_002_000}},
	)
	for _, x := range []struct {
		retry int
		want  []string
	}{{5, []string{often}}, {10, nil}, {3, []string{often, thrice}}} {
		jail := fail2banJail{maxRetry: x.retry, findTime: 600 * netcase.Second, of: map[netip.Addr]*fail2banTicket{}}
		for _, f := range failures {
			jail.add(netip.MustParseAddr(f.of), f.at*netcase.Second)
		}
		for _, a := range []string{often, thrice, slowly} {
			if got, want := jail.bans(netip.MustParseAddr(a)), slices.Contains(x.want, a); got != want {
				t.Errorf("%s at %d failures: banned %v", a, x.retry, got)
			}
		}
	}
}

// TestFail2banLabels: of the addresses that fail2ban's own log labels as failures in the
// mode of its jail, all are read as such but those whose failure is told by a line without
// an address, or by its count of lines that echo each other. Its other modes count probes:
// none of those is read as a guess where it only closed or never began a session.
func TestFail2banLabels(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(data(t), "fail2ban-logs", "sshd"))
	if err != nil {
		t.Skip(err)
	}
	labels := readFail2ban(b)
	failing, err := failingIn(t.TempDir(), labels.plain.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	var missing, guesses []string
	for a := range labels.normal {
		if !failing[a] {
			missing = append(missing, a)
		}
	}
	for a := range labels.probes {
		if failing[a] {
			guesses = append(guesses, a)
		}
	}
	slices.Sort(missing)
	slices.Sort(guesses)
	want := []string{
		"115.249.163.77", // "Too many authentication failures", the address in the line of the connection
		"192.0.2.116",    // authentication failures of PAM, which echo those of sshd
		"198.51.100.34",  // a locked account, the address in the line of the disconnection
		"198.51.100.76",
	}
	if !slices.Equal(missing, want) {
		t.Errorf("not read as failures: %v, want %v (%d of %d)", missing, want, len(missing), len(labels.normal))
	}
	t.Logf("%d in the mode of the jail, %d in others; read as guesses of those: %v", len(labels.normal), len(labels.probes), guesses)
}
