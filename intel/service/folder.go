package service

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"netcase"
)

// Folder is a cache and a ledger in plain files under one folder of the user:
//
//	answers/PROVIDER/OBSERVABLE/RETRIEVED.json    what was said, with when
//	spent/DAY/ACCOUNT.json                        what was spent
//
// A file is written beside its place and then renamed, so that a reader, also after
// a crash, sees a whole one or none. Two processes that spend at the same moment may
// lose one count.
type Folder struct {
	dir string
	mu  sync.Mutex
}

// NewFolder keeps answers under dir, which is made when the first one comes.
func NewFolder(dir string) *Folder { return &Folder{dir: dir} }

// stored is an Answer with its body.
type stored struct {
	Answer
	Raw []byte `json:"body"`
}

// Get is the newest answer retrieved at or before asOf. A file whose body is not
// what was written counts as not there.
func (f *Folder) Get(provider, observable string, asOf netcase.Time) (Answer, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	dir := f.answers(provider, observable)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return Answer{}, false, absent(err)
	}
	for i := len(entries) - 1; i >= 0; i-- { // names begin with the time, so the newest is the last
		var s stored
		if err := readJSON(filepath.Join(dir, entries[i].Name()), &s); err != nil {
			continue
		}
		whole := digest(s.Raw) == s.SHA256 && s.Provider == provider && s.Observable == observable
		if whole && (!asOf.Known() || s.RetrievedAt <= asOf) {
			s.Body = s.Raw
			return s.Answer, true, nil
		}
	}
	return Answer{}, false, nil
}

// Put keeps an answer beside earlier ones.
func (f *Folder) Put(a Answer) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	name := a.RetrievedAt.Std().Format("20060102T150405.000Z") + ".json"
	return writeJSON(filepath.Join(f.answers(a.Provider, a.Observable), name), stored{a, a.Body})
}

// Spent is what an account spent on a day.
func (f *Folder) Spent(account, day string) (s Spending, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return s, absent(readJSON(f.spending(account, day), &s))
}

// Spend adds n questions.
func (f *Folder) Spend(account, day string, n int) error {
	return f.change(account, day, func(s *Spending) { s.Asked += n })
}

// Close notes that the service said no.
func (f *Folder) Close(account, day string, until netcase.Time, why string) error {
	return f.change(account, day, func(s *Spending) { s.Until, s.Closed = until, why })
}

func (f *Folder) change(account, day string, how func(*Spending)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var s Spending
	path := f.spending(account, day)
	if err := absent(readJSON(path, &s)); err != nil {
		return err // what cannot be read must not be spent twice
	}
	how(&s)
	return writeJSON(path, s)
}

func (f *Folder) answers(provider, observable string) string {
	return filepath.Join(f.dir, "answers", fileName(provider), fileName(observable))
}

func (f *Folder) spending(account, day string) string {
	return filepath.Join(f.dir, "spent", fileName(day), fileName(account)+".json")
}

// fileName is a text as a name that every system can hold: what may not stand in one
// becomes "_", as the colons of IPv6 and the slash of a network do. Answers carry
// the text itself, so that two of one name are told apart.
func fileName(text string) string {
	name := strings.Map(func(r rune) rune {
		if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}, text)
	name = strings.Trim(name, ".")
	return cmp.Or(name, "_")
}

func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeJSON puts a file into its place in one step, readable by the user alone.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	t, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = t.Write(append(b, '\n'))
	if err == nil {
		err = t.Sync()
	}
	if err = errors.Join(err, t.Close()); err == nil {
		err = os.Rename(t.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(t.Name()))
	}
	return nil
}
