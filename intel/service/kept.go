package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Index is the file beside the kept answers that says what they answer and when they
// were retrieved; the answers themselves are raw.
const Index = "answers.json"

// indexFormat is the version of the layout.
const indexFormat = 1

// Kept is the answers that a case keeps, and what it says was not asked. A nil Kept
// is empty.
type Kept struct {
	Result
}

type keptIndex struct {
	Format  int          `json:"format"`
	Answers []keptAnswer `json:"answers"`
	Unasked []Unasked    `json:"unasked"`
	Failed  []Failure    `json:"failed"`
}

type keptAnswer struct {
	Answer
	File string `json:"file"` // relative to the index
}

// Files are the answers as a case keeps them, by path: LOOKUP/OBSERVABLE.json with
// what the service sent, and the index.
//
// Errors: none but that a path would stand for two answers.
func (r *Result) Files() (map[string][]byte, error) {
	files := map[string][]byte{}
	index := keptIndex{Format: indexFormat, Answers: []keptAnswer{}, Unasked: r.Unasked, Failed: r.Failed}
	for _, a := range r.Answers {
		k := keptAnswer{a, path.Join(fileName(a.Provider), fileName(a.Observable)+".json")}
		if _, taken := files[k.File]; taken {
			return nil, fmt.Errorf("%s: it would hold two answers", k.File)
		}
		files[k.File] = a.Body
		index.Answers = append(index.Answers, k)
	}
	b, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return nil, err
	}
	files[Index] = append(b, '\n')
	return files, nil
}

// IsKept tells whether a folder holds kept answers.
func IsKept(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, Index))
	return err == nil && info.Mode().IsRegular()
}

// maxIndex bounds the index: it is read as a whole.
const maxIndex = 256 << 20

// ReadKept reads what Files wrote. An answer whose bytes are not what they were is
// left out, and said to be unasked.
//
// Errors: an index that cannot be read. That there is none is fs.ErrNotExist.
func ReadKept(dir string) (*Kept, error) {
	name := filepath.Join(dir, Index)
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxIndex {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, maxIndex)
	}
	var index keptIndex
	if err := readJSON(name, &index); err != nil {
		return nil, err
	}
	if index.Format != indexFormat {
		return nil, fmt.Errorf("%s: format %d, and this version reads format %d", name, index.Format, indexFormat)
	}
	k := &Kept{Result{Unasked: index.Unasked, Failed: index.Failed}}
	for _, a := range index.Answers {
		body, err := readAnswer(dir, a)
		if err != nil {
			k.Errors = append(k.Errors, fmt.Errorf("%s: %s: %w", name, a.File, err))
			if addr, aerr := netip.ParseAddr(a.Observable); aerr == nil {
				k.Unasked = append(k.Unasked, Unasked{a.Provider, addr, "the kept answer is not what was written"})
			}
			continue
		}
		a.Body = body
		k.Answers = append(k.Answers, a.Answer)
	}
	k.sort()
	return k, nil
}

func readAnswer(dir string, a keptAnswer) ([]byte, error) {
	if !fs.ValidPath(a.File) {
		return nil, errors.New("not a path inside the folder")
	}
	file := filepath.Join(dir, filepath.FromSlash(a.File))
	info, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > DefaultConfig().MaxBody {
		return nil, errors.New("not a file, or too large for an answer")
	}
	body, err := os.ReadFile(file)
	if err == nil && digest(body) != a.SHA256 {
		err = errors.New("not what was written: its hash differs")
	}
	return body, err
}

// answer is the kept answer of a look-up about an observable.
func (k *Kept) answer(lookup, about string) (Answer, bool) {
	if k == nil {
		return Answer{}, false
	}
	i, ok := slices.BinarySearchFunc(k.Answers, [2]string{lookup, about}, func(a Answer, want [2]string) int {
		if c := strings.Compare(a.Provider, want[0]); c != 0 {
			return c
		}
		return strings.Compare(a.Observable, want[1])
	})
	if !ok {
		return Answer{}, false
	}
	return k.Answers[i], true
}

// about is what is kept on the addresses of a plan, for look-ups other than those
// that are asked anew.
func (k *Kept) about(plan []netip.Addr, anew map[string]bool) (out Result) {
	if k == nil {
		return out
	}
	wanted := map[netip.Addr]bool{}
	for _, a := range plan {
		wanted[a.Unmap()] = true
	}
	for _, a := range k.Answers {
		if !anew[a.Provider] && concerns(a.Observable, wanted, plan) {
			out.Answers = append(out.Answers, a)
		}
	}
	seen := map[string]bool{}
	for _, u := range k.Unasked {
		if !anew[u.Lookup] && wanted[u.Address] {
			out.Unasked = append(out.Unasked, u)
			seen[u.Lookup] = true
		}
	}
	for _, f := range k.Failed {
		if !anew[f.Lookup] && seen[f.Lookup] {
			out.Failed = append(out.Failed, f)
		}
	}
	return out
}

func concerns(observable string, wanted map[netip.Addr]bool, plan []netip.Addr) bool {
	if a, err := netip.ParseAddr(observable); err == nil {
		return wanted[a]
	}
	p, err := netip.ParsePrefix(observable)
	return err == nil && slices.ContainsFunc(plan, func(a netip.Addr) bool { return p.Contains(a.Unmap()) })
}

// Without is the result without what it says was not asked of some look-ups: they
// are asked anew.
func (r Result) Without(lookups map[string]bool) Result {
	r.Unasked = slices.DeleteFunc(slices.Clone(r.Unasked), func(u Unasked) bool { return lookups[u.Lookup] })
	r.Failed = slices.DeleteFunc(slices.Clone(r.Failed), func(f Failure) bool { return lookups[f.Lookup] })
	return r
}

// Merge is several results as one. Of two answers to one question the later stands.
func Merge(results ...Result) (out Result) {
	at := map[[2]string]int{}
	for _, r := range results {
		for _, a := range r.Answers {
			k := [2]string{a.Provider, a.Observable}
			if i, ok := at[k]; !ok {
				at[k] = len(out.Answers)
				out.Answers = append(out.Answers, a)
			} else if a.RetrievedAt > out.Answers[i].RetrievedAt {
				out.Answers[i] = a
			}
		}
		for _, u := range r.Unasked {
			if !slices.Contains(out.Unasked, u) {
				out.Unasked = append(out.Unasked, u)
			}
		}
		for _, f := range r.Failed {
			if !slices.Contains(out.Failed, f) {
				out.Failed = append(out.Failed, f)
			}
		}
		out.Errors = append(out.Errors, r.Errors...)
	}
	out.sort()
	return out
}
