package detect

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"netcase"
)

const (
	outageShown   = 5        // stretches told of one sensor
	outageSensors = 20       // findings
	mostSensors   = lineKeep // followed
)

// silence is the hours in which a sensor said nothing though something speaks for it.
type silence struct {
	sensor  string
	hours   []int64 // since 1970, ascending
	why     string
	typical float64
}

// silences finds hours without a flow inside the life of a sensor, where its own other days,
// the other sensors, or the hours right before and after say that there should be some.
func silences(in *Input) []silence {
	hours := map[string]map[int64]float64{}
	total := map[int64]float64{}
	for p := range in.Points(lineAlive) {
		v := hours[p.Series]
		if v == nil {
			if len(hours) == mostSensors {
				continue
			}
			v = map[int64]float64{}
			hours[p.Series] = v
		}
		v[p.Start.Hour()] += float64(p.Flows)
		total[p.Start.Hour()] += float64(p.Flows)
	}
	var out []silence
	for _, sensor := range slices.Sorted(maps.Keys(hours)) {
		if s := in.Config.Silence.of(sensor, hours[sensor], total); len(s.hours) > 0 {
			out = append(out, s)
		}
	}
	return out[:min(len(out), outageSensors)]
}

// of is the silence of one sensor, by the flows of each hour of its own and of all.
func (c *SilenceConfig) of(sensor string, own, total map[int64]float64) silence {
	keys := slices.Sorted(maps.Keys(own))
	s := silence{sensor: sensor, typical: middle(slices.Collect(maps.Values(own)))}
	if s.typical < c.Usual {
		return s
	}
	var others []float64
	for h, n := range total {
		if rest := n - own[h]; rest > 0 {
			others = append(others, rest)
		}
	}
	usual := middle(others)
	for k := 1; k < len(keys); k++ {
		from, to := keys[k-1]+1, keys[k]
		gap := netcase.Time(to-from) * netcase.Hour
		if gap > c.Apart {
			continue // two exports, not one with a gap
		}
		beside := gap <= c.Lull && own[from-1] >= c.Beside && own[to] >= c.Beside
		for h := from; h < to; h++ {
			why := ""
			switch days, median := sameHour(own, keys, h); {
			case days >= c.Days && median >= c.Usual:
				why = "it has flows at these hours on other days"
			case days >= c.Days:
			case usual >= c.Usual && total[h] >= c.Others*usual:
				why = "other sensors went on reporting"
			case beside:
				why = "it was busy right before and after"
			}
			if why != "" {
				s.hours = append(s.hours, h)
				if s.why == "" {
					s.why = why
				}
			}
		}
	}
	return s
}

// sameHour is the number of other days with an hour of the day within the life of a
// sensor, and the median of its flows then.
func sameHour(own map[int64]float64, keys []int64, hour int64) (int, float64) {
	var values []float64
	first, last := keys[0], keys[len(keys)-1]
	for h := hour - 24*((hour-first)/24); h <= last; h += 24 {
		if h != hour {
			values = append(values, own[h])
		}
	}
	return len(values), middle(values)
}

// stretches are the runs of hours.
func (s *silence) stretches() (out []netcase.Span) {
	for _, h := range s.hours {
		start := netcase.Time(h) * netcase.Hour
		if n := len(out); n > 0 && out[n-1].End == start {
			out[n-1].End += netcase.Hour
			continue
		}
		out = append(out, netcase.Span{Start: start, End: start + netcase.Hour})
	}
	return out
}

func (s *silence) finding(c *SilenceConfig) netcase.Finding {
	runs := s.stretches()
	var parts []string
	for _, r := range runs[:min(len(runs), outageShown)] {
		parts = append(parts, r.String())
	}
	if more := len(runs) - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("%s more", count(more, "stretch")))
	}
	title := fmt.Sprintf("the sensor %s is silent for %s", s.sensor, count(len(s.hours), "hour"))
	sel := netcase.Selection{Sensors: []string{s.sensor}}
	return netcase.Finding{
		Kind: "sensor silent", Title: title, Span: netcase.Span{Start: runs[0].Start, End: runs[len(runs)-1].End}, Selection: sel,
		Evidence: []netcase.Evidence{{
			Statement: fmt.Sprintf("%s (%s): %s; it usually reports %s an hour", title, strings.Join(parts, "; "), s.why, count(int64(s.typical), "flow")),
			Numbers:   map[string]float64{"hours": float64(len(s.hours)), "stretches": float64(len(runs)), "typical": s.typical}, Selection: sel,
			Method: fmt.Sprintf("clock: hours without a flow inside the life of a sensor with a median of %g flows or more, where %s, the other sensors, or the hours beside speak against a lull", c.Usual, count(c.Days, "other day")),
		}},
		Limits: []string{"what happened in these hours this sensor cannot show: they are missing, not quiet"},
	}
}

// twins are two sensors that report the same flows.
type twins struct {
	a, b          string
	shared, equal int64
}

// twinSensors finds sensors of which one says in nearly every cell what the other says.
func twinSensors(in *Input) []twins {
	if !severalSensors(in.Coverage) {
		return nil
	}
	type two struct{ a, b string }
	pairs := map[two]*twins{}
	alone := map[string]int64{}
	for r := range in.rows(0) {
		switch {
		case r.Others == "":
			if len(alone) < mostSensors || alone[r.Sensor] > 0 {
				alone[r.Sensor]++
			}
			continue
		case strings.Contains(r.Others, ", "):
			continue
		}
		k := two{min(r.Sensor, r.Others), max(r.Sensor, r.Others)}
		t := pairs[k]
		if t == nil {
			if len(pairs) >= mostSensors {
				continue
			}
			t = &twins{a: k.a, b: k.b}
			pairs[k] = t
		}
		t.shared++
		t.equal += int64(b2i(r.Agree == r.Flows))
	}
	c := &in.Config.Twins
	var out []twins
	for _, t := range pairs {
		smaller := min(alone[t.a], alone[t.b])
		if t.shared >= int64(c.Cells) && float64(t.equal) >= c.Share*float64(t.shared) && float64(t.shared) >= c.Share*float64(t.shared+smaller) {
			out = append(out, *t)
		}
	}
	slices.SortFunc(out, func(x, y twins) int { return strings.Compare(x.a+"\x00"+x.b, y.a+"\x00"+y.b) })
	return out
}

func (t *twins) finding(c *TwinConfig) netcase.Finding {
	title := fmt.Sprintf("the sensors %s and %s report the same flows", t.a, t.b)
	sel := netcase.Selection{Sensors: []string{t.a, t.b}}
	return netcase.Finding{
		Kind: "same flows twice", Title: title, Selection: sel,
		Evidence: []netcase.Evidence{{
			Statement: fmt.Sprintf("%s: %s of %s that both saw have equal counts; they are counted once", title, thousands(t.equal), count(t.shared, "hour of a pair")),
			Numbers:   map[string]float64{"shared": float64(t.shared), "equal": float64(t.equal)}, Selection: sel,
			Method: fmt.Sprintf("clock: at least %d cells of hour, pair and port that both saw, %g %% of them with equal counts, and as many of all that the smaller sensor saw", c.Cells, 100*c.Share),
		}},
		Limits: []string{"two sensors on one path, or one exported under two names: that they agree is no second proof"},
	}
}
