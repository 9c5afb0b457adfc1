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
		return decodeBlob(ctx, in, out, &blobReader{format: formatVNet, parse: vnetTuple})
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
	if t.flow.Proto, ok = protocolIn(c[nsgProtocol]); !ok {
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
	t.flow.Reach = netcase.ReachAllowed
	if denied || droppedUnencrypted(c[vnetEncryption]) && t.flow.PacketsIn <= 0 {
		t.flow.Reach = netcase.ReachDenied
	}
	return "", ""
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
