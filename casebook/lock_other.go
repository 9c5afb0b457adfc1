//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package casebook

import (
	"os"
	"time"
)

// How long the other writer is waited for, and how often it is looked for. A case is
// written in seconds.
const (
	lockPatience = time.Minute
	lockPause    = 50 * time.Millisecond
)

// lock is the file, which only one can make. One that a killed process left can be
// removed; one that is open, as Windows has it, cannot.
func lock(path string) (f *os.File, err error) {
	for range lockPatience / lockPause {
		if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err == nil || !os.IsExist(err) {
			return f, err
		}
		if os.Remove(path) != nil {
			time.Sleep(lockPause)
		}
	}
	return nil, err
}
