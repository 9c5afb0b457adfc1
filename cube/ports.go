package cube

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

// PortName is a service port as people write it: "3389/tcp". ICMP has none.
func PortName(port uint16, proto uint8) string {
	if port == 0 && (proto == netcase.ICMP || proto == netcase.ICMPv6) {
		return netcase.ProtoName(proto)
	}
	return strconv.Itoa(int(port)) + "/" + netcase.ProtoName(proto)
}

// sortPoints orders points by series, sensor and bin.
func sortPoints(points []Point) {
	slices.SortFunc(points, func(a, b Point) int {
		return cmp.Or(strings.Compare(a.Series, b.Series), strings.Compare(a.Sensor, b.Sensor), cmp.Compare(a.Start, b.Start))
	})
}
