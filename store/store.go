// Package store folds batches into rows and answers questions about them. Each
// engine is in its own file; all must agree with cube.Of.
package store

import (
	"time"

	"netcase"
	"netcase/source"
)

// Config says how inputs are read.
type Config struct {
	Workers  int             // streams read at the same time; 0: one a CPU
	Zone     *time.Location  // assumed for times without one; nil: UTC
	Span     netcase.Span    // flows outside are still folded (they are history) unless they lie after its end
	Assume   netcase.Reach   // taken for flows whose outcome is open, where the user says so; unknown: nothing is assumed
	Progress func(Progress)  // called now and then; may be nil
	Formats  []source.Format // asked in this order; nil: source.Formats
	Memory   int64           // bytes that the folds may take; beyond it they are spilled to Temp; 0: no bound
	Temp     string          // folder of temporary files; empty: the system's

	part int // size of the parts of a stream, for tests; 0: partSize
}

func (c *Config) formats() []source.Format {
	if c.Formats == nil {
		return source.Formats()
	}
	return c.Formats
}

// Progress is how far reading has come.
type Progress struct {
	Pass    int // 1 or 2
	Stream  string
	Bytes   int64 // decompressed, over all streams so far
	Records int64
	Done    int // streams
	Streams int
	Taken   int64  // bytes on disk that were read, compressed where they are; in the second pass decompressed
	Total   int64  // what Taken will be in the end; 0: not known
	Stage   string // what is done between the readings and after them; empty: reading
}
