package judge

import "netcase"

// Verdicts of the artefact detector, gravest first.
const (
	artefactLikely   = "likely"
	artefactPossible = "possible"
	artefactNone     = "not indicated"
)

// artefact is the gravest finding of frame C: whether counts are those of the
// traffic or of the logging; nil where none was made.
func (d *draft) artefact() *netcase.Finding {
	for _, verdict := range []string{artefactLikely, artefactPossible, artefactNone} {
		for i := range d.findings {
			if a := d.findings[i].Artefact; a != nil && a.Verdict == verdict && comparesCounts(a) {
				return &d.findings[i]
			}
		}
	}
	return nil
}

// comparesCounts tells whether a verdict on near-equal counts has counts to compare:
// one address is equal to itself and proves nothing.
func comparesCounts(a *netcase.ArtefactFacts) bool {
	return a.Verdict == artefactNone || len(a.Counts) >= 2
}

// doubted is the artefact finding where it puts the counts in doubt.
func (d *draft) doubted() *netcase.Finding {
	f := d.artefact()
	if f == nil || f.Artefact.Verdict == artefactNone {
		return nil
	}
	return f
}

// countRange is the least and the most of the near-equal counts.
func countRange(a *netcase.ArtefactFacts) (least, most int64) {
	for i, c := range a.Counts {
		if i == 0 || c.Records < least {
			least = c.Records
		}
		most = max(most, c.Records)
	}
	return least, most
}
