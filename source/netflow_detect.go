package source

import "encoding/binary"

// exportPorts are where collectors listen by custom.
func exportPort(port uint16) bool {
	switch port {
	case 2055, 2056, 4739, 6343, 9025, 9555, 9995, 9996, 9997:
		return true
	}
	return false
}

// isExport tells a datagram of NetFlow, IPFIX or sFlow by its header: on a port of
// collectors, or on any where its whole length bears it out.
func isExport(port uint16, b []byte) bool {
	version := exportVersion(b)
	return version != 0 && (exportPort(port) || wholeExport(version, b))
}

// wholeExport tells that the lengths inside a datagram add up to its own.
func wholeExport(version int, b []byte) bool {
	head := 20
	switch version {
	case 5:
		return len(b) == v5Header+v5Record*int(binary.BigEndian.Uint16(b[2:]))
	case 9:
	case 10:
		head = 16
	default:
		return false
	}
	for b = b[head:]; len(b) >= 4; {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return false
		}
		b = b[n:]
	}
	return len(b) == 0
}

// exportVersion is 5, 9 or 10 (IPFIX) for NetFlow, 105 for sFlow, else 0. Counts
// and lengths must fit, since two bytes alone prove little.
func exportVersion(b []byte) int {
	if len(b) < 20 {
		return 0
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	switch binary.BigEndian.Uint16(b) {
	case 5:
		if n >= 1 && n <= 30 && len(b) >= 24 && len(b) <= 24+48*n+8 {
			return 5
		}
	case 9:
		if n >= 1 && n <= 1000 && len(b) >= 24 && soundSet(b[20:], 0, 1) {
			return 9
		}
	case 10:
		if n >= 20 && n <= 65535 && (n == len(b) || n > len(b)) && soundSet(b[16:], 2, 3) {
			return 10
		}
	case 0:
		if version, family := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:]); version == 5 && (family == 1 || family == 2) && len(b) >= 28 {
			return 105
		}
	}
	return 0
}

// soundSet tells whether a set of templates or data may begin here.
func soundSet(b []byte, templates, options uint16) bool {
	if len(b) < 4 {
		return false
	}
	id, n := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	return n >= 4 && (id == templates || id == options || id >= 256)
}
