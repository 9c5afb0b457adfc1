package netcase

import (
	"net/netip"
	"slices"
	"time"
)

// Selection names flows by what they have in common. An empty field selects
// everything; the fields are joined by "and".
type Selection struct {
	Peers     []Endpoint     `json:"peers,omitempty"`
	Prefixes  []netip.Prefix `json:"prefixes,omitempty"` // peers by prefix; joined to Peers by "or"
	Hosts     []Endpoint     `json:"hosts,omitempty"`
	Accounts  []string       `json:"accounts,omitempty"` // of logins and processes
	Ports     []uint16       `json:"ports,omitempty"`
	Direction Direction      `json:"direction,omitempty"`
	Reaches   []Reach        `json:"reaches,omitempty"`
	Sensors   []string       `json:"sensors,omitempty"`
	Span      Span           `json:"span,omitzero"`
}

// Matches tells whether a flow, given as its parts, is selected.
func (s *Selection) Matches(peer, host Endpoint, port uint16, d Direction, r Reach, sensor string, at Time) bool {
	if (len(s.Peers) > 0 || len(s.Prefixes) > 0) && !slices.Contains(s.Peers, peer) && !(peer.Addr.IsValid() && Within(s.Prefixes, peer.Addr)) {
		return false
	}
	return (len(s.Hosts) == 0 || slices.Contains(s.Hosts, host)) &&
		(len(s.Ports) == 0 || slices.Contains(s.Ports, port)) &&
		(s.Direction == DirectionUnknown || s.Direction == d) &&
		(len(s.Reaches) == 0 || slices.Contains(s.Reaches, r)) &&
		(len(s.Sensors) == 0 || slices.Contains(s.Sensors, sensor)) &&
		s.Span.Contains(at)
}

// MatchesEvent tells whether an event that is no flow is selected. Ports, directions and
// reaches are not asked.
func (s *Selection) MatchesEvent(peer, host Endpoint, account, sensor string, at Time) bool {
	asked := *s
	asked.Ports, asked.Direction, asked.Reaches = nil, DirectionUnknown, nil
	return asked.Matches(peer, host, 0, DirectionUnknown, ReachUnknown, sensor, at) &&
		(len(s.Accounts) == 0 || slices.Contains(s.Accounts, account))
}

// Evidence is a measurement that someone can repeat.
type Evidence struct {
	ID        string             `json:"id"`
	Statement string             `json:"statement"` // what was measured, with its numbers
	Numbers   map[string]float64 `json:"numbers,omitempty"`
	Inputs    []string           `json:"inputs,omitempty"` // ids of the inputs it was measured on
	Selection Selection          `json:"selection,omitzero"`
	Method    string             `json:"method"`            // detector or rule, with its parameters
	Records   []string           `json:"records,omitempty"` // ids of sample records in evidence/records.ndjson
	Total     int64              `json:"total"`             // records that match, of which Records is a sample
}

// Sentence is a statement with the evidence it stands on.
type Sentence struct {
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"`
}

// PortCount is what one peer did on one service port.
type PortCount struct {
	Port    uint16 `json:"port"`
	Proto   uint8  `json:"proto"`
	Hosts   int    `json:"hosts"`
	Flows   int64  `json:"flows"`
	Records int64  `json:"records"`
	Reach   Tally  `json:"reach"`
	// AnsweredHours is the number of hours in which a host answered on the port.
	AnsweredHours int `json:"answered_hours,omitempty"`
}

// Bounds on the lists inside a profile; the counts beside them are of everything.
const (
	ProfilePorts = 64
	ProfileHosts = 64
)

// Profile is what one peer did in one direction during the span.
type Profile struct {
	Peer        Endpoint    `json:"peer"`
	Direction   Direction   `json:"direction"`
	Hosts       []Endpoint  `json:"hosts"` // at most ProfileHosts, sorted
	HostCount   int         `json:"host_count"`
	Ports       []PortCount `json:"ports"` // at most ProfilePorts, sorted by port
	PortCount   int         `json:"port_count"`
	Flows       int64       `json:"flows"`
	Records     int64       `json:"records"`
	Reach       Tally       `json:"reach"`
	First       Time        `json:"first"`
	Last        Time        `json:"last"`
	ActiveHours int         `json:"active_hours"`
	OctetsOut   int64       `json:"octets_out"` // from the initiator; Absent where no record says
	OctetsIn    int64       `json:"octets_in"`

	// BusiestHour is the largest number of bidirectional flows to one host and
	// port within one hour; Absent where the source cannot tell.
	BusiestHour int64 `json:"busiest_hour"`
	// Aggregated tells that records stand for intervals, or may do so.
	Aggregated bool `json:"aggregated"`
}

// PortSet is the sorted list of the ports in the profile.
func (p *Profile) PortSet() []uint16 {
	out := make([]uint16, len(p.Ports))
	for i, c := range p.Ports {
		out[i] = c.Port
	}
	return out
}

// Finding is what one detector noticed. It accuses nobody.
type Finding struct {
	ID        string     `json:"id"`
	Detector  string     `json:"detector"`
	Kind      string     `json:"kind"`
	Title     string     `json:"title"`
	Technique []string   `json:"technique,omitempty"` // ATT&CK
	Direction Direction  `json:"direction"`
	Span      Span       `json:"span"`
	Selection Selection  `json:"selection,omitzero"`
	Flows     int64      `json:"flows"`
	Reach     Tally      `json:"reach"`
	Evidence  []Evidence `json:"evidence"`
	Method    string     `json:"method"`
	Limits    []string   `json:"limits,omitempty"` // what this data cannot show

	// One of these, by detector.
	Scan     *ScanFacts     `json:"scan,omitempty"`
	Sighting *SightingFacts `json:"sighting,omitempty"`
	Spike    *SpikeFacts    `json:"spike,omitempty"`
	Exposure *ExposureFacts `json:"exposure,omitempty"`
	Artefact *ArtefactFacts `json:"artefact,omitempty"`
	Owner    *OwnerFacts    `json:"owner,omitempty"`
	Auth     *AuthFacts     `json:"auth,omitempty"`

	Beacon      *BeaconFacts      `json:"beacon,omitempty"`
	Long        *LongFacts        `json:"long,omitempty"`
	Upload      *UploadFacts      `json:"upload,omitempty"`
	Flood       *FloodFacts       `json:"flood,omitempty"`
	Lateral     *LateralFacts     `json:"lateral,omitempty"`
	Process     *ProcessFacts     `json:"process,omitempty"`
	Persistence *PersistenceFacts `json:"persistence,omitempty"`
}

// ScanFacts describe a group of sources that looked for open doors the same way.
type ScanFacts struct {
	Class         string        `json:"class"`   // horizontal, vertical, strobe, block
	Horizon       time.Duration `json:"horizon"` // the shortest horizon at which it shows
	Sources       []Profile     `json:"sources"` // at most MaxSources, most flows first
	SourceCount   int           `json:"source_count"`
	Ports         []uint16      `json:"ports"` // at most ProfilePorts
	PortCount     int           `json:"port_count"`
	HostCount     int           `json:"host_count"` // distinct hosts over all sources
	Estate        int           `json:"estate"`     // own addresses that received an attempt from outside
	HostThreshold int           `json:"host_threshold"`
	PortThreshold int           `json:"port_threshold"`
	Internal      bool          `json:"internal"` // the sources are ours
	Walk          *WalkFacts    `json:"walk,omitempty"`

	// Of class distributed: what joins the sources, and whether they shared the work.
	Networks      []string `json:"networks,omitempty"` // their /24, /48 or autonomous systems; at most 20
	JoinedBy      []string `json:"joined_by,omitempty"`
	Coordination  string   `json:"coordination,omitempty"` // split work, same targets; empty: neither shows
	CoordinationP float64  `json:"coordination_p,omitempty"`
}

// WalkFacts say what the threshold random walk over first contacts makes of a group.
type WalkFacts struct {
	Off     string  `json:"off,omitempty"` // why there was no walk
	Benign  float64 `json:"benign"`        // share of its first contacts that a harmless source is answered here
	Scanner float64 `json:"scanner"`       // … that a scanner is
	Flagged int     `json:"flagged"`       // sources of the group whose walk ended as a scanner's
	Cleared int     `json:"cleared"`       // … as a harmless source's
	Median  int     `json:"median"`        // first contacts until a flag, in the median; 0: none
}

// MaxSources bounds the profiles a finding lists.
const MaxSources = 200

// Outcome orders what became of traffic with a listed address.
type Outcome string

// The outcomes, mildest first.
const (
	OutcomeDenied    Outcome = "denied probe"
	OutcomeNoReply   Outcome = "no reply"
	OutcomeUndecided Outcome = "outcome not recorded"
	OutcomeTwoWay    Outcome = "two-way traffic"
	OutcomeFailures  Outcome = "failed logins" // the login log shows that the address was refused
	OutcomeOutbound  Outcome = "outbound from our side"
	OutcomeLogin     Outcome = "login" // the login log, or a flow record, shows that the address came in
)

// Sighting is a provider's claim met in our data.
type Sighting struct {
	Card    Card    `json:"card"`
	Profile Profile `json:"profile"`
	Outcome Outcome `json:"outcome"`
	Refused int64   `json:"refused_logins,omitempty"` // failed logins by the login log
	Logins  int64   `json:"logins,omitempty"`         // logins by the login log
	// FromLogins: no flow tells of it. Each attempt then stands for a flow that was answered.
	FromLogins bool `json:"from_logins,omitempty"`
}

// SightingFacts are the listed addresses with one outcome.
type SightingFacts struct {
	Outcome   Outcome    `json:"outcome"`
	Sightings []Sighting `json:"sightings"` // at most MaxSources, most flows first
	Count     int        `json:"count"`
	Usable    int64      `json:"usable"` // indicators that could match at all
	Total     int64      `json:"total"`
}

// SpikePoint is one bin of a series.
type SpikePoint struct {
	Start    Time    `json:"start"`
	X        float64 `json:"x"`
	Expected float64 `json:"expected"` // 0 where there is no baseline
	High     float64 `json:"high"`     // upper edge of the 99 % band
	Missing  bool    `json:"missing,omitempty"`
	Flagged  bool    `json:"flagged,omitempty"`
	Stack    []int64 `json:"stack,omitempty"` // flows of the contributors, in their order; the rest is "other"
}

// Contribution is the part one element has in an excess.
type Contribution struct {
	Name     string  `json:"name"`
	Observed float64 `json:"observed"`
	Expected float64 `json:"expected"`
	Share    float64 `json:"share"`    // explanatory power: its excess over the whole excess
	Surprise float64 `json:"surprise"` // bits
	Listed   bool    `json:"listed,omitempty"`
}

// Attribution is one dimension's answer to what an excess consists of.
type Attribution struct {
	Dimension  string         `json:"dimension"`
	Divergence float64        `json:"divergence"` // Jensen–Shannon, bits
	Elements   []Contribution `json:"elements"`   // the chosen set; empty: this dimension does not explain it
	Share      float64        `json:"share"`      // of the set together
}

// KustoFacts is what Kusto's series_decompose_anomalies says of the fullest bin of an
// excess, so that it can be repeated in Sentinel.
type KustoFacts struct {
	At          Time    `json:"at"`
	Score       float64 `json:"score"`
	Baseline    float64 `json:"baseline"`
	PeriodHours int     `json:"period_hours"` // 0: no season
	Threshold   float64 `json:"threshold"`
	Anomaly     bool    `json:"anomaly"` // the score is twice the threshold or more, as Sentinel's own rule asks
}

// SpikeFacts describe an excess over what was to be expected, or, without a
// baseline, only what was there.
type SpikeFacts struct {
	Series       string         `json:"series"`
	Tier         string         `json:"tier"`      // T0 … T3
	Described    bool           `json:"described"` // only described: no judgement on whether it is unusual
	Why          string         `json:"why,omitempty"`
	BinMinutes   int            `json:"bin_minutes"`
	History      int            `json:"history"` // clean bins before the window
	Window       Span           `json:"window"`
	Fine         Span           `json:"fine,omitzero"` // the window in bins of five minutes, where every record is raw
	Support      Span           `json:"support"`       // approximate 95 % support of the bounds
	Observed     float64        `json:"observed"`
	Expected     float64        `json:"expected"`
	Ratio        float64        `json:"ratio"`
	Excess       float64        `json:"excess"`
	Q            float64        `json:"q"`
	LLR          float64        `json:"llr"`
	WindowP      float64        `json:"window_p"`
	Kusto        *KustoFacts    `json:"kusto,omitempty"`
	Points       []SpikePoint   `json:"points"`
	Contributors []string       `json:"contributors,omitempty"` // names for SpikePoint.Stack
	Attribution  []Attribution  `json:"attribution,omitempty"`
	Cells        []Contribution `json:"cells,omitempty"`        // (peer, port, host)
	Listed       *Contribution  `json:"listed,omitempty"`       // what the listed addresses explain together
	ListedPeers  []Contribution `json:"listed_peers,omitempty"` // and each by itself; at most MaxSources, most flows first
}

// ExposureFacts describe an administration port that answers the Internet.
type ExposureFacts struct {
	Host        Endpoint  `json:"host"`
	HostName    string    `json:"host_name,omitempty"`
	Port        uint16    `json:"port"`
	Proto       uint8     `json:"proto"`
	Sources     []Profile `json:"sources"` // at most 20
	SourceCount int       `json:"source_count"`
	Sessions    int64     `json:"sessions"` // bidirectional flows
	Proven      bool      `json:"proven"`   // bidirectional; else only allowed
	Cleartext   bool      `json:"cleartext"`
}

// TestResult is the outcome of one test.
type TestResult string

// The outcomes.
const (
	Pass TestResult = "pass"
	Fail TestResult = "fail"
	NA   TestResult = "na"
)

// ArtefactTest is one of the tests whether a count is a measurement or a logging
// interval.
type ArtefactTest struct {
	Name   string     `json:"name"`
	Result TestResult `json:"result"`
	Detail string     `json:"detail"`
	P      float64    `json:"p,omitempty"`
}

// PeerCount is one of the near-equal counts.
type PeerCount struct {
	Peer    Endpoint `json:"peer"`
	Records int64    `json:"records"`
	Flows   int64    `json:"flows"`
	Tuples  int      `json:"tuples"` // distinct (host, port)
	Cells   int      `json:"cells"`  // grid cells filled
}

// ArtefactFacts describe whether counts are those of the traffic or of the logging.
type ArtefactFacts struct {
	Verdict      string         `json:"verdict"` // likely, possible, not indicated
	Flag         string         `json:"flag,omitempty"`
	GridMinutes  int            `json:"grid_minutes"`
	Tests        []ArtefactTest `json:"tests"`
	Counts       []PeerCount    `json:"counts"`
	Explanations []string       `json:"explanations"`
	Blocks       []string       `json:"blocks"` // what may not be concluded because of it
}

// OwnerFacts describe which process owned a socket, and whether that is usual.
type OwnerFacts struct {
	Host        Endpoint    `json:"host"`
	OS          string      `json:"os,omitempty"`
	Role        ProcessRole `json:"role"`
	Action      string      `json:"action"`
	Port        uint16      `json:"port"`
	Image       string      `json:"image"`
	CommandLine string      `json:"command_line,omitempty"`
	Group       string      `json:"group,omitempty"`
	Service     string      `json:"service,omitempty"`
	Parent      string      `json:"parent,omitempty"`
	Verdict     string      `json:"verdict"` // expected, check, mismatch, not usable
	Why         string      `json:"why"`
	Decibans    float64     `json:"decibans"` // weight for a claim of compromise
	Peers       int         `json:"peers"`
	Events      int64       `json:"events"`
}

// Pattern is what a run of login attempts looks like.
type Pattern string

// The patterns.
const (
	PatternGuessing    Pattern = "guessing"              // failures above the threshold
	PatternSpray       Pattern = "spray"                 // few tries on each of many accounts
	PatternEnumeration Pattern = "enumeration"           // accounts that do not exist
	PatternDistributed Pattern = "distributed guessing"  // many sources, few tries each, against the same accounts or hosts
	PatternLockouts    Pattern = "lockouts"              // accounts are locked again and again: what was tried is not on record
	PatternSuccess     Pattern = "success after failure" // a login after such a run
	PatternKnown       Pattern = "password known"        // the password was right, a policy refused the login
	PatternStale       Pattern = "stale credentials"     // one account from one source of ours at an even pace: a misconfiguration
	PatternTypo        Pattern = "typing errors"         // a few failures before a login from where the account is at home
	PatternSession     Pattern = "possible session"      // flows alone: a long session after many short ones that are alike
	PatternUnmeasured  Pattern = "not measurable"        // flows alone, and their records stand for intervals
)

// AuthFacts describe login attempts, as login logs tell them or, by FromFlows, as flows
// let one suppose.
type AuthFacts struct {
	Host          Endpoint      `json:"host"`            // not known where there are several
	Hosts         []Endpoint    `json:"hosts,omitempty"` // at most ProfileHosts, sorted
	HostCount     int           `json:"host_count,omitempty"`
	Peers         []Endpoint    `json:"peers"` // at most MaxSources, sorted
	PeerCount     int           `json:"peer_count"`
	Networks      int           `json:"networks,omitempty"` // distinct /24 or /64 of the sources
	ASNs          int           `json:"asns,omitempty"`     // distinct networks by number; 0: not known
	Pattern       Pattern       `json:"pattern"`
	Grade         string        `json:"grade,omitempty"` // of a success after failure: A, B, C
	Accounts      []string      `json:"accounts"`        // at most 20, sorted
	AccountCount  int           `json:"account_count,omitempty"`
	Service       string        `json:"service,omitempty"`
	Failures      int64         `json:"failures"`             // attempts in which the password was looked at, or may have been
	NoAccount     int64         `json:"no_account,omitempty"` // of them for accounts that do not exist
	Locked        int64         `json:"locked,omitempty"`     // attempts refused because the account was locked: no guesses
	Lockouts      int64         `json:"lockouts,omitempty"`   // records that one of these accounts was locked
	Successes     int64         `json:"successes"`
	LoginAt       Time          `json:"login_at,omitzero"`    // the first of Successes
	Session       string        `json:"session,omitempty"`    // of that login
	NewSource     State         `json:"new_source,omitempty"` // the account never came from there in the 30 days before; Unknown: not seen, but the log is shorter
	Bucket        string        `json:"bucket,omitempty"`     // the bucket that overflowed first: fast, slow, ultra-slow
	Period        time.Duration `json:"period,omitempty"`     // of PatternStale
	FromFlows     bool          `json:"from_flows,omitempty"` // no login log: "consistent with", at most "likely"
	Misconfigured bool          `json:"misconfigured,omitempty"`
	Complete      bool          `json:"complete"`          // the log of the host covers at least 95 % of the span
	Covered       float64       `json:"covered"`           // the share of the hours of the span with any record of that log
	Source        *Profile      `json:"source,omitempty"`  // what the log shows of the one source: an attempt is counted as a flow that was answered
	Sources       []Profile     `json:"sources,omitempty"` // the same of several sources, most failures first; at most MaxSources
}
