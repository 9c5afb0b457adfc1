package database

import (
	"fmt"
	"slices"
	"strings"
)

// Bounds on how much a feed may change from one snapshot to the next. No list of
// the public ones grows tenfold in a day; one that does was filled by somebody, or
// is another list.
const (
	growth       = 10
	fewEntries   = 100     // below this many entries growth is no sign: trackers of botnets hold a handful
	fewCovered   = 1 << 20 // addresses, the same: one /12
	refusedShare = 2       // refused entries for each usable one
)

// suspicion is why a document is not to be used, against the one that was used
// before it, nil where it is the first; empty where it may be. Formats are those
// that the feed is known to have.
func suspicion(last, now *Snapshot, formats []string) string {
	f := &now.Report
	switch {
	case f.Error != "":
		return "it cannot be read to its end: " + f.Error
	case f.Format == "":
		return "it is no list of addresses"
	case len(formats) > 0 && !slices.Contains(formats, f.Format):
		return fmt.Sprintf("it is written as %s; the feed is known as %s", f.Format, strings.Join(formats, " or "))
	case f.Refused > fewEntries && f.Refused > f.Usable*refusedShare:
		return fmt.Sprintf("%d of its entries are refused, %d are usable", f.Refused, f.Usable)
	case last == nil:
		return ""
	}
	return change(last, now)
}

// change is what is wrong with how a feed changed.
func change(last, now *Snapshot) string {
	was, is := &last.Report, &now.Report
	switch {
	case was.Format != "" && is.Format != was.Format:
		return fmt.Sprintf("it was written as %s and is now %s", was.Format, is.Format)
	case was.Usable > 0 && is.Usable == 0:
		return fmt.Sprintf("it had %d usable entries and now has none", was.Usable)
	case was.Usable > 0 && is.Usable >= fewEntries && is.Usable >= growth*was.Usable:
		return fmt.Sprintf("it grew from %d to %d usable entries", was.Usable, is.Usable)
	case was.Usable > 0 && now.Covered >= fewCovered && now.Covered >= growth*max(last.Covered, 1):
		return fmt.Sprintf("it accused %d addresses and now accuses %d", last.Covered, now.Covered)
	}
	return ""
}
