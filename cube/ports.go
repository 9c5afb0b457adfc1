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
