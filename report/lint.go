package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"netcase"
)

// Problem is a sentence that says more than the case allows.
type Problem struct {
	Rule     string
	Sentence string
	Word     string // what gave it away
	Hint     string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s: %q: %s (%s)", p.Rule, p.Sentence, p.Word, p.Hint)
}

// lintRule is one rule of the language of reports.
type lintRule struct {
	name string
	hint string
	find func(s lintSentence, c *netcase.Case) string // the offending words; empty: none
}

func lintRules() []lintRule {
	return []lintRule{
		{"confirmed", "only the status “confirmed incident”, which a person sets, allows the word", lintConfirmed},
		{"assertion", "the explanation or claim is below 0.55, or is not assessed", lintAssertion},
		{"magnitude", "say the ratio and q", lintMagnitude},
		{"average", "say n, min and max", lintAverage},
		{"percentage", "say the counts: N of M", lintPercentage},
		{"country", "a country does not act, and a place is never evidence", lintCountry},
		{"passive", "say who measured it: cite the evidence", lintPassive},
	}
}

// Lint reads a text sentence by sentence and reports what it may not say of the
// case. Words of the inputs, set in “quotes” or `code`, are not judged.
func Lint(text string, c *netcase.Case) []Problem {
	var out []Problem
	for _, raw := range sentencesOf(text) {
		s := parsed(raw)
		for _, r := range lintRules() {
			if w := r.find(s, c); w != "" {
				out = append(out, Problem{r.name, raw, w, r.hint})
			}
		}
	}
	return out
}

// lintSentence is a sentence, and its clauses in lower case.
type lintSentence struct {
	text    string // lower case, quotations blanked
	clauses []string
}

var (
	quotation = regexp.MustCompile("“[^”]*”|`[^`]*`|«[^»]*»")
	sentenceE = regexp.MustCompile(`[.!?](?:\s*\[[^\]]*\])*(?:\s+|$)`)
	clauseE   = regexp.MustCompile(`[,;()—–]\s|\s(?:but|while|whereas|although|though)\s`)
)

// sentencesOf cuts at full stops that are followed by space, evidence ids included
// in the sentence before them, and at line ends.
func sentencesOf(text string) (out []string) {
	for _, line := range strings.Split(text, "\n") {
		for line = strings.TrimSpace(line); line != ""; {
			end := len(line)
			if at := sentenceE.FindStringIndex(line); at != nil {
				end = at[1]
			}
			out = append(out, strings.TrimSpace(line[:end]))
			line = strings.TrimSpace(line[end:])
		}
	}
	return out
}

func parsed(raw string) lintSentence {
	s := strings.ToLower(quotation.ReplaceAllString(raw, "“”"))
	return lintSentence{s, clauseE.Split(s, -1)}
}

// Words that turn a clause into its denial, or into a question. Words of doubt
// (may, could, possibly, suggests) do not: they assert with a shrug.
var (
	denial   = regexp.MustCompile(`\b(?:no|not|never|none|neither|nor|without|cannot|can't|nothing|isn't|wasn't|excludes?|excluded|rules? out|ruled out|impossible|un(?:determined|known)|absence of|lacks?|instead of|rather than)\b`)
	question = regexp.MustCompile(`\b(?:whether|if|would|hypothesis|hypotheses|claim|claims|question|explanations?|rival|alternative|gated|determinable|decides?|prior|probability|against|rule)\b`)
)

// excused tells whether a clause denies or asks before the word at i, or says
// after it that the claim is gated or not determinable.
func excused(clause string, i, end int) bool {
	before, after := clause[:i], clause[end:]
	return denial.MatchString(lastWords(before, 8)) || question.MatchString(before) ||
		verdict.MatchString(after)
}

// verdict is a clause that goes on to say that the thing is open, or is not so.
var verdict = regexp.MustCompile(`^(?: \(c2\))?: whether\b|^[^,;.]{0,60}\b(?:cannot be|can not be|could not be|(?:is|are|was|were|be|remains?) (?:not|gated|excluded|ruled out|impossible|unlikely|very unlikely)|not determinable|gated out|not assessed|not indicated|almost no chance|very unlikely)\b`)

func lastWords(s string, n int) string {
	words := strings.Fields(s)
	return strings.Join(words[max(0, len(words)-n):], " ")
}

// match finds a word that is not excused in any clause.
func (s lintSentence) match(word *regexp.Regexp) string {
	for i, clause := range s.clauses {
		for _, at := range word.FindAllStringIndex(clause, -1) {
			tail := clause
			if i+1 < len(s.clauses) { // "C2 (…), not determinable" puts the denial into the next
				tail += " " + s.clauses[i+1]
			}
			if !excused(tail, at[0], at[1]) {
				return clause[at[0]:at[1]]
			}
		}
	}
	return ""
}

var confirmedWord = regexp.MustCompile(`\b(?:confirmed|confirms|confirm|confirming|confirmation|proven malicious|verified malicious)\b`)

func lintConfirmed(s lintSentence, c *netcase.Case) string {
	if c.Status == netcase.StatusConfirmed {
		return ""
	}
	return s.match(confirmedWord)
}

// asserted is a family of words and what must be at least likely for them.
type asserted struct {
	words *regexp.Regexp
	ids   []string // of hypotheses or claims
	names *regexp.Regexp
}

// likely is the probability from which a thing may be said to be likely (ICD 203).
const likely = 0.55

func assertedWords() []asserted {
	re := regexp.MustCompile
	return []asserted{
		{re(`\battack(?:s|ed|ing|ers?)?\b`), []string{"BFA", "REC", "DOS"}, re(`attack|brute|guess|reconn|flood|denial`)},
		{re(`\b(?:c2|c&c|command[- ]and[- ]control|beacon(?:s|ed|ing)?)\b`), []string{"C2"}, re(`c2|command and control|beacon`)},
		{re(`\binject(?:ion|ions|ed|ing)\b`), []string{"SAF", "BFS", "COMP"}, re(`compromise|injection`)},
		{re(`\bexfiltrat(?:ion|ed|ing|e|es)\b`), []string{"EXF"}, re(`exfil`)},
	}
}

func lintAssertion(s lintSentence, c *netcase.Case) string {
	for _, a := range assertedWords() {
		if w := s.match(a.words); w != "" && !a.carried(c) && !(a.ids[0] == "BFA" && statusCarries(s, c)) {
			return w
		}
	}
	return ""
}

// statusCarries tells whether the words are those of the status of the case.
func statusCarries(s lintSentence, c *netcase.Case) bool {
	return c.Status == netcase.StatusAttempt && strings.Contains(s.text, string(netcase.StatusAttempt))
}

// carried tells whether the case holds the explanation or claim for likely.
func (a asserted) carried(c *netcase.Case) bool {
	fits := func(id, name string) bool {
		return slices.Contains(a.ids, id) || a.names.MatchString(strings.ToLower(name))
	}
	for i := range c.Groups {
		for _, h := range c.Groups[i].Hypotheses {
			if h.Posterior >= likely && fits(h.ID, h.Name) {
				return true
			}
		}
	}
	return slices.ContainsFunc(c.Claims, func(k netcase.Claim) bool {
		return k.Standing == netcase.Assessed && k.Posterior >= likely && fits(k.ID, k.Name)
	})
}

var (
	magnitudeWord = regexp.MustCompile(`\b(?:sharp|sharply|significant|significantly|spikes?|spiked|spiking|surges?|surged|dramatic|dramatically|massive|anomalous|anomaly|unusually)\b`)
	saysQ         = regexp.MustCompile(`\bq\s*(?:=|<|≤|of|was|is)?\s*\d`)
	saysRatio     = regexp.MustCompile(`\bratio\s*(?:=|of|was|is)?\s*\d|\d\s*(?:×|times\b|x\b|-fold)`)
)

func lintMagnitude(s lintSentence, _ *netcase.Case) string {
	if saysQ.MatchString(s.text) && saysRatio.MatchString(s.text) {
		return ""
	}
	return s.match(magnitudeWord)
}

var (
	averageWord = regexp.MustCompile(`\b(?:averag(?:e|es|ed|ing)|on average|mean of|the mean|avg)\b`)
	saysN       = regexp.MustCompile(`\bn\s*(?:=|of)\s*\d`)
	saysMin     = regexp.MustCompile(`\bmin(?:imum)?\b\D{0,5}\d`)
	saysMax     = regexp.MustCompile(`\bmax(?:imum)?\b\D{0,5}\d`)
)

func lintAverage(s lintSentence, _ *netcase.Case) string {
	w := averageWord.FindString(s.text)
	if w == "" || saysN.MatchString(s.text) && saysMin.MatchString(s.text) && saysMax.MatchString(s.text) {
		return ""
	}
	return w
}

var (
	percentage = regexp.MustCompile(`\d(?:[\d.,]*\d)?\s*(?:%|per ?cent\b)`)
	saysCounts = regexp.MustCompile(`\d[\d,]*\s+(?:\w+\s+)?(?:of|out of|against)\s+(?:the\s+|all\s+)?\d`)
	levelWord  = regexp.MustCompile(`^\s*(?:confidence |prediction |credible )?(?:band|range|interval|support|upper bound|lower bound|bound|level|quantile|percentile)\b|^\s*(?:probability|likelihood|chance)\b`)
	levelBefor = regexp.MustCompile(`(?:probability|likelihood|chance|likely \(|confidence level)[^.;]{0,25}$`)
)

func lintPercentage(s lintSentence, _ *netcase.Case) string {
	if saysCounts.MatchString(s.text) {
		return ""
	}
	for _, at := range percentage.FindAllStringIndex(s.text, -1) {
		if !levelWord.MatchString(s.text[at[1]:]) && !levelBefor.MatchString(s.text[:at[0]]) {
			return s.text[at[0]:at[1]]
		}
	}
	return ""
}

var (
	passiveWord = regexp.MustCompile(`\b(?:it|there|activity|traffic|connections?|events?|flows?|behaviou?r|that) (?:was|were|has been|have been|had been|is|are) (?:also |then |first |repeatedly |clearly )?(?:observed|seen|noted|noticed|detected|identified|discovered|recorded|witnessed|reported)\b`)
	citesID     = regexp.MustCompile(`\[\+?[a-z][\w.-]*\d[\w.-]*\]`)
)

func lintPassive(s lintSentence, _ *netcase.Case) string {
	if citesID.MatchString(s.text) {
		return ""
	}
	return s.match(passiveWord)
}
