package judge

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"

	"netcase"
)

func holding(ids ...string) map[string]netcase.State {
	out := map[string]netcase.State{}
	for _, id := range ids {
		out[id] = netcase.True
	}
	return out
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %.5f, want %.5f", what, got, want)
	}
}

func mustWeights(t *testing.T) *Weights {
	t.Helper()
	w, err := DefaultWeights()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// Posteriors worked out by hand, to three digits.
func TestWeighActivity(t *testing.T) {
	w := mustWeights(t)
	for _, c := range []struct {
		name  string
		items []string
		want  map[string]float64
	}{
		{"J1 incident", []string{"A01", "A02", "A03"}, map[string]float64{"BG": .847, "BFA": .107, "BSC": .032, "REC": .013}},
		{"J2 all denied", []string{"A01", "A02", "A03", "A05"}, map[string]float64{"BG": .941}},
		{"J4 research scanner", []string{"A01", "A02", "A04"}, map[string]float64{"BSC": .983}},
		{"J1 within a recorded change", []string{"A01", "A02", "A03", "A10"}, map[string]float64{"BG": .615, "BFA": .195}},
		{"one unlisted visitor within a recorded change", []string{"A01", "A10"}, map[string]float64{"MIS": .562, "BG": .177}},
		{"no evidence: the priors", nil, map[string]float64{"BG": .5, "REC": .06, "BFA": .2, "DOS": .02, "BSC": .12, "MIS": .1}},
	} {
		got := weigh(w, holding(c.items...))
		for id, want := range c.want {
			near(t, c.name+" "+id, posteriorOf(got, id), want, 0.0005)
		}
		sum := 0.0
		for _, h := range got {
			sum += h.Posterior
		}
		near(t, c.name+" sum", sum, 1, 1e-9)
	}
	got := weigh(w, holding("A01", "A02", "A03", "A06", "A07"))
	if got[0].ID != "BFA" || got[0].Posterior <= .99 {
		t.Errorf("J3: lead %s %.4f, want BFA above .99", got[0].ID, got[0].Posterior)
	}
	for _, h := range weigh(w, holding("A01", "A02", "A03")) {
		if h.ID == "MIS" {
			near(t, "inconsistency of MIS", h.Inconsistency, -15, 1e-9)
		}
	}
}

// Only what is true weighs: false, unknown and not applicable are all 0 dB.
func TestWeighIgnoresWhatIsNotTrue(t *testing.T) {
	w := mustWeights(t)
	want := weigh(w, holding("A01"))
	got := weigh(w, map[string]netcase.State{"A01": netcase.True, "A02": netcase.False, "A07": netcase.Unknown, "A08": netcase.NotApplicable})
	for i := range want {
		near(t, want[i].ID, got[i].Posterior, want[i].Posterior, 1e-12)
	}
}

func TestOdds(t *testing.T) {
	for _, c := range []struct {
		name           string
		prior, db, out float64
	}{
		{"J5 prior", .005, 0, .005},
		{"J5 admin port", .005, 6, .020},
		{"J5 and success", .005, 26, .667},
		{"J5 and host artefact", .005, 38, .969},
		{"J6 periodic", .002, 10, .020},
		{"J6 and listed", .002, 20, .167},
		{"J6 and process", .002, 34, .834},
	} {
		near(t, c.name, odds(c.prior, c.db), c.out, 0.0006)
	}
}

func TestWord(t *testing.T) {
	for _, c := range []struct {
		p    float64
		word string
	}{
		{0, "almost no chance"}, {.0499, "almost no chance"}, {.05, "very unlikely"}, {.1999, "very unlikely"}, {.2, "unlikely"},
		{.45, "roughly even chance"}, {.55, "likely"}, {.8, "very likely"}, {.847, "very likely"}, {.95, "almost certain"}, {1, "almost certain"},
	} {
		word, span := Word(c.p)
		if word != c.word || span == "" {
			t.Errorf("Word(%g) = %q %q, want %q", c.p, word, span, c.word)
		}
	}
	for _, b := range bands() {
		if strings.HasPrefix(b.text, "0") || strings.Contains(b.text, "100") {
			t.Errorf("range %q reaches certainty", b.text)
		}
	}
	for p, want := range map[float64]string{0: "below 0.01", 1: "above 0.99", .5: "0.50"} {
		if got := printed(p); got != want {
			t.Errorf("printed(%g) = %q, want %q", p, got, want)
		}
	}
}

func TestParseWeights(t *testing.T) {
	w := mustWeights(t)
	if !strings.HasPrefix(w.String(), "weights v4 sha256:") || len(w.String()) < 70 {
		t.Errorf("weights are named %q", w.String())
	}
	good := string(weightsV4)
	for name, bad := range map[string]string{
		"not JSON":             "{",
		"priors off one":       strings.Replace(good, `"BG": 0.50`, `"BG": 0.40`, 1),
		"an item left out":     strings.Replace(good, `"A07"`, `"A77"`, 1),
		"a hypothesis lost":    strings.Replace(good, `{"BG": 6, "REC": 0`, `{"BG": 6`, 1),
		"a claim's prior of 0": strings.Replace(good, `"prior": 0.005`, `"prior": 0`, 1),
		"a claim's item lost":  strings.Replace(good, `"B-ADMIN": 6, `, "", 1),
	} {
		if _, err := ParseWeights([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Items of one mechanism are bounded together; a contained item adds nothing.
func TestClaimArithmetic(t *testing.T) {
	got := withoutContained([]netcase.Weight{{Item: "B-SAF-A", Decibans: 20}, {Item: "B-SAF-C", Decibans: 6}, {Item: "B-NEW", Decibans: 6}})
	if len(got) != 1 || got[0].Item != "B-SAF-A" {
		t.Errorf("contained items stay: %v", got)
	}
	got = withoutContained([]netcase.Weight{{Item: "B-PERIOD", Decibans: 10}, {Item: "B-RARE", Decibans: 6}})
	if len(got) != 1 {
		t.Errorf("rarity is added to the periodic item: %v", got)
	}
	family := map[string]string{"x": "f", "y": "f", "z": "z"}
	near(t, "bound", sumWeights([]netcase.Weight{{Item: "x", Decibans: 20}, {Item: "y", Decibans: 14}, {Item: "z", Decibans: -14}}, family, 23), 9, 1e-9)
}

// Weights of one version never change: what v1 and v2 gave is given still, and versions
// only add.
func TestWeightsOfEarlierVersionsStand(t *testing.T) {
	for _, name := range []string{"testdata/weights-v1.json", "testdata/weights-v2.json"} {
		weightsStand(t, name)
	}
}

func weightsStand(t *testing.T, name string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var first Weights
	if err := json.Unmarshal(text, &first); err != nil {
		t.Fatal(err)
	}
	now := mustWeights(t)
	if first.ItemCap != now.ItemCap || first.GroupCap != now.GroupCap || !reflect.DeepEqual(first.Activity.Priors, now.Activity.Priors) {
		t.Errorf("%s: a bound or a prior is not what it was", name)
	}
	for item, row := range first.Activity.Items {
		if !reflect.DeepEqual(row, now.Activity.Items[item]) {
			t.Errorf("%s: %s is not what it was", name, item)
		}
	}
	for id, c := range first.Claims {
		if now.Claims[id].Prior != c.Prior {
			t.Errorf("prior of %s: %g, was %g", id, now.Claims[id].Prior, c.Prior)
		}
		for item, db := range c.Items {
			if got, ok := now.Claims[id].Items[item]; !ok || got != db {
				t.Errorf("%s %s: %g, was %g", id, item, got, db)
			}
		}
	}
}
