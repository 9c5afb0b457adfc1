package evaluate

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"netcase/judge"
)

// TestWilson: intervals by hand and by the rule of three.
func TestWilson(t *testing.T) {
	for _, x := range []struct {
		r         Ratio
		low, high float64
	}{
		{Ratio{0, 60}, 0, .0602},
		{Ratio{3, 10}, .1078, .6032},
		{Ratio{10, 10}, .7225, 1},
		{Ratio{0, 0}, 0, 1},
		{Ratio{500, 1000}, .4691, .5309},
	} {
		low, high := x.r.Wilson()
		if math.Abs(low-x.low) > 5e-4 || math.Abs(high-x.high) > 5e-4 {
			t.Errorf("%v: %.4f to %.4f, want %.4f to %.4f", x.r, low, high, x.low, x.high)
		}
	}
}

// short are stories of every kind.
var short = []string{"sweep", "guess-ssh", "spray", "breach-rdp-service", "beacon-exact", "office", "grid-hour", "busy-pair"}

// TestShortRun is the whole evaluation with one seed of some stories: nothing fails, the
// same numbers come out of one worker and of two, and no harm is confirmed that is not
// there. It asks for less than the goals, which the long run measures.
func TestShortRun(t *testing.T) {
	stories := short[:fewer(len(short), 2)]
	var texts []string
	var r *Report
	for _, workers := range []int{1, 2} {
		var err error
		if r, err = Run(context.Background(), Config{Seeds: 1, First: 7, Stories: stories, Workers: workers, Temp: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(b))
	}
	if texts[0] != texts[1] {
		t.Error("two workers measure other numbers than one")
	}
	if len(r.Failed) > 0 || r.Cases != len(stories) {
		t.Errorf("%d cases, failed: %v", r.Cases, r.Failed)
	}
	if testing.Short() {
		return // what two stories measure is no recall
	}
	for key, least := range map[string]float64{"scan.recall": .95, "login.recall": .75, "artefact.recall": 1, "beacon.recall": 1, "run.detectors": 1} {
		if n := r.Ratios[key]; n.Of == 0 || n.Value() < least {
			t.Errorf("%s: %s, want at least %g", key, n, least)
		}
	}
	for _, key := range []string{"scan.false", "cadence.random", "case.false-confirmed", "claim.false-likely", "artefact.false"} {
		if n := r.Ratios[key]; n.Of == 0 || n.Hit > 0 {
			t.Errorf("%s: %d of %d", key, n.Hit, n.Of)
		}
	}
	text := string(r.Document())
	for _, want := range []string{"## Goals", "| met |", "Sentinel beacon (ASIM)", "real benign traffic"} {
		if !strings.Contains(text, want) {
			t.Errorf("the document lacks %q", want)
		}
	}
}

// TestUnknownStory: a story that does not exist is an error, and nothing is measured.
func TestUnknownStory(t *testing.T) {
	if _, err := Run(context.Background(), Config{Seeds: 1, Stories: []string{"storm"}}); err == nil || !strings.Contains(err.Error(), "storm") {
		t.Errorf("%v", err)
	}
}

// TestGrounds: the benign parts of the real data are read, and a story told beside them
// takes place on their days.
func TestGrounds(t *testing.T) {
	list, absent := realGrounds(Config{Data: data(t), Temp: t.TempDir()})
	defer closeGrounds(list)
	if len(list) == 0 {
		t.Fatalf("none: %v", absent)
	}
	for _, a := range absent {
		t.Log(a)
	}
	for i := range list {
		g := list[i].under(3)
		last := g.Start + 3*24*3600*1000
		if g.Start >= list[i].span.End || last <= list[i].span.Start {
			t.Errorf("%s: %s, the story from %s", list[i].name, list[i].span, g.Start)
		}
	}
}

// TestDocumentNamesEveryItem: the document that was written tells of each item of the weights
// how often it held, or that it did not.
func TestDocumentNamesEveryItem(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "evaluation.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "## Without one item of evidence")
	table, _, _ := strings.Cut(section, "\n## ")
	table, rest, _ := strings.Cut(table, neverWeighed)
	without := strings.Split(strings.TrimSuffix(strings.TrimSpace(rest), "."), ", ")
	w, err := judge.DefaultWeights()
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range everyItem(w) {
		if held, never := strings.Contains(table, "\n| "+item+" | "), slices.Contains(without, item); held == never {
			t.Errorf("%s: in the table %v, named as never weighed %v", item, held, never)
		}
	}
	empty := &Report{}
	if got := empty.neverWeighed(); !slices.Equal(got, everyItem(w)) {
		t.Errorf("a report without stories: %v", got)
	}
}
