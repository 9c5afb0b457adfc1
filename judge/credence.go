package judge

import (
	"slices"
	"strings"

	"netcase"
)

// Seed table: the probability that a claim is true of an address, by who makes it
// and how, until fifty labelled cases a provider replace it. Set by experts.
const (
	reportedSome   = 0.55 // AbuseIPDB confidence 25 to 74, or a vendor's score of 40 to 69
	reportedMuch   = 0.75 // AbuseIPDB confidence of 75 and more
	vendorMuch     = 0.65 // a vendor's score of 70 and more: it rests on the same reports
	bulkListed     = 0.50 // a bulk list says no more than that it lists
	categoryNamed  = 0.60 // a vendor names a category: phishing, malware
	seenFirsthand  = 0.85 // honeypots and mass-scan sensors saw it themselves
	reportedAttack = 0.60 // lists of attackers reported by many hosts
	heldByCrime    = 0.75 // networks held by criminals
	controlOnPort  = 0.90 // command and control named with the port that was met
	controlOther   = 0.60 // … named without it, or on another port
)

// bulkWords mark the feeds that only list.
var bulkWords = []string{"ipqs", "bulk", "pulse"}

// sensorNames are providers that report what their own sensors saw.
var sensorNames = []string{"greynoise", "honeypot", "own", "cowrie", "dshield", "dataplane", "turris"}

// credence is the probability that a claim is true, and how far its maker is
// trusted.
func credence(i *netcase.Indicator, b Behaviour) (p, reliability float64) {
	return believed(i, b), trust(reliabilityOf(i))
}

func believed(i *netcase.Indicator, b Behaviour) float64 {
	maker := origin(i)
	switch {
	case i.Claim == netcase.ClaimC2:
		if i.Port != 0 && slices.Contains(b.Ports, i.Port) {
			return controlOnPort
		}
		return controlOther
	case slices.Contains(sensorNames, maker):
		return seenFirsthand
	case i.Score > 0 && outOfHundred(i):
		return scored(i, maker)
	case maker == "otx" || bulk(i):
		return bulkListed
	}
	return typical(i.Claim)
}

// scored reads a score that is given out of a hundred.
func scored(i *netcase.Indicator, maker string) float64 {
	if maker == "abuseipdb" && folded(i.Provider) == "abuseipdb" {
		switch {
		case i.Score >= 75:
			return reportedMuch
		case i.Score >= 25:
			return reportedSome
		}
		return bulkListed
	}
	switch {
	case i.Score >= 70:
		return vendorMuch
	case i.Score >= 40:
		return reportedSome
	}
	return bulkListed
}

// outOfHundred tells whether a score is printed on a scale of a hundred; other
// lists count reports or sources.
func outOfHundred(i *netcase.Indicator) bool {
	provider := folded(i.Provider)
	return provider == "abuseipdb" || provider == "socradar" || strings.Contains(i.ScoreText, "/100") || strings.Contains(i.ScoreText, "/ 100")
}

func bulk(i *netcase.Indicator) bool {
	name := strings.ToLower(i.Feed)
	return slices.ContainsFunc(bulkWords, func(w string) bool { return strings.Contains(name, w) })
}

func typical(c netcase.ClaimType) float64 {
	switch c {
	case netcase.ClaimScan, netcase.ClaimBruteForce, netcase.ClaimDDoS:
		return reportedAttack
	case netcase.ClaimPhishing, netcase.ClaimMalware:
		return categoryNamed
	case netcase.ClaimHijacked:
		return heldByCrime
	case netcase.ClaimAbuse:
		return reportedSome
	}
	return bulkListed
}

// trust is the factor of an Admiralty letter.
func trust(letter string) float64 {
	switch letter {
	case "A":
		return 1
	case "B":
		return 0.8
	case "C":
		return 0.6
	case "D":
		return 0.4
	case "E":
		return 0.2
	}
	return 0.3 // F: cannot be judged
}

// reliabilityOf is the letter a record carries, else what its maker is known for.
func reliabilityOf(i *netcase.Indicator) string {
	if l := strings.ToUpper(strings.TrimSpace(i.Reliability)); len(l) > 0 && l[0] >= 'A' && l[0] <= 'F' {
		return l[:1]
	}
	maker := origin(i)
	switch {
	case slices.Contains(sensorNames, maker), maker == "kaspersky", maker == "abusech", maker == "feodotracker", maker == "spamhaus":
		return "B"
	case maker == "otx", bulk(i):
		return "D"
	}
	return "C"
}
