package netcase

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
)

// Reach is how far a flow got: what the records prove about its outcome.
type Reach uint8

// The values are ordered from the weakest to the strongest proof.
const (
	ReachUnknown       Reach = iota // the export has no field that would say
	ReachAllowed                    // a control let it pass; this source does not record replies
	ReachNoReply                    // it passed, and a source that records replies saw none
	ReachDenied                     // a control refused it
	ReachRefused                    // the host answered RST or unreachable
	ReachBidirectional              // handshake completed, or payload both ways
	ReachAuthenticated              // a login succeeded
	reachCount
)

var reachNames = [reachCount]string{"unknown", "allowed", "no_reply", "denied", "refused", "bidirectional", "authenticated"}

// Reaches lists every value, weakest proof first.
func Reaches() []Reach {
	return []Reach{ReachUnknown, ReachAllowed, ReachNoReply, ReachDenied, ReachRefused, ReachBidirectional, ReachAuthenticated}
}

func (r Reach) String() string {
	if int(r) < len(reachNames) {
		return reachNames[r]
	}
	return "unknown"
}

// ParseReach is the inverse of String.
func ParseReach(s string) (Reach, error) {
	for i, n := range reachNames {
		if n == s {
			return Reach(i), nil
		}
	}
	return ReachUnknown, fmt.Errorf("reach %q: want one of %s", s, strings.Join(reachNames[:], ", "))
}

// Failed tells whether the attempt is known to have failed.
func (r Reach) Failed() bool { return r == ReachDenied || r == ReachRefused || r == ReachNoReply }

// Decided tells whether the outcome itself is known, in either direction.
func (r Reach) Decided() bool { return r != ReachUnknown && r != ReachAllowed }

// MarshalText writes the name.
func (r Reach) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the name.
func (r *Reach) UnmarshalText(b []byte) (err error) { *r, err = ParseReach(string(b)); return err }

// Tally counts flows by reach.
type Tally [reachCount]int64

// Total is the number of flows counted.
func (t Tally) Total() (n int64) {
	for _, v := range t {
		n += v
	}
	return n
}

// Plus is the sum of two tallies.
func (t Tally) Plus(o Tally) Tally {
	for i, v := range o {
		t[i] += v
	}
	return t
}

// Failed is the number of flows that are known to have failed.
func (t Tally) Failed() int64 { return t[ReachDenied] + t[ReachRefused] + t[ReachNoReply] }

// Answered is the number of flows known to have gone both ways.
func (t Tally) Answered() int64 { return t[ReachBidirectional] + t[ReachAuthenticated] }

// Decided is the number of flows whose outcome is known.
func (t Tally) Decided() int64 { return t.Failed() + t.Answered() }

// Open is the number of flows whose outcome is not known.
func (t Tally) Open() int64 { return t[ReachUnknown] + t[ReachAllowed] }

// Best is the strongest reach that occurs, and unknown for an empty tally.
func (t Tally) Best() Reach {
	for r := int(reachCount) - 1; r > 0; r-- {
		if t[r] > 0 {
			return Reach(r)
		}
	}
	return ReachUnknown
}

// MarshalJSON writes an object with the values that are not zero, in order of
// proof, so that equal tallies are equal bytes.
func (t Tally) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, v := range t {
		if v == 0 {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%d", reachNames[i], v)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Tally) UnmarshalJSON(b []byte) error {
	var m map[Reach]int64
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	*t = Tally{}
	for r, n := range m {
		t[r] = n
	}
	return nil
}

// Direction says who began, relative to the Site.
type Direction uint8

// The directions.
const (
	DirectionUnknown Direction = iota
	Inbound                    // from outside to us
	Outbound                   // from us to outside
	Lateral                    // both ends are ours
	Transit                    // neither end is ours
)

var directionNames = []string{"unknown", "inbound", "outbound", "lateral", "transit"}

func (d Direction) String() string {
	if int(d) < len(directionNames) {
		return directionNames[d]
	}
	return "unknown"
}

// MarshalText writes the name.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the name.
func (d *Direction) UnmarshalText(b []byte) error {
	for i, n := range directionNames {
		if n == string(b) {
			*d = Direction(i)
			return nil
		}
	}
	return fmt.Errorf("direction %q: want one of %s", b, strings.Join(directionNames, ", "))
}

// Resolution is how finely a source records flows.
//
// Units: minutes of the aggregation interval where positive.
type Resolution int16

// The resolutions that are not a number of minutes.
const (
	ResolutionRaw     Resolution = 0  // a record is a flow
	ResolutionUnknown Resolution = -1 // the export does not say; its rows may be aggregates
	ResolutionSampled Resolution = -2 // a record is a flow, but the sensor drops repeats: counts are a lower bound
)

// Aggregated tells whether a record is known to stand for an interval.
func (r Resolution) Aggregated() bool { return r > 0 }

func (r Resolution) String() string {
	switch r {
	case ResolutionRaw:
		return "raw"
	case ResolutionUnknown:
		return "unknown"
	case ResolutionSampled:
		return "sampled"
	}
	return fmt.Sprintf("%d min", int(r))
}

// MarshalText writes the name or the minutes.
func (r Resolution) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (r *Resolution) UnmarshalText(b []byte) error {
	switch string(b) {
	case "raw":
		*r = ResolutionRaw
	case "unknown":
		*r = ResolutionUnknown
	case "sampled":
		*r = ResolutionSampled
	default:
		var n int
		if _, err := fmt.Sscanf(string(b), "%d min", &n); err != nil {
			return fmt.Errorf("resolution %q: want raw, unknown, sampled or minutes", b)
		}
		*r = Resolution(n)
	}
	return nil
}

// Endpoint is one end of a flow: an address, or a machine or interface name
// where the export has no address. It is comparable. Name may accompany an
// address inside a Flow; in a key one of the two is set.
type Endpoint struct {
	Addr netip.Addr `json:"addr,omitzero"`
	Name string     `json:"name,omitempty"`
}

// At is the endpoint of an address. ::ffff:a.b.c.d is a.b.c.d, zones are dropped.
func At(a netip.Addr) Endpoint { return Endpoint{Addr: a.Unmap().WithZone("")} }

// Key is the endpoint by its address alone where it has one, else by its name.
func (e Endpoint) Key() Endpoint {
	if e.Addr.IsValid() {
		return Endpoint{Addr: e.Addr}
	}
	return Endpoint{Name: e.Name}
}

// Known tells whether the endpoint says anything.
func (e Endpoint) Known() bool { return e.Addr.IsValid() || e.Name != "" }

func (e Endpoint) String() string {
	switch {
	case e.Addr.IsValid():
		return e.Addr.String()
	case e.Name != "":
		return e.Name
	}
	return "unknown"
}

// Compare orders endpoints: addresses first, then names.
func (e Endpoint) Compare(o Endpoint) int {
	if e.Addr.IsValid() != o.Addr.IsValid() {
		if e.Addr.IsValid() {
			return -1
		}
		return 1
	}
	if c := e.Addr.Compare(o.Addr); c != 0 {
		return c
	}
	return strings.Compare(e.Name, o.Name)
}

// IANA protocol numbers that the project names.
const (
	ICMP   uint8 = 1
	TCP    uint8 = 6
	UDP    uint8 = 17
	ICMPv6 uint8 = 58
)

// ProtoName is the usual name of an IANA protocol number.
func ProtoName(p uint8) string {
	switch p {
	case ICMP:
		return "icmp"
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMPv6:
		return "icmp6"
	case 0:
		return "any"
	}
	return fmt.Sprintf("ip/%d", p)
}

// Side says which ends of a flow the exporter itself marks as its own.
type Side uint8

// The sides; they may be joined with |.
const (
	SideUnknown Side = 0
	SideSrc     Side = 1
	SideDst     Side = 2
)

// Absent marks a size that the record does not carry.
const Absent int64 = -1

// Place is where a record stands in its input.
type Place struct {
	Line   int64 `json:"line,omitempty"`   // 1-based line of the decompressed text
	Offset int64 `json:"offset"`           // bytes from the start of the decompressed stream
	Item   int32 `json:"item,omitempty"`   // 1-based tuple or array element inside the line or document
	Expand int32 `json:"expand,omitempty"` // 1-based address where one record packs several
}

// Flow is one flow, or one record that stands for several equal flows.
// Src began it. Octets and packets are relative to Src.
type Flow struct {
	Start, End Time
	Booked     Time // start of the source's aggregation interval; zero: the start
	Src, Dst   Endpoint
	SrcPort    uint16
	DstPort    uint16 // the responder's, that is the service port
	Proto      uint8
	Reach      Reach
	Resolution Resolution
	Ours       Side
	Sensor     string // who saw it, for example "azure-nsg/NSG-1"
	Rule       string
	Flows      int64 // how many flows this stands for; at least 1
	Records    int64 // how many records it was built from (a begin and an end tuple make one flow); at least 1
	OctetsOut  int64 // Src to Dst; Absent where the record does not say
	OctetsIn   int64
	PacketsOut int64
	PacketsIn  int64

	Continued bool // its beginning is not in this input

	Key uint64 // hash of the format's natural key; zero: the format has none

	// Only on the second pass.
	Place   Place
	Raw     []byte // the original bytes of the (first) record; the receiver copies what it keeps
	Context string // what the record inherits from its container
	Stamp   string // the time as the record spells it
	Zone    string // the zone that was assumed for it; empty: the record states its own
}

// Cell is the instant that decides into which hour the flow is counted.
func (f *Flow) Cell() Time {
	if f.Booked.Known() {
		return f.Booked
	}
	return f.Start
}
