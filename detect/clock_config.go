package detect

import "netcase"

// ClockConfig holds when two sensors' clocks differ.
type ClockConfig struct {
	Tolerance netcase.Time // how far two clocks may differ unremarked: sensors stamp the first packet, the log line or the whole second
	Reach     netcase.Time // the largest difference that is looked for: no zone differs by more
	Least     int          // pairs that must tell the same difference
	Share     float64      // … of the pairs that both saw
	Flows     int          // a pair with more flows from one sensor is too busy to match one by one
}

// DefaultClockConfig is ours.
func DefaultClockConfig() ClockConfig {
	return ClockConfig{Tolerance: 2 * netcase.Second, Reach: 26 * netcase.Hour, Least: 5, Share: 0.6, Flows: 20}
}

func (c *ClockConfig) thresholds() []Threshold {
	return []Threshold{
		{"clock.tolerance", "difference of two clocks that goes unremarked", &c.Tolerance},
		{"clock.reach", "largest difference of two clocks that is looked for", &c.Reach},
		{"clock.pairs", "pairs that two sensors saw with the same difference", &c.Least},
		{"clock.share", "smallest share of those that both saw", &c.Share},
		{"clock.flows", "flows of a pair from one sensor at most, more cannot be matched one by one", &c.Flows},
	}
}

// SilenceConfig holds when a sensor should have said something.
type SilenceConfig struct {
	Usual  float64      // median of flows an hour of a sensor: silence where this is usual has p < 0.001
	Days   int          // other days with the hour that its own history speaks from
	Others float64      // share of what the other sensors usually say
	Beside float64      // flows in the hour before and in the hour after: nothing in between is no lull
	Lull   netcase.Time // that such neighbours can bracket
	Apart  netcase.Time // a longer gap lies between two exports
}

// DefaultSilenceConfig is ours.
func DefaultSilenceConfig() SilenceConfig {
	return SilenceConfig{Usual: 7, Days: 3, Others: 0.5, Beside: 20, Lull: 6 * netcase.Hour, Apart: 7 * netcase.Day}
}

func (c *SilenceConfig) thresholds() []Threshold {
	return []Threshold{
		{"silence.usual", "usual flows an hour of a sensor whose silence says something", &c.Usual},
		{"silence.days", "other days that its own history speaks from", &c.Days},
		{"silence.others", "smallest share of what the other sensors usually say", &c.Others},
		{"silence.beside", "flows in the hour before and in the hour after a gap that make it no lull", &c.Beside},
		{"silence.lull", "longest gap that these two hours speak of", &c.Lull},
		{"silence.apart", "longest gap within one export", &c.Apart},
	}
}

// TwinConfig holds when two sensors report the same flows.
type TwinConfig struct {
	Cells int     // that both saw
	Share float64 // of them with equal counts, and of all cells of the smaller sensor
}

// DefaultTwinConfig is ours.
func DefaultTwinConfig() TwinConfig { return TwinConfig{Cells: 100, Share: 0.95} }

func (c *TwinConfig) thresholds() []Threshold {
	return []Threshold{
		{"twins.cells", "cells of hour, pair and port that two sensors both saw", &c.Cells},
		{"twins.share", "smallest share of them with equal counts, and of all that the smaller sensor saw", &c.Share},
	}
}
