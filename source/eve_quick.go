package source

import (
	"encoding/binary"

	"netcase"
)

// Nearly every record of a busy sensor is a flow whose members stand in the order of
// the record before. quick reads those in one walk, which goes into the objects that
// are wanted; whatever it does not take is left to line, its slow twin.

// The cells that quick gathers.
const (
	eveKind int16 = iota
	eveStamp
	eveFlowID
	eveSrc
	eveSrcPort
	eveDst
	eveDstPort
	eveProto
	eveHost
	evePktsOut
	evePktsIn
	eveBytesOut
	eveBytesIn
	eveStart
	eveEnd
	eveState
	eveAction
	eveFlagsOut
	eveFlagsIn
	eveCells

	eveInFlow // objects to go into
	eveInTCP
	eveUnread
)

// eveBookField is the cell of a key in the record itself (0), its flow or its tcp.
func eveBookField(in int8, key []byte) int16 {
	switch {
	case in == int8(eveInFlow-eveCells):
		var x eveFlow
		return eveCellOf(x.field(key), []cellAt{
			{&x.pktsOut, evePktsOut}, {&x.pktsIn, evePktsIn}, {&x.bytesOut, eveBytesOut}, {&x.bytesIn, eveBytesIn},
			{&x.start, eveStart}, {&x.end, eveEnd}, {&x.state, eveState}, {&x.action, eveAction},
		})
	case in == int8(eveInTCP-eveCells):
		var x eveFlow
		return eveCellOf(x.tcpField(key), []cellAt{{&x.flagsOut, eveFlagsOut}, {&x.flagsIn, eveFlagsIn}})
	case in != 0:
		return eveUnread
	}
	var x eveRow
	return eveCellOf(x.field(key), []cellAt{
		{&x.stamp, eveStamp}, {&x.kind, eveKind}, {&x.flowID, eveFlowID}, {&x.src, eveSrc}, {&x.srcPort, eveSrcPort},
		{&x.dst, eveDst}, {&x.dstPort, eveDstPort}, {&x.proto, eveProto}, {&x.host, eveHost}, {&x.flow, eveInFlow}, {&x.tcp, eveInTCP},
	})
}

// cellAt is a cell and its number.
type cellAt struct {
	to *[]byte
	at int16
}

func eveCellOf(to *[]byte, cells []cellAt) int16 {
	for _, c := range cells {
		if c.to == to {
			return c.at
		}
	}
	return eveUnread
}

// quick takes the line at hand where it is a sound flow record.
func (r *eveReader) quick(line []byte) bool {
	o := &r.object
	o.reset(line)
	clear(r.cells[:])
	entered := [2]bool{}
	for {
		if depth := o.depth; !o.next() {
			if o.fault != "" {
				return false
			}
			if depth == 0 {
				break
			}
			continue // an object that was entered has ended
		}
		switch f := o.field; {
		case f < eveCells:
			if o.kind == '{' && o.in == 0 {
				return false
			}
			r.cells[f] = o.scalar()
		case f < eveUnread:
			if o.kind != '{' || entered[f-eveInFlow] {
				return false
			}
			entered[f-eveInFlow] = true
			o.enter(int8(f - eveCells))
		}
	}
	if string(r.cells[eveKind]) != "flow" {
		return false
	}
	c := &r.cells
	r.row = eveRow{
		stamp: c[eveStamp], kind: c[eveKind], flowID: c[eveFlowID], src: c[eveSrc], srcPort: c[eveSrcPort],
		dst: c[eveDst], dstPort: c[eveDstPort], proto: c[eveProto], host: c[eveHost],
	}
	x := eveFlow{
		pktsOut: c[evePktsOut], pktsIn: c[evePktsIn], bytesOut: c[eveBytesOut], bytesIn: c[eveBytesIn], start: c[eveStart], end: c[eveEnd],
		state: c[eveState], action: c[eveAction], flagsOut: c[eveFlagsOut], flagsIn: c[eveFlagsIn],
	}
	if field, reason := r.flowOf(&x); reason != "" {
		r.reject(field, reason)
	}
	return true
}

// eveDay is a date that was read, and when it began.
type eveDay struct {
	text [len("2006-01-02T")]byte
	at   netcase.Time
}

// quickTime reads "2006-01-02T15:04:05.000000+0000" on the day that was met last.
func (r *eveReader) quickTime(b []byte) (netcase.Time, bool) {
	const length, zone = len("2006-01-02T15:04:05.000000+0000"), "+0000"
	if len(b) != length || [len(r.day.text)]byte(b) != r.day.text || string(b[length-len(zone):]) != zone || b[19] != '.' {
		return 0, false
	}
	const colons = 0x3030_3a30_303a_3030 // 00:00:00
	x := binary.LittleEndian.Uint64(b[len(r.day.text):]) ^ colons
	us, ok := shortNumber(b[20:26])
	if !ok || !digitsOnly(x) || x&0x0000_ff00_00ff_0000 != 0 {
		return 0, false
	}
	h, m, s := x&0xff*10+x>>8&0xff, x>>24&0xff*10+x>>32&0xff, x>>48&0xff*10+x>>56
	if h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	return max(r.day.at+netcase.Time(h*3600+m*60+s)*netcase.Second+netcase.Time(us/1000), 1), true
}
