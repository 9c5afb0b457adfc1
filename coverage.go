package netcase

import (
	"fmt"
	"net/netip"
	"slices"
)

// RowError is one record that could not be read, or was read with a doubt.
type RowError struct {
	Line   int64  `json:"line,omitempty"`
	Item   int32  `json:"item,omitempty"`
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
	Sample string `json:"sample,omitempty"` // the start of the record, at most 200 bytes, printable
}

func (e RowError) String() string {
	s := ""
	if e.Line > 0 {
		s = fmt.Sprintf("line %d: ", e.Line)
	}
	if e.Item > 0 {
		s += fmt.Sprintf("item %d: ", e.Item)
	}
	if e.Field != "" {
		s += e.Field + ": "
	}
	return s + e.Reason
}

// InputReport is what became of one telemetry input.
// Read = Accepted + Rejected + Skipped + Duplicate, counted in records.
type InputReport struct {
	ID         string           `json:"id"` // in-<first 12 hex digits of the sha256>
	Name       string           `json:"name"`
	SHA256     string           `json:"sha256"` // of the decompressed bytes
	Bytes      int64            `json:"bytes"`
	Format     string           `json:"format"`          // empty: no format recognised it
	Table      string           `json:"table,omitempty"` // the table that it was exported from, where that is known
	Sensors    []string         `json:"sensors,omitempty"`
	Resolution []Resolution     `json:"resolution,omitempty"`
	Read       int64            `json:"read"`
	Accepted   int64            `json:"accepted"`
	Rejected   int64            `json:"rejected"`
	Skipped    int64            `json:"skipped"`
	Duplicate  int64            `json:"duplicate"`
	Flows      int64            `json:"flows"` // flows the accepted records stand for
	Reaches    Tally            `json:"reaches"`
	Events     map[string]int64 `json:"events,omitempty"` // other events by what they are: "login failure", "process started" …
	Span       Span             `json:"span"`
	Reasons    map[string]int64 `json:"reasons,omitempty"` // reason -> records, for rejected, skipped and duplicate
	Samples    []RowError       `json:"samples,omitempty"`
	Missing    []string         `json:"missing,omitempty"`   // columns that the full table has and this export lacks
	Notes      []string         `json:"notes,omitempty"`     // differences and assumptions
	Cut        string           `json:"cut,omitempty"`       // why the export is probably cut
	CutQuery   string           `json:"cut_query,omitempty"` // the query that fetches the rest
	CopyOf     string           `json:"copy_of,omitempty"`   // id of the input with the same bytes
	Error      string           `json:"error,omitempty"`     // why the input could not be read, or not to its end
}

// Count adds a flow that was accepted.
func (r *InputReport) Count(f *Flow) {
	n := max(f.Flows, 1)
	r.Flows += n
	r.Reaches[f.Reach] += n
	r.Span = r.Span.Extend(f.Start)
	r.Span = r.Span.Extend(f.End)
	r.NoteSensor(f.Sensor)
	if !slices.Contains(r.Resolution, f.Resolution) {
		r.Resolution = append(r.Resolution, f.Resolution)
	}
}

// NoteSensor adds a sensor to those that the input speaks for.
func (r *InputReport) NoteSensor(sensor string) {
	if !slices.Contains(r.Sensors, sensor) {
		r.Sensors = append(r.Sensors, sensor)
	}
}

// Balanced tells whether every record is accounted for.
func (r *InputReport) Balanced() bool {
	return r.Read == r.Accepted+r.Rejected+r.Skipped+r.Duplicate
}

// TooManyRejected is the share of rejected records above which an input was not
// looked at properly.
const TooManyRejected = 0.01

// Unsound tells why an input was not looked at properly; empty: it was.
func (r *InputReport) Unsound() string {
	switch {
	case r.Error != "":
		return r.Error
	case r.Cut != "":
		return "probably cut: " + r.Cut
	case r.Read > 0 && float64(r.Rejected) > TooManyRejected*float64(r.Read):
		return fmt.Sprintf("%d of %d records rejected", r.Rejected, r.Read)
	}
	return ""
}

// Run is one step that ran, or did not.
type Run struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Why   string `json:"why,omitempty"` // why it did not run, or what went wrong
	Found int    `json:"found"`
}

// LookupReport is what a live service was asked about single addresses, and what it
// was not asked. It is the same whether the answers came now or lay in the case.
type LookupReport struct {
	Service  string    `json:"service"`  // the look-up: "abuseipdb", "otx"
	Provider string    `json:"provider"` // who answers: "AbuseIPDB"
	Answers  int       `json:"answers"`  // of addresses and networks
	First    Time      `json:"first"`    // when the first of them was retrieved
	Last     Time      `json:"last"`
	Unasked  []Unasked `json:"unasked,omitempty"`
	Error    string    `json:"error,omitempty"` // why it could not be asked at all, or no further
}

// Unasked is addresses that would have been asked, for one reason why they were not.
type Unasked struct {
	Why       string       `json:"why"`
	Count     int          `json:"count"`
	Addresses []netip.Addr `json:"addresses"` // at most MaxUnasked, those first that could change most
}

// MaxUnasked bounds the addresses of an Unasked.
const MaxUnasked = 10

// Coverage is what was read, refused, missing and not run.
type Coverage struct {
	Inputs    []InputReport  `json:"inputs"`
	Feeds     []FeedReport   `json:"feeds"`
	Lookups   []LookupReport `json:"lookups,omitempty"` // services that were to be asked about single addresses
	Detectors []Run          `json:"detectors"`
	Site      string         `json:"site"`                // where the own network is known from
	Families  []string       `json:"families"`            // flow, login, process, query, alert: the telemetry that is present
	Agreement []SensorPair   `json:"agreement,omitempty"` // sensors that told of the same flows, the pair with most such flows first
	Notes     []string       `json:"notes,omitempty"`
}

// SensorPair is how far two sensors agree where both told of the same flows: those of
// one hour, peer, host, service port, protocol and direction. Counts are flows; those of
// different sensors are never added.
type SensorPair struct {
	A        string   `json:"a"` // before B in the alphabet
	B        string   `json:"b"`
	Hours    int64    `json:"hours"`  // in which both told of flows
	Both     int64    `json:"both"`   // flows that both told of
	OnlyA    int64    `json:"only_a"` // in these hours
	OnlyB    int64    `json:"only_b"`
	Octets   Compared `json:"octets"`  // both ways together
	Packets  Compared `json:"packets"` // both ways together
	Outcomes Compared `json:"outcomes"`
}

// Compared is one number that two sensors both know, over the cells in which both count
// equally many flows. Of outcomes it is the flows that failed, where both know the
// outcome of every flow.
type Compared struct {
	Cells  int64 `json:"cells"`  // that could be compared
	Differ int64 `json:"differ"` // of these
	A      int64 `json:"a"`      // sum over the compared cells
	B      int64 `json:"b"`
}

// Plus is the sum of two comparisons.
func (c Compared) Plus(o Compared) Compared {
	return Compared{c.Cells + o.Cells, c.Differ + o.Differ, c.A + o.A, c.B + o.B}
}

// Sound tells whether everything was looked at properly, and if not, why.
func (c *Coverage) Sound() (ok bool, why []string) {
	for i := range c.Inputs {
		if u := c.Inputs[i].Unsound(); u != "" {
			why = append(why, c.Inputs[i].Name+": "+u)
		}
	}
	for _, f := range c.Feeds {
		if f.Error != "" {
			why = append(why, f.Name+": "+f.Error)
		}
	}
	for _, l := range c.Lookups {
		if l.Error != "" {
			why = append(why, "look-up "+l.Service+": "+l.Error)
		}
	}
	for _, d := range c.Detectors {
		if !d.OK {
			why = append(why, "detector "+d.Name+": "+d.Why)
		}
	}
	return len(why) == 0, why
}

// Has tells whether a telemetry family is present.
func (c *Coverage) Has(family string) bool { return slices.Contains(c.Families, family) }

// Cut tells whether an input that feeds flows is probably cut.
func (c *Coverage) Cut() bool {
	return slices.ContainsFunc(c.Inputs, func(r InputReport) bool { return r.Cut != "" })
}

// Flows is the number of flows accepted from all inputs, copies left out. Inputs
// of several sensors may report the same flow.
func (c *Coverage) Flows() (n int64) {
	for i := range c.Inputs {
		n += c.Inputs[i].Flows
	}
	return n
}
