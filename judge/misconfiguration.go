package judge

import "time"

// misconfiguration is a machine of ours or of a partner that does what it was
// told, wrongly told or not known to us.
func misconfiguration() Explanation {
	return Explanation{
		ID:       "MIS",
		Name:     "benign service or misconfiguration",
		Phrase:   "a benign service or a misconfiguration",
		Expected: "one account or one target, an exact period, a source of ours or of a partner, begun after a change",
		Against:  "a foreign source that nobody knows, many targets",
		Settles:  "the word of the owner, or the record of the change",
		TTL:      func(Config) time.Duration { return 0 },
	}
}
