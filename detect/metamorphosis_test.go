package detect

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"netcase"
	"netcase/cube"
)

// told is telemetry that a detector finds something in.
type plot struct {
	batch  netcase.Batch
	span   netcase.Span
	listed []string
}

// attacks is such telemetry for every detector.
func attacks() map[string]func() plot {
	ofTraffic := func(w *traffic) plot { return plot{w.batch, w.span, w.listed} }
	ofOffice := func(o *office) plot { return plot{o.batch, o.span, o.listed} }
	ofScene := func(s *scene) plot { return plot{batch: netcase.Batch{Flows: s.flows, Logins: s.logins}} }
	return map[string]func() plot{
		"spike": func() plot { return ofTraffic(campaign()) },
		"sighting": func() plot {
			s := &scene{}
			s.background(20)
			for i := range 6 {
				s.flow(noon+netcase.Time(i)*netcase.Minute, scannerAddr, host(i), 22, netcase.ReachDenied)
			}
			x := ofScene(s)
			x.listed = []string{scannerAddr}
			return x
		},
		"scan": func() plot {
			s := &scene{}
			s.background(40)
			for i := range 35 {
				s.flow(noon+netcase.Time(i)*netcase.Second, scannerAddr, host(i), 22, netcase.ReachNoReply)
			}
			return ofScene(s)
		},
		"beacon": func() plot {
			o := &office{}
			workday(o, 1)
			times := exactly(300*netcase.Second, 200)
			o.calls(times, desk7, farEnd, 443)
			return ofOffice(o)
		},
		"longconn": func() plot {
			o := &office{}
			workday(o, 1)
			o.call(monday+8*netcase.Hour, desk7, farEnd, 443, 90_000, 90_000)
			o.batch.Flows[len(o.batch.Flows)-1].End = monday + 20*netcase.Hour
			return ofOffice(o)
		},
		"exfil": func() plot {
			o := &office{}
			weekOfUploads(o)
			o.call(lastNight, desk7, farEnd, 443, 300<<20, 90_000)
			return ofOffice(o)
		},
		"lateral": func() plot {
			o := &office{}
			insideDays(o)
			for m := range 30 {
				o.call(lastMorning+netcase.Time(m)*netcase.Second, "10.0.0.14", fmt.Sprintf("10.0.2.%d", 1+m), 445, 900, 900)
			}
			o.span = netcase.Span{Start: monday + (daysOfOffice-1)*netcase.Day, End: monday + daysOfOffice*netcase.Day}
			return ofOffice(o)
		},
		"dos": func() plot {
			s := &scene{}
			webServer(s, floodHours)
			flooded(s, 1500, scattered, host(1), netcase.ReachNoReply)
			return ofScene(s)
		},
		"exposure": func() plot {
			s := &scene{}
			s.background(10)
			s.flow(noon, "91.20.30.40", host(3), 3389, netcase.ReachBidirectional)
			return ofScene(s)
		},
		"artefact": func() plot { return ofTraffic(seedCounts()) },
		"owner": func() plot {
			odd := listener("Windows10", "svchost.exe", `C:\Users\Public\svchost.exe`, 3389)
			odd.Path, odd.Host = `C:\Users\Public\svchost.exe`, netcase.Endpoint{Name: "ws-17"}
			return plot{batch: netcase.Batch{Processes: []netcase.Process{odd, odd}}}
		},
		"process": func() plot {
			a := started("svchost.exe", `C:\Users\Public\svchost.exe -k netsvcs`, "explorer.exe")
			a.Path = `C:\Users\Public\svchost.exe`
			b := a
			b.Host.Name, b.Time = "ws-18", b.Time+netcase.Hour
			return plot{batch: netcase.Batch{Processes: []netcase.Process{a, b}}, span: netcase.Span{Start: monday, End: monday + 2*netcase.Hour}}
		},
		"socket": func() plot {
			c := new(chain).service(1, rogue).start(2, 7, rogue, rogue).call(3, 7, rogue, socketPeer).call(90, 7, rogue, socketPeer)
			return plot{batch: netcase.Batch{Processes: c.list}, span: netcase.Span{Start: monday, End: monday + 2*netcase.Hour}}
		},
		"staging": func() plot {
			return plot{span: netcase.Span{Start: monday, End: monday + 3*netcase.Hour}, batch: netcase.Batch{Processes: []netcase.Process{
				packing(netcase.Hour, `C:\ProgramData\rar.exe`, `rar.exe a -hpSecret C:\ProgramData\a1.rar D:\Finance\*`),
				packing(2*netcase.Hour, `C:\ProgramData\rclone.exe`, `rclone copy C:\ProgramData\a1.rar mega:x`),
			}}}
		},
		"persistence": func() plot {
			w := afterLogins()
			return plot{batch: w.batch, span: netcase.Span{Start: monday, End: monday + 31*netcase.Hour}}
		},
		"auth": func() plot {
			x := guess(40, 2*netcase.Second)
			x.add(3*netcase.Minute, guesser, "alice", netcase.LoginSucceeded)
			return plot{batch: netcase.Batch{Logins: x}}
		},
		"clock": func() plot {
			s := &scene{}
			steady(s, "zeek", 5, 12, func(day, h int) bool { return day == 2 && h >= 10 && h < 13 })
			return ofScene(s)
		},
	}
}

// bend changes every event of a batch by its parts.
func bend(b *netcase.Batch, at func(*netcase.Time), who func(*netcase.Endpoint), sensor func(*string)) {
	for i := range b.Flows {
		f := &b.Flows[i]
		at(&f.Start)
		at(&f.End)
		who(&f.Src)
		who(&f.Dst)
		sensor(&f.Sensor)
	}
	for i := range b.Logins {
		l := &b.Logins[i]
		at(&l.Time)
		who(&l.Host)
		who(&l.Peer)
		sensor(&l.Sensor)
	}
	for i := range b.Processes {
		p := &b.Processes[i]
		at(&p.Time)
		who(&p.Host)
		who(&p.Peer)
		sensor(&p.Sensor)
	}
}

func unbent[T any](*T) {}

const weeks = 14 * netcase.Day // a whole number of them: seasons stay where they are

// metamorphosis gives the inputs that a telemetry becomes, and turns a finding back.
type metamorphosis struct {
	name string
	bend func(netcase.Batch) []netcase.Batch
	back func(string) string
}

// bends are the changes of a telemetry that must not change what is found in it.
func bends() []metamorphosis {
	same := func(s string) string { return s }
	renamed := strings.NewReplacer("10.0.", "10.77.")
	return []metamorphosis{
		{"shuffled", func(b netcase.Batch) []netcase.Batch {
			r := rand.New(rand.NewPCG(1, 1))
			r.Shuffle(len(b.Flows), func(i, k int) { b.Flows[i], b.Flows[k] = b.Flows[k], b.Flows[i] })
			r.Shuffle(len(b.Logins), func(i, k int) { b.Logins[i], b.Logins[k] = b.Logins[k], b.Logins[i] })
			r.Shuffle(len(b.Processes), func(i, k int) { b.Processes[i], b.Processes[k] = b.Processes[k], b.Processes[i] })
			return []netcase.Batch{b}
		}, same},
		{"shifted", func(b netcase.Batch) []netcase.Batch {
			bend(&b, func(t *netcase.Time) { *t += weeks }, unbent[netcase.Endpoint], unbent[string])
			return []netcase.Batch{b}
		}, func(s string) string { return earlier(s, weeks) }},
		{"renamed", func(b netcase.Batch) []netcase.Batch {
			bend(&b, unbent[netcase.Time], func(e *netcase.Endpoint) {
				if e.Addr.IsValid() {
					e.Addr = netip.MustParseAddr(renamed.Replace(e.Addr.String()))
				}
			}, unbent[string])
			return []netcase.Batch{b}
		}, func(s string) string { return strings.NewReplacer("10.77.", "10.0.").Replace(s) }},
		{"split", func(b netcase.Batch) []netcase.Batch {
			half := func(n int) int { return (n + 1) / 2 }
			f, l, p := half(len(b.Flows)), half(len(b.Logins)), half(len(b.Processes))
			return []netcase.Batch{
				{Flows: b.Flows[:f], Logins: b.Logins[:l], Processes: b.Processes[:p]},
				{Flows: b.Flows[f:], Logins: b.Logins[l:], Processes: b.Processes[p:]},
			}
		}, same},
		{"told by a second sensor", func(b netcase.Batch) []netcase.Batch {
			again := netcase.Batch{Flows: slices.Clone(b.Flows), Logins: slices.Clone(b.Logins), Processes: slices.Clone(b.Processes)}
			bend(&again, unbent[netcase.Time], unbent[netcase.Endpoint], func(s *string) { *s = "zz-second/" + *s })
			return []netcase.Batch{b, again}
		}, same},
	}
}

// records is how many records a finding about processes rests on.
var records = regexp.MustCompile(` \(\d+ records?\)|"events":\d+`)

// stamps are times as findings write them, in facts and in words.
var stamps = regexp.MustCompile(`\d{4}-\d\d-\d\d([T ])\d\d:\d\d(:\d\d(\.\d+)?Z?)?`)

// earlier moves the times in a text back.
func earlier(s string, by netcase.Time) string {
	return stamps.ReplaceAllStringFunc(s, func(text string) string {
		for _, layout := range []string{"2006-01-02T15:04:05.000Z", "2006-01-02 15:04:05", "2006-01-02 15:04"} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.Add(-time.Duration(by) * time.Millisecond).Format(layout)
			}
		}
		return text
	})
}

// essence is what must not change: what was found, about whom, when, and by which numbers.
func essence(t *testing.T, f *netcase.Finding, back func(string) string) string {
	t.Helper()
	x := *f
	x.Evidence, x.Selection, x.Limits = nil, netcase.Selection{}, nil
	b, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	return records.ReplaceAllString(back(string(b)), "") // two logs of one socket are twice the records
}

// TestMetamorphosis bends the telemetry that each detector finds something in.
func TestMetamorphosis(t *testing.T) {
	all := attacks()
	for _, d := range Detectors() {
		t.Run(d.Name, func(t *testing.T) {
			make := all[d.Name]
			if make == nil {
				t.Fatal("nothing that it finds is told in attacks()")
			}
			found := func(inputs []netcase.Batch, x plot, back func(string) string, shift netcase.Time) (out []string) {
				span := x.span
				if span.Start.Known() {
					span = netcase.Span{Start: span.Start + shift, End: span.End + shift}
				}
				site := netcase.Site{}
				r, err := Run(context.Background(), Request{
					Config: DefaultConfig(), Site: &site, Span: span, Intel: listOf(t, x.listed), Answerer: ofInputs(site, inputs), Detectors: []Detector{d},
				})
				if err != nil || !r.Runs[0].OK {
					t.Fatal(err, r.Runs)
				}
				for i := range r.Findings {
					if r.Findings[i].Kind != "same flows twice" { // is said of the sensors
						out = append(out, essence(t, &r.Findings[i], back))
					}
				}
				return out
			}
			x := make()
			want := found([]netcase.Batch{x.batch}, x, func(s string) string { return s }, 0)
			if len(want) == 0 {
				t.Fatal("it finds nothing")
			}
			for _, c := range bends()[:fewer(len(bends()), 1)] {
				x := make()
				shift := netcase.Time(0)
				if c.name == "shifted" {
					shift = weeks
				}
				compareCores(t, c.name, found(c.bend(x.batch), x, c.back, shift), want)
			}
		})
	}
}

// ofInputs is the plain engine over several inputs.
func ofInputs(site netcase.Site, inputs []netcase.Batch) cube.Answerer {
	var all netcase.Batch
	var reports []netcase.InputReport
	for i := range inputs {
		in := &inputs[i]
		all.Flows, all.Logins, all.Processes = append(all.Flows, in.Flows...), append(all.Logins, in.Logins...), append(all.Processes, in.Processes...)
		reports = append(reports, cube.Of(site, fmt.Sprintf("in-%d", i), *in).Coverage().Inputs...)
	}
	return answers{Plain: cube.Of(site, "in-1", all), inputs: reports}
}
