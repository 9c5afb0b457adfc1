package store

import (
	"path"
	"slices"
	"strings"
)

// prose tells by its name whether a file that was met in a folder, and that no
// format recognises, is something people lay beside telemetry. Anything else that
// is not recognised is an error, so that a broken export is never passed over.
func prose(name string) bool {
	base := strings.ToLower(path.Base(name))
	if strings.HasPrefix(base, ".") {
		return true
	}
	ext := path.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	return slices.Contains(proseStems, stem) || slices.Contains(proseEndings, ext)
}

var (
	proseStems = []string{
		"readme", "license", "licenses", "licence", "copying", "notice", "authors", "changelog", "citation", "expected",
		"contributing", "manifest",
	}
	proseEndings = []string{
		".md", ".rst", ".adoc", ".html", ".pdf", ".docx", ".png", ".jpg", ".jpeg", ".svg",
		".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".config", ".py", ".sh", ".ps1", ".kql", ".sql",
	}
)
