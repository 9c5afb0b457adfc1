package cube

import (
	"strconv"

	"netcase"
)

// PortName is a service port as people write it: "3389/tcp". ICMP has none.
func PortName(port uint16, proto uint8) string {
	if port == 0 && (proto == netcase.ICMP || proto == netcase.ICMPv6) {
		return netcase.ProtoName(proto)
	}
	return strconv.Itoa(int(port)) + "/" + netcase.ProtoName(proto)
}

// PortSet is a set of ports, a bit each; nil: every port is in it.
type PortSet []uint64

// NewPortSet is the set of some ports; every port where there are none.
func NewPortSet(ports []uint16) PortSet {
	if len(ports) == 0 {
		return nil
	}
	s := make(PortSet, 1<<16/64)
	for _, p := range ports {
		s[p/64] |= 1 << (p % 64)
	}
	return s
}

// Has tells whether a port is in the set.
func (s PortSet) Has(p uint16) bool { return s == nil || s[p/64]>>(p%64)&1 == 1 }
