package source

import (
	"bytes"

	"netcase"
)

// connection is a connection as Sysmon saw it at its end. It records a TCP
// connection that was made or accepted, thus both ways; of UDP it records that a
// process sent or received, thus no more than that nothing stopped it.
func (r *winReader) connection(x *winRecord) bool {
	f, ok := r.ends(x)
	if !ok {
		return true
	}
	f.Sensor, f.Reach = x.host.sysmon, netcase.ReachBidirectional
	if f.Proto != netcase.TCP {
		f.Reach, f.Resolution = netcase.ReachAllowed, netcase.ResolutionSampled
	}
	initiated := oneOf(x.cells[winInitiated], "true", "1")
	switch {
	case initiated:
		f.Ours = netcase.SideSrc
	case blank(x.cells[winInitiated]):
		orient(&f, sideByPort)
	case f.Proto == netcase.TCP:
		orient(&f, sideByPort)
		f.Ours = netcase.SideDst
	default:
		orient(&f, sideRemote)
		f.Ours = netcase.SideDst
	}
	p := netcase.Process{Role: netcase.RoleListener, Action: sysmonActions[3], ID: processID(x.cells[winPID]), Path: r.path(x, winImage),
		Account: r.text(x, winUser), Sensor: x.host.sysmon}
	if initiated {
		p.Role = netcase.RoleConnector
	}
	r.flow(x, f, &p)
	return true
}

// The directions of the Windows Filtering Platform, as the log writes them.
const (
	filterInbound  = "%%14592"
	filterOutbound = "%%14593"
)

// filtered is a connection that the Windows Filtering Platform let pass or
// stopped. 5157 is a connection, 5152 a packet: of a blocked attempt several are
// logged.
func (r *winReader) filtered(x *winRecord) bool {
	f, ok := r.ends(x)
	if !ok {
		return true
	}
	f.Sensor, f.Reach, f.Rule = x.host.filter, netcase.ReachDenied, r.filter(x)
	if x.id == 5156 {
		f.Reach = netcase.ReachAllowed
	}
	path := r.path(x, winApplication)
	p := netcase.Process{Role: netcase.RoleConnector, Action: "connection allowed", ID: processID(x.cells[winPID]), Path: path, Sensor: x.host.filter}
	inbound := oneOf(x.cells[winDirection], filterInbound, "inbound")
	if inbound {
		p.Role = netcase.RoleListener
		orient(&f, sideByPort)
		f.Ours = netcase.SideDst
	} else {
		f.Ours = netcase.SideSrc
	}
	if x.id != 5156 || path == "" {
		r.flow(x, f, nil)
		return true
	}
	r.flow(x, f, &p)
	return true
}

func (r *winReader) filter(x *winRecord) string {
	if id := r.text(x, winFilter); id != "" && id != "0" {
		return "filter " + id
	}
	return ""
}

// orient turns the flow round where the end that it is written from did not begin
// it. Newer systems write the end that began as the source, older ones the
// computer itself: the end that offers a service responds, and where the ports do
// not tell, the source began. A datagram that was received (sideRemote) is written
// from the computer.
func orient(f *netcase.Flow, began side) {
	source, destination := servicePort(f.SrcPort), servicePort(f.DstPort)
	if source > destination || source == destination && began == sideRemote {
		f.Src, f.SrcPort, f.Dst, f.DstPort = f.Dst, f.DstPort, f.Src, f.SrcPort
	}
}

// ends reads the ends of a connection; what cannot be read is rejected.
func (r *winReader) ends(x *winRecord) (f netcase.Flow, ok bool) {
	f = netcase.Flow{Start: x.at, End: x.at, Flows: 1, Records: 1, Key: x.key,
		OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent}
	for _, a := range [...]struct {
		field winField
		name  string
		into  *netcase.Endpoint
	}{{winSrcIP, "SourceAddress", &f.Src}, {winDstIP, "DestAddress", &f.Dst}} {
		addr, ok := addressIn(x.cells[a.field])
		if !ok {
			r.reject(x.winEvent, a.name, "not an address")
			return f, false
		}
		*a.into = netcase.Endpoint{Addr: addr}
	}
	proto, ok := protocolIn(bytes.TrimSpace(x.cells[winProtocol]))
	if !ok {
		r.reject(x.winEvent, "Protocol", "not a protocol")
		return f, false
	}
	f.Proto = proto
	if proto == netcase.ICMP || proto == netcase.ICMPv6 {
		return f, true // what stands in the ports is type and code
	}
	f.SrcPort, f.DstPort = r.port(x.cells[winSrcPort]), r.port(x.cells[winDstPort])
	return f, true
}

// flow hands over a flow, and the process that had to do with it.
func (r *winReader) flow(x *winRecord, f netcase.Flow, p *netcase.Process) {
	if r.in.isDuplicate(f.Key) {
		return
	}
	f.Place, f.Raw, f.Context, f.Stamp, f.Zone = r.origin(x)
	r.in.Accept(&r.batch, f)
	if p == nil || p.Path == "" && p.ID == 0 {
		return
	}
	p.LocalPort, p.RemotePort, p.Host, p.Peer = f.SrcPort, f.DstPort, f.Src, f.Dst
	if f.Ours == netcase.SideDst {
		p.LocalPort, p.RemotePort, p.Host, p.Peer = f.DstPort, f.SrcPort, f.Dst, f.Src
	}
	r.complete(x, p)
	r.batch.Processes = append(r.batch.Processes, *p)
}
