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

// isExport tells a datagram of NetFlow, IPFIX or sFlow by its port and its header.
func isExport(port uint16, b []byte) bool {
	return exportPort(port) && exportVersion(b) != 0
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
