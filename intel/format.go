package intel

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// Format is one way in which intelligence is written down.
type Format struct {
	Name string
	Doc  string // what it is and who writes it, one sentence
	Fuzz string // the fuzz test that covers its parser

	Places bool // it tells where ranges are, and lists nobody

	// Detect tells from the beginning of a file, and from nothing else, whether
	// it is of this format.
	Detect func(h *head) bool
	// Parse hands every claim of the file to the sink. An error means that the
	// rest of the file could not be read; what came before it stays.
	Parse func(s *sink, r io.Reader) error
}

// Formats lists every format. The first that recognises a file reads it, so the
// narrow ones stand first.
func Formats() []Format {
	return []Format{
		stixBundle(),
		abuseIPDBBlacklist(),
		abuseIPDBCheck(),
		abuseIPDBReports(),
		otxGeneral(),
		otxPulse(),
		crowdSec(),
		virusTotal(),
		internetDB(),
		otxSection(),
		openTIP(),
		socradarReputation(),
		socradarAnalysis(),
		socradarEnrichment(),
		socradarFeed(),
		mispWarningList(),
		mispEvent(),
		spamhausDrop(),
		cloudRanges(),
		greyNoise(),
		abuseCh(),
		genericJSON(),
		dshieldBlock(),
		ipsumList(),
		torExits(),
		placeRanges(),
		csvTable(),
		plainList(),
		placeAtlas(),
	}
}

// headSize is how much of a file is looked at to recognise it. The licence
// texts at the top of some lists are a few KiB; 64 KiB is enough to see past.
const headSize = 64 << 10

// head is the beginning of a file.
type head struct {
	raw      []byte
	binary   bool
	json     map[string]string // path -> its first scalar, for what begins like JSON; nil: it does not
	lines    [][]byte          // the first lines that say something
	comments []string          // the comment lines before them
	markup   bool              // it begins like a web page
}

// textPerNUL is how many bytes a text has at least for each byte of zero. A
// picture or a program has more of these; one alone in the comment of one line
// must not cost the whole list.
const textPerNUL = 64

// maxHeadLines bounds the lines that are looked at.
const maxHeadLines = 200

func readHead(raw []byte) *head {
	h := &head{raw: raw}
	if bytes.Count(raw, []byte{0})*textPerNUL > len(raw) {
		h.binary = true
		return h
	}
	if t := bytes.TrimLeft(raw, " \t\r\n"); len(t) > 0 {
		h.markup = t[0] == '<'
		if t[0] == '{' || t[0] == '[' {
			h.json = jsonShape(t)
		}
	}
	if len(h.json) > 0 {
		return h
	}
	h.json = nil
	whole := len(raw) < headSize
	for len(raw) > 0 && len(h.lines) < maxHeadLines {
		line, rest, found := bytes.Cut(raw, []byte{'\n'})
		if !found && !whole {
			break // cut in the middle
		}
		h.note(bytes.TrimSpace(line))
		raw = rest
	}
	return h
}

func (h *head) note(line []byte) {
	switch {
	case len(line) == 0:
	case isComment(line):
		if len(h.lines) == 0 {
			h.comments = append(h.comments, string(line))
		}
	default:
		h.lines = append(h.lines, line)
	}
}

func isComment(line []byte) bool {
	return len(line) > 0 && (line[0] == '#' || line[0] == ';' || bytes.HasPrefix(line, []byte("//")))
}

// jsonShape is the paths that occur in the first object of a document, with the
// first scalar of each: "data[].ipAddress" -> "192.0.2.1". Elements of an array
// at the top are named without it. It reads as far as the head goes.
func jsonShape(raw []byte) map[string]string {
	shape := make(map[string]string)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	shapeOf(d, "", 0, shape)
	return shape
}

// maxShapeDepth is deeper than any path that a format asks for.
const maxShapeDepth = 6

func shapeOf(d *json.Decoder, path string, depth int, shape map[string]string) bool {
	t, err := d.Token()
	if err != nil {
		return false
	}
	switch v := t.(type) {
	case json.Delim:
		if _, seen := shape[path]; !seen && path != "" {
			shape[path] = ""
		}
		if depth > maxShapeDepth {
			return false
		}
		if v == '{' {
			return shapeObject(d, path, depth, shape)
		}
		return shapeArray(d, path, depth, shape)
	case string:
		note(shape, path, v)
	case json.Number:
		note(shape, path, v.String())
	case bool:
		note(shape, path, map[bool]string{true: "true", false: "false"}[v])
	default:
		note(shape, path, "")
	}
	return true
}

func note(shape map[string]string, path, v string) {
	if old, seen := shape[path]; path != "" && (!seen || old == "") {
		shape[path] = v
	}
}

func shapeObject(d *json.Decoder, path string, depth int, shape map[string]string) bool {
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return false
		}
		name, _ := k.(string)
		if path != "" {
			name = path + "." + name
		}
		if !shapeOf(d, name, depth+1, shape) {
			return false
		}
	}
	_, err := d.Token()
	return err == nil
}

func shapeArray(d *json.Decoder, path string, depth int, shape map[string]string) bool {
	if path != "" {
		path += "[]"
	}
	for d.More() {
		if !shapeOf(d, path, depth+1, shape) {
			return false
		}
	}
	_, err := d.Token()
	return err == nil
}

// has tells whether all the paths occur.
func (h *head) has(paths ...string) bool {
	for _, p := range paths {
		if _, ok := h.json[p]; !ok {
			return false
		}
	}
	return len(h.json) > 0
}

// within tells whether some path begins so.
func (h *head) within(start string) bool {
	for p := range h.json {
		if strings.HasPrefix(p, start) {
			return true
		}
	}
	return false
}

// hasAny tells whether one of the paths occurs.
func (h *head) hasAny(paths ...string) bool {
	for _, p := range paths {
		if _, ok := h.json[p]; ok {
			return true
		}
	}
	return false
}

func recognise(h *head) (Format, bool) {
	if h.markup {
		return Format{}, false
	}
	for _, f := range Formats() {
		if (!h.binary || f.Name == placeAtlas().Name) && f.Detect(h) {
			return f, true
		}
	}
	return Format{}, false
}

// likeObservable tells whether a word is one of the things that feeds list: an
// address, a domain, a URL, a hash.
func likeObservable(word string) bool {
	word = strings.Trim(word, `"',`)
	if _, ok := parseTarget(word); ok {
		return true
	}
	return likeURL(word) || likeHash(word) || likeDomain(word)
}

func likeURL(w string) bool { return strings.Contains(w, "://") && !strings.ContainsAny(w, " <>()") }

func likeHash(w string) bool {
	switch len(w) {
	case 32, 40, 64, 128:
		return strings.Trim(strings.ToLower(w), "0123456789abcdef") == ""
	}
	return false
}

func likeDomain(w string) bool {
	w = refang(strings.TrimPrefix(w, "*."))
	dot := strings.LastIndexByte(w, '.')
	if dot <= 0 || len(w)-dot < 3 || len(w) > 253 {
		return false
	}
	return strings.Trim(strings.ToLower(w), "abcdefghijklmnopqrstuvwxyz0123456789.-_") == ""
}
