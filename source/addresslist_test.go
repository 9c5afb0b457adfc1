package source

import "testing"

func TestListsAddresses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"one a line", "# a feed\n192.0.2.1\n198.51.100.0/24\n2001:db8::1\n203.0", true},
		{"with a heading and columns", "ip,category\n192.0.2.1,scanner\n192.0.2.2,scanner\n", true},
		{"networks with places", "network,country\n\"192.0.2.0/24\",NL\n\"198.51.100.0/24\",US\n", true},
		{"a log that begins with addresses, and then does not", "192.0.2.1 GET /\nerror\n192.0.2.2 GET /\n", false},
		{"two headings", "a\nb\n192.0.2.1\n192.0.2.2\n", false},
		{"one address", "192.0.2.1\n", false},
		{"a text", "hello\nworld\n", false},
		{"nothing but comments", "# a\n# b\n", false},
		{"nothing", "", false},
	} {
		if got := listsAddresses([]byte(c.text)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
