package source

import (
	"bytes"
	"net/netip"
)

// leastListed is how many lines must begin with an address before a text is called a list
// of addresses.
const leastListed = 2

// listsAddresses tells whether a text is a list of addresses or networks: every line but
// comments, a first heading and an end that is cut off begins with one.
func listsAddresses(head []byte) bool {
	lines := bytes.Split(head, []byte{'\n'})
	if len(lines) > 1 {
		lines = lines[:len(lines)-1] // it may be cut off, or is empty
	}
	listed, headed := 0, false
	for _, line := range lines {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || bytes.IndexByte([]byte("#;/"), line[0]) >= 0 {
			continue
		}
		first := bytes.Trim(line[:cellEnd(line)], `"`)
		if !isAddress(string(first)) {
			if listed > 0 || headed {
				return false
			}
			headed = true
			continue
		}
		listed++
	}
	return listed >= leastListed
}

// cellEnd is where the first field of a line ends.
func cellEnd(line []byte) int {
	if i := bytes.IndexAny(line, ",; \t"); i >= 0 {
		return i
	}
	return len(line)
}

func isAddress(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	_, err := netip.ParsePrefix(s)
	return err == nil
}
