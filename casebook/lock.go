package casebook

import (
	"os"
	"path/filepath"
)

// lockMark is in the name of the file beside a case that its writer holds.
const lockMark = ".lock"

// turn waits until no other writer, of this process or another one, is at work on the
// case, and gives what ends the turn. Without it the one would clear away the folder that the
// other is filling. A lock that the system cannot give is done without: what follows
// meets the same disk, and says what is wrong with it.
func turn(parent, base string) (done func()) {
	path := filepath.Join(parent, "."+base+lockMark)
	f, err := lock(path)
	if err != nil {
		return func() {}
	}
	return func() {
		kept := os.Remove(path) // while it is held, so that it is nobody else's
		_ = f.Close()
		if kept != nil { // systems that remove no open file
			_ = os.Remove(path)
		}
	}
}
