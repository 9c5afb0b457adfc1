package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// Kinds of entries of the time line.
const (
	entryEvent     = "event"
	entryKnowledge = "knowledge"
)

// maxDoors bounds the entries on ports that began to answer.
const maxDoors = 12

// maxKnowledge bounds the entries on when lists learned of the addresses.
const maxKnowledge = 12

// timeline is what happened and when it was known, by time.
func (d *draft) timeline() []netcase.Entry {
	out := []netcase.Entry{}
	add := func(at netcase.Time, kind, text string, evidence []string) {
		if at.Known() && len(evidence) > 0 {
			out = append(out, netcase.Entry{At: at, Kind: kind, Text: text, Evidence: evidence})
		}
	}
	for i, c := range d.full() {
		id := groupID(i)
		add(c.span.Start, entryEvent, fmt.Sprintf("first flow of %s: %s", id, c.label()), c.evidence)
		add(c.span.End-1, entryEvent, fmt.Sprintf("last flow of %s, after %s", id, count(c.flows, "flow")), c.evidence)
	}
	doors := 0
	for i := range d.findings {
		f := &d.findings[i]
		switch {
		case f.Spike != nil && !f.Spike.Described:
			add(f.Spike.Window.Start, entryEvent, "excess over the baseline begins "+spikeNumbers(f.Spike), evidenceOf(f))
			add(f.Spike.Window.End, entryEvent, "excess over the baseline ends", evidenceOf(f))
		case f.Exposure != nil && f.Exposure.Proven:
			if doors++; doors > maxDoors {
				continue
			}
			add(f.Span.Start, entryEvent, fmt.Sprintf("port %d on %s first answers an outside address", f.Exposure.Port, d.name(f.Exposure.Host)), evidenceOf(f))
		case f.Auth != nil && f.Auth.Pattern == netcase.PatternSuccess:
			add(f.Span.Start, entryEvent, "login after failures on "+d.name(f.Auth.Host), evidenceOf(f))
		case f.Owner != nil && f.Owner.Decibans > 0:
			add(f.Span.Start, entryEvent, fmt.Sprintf("an unusual process owns port %d on %s", f.Owner.Port, d.name(f.Owner.Host)), evidenceOf(f))
		case f.Process != nil && f.Process.Socket != nil:
			add(f.Span.Start, entryEvent, fmt.Sprintf("%s on %s calls %s port %d", f.Process.Image, d.name(f.Process.Host), f.Process.Peer, f.Process.Port), evidenceOf(f))
		case f.Process != nil && f.Process.Rule == ruleStaging:
			add(f.Span.Start, entryEvent, fmt.Sprintf("%s on %s handles data: %s", f.Process.Image, d.name(f.Process.Host), f.Process.Why), evidenceOf(f))
		case tellsStrange(f.Process):
			add(f.Span.Start, entryEvent, fmt.Sprintf("%s on %s: %s", f.Process.Image, d.name(f.Process.Host), f.Process.Why), evidenceOf(f))
		}
	}
	for _, k := range d.knowledge() {
		add(k.At, k.Kind, k.Text, k.Evidence)
	}
	slices.SortStableFunc(out, func(a, b netcase.Entry) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Kind, b.Kind), strings.Compare(a.Text, b.Text))
	})
	return out
}

// knowledge says when each list learned of addresses of the case. A list without
// a date has no place on a time line.
func (d *draft) knowledge() []netcase.Entry {
	type list struct {
		feed, provider string
		at             netcase.Time
	}
	addresses := map[list]map[string]bool{}
	evidence := map[list][]string{}
	for i := range d.findings {
		f := d.findings[i].Sighting
		if f == nil {
			continue
		}
		for j := range f.Sightings {
			for _, l := range f.Sightings[j].Card.Listings {
				k := list{l.Indicator.Feed, l.Indicator.Provider, l.Indicator.Learned}
				if !counts(&l) || !k.at.Known() {
					continue
				}
				if addresses[k] == nil {
					addresses[k] = map[string]bool{}
				}
				addresses[k][f.Sightings[j].Card.Address.String()] = true
				evidence[k] = unique(append(evidence[k], evidenceOf(&d.findings[i])...))
			}
		}
	}
	var out []netcase.Entry
	for k, set := range addresses {
		out = append(out, netcase.Entry{
			At: k.at, Kind: entryKnowledge, Evidence: evidence[k],
			Text: fmt.Sprintf("%s (%s) was learned; it names %s of the case", k.feed, k.provider, count(len(set), "address")),
		})
	}
	slices.SortFunc(out, func(a, b netcase.Entry) int {
		return cmp.Or(cmp.Compare(a.At, b.At), strings.Compare(a.Text, b.Text))
	})
	return out[:min(len(out), maxKnowledge)]
}
