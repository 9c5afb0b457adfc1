package intel

import (
	"path"
	"strings"
)

// FeedName is the path of a list without the dates in it, so that all days of one
// list have one name: "db/2025-10-20/list-20251020.txt" is "db/list.txt". What
// names only a date keeps its folder and its ending; the ending of a compressed file
// is no part of the name.
func FeedName(name string) string {
	for _, packed := range []string{".gz", ".zst", ".bz2", ".xz", ".lz4"} {
		name = strings.TrimSuffix(name, packed)
	}
	var kept []string
	for part := range strings.SplitSeq(name, "/") {
		if nameDate.MatchString(part) {
			part = undated(part)
		}
		if part != "" {
			kept = append(kept, part)
		}
	}
	if len(kept) == 0 {
		return name
	}
	return strings.Join(kept, "/")
}

// undated is a part of a path without its dates and what they leave beside them.
func undated(part string) string {
	ext := path.Ext(part)
	if nameDate.MatchString(ext) {
		ext = ""
	}
	stem := strings.TrimSuffix(part, ext)
	for {
		at := nameDate.FindStringIndex(stem)
		if at == nil {
			break
		}
		stem = stem[:at[0]] + "." + stem[at[1]:]
	}
	stem = strings.Trim(stem, "-_. ")
	if stem == "" {
		return strings.TrimPrefix(ext, ".")
	}
	return stem + ext
}
