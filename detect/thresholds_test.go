package detect

import (
	"reflect"
	"strings"
	"testing"
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
