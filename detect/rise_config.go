package detect

import "netcase"

// RiseConfig holds which rises are told, and which are no rises of the traffic.
type RiseConfig struct {
	Line    float64      // of the inbound flows of its hours: a single series below is not reported by itself
	Burst   float64      // flows in one bin of a direction that is only described
	Most    float64      // … and share of all flows of that direction
	Sensor  float64      // of an excess: a sensor that was not there before made it
	CatchUp float64      // standard deviations by which late records may exceed what a gap lacks
	Longest netcase.Time // window of the scan statistic
	Fine    float64      // of the window's flows that one sensor must hold: the minutes of several are not one account
}

// DefaultRiseConfig is what the method proposes.
func DefaultRiseConfig() RiseConfig {
	return RiseConfig{Line: 0.20, Burst: 1000, Most: 0.5, Sensor: 0.8, CatchUp: 3, Longest: 72 * netcase.Hour, Fine: 0.9}
}

func (c *RiseConfig) thresholds() []Threshold {
	return []Threshold{
		{"spike.line", "smallest share of the inbound flows of its hours of a single series that is reported by itself", &c.Line},
		{"spike.burst", "flows in one bin of a direction that is described without a spike", &c.Burst},
		{"spike.burst.share", "smallest share of the flows of a direction in such a bin", &c.Most},
		{"spike.sensor", "smallest part of an excess from sensors that were not there before which makes it no rise of the traffic", &c.Sensor},
		{"spike.catchup", "standard deviations by which late records may exceed what the gap before them lacks", &c.CatchUp},
		{"spike.longest", "longest window", &c.Longest},
		{"spike.fine", "smallest share of the flows of a window that one sensor holds, for bounds of five minutes", &c.Fine},
	}
}
