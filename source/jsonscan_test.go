package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"netcase"
)

func TestJSONPasses(t *testing.T) {
	for _, c := range []struct {
		text, rest string
		err        error
	}{
		{`"a\"b" 1`, " 1", nil},
		{`{"a":[1,{"b":"]}"}]},2`, ",2", nil},
		{`12.5e3]`, "]", nil},
		{`true`, "", nil},
		{`"x\\"`, "", nil},
		{`"cut \`, "", io.ErrUnexpectedEOF},
		{`{"a":`, "", io.ErrUnexpectedEOF},
		{`,`, ",", errJSONSyntax},
		{`  `, "", io.ErrUnexpectedEOF},
	} {
		s := newJSON(iotest.OneByteReader(strings.NewReader(c.text)))
		s.buf = make([]byte, 2)
		err := s.skip()
		rest, _ := io.ReadAll(io.MultiReader(bytes.NewReader(s.buf[s.pos:s.end]), s.r))
		if !errors.Is(err, c.err) || string(rest) != c.rest {
			t.Errorf("%s: left %q, %v; want %q, %v", c.text, rest, err, c.rest, c.err)
		}
	}
}

func TestJSONCapture(t *testing.T) {
	s := newJSON(iotest.OneByteReader(strings.NewReader("[ {\"a\":\n1} , \"long long long\", 3 ]")))
	s.buf = make([]byte, 2)
	var got []string
	err := s.array(func() error {
		raw, err := s.capture(10)
		if errors.Is(err, errJSONTooLong) {
			got = append(got, "too long")
			return s.skip()
		}
		got = append(got, string(raw))
		return err
	})
	if want := "{\"a\":\n1}|too long|3"; err != nil || strings.Join(got, "|") != want || s.Line() != 2 {
		t.Errorf("got %q, %v, line %d; want %q", got, err, s.Line(), want)
	}
}

func TestJSONNestingIsBounded(t *testing.T) {
	deep := strings.Repeat(`{"properties":`, 1<<20)
	in := &Input{R: strings.NewReader(deep), Report: new(netcase.InputReport)}
	err := azureNSG.Decode(t.Context(), in, discard)
	if !errors.Is(err, errJSONDeep) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// TestUnescape compares with encoding/json.
func TestUnescape(t *testing.T) {
	for _, raw := range []string{`plain`, `a\"b\\c\/d`, `\b\f\n\r\t`, `\u00e9\u20ac`, `\ud83d\ude00`, `\ud83d`, `\ud83dx`} {
		var want string
		if err := json.Unmarshal([]byte(`"`+raw+`"`), &want); err != nil {
			t.Fatal(err)
		}
		if got := string(unescape([]byte(raw))); got != want {
			t.Errorf("%s: got %q, want %q", raw, got, want)
		}
	}
	for _, raw := range []string{`\`, `\u`, `\u12`, `\ud83d\u`} {
		_ = unescape([]byte(raw)) // no panic
	}
}
