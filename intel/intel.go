// Package intel turns what others claim about addresses into a set that can be
// asked by address and time. Each provider format is a value in its own file,
// listed in Formats; a file is recognised by its content, its name only helps to
// tell who made it and when.
package intel

import (
	"io"
	"net/netip"

	"netcase"
)

// File is one intelligence input, decompressed.
type File struct {
	Name  string       // relative, for example "ti/ipsum/ipsum.txt"
	Given netcase.Time // date given by the user with PATH@DATE; zero: none
	Open  func() (io.ReadCloser, error)
}

// Set answers what is claimed of an address.
type Set struct {
	feeds []netcase.FeedReport
}

// Len is the number of usable indicators.
func (s *Set) Len() int { return 0 }

// Match is every indicator whose prefix holds the address, in a fixed order,
// whatever its time. A nil set matches nothing.
func (s *Set) Match(a netip.Addr) []netcase.Indicator { return nil }

// Feeds reports what became of each input.
func (s *Set) Feeds() []netcase.FeedReport { return s.feeds }
