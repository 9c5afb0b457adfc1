package source

import "netcase"

// responderPort is the port, of the two of a flow, that is the responder's, where
// nothing else tells: one that is a service by custom, else the one below the
// dynamic range, else the smaller.
func responderPort(a, b uint16, proto uint8) uint16 {
	if rank := portRank(a, proto) - portRank(b, proto); rank > 0 {
		return a
	} else if rank < 0 {
		return b
	}
	return min(a, b)
}

// servicesAbove are services on ports of the registered range that everybody knows.
var servicesAbove = [...]uint16{
	1080, 1194, 1433, 1521, 1723, 1883, 2049, 2375, 3128, 3268, 3306, 3389, 4444, 5060, 5061, 5432, 5601, 5671, 5672, 5900, 5985, 5986,
	6379, 6443, 6667, 8000, 8008, 8080, 8081, 8443, 8888, 9000, 9090, 9092, 9200, 9300, 10000, 11211, 27017,
}

// dynamicPorts is where systems begin to take the ports of clients: Linux; IANA
// and Windows begin above.
const dynamicPorts = 32768

// portRank is higher the more a port is like a service's.
func portRank(port uint16, proto uint8) int {
	switch {
	case port == 0:
		return 0
	case port < 1024, proto == netcase.UDP && byCustom(port):
		return 4
	case port < dynamicPorts && known(port):
		return 3
	case port < dynamicPorts:
		return 2
	}
	return 1
}

func known(port uint16) bool {
	for _, p := range servicesAbove {
		if p == port {
			return true
		}
	}
	return false
}
