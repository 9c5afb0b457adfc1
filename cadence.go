package netcase

import "time"

// Rarity is how many of our hosts called one destination.
type Rarity struct {
	Hosts  int     `json:"hosts"`  // own hosts that called it, over the whole history
	Estate int     `json:"estate"` // own hosts that called anything outside
	Days   float64 `json:"days"`   // length of the history
	Rare   bool    `json:"rare"`   // few enough to be unusual, in an estate large enough to tell
}

// Cadence is what the start times of one stream of connections show.
type Cadence string

// The cadences.
const (
	CadencePeriodic    Cadence = "periodic"              // the tests for a period agree
	CadenceNone        Cadence = "not periodic"          // eligible, and no test finds a period
	CadenceIneligible  Cadence = "not eligible"          // too few starts, cycles or hours
	CadenceUnmeasured  Cadence = "not measurable"        // the records stand for intervals
	CadenceFromOutside Cadence = "begun from outside"    // regular, but the other side knocks
	CadenceHeld        Cadence = "held open"             // regular, but the records are parts of a connection that stays open
	CadenceBenign      Cadence = "periodic, known cause" // periodic, and the destination or port explains it
)

// CadenceTimes bounds the starts that are kept for a figure.
const CadenceTimes = 400

// RITAScore is the score that RITA 5 gives a stream, for comparison only.
//
// Source: activecm/rita v5, analysis/beacons.go.
type RITAScore struct {
	Score     float64 `json:"score"`
	Intervals float64 `json:"intervals"`
	Sizes     float64 `json:"sizes"`
	Histogram float64 `json:"histogram"`
	Duration  float64 `json:"duration"`
}

// BeaconFacts describe the cadence of the connections from one of our hosts to one
// destination.
type BeaconFacts struct {
	Host    Endpoint `json:"host"`
	Peer    Endpoint `json:"peer"`
	Peers   int      `json:"peers"`          // addresses that were joined under Name
	Name    string   `json:"name,omitempty"` // the name that the host asked for, where known
	Port    uint16   `json:"port"`
	Proto   uint8    `json:"proto"`
	Process string   `json:"process,omitempty"`

	Verdict Cadence `json:"verdict"`
	Why     string  `json:"why"`
	Cause   string  `json:"cause,omitempty"` // of CadenceBenign

	Starts         int           `json:"starts"`
	Cycles         float64       `json:"cycles"`
	Active         time.Duration `json:"active"` // first to last start, long silences left out
	Period         time.Duration `json:"period"`
	CV             float64       `json:"cv"` // robust coefficient of variation of the intervals
	CVLimit        float64       `json:"cv_limit"`
	SpectralPeriod time.Duration `json:"spectral_period"`
	SpectralP      float64       `json:"spectral_p"`
	PhaseR         float64       `json:"phase_r"`
	PhaseP         float64       `json:"phase_p"`
	Clock          string        `json:"clock,omitempty"` // "scheduler" or "sleep"
	SizeCV         float64       `json:"size_cv"`         // of the octets sent; -1 where no record says
	SameSizes      float64       `json:"same_sizes"`      // share of starts with the most common pair of sizes
	Rarity         Rarity        `json:"rarity"`
	Rank           float64       `json:"rank"` // for the order only, never a verdict
	RITA           *RITAScore    `json:"rita,omitempty"`
	// Times are the starts for a figure: all, or CadenceTimes of them evenly chosen.
	Times []Time `json:"times,omitempty"`
}

// LongFacts describe connections that stayed open for hours.
type LongFacts struct {
	Host     Endpoint      `json:"host"`
	Peer     Endpoint      `json:"peer"`
	Port     uint16        `json:"port"`
	Proto    uint8         `json:"proto"`
	Longest  time.Duration `json:"longest"`
	Total    time.Duration `json:"total"`
	Sessions int64         `json:"sessions"`
	Out      int64         `json:"octets_out"`
	In       int64         `json:"octets_in"`
	Cause    string        `json:"cause,omitempty"` // a known benign service
	Rarity   Rarity        `json:"rarity"`
}

// UploadFacts describe octets that left one of our hosts for one destination, beside
// what that host used to send.
type UploadFacts struct {
	Host      Endpoint `json:"host"`
	Peer      Endpoint `json:"peer"`
	Ports     []uint16 `json:"ports"`
	Out       int64    `json:"octets_out"`
	In        int64    `json:"octets_in"`
	Window    Span     `json:"window"`
	Expected  float64  `json:"expected"` // octets in such a window by the baseline
	Tier      string   `json:"tier"`     // T0 … T3; T0: no history, only described
	Ratio     float64  `json:"ratio"`
	Q         float64  `json:"q"`
	Described bool     `json:"described"`       // no baseline, or too little to matter
	Cause     string   `json:"cause,omitempty"` // backup, known service, partner
	OffHours  bool     `json:"off_hours"`
	Rarity    Rarity   `json:"rarity"`
}

// FloodFacts describe load on one service far beyond what it used to bear.
type FloodFacts struct {
	Host     Endpoint `json:"host"`
	Port     uint16   `json:"port"`
	Proto    uint8    `json:"proto"`
	Window   Span     `json:"window"`
	Sources  int64    `json:"sources"`
	Flows    int64    `json:"flows"`
	Packets  int64    `json:"packets"` // Absent where no record says
	Octets   int64    `json:"octets"`  // Absent where no record says
	Expected float64  `json:"expected"`
	Ratio    float64  `json:"ratio"`
	Spoofed  bool     `json:"spoofed"` // most sources were seen once, with one packet and no answer
	Outbound bool     `json:"outbound"`
	Suffers  State    `json:"suffers"` // the service answered markedly less often; Unknown: not recorded
	Why      string   `json:"why"`

	Dark         Span    `json:"dark,omitzero"`           // the longest stretch in which it was asked and nobody was answered; zero: none beyond chance
	DarkExpected float64 `json:"dark_expected,omitempty"` // answers in it that were to be expected
}

// LateralFacts describe connections between our own machines that are new or unusual.
type LateralFacts struct {
	From      Endpoint   `json:"from"`
	To        []Endpoint `json:"to"` // at most ProfileHosts, sorted
	ToCount   int        `json:"to_count"`
	Ports     []uint16   `json:"ports"`
	New       int        `json:"new"`      // of the pairs, never seen in the history
	History   float64    `json:"history"`  // days
	Answered  int64      `json:"answered"` // flows that went both ways
	Fan       float64    `json:"fan"`      // usual number of such machines a day
	FromAdmin bool       `json:"from_admin"`
}

// ProcessFacts describe a process that is not as it should be.
type ProcessFacts struct {
	Host        Endpoint `json:"host"`
	OS          string   `json:"os,omitempty"`
	Rule        string   `json:"rule"` // which rule, by its short name
	Why         string   `json:"why"`
	Image       string   `json:"image"`
	Path        string   `json:"path,omitempty"`
	CommandLine string   `json:"command_line,omitempty"`
	Account     string   `json:"account,omitempty"`
	Parent      string   `json:"parent,omitempty"`
	Target      string   `json:"target,omitempty"`
	Peer        Endpoint `json:"peer,omitzero"`  // of a connection, one of Peers
	Port        uint16   `json:"port,omitempty"` // of a connection
	Peers       int      `json:"peers,omitempty"`
	Sigma       []string `json:"sigma,omitempty"` // ids of public rules that look for the same
	First       Time     `json:"first"`
	Last        Time     `json:"last"`
	Events      int64    `json:"events"`
	Decibans    float64  `json:"decibans"` // weight for a claim of compromise, or of command and control
	// AfterLogin names the login it follows; nil: none within a day.
	AfterLogin *LoginRef `json:"after_login,omitempty"`
	// Socket says that the process opened the connections to Peer and Port; nil: not known.
	Socket *SocketFacts `json:"socket,omitempty"`
}

// SocketFacts join a process to the socket that is its own.
type SocketFacts struct {
	Program  string   `json:"program"`            // path in lower case without its drive; the file name where no path is recorded
	Unusual  string   `json:"unusual,omitempty"`  // the rule that the process breaks; empty: none
	Chain    []string `json:"chain"`              // the records that lead to the socket, in order
	Programs int      `json:"programs"`           // different programs of the host that called outside, this one included
	Archives []string `json:"archives,omitempty"` // that were packed on the host within a day before and that the command line of the program names, as it does
}

// PersistenceFacts describe something that would survive a restart: a service, a task,
// a key that runs a program, an account.
type PersistenceFacts struct {
	Host    Endpoint `json:"host"`
	What    string   `json:"what"` // service, task, run key, service DLL, account, …
	Name    string   `json:"name"`
	Value   string   `json:"value,omitempty"` // the program or library
	Account string   `json:"account,omitempty"`
	Image   string   `json:"image,omitempty"` // who made it
	At      Time     `json:"at"`
	Odd     string   `json:"odd,omitempty"` // why it is unusual; empty: only noted
	// AfterLogin names the login it follows: host, account and source; nil: none within a day.
	AfterLogin *LoginRef `json:"after_login,omitempty"`
}

// LoginRef names a login.
type LoginRef struct {
	Outside  bool     `json:"outside"`  // from an address that is not ours
	Failures int64    `json:"failures"` // of the source or the account on the host in the day before it
	At       Time     `json:"at"`
	Host     Endpoint `json:"host"`
	Account  string   `json:"account"`
	Peer     Endpoint `json:"peer"`
}
