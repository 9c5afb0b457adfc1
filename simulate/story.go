package simulate

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"netcase"
)

// storyline is one thing that can be true, and how it comes to pass.
type storyline struct {
	name       string
	doc        string
	hypothesis string
	days       int      // that it takes, with what lies before it
	formats    []string // of its flows, one of which is drawn; nil: every raw one
	logins     bool     // the login logs of the machines are among the inputs
	processes  bool     // the process records are among the inputs
	tell       func(*lab)
}

// Stories lists the names of the stories that have labels for an evaluation.
func Stories() []string {
	var out []string
	for _, s := range stories() {
		out = append(out, s.name)
	}
	return out
}

// stories lists every story, by hypothesis.
func stories() []storyline {
	return slices.Concat(scanStories(), guessStories(), breachStories(), beaconStories(), uploadStories(), floodStories(), harmlessStories(), artefactStories())
}

// Told is a story that was told: its files, what is true in it, and what the owner
// says, which site.yaml says as well.
type Told struct {
	Files Files
	Truth Truth
	Site  netcase.Site
}

// Tell tells a story on a ground.
//
// Errors: the story or the format is not known.
func Tell(name string, seed uint64, g Ground) (Told, error) {
	for _, s := range stories() {
		if s.name == name {
			return s.told(seed, g)
		}
	}
	return Told{}, fmt.Errorf("story %q: want one of %s", name, strings.Join(Stories(), ", "))
}

func (s storyline) told(seed uint64, g Ground) (Told, error) {
	seed ^= s.spread() // no two stories share their office
	l := newLab(seed, s.days, g)
	format := g.Format
	if format == "" {
		format = pick(newDraw(seed, partStoryExport), s.flowFormats())
	}
	l.labels = Labels{Hypothesis: s.hypothesis, Claims: []string{}, Proven: []string{}}
	l.ordinary()
	s.tell(l)
	l.settle()
	l.labels.Units = l.units()
	l.exposes()
	files, rows, err := l.exports(format, s)
	if err != nil {
		return Told{}, fmt.Errorf("story %s: %w", s.name, err)
	}
	truth := Truth{Scenario: s.name, Seed: seed ^ s.spread(), Note: simulatedNote, Span: netcase.Span{Start: l.start, End: l.end()}, Rows: rows, Labels: &l.labels, Office: !g.Silent}
	site := l.site()
	files["site.yaml"] = siteText(site)
	return Told{files, truth, site}, nil
}

// spread is a number that follows from the name.
func (s storyline) spread() uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.name)) // a hash never fails
	return h.Sum64()
}

// exposes raises the least and the greatest severity where somebody from outside, whom
// nobody approved, got an answer from a port of remote administration: such a port is
// reachable, whatever the story is about.
func (l *lab) exposes() {
	grave := []string{sevInfo, sevLow, sevMedium, sevHigh, sevCritical}
	for i := range l.conns {
		c := &l.conns[i]
		if c.result != answered || !slices.Contains(remoteShells, c.dport) || l.ours(c.src) || !l.ours(c.dst) || netcase.Within(l.approved, c.src) {
			continue
		}
		for k, s := range l.labels.Severity {
			if slices.Index(grave, s) < slices.Index(grave, sevMedium) {
				l.labels.Severity[k] = sevMedium
			}
		}
		return
	}
}

// Contacts tells of one source that makes a number of first contacts, each with
// another machine and none of them answered, a minute apart, on an ordinary day.
func Contacts(n int, seed uint64) (Told, error) {
	s := storyline{name: "first-contacts", doc: "one source, some first contacts", hypothesis: Background, days: 2, formats: []string{formatZeek}, tell: func(l *lab) {
		for _, known := range l.labels.Activities[0].Sources { // the scanners of every day are well known
			l.listed(known, "AbuseIPDB", "Port Scan")
		}
		first := len(l.conns)
		src := l.stranger()
		for i := range n {
			l.probe(l.at(9, i), src, l.public[3+i%13], 5060)
		}
		l.label(l.happened(ActScan, first, true))
		l.labels.Severity = [2]string{sevInfo, sevLow}
	}}
	return s.told(seed, Ground{})
}

// flowFormats are the formats in which the flows of the story may be written.
func (s storyline) flowFormats() []string {
	if len(s.formats) > 0 {
		return s.formats
	}
	return rawFormats
}

func (s storyline) scenario() Scenario {
	return Scenario{Name: s.name, Doc: s.doc, make: func(seed uint64) (Files, Truth) {
		t, err := s.told(seed, Ground{})
		if err != nil {
			panic(err) // its own formats are known
		}
		return t.Files, t.Truth
	}}
}

// Days is how many days a story takes, and 0 where it is not known.
func Days(name string) int {
	for _, s := range stories() {
		if s.name == name {
			return s.days
		}
	}
	return 0
}
