package respond

import (
	"bytes"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

var stix = Target{
	Name:   "stix",
	Doc:    "indicators as a STIX 2.1 bundle: what was seen, what it indicates, what to do, under a TLP 2.0 marking",
	Render: renderStix,
}

const stixPath = "indicators/stix.json"

// Namespaces of version 5 UUIDs. The first is fixed by STIX 2.1 section 2.9 for
// observables; the second is ours, for everything else.
const (
	stixObservables = "00abedb4-aa42-466c-9c01-fed23315a9b7"
	stixOurs        = "6a4f3c5e-1f0b-4d6f-9a37-5d0c2f7b8e14"
)

// The TLP 2.0 markings are objects that everybody shares, so their ids and their
// date are given (STIX 2.1 TLP 2.0 extension).
const (
	tlpExtension = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
	tlpCreated   = "2022-10-01T00:00:00.000Z"
)

func tlpMarking(label string) string {
	return "marking-definition--" + map[string]string{
		"CLEAR":        "94868c89-83c2-464b-929b-a1a8aa3c8487",
		"GREEN":        "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
		"AMBER":        "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
		"AMBER+STRICT": "939a9414-2ddd-4d32-a0cd-375ea402b003",
		"RED":          "e828b379-4e03-4974-9ac4-e53a884c97c1",
	}[label]
}

// toolCreated dates the identity of the tool, which is the same in every bundle
// and so may not carry the date of one.
const toolCreated = "2025-01-01T00:00:00.000Z"

// maxStixCount is the largest count that STIX 2.1 allows.
const maxStixCount = 999_999_999

// stixObject holds the properties of all the object types that we write.
type stixObject struct {
	Type           string          `json:"type"`
	SpecVersion    string          `json:"spec_version"`
	ID             string          `json:"id"`
	CreatedBy      string          `json:"created_by_ref,omitempty"`
	Created        string          `json:"created,omitempty"`
	Modified       string          `json:"modified,omitempty"`
	Name           string          `json:"name,omitempty"`
	Description    string          `json:"description,omitempty"`
	IdentityClass  string          `json:"identity_class,omitempty"`
	IndicatorTypes []string        `json:"indicator_types,omitempty"`
	Pattern        string          `json:"pattern,omitempty"`
	PatternType    string          `json:"pattern_type,omitempty"`
	ValidFrom      string          `json:"valid_from,omitempty"`
	ValidUntil     string          `json:"valid_until,omitempty"`
	FirstObserved  string          `json:"first_observed,omitempty"`
	LastObserved   string          `json:"last_observed,omitempty"`
	NumberObserved int64           `json:"number_observed,omitempty"`
	FirstSeen      string          `json:"first_seen,omitempty"`
	LastSeen       string          `json:"last_seen,omitempty"`
	Count          int64           `json:"count,omitempty"`
	SightingOf     string          `json:"sighting_of_ref,omitempty"`
	ObservedRefs   []string        `json:"observed_data_refs,omitempty"`
	Relationship   string          `json:"relationship_type,omitempty"`
	Source         string          `json:"source_ref,omitempty"`
	Target         string          `json:"target_ref,omitempty"`
	Value          string          `json:"value,omitempty"`
	Abstract       string          `json:"abstract,omitempty"`
	Content        string          `json:"content,omitempty"`
	ReportTypes    []string        `json:"report_types,omitempty"`
	Published      string          `json:"published,omitempty"`
	ObjectRefs     []string        `json:"object_refs,omitempty"`
	Labels         []string        `json:"labels,omitempty"`
	Confidence     int             `json:"confidence,omitempty"`
	Markings       []string        `json:"object_marking_refs,omitempty"`
	Extensions     json.RawMessage `json:"extensions,omitempty"`
}

type stixBundle struct {
	Type    string       `json:"type"`
	ID      string       `json:"id"`
	Objects []stixObject `json:"objects"`
}

// stixWriter gathers the objects of a bundle.
type stixWriter struct {
	plan    *Plan
	tool    string
	marking string
	at      string // created and modified
	objects []stixObject
	named   map[netip.Addr]string // indicator of an address
}

func renderStix(p *Plan) (map[string][]byte, error) {
	w := &stixWriter{plan: p, marking: tlpMarking(p.TLP), at: p.Issued.String(), named: map[netip.Addr]string{}}
	w.frame()
	for i := range p.Observed {
		w.observed(&p.Observed[i])
	}
	for _, r := range p.ranges() {
		w.blockedRange(r)
	}
	for _, a := range p.Case.Actions {
		w.action(a)
	}
	w.report()
	b := stixBundle{"bundle", "bundle--" + uuid5(stixOurs, "bundle\x00"+p.Case.ID+"\x00"+w.at+"\x00"+p.TLP), w.objects}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(b); err != nil {
		return nil, err
	}
	return map[string][]byte{stixPath: out.Bytes()}, nil
}

// frame adds the marking and who speaks.
func (w *stixWriter) frame() {
	label := strings.ToLower(w.plan.TLP)
	w.tool = "identity--" + uuid5(stixOurs, "identity\x00netcase")
	w.objects = append(w.objects,
		stixObject{Type: "marking-definition", SpecVersion: "2.1", ID: w.marking, Created: tlpCreated, Name: "TLP:" + w.plan.TLP,
			Extensions: fmt.Appendf(nil, `{%q:{"extension_type":"property-extension","tlp_2_0":%q}}`, tlpExtension, label)},
		stixObject{Type: "identity", SpecVersion: "2.1", ID: w.tool, Created: toolCreated, Modified: toolCreated, Name: "netcase", IdentityClass: "system"})
}

// add appends an object of the case and returns its id, which comes from the case
// and the key.
func (w *stixWriter) add(o stixObject, key string) string {
	o.SpecVersion = "2.1"
	o.ID = o.Type + "--" + uuid5(stixOurs, o.Type+"\x00"+w.plan.Case.ID+"\x00"+key)
	o.CreatedBy, o.Created, o.Modified = w.tool, w.at, w.at
	o.Markings = []string{w.marking}
	w.objects = append(w.objects, o)
	return o.ID
}

// observed adds an address, that it was seen, and what it indicates. An address
// that no response may touch was seen, but indicates nothing.
func (w *stixWriter) observed(o *Observed) {
	key := o.Addr.String()
	address := w.address(o.Addr)
	seen := ""
	if o.First.Known() && o.Flows > 0 {
		seen = w.add(stixObject{Type: "observed-data", FirstObserved: o.First.String(), LastObserved: o.Last.String(),
			NumberObserved: min(o.Flows, maxStixCount), ObjectRefs: []string{address}}, key)
	}
	if o.Refused != "" {
		if seen != "" {
			w.add(stixObject{Type: "note", Abstract: "no indicator", Content: "No response may touch " + key + ": " + o.Refused, ObjectRefs: []string{seen}}, "refused\x00"+key)
		}
		return
	}
	ind := w.add(w.indicator(o), key)
	w.named[o.Addr] = ind
	if seen == "" {
		return
	}
	w.add(stixObject{Type: "sighting", FirstSeen: o.First.String(), LastSeen: o.Last.String(), Count: min(o.Flows, maxStixCount),
		SightingOf: ind, ObservedRefs: []string{seen}, Description: "reach: " + reachList(o.Reach)}, key)
	w.relate(ind, "based-on", seen)
}

// address adds the observable. Its id comes from its value alone, so that every
// bundle of everybody names it the same.
func (w *stixWriter) address(a netip.Addr) string {
	kind := addressType(a) + "-addr"
	o := stixObject{Type: kind, SpecVersion: "2.1", ID: kind + "--" + uuid5(stixObservables, `{"value":`+strconv.Quote(a.String())+`}`), Value: a.String()}
	w.objects = append(w.objects, o)
	return o.ID
}

func (w *stixWriter) indicator(o *Observed) stixObject {
	out := stixObject{
		Type: "indicator", Name: o.Addr.String(), PatternType: "stix",
		Pattern:        fmt.Sprintf("[%s-addr:value = '%s']", addressType(o.Addr), o.Addr),
		ValidFrom:      w.at,
		ValidUntil:     w.plan.expiry(o.Addr).String(),
		IndicatorTypes: []string{"anomalous-activity"},
		Confidence:     stixConfidence(w.plan.Case.Confidence.Level),
		Labels:         []string{"to-ids:" + strconv.FormatBool(o.Actionable())},
		Description:    oneLine(w.describe(o), 2*maxText),
	}
	if o.Actionable() {
		out.IndicatorTypes = []string{"malicious-activity"}
	}
	return out
}

func (w *stixWriter) describe(o *Observed) string {
	parts := []string{strings.Join(o.Groups, "; ")}
	if o.Judged {
		parts = append(parts, "severity "+o.Severity.String())
	}
	if claims := o.claims(); len(claims) > 0 {
		parts = append(parts, fmt.Sprintf("listed for %s, independent origins: %d", strings.Join(claims, ", "), len(o.Card.Origins)))
	}
	if why := o.whyNot(); why != "" {
		parts = append(parts, "not for alerting elsewhere: "+why)
	}
	return strings.Trim(strings.Join(parts, ". "), ". ")
}

// blockedRange adds an indicator for a prefix that the case blocks.
func (w *stixWriter) blockedRange(r Rule) {
	n := r.Prefixes[0]
	w.add(stixObject{
		Type: "indicator", Name: n.String(), PatternType: "stix",
		Pattern:   fmt.Sprintf("[%s-addr:value ISSUBSET '%s']", addressType(n.Addr()), n),
		ValidFrom: w.at, ValidUntil: r.Until.String(), IndicatorTypes: []string{"anomalous-activity"},
		Confidence: stixConfidence(w.plan.Case.Confidence.Level), Labels: []string{"to-ids:false"},
		Description: oneLine(r.Title+". Not for alerting elsewhere: a range names neighbours too", 2*maxText),
	}, n.String()+"\x00"+r.Action)
}

// action adds something to do, and which indicators it is about.
func (w *stixWriter) action(a netcase.Action) {
	text := []string{"Owner: " + orNobody(oneLine(a.Owner, maxName))}
	if a.Reason != "" {
		text = append(text, "Reason: "+oneLine(a.Reason, maxText))
	}
	if a.Rollback != "" {
		text = append(text, "Rollback: "+oneLine(a.Rollback, maxText))
	}
	if a.Collateral != "" {
		text = append(text, "Collateral: "+oneLine(a.Collateral, maxText))
	}
	name := oneLine(a.Title, maxText)
	if name == "" {
		name = word(a.ID, maxName)
	}
	id := w.add(stixObject{Type: "course-of-action", Name: name, Description: strings.Join(text, ". "), Labels: []string{word(a.Kind, maxName)}}, a.ID+"\x00"+a.Title)
	verb := map[string]string{kindBlock: "mitigates", kindDetect: "investigates"}[a.Kind]
	if verb == "" {
		return
	}
	var done []string
	for _, p := range merged(a.Selection) {
		if ind := w.named[p.Addr()]; ind != "" && p.IsSingleIP() && !slices.Contains(done, ind) {
			w.relate(id, verb, ind)
			done = append(done, ind)
		}
	}
}

func (w *stixWriter) relate(from, verb, to string) {
	w.add(stixObject{Type: "relationship", Relationship: verb, Source: from, Target: to}, from+"\x00"+verb+"\x00"+to)
}

// report adds the case itself, over everything that was said before, and the key
// judgements as a note on it.
func (w *stixWriter) report() {
	c := w.plan.Case
	var refs []string
	for _, o := range w.objects {
		if o.Type != "marking-definition" && o.Type != "identity" {
			refs = append(refs, o.ID)
		}
	}
	if len(refs) == 0 {
		refs = []string{w.tool} // a report has to be about something
	}
	title := oneLine(c.Title, maxText)
	if title == "" {
		title = "netcase case " + oneLine(c.ID, maxName)
	}
	var said []string
	for _, s := range c.Summary {
		said = append(said, oneLine(s.Text, 2*maxText))
	}
	report := w.add(stixObject{Type: "report", Name: title, Description: strings.Join(said, " "), Published: w.at,
		ReportTypes: []string{"observed-data"}, ObjectRefs: refs, Confidence: stixConfidence(c.Confidence.Level),
		Labels: []string{"netcase-case:" + word(c.ID, maxName), "severity:" + c.Severity.String()}}, "report")
	w.add(stixObject{Type: "note", Abstract: "key judgements", Content: judgements(c), ObjectRefs: []string{report}}, "judgements")
}

func judgements(c *netcase.Case) string {
	out := []string{fmt.Sprintf("Status: %s. Severity: %s. Analytic confidence: %s.", oneLine(string(c.Status), maxName), c.Severity, oneLine(c.Confidence.Level, maxName))}
	for _, j := range c.Judgements {
		out = append(out, oneLine(j.Claim.Text, 2*maxText)+" ("+oneLine(j.Word, maxName)+")")
	}
	return strings.Join(out, "\n")
}

// stixConfidence is a word of analytic confidence on the scale of STIX 2.1
// appendix A (none, low, medium, high); zero: not said.
func stixConfidence(level string) int {
	return map[string]int{"low": 15, "moderate": 50, "high": 85}[level]
}

// uuid5 is the UUID of a name in a namespace (RFC 9562, version 5).
func uuid5(namespace, name string) string {
	space, err := hex.DecodeString(strings.ReplaceAll(namespace, "-", ""))
	if err != nil {
		panic("namespace " + namespace + " is not a UUID") // a constant of this file
	}
	h := sha1.New()
	h.Write(space)
	h.Write([]byte(name))
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	s := hex.EncodeToString(u)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
