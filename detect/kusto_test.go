package detect

import (
	"bytes"
	"encoding/csv"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// What Kusto computed for five weeks of hours is what the decomposition gives: the
// baseline, which the file holds cut to whole numbers, and the score.
func TestDecomposeAgainstKusto(t *testing.T) {
	root := os.Getenv("NETCASE_DATA")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "data")
	}
	b, err := os.ReadFile(filepath.Join(root, "msticpy", "TimeSeriesDemo.csv"))
	if err != nil {
		t.Skipf("no real data: %v", err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var x, baseline, score []float64
	for _, r := range rows[1:] {
		var v [3]float64
		for k := range v {
			if v[k], err = strconv.ParseFloat(r[k+1], 64); err != nil {
				t.Fatal(err)
			}
		}
		x, baseline, score = append(x, v[0]), append(baseline, v[1]), append(score, v[2])
	}
	season := seasonOf(x, 1)
	if season != weekHours {
		t.Fatalf("a season of %d hours", season)
	}
	got := decomposeAnomalies(x, season)
	worst := 0.0
	for i := range x {
		if whole := math.Trunc(got.Baseline[i]); whole != baseline[i] {
			t.Errorf("point %d: baseline %.3f, Kusto %.0f", i, got.Baseline[i], baseline[i])
		}
		// The score of the file was made from the uncut baseline.
		worst = max(worst, math.Abs(got.Score[i]-score[i]))
	}
	t.Logf("%d points, largest difference of the score %.2g", len(x), worst)
	if worst > 1e-6 {
		t.Errorf("differs from Kusto by up to %g", worst)
	}
}

func TestSeasonOf(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	day, week, noise := make([]float64, 24*28), make([]float64, 24*28), make([]float64, 24*28)
	for i := range day {
		noise[i] = 100 + random.NormFloat64()
		day[i] = 100 + 50*math.Sin(2*math.Pi*float64(i)/24) + random.NormFloat64()
		week[i] = day[i]
		if i%168 >= 120 {
			week[i] = 20 + random.NormFloat64()
		}
	}
	for name, c := range map[string]struct {
		x     []float64
		hours int64
		want  int
	}{
		"day": {day, 1, 24}, "week": {week, 1, 168}, "noise": {noise, 1, 0}, "flat": {make([]float64, 200), 1, 0}, "short": {day[:60], 1, 0},
	} {
		if got := seasonOf(c.x, c.hours); got != c.want {
			t.Errorf("%s: season of %d bins, want %d", name, got, c.want)
		}
	}
}

func TestDecomposeSmall(t *testing.T) {
	for n := range 5 {
		got := decomposeAnomalies(make([]float64, n), 3)
		for i := range n {
			if got.Score[i] != 0 || math.Abs(got.Baseline[i]) > 1e-12 {
				t.Errorf("%d zeros: %+v", n, got)
			}
		}
	}
	line := []float64{3, 5, 7, 9, 11}
	got := decomposeAnomalies(line, 0)
	for i, v := range line {
		near(t, "line", got.Baseline[i], v, 1e-12)
	}
}
