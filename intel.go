package netcase

import "net/netip"

// ClaimType is what kind of thing an indicator claims.
type ClaimType string

// The claim types.
const (
	ClaimAbuse      ClaimType = "abuse"          // reported for abuse, not further said
	ClaimScan       ClaimType = "scan"           // scanning
	ClaimBruteForce ClaimType = "bruteforce"     // guessing passwords
	ClaimDDoS       ClaimType = "ddos"           // flooding
	ClaimSpam       ClaimType = "spam"           // mail or comment spam
	ClaimPhishing   ClaimType = "phishing"       // hosts or hosted phishing
	ClaimMalware    ClaimType = "malware"        // hosts or spreads malware
	ClaimC2         ClaimType = "c2"             // command and control
	ClaimTor        ClaimType = "tor"            // exit of Tor
	ClaimProxy      ClaimType = "proxy"          // VPN or proxy: hides the origin, no verdict
	ClaimHijacked   ClaimType = "hijacked"       // network held by criminals (DROP)
	ClaimListed     ClaimType = "listed"         // on a list that does not say why
	ClaimScanner    ClaimType = "benign-scanner" // research scanner, known by name
	ClaimHosting    ClaimType = "hosting"        // range of a cloud or hosting provider: knowledge, no verdict
	ClaimEdge       ClaimType = "edge"           // CDN or cloud edge shared by many
	ClaimResolver   ClaimType = "resolver"       // public resolver or other well-known service
	ClaimPlace      ClaimType = "place"          // where a range is registered or announced: knowledge, no verdict
	ClaimNothing    ClaimType = "nothing-known"  // the provider was asked and knows nothing bad, or holds it for harmless
)

// Adverse tells whether the claim says something bad of the address.
func (c ClaimType) Adverse() bool {
	switch c {
	case ClaimTor, ClaimProxy, ClaimScanner, ClaimHosting, ClaimEdge, ClaimResolver, ClaimPlace, ClaimNothing:
		return false
	}
	return true
}

// Indicator is a provider's claim about an address or a range.
type Indicator struct {
	ID          string       `json:"id"`
	Provider    string       `json:"provider"`       // who hands the claim on, for example "SOCRadar"
	Origin      string       `json:"origin"`         // who first made it; equal to Provider where first-hand
	Feed        string       `json:"feed"`           // the list or file it stands in
	Prefix      netip.Prefix `json:"prefix"`         // an address is a full-length prefix
	Port        uint16       `json:"port,omitempty"` // where the claim is for one port
	Claim       ClaimType    `json:"claim"`
	Categories  []string     `json:"categories,omitempty"` // the provider's own words
	Score       float64      `json:"score,omitempty"`      // as printed, never converted
	ScoreText   string       `json:"score_text,omitempty"` // as printed, for example "43/100 (Medium)"
	Reporters   int          `json:"reporters,omitempty"`
	Reports     int          `json:"reports,omitempty"`
	FirstSeen   Time         `json:"first_seen"`
	LastSeen    Time         `json:"last_seen"`
	ValidFrom   Time         `json:"valid_from"`
	ValidUntil  Time         `json:"valid_until"`
	Learned     Time         `json:"learned"`               // when the list was learned; zero: not known, counts as later
	Upheld      Time         `json:"upheld,omitzero"`       // when the list was last seen unchanged; zero: not since it was learned
	Reliability string       `json:"reliability,omitempty"` // Admiralty A to F
	Description string       `json:"description,omitempty"`
	TLP         string       `json:"tlp,omitempty"`
	Geo         Geo          `json:"geo,omitzero"`
	Line        int64        `json:"line,omitempty"`
}

// Geo is one provider's answer to where an address is.
type Geo struct {
	Country string `json:"country,omitempty"` // ISO 3166-1 alpha-2, upper case
	City    string `json:"city,omitempty"`
	ASN     uint32 `json:"asn,omitempty"`
	ASName  string `json:"as_name,omitempty"`
}

// Timing says how a claim stands in time to the traffic it met.
type Timing string

// The timings.
const (
	KnownThen    Timing = "known then"    // learned before the traffic
	LearnedLater Timing = "learned later" // valid at the time, but learned after it, or not known when
	NotYetSeen   Timing = "not yet seen"  // first seen more than a day after the traffic: no match
	Expired      Timing = "expired"       // no longer valid at the time: no match
)

// Listing is one indicator as it stands to the traffic of a sighting.
type Listing struct {
	Indicator Indicator `json:"indicator"`
	Timing    Timing    `json:"timing"`
	AgeDays   float64   `json:"age_days"`      // from last seen to the first traffic; negative: seen later
	Relevant  bool      `json:"relevant"`      // bears on the behaviour that was seen
	Weight    float64   `json:"weight"`        // decibans that it adds to its origin group, as fused
	Why       string    `json:"why,omitempty"` // why it counts for nothing, where it does
	// Reliability A to F is that of the source, Credibility 1 to 6 that of this item: the
	// two axes of the Admiralty system, never merged.
	Reliability string `json:"reliability,omitempty"`
	Credibility int    `json:"credibility,omitempty"`
	Decay       string `json:"decay,omitempty"` // the model by which its weight falls with age; empty: the default
	Voice       string `json:"voice,omitempty"` // the origin group in which its weight counts; empty: it counts for nothing
	Group       string `json:"group,omitempty"` // the origin whose vote it shares: a derived listing joins one that it is known to copy
}

// Card is everything intelligence says of one address.
type Card struct {
	Address  netip.Addr  `json:"address"`
	Listings []Listing   `json:"listings"`
	Adverse  int         `json:"adverse"`          // listings that say something bad and match in time
	Origins  []string    `json:"origins"`          // independent origins of the adverse listings, sorted
	Known    bool        `json:"known_then"`       // an adverse listing was known before the traffic
	Benign   []string    `json:"benign,omitempty"` // benign knowledge, said first
	Geo      []GeoAnswer `json:"geo,omitempty"`
	Conflict bool        `json:"geo_conflict"`
	// Later is what was learned after the instant that a look-up asked for. It counts for
	// nothing in the card.
	Later []Listing `json:"later,omitempty"`
	// Neighbours is context: what the lists say of the network around the address.
	Neighbours *Neighbourhood `json:"neighbours,omitempty"`

	Voices int      `json:"voices"`           // independent origins whose claims count for the behaviour that was met
	Shared []string `json:"shared,omitempty"` // why what is listed says less: many share the address

	P float64 `json:"p"` // fused probability that the address is abusive; 0: nothing matched
	// Bearings is the result for either direction, where no traffic tells which: P and Voices
	// are then 0, since a claim that bears on one direction may say nothing of the other.
	Bearings []Bearing `json:"by_direction,omitempty"`
}

// Bearing is what a card comes to for traffic of one direction.
type Bearing struct {
	Direction Direction          `json:"direction"`
	P         float64            `json:"p"`                 // 0: nothing that is listed bears on such traffic
	Voices    int                `json:"voices"`            // independent origins whose claims count
	Weights   map[string]float64 `json:"weights,omitempty"` // decibans, by the id of the indicator
	Shared    []string           `json:"shared,omitempty"`
}

// Neighbourhood is what lists say of the network around an address, whatever the date of
// the claims. It is context, never evidence against the address.
type Neighbourhood struct {
	Network   netip.Prefix `json:"network"` // the /24, or the /48 of IPv6
	Listed    int          `json:"listed"`  // other addresses in it that some list accuses
	Origins   int          `json:"origins"` // who first made those claims
	ASN       uint32       `json:"asn,omitempty"`
	ASName    string       `json:"as_name,omitempty"`
	ASNListed int          `json:"asn_listed,omitempty"` // listed addresses of the system
}

// GeoAnswer is a geolocation with who gave it and when it was learned.
type GeoAnswer struct {
	Geo
	Provider string `json:"provider"`
	At       Time   `json:"at"` // when it was first learned; zero: not known
}

// Listed tells whether an adverse claim matched in time.
func (c *Card) Listed() bool { return c.Adverse > 0 }

// LearnedByAsking is the LearnedBy of the answers of a service about single addresses:
// on any other address they say nothing.
const LearnedByAsking = "asked"

// FeedReport is what became of one intelligence input.
type FeedReport struct {
	Name      string           `json:"name"`
	SHA256    string           `json:"sha256"`
	Format    string           `json:"format"`
	Provider  string           `json:"provider"`
	Learned   Time             `json:"learned"`
	LearnedBy string           `json:"learned_by,omitempty"` // inside, name, given; empty: not known
	Upheld    Time             `json:"upheld,omitzero"`      // when the list was last seen unchanged; zero: not since
	Read      int64            `json:"read"`
	Usable    int64            `json:"usable"`
	Skipped   int64            `json:"skipped"` // comments, headers, things that are not addresses
	Refused   int64            `json:"refused"`
	Duplicate int64            `json:"duplicate"`
	Reasons   map[string]int64 `json:"reasons,omitempty"` // why not usable
	Samples   []RowError       `json:"samples,omitempty"`
	Error     string           `json:"error,omitempty"` // why the whole feed could not be used
}
