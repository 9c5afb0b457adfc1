package detect

import "time"

// Config holds the parameters of all detectors. Sources are named where they are
// used.
type Config struct {
	ScanHosts      int             // largest horizontal threshold: distinct hosts
	ScanHostsFloor int             // smallest horizontal threshold
	ScanPorts      int             // vertical threshold: distinct ports on one host
	ScanHorizons   []time.Duration // sliding
	WalkAlpha      float64         // threshold random walk: most false alarms
	WalkDetection  float64         // … least share of scanners that are found
	WalkScanner    float64         // … share of its first contacts that a scanner is answered
	SpikeQ         float64         // false discovery rate
	SpikeRatio     float64         // smallest observed over expected
	SpikeExcess    float64         // smallest observed less expected, in flows
	FloodFlows     int64           // smallest load that matters, in flows an hour on one service
	FloodRatio     float64         // smallest load over the expected
	Draws          int             // Monte Carlo draws for the window
	Seed           uint64          // of every random draw
	Auth           AuthConfig
}

// DefaultConfig is what the method proposes.
func DefaultConfig() Config {
	return Config{
		ScanHosts: 25, ScanHostsFloor: 3, ScanPorts: 15,
		ScanHorizons: []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour},
		WalkAlpha:    0.01, WalkDetection: 0.99, WalkScanner: 0.2,
		SpikeQ: 0.01, SpikeRatio: 2, SpikeExcess: 10, Draws: 999,
		FloodFlows: 1000, FloodRatio: 10,
		Auth: DefaultAuthConfig(),
	}
}
