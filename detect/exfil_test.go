package detect

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// weekOfUploads is eight days of 12 machines that send a little to some services in working hours, and
// two that write a backup every night, one of them now at nine and now at eleven.
func weekOfUploads(o *office) {
	r := rand.New(rand.NewPCG(5, 13))
	for day := range 8 {
		for m := range 12 {
			for h := 8; h < 18; h++ {
				at := monday + netcase.Time(day)*netcase.Day + netcase.Time(h)*netcase.Hour + netcase.Time(r.IntN(3_000_000))
				o.call(at, fmt.Sprintf("10.0.0.%d", 1+m), fmt.Sprintf("151.101.%d.3", r.IntN(6)), 443, 40_000+r.Int64N(900_000), 2_000_000)
			}
		}
		o.call(monday+netcase.Time(day)*netcase.Day+netcase.Time(21+day%3)*netcase.Hour, "10.0.0.4", "52.20.8.9", 443, 900<<20+r.Int64N(90<<20), 3_000_000)
		for h := 1; h < 4; h++ {
			o.call(monday+netcase.Time(day)*netcase.Day+netcase.Time(h)*netcase.Hour, "10.0.0.3", "52.20.7.9", 443, 700<<20+r.Int64N(90<<20), 3_000_000)
		}
	}
}

const lastNight = monday + 7*netcase.Day + 2*netcase.Hour

func TestExfil(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(*office)
		want  string
		check func(*netcase.UploadFacts) bool
	}{
		{"quiet week with backups", func(*office) {}, "", nil},
		{"much to a new destination at night", func(o *office) { o.call(lastNight, desk7, farEnd, 443, 300<<20, 90_000) }, "upload",
			func(u *netcase.UploadFacts) bool {
				return u.Out == 300<<20 && u.OffHours && u.Rarity.Rare && u.Tier == "T2" && u.Ratio > 100 && !u.Described && slices.Equal(u.Ports, []uint16{443})
			}},
		{"over a day in small parts", func(o *office) {
			for h := range 15 {
				o.call(monday+7*netcase.Day+netcase.Time(h)*netcase.Hour, desk7, farEnd, 443, 4<<20, 90_000)
			}
		}, "upload", func(u *netcase.UploadFacts) bool { return u.Out == 60<<20 }},
		{"the backup ten times as large to the same place", func(o *office) { o.call(lastNight, "10.0.0.3", "52.20.7.9", 443, 20<<30, 90_000) }, "upload", nil},
		{"fetched from outside over an administration port", func(o *office) { o.call(lastNight, farEnd, desk7, 22, 90_000, 300<<20) }, "upload",
			func(u *netcase.UploadFacts) bool { return u.Out == 300<<20 && u.Rarity.Rare == false }},
		{"look-alike: below ten MiB", func(o *office) { o.call(lastNight, desk7, farEnd, 443, 9<<20, 90_000) }, "", nil},
		{"look-alike: much received", func(o *office) { o.call(lastNight, desk7, farEnd, 443, 90_000, 900<<20) }, "", nil},
		{"look-alike: the busy host sends a little more to a known place", func(o *office) { o.call(lastNight, "10.0.0.3", "151.101.2.3", 443, 30<<20, 90_000) }, "", nil},
		{"a partner by the owner's word", func(o *office) {
			o.site.Partners = []netip.Prefix{netip.MustParsePrefix(farEnd + "/32")}
			o.call(lastNight, desk7, farEnd, 443, 300<<20, 90_000)
		}, "upload", func(u *netcase.UploadFacts) bool { return strings.Contains(u.Cause, "partner") }},
		{"a cloud drive by its name", func(o *office) {
			o.call(lastNight, desk7, farEnd, 443, 300<<20, 90_000)
			o.batch.Queries = append(o.batch.Queries, netcase.Query{Time: lastNight, Host: end(desk7), Peer: end(farEnd), Name: "contoso.sharepoint.com", Type: "tls", Sensor: "zeek"})
		}, "upload", func(u *netcase.UploadFacts) bool { return strings.Contains(u.Cause, "cloud drive") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o office
			weekOfUploads(&o)
			c.build(&o)
			found := o.find(t, exfil())
			if got := cadences(found); got != c.want {
				for _, f := range found {
					t.Log(f.Evidence[0].Statement)
				}
				t.Fatalf("%q, want %q", got, c.want)
			}
			if c.check != nil && !c.check(found[0].Upload) {
				t.Errorf("%+v", found[0].Upload)
			}
			for _, f := range found {
				if len(f.Evidence[0].Records) == 0 {
					t.Error("no record is cited")
				}
			}
		})
	}
}

func TestExfilWithoutHistory(t *testing.T) {
	var o office
	for h := range 6 {
		o.call(monday+netcase.Time(h)*netcase.Hour, desk7, farEnd, 443, 200<<20, 90_000)
	}
	found := o.find(t, exfil())
	if len(found) != 1 || found[0].Kind != "description" || !found[0].Upload.Described || found[0].Upload.Tier != "T0" || found[0].Upload.Ratio != 0 {
		t.Fatalf("%+v", found)
	}
}

// TestExfilOfADay: in a recording of a day an upload from its first hours on is what its own
// later hours are compared with.
func TestExfilOfADay(t *testing.T) {
	for name, c := range map[string]struct {
		hours, days int
		each        int64
		want        string
	}{
		"look-alike: every night of a week": {-2, 6, 1 << 30, ""},
		"all day long":                      {20, 1, 100 << 20, "description"},
		"too little":                        {20, 1, 5 << 20, ""},
		"look-alike: every day such":        {24, 6, 100 << 20, ""},
		"in the first hours of a week":      {4, 6, 100 << 20, "description"},
	} {
		var o office
		for h := range c.days * 24 {
			o.call(monday+netcase.Time(h)*netcase.Hour, "10.0.0.4", "151.101.2.3", 443, 900, 900)
			if h < c.hours || c.hours == 24 || h%24 < -c.hours {
				o.call(monday+netcase.Time(h)*netcase.Hour, desk7, farEnd, 443, c.each, 90_000)
			}
		}
		if got := cadences(o.find(t, exfil())); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestExfilDoesNotCare(t *testing.T) {
	build := func(bend func(*office)) string {
		var o office
		weekOfUploads(&o)
		o.call(lastNight, desk7, farEnd, 443, 300<<20, 90_000)
		bend(&o)
		var out []string
		for _, f := range o.find(t, exfil()) {
			u := f.Upload
			out = append(out, fmt.Sprint(f.Kind, u.Out, u.In, u.Expected, u.Tier, u.OffHours, u.Rarity))
		}
		return strings.Join(out, "\n")
	}
	want := build(func(*office) {})
	for name, bend := range map[string]func(*office){
		"reversed": func(o *office) { slices.Reverse(o.batch.Flows) },
		"a week later": func(o *office) {
			for i := range o.batch.Flows {
				o.batch.Flows[i].Start += 7 * netcase.Day
				o.batch.Flows[i].End += 7 * netcase.Day
			}
		},
		"a second sensor": func(o *office) {
			for _, f := range slices.Clone(o.batch.Flows) {
				f.Sensor = "aa-second"
				o.batch.Flows = append(o.batch.Flows, f)
			}
		},
		"another host": func(o *office) {
			for i := range o.batch.Flows {
				if f := &o.batch.Flows[i]; f.Src == end(desk7) {
					f.Src = end("10.9.9.9")
				}
			}
		},
		"cut in two": func(o *office) {
			last := o.batch.Flows[len(o.batch.Flows)-1]
			last.OctetsOut, last.OctetsIn = last.OctetsOut/2, last.OctetsIn/2
			o.batch.Flows[len(o.batch.Flows)-1] = last
			last.Start += 5000
			o.batch.Flows = append(o.batch.Flows, last)
		},
	} {
		if got := build(bend); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

// TestWidenedTwin adds the hours of random series up by days and quarters of days, hour by
// hour, and compares.
func TestWidenedTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 15))
	for range 300 {
		g := &grid{hours: 1, first: 488_000 + r.Int64N(200), missing: make([]bool, 1+r.IntN(400)), rule: usualRule()}
		g.from = r.IntN(len(g.missing))
		x := make([]float64, len(g.missing))
		for i := range x {
			x[i], g.missing[i] = float64(r.IntN(9)), r.IntN(4) == 0
		}
		for _, width := range []int64{6, 24} {
			sums, gone, hours := map[int64]float64{}, map[int64]int{}, map[int64]int64{}
			for i, v := range x {
				cell := (g.first + int64(i)) / width
				sums[cell] += v
				gone[cell] += b2i(g.missing[i])
				hours[cell]++
			}
			wide, y := widened(g, x, width)
			if wide.bins() != len(sums) || len(y) != len(sums) || wide.first != g.first/width || wide.first+int64(wide.from) != (g.first+int64(g.from))/width {
				t.Fatalf("%d bins from %d, in the span from %d; want %d from %d", wide.bins(), wide.first, wide.from, len(sums), g.first/width)
			}
			for k, v := range y {
				cell := wide.first + int64(k)
				if v != sums[cell] || wide.missing[k] != (hours[cell] < width || int64(2*gone[cell]) > width) {
					t.Fatalf("bin %d of width %d: %g, missing %v; want %g of %d hours, %d of them gone", k, width, v, wide.missing[k], sums[cell], hours[cell], gone[cell])
				}
			}
			from, to := binsOf(g, wide, wide.from, wide.bins())
			if from > g.from || to != g.bins() {
				t.Fatalf("bins %d to %d", from, to)
			}
		}
	}
}
