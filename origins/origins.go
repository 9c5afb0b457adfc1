// Package origins knows who hands on whose claims, so that a copy has no vote of its own. The
// table is data: the one that is built in, and what a user adds to it.
package origins

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

//go:embed origins-v1.yaml
var builtIn []byte

// Table says who hands on whom. Names are compared folded, see Fold.
type Table struct {
	version   string
	families  map[string][]string // folded; in the order in which they are looked for
	citations []Citation
	decay     []Decay
	sum       string
}

// Models of decay: how a claim loses weight with its age.
const (
	OpenCTI  = "opencti-ip" // OpenCTI's rule for addresses, 47 days: the default
	MISPNIDS = "misp-nids"  // MISP's polynomial model for network indicators, 120 days
)

// Decay is the model for the claims of a source, or of a kind; what is empty is any.
type Decay struct {
	Source string `yaml:"source"` // the provider or the origin
	Claim  string `yaml:"claim"`
	Model  string `yaml:"model"`
}

// Citation is a list that hands on the claims of one origin.
type Citation struct {
	Provider string `yaml:"provider"` // who hands on
	Feed     string `yaml:"feed"`     // part of the list's name; empty: all of the provider's
	Origin   string `yaml:"origin"`   // who made the claims
}

// file is what a table looks like as YAML.
type file struct {
	Version   string              `yaml:"version"`
	Names     map[string][]string `yaml:"names"`
	Public    []string            `yaml:"public"`
	Families  map[string][]string `yaml:"families"`
	Citations []Citation          `yaml:"citations"`
	Decay     []Decay             `yaml:"decay"`
}

// public stands in a family for every list that is published for everyone.
const public = "@public"

// parsed is the table that is built in, and every other name of a maker.
var parsed = sync.OnceValue(func() (out struct {
	file  file
	names map[string]string
	table *Table
}) {
	if err := decode(builtIn, &out.file); err != nil {
		panic(err) // it is part of the program, and a test reads it
	}
	out.names = map[string]string{}
	for name, others := range out.file.Names {
		for _, o := range others {
			out.names[o] = name
		}
	}
	return out
})

// builtInTable is made apart, since folding needs the names.
var builtInTable = sync.OnceValue(func() *Table {
	f := parsed().file
	t := &Table{version: f.Version, families: map[string][]string{}, sum: digest(builtIn)}
	t.add(f.Families, f.Public)
	return t
})

// Default is the table that is built in.
func Default() *Table { return builtInTable() }

// Fold is a name without case, blanks and marks, and one name for a maker who has several.
func Fold(name string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r > 127:
			return r
		case r >= 'A' && r <= 'Z':
			return r + ('a' - 'A')
		}
		return -1
	}, name)
	if one, ok := parsed().names[s]; ok {
		return one
	}
	return s
}

// Parse reads what a user adds: families, which take the place of built-in ones of the same
// name, citations, and models of decay.
//
// Errors: an unknown key or another type, with line and column; an empty name, with its key.
func Parse(text []byte) (*Table, error) {
	var f file
	if err := decode(text, &f); err != nil {
		return nil, err
	}
	if len(f.Names)+len(f.Public) > 0 || f.Version != "" {
		return nil, errors.New("only families, citations and decay can be added")
	}
	if err := f.check(text); err != nil {
		return nil, err
	}
	d := Default()
	t := &Table{version: d.version + " and the user's", families: map[string][]string{}, citations: f.Citations, decay: f.Decay, sum: digest(builtIn, text)}
	for k, v := range d.families {
		t.families[k] = v
	}
	t.add(f.Families, parsed().file.Public)
	return t, nil
}

func (f *file) check(text []byte) error {
	for name, from := range f.Families {
		if Fold(name) == "" || len(from) == 0 {
			return fmt.Errorf("line %d: families: %q: want a name, and whose claims it hands on", lineOf(text, name), name)
		}
		for _, o := range from {
			if o != public && (Fold(o) == "" || Fold(o) == Fold(name)) {
				return fmt.Errorf("line %d: families: %s: %q is no other maker", lineOf(text, name), name, o)
			}
		}
	}
	for i, c := range f.Citations {
		if Fold(c.Provider) == "" || Fold(c.Origin) == "" || Fold(c.Provider) == Fold(c.Origin) {
			return fmt.Errorf("line %d: citations: entry %d: want a provider and another origin", lineOf(text, "citations"), i+1)
		}
	}
	for i, d := range f.Decay {
		if d.Model != OpenCTI && d.Model != MISPNIDS {
			return fmt.Errorf("line %d: decay: entry %d: model %q, want %s or %s", lineOf(text, "decay"), i+1, d.Model, OpenCTI, MISPNIDS)
		}
	}
	return nil
}

// lineOf is the line on which a key stands.
func lineOf(text []byte, key string) int {
	n := 1
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.HasPrefix(strings.Trim(line, " \"'-{"), key) {
			return n
		}
		n++
	}
	return 1
}

func decode(text []byte, f *file) error {
	err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(f)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (t *Table) add(families map[string][]string, lists []string) {
	for name, from := range families {
		var all []string
		for _, o := range from {
			if o == public {
				for _, p := range lists {
					all = append(all, Fold(p))
				}
				continue
			}
			all = append(all, Fold(o))
		}
		t.families[Fold(name)] = all
	}
}

// Group is the folded name of the origin whose vote a claim of this origin shares: the first
// of its family that is present, else itself.
func (t *Table) Group(origin string, present func(folded string) bool) string {
	origin = Fold(origin)
	for _, from := range t.families[origin] {
		if present(from) {
			return from
		}
	}
	return origin
}

// Cited is who made the claims of a list that hands them on; empty: it is not said.
func (t *Table) Cited(provider, feed string) string {
	for _, c := range t.citations {
		if Fold(c.Provider) == Fold(provider) && strings.Contains(strings.ToLower(feed), strings.ToLower(c.Feed)) {
			return c.Origin
		}
	}
	return ""
}

// DecayOf is the model for a claim: that of the first entry that is for its maker, or for who
// hands it on, and for its kind. Empty: the default.
func (t *Table) DecayOf(provider, origin, claim string) string {
	for _, d := range t.decay {
		source := Fold(d.Source)
		if (source == "" || source == Fold(provider) || source == Fold(origin)) && (d.Claim == "" || strings.EqualFold(d.Claim, claim)) {
			return d.Model
		}
	}
	return ""
}

// String names the table: version and hash.
func (t *Table) String() string { return "origins " + t.version + " sha256:" + t.sum }

func digest(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}
