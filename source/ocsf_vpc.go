package source

import (
	"bytes"
	"math"
	"strings"

	"netcase"
)

// Amazon Security Lake has VPC flow logs as OCSF: a record is one direction of a flow with
// one total of octets and packets, as in the text of these logs, and is joined likewise.
//
// Source: Amazon Security Lake, OCSF mapping of VPC Flow Logs (product "Amazon VPC",
// feature "Flowlogs"; connection_info.tcp_flags, traffic.bytes, traffic.packets,
// interface_uid of the endpoint at the interface, status_code for log-status).

// ocsfVPC tells a record of VPC flow logs.
func ocsfVPC(d *jsonDoc) bool {
	if d.has("traffic.bytes_out") || d.has("traffic.bytes_in") {
		return false
	}
	return strings.EqualFold(d.text("metadata.product.name"), "Amazon VPC") || strings.EqualFold(d.text("metadata.product.feature.name"), "Flowlogs")
}

// ocsfOfVPC tells that VPC flow logs stand at the beginning of a text.
func ocsfOfVPC(head []byte) bool {
	return bytes.Contains(head, []byte(`"Amazon VPC"`)) || bytes.Contains(head, []byte(`"Flowlogs"`))
}

// splitOCSF cuts documents that stand one a line. The two directions of a flow of VPC
// flow logs may stand far apart: they are read as a whole.
func splitOCSF(head []byte) *Split {
	if ocsfOfVPC(head) {
		return nil
	}
	return splitDocs(ocsfBelow)(head)
}

// lakeFlows joins the records of VPC flow logs.
type lakeFlows struct {
	pairs   *pairing
	minutes int // that a record sums
}

func (r *docReader) lakeFlows() *lakeFlows {
	if r.lake == nil {
		r.lake = &lakeFlows{minutes: lakeMinutes(r.head), pairs: newPairing(func(f netcase.Flow) { r.in.Accept(&r.batch, awsProven(f)) })}
	}
	return r.lake
}

// lakeMinutes is how many minutes a record sums, as awsMinutes has it.
func lakeMinutes(head []byte) int {
	var tree docTree
	looked := 0
	for line := range bytes.Lines(head) {
		if !tree.parse(bytes.TrimSpace(line)) {
			continue
		}
		d := &jsonDoc{tree: &tree}
		start, _ := d.when("start_time", "start_time_dt")
		end, _ := d.when("end_time", "end_time_dt")
		switch {
		case !ocsfVPC(d) || !start.Known() || !end.Known():
			continue
		case end-start > awsShortest*netcase.Second:
			return 10
		}
		looked++
	}
	if looked < awsLookedAt {
		return 10
	}
	return 1
}

// ocsfLakeFlow takes a record of VPC flow logs.
func ocsfLakeFlow(r *docReader, d *jsonDoc, at netcase.Time, stamp string) {
	switch d.text("status_code", "status") {
	case "NODATA":
		r.in.Skip(awsNothing)
		return
	case "SKIPDATA":
		r.in.Sum(awsSkipped, 1)
		r.in.Skip(awsSkipped)
		return
	}
	lake := r.lakeFlows()
	h := half{}
	f := &h.flow
	*f = netcase.Flow{Start: at, End: at, Flows: 1, Records: 1, OctetsIn: netcase.Absent, PacketsIn: netcase.Absent, Resolution: netcase.Resolution(lake.minutes)}
	f.Booked = at.Truncate(netcase.Time(lake.minutes) * netcase.Minute)
	if field, why := ocsfEnds(d, f); why != "" {
		r.reject(d, field, why)
		return
	}
	flags, ok := d.number("connection_info.tcp_flags")
	if !ok || flags > math.MaxUint8 {
		r.reject(d, "connection_info.tcp_flags", "not flags")
		return
	}
	if field := ocsfCounts(d, map[string]*int64{"traffic.bytes": &f.OctetsOut, "traffic.packets": &f.PacketsOut}); field != "" {
		r.reject(d, field, "not a count")
		return
	}
	h.flags, h.flagged = uint8(max(flags, 0)), flags > 0
	h.answered = f.Proto == netcase.TCP && h.flags&(tcpSYN|tcpACK) == tcpSYN|tcpACK
	if ocsfDenied(d) {
		f.Reach = netcase.ReachDenied
	}
	f.Sensor = r.sensor(formatOCSF, d.text("src_endpoint.interface_uid", "dst_endpoint.interface_uid", "metadata.product.name"))
	f.Key = newDigest(formatOCSF).text(f.Sensor).number(uint64(f.Start)).number(uint64(f.End)).addr(f.Src.Addr).addr(f.Dst.Addr).
		number(uint64(f.SrcPort)<<32 | uint64(f.DstPort)<<16 | uint64(f.Proto)).number(uint64(f.PacketsOut)).number(uint64(f.OctetsOut)).
		number(uint64(f.Reach)).key()
	f.Place, f.Raw, f.Stamp = d.place, r.kept(d), stamp
	lake.pairs.add(h)
}
