package hunt_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"netcase"
	"netcase/hunt"
	"netcase/report"
)

// toldFlow is a connection as each of three sensors tells it.
type toldFlow struct {
	at                 time.Time
	peer, host         string
	from, port         int
	answered           bool
	octetsOut, octetsI int
}

// toldFlows are connections from outside over three hours, a minute clear of their ends.
func toldFlows(n int) (out []toldFlow) {
	r := rand.New(rand.NewPCG(5, 25))
	for i := range n {
		hour := time.Date(2025, 10, 20, 12+i%3, 0, 0, 0, time.UTC)
		out = append(out, toldFlow{
			at: hour.Add(time.Minute + time.Duration(r.IntN(57*60_000))*time.Millisecond), peer: fmt.Sprintf("45.95.147.%d", 1+r.IntN(40)), host: fmt.Sprintf("10.0.0.%d", 4+r.IntN(5)),
			from: 20000 + i, port: []int{22, 443, 3389}[r.IntN(3)], answered: r.IntN(3) == 0, octetsOut: 100 + r.IntN(900), octetsI: 100 + r.IntN(900),
		})
	}
	return out
}

func zeekText(flows []toldFlow) string {
	var b strings.Builder
	b.WriteString("#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes\tresp_bytes\tconn_state\torig_pkts\tresp_pkts\n")
	for i, f := range flows {
		state, pkts, octets := "S0", 0, 0
		if f.answered {
			state, pkts, octets = "SF", 4, f.octetsI
		}
		fmt.Fprintf(&b, "%d.%03d\tC%d\t%s\t%d\t%s\t%d\ttcp\t0.5\t%d\t%d\t%s\t4\t%d\n", f.at.Unix(), f.at.Nanosecond()/1e6, i, f.peer, f.from, f.host, f.port, f.octetsOut, octets, state, pkts)
	}
	return b.String()
}

func eveText(flows []toldFlow) string {
	var b strings.Builder
	for i, f := range flows {
		state, pkts, octets := "new", 0, 0
		if f.answered {
			state, pkts, octets = "closed", 4, f.octetsI
		}
		start := f.at.Format("2006-01-02T15:04:05.000000+0000")
		fmt.Fprintf(&b, `{"timestamp":%q,"flow_id":%d,"event_type":"flow","src_ip":%q,"src_port":%d,"dest_ip":%q,"dest_port":%d,"proto":"TCP","flow":{"pkts_toserver":4,"pkts_toclient":%d,"bytes_toserver":%d,"bytes_toclient":%d,"start":%q,"end":%q,"age":0,"state":%q,"reason":"timeout"}}`+"\n",
			start, i+1, f.peer, f.from, f.host, f.port, pkts, f.octetsOut, octets, start, start, state)
	}
	return b.String()
}

func argusText(flows []toldFlow) string {
	var b strings.Builder
	b.WriteString("StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,SrcPkts,Label\n")
	for _, f := range flows {
		state, pkts, octets := "S_", 4, f.octetsOut
		if f.answered {
			state, pkts, octets = "FSPA_FSPA", 8, f.octetsOut+f.octetsI
		}
		fmt.Fprintf(&b, "%s,0.5,tcp,%s,%d,   ->,%s,%d,%s,0,0,%d,%d,%d,4,\n", f.at.Format("2006/01/02 15:04:05.000000"), f.peer, f.from, f.host, f.port, state, pkts, octets, f.octetsOut)
	}
	return b.String()
}

// investigated is the case of files that lie together in a folder.
func investigated(t *testing.T, files map[string]string) *netcase.Case {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := hunt.DefaultConfig()
	cfg.Paths = []string{dir}
	c := run(t, cfg)
	for i := range c.Coverage.Inputs {
		if in := &c.Coverage.Inputs[i]; !in.Balanced() || in.Error != "" {
			t.Errorf("%s: %+v", in.Name, in)
		}
	}
	return c
}

// groupFlows are the flows of the groups of a case, which no second sensor may move.
func groupFlows(c *netcase.Case) (out []string) {
	for i := range c.Groups {
		g := &c.Groups[i]
		out = append(out, fmt.Sprint(g.ID, g.Label, g.Flows, g.SourceCount, g.HostCount, g.Reach))
	}
	return out
}

// TestSensorsAgree: three sensors of different formats tell the same flows, one of them
// twice, one in exports that overlap. The totals are those of one; who saw what is told.
func TestSensorsAgree(t *testing.T) {
	flows := toldFlows(600)
	alone := investigated(t, map[string]string{"conn.log": zeekText(flows)})
	if len(alone.Coverage.Agreement) != 0 || strings.Contains(report.Terminal(alone, report.Style{}), "Sensors") {
		t.Error("one sensor has nobody to agree with")
	}
	eve := strings.SplitAfter(eveText(flows), "\n")
	c := investigated(t, map[string]string{
		"conn.log": zeekText(flows), "again.log": zeekText(flows),
		"eve-1.json": strings.Join(eve[:400], ""), "eve-2.json": strings.Join(eve[250:], ""),
		"capture.binetflow": argusText(flows),
	})
	if got, want := groupFlows(c), groupFlows(alone); !reflect.DeepEqual(got, want) || len(want) == 0 {
		t.Errorf("totals move with the number of sensors:\n%q\n%q", got, want)
	}
	want := []netcase.SensorPair{{A: "argus", B: "suricata"}, {A: "argus", B: "zeek"}, {A: "suricata", B: "zeek"}}
	if len(c.Coverage.Agreement) != len(want) {
		t.Fatalf("%+v", c.Coverage.Agreement)
	}
	var octets int64
	for _, f := range flows {
		if octets += int64(f.octetsOut); f.answered {
			octets += int64(f.octetsI)
		}
	}
	for i, p := range c.Coverage.Agreement {
		if p.A != want[i].A || p.B != want[i].B || p.Both != 600 || p.OnlyA != 0 || p.OnlyB != 0 || p.Hours != 3 {
			t.Errorf("%+v", p)
		}
		if p.Octets.A != octets || p.Octets.B != octets || p.Octets.Differ+p.Packets.Differ+p.Outcomes.Differ != 0 {
			t.Errorf("sizes and outcomes are the same: %+v, want %d octets", p, octets)
		}
	}
	duplicates := int64(0)
	for _, in := range c.Coverage.Inputs {
		duplicates += in.Duplicate
	}
	if duplicates != 600+150 {
		t.Errorf("%d duplicates, want 600 of the copy and 150 of the overlap", duplicates)
	}
	if s := report.Terminal(c, report.Style{Width: 200}); !strings.Contains(s, "argus and suricata: 600 flows told by both, 0 and 0 by one only") {
		t.Errorf("the terminal does not say how far sensors agree:\n%s", s)
	}
}

// TestSensorsDisagree: what one sensor missed, counts otherwise or saw end otherwise.
func TestSensorsDisagree(t *testing.T) {
	flows := toldFlows(600)
	other := make([]toldFlow, 0, len(flows))
	var missed, larger, ended int64
	cells := map[string]int{}
	name := func(f *toldFlow) string { return fmt.Sprint(f.at.Hour(), f.peer, f.host, f.port) }
	for i := range flows {
		cells[name(&flows[i])]++
	}
	for i, f := range flows {
		switch {
		case cells[name(&f)] > 1: // more than one flow in a cell: left as it is
		case i%10 == 0:
			missed++
			continue
		case i%10 == 1:
			f.octetsOut += 40
			larger++
		case i%10 == 2:
			f.answered = !f.answered
			ended++
		}
		other = append(other, f)
	}
	c := investigated(t, map[string]string{"conn.log": zeekText(flows), "eve.json": eveText(other)})
	if len(c.Coverage.Agreement) != 1 {
		t.Fatalf("%+v", c.Coverage.Agreement)
	}
	p := c.Coverage.Agreement[0]
	if p.Both != 600-missed || p.OnlyA != 0 || p.OnlyB != missed || missed == 0 {
		t.Errorf("%d missed: %+v", missed, p)
	}
	if p.Octets.Differ != larger+ended || p.Packets.Differ != ended || p.Outcomes.Differ != ended || ended == 0 || larger == 0 {
		t.Errorf("%d larger, %d with another end: %+v", larger, ended, p)
	}
	if text := report.Markdown(c); !strings.Contains(string(text), "Only by the other") {
		t.Error("the report has no table of sensors")
	}
}
