package judge

import "testing"

// The short run is that of the race detector, under which everything takes ten times as
// long. It finds what goroutines do to each other; the hundredth draw of what one goroutine
// works out by itself shows it nothing.

// fewer is how many of n draws a test makes: all, or those of the short run.
func fewer(n, short int) int {
	if testing.Short() {
		return short
	}
	return n
}
