package hunt_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"netcase"
	"netcase/casebook"
	"netcase/hunt"
	"netcase/simulate"
)

// Ten: what is wrong for most incidents shows in them. What is rare is looked for in a
// hundred by make evaluate.
var seeds = flag.Int("seeds", 10, "how many simulated incidents TestSeeds judges")

// dataDir is where real telemetry lies, if it is there.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("NETCASE_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no real data in %s: set NETCASE_DATA to the folder that holds it", dir)
	}
	return dir
}

// incident writes a scenario and returns the configuration that investigates it.
func incident(t *testing.T, scenario string, seed uint64) (hunt.Config, simulate.Truth) {
	t.Helper()
	dir := t.TempDir()
	truth, err := simulate.Write(dir, scenario, seed)
	if err != nil {
		t.Fatal(err)
	}
	cfg := hunt.DefaultConfig()
	cfg.Paths = []string{filepath.Join(dir, "telemetry")}
	cfg.Intel = []hunt.IntelPath{{Path: filepath.Join(dir, "intel")}}
	return cfg, truth
}

func run(t *testing.T, cfg hunt.Config) *netcase.Case {
	t.Helper()
	c, err := hunt.Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// groupOf is the group that holds an address.
func groupOf(c *netcase.Case, a string) *netcase.Group {
	for i := range c.Groups {
		for _, p := range c.Groups[i].Sources {
			if p.Peer.String() == a {
				return &c.Groups[i]
			}
		}
	}
	return nil
}

// TestSeeds judges simulated incidents with other addresses, hosts, dates and
// ports: the judgement must hold for all of them.
func TestSeeds(t *testing.T) {
	for seed := range uint64(fewer(*seeds, 2)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			cfg, truth := incident(t, "seed", seed)
			checkSeed(t, run(t, cfg), truth)
		})
	}
}

func checkSeed(t *testing.T, c *netcase.Case, truth simulate.Truth) {
	t.Helper()
	g := groupOf(c, truth.Addresses[0].Address.String())
	if g == nil {
		t.Fatalf("%s is in no group", truth.Addresses[0].Address)
	}
	if g.ID != c.Groups[0].ID {
		t.Errorf("the group of the three addresses is %s, not told first: %s", g.ID, c.Title)
	}
	for _, a := range truth.Addresses[1:] {
		if other := groupOf(c, a.Address.String()); other == nil || other.ID != g.ID {
			t.Errorf("%s is not in the group of the first address", a.Address)
		}
	}
	if lead := g.Lead(); lead.ID != "BG" || lead.Posterior < 0.8 || lead.Word != "very likely" {
		t.Errorf("lead %s %.3f %q, want background scanning, very likely", lead.ID, lead.Posterior, lead.Word)
	}
	for _, h := range g.Hypotheses[1:] {
		if h.ID != "BFA" && h.Posterior > 0.04 || h.ID == "BFA" && (h.Posterior < 0.08 || h.Posterior > 0.14) {
			t.Errorf("rival %s at %.3f", h.ID, h.Posterior)
		}
	}
	if c.Severity.Low != netcase.Low || c.Severity.High != netcase.Medium || c.Severity.Decides == "" {
		t.Errorf("severity %s (rules %s and %s), decided by %q; want LOW to MEDIUM with the datum that decides",
			c.Severity, c.Severity.RuleLow, c.Severity.RuleHigh, c.Severity.Decides)
	}
	if c.Severity.RuleLow != "6b" || c.Severity.RuleHigh != "5" {
		t.Errorf("rules %s and %s, want 6b and 5", c.Severity.RuleLow, c.Severity.RuleHigh)
	}
	want := map[string]netcase.Standing{"compromise": netcase.NotDeterminable, "c2": netcase.Gated, "exfiltration": netcase.NotDeterminable}
	for _, claim := range g.Claims {
		if w, ok := want[claim.ID]; ok && claim.Standing != w {
			t.Errorf("claim %s of the group: %s, want %s (%s)", claim.ID, claim.Standing, w, claim.Why)
		}
	}
	if c.Status == netcase.StatusConfirmed || c.Status == netcase.StatusSuspected {
		t.Errorf("status %q", c.Status)
	}
	if c.Confidence.Level != "low" {
		t.Errorf("analytic confidence %s, want low: one telemetry family, the key datum missing", c.Confidence.Level)
	}
	if c.Artefact == nil || c.Artefact.Flag != "possible_aggregation_cap" || len(c.Artefact.Explanations) < 3 {
		t.Errorf("artefact %+v: the equal counts are to be explained, with at least three readings", c.Artefact)
	}
	if !slices.ContainsFunc(c.Cards, func(k netcase.Card) bool { return k.Conflict && k.Address == truth.Addresses[0].Address }) {
		t.Error("the two geolocations of the first address are not shown as a conflict")
	}
	if len(c.Actions) == 0 || c.Actions[0].Kind != "data" {
		t.Errorf("the first action is to get the data that decides, got %+v", c.Actions[:min(1, len(c.Actions))])
	}
}

func TestSeedFullIsDecided(t *testing.T) {
	notShort(t)
	for _, seed := range []uint64{0, 1, 2} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			cfg, truth := incident(t, "seed-full", seed)
			c := run(t, cfg)
			if c.Severity.Low != c.Severity.High || c.Severity.High.String() != truth.Severity[0] {
				t.Errorf("severity %s by rules %s, %s; want %v", c.Severity, c.Severity.RuleLow, c.Severity.RuleHigh, truth.Severity)
			}
			for _, a := range truth.Addresses {
				g := groupOf(c, a.Address.String())
				if g == nil {
					t.Fatalf("%s is in no group", a.Address)
				}
				for _, p := range g.Sources {
					if p.Peer.Addr != a.Address {
						continue
					}
					if p.Reach.Open() != 0 || p.Flows != int64(a.Flows) {
						t.Errorf("%s: %d flows, %d of unknown outcome; want %d, all decided", a.Address, p.Flows, p.Reach.Open(), a.Flows)
					}
				}
			}
			if ok, why := c.Coverage.Sound(); !ok {
				t.Errorf("coverage: %v", why)
			}
		})
	}
}

// TestSpikeIsNotTheThreeAddresses: the report must say what the excess consists of.
func TestSpikeIsNotTheThreeAddresses(t *testing.T) {
	notShort(t)
	cfg, truth := incident(t, "seed-full", 0)
	c := run(t, cfg)
	i := slices.IndexFunc(c.Findings, func(f netcase.Finding) bool { return f.Spike != nil && !f.Spike.Described })
	if i < 0 {
		t.Fatal("no spike was found")
	}
	s := c.Findings[i].Spike
	if d := s.Window.Start - truth.Spike.Window.Start; d < -netcase.Hour || d > netcase.Hour {
		t.Errorf("window %s, want %s", s.Window, truth.Spike.Window)
	}
	if s.Ratio < 2 || s.Q > 0.01 {
		t.Errorf("ratio %.1f, q %g", s.Ratio, s.Q)
	}
	var text strings.Builder
	for _, x := range c.Summary {
		text.WriteString(x.Text + "\n")
	}
	_, rest, _ := strings.Cut(text.String(), "those of G1 ")
	var theirs, all int
	if _, err := fmt.Sscanf(strings.ReplaceAll(rest, ",", ""), "%d of %d flows", &theirs, &all); err != nil || all < 1000 || theirs > all/10 {
		t.Errorf("what the three explain of the excess is not said to be next to nothing:\n%s", text.String())
	}
}

// TestReconciles: every record of every input is accounted for.
func TestReconciles(t *testing.T) {
	notShort(t)
	for _, scenario := range []string{"seed", "seed-full", "quiet"} {
		cfg, truth := incident(t, scenario, 3)
		c := run(t, cfg)
		for _, in := range c.Coverage.Inputs {
			if !in.Balanced() {
				t.Errorf("%s %s: read %d, accepted %d, rejected %d, skipped %d, duplicate %d", scenario, in.Name, in.Read, in.Accepted, in.Rejected, in.Skipped, in.Duplicate)
			}
			want, ok := truth.Rows[strings.TrimPrefix(in.Name, "telemetry/")]
			if !ok {
				want, ok = truth.Rows[in.Name]
			}
			if !ok || in.Read != int64(want) {
				t.Errorf("%s %s: read %d records, the file has %d (known: %v)", scenario, in.Name, in.Read, want, ok)
			}
		}
	}
}

func TestQuietDay(t *testing.T) {
	notShort(t)
	cfg, truth := incident(t, "quiet", 0)
	for _, a := range truth.Approved {
		cfg.Site.Approved = append(cfg.Site.Approved, netip.PrefixFrom(a, a.BitLen()))
	}
	c := run(t, cfg)
	if c.Severity.High > netcase.Low {
		t.Errorf("severity %s on a quiet day: rule %s, %s", c.Severity, c.Severity.RuleHigh, c.Severity.WhyHigh)
	}
	for _, f := range c.Findings {
		if f.Spike != nil && f.Kind == "spike" {
			t.Errorf("a spike on a quiet day: %s", f.Title)
		}
	}
}

// sums are the hashes of every file of a case folder.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		rel, _ := filepath.Rel(dir, p)
		out[filepath.ToSlash(rel)] = hex.EncodeToString(sum[:])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func compareSums(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d files, want %d", what, len(got), len(want))
	}
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%s: %s differs", what, name)
		}
	}
}

// TestSameBytes: workers, order of the inputs, zone and locale do not show.
func TestSameBytes(t *testing.T) {
	cfg, _ := incident(t, "seed-full", 0)
	var files []string
	err := filepath.WalkDir(cfg.Paths[0], func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, p)
		}
		return err
	})
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	write := func(workers int, paths []string) map[string]string {
		again := cfg
		again.Workers, again.Paths, again.Out = workers, paths, filepath.Join(t.TempDir(), "case")
		c := run(t, again)
		result, err := casebook.Verify(again.Out)
		if err != nil || len(result.Problems) > 0 {
			t.Errorf("verify: %v %v", result.Problems, err)
		}
		if c.ID == "" {
			t.Error("the case has no id")
		}
		return sums(t, again.Out)
	}
	want := write(1, files)
	if _, ok := want["report.html"]; !ok {
		t.Fatalf("files: %v", want)
	}
	reversed := slices.Clone(files)
	slices.Reverse(reversed)
	compareSums(t, "64 workers and another order", write(64, reversed), want)
	if testing.Short() {
		return // that was enough of goroutines
	}
	compareSums(t, "8 workers", write(8, files), want)
	zone := time.Local
	defer func() { time.Local = zone }()
	time.Local = time.FixedZone("IST", 5*3600+1800)
	t.Setenv("TZ", "Asia/Kolkata")
	t.Setenv("LANG", "de_DE.UTF-8")
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	compareSums(t, "another zone and locale", write(2, files), want)
}

// TestSameFileTwice: totals do not move when an export is given twice, or when two
// exports overlap.
func TestSameFileTwice(t *testing.T) {
	notShort(t)
	cfg, _ := incident(t, "seed-full", 0)
	want := run(t, cfg)
	dir := t.TempDir()
	entries, err := filepath.Glob(filepath.Join(cfg.Paths[0], "*.csv"))
	if err != nil || len(entries) == 0 {
		t.Fatal("no csv in the scenario", err)
	}
	for _, name := range entries {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(string(b), "\n")
		half := lines[:1+len(lines)/2]
		if err := os.WriteFile(filepath.Join(dir, "copy-"+filepath.Base(name)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "half-"+filepath.Base(name)), []byte(strings.Join(half, "")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Paths = append(cfg.Paths, dir)
	got := run(t, cfg)
	if got.Coverage.Flows() != want.Coverage.Flows() {
		t.Errorf("%d flows with copies, %d without", got.Coverage.Flows(), want.Coverage.Flows())
	}
	for i := range want.Groups {
		if i < len(got.Groups) && got.Groups[i].Flows != want.Groups[i].Flows {
			t.Errorf("group %s: %d flows with copies, %d without", want.Groups[i].ID, got.Groups[i].Flows, want.Groups[i].Flows)
		}
	}
	for _, in := range got.Coverage.Inputs {
		if !in.Balanced() {
			t.Errorf("%s does not balance", in.Name)
		}
	}
}

// TestRealInputsTogether investigates four kinds of real telemetry in one call.
func TestRealInputsTogether(t *testing.T) {
	notShort(t)
	data := dataDir(t)
	cfg := hunt.DefaultConfig()
	for _, p := range []string{"azure-nsg-v2", "azure-vnet-v4", "stratosphere-testing/008-zeek-mixed", "msticpy/az_net_flows.csv"} {
		cfg.Paths = append(cfg.Paths, filepath.Join(data, filepath.FromSlash(p)))
	}
	cfg.Intel = []hunt.IntelPath{{Path: filepath.Join(data, "ti")}}
	cfg.Out = filepath.Join(t.TempDir(), "case")
	c := run(t, cfg)
	for _, in := range c.Coverage.Inputs {
		t.Logf("%-60s read %6d = accepted %6d + rejected %d + skipped %6d + duplicate %d; %d flows %s",
			in.Name, in.Read, in.Accepted, in.Rejected, in.Skipped, in.Duplicate, in.Flows, in.Error)
		if !in.Balanced() {
			t.Errorf("%s does not balance", in.Name)
		}
	}
	if ok, why := c.Coverage.Sound(); !ok {
		t.Errorf("it could not look properly: %v", why)
	}
	// 8,171 tuples to one service inside the network are 5,039 flows, and no attack.
	for _, f := range c.Findings {
		if f.Scan != nil && f.Scan.Internal {
			for _, p := range f.Scan.Sources {
				for _, h := range p.Hosts {
					if h.String() == "10.0.0.4" && p.Flows > 5000 {
						t.Errorf("the inside burst is called a scan: %s", f.Title)
					}
				}
			}
		}
	}
	outside := 0
	for _, f := range c.Findings {
		if f.Scan != nil && f.Direction == netcase.Inbound {
			outside += f.Scan.SourceCount
		}
	}
	if outside < 500 {
		t.Errorf("%d outside sources knocked or scanned, want those of a host that is open to the Internet", outside)
	}
	if c.Severity.High >= netcase.High {
		t.Errorf("severity %s: rule %s: %s", c.Severity, c.Severity.RuleHigh, c.Severity.WhyHigh)
	}
}

func TestInterrupted(t *testing.T) {
	cfg, _ := incident(t, "seed", 0)
	cfg.Out = filepath.Join(t.TempDir(), "case")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := hunt.Run(ctx, cfg); err == nil {
		t.Error("an interrupted run returns a case")
	}
	if _, err := os.Stat(cfg.Out); err == nil {
		t.Error("an interrupted run leaves a folder")
	}
}
