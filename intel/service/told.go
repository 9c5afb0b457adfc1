package service

import (
	"net/http"
	"strconv"
	"time"

	"netcase"
)

// told is what a service says of an account beside an answer.
//
// Source: X-RateLimit-Limit, -Remaining and -Reset (seconds since the epoch), as AbuseIPDB
// documents them.
type told struct {
	limit     int // 0: not said
	remaining int
	reset     netcase.Time // zero: not said
}

func toldIn(h http.Header) (t told, ok bool) {
	n, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	if err != nil || n < 0 {
		return t, false
	}
	t.remaining = n
	if n, err := strconv.Atoi(h.Get("X-RateLimit-Limit")); err == nil && n > 0 {
		t.limit = n
	}
	if n, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil && n > 0 {
		t.reset = netcase.TimeOf(time.Unix(n, 0))
	}
	return t, true
}

// hear keeps what a service says of an account; what says nothing is no word.
func (s *Service) hear(account string, h http.Header) {
	t, ok := toldIn(h)
	s.remember(account, t, ok)
}

// remember keeps the last word on an account; not ok: there is none.
func (s *Service) remember(account string, t told, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.word, account)
	if ok {
		if s.word == nil {
			s.word = map[string]told{}
		}
		s.word[account] = t
	}
}

func (s *Service) heard(account string) (told, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.word[account]
	return t, ok
}

// follow lets the budget follow the service's word: where it says that less is left than we
// counted, somebody else asks with the same key, and what they asked is spent too. A limit
// below that of a day is one of a shorter time: only that nothing is left of it counts.
func (t *turn) follow(account, today string) error {
	w, ok := t.s.heard(account)
	if !ok {
		return nil
	}
	if err := t.takeUp(account, today, w.limit); err != nil {
		return err
	}
	daily := t.daily(account)
	short := w.limit > 0 && daily > 0 && w.limit < daily
	if w.remaining == 0 && (!short || w.reset.Known()) {
		until := w.reset
		if until <= t.a.Now() || until > t.a.Now()+netcase.Time(maxRetryAfter.Milliseconds()) {
			until = t.a.Now().Truncate(netcase.Day) + netcase.Day
		}
		why := spentUntil(until)
		t.closed[account] = why
		return t.a.Ledger.Close(account, today, until, why)
	}
	if short || daily == 0 {
		return nil
	}
	left, err := t.left(account)
	if err != nil || left <= w.remaining {
		return err
	}
	return t.a.Ledger.Spend(account, today, left-w.remaining)
}

// takeUp lets a budget grow to what the service says that the account may ask: the user has a
// contract. A budget that the user named stays, and so does one that is not of a day.
func (t *turn) takeUp(account, today string, limit int) error {
	documented := t.daily(account)
	if t.named(account) || documented == 0 || limit <= documented {
		return nil
	}
	return t.a.Ledger.Spend(account+limitSuffix, today, limit-documented)
}

// limitSuffix is of the account in whose place a ledger counts by how much the service's
// limit of a day is above the documented one.
const limitSuffix = " above"

// daily is how many questions a day an account may ask; 0: its quota is of another time.
func (t *turn) daily(account string) int {
	for _, q := range t.quotas(account) {
		if q.Days == 1 {
			return q.Questions
		}
	}
	return 0
}
