package service

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// redacted stands wherever a secret would stand.
const redacted = "[redacted]"

// Secret is a key of a service. It has no printed form: whatever verb, encoder or
// logger it is handed to, also deep inside another value, shows a placeholder. The
// value lies behind a function, since printing by reflection reads unexported
// fields without asking any method.
type Secret struct{ reveal func() string }

// NewSecret keeps a key. Blanks around it are cut: keys are read from files.
func NewSecret(key string) Secret {
	key = strings.TrimSpace(key)
	if key == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return key }}
}

// Set tells whether there is a key.
func (s Secret) Set() bool { return s.reveal != nil }

// value is the key itself. Only what writes a request may call it.
func (s Secret) value() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// String is a placeholder.
func (s Secret) String() string { return redacted }

// GoString is a placeholder.
func (s Secret) GoString() string { return redacted }

// Format writes a placeholder whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalJSON writes a placeholder.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText writes a placeholder.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue is a placeholder.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// scrubber takes secrets out of text that comes from elsewhere: services do repeat
// the question, key and all, in their answers and their errors.
type scrubber struct{ forms []string }

// minScrubbed is the shortest form that is looked for: a shorter one would tear
// holes into ordinary text and is no secret.
const minScrubbed = 6

// newScrubber knows the forms in which the secrets may come back: as they are,
// escaped for a URL, for JSON and for HTML, and as a Basic or plain base64 header.
func newScrubber(secrets ...string) *scrubber {
	s := new(scrubber)
	for _, v := range secrets {
		quoted, _ := json.Marshal(v) // a string always has a form
		s.add(v, url.QueryEscape(v), url.PathEscape(v), strings.Trim(string(quoted), `"`), strings.ReplaceAll(v, "/", `\/`), html.EscapeString(v))
		s.add(base64.StdEncoding.EncodeToString([]byte(v)), base64.RawURLEncoding.EncodeToString([]byte(v)))
	}
	slices.SortFunc(s.forms, func(a, b string) int { return len(b) - len(a) }) // the longest first, lest a part of it be left
	return s
}

func (s *scrubber) add(forms ...string) {
	for _, f := range forms {
		if len(f) >= minScrubbed && !slices.Contains(s.forms, f) {
			s.forms = append(s.forms, f)
		}
	}
}

// text is the text without the secrets.
func (s *scrubber) text(t string) string {
	for _, f := range s.forms {
		t = strings.ReplaceAll(t, f, redacted)
	}
	return t
}

// holds tells whether a secret is in the text.
func (s *scrubber) holds(t []byte) bool {
	return slices.ContainsFunc(s.forms, func(f string) bool { return strings.Contains(string(t), f) })
}
