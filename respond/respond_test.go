package respond

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"netcase"
)

// Every target has a line of documentation and renders the fixture, and its paths
// are its own.
func TestTargets(t *testing.T) {
	seen, names := map[string]string{}, map[string]bool{}
	for _, target := range Targets() {
		if target.Name == "" || target.Doc == "" || target.Render == nil || names[target.Name] {
			t.Errorf("target %q: want a name of its own, a doc and a renderer", target.Name)
		}
		names[target.Name] = true
		files := render(t, sample(), Options{Targets: []string{target.Name}})
		if len(files) == 0 {
			t.Errorf("target %s renders nothing", target.Name)
		}
		for path, text := range files {
			if seen[path] != "" {
				t.Errorf("%s is written by %s and %s", path, seen[path], target.Name)
			}
			seen[path] = target.Name
			if text == "" || !strings.HasPrefix(path, "response/"+target.Name+"/") && !strings.HasPrefix(path, "indicators/") {
				t.Errorf("target %s: path %q, %d bytes", target.Name, path, len(text))
			}
		}
	}
	want := []string{csvPath, stixPath, nftObserve, nftBlock, nftRollback, suricataDisable, suricataRules, suricataSids}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("paths %v, want %v", got, want)
	}
	if _, err := Respond(sample(), Options{Targets: []string{"cisco"}}); err == nil || !strings.Contains(err.Error(), "nftables, suricata") {
		t.Errorf("an unknown target: %v", err)
	}
	if _, err := Respond(sample(), Options{TLP: "PINK"}); err == nil {
		t.Error("an unknown TLP label passed")
	}
}

// Nothing nasty comes through: every file is printable text on lines of its own,
// and no guarded address is in a place where it would act.
func TestHostile(t *testing.T) {
	files := render(t, hostile(), Options{})
	for path, text := range files {
		if !utf8.ValidString(text) {
			t.Errorf("%s is not UTF-8", path)
		}
		for _, r := range text {
			if r != '\n' && r != '\t' && r != '\r' && !unicode.IsPrint(r) {
				t.Errorf("%s holds %U", path, r)
			}
		}
	}
	for _, path := range []string{nftObserve, nftBlock, suricataRules} {
		for line := range strings.Lines(files[path]) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			if strings.HasPrefix(line, "drop ") || strings.HasPrefix(line, "add rule") {
				t.Errorf("%s: a name became a rule: %s", path, line)
			}
			for _, gone := range []string{"8.8.8.8", "1.1.1.1", "0.0.0.0", "127.0.0", ownPublic.String(), "11.201.0.1", "fe80", "11.0.0.0", "::/0"} {
				if strings.Contains(line, gone) {
					t.Errorf("%s acts on %s: %s", path, gone, line)
				}
			}
		}
	}
	for _, path := range []string{nftBlock} {
		for _, want := range []string{"refused 8.8.8.8: public resolver", "refused 10.0.0.4: own network", "refused 0.0.0.0/0: wider", "refused 1.1.1.1: public resolver", "refused not valid: not an address"} {
			if !strings.Contains(files[path], want) {
				t.Errorf("%s does not say %q", path, want)
			}
		}
	}
	table(t, files[csvPath]) // reads back, no cell broke out
}

func TestDeterministic(t *testing.T) {
	a := render(t, sample(), Options{})
	for range 5 {
		if b := render(t, sample(), Options{}); !maps.Equal(a, b) {
			t.Fatal("two renderings differ")
		}
	}
	shuffled := sample()
	slices.Reverse(shuffled.Actions[1].Selection.Peers)
	slices.Reverse(shuffled.Cards)
	if !maps.Equal(a, render(t, shuffled, Options{})) {
		t.Error("the order of peers and cards shows")
	}
}

func TestRespondLeavesTheCaseAlone(t *testing.T) {
	c := sample()
	render(t, c, Options{})
	if a, b := len(c.Actions[1].Selection.Peers), len(c.Actions[1].Refused); a != 5 || b != 0 {
		t.Errorf("the case was changed: %d peers, %d refusals", a, b)
	}
}

func TestExpiry(t *testing.T) {
	day := netcase.Day
	some := render(t, sample(), Options{Now: issue + 8*day})
	if strings.Contains(some[nftBlock], guesser.String()+",") || !strings.Contains(some[nftBlock], control.String()+",") {
		t.Errorf("after 8 days the block of 7 days has to be gone and that of 30 to stay:\n%s", some[nftBlock])
	}
	if !strings.Contains(some[nftBlock], "timeout 1900800s") { // 22 days
		t.Error("the timeout is not what is left")
	}
	if !strings.Contains(some[ExpiredFile], "A2  expired 2025-10-16T09:00:00.000Z") || !strings.Contains(some[ExpiredFile], "A4  expired") {
		t.Errorf("the notice:\n%s", some[ExpiredFile])
	}
	if strings.Contains(some[suricataRules], "["+scanner.String()) {
		t.Error("an expired alert is written")
	}
	files, err := Respond(sample(), Options{Now: issue + 31*day})
	if !errors.Is(err, ErrExpired) {
		t.Fatalf("error %v, want %v", err, ErrExpired)
	}
	for path := range files {
		if path == nftBlock || path == nftObserve || path == suricataRules {
			t.Errorf("%s is written though everything has expired", path)
		}
	}
	if files[nftRollback] == nil || files[ExpiredFile] == nil {
		t.Error("what removes the rules is missing")
	}
	c := sample()
	c.IssuedAt, c.AsOf, c.Span = 0, 0, netcase.Span{}
	if _, err := Respond(c, Options{}); err == nil {
		t.Error("a case without a time was rendered")
	}
	c = sample()
	c.Actions[1].Expiry = 0
	if text := render(t, c, Options{})[nftBlock]; !strings.Contains(text, "timeout 86400s") {
		t.Errorf("a block without an expiry does not end after %s:\n%s", defaultBlock, text)
	}
	c.Actions[1].Expiry = -time.Hour
	if text := render(t, c, Options{}); strings.Contains(text[nftBlock], guesser.String()+",") {
		t.Error("a negative expiry was written")
	}
}
