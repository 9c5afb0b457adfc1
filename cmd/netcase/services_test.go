package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zalando/go-keyring"

	"netcase"
	"netcase/intel/service"
	"netcase/simulate"
)

// cliKey must show nowhere.
const cliKey = "cli-test-key-0123456789"

// abuse is AbuseIPDB as documented: it knows every address, and repeats the key.
func abuse(t *testing.T) (url string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.WriteHeader(http.StatusNotFound) // it is there
			return
		}
		asked.Add(1)
		if r.Header.Get("Key") != cliKey {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"errors":[{"detail":"not %s","status":401}]}`, r.Header.Get("Key"))
			return
		}
		_, _ = fmt.Fprintf(w, `{"data":{"ipAddress":%q,"isWhitelisted":null,"abuseConfidenceScore":90,"countryCode":"NL","usageType":%q,"isp":"Example","isTor":false,"totalReports":40,"numDistinctUsers":12,"lastReportedAt":%q,"reports":[]}}`,
			r.URL.Query().Get("ipAddress"), r.Header.Get("Key"), time.Now().UTC().Format(time.RFC3339))
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// at runs the command line in a home of its own and gives what it printed.
func at(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(""), &out, &err})
	if strings.Contains(out.String()+err.String(), cliKey) {
		t.Errorf("%v shows the key:\n%s%s", args, out.String(), err.String())
	}
	return code, out.String(), err.String()
}

func ownHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for _, v := range []string{"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "LocalAppData", "AppData", "USERPROFILE"} {
		t.Setenv(v, home)
	}
	t.Chdir(home)
	keyring.MockInit()
	return home
}

func TestLookupAsksServices(t *testing.T) {
	home := ownHome(t)
	url, asked := abuse(t)
	for _, p := range service.Providers() { // nobody outside this machine is asked
		t.Setenv(strings.TrimSuffix(p.Variable(), "KEY")+"URL", url)
	}
	t.Setenv("NETCASE_ABUSEIPDB_KEY", cliKey)
	code, out, _ := at(t, "lookup", "--lookup", "abuseipdb", "--json", "62.4.5.6")
	var card struct {
		Adverse int `json:"adverse"`
	}
	if err := json.Unmarshal([]byte(out), &card); code != 0 || err != nil || card.Adverse != 1 || asked.Load() != 1 {
		t.Fatalf("%d, %d asked, %v: %s", code, asked.Load(), err, out)
	}
	if _, again, _ := at(t, "lookup", "--lookup", "abuseipdb", "--json", "62.4.5.6"); asked.Load() != 1 || again != out {
		t.Errorf("asked again, or another answer: %s", again)
	}
	code, _, stderr := at(t, "lookup", "--lookup", "abuseipdb", "--budget", "abuseipdb=2", "--json", "62.4.5.6", "62.4.6.6", "62.4.7.6", "10.0.0.1")
	if code != 0 || asked.Load() != 2 || !strings.Contains(stderr, "abuseipdb: 1 not asked: the budget of 2 questions a day is spent") {
		t.Errorf("%d, %d asked: %s", code, asked.Load(), stderr)
	}
	code, out, _ = at(t, "doctor", "--online")
	if code != 0 || !strings.Contains(out, "NETCASE_ABUSEIPDB_KEY") || !strings.Contains(out, "reached") {
		t.Errorf("%d: %s", code, out)
	}
	holdsNoKey(t, home)

	t.Setenv("NETCASE_ABUSEIPDB_KEY", "another-key-that-is-wrong")
	_, _, stderr = at(t, "lookup", "--lookup", "abuseipdb", "62.4.8.6")
	if !strings.Contains(stderr, "the service refused the key") || strings.Contains(stderr, "another-key") {
		t.Errorf("%s", stderr)
	}
}

func TestInvestigateAsksServices(t *testing.T) {
	home := ownHome(t)
	url, asked := abuse(t)
	t.Setenv("NETCASE_ABUSEIPDB_URL", url)
	t.Setenv("NETCASE_ABUSEIPDB_KEY", cliKey)
	if _, err := simulate.Write(home, "seed", 3); err != nil {
		t.Fatal(err)
	}
	runs := [][]string{{"--lookup", "abuseipdb"}, {"--lookup", "abuseipdb"}, {}}
	if testing.Short() {
		runs = runs[:1]
	}
	for i, args := range runs {
		code, out, stderr := at(t, append([]string{"investigate", "--quiet", "--out", "case", filepath.Join(home, "telemetry")}, args...)...)
		if code != 0 && code != exitUnsound {
			t.Fatalf("%d: %s%s", code, out, stderr)
		}
		if i == 0 && asked.Load() == 0 {
			t.Fatalf("nobody was asked: %s", stderr)
		}
		if i > 0 && asked.Load() != 0 {
			t.Errorf("run %d asked %d questions", i, asked.Load())
		}
		asked.Store(0)
	}
	report, err := os.ReadFile(filepath.Join("case", "report.md"))
	if err != nil || !bytes.Contains(report, []byte("Services that were asked about single addresses")) {
		t.Errorf("the report does not tell who was asked: %v", err)
	}
	holdsNoKey(t, home)
}

// market is AbuseIPDB and Kaspersky; the latter's quota is two questions, and it tells by 403.
type market struct {
	url   string
	mu    sync.Mutex
	asked map[string][]string // by path, the addresses in the order in which they came
}

func newMarket(t *testing.T) *market {
	m := &market{asked: map[string][]string{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		address := cmp.Or(q.Get("ipAddress"), q.Get("request"))
		m.mu.Lock()
		m.asked[r.URL.Path] = append(m.asked[r.URL.Path], address)
		n := len(m.asked[r.URL.Path])
		m.mu.Unlock()
		switch {
		case r.URL.Path == "/check":
			_, _ = fmt.Fprintf(w, `{"data":{"ipAddress":%q,"isWhitelisted":null,"abuseConfidenceScore":90,"countryCode":"NL","isTor":false,"totalReports":40,"numDistinctUsers":12,"lastReportedAt":"2026-06-01T00:00:00+00:00","reports":[]}}`, address)
		case r.URL.Path == "/search/ip" && n <= 2:
			_, _ = fmt.Fprintf(w, `{"Zone":"Grey","IpGeneralInfo":{"Status":"known","Ip":%q}}`, address)
		default:
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(s.Close)
	m.url = s.URL
	return m
}

// took are the addresses that were asked for under a path since the last call.
func (m *market) took(path string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := m.asked[path]
	delete(m.asked, path)
	return out
}

// TestPlanIsSpentInOrder: budgets are spent where the plan begins, the case says what was
// not asked and why, the next day goes on where this one stopped, and a rerun asks nobody
// and gives the same bytes.
func TestPlanIsSpentInOrder(t *testing.T) {
	if testing.Short() {
		t.Skip("several investigations")
	}
	m := newMarket(t)
	t.Setenv("NETCASE_ABUSEIPDB_URL", m.url)
	t.Setenv("NETCASE_OPENTIP_URL", m.url)
	t.Setenv("NETCASE_ABUSEIPDB_KEY", cliKey)
	t.Setenv("NETCASE_OPENTIP_KEY", cliKey)
	telemetry := t.TempDir()
	if _, err := simulate.Write(telemetry, "seed", 3); err != nil {
		t.Fatal(err)
	}
	investigate := func(out string, args ...string) string {
		t.Helper()
		code, _, stderr := at(t, append([]string{"investigate", "--out", out, filepath.Join(telemetry, "telemetry")}, args...)...)
		if code != 0 && code != exitUnsound {
			t.Fatalf("%d: %s", code, stderr)
		}
		return stderr
	}
	home := ownHome(t)
	three := []string{"--lookup", "abuseipdb,opentip", "--budget", "abuseipdb/check=3", "--budget", "abuseipdb/check-block=0"}
	stderr := investigate("first", three...)
	asked := m.took("/check")
	if got := m.took("/search/ip"); len(asked) != 3 || !slices.Equal(got, asked) { // the third says that the quota is spent
		t.Errorf("asked %v, and Kaspersky %v", asked, got)
	}
	first := caseBytes(t, "first")
	unasked := unaskedOf(t, first)
	rest := unasked["abuseipdb: the budget of 3 questions a day is spent"]
	if len(rest.Addresses) < 3 || rest.Count < 3 {
		t.Fatalf("the case does not say what was not asked: %+v", unasked)
	}
	for _, want := range []string{
		fmt.Sprintf("abuseipdb: %d not asked: the budget of 3 questions a day is spent", rest.Count),
		fmt.Sprintf("opentip: %d not asked: the service says that the quota is spent, until", rest.Count+1),
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("it does not say %q: %s", want, stderr)
		}
	}

	for _, args := range [][]string{three, nil} {
		investigate("first", args...)
		if n := len(m.took("/check")) + len(m.took("/search/ip")); n != 0 || !bytes.Equal(caseBytes(t, "first"), first) {
			t.Errorf("a rerun with %v asked %d questions, or gave other bytes", args, n)
		}
	}

	spent := filepath.Join(home, "netcase", "services", "spent") // the day goes by
	days, err := os.ReadDir(spent)
	if err != nil || len(days) == 0 {
		t.Fatalf("%v %v", days, err)
	}
	for _, d := range days {
		if err := os.Rename(filepath.Join(spent, d.Name()), filepath.Join(spent, "2001-"+d.Name())); err != nil {
			t.Fatal(err)
		}
	}
	investigate("second", three[0], "abuseipdb", three[2], three[3], three[4], three[5])
	for i, got := range m.took("/check") {
		if i >= 3 || got != rest.Addresses[i].String() {
			t.Errorf("question %d of the next day is about %s; left were %v", i+1, got, rest.Addresses)
		}
	}
}

// unaskedOf is what a case says was not asked, by service and reason.
func unaskedOf(t *testing.T, text []byte) map[string]netcase.Unasked {
	t.Helper()
	var c netcase.Case
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	out := map[string]netcase.Unasked{}
	for _, l := range c.Coverage.Lookups {
		for _, u := range l.Unasked {
			out[l.Service+": "+u.Why] = u
		}
	}
	return out
}

func caseBytes(t *testing.T, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func holdsNoKey(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(cliKey)) {
			t.Errorf("%s holds the key", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestKeys: where keys are looked for, in which order, and what is refused.
func TestKeys(t *testing.T) {
	home := ownHome(t)
	file := filepath.Join(home, "key")
	doctor := func(want string, wrong bool) {
		t.Helper()
		code, out, stderr := at(t, "doctor", "--json")
		var d struct {
			Services []struct{ Name, Key string }
			Wrong    []string
		}
		if err := json.Unmarshal([]byte(out), &d); err != nil {
			t.Fatalf("%v: %s%s", err, out, stderr)
		}
		for _, s := range d.Services {
			if s.Name == "crowdsec" && !strings.Contains(s.Key, want) {
				t.Errorf("crowdsec: key %q, want %q", s.Key, want)
			}
		}
		if (len(d.Wrong) > 0) != wrong || (code == exitUnsound) != wrong {
			t.Errorf("exit %d, wrong %q", code, d.Wrong)
		}
	}
	doctor("none", false)
	if err := keyring.Set("netcase", "crowdsec", cliKey); err != nil {
		t.Fatal(err)
	}
	doctor("the keyring", false)
	if err := os.WriteFile(file, []byte(cliKey+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("netcase.yaml", []byte("services:\n  crowdsec: {key-file: key, budget: 7}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		doctor("others may read", true)
		if code, _, stderr := at(t, "lookup", "--lookup", "crowdsec", "62.4.5.6"); code != exitUsage || !strings.Contains(stderr, "chmod 600") {
			t.Errorf("%d %s", code, stderr)
		}
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	doctor("file key", false)
	t.Setenv("NETCASE_CROWDSEC_KEY_FILE", filepath.Join(home, "nowhere"))
	doctor("no such file", true)
	t.Setenv("NETCASE_CROWDSEC_KEY", cliKey)
	doctor("NETCASE_CROWDSEC_KEY", false)

	for _, c := range []struct{ args, want string }{
		{"lookup --lookup nobody 62.4.5.6", "no service"},
		{"lookup --lookup taxii 62.4.5.6", "no service"},
		{"lookup --lookup virustotal 62.4.5.6", "NETCASE_VIRUSTOTAL_KEY"},
		{"lookup --lookup crowdsec --budget crowdsec 62.4.5.6", "--budget"},
		{"lookup --lookup crowdsec -", "standard input"},
	} {
		if code, _, stderr := at(t, strings.Fields(c.args)...); code != exitUsage || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: %d %s", c.args, code, stderr)
		}
	}
	if err := os.WriteFile("netcase.yaml", []byte("services:\n  nobody: {user: x}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := at(t, "version"); code != exitUsage || !strings.Contains(stderr, "no such service") {
		t.Errorf("%d %s", code, stderr)
	}
}
