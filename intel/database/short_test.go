package database

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

// notShort leaves a test out of the short run.
func notShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("many seconds under the race detector, which finds nothing here that shorter tests do not show")
	}
}
