package judge

import "time"

// guessing is an attempt to get in by trying passwords.
func guessing() Explanation {
	return Explanation{
		ID:       "BFA",
		Name:     "password guessing attempt",
		Phrase:   "an attempt to guess passwords",
		Expected: "failed logins above the thresholds, repeated tries at the same host and port, replies with payload",
		Against:  "one or two tries a host, no replies, everything denied",
		Settles:  "failed logins above the thresholds in the login log; flows alone never settle it",
		Hostile:  true,
		TTL:      func(c Config) time.Duration { return c.TTLGuess },
	}
}
