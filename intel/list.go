package intel

import (
	"io"
	"strings"
)

// plainList reads lists of one observable a line: ipset and netset files, block
// lists, text DROP lists, provider ranges.
func plainList() Format {
	return Format{
		Name: "list",
		Doc:  "One address, CIDR, range, ip:port or URL a line, with # ; // comments: block lists, netsets, provider ranges.",
		Fuzz: "FuzzList",
		Detect: func(h *head) bool {
			if h.json != nil {
				return false
			}
			listed := 0
			for _, l := range h.lines {
				if word, _, _ := splitListLine(l); likeObservable(word) {
					listed++
				}
			}
			return listed*2 > len(h.lines) || len(h.lines) == 0 && len(h.comments) > 0
		},
		Parse: parseList,
	}
}

func parseList(s *sink, r io.Reader) error {
	return s.eachEntry(r, s.listLine)
}

func (s *sink) listLine(n int64, line []byte) {
	word, rest, comment := splitListLine(line)
	t, ok := parseTarget(word)
	switch {
	case !ok:
		s.skip(n, "not an address", word)
	case hostsEntry(word, rest):
		s.skip(n, "entry of a hosts file", string(line))
	default:
		s.addTarget(n, t, claim{address: word, description: comment})
	}
}

// leadWords stand before the address in the rules and dumps that are handed
// around as lists.
var leadWords = map[string]bool{"deny": true, "reject": true, "exitaddress": true}

// splitListLine is the first word of a line, what follows it, and the trailing
// comment. A range written with blanks is one word.
func splitListLine(line []byte) (word, rest, comment string) {
	said, c := cutComment(line)
	text := string(said)
	word, rest = cutWord(text)
	if leadWords[strings.ToLower(word)] {
		word, rest = cutWord(rest)
	}
	if after, ok := strings.CutPrefix(rest, "-"); ok {
		if end, tail := cutWord(strings.TrimSpace(after)); end != "" {
			if _, ok := parseTarget(word + "-" + end); ok {
				return word + "-" + end, tail, string(c)
			}
		}
	}
	return word, rest, string(c)
}

func cutWord(text string) (word, rest string) {
	if i := strings.IndexAny(text, " \t,;|"); i >= 0 {
		return text[:i], strings.TrimLeft(text[i:], " \t,;|")
	}
	return text, ""
}

// hostsEntry tells whether a line maps a name to nowhere: such a list is about
// the name.
func hostsEntry(word, rest string) bool {
	switch word {
	case "0.0.0.0", "127.0.0.1", "::", "::1":
		return rest != "" && !strings.HasPrefix(rest, "-")
	}
	return false
}
