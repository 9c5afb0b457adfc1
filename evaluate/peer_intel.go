package evaluate

import (
	"net/netip"

	"netcase"
)

// indicator is one entry of the table of threat intelligence.
type indicator struct {
	address    string
	validUntil netcase.Time // zero: empty
}

// intelMatch is what the rules that map intelligence to flows raise for a match: always
// the same severity and tactic, whatever became of the flow.
type intelMatch struct {
	address  netip.Addr
	severity string
	tactic   string
}

// sentinelIntel is the rule for the tables of Traffic Analytics: indicators whose end
// is empty or ahead of now are kept, joined by equal text, and then only those whose
// end lies behind the flow.
//
// Source: Azure-Sentinel, TI map IP entity to Azure NSG flow logs (NEW) 1.4.5.
func sentinelIntel(list []indicator, flows []netcase.Flow, now netcase.Time) (out []intelMatch) {
	for i := range flows {
		f := &flows[i]
		for _, k := range list {
			if k.validUntil.Known() && k.validUntil <= now {
				continue
			}
			if k.address != f.Src.Addr.String() && k.address != f.Dst.Addr.String() {
				continue
			}
			if !k.validUntil.Known() || f.Start >= k.validUntil { // a comparison with an empty value is never true
				continue
			}
			out = append(out, intelMatch{netip.MustParseAddr(k.address), "Medium", "CommandAndControl"})
		}
	}
	return out
}

// sentinelIntelDevice is the rule for DeviceNetworkEvents: what did not fail and is not
// private, joined by equal text.
//
// Source: Azure-Sentinel, TI map IP entity to DeviceNetworkEvents 1.0.1.
func sentinelIntelDevice(list []indicator, flows []netcase.Flow, now netcase.Time) (out []intelMatch) {
	for i := range flows {
		f := &flows[i]
		for _, remote := range []netip.Addr{f.Src.Addr, f.Dst.Addr} {
			for _, k := range list {
				if k.address == remote.String() && !remote.IsPrivate() && !f.Reach.Failed() && (!k.validUntil.Known() || k.validUntil > now) {
					out = append(out, intelMatch{remote, "Medium", "CommandAndControl"})
				}
			}
		}
	}
	return out
}
