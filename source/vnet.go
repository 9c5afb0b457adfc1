package source

import (
	"bytes"
	"context"
	"fmt"

	"netcase"
)

const formatVNet = "azure-vnet"

// azureVNet reads the raw flow logs of virtual networks.
var azureVNet = Format{
	Name:   formatVNet,
	Doc:    "flow log of an Azure virtual network (PT1H.json), version 4",
	Proves: "what the rules allowed and denied, flow by flow, with packets and bytes each way, so that answers show",
	Detect: detectVNet,
	Decode: func(ctx context.Context, in *Input, out Sink) error {
		return decodeBlob(ctx, in, out, &blobReader{format: formatVNet, quick: quickVNet, parse: vnetTuple})
	},
}

func detectVNet(head []byte) (bool, string) {
	if !jsonText(head) {
		return false, "it is no JSON"
	}
	if !vnetBlob(head) {
		return false, "it has no flowRecords with flowGroups"
	}
	return true, ""
}

// vnetBlob tells whether JSON is a flow log of a virtual network.
func vnetBlob(head []byte) bool {
	return bytes.Contains(head, []byte(`"FlowLogFlowEvent"`)) || memberIn(head, "flowGroups") ||
		memberIn(head, "flowRecords") && memberIn(head, "flowLogVersion")
}

// The fields of a tuple that stand elsewhere than in those of network security
// groups: the state takes the place of the decision, and encryption follows.
const (
	vnetState      = nsgDecision
	vnetEncryption = vnetState + 1
	vnetSizes      = vnetEncryption + 1
	vnetFields     = vnetSizes + 4
)

// vnetTuple reads a tuple of version 4.
func vnetTuple(c [][]byte, t *tuple) (field, reason string) {
	if len(c) != vnetFields {
		return "", fmt.Sprintf("%d fields, a tuple has %d", len(c), vnetFields)
	}
	if field, reason = tupleEnds(c, t); reason != "" {
		return field, reason
	}
	var ok bool
	if t.proto, ok = protocolIn(c[nsgProtocol]); !ok {
		return "protocol", "not a protocol number"
	}
	denied := string(c[vnetState]) == "D"
	if !denied {
		if field, reason = tupleStep(c[vnetState], t); reason != "" {
			return field, "none of B, C, E and D"
		}
	}
	if field, reason = tupleSizes(c[vnetSizes:], t); reason != "" {
		return field, reason
	}
	t.reach = netcase.ReachAllowed
	if denied || droppedUnencrypted(c[vnetEncryption]) && t.sizes[packetsIn] <= 0 {
		t.reach = netcase.ReachDenied
	}
	return "", ""
}

// quickVNet reads a tuple as it is usually spelled.
func quickVNet(text []byte, t *tuple) bool {
	p := tupleText{rest: text}
	p.ends(t)
	proto := p.whole(3)
	t.proto = uint8(proto)
	p.direction(t)
	if p.odd || proto > 0xff || len(p.rest) == 0 {
		return false
	}
	denied := p.rest[0] == 'D'
	if denied {
		p.letter()
		t.state = stateNone
	} else {
		p.step(t)
	}
	comma := bytes.IndexByte(p.rest, ',')
	if p.odd || comma < 0 {
		return false
	}
	encryption := p.rest[:comma]
	p.rest = p.rest[comma+1:]
	if !p.finish(t) {
		return false
	}
	t.reach = netcase.ReachAllowed
	if denied || len(encryption) > len("NX") && droppedUnencrypted(encryption) && t.sizes[packetsIn] <= 0 {
		t.reach = netcase.ReachDenied
	}
	return true
}

// droppedUnencrypted tells whether the encryption code says that the packet was
// dropped (virtual network flow logs, "Traffic encryption status").
func droppedUnencrypted(code []byte) bool {
	switch string(code) {
	case "NX_NOT_ACCEPTED", "NX_SW_NOT_READY", "NX_NOT_SUPPORTED":
		return true
	}
	return false
}
