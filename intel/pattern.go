package intel

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// patternTarget is one address that a STIX pattern asks for, with the port where
// the same observation names one.
type patternTarget struct {
	address string
	port    uint16
}

// Bounds on a pattern: one that needs more is refused.
const (
	maxPattern        = 64 << 10 // bytes
	maxPatternDepth   = 32
	maxPatternTargets = 10_000
)

var (
	errNoAddress = errors.New("pattern asks for no address")
	errNarrower  = errors.New("pattern needs more than an address")
)

// parsePattern is the addresses that a STIX 2.1 pattern asks for: comparisons of
// ipv4-addr, ipv6-addr and network-traffic values with =, IN and ISSUBSET, under
// AND and OR, in one or several observations.
//
// Errors: a pattern that needs more than an address to match is refused as a
// whole branch, since an address alone would match too much: a hash, a domain or
// a negation under AND. errNarrower where only such are left, errNoAddress where
// no address is asked for.
// Source: STIX 2.1 part 9.
func parsePattern(text string) ([]patternTarget, error) {
	if len(text) > maxPattern {
		return nil, errors.New("pattern too long")
	}
	tokens, err := patternTokens(text)
	if err != nil {
		return nil, err
	}
	p := &patternParser{tokens: tokens}
	e, err := p.observations(0)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.tokens) {
		return nil, fmt.Errorf("pattern: %q not expected", p.peek().text)
	}
	var out []patternTarget
	seen := make(map[patternTarget]bool)
	for _, b := range e {
		for _, t := range b.targets() {
			if !seen[t] && len(out) < maxPatternTargets {
				seen[t] = true
				out = append(out, t)
			}
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	for _, b := range e {
		if len(b.addresses) > 0 {
			return nil, errNarrower
		}
	}
	return nil, errNoAddress
}

// branch is one way for a pattern to match: all that stands under AND.
type branch struct {
	addresses []string
	ports     []uint16
	more      bool // needs something that is neither an address nor a port
}

func (b *branch) targets() []patternTarget {
	if b.more {
		return nil
	}
	var out []patternTarget
	for _, a := range b.addresses {
		if len(b.ports) == 0 {
			out = append(out, patternTarget{address: a})
		}
		for _, p := range b.ports {
			out = append(out, patternTarget{address: a, port: p})
		}
	}
	return out
}

// either joins alternatives; beyond the bound the rest is left out.
func either(a, b []branch) []branch {
	if len(a)+len(b) > maxPatternTargets {
		return a
	}
	return append(a, b...)
}

// both is every way of matching a and b.
func both(a, b []branch) ([]branch, error) {
	const most = 4096
	if len(a)*len(b) > most {
		return nil, errors.New("pattern too large")
	}
	var out []branch
	size := 0
	for _, x := range a {
		for _, y := range b {
			j := branch{more: x.more || y.more}
			j.addresses = append(append(j.addresses, x.addresses...), y.addresses...)
			j.ports = append(append(j.ports, x.ports...), y.ports...)
			if size += len(j.addresses) + len(j.ports) + 1; size > maxPatternTargets {
				return nil, errors.New("pattern too large")
			}
			out = append(out, j)
		}
	}
	return out, nil
}

type patternToken struct {
	text   string
	quoted bool
}

func (t patternToken) is(word string) bool { return !t.quoted && strings.EqualFold(t.text, word) }

func patternTokens(text string) ([]patternToken, error) {
	var out []patternToken
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
		case c == '\'':
			s, n, err := patternString(text[i+1:])
			if err != nil {
				return nil, err
			}
			out = append(out, patternToken{s, true})
			i += n + 1
		case strings.IndexByte("[](),", c) >= 0:
			out = append(out, patternToken{text: string(rune(c))})
			i++
		case strings.IndexByte("=!<>", c) >= 0:
			n := 1
			for i+n < len(text) && strings.IndexByte("=!<>", text[i+n]) >= 0 {
				n++
			}
			out = append(out, patternToken{text: text[i : i+n]})
			i += n
		default:
			n := wordEnd(text[i:])
			out = append(out, patternToken{text: text[i : i+n]})
			i += n
		}
	}
	return out, nil
}

// wordEnd is the length of a word. An index such as protocols[0] belongs to it.
func wordEnd(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			if i == 0 {
				return 1
			}
			depth++
		case ']':
			if depth == 0 {
				return max(i, 1)
			}
			depth--
		case ' ', '\t', '\r', '\n', '=', '!', '<', '>', '(', ')', ',', '\'':
			if depth == 0 {
				return max(i, 1)
			}
		}
	}
	return len(s)
}

// patternString reads a string to its closing quote; n counts the bytes used.
func patternString(s string) (value string, n int, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == '\'':
			return b.String(), i + 1, nil
		default:
			b.WriteByte(s[i])
		}
	}
	return "", 0, errors.New("pattern: quote not closed")
}

type patternParser struct {
	tokens []patternToken
	at     int
}

func (p *patternParser) peek() patternToken {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return patternToken{}
}

func (p *patternParser) take(word string) bool {
	if p.at < len(p.tokens) && p.peek().is(word) {
		p.at++
		return true
	}
	return false
}

func (p *patternParser) want(word string) error {
	if !p.take(word) {
		return fmt.Errorf("pattern: %q wanted, %q found", word, clip(p.peek().text, maxCategory))
	}
	return nil
}

// observations reads observations joined by OR, AND and FOLLOWEDBY. AND binds
// tighter than OR; FOLLOWEDBY loosest of all, as the standard has it.
func (p *patternParser) observations(depth int) ([]branch, error) {
	left, err := p.observationsOr(depth)
	for err == nil && p.take("FOLLOWEDBY") {
		var right []branch
		if right, err = p.observationsOr(depth); err == nil {
			left, err = both(left, right)
		}
	}
	return left, err
}

func (p *patternParser) observationsOr(depth int) ([]branch, error) {
	left, err := p.observationsAnd(depth)
	for err == nil && p.take("OR") {
		var right []branch
		right, err = p.observationsAnd(depth)
		left = either(left, right)
	}
	return left, err
}

func (p *patternParser) observationsAnd(depth int) ([]branch, error) {
	left, err := p.observation(depth)
	for err == nil && p.take("AND") {
		var right []branch
		if right, err = p.observation(depth); err == nil {
			left, err = both(left, right)
		}
	}
	return left, err
}

func (p *patternParser) observation(depth int) ([]branch, error) {
	if depth > maxPatternDepth {
		return nil, errors.New("pattern nested too deeply")
	}
	var out []branch
	var err error
	switch {
	case p.take("("):
		if out, err = p.observations(depth + 1); err == nil {
			err = p.want(")")
		}
	case p.take("["):
		if out, err = p.comparisons(depth + 1); err == nil {
			err = p.want("]")
		}
	default:
		return nil, fmt.Errorf("pattern: observation wanted, %q found", clip(p.peek().text, maxCategory))
	}
	if err == nil {
		err = p.qualifiers()
	}
	return out, err
}

// qualifiers are passed over: how often and when says nothing about where.
func (p *patternParser) qualifiers() error {
	for {
		switch {
		case p.take("WITHIN"), p.take("REPEATS"):
			p.at++ // the number
			if !p.take("SECONDS") && !p.take("TIMES") {
				return errors.New("pattern: qualifier not understood")
			}
		case p.take("START"), p.take("STOP"):
			p.take("t")
			p.at++ // the instant
		default:
			return nil
		}
	}
}

func (p *patternParser) comparisons(depth int) ([]branch, error) {
	left, err := p.comparisonsAnd(depth)
	for err == nil && p.take("OR") {
		var right []branch
		right, err = p.comparisonsAnd(depth)
		left = either(left, right)
	}
	return left, err
}

func (p *patternParser) comparisonsAnd(depth int) ([]branch, error) {
	left, err := p.comparison(depth)
	for err == nil && p.take("AND") {
		var right []branch
		if right, err = p.comparison(depth); err == nil {
			left, err = both(left, right)
		}
	}
	return left, err
}

func (p *patternParser) comparison(depth int) ([]branch, error) {
	if depth > maxPatternDepth {
		return nil, errors.New("pattern nested too deeply")
	}
	if p.take("(") {
		out, err := p.comparisons(depth + 1)
		if err == nil {
			err = p.want(")")
		}
		return out, err
	}
	if p.take("EXISTS") {
		p.at++
		return []branch{{more: true}}, nil
	}
	path, err := p.path()
	if err != nil {
		return nil, err
	}
	negated := p.take("NOT")
	operator := strings.ToUpper(p.peek().text)
	p.at++
	if p.take("NOT") {
		negated = true
	}
	values, err := p.values()
	if err != nil {
		return nil, err
	}
	return comparisonBranches(path, operator, negated, values), nil
}

func (p *patternParser) path() (string, error) {
	t := p.peek()
	if t.quoted || !strings.Contains(t.text, ":") {
		return "", fmt.Errorf("pattern: object path wanted, %q found", clip(t.text, maxCategory))
	}
	p.at++
	path := t.text
	for p.at < len(p.tokens) && p.peek().quoted { // file:hashes.'SHA-256'
		path += p.peek().text
		p.at++
	}
	return strings.ToLower(path), nil
}

func (p *patternParser) values() ([]string, error) {
	if !p.take("(") {
		if p.at >= len(p.tokens) {
			return nil, errors.New("pattern: value wanted")
		}
		v := p.peek().text
		if p.at++; !p.tokens[p.at-1].quoted && len(v) == 1 && p.at < len(p.tokens) && p.peek().quoted {
			v = p.peek().text // t'2026-01-01T00:00:00Z', h'0a', b'...'
			p.at++
		}
		return []string{v}, nil
	}
	var out []string
	for !p.take(")") {
		if p.at >= len(p.tokens) || len(out) > maxPatternTargets {
			return nil, errors.New("pattern: list not closed")
		}
		if !p.take(",") {
			out = append(out, p.peek().text)
			p.at++
		}
	}
	return out, nil
}

// comparisonBranches is what one comparison asks for. What merely repeats the
// kind of the object or names the protocol narrows nothing that matters.
func comparisonBranches(path, operator string, negated bool, values []string) []branch {
	object, property, _ := strings.Cut(path, ":")
	equal := !negated && (operator == "=" || operator == "==" || operator == "IN" || operator == "ISSUBSET")
	switch {
	case !equal:
		return []branch{{more: true}}
	case property == "value" && (object == "ipv4-addr" || object == "ipv6-addr"),
		object == "network-traffic" && (property == "src_ref.value" || property == "dst_ref.value"):
		out := make([]branch, 0, len(values))
		for _, v := range values {
			out = append(out, branch{addresses: []string{v}})
		}
		return out
	case object == "network-traffic" && (strings.HasSuffix(property, "_ref.type") || strings.HasPrefix(property, "protocols")):
		return []branch{{}}
	case object == "network-traffic" && (property == "dst_port" || property == "src_port"):
		return portBranches(values)
	}
	return []branch{{more: true}}
}

func portBranches(values []string) []branch {
	out := make([]branch, 0, len(values))
	for _, v := range values {
		n, err := strconv.ParseUint(v, 10, 16)
		if err != nil {
			return []branch{{more: true}}
		}
		out = append(out, branch{ports: []uint16{uint16(n)}})
	}
	return out
}
