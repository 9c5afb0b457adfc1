package judge

import "time"

// benignScanner is a research or rating service that scans everyone and says so.
func benignScanner() Explanation {
	return Explanation{
		ID:       "BSC",
		Name:     "benign scanner",
		Phrase:   "a benign scanner that asks everyone",
		Expected: "an address in the published range of a research scanner, a polite rate, banners read and nothing more",
		Against:  "logins tried, exploit payloads",
		Settles:  "the published range together with forward and reverse names that agree",
		TTL:      func(Config) time.Duration { return 0 },
	}
}
