package simulate

import (
	"net/netip"
	"slices"
)

// shown is the part of a record that an analyst's query shows: one outside
// address of it.
type shown struct {
	*row
	w    *world
	peer netip.Addr
}

// projection is what is left of the table by a query that many would write: the
// inbound records, one line an outside address, seven columns. Inside traffic
// comes along where it is remote administration; its source does not, for SrcIP_s
// was not asked for. The verdict, the counters and the interval are lost.
func (w *world) projection(rows []row) []shown {
	var out []shown
	for i := range rows {
		r := &rows[i]
		switch {
		case r.dir != 'I':
		case r.kind != intraVNet:
			for k := range r.outside {
				out = append(out, shown{row: r, w: w, peer: r.outside[k].src})
			}
		case slices.Contains(remoteShells, r.dport):
			out = append(out, shown{row: r, w: w})
		}
	}
	return out
}

// remoteShells are the ports of remote administration.
var remoteShells = []uint16{22, 23, 3389}

func projectedColumns() []column[shown] {
	return []column[shown]{
		{"TimeGenerated [UTC]", func(s shown) string { return portalTime(s.generated) }},
		{"FlowStartTime_t [UTC]", func(s shown) string { return portalTime(s.first) }},
		{"FlowType_s", func(s shown) string { return s.kind }},
		{"SrcPublicIPs_s", func(s shown) string {
			if !s.peer.IsValid() {
				return ""
			}
			return s.peer.String()
		}},
		{"DestIP_s", func(s shown) string { return s.dst.String() }},
		{"DestPort_d", func(s shown) string { return count(int64(s.dport)) }},
		{"VM_s", func(s shown) string {
			if s.kind == intraVNet {
				return ""
			}
			return s.w.hosts[s.w.byAddr[s.dst]].vm()
		}},
	}
}
