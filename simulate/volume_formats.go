package simulate

import (
	"fmt"
	"net/netip"
	"strconv"

	"netcase"
)

// newZeekWriter writes Zeek's conn.log as tab-separated text.
func newZeekWriter(v *volume) volumeWriter {
	v.ipv6 = true
	const stamp = "2006-01-02-15-04-05"
	return volumeWriter{
		head: func(b []byte) []byte {
			b = append(b, "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#open\t"...)
			b = v.start.Std().AppendFormat(b, stamp)
			b = append(b, "\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents"...)
			return append(b, "\n#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tbool\tbool\tcount\tstring\tcount\tcount\tcount\tcount\tset[string]\n"...)
		},
		row: func(b []byte, f *volumeFlow, _ bool) []byte { return appendZeek(b, f, v.Uint64()) },
		tail: func(b []byte) []byte {
			b = (v.start + volumeDays*netcase.Day).Std().AppendFormat(append(b, "#close\t"...), stamp)
			return append(b, '\n')
		},
	}
}

func appendZeek(b []byte, f *volumeFlow, id uint64) []byte {
	b = appendPadded(append(strconv.AppendInt(b, int64(f.at/netcase.Second), 10), '.'), int64(f.at%netcase.Second)*1000, 6)
	b = strconv.AppendUint(append(b, "\tC"...), id, 36)
	b = f.src.AppendTo(append(b, '\t'))
	b = appendNumbers(b, '\t', int64(f.sport))
	b = f.dst.AppendTo(append(b, '\t'))
	b = appendNumbers(b, '\t', int64(f.dport))
	b = append(append(b, '\t'), netcase.ProtoName(f.proto)...)
	state, history := "S0", "S"
	if f.proto == netcase.UDP {
		history = "D"
	}
	sent := f.out
	if f.denied {
		sent = size{1, 40}
	}
	if f.answered {
		state, history = "SF", "ShADadFf"
		b = append(b, "\t-\t"...)
		b = appendPadded(append(strconv.AppendInt(b, f.millis/1000, 10), '.'), f.millis%1000*1000, 6)
		b = appendNumbers(b, '\t', sent.octets-40*sent.packets, f.in.octets-40*f.in.packets)
	} else {
		b = append(b, "\t-\t-\t-\t-"...)
	}
	b = append(append(b, '\t'), state...)
	b = append(b, boolText[!f.inbound]...)
	b = append(b, boolText[f.inbound]...)
	b = append(append(b, "\t0\t"...), history...)
	b = appendNumbers(b, '\t', sent.packets, sent.octets, f.in.packets, f.in.octets)
	return append(b, "\t-\n"...)
}

var boolText = map[bool]string{true: "\tT", false: "\tF"}

// tuplesARecord is how many tuples of one interface a record of the volume holds
// before the next one begins.
const tuplesARecord = 256

// tupleWriter writes flow logs of Azure: records of one interface, in them the
// rules, in them the tuples. A flow that was let through makes two tuples; the
// second takes the place of the next flow.
type tupleWriter struct {
	v       *volume
	vnet    bool // the newer format
	host    int
	held    *volumeFlow // begun, not ended
	rules   [3][]byte   // tuples of the record by rule, quoted and separated
	count   int
	records int
	at      netcase.Time
}

var tupleRules = [3]string{"DefaultRule_DenyAllInBound", "UserRule_AllowPublished", "DefaultRule_AllowInternetOutBound"}

func newNSGWriter(v *volume) volumeWriter { return (&tupleWriter{v: v}).writer() }

func newVNetWriter(v *volume) volumeWriter {
	v.ipv6 = true
	return (&tupleWriter{v: v, vnet: true}).writer()
}

func (t *tupleWriter) writer() volumeWriter {
	return volumeWriter{
		head: func(b []byte) []byte { return append(b, `{"records":[`...) },
		row:  t.row,
		tail: func(b []byte) []byte { return append(t.flush(b), "]}\n"...) },
	}
}

func (t *tupleWriter) row(b []byte, f *volumeFlow, last bool) []byte {
	if t.held != nil {
		t.add(t.held, 'E')
		t.held = nil
	} else {
		if t.count == 0 {
			t.host = f.host
		}
		f.settleAt(t.host)
		switch {
		case f.denied || last:
			f.denied, f.inbound = true, true
			f.src, f.dst = f.outside, hostAddress(f.host, f.v6)
			t.add(f, 'D')
		default:
			begun := *f
			t.held = &begun
			t.add(f, 'B')
		}
	}
	t.at = f.at
	if t.count >= tuplesARecord && t.held == nil {
		b = t.flush(b)
	}
	return b
}

// settleAt moves a flow to another host of ours.
func (f *volumeFlow) settleAt(host int) {
	f.host = host
	if f.inbound {
		f.dst = hostAddress(host, f.v6)
	} else {
		f.src = hostAddress(host, f.v6)
	}
}

// add puts a tuple under its rule.
func (t *tupleWriter) add(f *volumeFlow, state byte) {
	rule := 1
	switch {
	case state == 'D':
		rule = 0
	case !f.inbound:
		rule = 2
	}
	b := t.rules[rule]
	if len(b) > 0 {
		b = append(b, ',')
	}
	b = append(b, '"')
	if t.vnet {
		b = appendVNetTuple(b, f, state)
	} else {
		b = appendNSGTuple(b, f, state)
	}
	t.rules[rule] = append(b, '"')
	t.count++
}

func appendNSGTuple(b []byte, f *volumeFlow, state byte) []byte {
	at := f.at
	if state == 'E' {
		at += netcase.Time(f.millis)
	}
	b = strconv.AppendInt(b, int64(at/netcase.Second), 10)
	b = f.src.AppendTo(append(b, ','))
	b = f.dst.AppendTo(append(b, ','))
	b = appendNumbers(b, ',', int64(f.sport), int64(f.dport))
	b = append(b, ',', protocolLetter(f.proto)[0], ',', f.letter(), ',')
	if state == 'D' {
		return append(b, "D,B,,,,"...)
	}
	b = append(b, 'A', ',', state)
	if state == 'B' {
		return append(b, ",,,,"...)
	}
	return appendNumbers(b, ',', f.out.packets, f.out.octets, f.in.packets, f.in.octets)
}

func appendVNetTuple(b []byte, f *volumeFlow, state byte) []byte {
	at := f.at
	if state == 'E' {
		at += netcase.Time(f.millis)
	}
	b = strconv.AppendInt(b, int64(at), 10)
	b = f.src.AppendTo(append(b, ','))
	b = f.dst.AppendTo(append(b, ','))
	b = appendNumbers(b, ',', int64(f.sport), int64(f.dport), int64(f.proto))
	b = append(b, ',', f.letter(), ',', state, ',', 'N', 'X')
	if state != 'E' {
		return append(b, ",0,0,0,0"...)
	}
	return appendNumbers(b, ',', f.out.packets, f.out.octets, f.in.packets, f.in.octets)
}

// letter is the direction relative to the rule set.
func (f *volumeFlow) letter() byte {
	if f.inbound {
		return 'I'
	}
	return 'O'
}

// flush ends the record.
func (t *tupleWriter) flush(b []byte) []byte {
	if t.count == 0 {
		return b
	}
	if t.records > 0 {
		b = append(b, ",\n"...)
	}
	t.records++
	mac := hostMAC(t.host)
	b = t.appendRecordHead(b, mac)
	first := true
	for i := range t.rules {
		if len(t.rules[i]) == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = t.appendRule(b, i, mac)
		t.rules[i] = t.rules[i][:0]
	}
	t.count = 0
	if t.vnet {
		return append(b, `]}]}}`...)
	}
	return append(b, `]}}`...)
}

const (
	volumeSubscription = "11111111-2222-4333-8444-555555555555"
	volumeGroup        = "RG-VOLUME"
	volumeSet          = "NSG-VOLUME"
	volumeSetID        = "/SUBSCRIPTIONS/" + volumeSubscription + "/RESOURCEGROUPS/" + volumeGroup + "/PROVIDERS/MICROSOFT.NETWORK/NETWORKSECURITYGROUPS/" + volumeSet
	volumeVNetID       = "/SUBSCRIPTIONS/" + volumeSubscription + "/RESOURCEGROUPS/" + volumeGroup + "/PROVIDERS/MICROSOFT.NETWORK/VIRTUALNETWORKS/VNET-VOLUME"
	volumeLogID        = "/SUBSCRIPTIONS/" + volumeSubscription + "/RESOURCEGROUPS/NETWORKWATCHERRG/PROVIDERS/MICROSOFT.NETWORK/NETWORKWATCHERS/NETWORKWATCHER_WESTEUROPE/FLOWLOGS/VOLUME"
)

func (t *tupleWriter) appendRecordHead(b []byte, mac string) []byte {
	b = append(b, `{"time":"`...)
	b = t.at.Std().AppendFormat(b, "2006-01-02T15:04:05.0000000Z")
	if t.vnet {
		b = append(b, `","flowLogVersion":4,"flowLogGUID":"`+volumeSubscription+`","macAddress":"`+mac+`","category":"FlowLogFlowEvent","flowLogResourceID":"`+volumeLogID+`","targetResourceID":"`+volumeVNetID+`","operationName":"FlowLogFlowEvent","flowRecords":{"flows":[{"aclID":"`+volumeSetID+`","flowGroups":[`...)
		return b
	}
	return append(b, `","systemId":"`+volumeSubscription+`","macAddress":"`+mac+`","category":"NetworkSecurityGroupFlowEvent","resourceId":"`+volumeSetID+`","operationName":"NetworkSecurityGroupFlowEvents","properties":{"Version":2,"flows":[`...)
}

func (t *tupleWriter) appendRule(b []byte, i int, mac string) []byte {
	b = append(b, `{"rule":"`+tupleRules[i]+`",`...)
	if t.vnet {
		b = append(append(b, `"flowTuples":[`...), t.rules[i]...)
		return append(b, `]}`...)
	}
	b = append(append(b, `"flows":[{"mac":"`+mac+`","flowTuples":[`...), t.rules[i]...)
	return append(b, `]}]}`...)
}

// volumeWorld is the hosts of the volume as the exports of tables need them.
func volumeWorld() *world {
	w := &world{tenant: volumeSubscription, subscription: volumeSubscription, byAddr: make(map[netip.Addr]int, volumeInside), places: map[netip.Addr]place{}}
	published := []rule{{name: "AllowPublished", allow: true}}
	deny := []rule{{name: "DenyAllInBound", builtIn: true}}
	w.nsgs = []nsg{{name: "nsg-volume", group: "rg-volume", inbound: append(published, deny...), outbound: defaultOutbound}}
	for i := range volumeInside {
		a := hostAddress(i, false)
		w.byAddr[a] = i
		w.hosts = append(w.hosts, host{
			name: fmt.Sprintf("vm-%04d", i), group: "rg-volume", subnet: "snet-volume", addr: a, mac: hostMAC(i),
			os: windowsServer, device: fmt.Sprintf("%040x", i), nicNSG: noNSG,
		})
	}
	return w
}

// newTrafficWriter writes the whole of AzureNetworkAnalytics_CL as the portal
// exports it.
func newTrafficWriter(v *volume) volumeWriter {
	w, columns := volumeWorld(), wholeTable()
	return volumeWriter{
		head: func(b []byte) []byte { return appendHeader(append(b, byteOrderMark...), columns) },
		row: func(b []byte, f *volumeFlow, _ bool) []byte {
			r := f.trafficRow(int64(1 + v.IntN(4)))
			return appendRow(b, columns, line{row: &r, w: w})
		},
		tail: unchanged,
	}
}

func (f *volumeFlow) trafficRow(flows int64) row {
	const latency = 25 * netcase.Minute
	c := cell{
		cellKey: cellKey{hour: f.at.Truncate(interval), src: f.src, dst: f.dst, dport: f.dport, proto: f.proto, dir: f.letter()},
		first:   f.at.Truncate(netcase.Second), last: f.at.Truncate(netcase.Second), started: flows, out: f.out, in: f.in, sized: !f.denied,
	}
	if f.denied || !f.inbound {
		c.rule = 1 // the second rule of either list
	}
	if !f.denied {
		c.ended = flows
	}
	generated := c.hour + interval + latency
	return row{cell: c, outside: []cell{c}, kind: externalPublic, place: place{name: "nl"}, ours: f.host, generated: generated, processed: generated - latency/2}
}

// newDefenderWriter writes the whole of DeviceNetworkEvents as the portal
// exports it.
func newDefenderWriter(v *volume) volumeWriter {
	w, columns := volumeWorld(), deviceColumns()
	for i := range w.hosts {
		w.hosts[i].booted = v.start
	}
	n := 0
	return volumeWriter{
		head: func(b []byte) []byte { return appendHeader(b, columns) },
		row: func(b []byte, f *volumeFlow, _ bool) []byte {
			n++
			return appendRow(b, columns, f.deviceEvent(&w.hosts[f.host], n, v.IntN(1e7)))
		},
		tail: unchanged,
	}
}

func (f *volumeFlow) deviceEvent(h *host, n, ticks int) event {
	e := event{at: f.at, ticks: ticks, host: h, remote: f.outside, proto: f.proto, number: n}
	if f.inbound {
		e.action, e.localPort, e.peerPort, e.owner = accepted, f.dport, f.sport, h.listener(f.dport)
		if e.owner == none {
			e.owner = system
		}
		return e
	}
	e.action, e.localPort, e.peerPort, e.owner = succeeded, f.sport, f.dport, edge
	if !f.answered {
		e.action = "ConnectionFailed"
	}
	return e
}

// newEVEWriter writes flow records of Suricata's eve.json.
func newEVEWriter(v *volume) volumeWriter {
	v.ipv6 = true
	return volumeWriter{
		head: unchanged, tail: unchanged,
		row: func(b []byte, f *volumeFlow, _ bool) []byte { return appendEVE(b, f, v.Uint64()>>12) },
	}
}

func appendEVE(b []byte, f *volumeFlow, id uint64) []byte {
	const stamp = "2006-01-02T15:04:05.000000-0700"
	end := f.at + netcase.Time(f.millis)
	sent, state, flagsOut, flagsIn := f.out, "new", "02", "00"
	if f.denied {
		sent = size{1, 40}
	}
	if f.answered {
		state, flagsOut, flagsIn = "closed", "1b", "1b"
	}
	b = end.Std().AppendFormat(append(b, `{"timestamp":"`...), stamp)
	b = strconv.AppendUint(append(b, `","flow_id":`...), id, 10)
	b = f.src.AppendTo(append(b, `,"in_iface":"ens5","event_type":"flow","src_ip":"`...))
	b = strconv.AppendInt(append(b, `","src_port":`...), int64(f.sport), 10)
	b = f.dst.AppendTo(append(b, `,"dest_ip":"`...))
	b = strconv.AppendInt(append(b, `","dest_port":`...), int64(f.dport), 10)
	b = append(append(b, `,"proto":"`...), map[uint8]string{netcase.TCP: "TCP", netcase.UDP: "UDP"}[f.proto]...)
	b = strconv.AppendInt(append(b, `","flow":{"pkts_toserver":`...), sent.packets, 10)
	b = strconv.AppendInt(append(b, `,"pkts_toclient":`...), f.in.packets, 10)
	b = strconv.AppendInt(append(b, `,"bytes_toserver":`...), sent.octets, 10)
	b = strconv.AppendInt(append(b, `,"bytes_toclient":`...), f.in.octets, 10)
	b = f.at.Std().AppendFormat(append(b, `,"start":"`...), stamp)
	b = end.Std().AppendFormat(append(b, `","end":"`...), stamp)
	b = strconv.AppendInt(append(b, `","age":`...), f.millis/1000, 10)
	b = append(append(b, `,"state":"`...), state...)
	b = append(b, `","reason":"timeout","alerted":false}`...)
	if f.proto == netcase.TCP {
		b = append(append(b, `,"tcp":{"tcp_flags":"`...), flagsOut...)
		b = append(append(b, `","tcp_flags_ts":"`...), flagsOut...)
		b = append(append(b, `","tcp_flags_tc":"`...), flagsIn...)
		b = append(append(b, `","syn":true,"state":"`...), state...)
		b = append(b, `"}`...)
	}
	return append(b, "}\n"...)
}
