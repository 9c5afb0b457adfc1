package intel

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"

	"go4.org/netipx"
)

// target is what one address text names: one prefix, or several where it was a
// range, and the port where it said one.
type target struct {
	prefixes []netip.Prefix
	port     uint16
}

// maxToken bounds the text that is looked at as an address: the longest IPv6
// range with zones and defanging stays well below; URLs are cut at their host.
const maxToken = 4096

// parseTarget reads an IP, a CIDR, a range a-b, an ip:port, a [v6]:port, or a
// URL whose host is an address, defanged or not. It is false for everything
// else: domains, hashes, words.
func parseTarget(text string) (target, bool) {
	text = strings.TrimSpace(text)
	if a, err := netip.ParseAddr(text); err == nil { // the usual case first
		return single(a, 0)
	}
	if text == "" || len(text) > maxToken {
		return target{}, false
	}
	text = refang(strings.Trim(text, `"'`))
	if i := strings.Index(text, "://"); i >= 0 {
		return parseURL(text[:i], text[i+3:])
	}
	if p, ok := parsePrefix(text); ok {
		return target{prefixes: []netip.Prefix{p}}, true
	}
	if i := strings.IndexByte(text, '-'); i > 0 {
		return parseRange(text[:i], text[i+1:])
	}
	return parseHostPort(text)
}

// Named are the addresses and networks that a line names, written as lists and people write
// them: defanged, with a port, as a range, before a comma or a comment. It is false where
// the line does not begin with one.
func Named(line string) ([]netip.Prefix, bool) {
	word, _, _ := splitListLine([]byte(line))
	t, ok := parseTarget(word)
	return t.prefixes, ok
}

func single(a netip.Addr, port uint16) (target, bool) {
	a = a.Unmap().WithZone("")
	return target{prefixes: []netip.Prefix{netip.PrefixFrom(a, a.BitLen())}, port: port}, true
}

// parsePrefix reads an address or a CIDR; host bits are cleared, a zone is
// dropped, and ::ffff:a.b.c.d/n is IPv4.
func parsePrefix(text string) (netip.Prefix, bool) {
	host, length, cidr := strings.Cut(text, "/")
	if i := strings.IndexByte(host, '%'); i >= 0 {
		host = host[:i]
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if cidr {
		if bits, err = strconv.Atoi(length); err != nil || bits < 0 || bits > a.BitLen() {
			return netip.Prefix{}, false
		}
	}
	if a.Is4In6() && bits >= 96 {
		a, bits = a.Unmap(), bits-96
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}

func parseRange(from, to string) (target, bool) {
	a, err1 := netip.ParseAddr(strings.TrimSpace(from))
	b, err2 := netip.ParseAddr(strings.TrimSpace(to))
	if err1 != nil || err2 != nil {
		return target{}, false
	}
	r := netipx.IPRangeFrom(a.Unmap().WithZone(""), b.Unmap().WithZone(""))
	if !r.IsValid() {
		return target{}, false
	}
	return target{prefixes: r.Prefixes()}, true
}

func parseHostPort(text string) (target, bool) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return bracketed(text, 0)
	}
	port, err := strconv.ParseUint(text[i+1:], 10, 16)
	if err != nil {
		return bracketed(text, 0)
	}
	if text[0] == '[' {
		return bracketed(text[:i], uint16(port))
	}
	a, err := netip.ParseAddr(text[:i])
	if err != nil || !a.Is4() { // an IPv6 address with a port needs brackets
		return target{}, false
	}
	return single(a, uint16(port))
}

func bracketed(text string, port uint16) (target, bool) {
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return target{}, false
	}
	a, err := netip.ParseAddr(text[1 : len(text)-1])
	if err != nil {
		return target{}, false
	}
	return single(a, port)
}

// parseURL is the address in the place of a host, with the port that the URL
// says or that its scheme means.
func parseURL(scheme, rest string) (target, bool) {
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	t, ok := target{}, false
	if a, err := netip.ParseAddr(rest); err == nil {
		t, ok = single(a, 0)
	} else if rest != "" {
		t, ok = parseHostPort(rest)
	}
	if ok && t.port == 0 {
		t.port = map[string]uint16{"http": 80, "https": 443, "ftp": 21}[strings.ToLower(scheme)]
	}
	return t, ok
}

// refang undoes the usual ways of making an address harmless to click on.
func refang(s string) string {
	if !strings.ContainsAny(s, "[({") && !strings.HasPrefix(strings.ToLower(s), "hxxp") {
		return s
	}
	s = refangDots.Replace(s)
	if len(s) > 4 && strings.EqualFold(s[:4], "hxxp") {
		s = "http" + s[4:]
	}
	return s
}

var refangDots = strings.NewReplacer("[.]", ".", "(.)", ".", "{.}", ".", "[dot]", ".", "(dot)", ".",
	"[:]", ":", "[://]", "://", "[/]", "/")

// cutComment splits a line into what is said and its trailing comment. A
// comment sign counts at the start or after a blank: a URL keeps its fragment.
func cutComment(line []byte) (said, comment []byte) {
	line = bytes.TrimSpace(line)
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c != '#' && c != ';' && (c != '/' || i+1 >= len(line) || line[i+1] != '/') {
			continue
		}
		if i == 0 || line[i-1] == ' ' || line[i-1] == '\t' {
			return bytes.TrimSpace(line[:i]), bytes.TrimSpace(bytes.TrimLeft(line[i:], "#;/ \t"))
		}
		if c == ';' && i+1 == len(line) { // "deny 192.0.2.1;"
			return bytes.TrimSpace(line[:i]), nil
		}
	}
	return line, nil
}
