package service

import (
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"netcase"
)

// TestBudgetFollowsTheService: what a service says beside a good answer is believed where it
// says less than was counted, over runs, and that nothing is left ends the asking.
func TestBudgetFollowsTheService(t *testing.T) {
	for _, c := range []struct {
		name             string
		limit, remaining string
		first, second    int // questions that a plan of ten leads to, and another run of ten others
	}{
		{"nothing said", "", "", 10, 10},
		{"others ask with the same key", "1000", "3", 4, 0},
		{"nothing left", "1000", "0", 1, 0},
		{"more than was counted", "50000", "49999", 10, 10},
		{"a limit of a minute", "4", "3", 10, 10},
		{"no number", "1000", "many", 10, 10},
	} {
		asked, remaining := 0, 0
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			if c.limit != "" {
				w.Header().Set("X-RateLimit-Limit", c.limit)
				w.Header().Set("X-RateLimit-Remaining", c.remaining)
				if n, err := strconv.Atoi(c.remaining); err == nil && n == 3 && c.limit != "4" {
					remaining = max(n+1-asked, 0)
					w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
				}
			}
			_, _ = io.WriteString(w, townAnswer(r))
		})
		client, ck := testClient(t)
		p, _ := ProviderOf("abuseipdb")
		p.Block = "" // single questions, to be counted
		ledger := &Memory{}
		for run, want := range []int{c.first, c.second} {
			asked = 0
			a := &Asking{Services: []*Service{opened(t, p, client, s.URL)}, Ledger: ledger, Now: func() netcase.Time { return netcase.TimeOf(ck.Now()) }}
			r, err := a.Ask(t.Context(), addresses("62."+strconv.Itoa(run+1)+".7.%d", 10))
			if err != nil {
				t.Fatal(err)
			}
			if asked != want || len(r.Answers) != want || len(r.Unasked) != 10-want {
				t.Errorf("%s, run %d: %d asked, %d answers, %d not asked; want %d", c.name, run+1, asked, len(r.Answers), len(r.Unasked), want)
			}
			for _, u := range r.Unasked {
				if u.Why == "" {
					t.Errorf("%s: %s: no reason", c.name, u.Address)
				}
			}
		}
	}
}

// TestHigherLimit: a service that says that more may be asked than a free account may is
// believed, also by the next run; a budget that the user named is not exceeded.
func TestHigherLimit(t *testing.T) {
	for _, c := range []struct {
		name    string
		limit   string
		budgets map[string]int
		want    int // questions of each of two runs, of ten
	}{
		{"said nothing", "", nil, 0},
		{"a contract", "3000", nil, 10},
		{"the user's own word", "3000", map[string]int{"abuseipdb": 4}, 0},
		{"less", "2", nil, 0},
	} {
		asked := 0
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			if c.limit != "" {
				w.Header().Set("X-RateLimit-Limit", c.limit)
				w.Header().Set("X-RateLimit-Remaining", "2500")
			}
			_, _ = io.WriteString(w, townAnswer(r))
		})
		client, ck := testClient(t)
		p, _ := ProviderOf("abuseipdb")
		p.Block, p.Quotas = "", []Quota{{"abuseipdb/check", 4, 1}}
		ledger := &Memory{}
		for run, want := range []int{max(c.want, 4), c.want} {
			asked = 0
			a := &Asking{Services: []*Service{opened(t, p, client, s.URL)}, Ledger: ledger, Budgets: c.budgets, Now: func() netcase.Time { return netcase.TimeOf(ck.Now()) }}
			if _, err := a.Ask(t.Context(), addresses("62."+strconv.Itoa(run+1)+".7.%d", 10)); err != nil {
				t.Fatal(err)
			}
			if asked != want {
				t.Errorf("%s, run %d: %d asked, want %d", c.name, run+1, asked, want)
			}
		}
	}
}

// TestNothingLeft: whichever look-up says in the headers of an answer that nothing is left,
// it is not asked again; SOCRadar says so inside.
func TestNothingLeft(t *testing.T) {
	for _, p := range Providers() {
		p.Block, p.Every = "", 0
		for _, l := range p.Lookups {
			if l.Name == "abuseipdb-block" {
				continue // it is asked in place of the first
			}
			for _, how := range []string{"headers", "inside"} {
				if (how == "inside") != (l.Left != nil) {
					continue
				}
				asked := 0
				s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
					asked++
					if how == "headers" {
						w.Header().Set("X-RateLimit-Limit", "1000")
						w.Header().Set("X-RateLimit-Remaining", "0")
					}
					_, _ = io.WriteString(w, strings.Replace(scripts[l.Name].found, `"remaining_credit":14`, `"remaining_credit":0`, 1))
				})
				client, ck := testClient(t)
				one := p
				one.Lookups = []Lookup{l}
				one.Lookups[0].Check = func([]byte, netip.Prefix) error { return nil } // answers here are all about one address
				a := &Asking{Services: []*Service{opened(t, one, client, s.URL)}, Now: func() netcase.Time { return netcase.TimeOf(ck.Now()) }}
				r, err := a.Ask(t.Context(), addresses("62.4.5.%d", 3))
				if err != nil || asked != 1 || len(r.Unasked) != 2 {
					t.Errorf("%s, %s: %d asked, %d not, %v %v", l.Name, how, asked, len(r.Unasked), err, r.Errors)
				}
			}
		}
	}
}
