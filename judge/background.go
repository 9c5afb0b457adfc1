package judge

import "time"

// background is the noise every exposed address hears.
func background() Explanation {
	return Explanation{
		ID:       "BG",
		Name:     "background scanning",
		Phrase:   "opportunistic background scanning",
		Expected: "many hosts, few ports that Internet-wide scanning asks for, mostly failing, sources listed widely, seen at neighbours too",
		Against:  "attempts on assets that are not advertised, application payloads, logins",
		Settles:  "the class of the scan, a known reach and at least nine tenths of the attempts failed",
		Hostile:  true,
		TTL:      func(c Config) time.Duration { return c.TTLScan },
	}
}
