package detect

import "netcase/cube"

// row is a row of an answer as detectors read it. They count, look up and tell ends apart
// by their numbers: to hash or to compare endpoints for every row in every detector took
// most of their time.
type row struct {
	cube.Row
	unicast bool // neither end stands for many, see toMany
}

// door is the number of a service of the row's host.
func (r *row) door() doorNumber { return doorNumber(r.HostNumber)<<32 | doorNumber(r.service()) }

// service is the number of the row's port.
func (r *row) service() portNumber { return portNumberOf(r.Port, r.Proto) }

// doorNumber is the number of a host, and in its lower half that of a port.
type doorNumber uint64

// portNumber is a port, a protocol, and eight free bits.
type portNumber uint32

func portNumberOf(port uint16, proto uint8) portNumber {
	return portNumber(port)<<16 | portNumber(proto)<<8
}

func (n portNumber) key() portKey { return portKey{uint16(n >> 16), uint8(n >> 8)} }

// marks tells of the ends of rows whether they stand for many. Rows come by one end, and
// what is known of its last is used again.
type marks struct {
	peer int32
	many bool
	any  bool
}

func (m *marks) mark(r *row) {
	if !m.any || r.PeerNumber != m.peer {
		m.peer, m.many, m.any = r.PeerNumber, toMany(r.Peer), true
	}
	r.unicast = !m.many && !toMany(r.Host)
}
