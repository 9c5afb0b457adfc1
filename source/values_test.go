package source

import "testing"

// TestCounts reads counters and ports as exports and spreadsheets of several languages
// write them. None is cut to its first digits.
func TestCounts(t *testing.T) {
	for _, c := range []struct {
		text        string
		n           int64
		present, ok bool
		port        uint16
		portOK      bool
	}{
		{"412", 412, true, true, 412, true},
		{"3389.0", 3389, true, true, 3389, true},
		{"4.12E+02", 412, true, true, 412, true},
		{"412,0", 412, true, true, 412, true},
		{"412.5", 413, true, true, 0, false},
		{"", 0, false, true, 0, true},
		{"n/a", 0, false, true, 0, true},
		{"1,234", 1234, true, true, 1234, true},
		{" 3,389 ", 3389, true, true, 3389, true},
		{"1,234,567", 1234567, true, true, 0, false},
		{"98,765.0", 98765, true, true, 0, false},
		{"1.234.567", 1234567, true, true, 0, false},
		{"98.765,0", 98765, true, true, 0, false},
		{"1 234", 1234, true, true, 1234, true},
		{"1\u00a0234\u00a0567", 1234567, true, true, 0, false},
		{"1\u202f234,0", 1234, true, true, 1234, true},
		{"1'234'567", 1234567, true, true, 0, false},
		{"1.234", 0, false, false, 0, false}, // 1 or 1234
		{"412.000", 412, true, true, 412, true},
		{"0.333", 0, true, true, 0, false},
		{"0,333", 0, true, true, 0, false},
		{"12,34", 12, true, true, 0, false},
		{"1,23,456", 0, false, false, 0, false},
		{"1,234,56", 0, false, false, 0, false},
		{"-5", 0, false, false, 0, false},
		{"https", 0, false, false, 0, false},
		{"70000", 70000, true, true, 0, false},
		{"1e300", 0, false, false, 0, false},
	} {
		if n, present, ok := countIn([]byte(c.text)); ok != c.ok || ok && (n != c.n || present != c.present) {
			t.Errorf("count %q: %d %v %v, want %d %v %v", c.text, n, present, ok, c.n, c.present, c.ok)
		}
		if port, ok := portIn([]byte(c.text)); ok != c.portOK || ok && port != c.port {
			t.Errorf("port %q: %d %v, want %d %v", c.text, port, ok, c.port, c.portOK)
		}
	}
}
