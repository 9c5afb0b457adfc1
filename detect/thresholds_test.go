package detect

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// Every parameter can be read and set by its name, and what is set stands in the configuration.
func TestThresholds(t *testing.T) {
	c := DefaultConfig()
	names := map[string]bool{}
	for _, p := range c.Thresholds() {
		if names[p.Name] || p.Doc == "" || p.Value() == "" {
			t.Errorf("%q: twice, or without words, or without a value", p.Name)
		}
		names[p.Name] = true
		before := p.Value()
		if err := c.Set(p.Name, before); err != nil {
			t.Errorf("%s does not take its own value %s: %v", p.Name, before, err)
		}
		next := "7"
		if strings.ContainsAny(before, "hms") {
			next = "7s"
		}
		if p.share() {
			if next = "0.5"; c.Set(p.Name, "1.5") == nil {
				t.Errorf("%s takes more than the whole", p.Name)
			}
		}
		if p.Range() == "" {
			t.Errorf("%s: no range", p.Name)
		}
		if err := c.Set(p.Name, next); err != nil || p.Value() != next {
			t.Errorf("%s: %v, value %s", p.Name, err, p.Value())
		}
		for _, bad := range []string{"", "0", "-1", "x", "NaN", "1e99", "0s"} {
			if c.Set(p.Name, bad) == nil {
				t.Errorf("%s takes %q", p.Name, bad)
			}
		}
	}
	if err := c.Set("scan.doors", "3"); err == nil || !strings.Contains(err.Error(), "scan.doors") {
		t.Errorf("%v", err)
	}
	if c.Set("scan.ports", "2.5") == nil {
		t.Error("half a port")
	}
}

// A share is named as one: no name in the list is without a threshold.
func TestSharesAreThresholds(t *testing.T) {
	c := DefaultConfig()
	for _, name := range proportions {
		if !slices.ContainsFunc(c.Thresholds(), func(p Threshold) bool { return p.Name == name }) {
			t.Errorf("no threshold has the name %s", name)
		}
	}
}

// No number of the configuration is without a name.
func TestThresholdsAreComplete(t *testing.T) {
	var c Config
	fields := numbers(reflect.TypeOf(c))
	const unnamed = 2 // the horizons, which are a list, and the seed
	if got := len(c.Thresholds()); got != fields-unnamed {
		t.Errorf("%d thresholds have names, the configuration has %d numbers", got, fields)
	}
}

func numbers(t reflect.Type) (n int) {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			n += numbers(t.Field(i).Type)
		}
	case reflect.Array:
		n = t.Len() * numbers(t.Elem())
	case reflect.Slice, reflect.Int, reflect.Int64, reflect.Float64, reflect.Uint64:
		n = 1
	}
	return n
}

// What is set is what the detectors use: each of these turns a finding on or off.
func TestThresholdsBite(t *testing.T) {
	notShort(t)
	clock := func(n int, every netcase.Time) func(*office) {
		return func(o *office) { o.calls(ms(exactly(every, n)), desk7, farEnd, 443) }
	}
	kinds := func(d Detector, days, build func(*office), set ...[2]string) string {
		o := &office{set: set}
		days(o)
		build(o)
		return cadences(o.find(t, d))
	}
	day := func(o *office) { workday(o, 3) }
	lastDay := func(o *office) {
		insideDays(o)
		o.span = netcase.Span{Start: monday + (daysOfOffice-1)*netcase.Day, End: monday + daysOfOffice*netcase.Day}
	}
	sleep := func(o *office) {
		o.calls(sleeping(netcase.Hour, 0.2, 16*netcase.Hour, rand.New(rand.NewPCG(1, 2))), desk7, farEnd, 443)
	}
	connection := func(o *office) { o.open(monday+9*netcase.Hour, 2*netcase.Hour, desk7, farEnd, 22) }
	connectionOfAll := func(o *office) { o.open(monday+9*netcase.Hour, 2*netcase.Hour, desk7, "151.101.2.3", 443) }
	common := func(o *office) {
		workday(o, 3)
		for m := range 12 {
			o.call(monday+8*netcase.Hour, fmt.Sprintf("10.0.0.%d", 1+m), "151.101.2.3", 443, 900, 900)
		}
	}
	upload := func(o *office) { o.call(lastNight, desk7, farEnd, 443, 30<<20, 90_000) }
	move := func(o *office) { o.call(lastMorning, "10.0.0.14", "10.0.0.15", 3389, 9_000, 90_000) }
	for _, x := range []struct {
		d          Detector
		days, with func(*office)
		set        [2]string
	}{
		{beacon(), day, clock(11, netcase.Hour), [2]string{"beacon.starts", "11"}},
		{beacon(), day, clock(24, netcase.Hour), [2]string{"beacon.cycles", "30"}},
		{beacon(), day, clock(30, 5*netcase.Minute), [2]string{"beacon.active", "3h"}},
		{beacon(), day, clock(30, 5*netcase.Minute), [2]string{"beacon.retry", "10m"}},
		{beacon(), day, clock(30, 5*netcase.Minute), [2]string{"rare.common", "0.01"}},
		{beacon(), day, sleep, [2]string{"beacon.near.least", "1"}},
		{longconn(), day, connection, [2]string{"longconn.band.base", "3h"}},
		{longconn(), common, connectionOfAll, [2]string{"longconn.band.low", "90m"}},
		{exfil(), weekOfUploads, upload, [2]string{"exfil.excess", "40"}},
		{exfil(), weekOfUploads, upload, [2]string{"exfil.q", "1e-300"}},
		{exfil(), weekOfUploads, upload, [2]string{"exfil.ratio", "1e6"}},
		{lateral(), lastDay, move, [2]string{"lateral.unseen", "240h"}},
	} {
		before, after := kinds(x.d, x.days, x.with), kinds(x.d, x.days, x.with, x.set)
		if before == after {
			t.Errorf("%s: %s=%s changes nothing: %q", x.d.Name, x.set[0], x.set[1], before)
		}
	}
}
