package service

import (
	"slices"
	"sync"

	"netcase"
)

// Memory is a cache and a ledger that last as long as the process. The zero value is
// empty and ready.
type Memory struct {
	mu      sync.Mutex
	answers map[[2]string][]Answer // by look-up and observable, oldest first
	spent   map[[2]string]Spending // by account and day
}

// Get is the newest answer retrieved at or before asOf.
func (m *Memory) Get(provider, observable string, asOf netcase.Time) (Answer, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range slices.Backward(m.answers[[2]string{provider, observable}]) {
		if !asOf.Known() || a.RetrievedAt <= asOf {
			return a, true, nil
		}
	}
	return Answer{}, false, nil
}

// Put keeps an answer.
func (m *Memory) Put(a Answer) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answers == nil {
		m.answers = map[[2]string][]Answer{}
	}
	k := [2]string{a.Provider, a.Observable}
	m.answers[k] = append(m.answers[k], a)
	slices.SortStableFunc(m.answers[k], func(a, b Answer) int { return int(a.RetrievedAt - b.RetrievedAt) })
	return nil
}

// Spent is what an account spent on a day.
func (m *Memory) Spent(account, day string) (Spending, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spent[[2]string{account, day}], nil
}

// Spend adds n questions.
func (m *Memory) Spend(account, day string, n int) error {
	return m.change(account, day, func(s *Spending) { s.Asked += n })
}

// Close notes that the service said no.
func (m *Memory) Close(account, day string, until netcase.Time, why string) error {
	return m.change(account, day, func(s *Spending) { s.Until, s.Closed = until, why })
}

func (m *Memory) change(account, day string, how func(*Spending)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.spent == nil {
		m.spent = map[[2]string]Spending{}
	}
	s := m.spent[[2]string{account, day}]
	how(&s)
	m.spent[[2]string{account, day}] = s
	return nil
}
