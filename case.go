package netcase

import (
	"fmt"
	"time"
)

// Level is a step of severity.
type Level int

// The levels.
const (
	Info Level = iota
	Low
	Medium
	High
	Critical
)

var levelNames = []string{"INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"}

func (l Level) String() string {
	if l < Info || l > Critical {
		return fmt.Sprintf("Level(%d)", int(l))
	}
	return levelNames[l]
}

// MarshalText writes the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads the name.
func (l *Level) UnmarshalText(b []byte) (err error) { *l, err = ParseLevel(string(b)); return err }

// ParseLevel is the inverse of String, without regard to case.
func ParseLevel(s string) (Level, error) {
	for i, n := range levelNames {
		if len(s) == len(n) && equalFoldASCII(s, n) {
			return Level(i), nil
		}
	}
	return Info, fmt.Errorf("severity %q: want one of INFO, LOW, MEDIUM, HIGH, CRITICAL", s)
}

func equalFoldASCII(a, b string) bool {
	for i := range len(a) {
		if a[i]|0x20 != b[i]|0x20 {
			return false
		}
	}
	return true
}

// Severity is a range, since the reach may not be known: Low is what the traffic
// is worth if it was denied, High if it went both ways. Equal ends: decided.
type Severity struct {
	Low       Level    `json:"low"`
	High      Level    `json:"high"`
	RuleLow   string   `json:"rule_low"` // number of the rule that fired, for example "6b"
	RuleHigh  string   `json:"rule_high"`
	WhyLow    string   `json:"why_low"`
	WhyHigh   string   `json:"why_high"`
	Modifiers []string `json:"modifiers,omitempty"`
	Decides   string   `json:"decides,omitempty"` // the one datum that would decide, where the ends differ
	Evidence  []string `json:"evidence,omitempty"`
}

func (s Severity) String() string {
	if s.Low == s.High {
		return s.Low.String()
	}
	return s.Low.String() + " to " + s.High.String()
}

// State is what is known of one item of evidence.
type State string

// The states. Unknown is not false.
const (
	True          State = "true"
	False         State = "false"
	Unknown       State = "unknown"
	NotApplicable State = "na"
)

// Item is one line of the weighing: a question put to the evidence.
type Item struct {
	ID       string   `json:"id"` // A01 … or B-SAF-A …
	Text     string   `json:"text"`
	State    State    `json:"state"`
	Why      string   `json:"why"`
	Evidence []string `json:"evidence,omitempty"`
}

// Weight is what one item adds to one hypothesis.
type Weight struct {
	Item     string  `json:"item"`
	Decibans float64 `json:"decibans"`
	Family   string  `json:"family,omitempty"` // items that rest on one thing are one voice with an echo; empty: as the rule says
}

// Hypothesis is one explanation of what a group of sources did.
type Hypothesis struct {
	ID            string   `json:"id"` // BG, REC, BFA, DOS, BSC, MIS
	Name          string   `json:"name"`
	Prior         float64  `json:"prior"`
	Posterior     float64  `json:"posterior"`
	Low           float64  `json:"low,omitempty"` // of the posterior, in nine cases of ten
	High          float64  `json:"high,omitempty"`
	Word          string   `json:"word"` // ICD 203
	Weights       []Weight `json:"weights"`
	Inconsistency float64  `json:"inconsistency"` // sum of the negative decibans (Heuer: least is best)
}

// Group is a set of sources that did the same thing with the same reach; the
// unit in which frame A asks what the activity is.
type Group struct {
	ID          string       `json:"id"`
	Label       string       `json:"label"`
	Class       string       `json:"class"`
	Direction   Direction    `json:"direction"`
	Ports       []uint16     `json:"ports"`
	Sources     []Profile    `json:"sources"` // at most MaxSources, most flows first
	SourceCount int          `json:"source_count"`
	Hosts       []Endpoint   `json:"hosts"`
	HostCount   int          `json:"host_count"`
	Flows       int64        `json:"flows"`
	Records     int64        `json:"records"`
	Reach       Tally        `json:"reach"`
	Span        Span         `json:"span"`
	Items       []Item       `json:"items"`
	Hypotheses  []Hypothesis `json:"hypotheses"`       // most probable first
	Matrix      []MatrixRow  `json:"matrix,omitempty"` // of a group that is told in full, the most diagnostic first
	Claims      []Claim      `json:"claims"`
	Severity    Severity     `json:"severity"`
	Findings    []string     `json:"findings"`
	Evidence    []string     `json:"evidence"`
	// Joined is the number of groups that this one stands for, where it only counts
	// what is not told.
	Joined int `json:"joined,omitempty"`
}

// Lead is the most probable hypothesis.
func (g *Group) Lead() Hypothesis {
	if len(g.Hypotheses) == 0 {
		return Hypothesis{}
	}
	return g.Hypotheses[0]
}

// Standing is what became of a claim.
type Standing string

// The standings.
const (
	Gated           Standing = "gated out"        // impossible from this traffic
	NotDeterminable Standing = "not determinable" // a required item is unknown and what is known does not suffice
	Assessed        Standing = "assessed"         // the likelihood word says how likely
)

// Claim is one independent statement of frame B: compromise, C2, exfiltration.
type Claim struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Standing  Standing   `json:"standing"`
	Prior     float64    `json:"prior"`
	Posterior float64    `json:"posterior"`     // 0 where gated
	Low       float64    `json:"low,omitempty"` // of the posterior of an assessed claim, in nine cases of ten
	High      float64    `json:"high,omitempty"`
	Word      string     `json:"word,omitempty"`
	Why       string     `json:"why"`
	Missing   []string   `json:"missing,omitempty"` // the data that would decide it
	Items     []Item     `json:"items"`
	Weights   []Weight   `json:"weights,omitempty"`
	Hosts     []Endpoint `json:"hosts,omitempty"`
	Evidence  []string   `json:"evidence,omitempty"`

	// Proposed tells that the least evidence for the last step of the ladder is there. A
	// person takes that step, or nobody does.
	Proposed bool      `json:"proposed,omitempty"`
	Lacks    []string  `json:"lacks,omitempty"` // of the least evidence, where the claim is at least likely
	Approved *Approval `json:"approved,omitempty"`
}

// Point is one condition of the analytic confidence.
type Point struct {
	Text string `json:"text"`
	Got  int    `json:"got"`
	Of   int    `json:"of"`
}

// Confidence is how sure the analysis is of itself; it is not a likelihood.
type Confidence struct {
	Level  string  `json:"level"` // high, moderate, low
	Points int     `json:"points"`
	Parts  []Point `json:"parts"`
	Capped string  `json:"capped,omitempty"`
}

// Judgement is one line of the table of key judgements.
type Judgement struct {
	Claim      Sentence `json:"claim"`
	Word       string   `json:"word"`  // likelihood, or "not determinable", or "gated out"
	Range      string   `json:"range"` // of probability; empty where there is none
	Confidence string   `json:"confidence"`
	Change     string   `json:"change"` // what would change it

	Queries []QueryText `json:"queries,omitempty"` // that fetch it, by the sources at hand
}

// Sensitivity is what moves if one item of evidence goes.
type Sensitivity struct {
	Group   string  `json:"group"`
	Item    string  `json:"item"`
	Text    string  `json:"text"`
	Before  string  `json:"before"` // lead, posterior, severity
	After   string  `json:"after"`
	Changes bool    `json:"changes"` // the lead, its word or the severity changes
	Moved   float64 `json:"moved"`   // change of the lead's posterior
}

// MatrixRow is one item of evidence beside every rival explanation of a group.
type MatrixRow struct {
	Item          string  `json:"item"`
	Text          string  `json:"text"`
	State         State   `json:"state"`
	Diagnosticity float64 `json:"diagnosticity"` // decibans between the explanation it fits best and the one it fits least
	Marks         []Mark  `json:"marks"`         // in the order of the hypotheses
}

// Mark is how one item agrees with one explanation: what it adds, or would add where
// it is not known to hold.
type Mark struct {
	Hypothesis string  `json:"hypothesis"`
	Mark       string  `json:"mark"` // "++" strongly for, "+" for, "0" neither, "-" against, "--" strongly against
	Decibans   float64 `json:"decibans"`
}

// Move is one thing that differs between the case and the same case without what the
// caller supposed.
type Move struct {
	What   string `json:"what"` // "severity", "G1", "compromise" …
	Before string `json:"before"`
	After  string `json:"after"`
}

// WhatIf is what the caller supposed, and what it moved.
type WhatIf struct {
	Supposed []string `json:"supposed"` // in words
	Moved    []Move   `json:"moved"`    // empty: nothing
	Limits   []string `json:"limits,omitempty"`
}

// Gap is data that is missing, and what it costs.
type Gap struct {
	Source   string `json:"source"`
	Expected string `json:"expected"`
	Present  string `json:"present"`
	Effect   string `json:"effect"`
	Query    string `json:"query,omitempty"` // that would fetch it
	Language string `json:"language,omitempty"`

	Queries []QueryText `json:"queries,omitempty"` // the same in the languages of the other sources at hand
}

// Entry is one line of the time line of the case.
type Entry struct {
	At       Time     `json:"at"`
	Kind     string   `json:"kind"` // event, knowledge
	Text     string   `json:"text"`
	Evidence []string `json:"evidence"`
}

// Refusal is a target that a response must not touch.
type Refusal struct {
	Value  string `json:"value"`
	Reason string `json:"reason"`
}

// Action is something to do about it.
type Action struct {
	ID         string        `json:"id"`
	Priority   int           `json:"priority"` // 1 is first
	Kind       string        `json:"kind"`     // data, close, restrict, block, detect, review
	Title      string        `json:"title"`
	Reason     string        `json:"reason"`
	Owner      string        `json:"owner"`
	Due        time.Duration `json:"due"` // from the issue of the report
	Selection  Selection     `json:"selection,omitzero"`
	Expiry     time.Duration `json:"expiry,omitempty"` // of the rule, from the issue
	Rollback   string        `json:"rollback,omitempty"`
	Verify     string        `json:"verify,omitempty"` // query that shows it worked
	Risk       string        `json:"risk,omitempty"`   // if it is not done
	Collateral string        `json:"collateral,omitempty"`
	Refused    []Refusal     `json:"refused,omitempty"`
	Evidence   []string      `json:"evidence"`
}

// QueryText is a query that would fetch or repeat something.
type QueryText struct {
	Title    string `json:"title"`
	Language string `json:"language"` // kql, spl, shell, sql, powershell
	Text     string `json:"text"`
}

// Requirement is evidence relevant to a requirement of a standard. It never says
// complied with or violated; that is an assessor's word.
type Requirement struct {
	Standard string   `json:"standard"`
	Number   string   `json:"number"`
	Touched  string   `json:"touched"`
	Attach   string   `json:"attach"`
	State    string   `json:"state"` // evidence attached, not assessable
	Evidence []string `json:"evidence,omitempty"`
}

// Status is a step of the ladder from observation to confirmed incident.
type Status string

// The steps. Only a person sets the last.
const (
	StatusObservation Status = "observation"
	StatusSuspicious  Status = "suspicious event"
	StatusAttempt     Status = "attack attempt, no evidence of success"
	StatusSuspected   Status = "suspected incident"
	StatusConfirmed   Status = "confirmed incident"
)

// Case is an investigation, judged.
type Case struct {
	Format       int               `json:"format"`
	Tool         string            `json:"tool"`
	ID           string            `json:"id"`
	Title        string            `json:"title"`
	Span         Span              `json:"span"`
	AsOf         Time              `json:"as_of"`
	IssuedAt     Time              `json:"issued_at"`
	Config       map[string]string `json:"config"` // the effective settings that bear on the result
	Status       Status            `json:"status"`
	StatusWhy    string            `json:"status_why"`
	Severity     Severity          `json:"severity"`
	Confidence   Confidence        `json:"confidence"`
	Weights      string            `json:"weights"` // version and hash of the weights
	Summary      []Sentence        `json:"summary"` // at most five
	Judgements   []Judgement       `json:"judgements"`
	Groups       []Group           `json:"groups"`
	Claims       []Claim           `json:"claims"` // the strongest standing of each over all groups
	Artefact     *ArtefactFacts    `json:"artefact,omitempty"`
	Findings     []Finding         `json:"findings"`
	Evidence     []Evidence        `json:"evidence"` // of the judgement itself; findings carry their own
	Cards        []Card            `json:"cards"`
	Timeline     []Entry           `json:"timeline"`
	Gaps         []Gap             `json:"gaps"`
	Sensitivity  []Sensitivity     `json:"sensitivity"`
	WhatIf       *WhatIf           `json:"what_if,omitempty"`
	Actions      []Action          `json:"actions"`
	Queries      []QueryText       `json:"queries"`
	Requirements []Requirement     `json:"requirements"`
	Names        map[string]string `json:"names,omitempty"` // address -> machine name, as the inputs say
	Coverage     Coverage          `json:"coverage"`
	Site         Site              `json:"site"`
}

// GroupCount is the number of groups of sources, those included that one entry
// only counts.
func (c *Case) GroupCount() (n int) {
	for i := range c.Groups {
		n += max(c.Groups[i].Joined, 1)
	}
	return n
}

// AllEvidence calls yield for the evidence of findings and of the judgement, in order.
func (c *Case) AllEvidence(yield func(*Evidence) bool) {
	for i := range c.Findings {
		for j := range c.Findings[i].Evidence {
			if !yield(&c.Findings[i].Evidence[j]) {
				return
			}
		}
	}
	for i := range c.Evidence {
		if !yield(&c.Evidence[i]) {
			return
		}
	}
}

// Record is one original record kept as evidence.
type Record struct {
	ID      string `json:"id"` // r-<first 16 hex digits of the sha256 of place and bytes>
	Input   string `json:"input"`
	Place   Place  `json:"place"`
	At      Time   `json:"at"`
	Raw     string `json:"raw,omitempty"`    // where the bytes are valid UTF-8
	Base64  string `json:"base64,omitempty"` // where they are not
	Context string `json:"context,omitempty"`
	Stamp   string `json:"stamp,omitempty"` // the time as the record spells it
	Zone    string `json:"zone,omitempty"`  // the zone that was assumed for it; empty: the record states its own
	SHA256  string `json:"sha256"`          // of the raw bytes
}
