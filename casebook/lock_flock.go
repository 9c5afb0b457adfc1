//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package casebook

import (
	"errors"
	"os"
	"syscall"
)

// lock is the file, made if need be and held by nobody else. The system lets go of it
// when the process ends, however it ends.
func lock(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := hold(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if named(f, path) {
			return f, nil
		}
		_ = f.Close() // the one who held it has removed it: whoever comes now makes another
	}
}

func hold(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// named tells whether the path still leads to the file.
func named(f *os.File, path string) bool {
	held, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(held, there)
}
