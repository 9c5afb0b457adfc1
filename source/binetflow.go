package source

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"time"

	"netcase"
)

const formatBinetflow = "binetflow"

// binetflow reads the flow files of the CTU data sets, which Argus wrote.
var binetflow = Format{
	Name: formatBinetflow,
	Doc:  "bidirectional Argus flows (binetflow of the CTU data sets), with commas or tabs; labels are not read",
	Proves: "whether a flow was answered, by flags or state, and octets (with headers) both ways; who began as far as Argus knew; " +
		"not what a control decided",
	Detect: detectBinetflow,
	Decode: decodeBinetflow,
	Draws:  true,
}

// The fields of a row.
const (
	bfStart = iota
	bfDuration
	bfProto
	bfSrc
	bfSport
	bfDir
	bfDst
	bfDport
	bfState
	bfPackets
	bfOctets
	bfSrcOctets
	bfSrcPackets
	bfFields
)

var binetflowNames = [bfFields]string{
	"starttime", "dur", "proto", "srcaddr", "sport", "dir", "dstaddr", "dport", "state", "totpkts", "totbytes", "srcbytes", "srcpkts",
}

func detectBinetflow(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	if why != "" {
		return false, why
	}
	if h.count(binetflowNames[:bfSrcOctets]...) < bfSrcOctets {
		return false, "it has not the columns of binetflow (StartTime, Dur, SrcAddr, Dir, State …)"
	}
	return true, ""
}

// binetflowReader reads the rows.
type binetflowReader struct{ tableReading }

func decodeBinetflow(ctx context.Context, in *Input, out Sink) error {
	spec := &tableSpec{aliases: map[string]alias{}, width: bfFields, times: []int{bfStart}}
	for field, name := range binetflowNames {
		spec.aliases[name] = alias{field: field}
	}
	r := &binetflowReader{tableReading{out: out}}
	r.decode = r.row
	err := r.read(ctx, in, spec)
	notKusto(in)
	return err
}

// notKusto takes back what is said of tables of the cloud alone: the name of a
// table, and caps of rows.
func notKusto(in *Input) {
	in.Report.Table, in.Report.CutQuery = "", ""
	if !strings.HasPrefix(in.Report.Cut, endsWithin) {
		in.Report.Cut = ""
	}
}

func (r *binetflowReader) row(x *tableRow) error {
	proto := strings.ToLower(nameIn(x.cells[bfProto], 16))
	switch proto {
	case "man":
		r.in.Skip("a record of Argus about itself")
		return nil
	case "arp", "rarp", "llc", "ether", "loop", "lldp", "isis", "":
		r.in.Skip("not IP: " + proto)
		return nil
	}
	f := netcase.Flow{Sensor: "argus", Flows: 1, Resolution: netcase.ResolutionRaw}
	var known bool
	if f.Proto, known = argusProto(proto); !known {
		r.in.Skip("a transport that is not known: " + proto)
		return nil
	}
	start, err := r.start(x)
	if err != nil {
		return r.reject(x, "StartTime", err.Error())
	}
	f.Start, f.End = start, start
	if seconds, err := strconv.ParseFloat(strings.TrimSpace(string(x.cells[bfDuration])), 64); err == nil && seconds >= 0 && seconds < zeekLongest {
		f.End += netcase.Time(seconds * 1000)
	}
	if field := r.ends(x, &f); field != "" {
		return r.reject(x, field, "not an address or port")
	}
	if field := binetflowSizes(x, &f); field != "" {
		return r.reject(x, field, "not a count")
	}
	state := strings.TrimSpace(string(x.cells[bfState]))
	dir := strings.TrimSpace(string(x.cells[bfDir]))
	if dir == "<-" || dir == "<?" {
		f = turned(f)
		if left, right, ok := strings.Cut(state, "_"); ok {
			state = right + "_" + left
		}
	}
	f.Continued = strings.Contains(dir, "?")
	f.Reach = argusReach(state, &f)
	if r.in.passes(x.place(), f.Src, f.Dst) {
		r.in.Skip("between other ends")
		return nil
	}
	if r.in.Raw {
		f.Place, f.Raw, f.Context, f.Stamp = x.place(), r.kept(x), string(r.header), string(bytes.TrimSpace(x.cells[bfStart]))
		f.Zone = r.in.Location().String()
	}
	r.in.Accept(&r.batch, f)
	return nil
}

// argusTime is how Argus writes times here: without a zone. Files with a clock that
// began in 1970 exist.
const argusTime = "2006/01/02 15:04:05.999999"

func (r *binetflowReader) start(x *tableRow) (netcase.Time, error) {
	text := string(bytes.TrimSpace(x.cells[bfStart][:min(len(x.cells[bfStart]), maxTimeText)]))
	if at, err := time.ParseInLocation(argusTime, text, r.in.Location()); err == nil && at.Year() <= lastYear && at.UnixMilli() > 0 {
		r.times.assumedZone = true
		if at.Unix() < zeekEarliest {
			r.in.Note("the clock is relative: its times begin in 1970")
		}
		return netcase.TimeOf(at), nil
	}
	start, err := r.time(x, bfStart)
	if err == nil && !start.Known() {
		err = errTime
	}
	return start, err
}

func argusProto(name string) (uint8, bool) {
	if p, ok := map[string]uint8{
		"ipv6-icmp": netcase.ICMPv6, "igmp": 2, "esp": 50, "ah": 51, "gre": 47, "pim": 103, "sctp": 132, "ospf": 89, "rtp": netcase.UDP, "rtcp": netcase.UDP,
		"udt": netcase.UDP, "ipnip": 4, "ipv6": 41, "rsvp": 46, "vrrp": 112, "unas": 0, "egp": 8, "igp": 9, "eigrp": 88,
	}[name]; ok {
		return p, true
	}
	return protocolIn([]byte(name))
}

// ends reads addresses and ports; those of ICMP are type and code in hexadecimal.
func (r *binetflowReader) ends(x *tableRow, f *netcase.Flow) (bad string) {
	for _, e := range []struct {
		name       string
		host, port int
		to         *netcase.Endpoint
		toPort     *uint16
	}{{"SrcAddr", bfSrc, bfSport, &f.Src, &f.SrcPort}, {"DstAddr", bfDst, bfDport, &f.Dst, &f.DstPort}} {
		a, ok := addressIn(x.cells[e.host])
		if !ok {
			return e.name
		}
		*e.to = netcase.At(a)
		if f.Proto != netcase.TCP && f.Proto != netcase.UDP {
			continue
		}
		text := strings.TrimSpace(string(x.cells[e.port][:min(len(x.cells[e.port]), 8)]))
		if text == "" {
			continue
		}
		port, err := strconv.ParseUint(text, 0, 16)
		if err != nil {
			return e.name
		}
		*e.toPort = uint16(port)
	}
	return ""
}

// binetflowSizes reads totals and the source's part; the responder's is the rest.
func binetflowSizes(x *tableRow, f *netcase.Flow) (bad string) {
	for _, s := range []struct {
		name        string
		total, part int
		out, in     *int64
	}{{"TotBytes", bfOctets, bfSrcOctets, &f.OctetsOut, &f.OctetsIn}, {"TotPkts", bfPackets, bfSrcPackets, &f.PacketsOut, &f.PacketsIn}} {
		*s.out, *s.in = netcase.Absent, netcase.Absent
		total, a, ok := countIn(x.cells[s.total])
		part, b, fine := countIn(x.cells[s.part])
		if !ok || !fine || total > maxSize || part > maxSize {
			return s.name
		}
		if a && b && part <= total {
			*s.out, *s.in = part, total-part
		}
	}
	return ""
}

// argusReach is the reach by the state: flags of both sides ("S_RA"), a state of
// Argus, or one of Zeek, which some files have.
//
// Source: ra(1), "state".
func argusReach(state string, f *netcase.Flow) netcase.Reach {
	if out, in, ok := strings.Cut(state, "_"); ok {
		return argusFlags(out, in, f)
	}
	switch state {
	case "CON", "EST", "ACC", "FIN", "CLO":
		if f.OctetsIn == 0 {
			return netcase.ReachNoReply
		}
		return netcase.ReachBidirectional
	case "INT", "REQ", "ECO":
		return argusSizes(f, netcase.ReachNoReply)
	case "TIM", "RST":
		return argusSizes(f, netcase.ReachUnknown)
	case "S0", "S1", "S2", "S3", "SF", "REJ", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH":
		if f.OctetsIn > tcpHeaders*max(f.PacketsIn, 1) && f.OctetsOut > 0 {
			return netcase.ReachBidirectional // the sizes know better than a state that was made up
		}
		bare := netcase.Flow{ // sizes here have headers in them, and prove no payload
			Proto: f.Proto, OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent,
		}
		return zeekReach([]byte(state), history{}, &bare, -1)
	}
	if strings.HasPrefix(state, "UR") && f.Proto != netcase.ICMP {
		return netcase.ReachRefused // unreachable: port, host, network …
	}
	return netcase.ReachUnknown
}

func argusFlags(out, in string, f *netcase.Flow) netcase.Reach {
	syn, answer := strings.Contains(out, "S"), strings.Contains(in, "S")
	switch {
	case in == "" && syn:
		return netcase.ReachNoReply
	case in == "" && !strings.Contains(out, "A") && f.OctetsIn <= 0:
		return netcase.ReachNoReply
	case in == "" || out == "":
		return netcase.ReachUnknown
	case strings.Contains(in, "R") && !strings.ContainsAny(in, "SPF"):
		return netcase.ReachRefused
	case syn && answer, strings.Contains(out, "A") && strings.Contains(in, "A"):
		return netcase.ReachBidirectional
	}
	return netcase.ReachUnknown
}

// argusSizes is what sizes prove where the state does not say.
func argusSizes(f *netcase.Flow, silent netcase.Reach) netcase.Reach {
	switch {
	case f.OctetsIn > 0 && f.Proto != netcase.TCP:
		return netcase.ReachBidirectional
	case f.OctetsIn > 0:
		return netcase.ReachUnknown
	}
	return silent
}
