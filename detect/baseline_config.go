package detect

import "netcase"

// BaselineConfig holds what a baseline needs to be believed, and what it looks back at.
type BaselineConfig struct {
	Bins       int          // clean bins before: fewer cannot carry a baseline
	Daily      netcase.Time // of clean history, from which the same hours of earlier days are compared
	Weekly     netcase.Time // … from which the same hours of earlier weeks are
	Days       int          // earlier days that are looked at
	Weeks      int          // earlier weeks that are looked at
	Trend      int          // weekly medians: a slope through fewer is noise
	Values     int          // bins that a median needs
	Mean       float64      // flows: an expectation below is not believed
	MeanPhi    float64      // smallest variance over mean of a baseline that is a mean
	MedianPhi  float64      // … of one that is a median
	Caution    float64      // standard deviations by which an estimated dispersion is raised
	Alive      float64      // share of a bin in which the sensors have to be alive
	SilentFrom float64      // flows a bin: silence where this is usual has p < 0.001
}

// DefaultBaselineConfig is what the method proposes. A caution of 1.645 leaves a dispersion
// too small once in twenty times.
func DefaultBaselineConfig() BaselineConfig {
	return BaselineConfig{
		Bins: 12, Daily: 3 * netcase.Day, Weekly: 14 * netcase.Day, Days: 13, Weeks: 8, Trend: 4, Values: 3,
		Mean: 0.5, MeanPhi: 2, MedianPhi: 1.5, Caution: 1.645, Alive: 0.9, SilentFrom: 7,
	}
}

func (c *BaselineConfig) thresholds() []Threshold {
	return []Threshold{
		{"baseline.bins", "clean bins of history, fewer cannot carry a baseline", &c.Bins},
		{"baseline.daily", "clean history from which the same hours of earlier days are compared", &c.Daily},
		{"baseline.weekly", "clean history from which the same hours of earlier weeks are compared", &c.Weekly},
		{"baseline.days", "earlier days that are looked at", &c.Days},
		{"baseline.weeks", "earlier weeks that are looked at", &c.Weeks},
		{"baseline.trend", "weekly medians, a slope through fewer is noise", &c.Trend},
		{"baseline.values", "bins that a median needs", &c.Values},
		{"baseline.mean", "smallest expectation that is believed, flows a bin", &c.Mean},
		{"baseline.phi.mean", "smallest variance over mean of a baseline that is a mean", &c.MeanPhi},
		{"baseline.phi.median", "smallest variance over mean of a baseline that is a median", &c.MedianPhi},
		{"baseline.caution", "standard deviations by which an estimated dispersion is raised", &c.Caution},
		{"baseline.alive", "smallest share of a bin in which the sensors are alive", &c.Alive},
		{"baseline.silent", "usual flows a bin of a sensor from which a bin without any is missing, not zero", &c.SilentFrom},
	}
}
