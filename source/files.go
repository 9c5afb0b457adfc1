package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"netcase"
)

// Options bound what opening inputs may cost. The zero value means the defaults.
type Options struct {
	// Expand is how far one input may expand, in bytes, before its ratio is
	// looked at, and Ratio how many times its own size it may expand beyond that.
	// An input is stopped when it exceeds both.
	Expand, Ratio int64
	// Members is how many members the archives inside one input may have.
	Members int
	// Depth is how many layers of compression and archives may be nested; an
	// ordinary .tar.gz has two.
	Depth int
	// Spool is how many bytes of standard input are kept, after compression, so
	// that it can be read a second time.
	Spool int64
	Stdin io.Reader // what "-" stands for; nil: os.Stdin
	Temp  string    // folder of temporary files; empty: the system's
}

// The defaults of Options.
const (
	// DefaultExpand lets every ordinary export through without a look at its ratio.
	DefaultExpand = 2 << 30
	// DefaultRatio is above what logs compress to (10 to 60 times with zstd) and
	// far below what a bomb needs to be worth its name (gzip: up to 1032).
	DefaultRatio = 200
	// DefaultMembers is a year of hourly logs of eleven sensors.
	DefaultMembers = 100_000
	// DefaultDepth lets a compressed log in a .tar.gz in a .zip through.
	DefaultDepth = 4
	DefaultSpool = 4 << 30
)

// maxFolderDepth bounds the walk of a folder; no export nests deeper than the
// thirteen levels of an Azure flow log path.
const maxFolderDepth = 64

// stdinName is what standard input is called in reports.
const stdinName = "stdin"

// Stream is one input, decompressed, that can be opened any number of times.
type Stream struct {
	Name     string // relative to the parent of the argument; archive members as "a.zip!dir/x.json"
	Explicit bool   // named by the user, not met in a folder or an archive
	Size     int64  // bytes it takes on disk, compressed where it is; for progress only
	Notes    []string
	// Open starts at the beginning. A reader that ends with an error other than
	// io.EOF has delivered what could be read.
	Open func() (io.ReadCloser, error)
	// File gives random access to the decompressed bytes, and their number; nil
	// where there is none.
	File func() (io.ReaderAt, int64, error)
}

// Refusal is something that stands among the inputs and is not a stream.
type Refusal struct {
	Name   string
	Reason string
}

// Report is the refusal as a line of the coverage.
func (r Refusal) Report() netcase.InputReport {
	return netcase.InputReport{Name: Printable(r.Name), Error: Printable(r.Reason)}
}

// Found is what stands at the paths that were asked for.
//
// Owner: the caller closes it when no stream is needed any more.
type Found struct {
	Streams []Stream
	Refused []Refusal // could not or must not be opened: the run did not look at everything
	Skipped []Refusal // certainly not telemetry; the run is sound without them

	hold *hold
}

// Close removes temporary files and closes what is still open.
func (f *Found) Close() error {
	if f.hold == nil {
		return nil
	}
	return f.hold.release()
}

// hold is what a Found owns until it is closed.
type hold struct {
	mu   sync.Mutex
	open []io.Closer // kept open between uses
}

func (h *hold) keep(c io.Closer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = append(h.open, c)
}

func (h *hold) release() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, c := range h.open {
		errs = append(errs, c.Close())
	}
	h.open = nil
	return errors.Join(errs...)
}

// finder gathers a Found.
type finder struct {
	opt     Options
	found   Found
	members int // of the archives inside the current input
	bottom  int64
}

// Find lists what can be read at the paths: files, folders (walked, sorted by
// name), patterns, and "-" for standard input. Compression and archives are
// recognised by their content and opened.
//
// Errors: a path that does not exist, or a pattern that matches nothing. What is
// found but cannot be opened is in Refused.
func Find(paths []string, opt Options) (Found, error) {
	x := &finder{opt: opt.orDefault()}
	x.found.hold = &hold{}
	roots, err := rootsOf(paths)
	if err == nil {
		err = x.all(roots)
	}
	if err != nil {
		return Found{}, errors.Join(err, x.found.Close())
	}
	return x.found, nil
}

func (x *finder) all(roots []root) error {
	for _, r := range roots {
		if r.stdin {
			if err := x.spoolStdin(); err != nil {
				return err
			}
			continue
		}
		if err := x.root(r); err != nil {
			return err
		}
	}
	return nil
}

func (o Options) orDefault() Options {
	if o.Expand <= 0 {
		o.Expand = DefaultExpand
	}
	if o.Ratio <= 0 {
		o.Ratio = DefaultRatio
	}
	if o.Members <= 0 {
		o.Members = DefaultMembers
	}
	if o.Depth <= 0 {
		o.Depth = DefaultDepth
	}
	if o.Spool <= 0 {
		o.Spool = DefaultSpool
	}
	if o.Stdin == nil {
		o.Stdin = os.Stdin
	}
	return o
}

// root is one path that was asked for.
type root struct {
	path  string // absolute
	name  string // as it is shown
	stdin bool
}

// rootsOf resolves the arguments: patterns are expanded, and names that two
// different paths share get as many parent folders as tell them apart.
func rootsOf(paths []string) ([]root, error) {
	var roots []root
	var errs []error
	for _, p := range paths {
		if p == "-" {
			roots = append(roots, root{name: stdinName, stdin: true})
			continue
		}
		matches, err := matching(p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, m := range matches {
			abs, err := filepath.Abs(m)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			roots = append(roots, root{path: abs, name: filepath.Base(abs)})
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	tellApart(roots)
	return roots, nil
}

// matching is the path itself where it exists, else what it matches as a pattern.
func matching(p string) ([]string, error) {
	_, err := os.Lstat(p)
	if err == nil {
		return []string{p}, nil
	}
	if !strings.ContainsAny(p, "*?[") {
		return nil, err
	}
	matches, globErr := filepath.Glob(p)
	if globErr != nil {
		return nil, fmt.Errorf("%s: %w", p, globErr)
	}
	if len(matches) == 0 {
		return nil, fmt.Errorf("%s: no file matches", p)
	}
	slices.Sort(matches)
	return matches, nil
}

// tellApart adds parent folders to equal names of different paths.
func tellApart(roots []root) {
	for parents := 1; parents < maxFolderDepth; parents++ {
		paths := map[string]map[string]bool{}
		for _, r := range roots {
			if paths[r.name] == nil {
				paths[r.name] = map[string]bool{}
			}
			paths[r.name][r.path] = true
		}
		changed := false
		for i, r := range roots {
			if r.stdin || len(paths[r.name]) < 2 {
				continue
			}
			roots[i].name = lastElements(r.path, parents+1)
			changed = true
		}
		if !changed {
			return
		}
	}
}

// lastElements is the end of a path, n elements long at most, with slashes.
func lastElements(path string, n int) string {
	parts := strings.Split(strings.TrimPrefix(filepath.ToSlash(path), "/"), "/")
	return strings.Join(parts[max(0, len(parts)-n):], "/")
}

// root opens one argument.
func (x *finder) root(r root) error {
	info, err := os.Stat(r.path)
	if err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		x.folder(r.path, r.name, 0)
	case mode.IsRegular():
		x.file(r.path, r.name, info.Size(), true)
	case mode&fs.ModeNamedPipe != 0:
		return x.spoolPipe(r)
	default:
		x.refuse(r.name, "neither a file nor a folder nor a pipe")
	}
	return nil
}

// folder walks a folder. Links are not followed: they may lead out of the folder
// or round in circles.
func (x *finder) folder(path, name string, depth int) {
	if depth > maxFolderDepth {
		x.refuse(name, "folders are nested too deep")
		return
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		x.refuse(name, plainReason(err))
	}
	for _, e := range entries {
		full, shown := filepath.Join(path, e.Name()), name+"/"+e.Name()
		switch {
		case e.IsDir() && slices.Contains(versionControl, e.Name()):
			x.skip(shown, "version control data")
		case e.IsDir():
			x.folder(full, shown, depth+1)
		case e.Type()&fs.ModeSymlink != 0:
			x.link(full, shown)
		case e.Type().IsRegular():
			x.entry(full, shown, e)
		default:
			x.refuse(shown, "neither a file nor a folder")
		}
	}
}

// versionControl names folders that hold no telemetry.
var versionControl = []string{".git", ".hg", ".svn"}

func (x *finder) entry(full, shown string, e fs.DirEntry) {
	if why := litter(e.Name()); why != "" {
		x.skip(shown, why)
		return
	}
	info, err := e.Info()
	if err != nil {
		x.refuse(shown, plainReason(err))
		return
	}
	x.file(full, shown, info.Size(), false)
}

// link reports a symbolic link met in a folder. One that names a file beside or
// below it leads to nothing that is not read anyway.
func (x *finder) link(full, shown string) {
	target, err := filepath.EvalSymlinks(full)
	if err == nil {
		rel, relErr := filepath.Rel(resolved(filepath.Dir(full)), target)
		if relErr == nil && filepath.IsLocal(rel) && rel != "." {
			x.skip(shown, "a symbolic link to "+filepath.ToSlash(rel)+", which is read itself")
			return
		}
	}
	x.refuse(shown, "a symbolic link met in a folder is not followed; name its target to have it read")
}

func resolved(path string) string {
	if r, err := filepath.EvalSymlinks(path); err == nil {
		return r
	}
	return path
}

// file opens one regular file.
func (x *finder) file(path, name string, size int64, explicit bool) {
	x.members, x.bottom = 0, size
	x.expand(fileBlob(path, name, size, explicit), nil, x.opt.Depth)
}

func (x *finder) refuse(name, reason string) {
	x.found.Refused = append(x.found.Refused, Refusal{Name: name, Reason: reason})
}

func (x *finder) skip(name, reason string) {
	x.found.Skipped = append(x.found.Skipped, Refusal{Name: name, Reason: reason})
}

// litter tells why a file that stands in a folder or an archive is certainly no
// telemetry, by the names that operating systems give their own files.
func litter(base string) string {
	switch {
	case base == ".DS_Store" || base == "Thumbs.db" || base == "desktop.ini":
		return "a file of the desktop"
	case strings.HasPrefix(base, "._"):
		return "macOS metadata of another file"
	}
	return ""
}

// plainReason is an error without the path, which the refusal names already.
func plainReason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Op + ": " + p.Err.Error()
	}
	return err.Error()
}
