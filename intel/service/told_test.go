package service

import (
	"io"
	"net/http"
	"strconv"
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
