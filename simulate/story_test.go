package simulate

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"netcase"
)

func told(t *testing.T, name string, seed uint64, g Ground) Told {
	t.Helper()
	s, err := Tell(name, seed, g)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tellings are the stories that tests read more than once; nobody writes to them.
var tellings sync.Map

// toldOnce is a story of seed 1.
func toldOnce(t *testing.T, name string) Told {
	t.Helper()
	if s, ok := tellings.Load(name); ok {
		return s.(Told)
	}
	s := told(t, name, 1, Ground{})
	tellings.Store(name, s)
	return s
}

// TestStoriesCoverEveryHypothesis: each of the ten has at least two stories, each
// story has a line of documentation and a name of its own.
func TestStoriesCoverEveryHypothesis(t *testing.T) {
	count, seen := map[string]int{}, map[string]bool{}
	for _, s := range stories() {
		count[s.hypothesis]++
		if s.doc == "" || seen[s.name] || s.days < 2 {
			t.Errorf("story %q: %q, %d days", s.name, s.doc, s.days)
		}
		seen[s.name] = true
	}
	for _, h := range Hypotheses() {
		least := 2
		if h == BenignScanner {
			least = 1
		}
		if count[h] < least {
			t.Errorf("%s has %d stories", h, count[h])
		}
	}
}

// TestStoriesAreLabelled: what a label counts is in the flows or the login log, lies
// in the span, and every story says how grave it is.
func TestStoriesAreLabelled(t *testing.T) {
	for _, s := range stories()[:fewer(len(stories()), 4)] {
		truth := toldOnce(t, s.name).Truth
		l := truth.Labels
		if l.Severity[0] == "" || l.Severity[1] == "" {
			t.Errorf("%s: severity %q", s.name, l.Severity)
		}
		for _, a := range l.Activities {
			if a.Count == 0 || a.Span.Start < truth.Span.Start || a.Span.End > truth.Span.End+netcase.Hour {
				t.Errorf("%s: %s: %d in %s of %s", s.name, a.Kind, a.Count, a.Span, truth.Span)
			}
			if a.Kind != ActPersist && (len(a.Sources) == 0 || len(a.Hosts) == 0) {
				t.Errorf("%s: %s by nobody or to nobody", s.name, a.Kind)
			}
		}
		for _, c := range l.Proven {
			if !slices.Contains(l.Claims, c) {
				t.Errorf("%s: %s is proven and not true", s.name, c)
			}
		}
		if len(truth.Rows) == 0 {
			t.Errorf("%s: no telemetry", s.name)
		}
	}
}

// TestStoriesAreDrawn: the same seed gives the same bytes, another one other bytes.
func TestStoriesAreDrawn(t *testing.T) {
	for _, name := range []string{"sweep", "guess-rdp", "breach-rdp-service", "beacon-full", "upload-staged", "grid-hour"}[:fewer(6, 1)] {
		one, same, other := told(t, name, 5, Ground{}), told(t, name, 5, Ground{}), told(t, name, 6, Ground{})
		differs := false
		for f, b := range one.Files {
			if !bytes.Equal(b, same.Files[f]) {
				t.Errorf("%s: %s is drawn twice in two ways", name, f)
			}
			differs = differs || !bytes.Equal(b, other.Files[f])
		}
		if !differs {
			t.Errorf("%s: another seed gives the same files", name)
		}
	}
}

// TestStoriesStayAsTheyAre pins the bytes of every story by their hash: what detectors
// are measured with does not change with them.
func TestStoriesStayAsTheyAre(t *testing.T) {
	notShort(t)
	var got bytes.Buffer
	for _, s := range stories() {
		files := toldOnce(t, s.name).Files
		h := sha256.New()
		for _, f := range files.Names() {
			fmt.Fprintf(h, "%s %d\n%s", f, len(files[f]), files[f])
		}
		fmt.Fprintf(&got, "%x %s %s\n", h.Sum(nil)[:8], s.name, strings.Join(files.Names(), " "))
	}
	path := filepath.Join("testdata", "stories.golden")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

// TestStoryOnAGround: a story takes place on the machines and days it is given, in
// the format it is given, and nothing else happens there.
func TestStoryOnAGround(t *testing.T) {
	ours := netip.MustParseAddr("192.168.7.195")
	g := Ground{
		Start: netcase.TimeOf(time.Date(2019, 3, 15, 0, 0, 0, 0, time.UTC)), Own: netip.MustParsePrefix("192.168.7.0/24"),
		Hosts: []netip.Addr{ours}, Silent: true,
	}
	for _, format := range FlowFormats() {
		g.Format = format
		s := told(t, "guess-ssh", 9, g)
		if len(s.Truth.Labels.Activities) != 1 {
			t.Errorf("%s: %d activities", format, len(s.Truth.Labels.Activities))
		}
		a := s.Truth.Labels.Activities[0]
		if !slices.Equal(a.Hosts, []netip.Addr{ours}) || a.Span.Start < g.Start {
			t.Errorf("%s: %v at %s", format, a.Hosts, a.Span)
		}
		if !s.Site.Owns(ours) {
			t.Errorf("%s: the site does not own %s", format, ours)
		}
	}
	if _, err := Tell("guess-ssh", 1, Ground{Format: "cuneiform"}); err == nil || !strings.Contains(err.Error(), "cuneiform") {
		t.Errorf("an unknown format: %v", err)
	}
	if _, err := Tell("guess", 1, Ground{}); err == nil {
		t.Error("an unknown story is told")
	}
}

// TestJitterIsWhatItSays: the intervals of a beacon stay within its jitter.
func TestJitterIsWhatItSays(t *testing.T) {
	for _, percent := range []int{0, 20, 50, 90} {
		l := newLab(4, 2, Ground{Silent: true})
		l.beacon(beaconOf{period: 5 * netcase.Minute, jitter: percent})
		least, most := netcase.Time(1<<60), netcase.Time(0)
		for i := 1; i < len(l.conns); i++ {
			d := l.conns[i].at - l.conns[i-1].at
			least, most = min(least, d), max(most, d)
		}
		period := float64(5 * netcase.Minute)
		low, high := period*(1-float64(percent)/100), period*(1+float64(percent)/100)
		if float64(least) < low-2 || float64(most) > high+2 || percent > 0 && float64(most-least) < 1.5*period*float64(percent)/100 {
			t.Errorf("%d %%: intervals from %d to %d ms", percent, least, most)
		}
	}
}

// TestAggregatorsLoseWhatTheyLose: an hour of Traffic Analytics has one row for equal
// flows, with their number; AWS sums a five-tuple; the endpoint sensor drops repeats.
func TestAggregatorsLoseWhatTheyLose(t *testing.T) {
	l := newLab(4, 2, Ground{Silent: true})
	from, to := l.clients[0], l.stranger()
	for i := range 30 {
		l.add(conn{at: l.at(10, 0) + netcase.Time(i)*netcase.Minute, src: from.addr, dst: to, sport: 50000, dport: 443, result: answered, out: octets(100), in: octets(100)})
	}
	l.settle()
	if b, n := l.analytics(netcase.Hour); n != 1 || !strings.Contains(string(b), fmt.Sprintf("%s|30|30|", to)) {
		t.Errorf("an hour: %d rows\n%s", n, b)
	}
	if _, n := l.analytics(10 * netcase.Minute); n != 3 {
		t.Errorf("ten minutes: %d rows", n)
	}
	if _, n := l.vpc(10 * netcase.Minute); n != 6 {
		t.Errorf("AWS, ten minutes: %d records", n)
	}
	if _, n := l.endpoint(); n != 1 {
		t.Errorf("endpoint: %d events", n)
	}
}
