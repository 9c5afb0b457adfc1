package detect

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"netcase"
)

const daysOfOffice = 6

// insideDays is days of machines that use a file server, and of one that administers some.
func insideDays(o *office) {
	for day := range daysOfOffice {
		at := monday + netcase.Time(day)*netcase.Day + 9*netcase.Hour
		for m := range 12 {
			o.call(at+netcase.Time(m)*netcase.Minute, fmt.Sprintf("10.0.0.%d", 10+m), "10.0.1.1", 445, 900, 90_000)
		}
		for m := range 3 {
			o.call(at+netcase.Time(m)*netcase.Hour, "10.0.0.2", fmt.Sprintf("10.0.1.%d", 1+m), 3389, 9_000, 90_000)
		}
		o.call(at+9*netcase.Hour, "10.0.0.10", "151.101.2.3", 443, 900, 9_000)
	}
}

const lastMorning = monday + (daysOfOffice-1)*netcase.Day + 10*netcase.Hour

func TestLateral(t *testing.T) {
	last := netcase.Span{Start: monday + (daysOfOffice-1)*netcase.Day, End: monday + daysOfOffice*netcase.Day}
	for _, c := range []struct {
		name  string
		build func(*office)
		want  string
		check func(*netcase.LateralFacts) bool
	}{
		{"quiet days", func(*office) {}, "", nil},
		{"one machine reaches another's desktop", func(o *office) { o.call(lastMorning, "10.0.0.14", "10.0.0.15", 3389, 9_000, 90_000) }, "new pairs",
			func(l *netcase.LateralFacts) bool {
				return l.New == 1 && l.ToCount == 1 && l.Answered >= 1 && l.History > 4.5 && l.History <= 5 && slices.Equal(l.Ports, []uint16{3389})
			}},
		{"one machine calls many", func(o *office) {
			for m := range 30 {
				o.call(lastMorning+netcase.Time(m)*netcase.Second, "10.0.0.14", fmt.Sprintf("10.0.2.%d", 1+m), 445, 900, 900)
			}
		}, "unusually many machines", func(l *netcase.LateralFacts) bool { return l.New == 30 && l.Fan == 1 && l.ToCount == 31 }},
		{"and is refused everywhere", func(o *office) {
			for m := range 30 {
				o.call(lastMorning+netcase.Time(m)*netcase.Second, "10.0.0.14", fmt.Sprintf("10.0.2.%d", 1+m), 445, 0, 0)
				o.batch.Flows[len(o.batch.Flows)-1].Reach = netcase.ReachRefused
			}
		}, "unusually many machines", func(l *netcase.LateralFacts) bool { return l.New == 0 }},
		{"look-alike: a new machine uses the file server", func(o *office) { o.call(lastMorning, "10.0.0.99", "10.0.1.1", 445, 900, 90_000) }, "", nil},
		{"look-alike: a port that administers nothing", func(o *office) { o.call(lastMorning, "10.0.0.14", "10.0.0.15", 8080, 900, 90_000) }, "", nil},
		{"look-alike: one refused attempt", func(o *office) {
			o.call(lastMorning, "10.0.0.14", "10.0.0.15", 22, 0, 0)
			o.batch.Flows[len(o.batch.Flows)-1].Reach = netcase.ReachRefused
		}, "", nil},
		{"a machine that the owner names", func(o *office) {
			o.site.Assets = []netcase.Asset{{Name: "jump-1", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.14")}, Tags: []string{"jump"}}}
			for m := range 30 {
				o.call(lastMorning+netcase.Time(m)*netcase.Second, "10.0.0.14", fmt.Sprintf("10.0.2.%d", 1+m), 22, 900, 900)
			}
		}, "unusually many machines", func(l *netcase.LateralFacts) bool { return l.FromAdmin }},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o office
			insideDays(&o)
			c.build(&o)
			o.span = last
			found := o.find(t, lateral())
			if got := cadences(found); got != c.want {
				for _, f := range found {
					t.Log(f.Evidence[0].Statement)
				}
				t.Fatalf("%q, want %q", got, c.want)
			}
			if c.check != nil && !c.check(found[0].Lateral) {
				t.Errorf("%+v", found[0].Lateral)
			}
		})
	}
}

func TestLateralWithoutHistory(t *testing.T) {
	var o office
	for m := range 6 {
		o.call(monday+netcase.Time(m)*netcase.Minute, "10.0.0.14", fmt.Sprintf("10.0.2.%d", 1+m), 445, 900, 900)
	}
	found := o.find(t, lateral())
	if len(found) != 1 || found[0].Kind != "description" || found[0].Lateral.New != 0 {
		t.Fatalf("%+v", found)
	}
}

// Where all is investigated, the first day that was read is the history.
func TestLateralWithinTheSpan(t *testing.T) {
	var o office
	insideDays(&o)
	for m := range 30 {
		o.call(lastMorning+netcase.Time(m)*netcase.Second, "10.0.0.14", fmt.Sprintf("10.0.2.%d", 1+m), 445, 900, 900)
	}
	found := o.find(t, lateral())
	if len(found) != 1 || found[0].Kind != "unusually many machines" || found[0].Lateral.History != 1 || found[0].Lateral.Fan != 1 {
		t.Fatalf("%+v", found)
	}
}

func TestLateralDoesNotCare(t *testing.T) {
	build := func(bend func(*office)) string {
		var o office
		insideDays(&o)
		for m := range 30 {
			o.call(lastMorning+netcase.Time(m)*netcase.Second, "10.0.0.14", fmt.Sprintf("10.0.2.%d", 1+m), 445, 900, 900)
		}
		o.span = netcase.Span{Start: monday + (daysOfOffice-1)*netcase.Day, End: monday + daysOfOffice*netcase.Day}
		bend(&o)
		var out []string
		for _, f := range o.find(t, lateral()) {
			l := f.Lateral
			out = append(out, fmt.Sprint(f.Kind, l.ToCount, l.Ports, l.New, l.Fan, l.Answered, f.Flows))
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
			o.span.Start, o.span.End = o.span.Start+7*netcase.Day, o.span.End+7*netcase.Day
		},
		"a second sensor": func(o *office) {
			for _, f := range slices.Clone(o.batch.Flows) {
				f.Sensor = "aa-second"
				o.batch.Flows = append(o.batch.Flows, f)
			}
		},
	} {
		if got := build(bend); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}

// open adds a connection that stays open.
func (o *office) open(at, length netcase.Time, src, dst string, port uint16) {
	o.call(at, src, dst, port, 90_000, 700_000)
	o.batch.Flows[len(o.batch.Flows)-1].End = at + length
}

func TestLongconn(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(*office)
		want  string
		check func(*netcase.LongFacts) bool
	}{
		{"quiet day", func(*office) {}, "", nil},
		{"nine hours to a rare place", func(o *office) { o.open(monday+9*netcase.Hour, 9*netcase.Hour, desk7, farEnd, 443) }, "long connection",
			func(l *netcase.LongFacts) bool {
				return l.Longest.Hours() == 9 && l.Sessions == 1 && l.Rarity.Rare && l.Cause == "" && l.Out == 90_000
			}},
		{"two hours to a rare place", func(o *office) { o.open(monday+9*netcase.Hour, 2*netcase.Hour, desk7, farEnd, 22) }, "long connection", nil},
		{"five hours from outside", func(o *office) { o.open(monday+9*netcase.Hour, 5*netcase.Hour, farEnd, desk7, 3389) }, "long connection",
			func(l *netcase.LongFacts) bool { return l.Out == 700_000 }},
		{"push messages", func(o *office) { o.open(monday+9*netcase.Hour, 9*netcase.Hour, desk7, farEnd, 5228) }, "long connection",
			func(l *netcase.LongFacts) bool { return strings.Contains(l.Cause, "push") }},
		{"look-alike: three hours to where all go", func(o *office) { o.open(monday+9*netcase.Hour, 3*netcase.Hour, desk7, "151.101.2.3", 443) }, "", nil},
		{"look-alike: many short ones in a row of hours", func(o *office) {
			for i := range 60 {
				o.call(monday+9*netcase.Hour+netcase.Time(i)*netcase.Minute, desk7, farEnd, 443, 412+int64(i*i%977), 1280)
			}
		}, "", nil},
		{"look-alike: rows of intervals", func(o *office) {
			o.resolution = 60
			o.open(monday+9*netcase.Hour, 9*netcase.Hour, desk7, farEnd, 443)
		}, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o office
			workday(&o, 3)
			for m := range 12 {
				o.call(monday+8*netcase.Hour, fmt.Sprintf("10.0.0.%d", 1+m), "151.101.2.3", 443, 900, 900)
			}
			c.build(&o)
			found := o.find(t, longconn())
			if got := cadences(found); got != c.want {
				for _, f := range found {
					t.Log(f.Evidence[0].Statement)
				}
				t.Fatalf("%q, want %q", got, c.want)
			}
			if c.check != nil && !c.check(found[0].Long) {
				t.Errorf("%+v", found[0].Long)
			}
		})
	}
}

func TestLongconnDoesNotCare(t *testing.T) {
	build := func(bend func(*office)) string {
		var o office
		workday(&o, 3)
		o.open(monday+9*netcase.Hour, 9*netcase.Hour, desk7, farEnd, 443)
		o.open(monday+19*netcase.Hour, 2*netcase.Hour, desk7, farEnd, 443)
		bend(&o)
		var out []string
		for _, f := range o.find(t, longconn()) {
			l := f.Long
			out = append(out, fmt.Sprint(f.Kind, l.Longest, l.Total, l.Sessions, l.Out, l.In, l.Rarity))
		}
		return strings.Join(out, "\n")
	}
	want := build(func(*office) {})
	for name, bend := range map[string]func(*office){
		"reversed": func(o *office) { slices.Reverse(o.batch.Flows) },
		"two days later": func(o *office) {
			for i := range o.batch.Flows {
				o.batch.Flows[i].Start += 2 * netcase.Day
				o.batch.Flows[i].End += 2 * netcase.Day
			}
		},
		"a second sensor": func(o *office) {
			for _, f := range slices.Clone(o.batch.Flows) {
				f.Sensor = "aa-second"
				o.batch.Flows = append(o.batch.Flows, f)
			}
		},
	} {
		if got := build(bend); got != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
}
