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
		return decodeBlob(ctx, in, out, &blobReader{format: formatNSG, parse: nsgTuple})
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
	if t.flow.Proto, ok = protocolIn(c[nsgProtocol]); !ok {
		return "protocol", "neither T nor U"
	}
	switch string(c[nsgDecision]) {
	case "A":
		t.flow.Reach = netcase.ReachAllowed
	case "D":
		t.flow.Reach = netcase.ReachDenied
	default:
		return "decision", "neither A nor D"
	}
	if len(c) == nsgFields1 {
		return "", ""
	}
	if field, reason = tupleStep(c[nsgState], t); reason != "" {
		return field, reason
	}
	if t.state == stateBegin && t.flow.Reach == netcase.ReachDenied {
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
	f := &t.flow
	f.OctetsOut, f.OctetsIn, f.PacketsOut, f.PacketsIn = netcase.Absent, netcase.Absent, netcase.Absent, netcase.Absent
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
	f.Start, f.End = netcase.Time(at), netcase.Time(at)
	var src, dst netip.Addr
	if src, ok = addressIn(c[nsgSrc]); !ok {
		return "source address", "not an address"
	}
	if dst, ok = addressIn(c[nsgDst]); !ok {
		return "destination address", "not an address"
	}
	f.Src, f.Dst = netcase.Endpoint{Addr: src}, netcase.Endpoint{Addr: dst}
	if f.SrcPort, ok = tuplePort(c[nsgSrcPort]); !ok {
		return "source port", "not a port"
	}
	if f.DstPort, ok = tuplePort(c[nsgDstPort]); !ok {
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
	f := &t.flow
	for i, into := range [...]*int64{&f.PacketsOut, &f.OctetsOut, &f.PacketsIn, &f.OctetsIn} {
		if len(c[i]) == 0 {
			continue
		}
		n, ok := wholeIn(c[i])
		if !ok || n > maxSize {
			return "packets and bytes", "not a number that can be"
		}
		if n > 0 || t.state == stateContinue || t.state == stateEnd {
			*into = n
		}
	}
	return "", ""
}
