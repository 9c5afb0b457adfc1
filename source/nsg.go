package source

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"

	"netcase"
)

const formatNSG = "azure-nsg"

// azureNSG reads the raw flow logs of network security groups.
var azureNSG = Format{
	Name:   formatNSG,
	Doc:    "flow log of an Azure network security group (PT1H.json), version 1 or 2",
	Proves: "what the rules allowed and denied, flow by flow; version 2 also packets and bytes each way, so that answers show; version 1 no answers",
	Detect: detectNSG,
	Decode: func(ctx context.Context, in *Input, out Sink) error {
		return decodeBlob(ctx, in, out, &blobReader{format: formatNSG, quick: quickNSG, parse: nsgTuple})
	},
}

func detectNSG(head []byte) (bool, string) {
	switch {
	case !jsonText(head):
		return false, "it is no JSON"
	case vnetBlob(head):
		return false, "it is a flow log of a virtual network"
	case bytes.Contains(head, []byte(`"NetworkSecurityGroupFlowEvent"`)) || memberIn(head, "flowTuples"):
		return true, ""
	case bytes.Contains(head, []byte(`"NetworkSecurityGroupEvent"`)) || bytes.Contains(head, []byte(`"NetworkSecurityGroupRuleCounter"`)):
		return false, "it is a diagnostic log of rules applied, not a flow log"
	}
	return false, "it has no flowTuples"
}

// jsonText tells whether a text begins as JSON does.
func jsonText(head []byte) bool {
	p := layoutOf(head)
	return p.shape != shapeNone && p.shape != shapeCSV
}

// memberIn tells whether an object in the text has a member of this name. Inside
// a string the quotes would be escaped, so a payload cannot pretend.
func memberIn(head []byte, name string) bool {
	return bytes.Contains(head, []byte(`"`+name+`"`))
}

// The fields of a tuple, by position.
const (
	nsgTime = iota
	nsgSrc
	nsgDst
	nsgSrcPort
	nsgDstPort
	nsgProtocol
	nsgDirection
	nsgDecision
	nsgState
	nsgPacketsOut
	nsgOctetsOut
	nsgPacketsIn
	nsgOctetsIn

	nsgFields1 = nsgState        // of version 1
	nsgFields2 = nsgOctetsIn + 1 // of version 2
)

// nsgTuple reads a tuple of version 1 or 2.
func nsgTuple(c [][]byte, t *tuple) (field, reason string) {
	if len(c) != nsgFields1 && len(c) != nsgFields2 && len(c) != nsgState+1 {
		return "", fmt.Sprintf("%d fields, a tuple has %d or %d", len(c), nsgFields1, nsgFields2)
	}
	if field, reason = tupleEnds(c, t); reason != "" {
		return field, reason
	}
	var ok bool
	if t.proto, ok = protocolIn(c[nsgProtocol]); !ok {
		return "protocol", "neither T nor U"
	}
	switch string(c[nsgDecision]) {
	case "A":
		t.reach = netcase.ReachAllowed
	case "D":
		t.reach = netcase.ReachDenied
	default:
		return "decision", "neither A nor D"
	}
	if len(c) == nsgFields1 {
		return "", ""
	}
	if field, reason = tupleStep(c[nsgState], t); reason != "" {
		return field, reason
	}
	if t.state == stateBegin && t.reach == netcase.ReachDenied {
		t.state = stateNone // nothing follows what was denied
	}
	if len(c) < nsgFields2 {
		return "", ""
	}
	return tupleSizes(c[nsgPacketsOut:], t)
}

// tupleEnds reads what the tuples of all versions begin with: time, ends and
// direction. The sizes are set to Absent.
func tupleEnds(c [][]byte, t *tuple) (field, reason string) {
	t.sizes = noSizes
	at, ok := wholeIn(c[nsgTime])
	if !ok {
		return "time", "not a number"
	}
	if at < 10*epochSeconds {
		at *= 1000
	}
	if at < firstInstant || at >= lastInstant {
		return "time", errTimeRange.Error()
	}
	t.at = netcase.Time(at)
	if t.src, ok = addressIn(c[nsgSrc]); !ok {
		return "source address", "not an address"
	}
	if t.dst, ok = addressIn(c[nsgDst]); !ok {
		return "destination address", "not an address"
	}
	if t.srcPort, ok = tuplePort(c[nsgSrcPort]); !ok {
		return "source port", "not a port"
	}
	if t.dstPort, ok = tuplePort(c[nsgDstPort]); !ok {
		return "destination port", "not a port"
	}
	switch string(c[nsgDirection]) {
	case "I":
		t.in = true
	case "O":
	default:
		return "direction", "neither I nor O"
	}
	return "", ""
}

// The milliseconds since 1970 of firstYear and of the year after lastYear.
const (
	firstInstant = 946_684_800_000
	lastInstant  = 4_102_444_800_000
)

// tuplePort reads a port; protocols without ports leave it empty.
func tuplePort(cell []byte) (uint16, bool) {
	if len(cell) == 0 {
		return 0, true
	}
	n, ok := wholeIn(cell)
	return uint16(n), ok && n <= 0xffff
}

func tupleStep(cell []byte, t *tuple) (field, reason string) {
	if len(cell) == 1 {
		switch s := tupleState(cell[0]); s {
		case stateBegin, stateContinue, stateEnd:
			t.state = s
			return "", ""
		}
	}
	return "state", "none of B, C and E"
}

// tupleSizes reads packets and bytes each way. The beginning has none, or zeros.
func tupleSizes(c [][]byte, t *tuple) (field, reason string) {
	for i := range t.sizes {
		if len(c[i]) == 0 {
			continue
		}
		n, ok := wholeIn(c[i])
		if !ok || n > maxSize {
			return "packets and bytes", "not a number that can be"
		}
		if n > 0 || t.state == stateContinue || t.state == stateEnd {
			t.sizes[i] = n
		}
	}
	return "", ""
}

// tupleText is what is left of a tuple while it is read from left to right as it
// is usually spelled. What is spelled otherwise turns odd, and is read by fields.
type tupleText struct {
	rest []byte
	odd  bool
}

// whole takes a number of at most so many digits, and the comma behind it.
func (p *tupleText) whole(most int) (v int64) {
	n := 0
	for n < len(p.rest) && n < most && isDigit(p.rest[n]) {
		v = 10*v + int64(p.rest[n]-'0')
		n++
	}
	if n == 0 || n == len(p.rest) || p.rest[n] != ',' {
		p.odd = true
		return 0
	}
	p.rest = p.rest[n+1:]
	return v
}

// address takes an IPv4 address and the comma behind it.
func (p *tupleText) address() netip.Addr {
	var quad [4]byte
	b, i := p.rest, 0
	for k := range quad {
		v, from := 0, i
		for i < len(b) && i-from < 3 && isDigit(b[i]) {
			v = 10*v + int(b[i]-'0')
			i++
		}
		if i == from || i == len(b) || b[i] != "...,"[k] || v > 0xff || i-from > 1 && b[from] == '0' {
			p.odd = true
			return netip.Addr{}
		}
		quad[k] = byte(v)
		i++
	}
	p.rest = b[i:]
	return netip.AddrFrom4(quad)
}

// letter takes one byte and the comma behind it.
func (p *tupleText) letter() byte {
	if len(p.rest) < 2 || p.rest[1] != ',' {
		p.odd = true
		return 0
	}
	b := p.rest[0]
	p.rest = p.rest[2:]
	return b
}

// ends takes what the tuples of all versions begin with, up to the ports.
func (p *tupleText) ends(t *tuple) {
	at := p.whole(13)
	if at < 10*epochSeconds {
		at *= 1000
	}
	t.at = netcase.Time(at)
	t.src, t.dst = p.address(), p.address()
	srcPort, dstPort := p.whole(5), p.whole(5)
	t.srcPort, t.dstPort = uint16(srcPort), uint16(dstPort)
	t.sizes = noSizes
	p.odd = p.odd || at < firstInstant || at >= lastInstant || srcPort > 0xffff || dstPort > 0xffff
}

// direction takes I or O.
func (p *tupleText) direction(t *tuple) {
	b := p.letter()
	t.in = b == 'I'
	p.odd = p.odd || b != 'I' && b != 'O'
}

// step takes the state in the life of a flow.
func (p *tupleText) step(t *tuple) {
	t.state = tupleState(p.letter())
	p.odd = p.odd || t.state != stateBegin && t.state != stateContinue && t.state != stateEnd
}

// finish takes the sizes, with which a tuple ends.
func (p *tupleText) finish(t *tuple) bool {
	counts := t.state == stateContinue || t.state == stateEnd
	b, i := p.rest, 0
	for k := range t.sizes {
		v, from := int64(0), i
		for i < len(b) && i-from < maxQuickDigits && isDigit(b[i]) {
			v = 10*v + int64(b[i]-'0')
			i++
		}
		last := k == len(t.sizes)-1
		if last != (i == len(b)) || !last && b[i] != ',' {
			return false
		}
		if i > from && (v > 0 || counts) {
			t.sizes[k] = v
		}
		i++
	}
	return !p.odd
}

// quickNSG reads a tuple of version 2.
func quickNSG(text []byte, t *tuple) bool {
	p := tupleText{rest: text}
	p.ends(t)
	switch p.letter() {
	case 'T':
		t.proto = netcase.TCP
	case 'U':
		t.proto = netcase.UDP
	default:
		return false
	}
	p.direction(t)
	decision := p.letter()
	p.step(t)
	switch decision {
	case 'A':
		t.reach = netcase.ReachAllowed
	case 'D':
		t.reach = netcase.ReachDenied
		if t.state == stateBegin {
			t.state = stateNone // nothing follows what was denied
		}
	default:
		return false
	}
	return !p.odd && p.finish(t)
}
