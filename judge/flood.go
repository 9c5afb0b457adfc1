package judge

import "time"

// flood is an attempt to exhaust a service.
func flood() Explanation {
	return Explanation{
		ID:       "DOS",
		Name:     "denial of service",
		Phrase:   "an attempt to exhaust a service",
		Expected: "ten times the usual load, many or forged sources, a service that suffers",
		Against:  "a handful of flows an hour, no service that suffers",
		Settles:  "the excess in volume and a measured effect on the service",
		Hostile:  true,
		TTL:      func(c Config) time.Duration { return c.TTLScan },
	}
}
