package report

import (
	"os"
	"slices"
	"strings"
	"testing"

	"netcase"
)

func lintCases() map[string]*netcase.Case {
	plain := seedCase()
	attempt := seedCase()
	attempt.Status = netcase.StatusAttempt
	confirmed := seedCase()
	confirmed.Status = netcase.StatusConfirmed
	c2 := seedCase()
	c2.Claims = append([]netcase.Claim(nil), c2.Claims...)
	c2.Claims[1] = netcase.Claim{ID: "C2", Name: "command and control", Standing: netcase.Assessed, Posterior: .83, Word: "very likely"}
	guess := seedCase()
	guess.Groups[0].Hypotheses[1].Posterior = .91
	return map[string]*netcase.Case{"plain": plain, "attempt": attempt, "confirmed": confirmed, "c2": c2, "guess": guess}
}

func corpus(t *testing.T, name string, fields int) [][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/lint/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for _, l := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		f := strings.Split(l, "\t")
		if len(f) != fields {
			t.Fatalf("%s: %q has %d fields", name, l, len(f))
		}
		out = append(out, f)
	}
	if len(out) < 40 {
		t.Fatalf("%s: %d sentences", name, len(out))
	}
	return out
}

func TestLintCatchesBad(t *testing.T) {
	cases := lintCases()
	for _, f := range corpus(t, "bad.txt", 3) {
		found := false
		problems := Lint(f[2], cases[f[1]])
		for _, p := range problems {
			found = found || p.Rule == f[0]
		}
		if !found {
			t.Errorf("%s on %s: %q passes (%v)", f[0], f[1], f[2], problems)
		}
	}
}

func TestLintLetsGoodPass(t *testing.T) {
	cases := lintCases()
	for _, f := range corpus(t, "good.txt", 2) {
		for _, p := range Lint(f[1], cases[f[0]]) {
			t.Errorf("on %s: %s", f[0], p)
		}
	}
}

// TestReportLintsClean reads every word that the report says of its own accord.
func TestReportLintsClean(t *testing.T) {
	for name, c := range fixtures() {
		if name == "hostile" {
			continue // its sentences are an attacker's
		}
		d := Build(c)
		own := ownWords(d.Blocks)
		slices.Sort(own)
		for _, s := range slices.Compact(own) {
			for _, p := range Lint(s, c) {
				t.Errorf("%s: %s", name, p)
			}
		}
		for _, l := range strings.Split(Terminal(c, Style{Width: 1000}), "\n") {
			for _, p := range Lint(l, c) {
				t.Errorf("%s terminal: %s", name, p)
			}
		}
	}
}

// ownWords are the texts of a document, the words of the inputs left out.
func ownWords(blocks []Block) (out []string) {
	say := func(s string, ids []string) {
		for _, id := range ids {
			s += " [" + id + "]"
		}
		out = append(out, s)
	}
	for _, b := range blocks {
		switch b := b.(type) {
		case Heading:
			say(b.Text, nil)
		case Para:
			for _, s := range b.Sentences {
				say(s.Text, s.Evidence)
			}
		case List:
			for _, s := range b.Items {
				say(s.Text, s.Evidence)
			}
		case Note:
			say(b.Text, nil)
		case Callout:
			for _, s := range append(b.Items, b.Title) {
				say(s, nil)
			}
		case Facts:
			for _, f := range b.Items {
				if !f.Quoted {
					say(f.Label+": "+f.Value, f.Evidence)
				}
			}
		case Table:
			say(b.Caption, nil)
			for _, h := range b.Head {
				say(h, nil)
			}
			for _, r := range b.Rows {
				var row []string // the evidence of a row is that of its cells
				for _, c := range r {
					row = append(row, c.Evidence...)
				}
				for i, c := range r {
					if head := b.Head[i]; strings.HasPrefix(head, "Question") {
						say("Question whether "+c.Text, row) // an item asks; its answer is another cell
					} else if !c.Quoted {
						say(head+": "+c.Text, row)
					}
				}
			}
		case Figure:
			say(b.Caption, nil)
			say(b.Title, nil)
			say(b.Desc, nil)
		case Finding:
			say(b.Title, nil)
			out = append(out, ownWords(b.Blocks)...)
		case Code:
			say(b.Title, nil)
		}
	}
	return out
}

func FuzzLint(f *testing.F) {
	f.Add("The pattern suggests C2 beaconing, averaging 3 % [E-001]. “x” `y`")
	f.Add("\xff\x00“")
	c := seedCase()
	f.Fuzz(func(t *testing.T, s string) { Lint(s, c) })
}
