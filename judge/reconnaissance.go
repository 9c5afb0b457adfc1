package judge

import "time"

// reconnaissance is scanning that is after us in particular.
func reconnaissance() Explanation {
	return Explanation{
		ID:       "REC",
		Name:     "targeted reconnaissance",
		Phrase:   "reconnaissance aimed at this network",
		Expected: "a quiet source, our names in its requests, a sequence across our assets, return visits to open ports only, not seen elsewhere",
		Against:  "the same source in global noise data on the same day",
		Settles:  "the class of the scan and two of: unlisted, ordered by our names, own payload, return visits to open ports",
		Hostile:  true,
		TTL:      func(c Config) time.Duration { return c.TTLScan },
	}
}
