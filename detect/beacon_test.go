package detect

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
	"netcase/cube"
)

// office is an estate of machines that call outside.
type office struct {
	batch      netcase.Batch
	site       netcase.Site
	listed     []string
	resolution netcase.Resolution
	span       netcase.Span // the investigated one; zero: all
	set        [][2]string  // thresholds that are not the default
}

const (
	farEnd = "93.184.7.9"
	desk7  = "10.0.0.7"
)

// call adds a connection.
func (o *office) call(at netcase.Time, src, dst string, port uint16, out, in int64) {
	o.batch.Flows = append(o.batch.Flows, netcase.Flow{
		Start: at, End: at + 800, Src: end(src), Dst: end(dst), DstPort: port, Proto: netcase.TCP, Reach: netcase.ReachBidirectional,
		Sensor: "zeek", Flows: 1, Records: 1, OctetsOut: out, OctetsIn: in, PacketsOut: netcase.Absent, PacketsIn: netcase.Absent,
		Resolution: o.resolution, Place: netcase.Place{Line: int64(len(o.batch.Flows) + 1)}, Raw: fmt.Appendf(nil, "%d %s %s %d", at, src, dst, port),
	})
}

func (o *office) calls(times []netcase.Time, src, dst string, port uint16) {
	for _, at := range times {
		o.call(at, src, dst, port, 412, 1280)
	}
}

// workday is machines that browse 15 sites in working hours.
func workday(o *office, seed uint64) { browse(o, seed, 12, 20) }

func browse(o *office, seed uint64, machines, bursts int) {
	r := rand.New(rand.NewPCG(seed, 11))
	for m := range machines {
		for range bursts {
			at := monday + 8*netcase.Hour + netcase.Time(r.Int64N(int64(9*netcase.Hour)))
			site := fmt.Sprintf("151.101.%d.%d", r.IntN(15), 3)
			for range 1 + r.IntN(6) {
				o.call(at, fmt.Sprintf("10.0.0.%d", 1+m), site, 443, 300+r.Int64N(4000), 1000+r.Int64N(90_000))
				at += netcase.Time(r.ExpFloat64() * 30_000)
			}
		}
	}
}

func (o *office) find(t *testing.T, d Detector) []netcase.Finding {
	t.Helper()
	config := DefaultConfig()
	for _, x := range o.set {
		if err := config.Set(x[0], x[1]); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Run(context.Background(), Request{
		Config: config, Site: &o.site, Span: o.span, Intel: listOf(t, o.listed), Answerer: cube.Of(o.site, "in-1", o.batch), Detectors: []Detector{d},
	})
	if err != nil || !r.Runs[0].OK {
		t.Fatal(err, r.Runs)
	}
	for _, f := range r.Findings {
		checkFinding(t, f)
	}
	return r.Findings
}

func cadences(found []netcase.Finding) string {
	var out []string
	for _, f := range found {
		out = append(out, f.Kind)
	}
	return strings.Join(out, ", ")
}

// ms spreads stamps over the second, as a raw source writes them.
func ms(times []netcase.Time) []netcase.Time {
	out := slices.Clone(times)
	for i := range out {
		out[i] += netcase.Time(37 + i*13%900)
	}
	return out
}

func TestBeacon(t *testing.T) {
	notShort(t)
	r := rand.New(rand.NewPCG(1, 12))
	hourly := func() (out []netcase.Time) {
		for h := range 24 {
			out = append(out, monday+netcase.Time(h)*netcase.Hour+netcase.Time(r.Int64N(3600))*netcase.Second)
		}
		return out
	}
	paused := slices.DeleteFunc(ms(exactly(5*netcase.Minute, 288)), func(at netcase.Time) bool { return (at-monday).Hour() >= 9 && (at-monday).Hour() < 17 })
	for _, c := range []struct {
		name  string
		build func(*office)
		want  string
		check func(*netcase.BeaconFacts) bool
	}{
		{"quiet day", func(*office) {}, "", nil},
		{"B1 an exact clock", func(o *office) { o.calls(ms(exactly(5*netcase.Minute, 288)), desk7, farEnd, 443) }, "periodic",
			func(b *netcase.BeaconFacts) bool {
				return b.RITA.Score >= 0.99 && b.Clock == "scheduler" && math.Abs(b.Period.Seconds()-300) < 1 && b.Rarity.Rare && b.SameSizes == 1 && b.SizeCV == 0
			}},
		{"B2 a sleep of 20 % more or less", func(o *office) { o.calls(sleeping(5*netcase.Minute, 0.2, netcase.Day, r), desk7, farEnd, 443) }, "periodic",
			func(b *netcase.BeaconFacts) bool {
				return math.Abs(b.CV-0.15) < 0.04 && b.RITA.Score > 0.95 && b.Clock == "sleep"
			}},
		{"a sleep of half its length more or less", func(o *office) { o.calls(sleeping(20*netcase.Minute, 0.5, netcase.Day, r), desk7, farEnd, 443) }, "periodic", nil},
		{"B3 random times", func(o *office) { o.calls(randomly(288, netcase.Day, r), desk7, farEnd, 443) }, "", nil},
		{"B3 random times, listed", func(o *office) {
			o.listed = []string{farEnd}
			o.calls(randomly(288, netcase.Day, r), desk7, farEnd, 443)
		}, "not periodic", func(b *netcase.BeaconFacts) bool { return b.CV > 0.7 && b.RITA.Score > 0.78 }},
		{"B4 rows of hours over three hosts", func(o *office) {
			o.resolution = 60
			for i := range 3 {
				o.calls(hourly(), fmt.Sprintf("10.0.0.%d", 7+i), farEnd, 443)
			}
		}, "not measurable, not measurable, not measurable", nil},
		{"B5 the same as B1 from outside", func(o *office) {
			for _, at := range ms(exactly(5*netcase.Minute, 288)) {
				o.call(at, farEnd, desk7, 443, 412, 1280)
			}
		}, "begun from outside", nil},
		{"B6 a pause of eight hours", func(o *office) { o.calls(paused, desk7, farEnd, 443) }, "periodic",
			func(b *netcase.BeaconFacts) bool { return b.SpectralP <= 0.01 && math.Abs(b.Active.Hours()-16) < 0.5 }},
		{"B7 the time service", func(o *office) {
			o.calls(ms(exactly(64*netcase.Second, 1350)), desk7, farEnd, 123)
			for i := range o.batch.Flows {
				if o.batch.Flows[i].DstPort == 123 {
					o.batch.Flows[i].Proto = netcase.UDP
				}
			}
		}, "periodic, known cause", func(b *netcase.BeaconFacts) bool { return strings.Contains(b.Cause, "NTP") }},
		{"B7 the time service, listed", func(o *office) {
			o.listed = []string{farEnd}
			o.calls(ms(exactly(64*netcase.Second, 1350)), desk7, farEnd, 123)
			for i := range o.batch.Flows {
				if o.batch.Flows[i].DstPort == 123 {
					o.batch.Flows[i].Proto = netcase.UDP
				}
			}
		}, "periodic", func(b *netcase.BeaconFacts) bool { return b.Cause != "" }},
		{"B8 a row an hour, at any minute, interval not known", func(o *office) {
			o.resolution = netcase.ResolutionUnknown
			o.calls(hourly(), desk7, farEnd, 443)
		}, "not measurable", nil},
		{"stamps cut to five minutes, interval not known", func(o *office) {
			o.resolution = netcase.ResolutionUnknown
			o.calls(exactly(5*netcase.Minute, 288), desk7, farEnd, 443)
		}, "not measurable", nil},
		{"a clock in whole seconds at a place of its own, interval not known", func(o *office) {
			o.resolution = netcase.ResolutionUnknown
			var late []netcase.Time
			for _, at := range exactly(5*netcase.Minute, 288) {
				late = append(late, at+137*netcase.Second)
			}
			o.calls(late, desk7, farEnd, 443)
		}, "not measurable", func(b *netcase.BeaconFacts) bool { return strings.Contains(b.Why, "usual interval of logging") }},
		{"a clock of seven minutes in whole seconds, interval not known", func(o *office) {
			o.resolution = netcase.ResolutionUnknown
			var late []netcase.Time
			for _, at := range exactly(7*netcase.Minute, 200) {
				late = append(late, at+137*netcase.Second)
			}
			o.calls(late, desk7, farEnd, 443)
		}, "periodic", nil},
		{"B9 eleven", func(o *office) { o.calls(ms(exactly(30*netcase.Minute, 11)), desk7, farEnd, 443) }, "", nil},
		{"B9 eleven, listed", func(o *office) {
			o.listed = []string{farEnd}
			o.calls(ms(exactly(30*netcase.Minute, 11)), desk7, farEnd, 443)
		}, "not eligible", func(b *netcase.BeaconFacts) bool { return strings.HasPrefix(b.Why, "11 starts") }},
		{"B10 a job every five minutes, raw stamps", func(o *office) {
			for i, at := range exactly(5*netcase.Minute, 288) {
				o.call(at+netcase.Time(120+i*7%90), desk7, farEnd, 443, 412, 1280)
			}
		}, "periodic", func(b *netcase.BeaconFacts) bool { return b.Clock == "scheduler" }},
		{"look-alike: the owner's monitoring", func(o *office) {
			o.site.Monitoring = []netip.Prefix{netip.MustParsePrefix(farEnd + "/32")}
			o.calls(ms(exactly(netcase.Minute, 1440)), desk7, farEnd, 443)
		}, "periodic, known cause", nil},
		{"look-alike: updates by name", func(o *office) {
			o.calls(ms(exactly(20*netcase.Minute, 72)), desk7, farEnd, 443)
			o.batch.Queries = append(o.batch.Queries, netcase.Query{Time: monday, Host: end(desk7), Peer: end(farEnd), Name: "fe2.update.microsoft.com", Type: "tls", Sensor: "zeek"})
		}, "periodic, known cause", func(b *netcase.BeaconFacts) bool { return b.Name != "" }},
		{"look-alike: all desks call one place every hour", func(o *office) {
			for m := range 12 {
				o.calls(sleeping(30*netcase.Minute, 0.1, netcase.Day, r), fmt.Sprintf("10.0.0.%d", 1+m), farEnd, 443)
			}
		}, "periodic, known cause", func(b *netcase.BeaconFacts) bool { return strings.Contains(b.Cause, "12 of our 12 hosts") }},
		{"all desks call a listed place", func(o *office) {
			o.listed = []string{farEnd}
			for m := range 12 {
				o.calls(sleeping(30*netcase.Minute, 0.1, netcase.Day, r), fmt.Sprintf("10.0.0.%d", 1+m), farEnd, 443)
			}
		}, strings.TrimSuffix(strings.Repeat("periodic, ", 12), ", "), nil},
		{"one name, many addresses: none has twelve", func(o *office) {
			for i, at := range ms(exactly(15*netcase.Minute, 96)) {
				dst := fmt.Sprintf("45.%d.3.9", 20+i%10)
				o.call(at, desk7, dst, 443, 412, 1280)
				o.batch.Queries = append(o.batch.Queries, netcase.Query{Time: at, Host: end(desk7), Peer: end("10.0.0.53"), Name: "cdn.example-updates.net", Type: "A", Answer: []string{dst}, Sensor: "zeek"})
			}
		}, "periodic", func(b *netcase.BeaconFacts) bool { return b.Peers == 10 && b.Name == "cdn.example-updates.net" }},
		{"neighbours without a name", func(o *office) {
			for i, at := range ms(exactly(15*netcase.Minute, 96)) {
				o.call(at, desk7, fmt.Sprintf("45.20.3.%d", 1+i%12), 443, 412, 1280)
			}
		}, "periodic", func(b *netcase.BeaconFacts) bool { return b.Peers == 12 }},
		{"retries do not hide the clock", func(o *office) {
			for _, at := range ms(exactly(10*netcase.Minute, 144)) {
				o.calls([]netcase.Time{at, at + 900, at + 1800}, desk7, farEnd, 443)
			}
		}, "periodic", func(b *netcase.BeaconFacts) bool { return b.Starts == 144 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o office
			workday(&o, 3)
			c.build(&o)
			found := o.find(t, beacon())
			if got := cadences(found); got != c.want {
				for _, f := range found {
					t.Log(f.Title, f.Evidence[0].Statement)
				}
				t.Fatalf("%q, want %q", got, c.want)
			}
			for _, f := range found {
				if f.Beacon == nil || f.Kind != string(f.Beacon.Verdict) || len(f.Technique) > 0 {
					t.Errorf("%+v", f)
				}
				if len(f.Evidence[0].Records) == 0 {
					t.Error("no record is cited")
				}
			}
			if c.check != nil && !c.check(found[0].Beacon) {
				t.Errorf("%+v %+v", found[0].Beacon, found[0].Beacon.RITA)
			}
		})
	}
}

// Days of an office without a clock: the aim is one candidate in a thousand host-days.
func TestBeaconFalseCandidates(t *testing.T) {
	fired := 0
	days := fewer(8, 1)
	for seed := range uint64(days) {
		var o office
		browse(&o, 100+seed, 20, 60)
		found := o.find(t, beacon())
		fired += len(found)
		for _, f := range found {
			t.Log(f.Evidence[0].Statement)
		}
	}
	if fired > 0 {
		t.Errorf("%d in %d host-days", fired, 20*days)
	}
}

func TestBeaconDoesNotCare(t *testing.T) {
	build := func(bend func(*office)) string {
		var o office
		workday(&o, 3)
		o.calls(sleeping(5*netcase.Minute, 0.3, netcase.Day, rand.New(rand.NewPCG(9, 9))), desk7, farEnd, 443)
		bend(&o)
		var out []string
		for _, f := range o.find(t, beacon()) {
			b := f.Beacon
			out = append(out, fmt.Sprint(b.Verdict, b.Starts, b.Period, b.CV, b.SizeCV, b.Rarity.Hosts, b.Rarity.Estate, f.Flows))
		}
		return strings.Join(out, "\n")
	}
	want := build(func(*office) {})
	if want == "" {
		t.Fatal("nothing found")
	}
	for name, bend := range map[string]func(*office){
		"shuffled": func(o *office) {
			rand.New(rand.NewPCG(1, 1)).Shuffle(len(o.batch.Flows), func(i, j int) {
				o.batch.Flows[i], o.batch.Flows[j] = o.batch.Flows[j], o.batch.Flows[i]
			})
		},
		"a week and 13 minutes later": func(o *office) {
			for i := range o.batch.Flows {
				o.batch.Flows[i].Start += 7*netcase.Day + 13*netcase.Minute
				o.batch.Flows[i].End += 7*netcase.Day + 13*netcase.Minute
			}
		},
		"another host": func(o *office) {
			for i := range o.batch.Flows {
				if f := &o.batch.Flows[i]; f.Src == end(desk7) {
					f.Src = end("10.9.9.9")
				}
			}
		},
		"a second sensor": func(o *office) {
			for _, f := range slices.Clone(o.batch.Flows) {
				f.Sensor = "aa-second"
				o.batch.Flows = append(o.batch.Flows, f)
			}
		},
		"a scanner beside it": func(o *office) {
			for i := range 3000 {
				o.call(monday+netcase.Time(i)*10*netcase.Second, "45.95.147.9", fmt.Sprintf("10.0.%d.%d", i/250, 1+i%250), 22, 0, 0)
			}
		},
	} {
		if got := build(bend); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	if got := build(func(o *office) {
		o.batch.Flows = slices.DeleteFunc(o.batch.Flows, func(f netcase.Flow) bool { return f.Dst == end(farEnd) })
	}); got != "" {
		t.Errorf("without the cadence: %s", got)
	}
}

// TestHeldConnection: a sensor that forgets a connection after some silence writes a new
// record at every sign of life. Those are no calls.
func TestHeldConnection(t *testing.T) {
	const starts = 90
	for name, c := range map[string]struct {
		port      func(i int) uint16
		continued func(i int) bool
		want      string
	}{
		"a call every five minutes":                {func(i int) uint16 { return uint16(50_000 + i) }, func(int) bool { return false }, "periodic"},
		"one connection, a sign of life as often":  {func(int) uint16 { return 50_000 }, func(i int) bool { return i > 0 }, "held open"},
		"the same, its beginning is not in it":     {func(int) uint16 { return 50_000 }, func(int) bool { return true }, "held open"},
		"calls whose handshake the capture lost":   {func(i int) uint16 { return uint16(50_000 + i) }, func(int) bool { return true }, "periodic"},
		"calls from one port, each with its start": {func(int) uint16 { return 50_000 }, func(int) bool { return false }, "periodic"},
		"calls, and now and then a part of one":    {func(i int) uint16 { return uint16(50_000 + i/5*5) }, func(i int) bool { return i%5 == 4 }, "periodic"},
	} {
		t.Run(name, func(t *testing.T) {
			var o office
			workday(&o, 1)
			for i := range starts {
				o.call(monday+8*netcase.Hour+netcase.Time(i)*5*netcase.Minute+netcase.Time(i*37%100), desk7, farEnd, 8883, 31, 31)
				f := &o.batch.Flows[len(o.batch.Flows)-1]
				f.SrcPort, f.Continued = c.port(i), c.continued(i)
			}
			found := o.find(t, beacon())
			if got := cadences(found); got != c.want {
				t.Fatalf("%s, want %s", got, c.want)
			}
			if c.want == "held open" && !strings.Contains(found[0].Title, "held open for 445.0 minutes, a record every 5.0 minutes") {
				t.Errorf("title %q", found[0].Title)
			}
		})
	}
}

// TestCauseOfSeveralNames: names that lead to one address are a known service where all of
// them belong to it.
func TestCauseOfSeveralNames(t *testing.T) {
	many := func() (out []string) {
		for i := range mostAliases + 1 {
			out = append(out, fmt.Sprintf("n%d.eset.com", i))
		}
		return out
	}()
	for name, c := range map[string]struct {
		names []string
		want  string
	}{
		"two of one service":            {[]string{"pico.eset.com", "update.eset.com"}, "periodic, known cause"},
		"one of another":                {[]string{"pico.eset.com", "example.net"}, "periodic"},
		"two services":                  {[]string{"pico.eset.com", "fe2.update.microsoft.com"}, "periodic"},
		"an edge with too many to keep": {many, "periodic"},
	} {
		t.Run(name, func(t *testing.T) {
			var o office
			workday(&o, 1)
			for i := range 60 {
				at := monday + 8*netcase.Hour + netcase.Time(i)*8*netcase.Minute
				o.call(at, desk7, farEnd, 80, 300, 900)
				o.batch.Queries = append(o.batch.Queries, netcase.Query{Time: at, Host: end(desk7), Peer: end(farEnd), Name: c.names[i%len(c.names)], Type: "http", Sensor: "zeek"})
			}
			if got := cadences(o.find(t, beacon())); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}
