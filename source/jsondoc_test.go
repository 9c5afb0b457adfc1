package source

import (
	"testing"

	"netcase"
)

func FuzzOCSF(f *testing.F) {
	seedFrom(f, "ocsf")
	f.Fuzz(func(t *testing.T, text []byte) { checkFuzzed(t, ocsf, text) })
}

func FuzzECS(f *testing.F) {
	seedFrom(f, "ecs")
	f.Fuzz(func(t *testing.T, text []byte) { checkFuzzed(t, ecs, text) })
}

// A path is found however its keys are written: nested, in one key with dots, or mixed.
func TestLookIn(t *testing.T) {
	for _, text := range []string{`{"a":{"b":{"c":1}}}`, `{"a.b.c":1}`, `{"a.b":{"c":1}}`, `{"a":{"b.c":1}}`, `{"a":7,"a.b":{"c":1}}`} {
		var got int64
		r := &docReader{in: &Input{Report: &netcase.InputReport{}}}
		r.one = func(d *jsonDoc) { got, _ = d.number("a.b.c") }
		if r.document([]byte(text), netcase.Place{}); got != 1 {
			t.Errorf("%s: %d", text, got)
		}
	}
}
