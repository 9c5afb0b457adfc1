package judge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// judged drafts and closes a case, and checks what holds of every case.
func judged(t *testing.T, in Input) *netcase.Case {
	t.Helper()
	c, err := Draft(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := Close(c, in); err != nil {
		t.Fatal(err)
	}
	checkAny(t, c)
	return c
}

var (
	likelihood = regexp.MustCompile(`(?i)\b(almost no chance|unlikely|roughly even|likely|almost certain)\b`)
	confident  = regexp.MustCompile(`(?i)\bconfidence\b`)
	certainty  = regexp.MustCompile(`\b(0|100) ?%|posterior (0\.00|1\.00)\b`)
)

func checkAny(t *testing.T, c *netcase.Case) {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(bytes.ToLower(b), []byte("confirm")); i >= 0 {
		t.Errorf("the case says %q", b[max(0, i-60):min(len(b), i+40)])
	}
	if len(c.Summary) == 0 || len(c.Summary) > maxSentences {
		t.Errorf("%d sentences in the summary", len(c.Summary))
	}
	for _, s := range c.Summary {
		if likelihood.MatchString(s.Text) && confident.MatchString(s.Text) {
			t.Errorf("likelihood and confidence in one sentence: %s", s.Text)
		}
		if certainty.MatchString(s.Text) {
			t.Errorf("certainty: %s", s.Text)
		}
	}
	if len(c.Judgements) > maxJudgements {
		t.Errorf("%d key judgements", len(c.Judgements))
	}
	if c.Severity.Low > c.Severity.High || (c.Severity.Low == c.Severity.High) != (c.Severity.Decides == "") {
		t.Errorf("severity %+v", c.Severity)
	}
	if c.Status == netcase.StatusConfirmed {
		t.Error("only a person takes the last step")
	}
	for i, a := range c.Actions {
		if a.Priority != i+1 || a.Title == "" || a.Owner == "" || a.Due <= 0 || a.Risk == "" || a.Collateral == "" || a.Rollback == "" {
			t.Errorf("action %d is not whole: %+v", i, a)
		}
		if a.Kind == actBlock && (len(a.Selection.Peers) == 0 || a.Expiry <= 0) {
			t.Errorf("block %s selects everything or never ends", a.ID)
		}
	}
	if err := check(c); err != nil {
		t.Error(err)
	}
	again, _ := json.Marshal(c)
	if !bytes.Equal(b, again) {
		t.Error("a case marshals differently twice")
	}
}

func claimOf(claims []netcase.Claim, id string) netcase.Claim {
	for _, c := range claims {
		if c.ID == id {
			return c
		}
	}
	return netcase.Claim{}
}

func itemOf(items []netcase.Item, id string) netcase.Item {
	for _, i := range items {
		if i.ID == id {
			return i
		}
	}
	return netcase.Item{}
}

// The incident as the analyst exported it: no verdict, no counters.
func TestSeed(t *testing.T) {
	c := judged(t, incident().input(netcase.ReachUnknown))
	checkSeed(t, c)
	if c.Severity.RuleLow != "6b" || c.Severity.RuleHigh != "5" {
		t.Errorf("rules %s and %s, want 6b and 5", c.Severity.RuleLow, c.Severity.RuleHigh)
	}
	if n := len(c.Groups[0].Sources); n != 3 {
		t.Errorf("%d sources are told, want 3", n)
	}
	compromise := claimOf(c.Claims, claimCompromise)
	if len(compromise.Missing) < 3 || len(compromise.Hosts) != 3 {
		t.Errorf("compromise: missing %v at %v", compromise.Missing, compromise.Hosts)
	}
	for _, want := range []string{"flow verdict", "login logs", "flow counters", "outbound flows", "process records", "raw records", "assets", "site"} {
		i := slices.IndexFunc(c.Gaps, func(g netcase.Gap) bool { return g.Source == want })
		if i < 0 {
			t.Errorf("no gap %q", want)
		} else if c.Gaps[i].Effect == "" || slices.Contains([]string{"flow verdict", "login logs", "outbound flows", "process records"}, want) && c.Gaps[i].Query == "" {
			t.Errorf("gap %q has no effect or no query", want)
		}
	}
	order := []string{}
	for _, a := range c.Actions {
		order = append(order, a.Kind)
	}
	if want := []string{actData, actClose, actRestrict, actRestrict, actDetect, actBlock}; !slices.Equal(order, want) {
		t.Errorf("actions %v, want %v", order, want)
	}
	for _, want := range []string{"allow/deny", "4624/4625 + RdpCoreTS 131/140", "touched hosts"} {
		if !strings.Contains(c.Actions[0].Title, want) {
			t.Errorf("first action %q does not say %q", c.Actions[0].Title, want)
		}
	}
	block := c.Actions[len(c.Actions)-1]
	if block.Expiry != DefaultConfig().TTLScan || !strings.Contains(block.Reason, "near-zero lasting value") || len(block.Selection.Peers) != 3 {
		t.Errorf("block %+v", block)
	}
	for _, r := range c.Requirements {
		if r.State != stateNoTag || !strings.Contains(r.Touched, "evidence relevant to") {
			t.Errorf("requirement %s: %s, %s", r.Number, r.State, r.Touched)
		}
	}
	if len(c.Cards) != 3 || c.Cards[0].P <= 0 {
		t.Errorf("cards %+v", c.Cards)
	}
	if !slices.ContainsFunc(c.Timeline, func(e netcase.Entry) bool { return e.Kind == entryKnowledge }) {
		t.Error("the time line does not say when lists learned of the addresses")
	}
	if !strings.Contains(summaryText(c), "8 of 2,500 flows") {
		t.Error("the summary does not say what the listed addresses explain")
	}
}

func summaryText(c *netcase.Case) string {
	var b strings.Builder
	for _, s := range c.Summary {
		b.WriteString(s.Text + "\n")
	}
	return b.String()
}

// checkSeed holds for the incident under any names.
func checkSeed(t *testing.T, c *netcase.Case) {
	t.Helper()
	if len(c.Groups) != 1 {
		t.Fatalf("%d groups, want 1", len(c.Groups))
	}
	g := &c.Groups[0]
	lead := g.Lead()
	if lead.ID != "BG" || lead.Word != "very likely" {
		t.Errorf("lead %s %s", lead.ID, lead.Word)
	}
	near(t, "BG", lead.Posterior, .847, .0005)
	near(t, "BFA", g.Hypotheses[1].Posterior, .107, .0005)
	for _, h := range g.Hypotheses[2:] {
		if h.Posterior > .04 {
			t.Errorf("%s stands at %.3f", h.ID, h.Posterior)
		}
	}
	for _, id := range []string{claimCompromise, claimControl, claimExfiltration} {
		if cl := claimOf(c.Claims, id); cl.Standing != netcase.NotDeterminable || len(cl.Missing) == 0 {
			t.Errorf("%s: %s, missing %v", id, cl.Standing, cl.Missing)
		}
	}
	if cl := claimOf(g.Claims, claimControl); cl.Standing != netcase.Gated || cl.Posterior != 0 {
		t.Errorf("command and control in inbound flows: %s %.3f", cl.Standing, cl.Posterior)
	}
	if c.Artefact == nil || c.Artefact.Flag != "possible_aggregation_cap" {
		t.Errorf("artefact %+v", c.Artefact)
	}
	if c.Severity.Low != netcase.Low || c.Severity.High != netcase.Medium || c.Severity.Decides == "" {
		t.Errorf("severity %s, decides %q", c.Severity, c.Severity.Decides)
	}
	if c.Status != netcase.StatusSuspicious || !strings.Contains(c.StatusWhy, "under investigation") {
		t.Errorf("status %s (%s)", c.Status, c.StatusWhy)
	}
	if c.Confidence.Level != confidenceLow {
		t.Errorf("confidence %+v", c.Confidence)
	}
}

// The same deeds under other names are judged the same.
func TestSeedRenamed(t *testing.T) {
	for seed := range uint64(20) {
		w := incident().renamed(seed)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { checkSeed(t, judged(t, w.input(netcase.ReachUnknown))) })
	}
}

// The order in which findings and inputs come changes nothing in the judgement.
func TestShuffled(t *testing.T) {
	in := incident().input(netcase.ReachUnknown)
	want := judged(t, in)
	r := rand.New(rand.NewPCG(3, 3))
	for range 10 {
		r.Shuffle(len(in.Findings), func(i, j int) { in.Findings[i], in.Findings[j] = in.Findings[j], in.Findings[i] })
		for i := range in.Findings {
			if s := in.Findings[i].Sighting; s != nil {
				r.Shuffle(len(s.Sightings), func(i, j int) { s.Sightings[i], s.Sightings[j] = s.Sightings[j], s.Sightings[i] })
			}
		}
		got := judged(t, in)
		if got.ID != want.ID || got.Severity.String() != want.Severity.String() || got.Groups[0].Label != want.Groups[0].Label ||
			summaryText(got) != summaryText(want) || len(got.Actions) != len(want.Actions) {
			t.Fatalf("shuffled findings are judged otherwise:\n%s\n%s", summaryText(want), summaryText(got))
		}
	}
}

func TestDraftLeavesTheCallersFindingsAlone(t *testing.T) {
	in := incident().input(netcase.ReachUnknown)
	before, _ := json.Marshal(in.Findings)
	a, err := Draft(in)
	if err != nil {
		t.Fatal(err)
	}
	after, _ := json.Marshal(in.Findings)
	if !bytes.Equal(before, after) {
		t.Error("Draft changed the findings it was given")
	}
	b, err := Draft(in)
	if err != nil {
		t.Fatal(err)
	}
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	if !bytes.Equal(x, y) {
		t.Error("two drafts of the same input differ")
	}
}

// J8: for every item the table says whether a judgement changes without it.
func TestSensitivity(t *testing.T) {
	c := judged(t, incident().input(netcase.ReachDenied))
	got := map[string]netcase.Sensitivity{}
	for _, s := range c.Sensitivity {
		got[s.Item] = s
	}
	for _, id := range []string{"A01", "A02", "A03", "A05"} {
		if s, ok := got[id]; !ok || s.Group != "G1" || s.Before == "" || s.After == "" {
			t.Errorf("%s: %+v", id, s)
		}
	}
	if s := got["A05"]; !s.Changes && !strings.Contains(s.After, "very likely") {
		t.Errorf("A05: %+v", s)
	}
	if s := got["A05"]; s.Moved >= 0 {
		t.Errorf("without A05 the lead gains: %+v", s)
	}
	quiet := incident().input(netcase.ReachDenied)
	quiet.Findings = slices.DeleteFunc(quiet.Findings, func(f netcase.Finding) bool { return f.Spike != nil })
	c = judged(t, quiet)
	for _, s := range c.Sensitivity {
		if s.Item == "A03" && (!s.Changes || !strings.Contains(s.After, "INFO")) {
			t.Errorf("without the lists denied traffic is INFO: %+v", s)
		}
	}
}

func TestCaseID(t *testing.T) {
	in := incident().input(netcase.ReachUnknown)
	in.Coverage.Inputs = append(in.Coverage.Inputs, netcase.InputReport{Name: "b", SHA256: "bb"})
	id := CaseID(in)
	slices.Reverse(in.Coverage.Inputs)
	if CaseID(in) != id {
		t.Error("the order of inputs changes the case id")
	}
	in.Settings = map[string]string{"focus": "198.51.100.7"}
	if CaseID(in) == id {
		t.Error("a setting does not change the case id")
	}
	in.ID = "given"
	if c, err := Draft(in); err != nil || c.ID != "given" {
		t.Errorf("the caller's id is not taken: %v", err)
	}
}

// Hostile names do not reach a query, and break nothing.
func TestHostileNames(t *testing.T) {
	w := incident()
	in := w.input(netcase.ReachUnknown)
	in.Names = map[netip.Addr]string{w.hosts[0]: "x\"]); T | take 1 //\n", w.hosts[1]: "rg/ok-1", w.hosts[2]: "\x1b[31m"}
	c := judged(t, in)
	for _, q := range c.Queries {
		if strings.Contains(q.Text, "take 1") || strings.Contains(q.Text, "\x1b") {
			t.Errorf("a name escaped into %q:\n%s", q.Title, q.Text)
		}
	}
	if !slices.ContainsFunc(c.Queries, func(q netcase.QueryText) bool { return strings.Contains(q.Text, `"ok-1"`) }) {
		t.Error("a plain name is not in any query")
	}
}

// Where lists place an address is shown and is no evidence: another place moves nothing.
func TestPlacesAreNoEvidence(t *testing.T) {
	placed := func(countries ...string) *netcase.Case {
		in := incident().input(netcase.ReachUnknown)
		for i := range in.Findings {
			if f := in.Findings[i].Sighting; f != nil {
				for j := range f.Sightings {
					card := &f.Sightings[j].Card
					card.Conflict = len(countries) > 1
					for _, c := range countries {
						card.Geo = append(card.Geo, netcase.GeoAnswer{Provider: "x", Geo: netcase.Geo{Country: c, City: "Ranchi", ASN: 149583}})
					}
				}
			}
		}
		return judged(t, in)
	}
	nowhere, here, both := placed(), placed("IN"), placed("DE", "PL")
	for _, c := range []*netcase.Case{here, both} {
		if verdictOf(c) != verdictOf(nowhere) || summaryText(c) != summaryText(nowhere) || len(c.Evidence) != len(nowhere.Evidence) {
			t.Errorf("a place moves the judgement:\n%s\n%s", verdictOf(nowhere), verdictOf(c))
		}
		if c.Cards[0].Conflict != (c == both) || len(c.Cards[0].Geo) == 0 {
			t.Errorf("the places are not shown: %+v", c.Cards[0])
		}
	}
}
