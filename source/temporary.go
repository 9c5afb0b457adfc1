package source

import (
	"errors"
	"os"
	"path/filepath"
)

// Temporary is a file that nobody finds after the process: it loses its name as soon as
// it is open, so that it goes with the process, however that ends, SIGKILL included.
// Where an open file cannot lose its name (Windows) Close removes it, and the next
// process that needs one removes what one left that was killed.
type Temporary struct {
	*os.File
	named bool
}

// temporaryPattern names temporary files; no other program's match it.
const temporaryPattern = "netcase-spool-*.tmp"

// NewTemporary makes a temporary file, of mode 0600, in a folder; empty: where the
// system keeps such files.
func NewTemporary(dir string) (*Temporary, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	f, err := os.CreateTemp(dir, temporaryPattern)
	if err != nil {
		return nil, err
	}
	t := &Temporary{File: f, named: os.Remove(f.Name()) != nil}
	if t.named {
		sweep(dir, f.Name())
	}
	return t, nil
}

// sweep removes the temporary files of processes that are gone, all but the one that was
// just made. Those in use cannot be removed where this is needed.
func sweep(dir, but string) {
	left, err := filepath.Glob(filepath.Join(dir, temporaryPattern))
	if err != nil {
		return
	}
	for _, name := range left {
		if name != but {
			_ = os.Remove(name) // in use, or another's
		}
	}
}

// Close gives the file up.
func (t *Temporary) Close() error {
	err := t.File.Close()
	if t.named {
		err = errors.Join(err, os.Remove(t.Name()))
	}
	return err
}
