package detect

import "netcase"

// ProcessConfig holds when a service calls where few hosts do, and how long a step is
// remembered for the next one.
type ProcessConfig struct {
	RareShare   float64      // of the hosts on which the service calls anybody
	RareEstate  int          // hosts: fewer cannot show one in a hundred
	RareHistory netcase.Time // records that reach back less say less of what is rare
	Packed      netcase.Time // how long an archive is known as packed
}

// DefaultProcessConfig is what the method proposes.
func DefaultProcessConfig() ProcessConfig {
	return ProcessConfig{RareShare: 0.01, RareEstate: 100, RareHistory: 30 * netcase.Day, Packed: netcase.Day}
}

func (c *ProcessConfig) thresholds() []Threshold {
	return []Threshold{
		{"process.rare.share", "largest share of the hosts with a service on which it calls a rare destination", &c.RareShare},
		{"process.rare.estate", "hosts with a service, fewer cannot show where it seldom calls", &c.RareEstate},
		{"process.rare.history", "records that reach back less say less of what is rare", &c.RareHistory},
		{"socket.packed", "time between packing an archive and giving it to a program that sends", &c.Packed},
	}
}
