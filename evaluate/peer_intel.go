package evaluate

import (
	"encoding/csv"
	"net/netip"
	"slices"
	"strings"
	"time"

	"netcase"
	"netcase/simulate"
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

// indicatorsOf are the indicators of a story's list.
func indicatorsOf(told simulate.Told) (out []indicator, err error) {
	rows, err := csv.NewReader(strings.NewReader(string(told.Files["intel/claims.csv"]))).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	address, until := slices.Index(rows[0], "address"), slices.Index(rows[0], "valid_until")
	for _, r := range rows[1:] {
		k := indicator{address: r[address]}
		if at, err := time.Parse("2006-01-02", r[until]); err == nil {
			k.validUntil = netcase.TimeOf(at)
		}
		out = append(out, k)
	}
	return out, nil
}

// intelPeer is the name under which the rule for DeviceNetworkEvents is counted.
const intelPeer = "Sentinel TI map"

// peerIntel asks the rule that maps intelligence to flows in every story with a list:
// whatever it matches is command and control to it.
func (o *outcome) peerIntel(e *events, c *netcase.Case, told simulate.Told) error {
	list, err := indicatorsOf(told)
	if err != nil || len(list) == 0 {
		return err
	}
	says := len(sentinelIntelDevice(list, e.flows, told.Truth.Span.End)) > 0
	if slices.Contains(told.Truth.Labels.Claims, "c2") {
		o.count("peer."+intelPeer+".recall", says)
		o.count("intel.c2.named", likely(c, "c2"))
		return nil
	}
	o.count("peer."+intelPeer+".false", says)
	o.count("intel.c2.false", likely(c, "c2"))
	return nil
}
