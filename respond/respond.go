// Package respond renders a case as files for machines: packet filter, intrusion
// detection, indicators. It decides nothing: what to block, for how long and why
// stands in the case. It refuses what would cut the owner off.
//
// Every text of a case may have been written by an attacker; each target escapes
// for its own language.
package respond

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"netcase"
)

// Target is one kind of file that a case is rendered as.
type Target struct {
	Name   string
	Doc    string
	Render func(*Plan) (map[string][]byte, error) // path in the case folder -> content
}

// Targets lists every target, in the order in which they are rendered.
func Targets() []Target {
	return []Target{nftables, suricata, iocs, stix}
}

// Options are what the case itself does not say.
type Options struct {
	Targets []string     // names; empty: all
	Now     netcase.Time // of the rendering; zero: the issue of the case
	TLP     string       // TLP 2.0 label without "TLP:"; empty: AMBER
	Known   KnownService // shared services beyond those that the package knows; may be nil
	Guard   *Guard       // nil: GuardFor(case, Known)
}

// ErrExpired is the error where every rule of a case has expired. The files that
// come with it are what removes the rules.
var ErrExpired = errors.New("every rule of this case has expired: renew it only on a new sighting")

// ExpiredFile lists what has expired, for removal.
const ExpiredFile = "response/expired.txt"

// Respond is the content of the response and indicator files of a case, by their
// path in the case folder. The case is read, not kept.
//
// Rules that have expired at opt.Now are left out and listed in
// response/expired.txt; where nothing else is left the error is ErrExpired.
func Respond(c *netcase.Case, opt Options) (map[string][]byte, error) {
	targets, err := chosen(opt.Targets)
	if err != nil {
		return nil, err
	}
	p, err := NewPlan(c, opt)
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, t := range targets {
		files, err := t.Render(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		maps.Copy(out, files)
	}
	if len(p.Expired) > 0 {
		out[ExpiredFile] = expiryNotice(p)
	}
	if p.Lapsed() {
		return out, ErrExpired
	}
	return out, nil
}

func chosen(names []string) ([]Target, error) {
	all := Targets()
	if len(names) == 0 {
		return all, nil
	}
	var out []Target
	for _, t := range all {
		if slices.Contains(names, t.Name) {
			out = append(out, t)
		}
	}
	for _, n := range names {
		if !slices.ContainsFunc(all, func(t Target) bool { return t.Name == n }) {
			return nil, fmt.Errorf("target %q: want one of %s", n, strings.Join(targetNames(), ", "))
		}
	}
	return out, nil
}

func targetNames() []string {
	var out []string
	for _, t := range Targets() {
		out = append(out, t.Name)
	}
	return out
}

func expiryNotice(p *Plan) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "Expired rules of case %s, as of %s. Not written; remove them where they are loaded.\n", oneLine(p.Case.ID, maxName), p.Now)
	b.WriteString("Renew a rule only on a new sighting.\n\n")
	for _, l := range p.Expired {
		fmt.Fprintf(&b, "%s  expired %s  %s\n", oneLine(l.Action, maxName), l.Until, oneLine(l.Title, maxText))
	}
	return []byte(b.String())
}

// Longest texts that are carried into a file, in characters.
const (
	maxName = 64
	maxText = 200
)

// oneLine is a text on one line, without control and format characters, at most
// max characters long.
func oneLine(s string, max int) string {
	var b strings.Builder
	n, gap := 0, false
	for _, r := range s {
		if n >= max {
			b.WriteString("…")
			break
		}
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r):
			gap = b.Len() > 0
			continue
		case r == unicode.ReplacementChar, !unicode.IsPrint(r):
			r = '?'
		}
		if gap {
			b.WriteByte(' ')
			n++
			gap = false
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// plain is oneLine in printable ASCII, without the characters in cut; what has no
// place there becomes a question mark.
func plain(s string, max int, cut string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '…':
			return '.'
		case r == '–' || r == '—':
			return '-'
		case r < ' ' || r > '~' || strings.ContainsRune(cut, r):
			return '?'
		}
		return r
	}, oneLine(s, max))
}

// word is a text as one word of letters, digits, '-' and '_'; empty text is "x".
func word(s string, max int) string {
	s = strings.Map(func(r rune) rune {
		if r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_') {
			return r
		}
		return '-'
	}, oneLine(s, max))
	s = strings.Trim(s, "-")
	if s == "" {
		return "x"
	}
	return s
}

// family is the IPv4 prefixes of a list, or the others.
func family(list []netip.Prefix, v4 bool) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		if p.Addr().Is4() == v4 {
			out = append(out, p)
		}
	}
	return out
}
