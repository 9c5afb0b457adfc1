package detect

import (
	"netcase"
	"netcase/cube"
)

// fineBin is the width of the bins in which a window of hours is looked at again.
const fineBin = 5 * netcase.Minute

// fine looks for the bounds of a window within five minutes: the same scan statistic over
// finer bins, an hour beyond the window on either side, on the minutes of the sensor that
// saw most. It is empty where records stand for intervals, or no sensor saw the whole.
func (r *rise) fine(in *Input, s *seriesSet) netcase.Span {
	if s.g.hours != 1 || r.line.by != cube.ByDirection || !onlyRaw(in) {
		return netcase.Span{}
	}
	from, to := max(r.from-1, 0), min(r.to+1, s.g.bins())
	start := s.g.start(from)
	const perHour = int(netcase.Hour / fineBin)
	bins := (to - from) * perHour
	mu := make([]float64, bins)
	for i := range mu {
		if b := from + i/perHour; !s.g.missing[b] && r.base.at(b).tier != tierNone {
			mu[i] = r.base.at(b).mu / float64(perHour)
		}
	}
	x := r.finest(in, start, bins)
	if sum(x) < in.Config.Rise.Fine*sum(r.line.x[from:to]) {
		return netcase.Span{}
	}
	w := scanWindow(x, mu, bins)
	if w.to <= w.from {
		return netcase.Span{}
	}
	return netcase.Span{Start: start + netcase.Time(w.from)*fineBin, End: start + netcase.Time(w.to)*fineBin}
}

// finest is the counts of five minutes of the sensor that saw most of the series.
func (r *rise) finest(in *Input, start netcase.Time, bins int) []float64 {
	sensors := map[string][]float64{}
	var best []float64
	most, first := 0.0, ""
	for p := range in.Points(lineMinutes) {
		i := int((p.Start - start) / fineBin)
		if p.Series != r.line.direction.String() || p.Start < start || i >= bins {
			continue
		}
		v := sensors[p.Sensor]
		if v == nil {
			if len(sensors) == lineKeep {
				continue
			}
			v = make([]float64, bins)
			sensors[p.Sensor] = v
		}
		v[i] += float64(p.Flows)
	}
	for name, v := range sensors {
		if t := sum(v); t > most || t == most && name < first {
			best, most, first = v, t, name
		}
	}
	return best
}

// onlyRaw tells whether every flow that was read is one record with its own time.
func onlyRaw(in *Input) bool {
	any := false
	for i := range in.Coverage.Inputs {
		for _, res := range in.Coverage.Inputs[i].Resolution {
			if res != netcase.ResolutionRaw {
				return false
			}
			any = true
		}
	}
	return any
}
