package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"netcase"
)

// Asking is who may be asked, how much, and what is known already. The zero value
// asks nobody.
type Asking struct {
	Services []*Service
	Also     []string       // look-ups that are asked beside the first of each service: "otx-geo"
	Budgets  map[string]int // questions a day, by account or by service; others: the documented quota
	Cache    Cache          // nil: none
	Ledger   Ledger         // nil: what is spent is forgotten with the process
	Kept     *Kept          // what a case keeps: never asked again, however old
	Patience time.Duration  // how long the asking may take; 0: as long as it takes
	Now      func() netcase.Time
	Progress func(lookup string, done, of int) // nil: none; called by several goroutines
}

// Result is what a plan brought.
type Result struct {
	Answers []Answer  // by look-up and observable
	Unasked []Unasked // by look-up, then as planned
	Failed  []Failure // by look-up
	Errors  []error   // what went wrong, for people; the case keeps the reasons only
}

// Unasked is one address that a look-up was not asked about, and why.
type Unasked struct {
	Lookup  string     `json:"lookup"`
	Address netip.Addr `json:"address"`
	Why     string     `json:"why"`
}

// Failure is why a look-up could not be asked at all, or no further.
type Failure struct {
	Lookup string `json:"lookup"`
	Why    string `json:"why"`
}

// Empty tells whether nothing was asked and nothing was to be asked.
func (r *Result) Empty() bool { return len(r.Answers)+len(r.Unasked)+len(r.Failed) == 0 }

// Ask spends each service's quota in the order of the plan. Services are asked side
// by side, each for itself; what becomes of one does not touch the others. Answers of
// the case and fresh ones of the cache cost nothing.
//
// Errors: that of ctx, and of a cache or ledger that cannot be read or written.
func (a *Asking) Ask(ctx context.Context, plan []netip.Addr) (Result, error) {
	if a.Ledger == nil {
		a.Ledger = &Memory{}
	}
	results, errs := make([]Result, len(a.Services)), make([]error, len(a.Services))
	var wg sync.WaitGroup
	for i, s := range a.Services {
		wg.Go(func() { results[i], errs[i] = a.service(ctx, s, plan) })
	}
	wg.Wait()
	out := a.Kept.about(plan, a.Lookups())
	for i, r := range results {
		if errs[i] != nil {
			return out, errs[i]
		}
		out.Answers, out.Unasked = append(out.Answers, r.Answers...), append(out.Unasked, r.Unasked...)
		out.Failed, out.Errors = append(out.Failed, r.Failed...), append(out.Errors, r.Errors...)
	}
	out.sort()
	return out, ctx.Err()
}

func (r *Result) sort() {
	slices.SortFunc(r.Answers, func(a, b Answer) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Observable, b.Observable), cmp.Compare(a.RetrievedAt, b.RetrievedAt))
	})
	slices.SortStableFunc(r.Unasked, func(a, b Unasked) int { return cmp.Compare(a.Lookup, b.Lookup) })
	slices.SortFunc(r.Failed, func(a, b Failure) int { return cmp.Compare(a.Lookup, b.Lookup) })
}

// Lookups are the names of all look-ups that this asking answers for itself.
func (a *Asking) Lookups() map[string]bool {
	out := map[string]bool{}
	for _, s := range a.Services {
		for _, l := range a.wanted(s) {
			out[l.Name] = true
		}
		if s.Block != "" {
			out[s.Block] = true
		}
	}
	return out
}

// wanted are the look-ups of a service that a plan asks.
func (a *Asking) wanted(s *Service) []Lookup {
	var out []Lookup
	for i, l := range s.Lookups {
		if i == 0 || slices.Contains(a.Also, l.Name) {
			out = append(out, l)
		}
	}
	return out
}

func (a *Asking) service(ctx context.Context, s *Service, plan []netip.Addr) (Result, error) {
	t := &turn{a: a, s: s, closed: map[string]string{}}
	if a.Patience > 0 {
		t.until = a.Now() + netcase.Time(a.Patience.Milliseconds())
	}
	for _, l := range a.wanted(s) {
		if err := t.lookup(ctx, l, plan); err != nil {
			return t.out, err
		}
	}
	return t.out, nil
}

// turn is one service being asked.
type turn struct {
	a      *Asking
	s      *Service
	until  netcase.Time      // zero: no end
	closed map[string]string // account -> why it is not asked any more
	failed string            // why the service is not asked any more
	row    int               // failures in a row
	out    Result
}

// maxRow is how many failures in a row end a turn: a service that is down is not
// asked a thousand times.
const maxRow = 3

// lookup asks one look-up for the whole plan.
func (t *turn) lookup(ctx context.Context, l Lookup, plan []netip.Addr) error {
	open, err := t.open(l, plan)
	if err != nil {
		return err
	}
	blocks, err := t.blocks(l, open)
	if err != nil {
		return err
	}
	covered := map[netip.Prefix]bool{}
	for i, addr := range open {
		if t.a.Progress != nil {
			t.a.Progress(l.Name, i, len(open))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if block := blockOf(addr); blocks[block] > 0 {
			if !covered[block] && t.mayAsk(t.block().Account) {
				if _, err := t.one(ctx, t.block(), block); err != nil {
					return err
				}
			}
			if covered[block] = t.answered(t.block().Name, block); covered[block] {
				continue
			}
		}
		why, err := t.one(ctx, l, netip.PrefixFrom(addr, addr.BitLen()))
		if err != nil {
			return err
		}
		if why != "" {
			t.out.Unasked = append(t.out.Unasked, Unasked{l.Name, addr, why})
		}
	}
	if t.failed != "" {
		t.out.Failed = append(t.out.Failed, Failure{l.Name, t.failed})
	}
	return nil
}

// answered tells whether the answer about a network is in.
func (t *turn) answered(lookup string, p netip.Prefix) bool {
	return slices.ContainsFunc(t.out.Answers, func(a Answer) bool { return a.Provider == lookup && a.Observable == observable(p) })
}

// open are the addresses of the plan that no kept or fresh answer speaks of; the
// answers that do are taken.
func (t *turn) open(l Lookup, plan []netip.Addr) ([]netip.Addr, error) {
	var out []netip.Addr
	for _, addr := range plan {
		addr = addr.Unmap()
		if !l.Takes(netip.PrefixFrom(addr, addr.BitLen())) {
			t.out.Unasked = append(t.out.Unasked, Unasked{l.Name, addr, "the service does not take such an address"})
			continue
		}
		known, err := t.known(l, addr)
		if err != nil {
			return nil, err
		}
		if !known {
			out = append(out, addr)
		}
	}
	return out, nil
}

func (t *turn) known(l Lookup, addr netip.Addr) (bool, error) {
	if t.take(t.a.Kept, l.Name, addr.String()) {
		return true, nil
	}
	block := t.block()
	if block.Name != "" && l.Name == t.s.Lookups[0].Name && addr.Is4() {
		at := observable(blockOf(addr))
		if t.answered(block.Name, blockOf(addr)) || t.take(t.a.Kept, block.Name, at) {
			return true, nil
		}
		if ok, err := t.fresh(block, at); ok || err != nil {
			return ok, err
		}
	}
	return t.fresh(l, addr.String())
}

// take uses an answer that the case keeps.
func (t *turn) take(k *Kept, lookup, observable string) bool {
	a, ok := k.answer(lookup, observable)
	if ok {
		t.out.Answers = append(t.out.Answers, a)
	}
	return ok
}

// fresh uses an answer of the cache that has not outlived itself.
func (t *turn) fresh(l Lookup, observable string) (bool, error) {
	if t.a.Cache == nil {
		return false, nil
	}
	now := t.a.Now()
	a, ok, err := t.a.Cache.Get(l.Name, observable, now)
	if err != nil || !ok || now-a.RetrievedAt >= netcase.Time(l.Lifetime.Milliseconds()) {
		return false, err
	}
	t.out.Answers = append(t.out.Answers, a)
	return true, nil
}

// block is the look-up of networks, the zero value where there is none.
func (t *turn) block() Lookup {
	i := slices.IndexFunc(t.s.Lookups, func(l Lookup) bool { return l.Name == t.s.Block })
	if i < 0 {
		return Lookup{}
	}
	return t.s.Lookups[i]
}

func blockOf(a netip.Addr) netip.Prefix {
	if !a.Is4() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(a, abuseBlock).Masked()
}

// blocks are the networks that are asked as a whole, with how many addresses of each
// are open: where several are, and one question about the network takes a smaller
// share of its quota than the addresses take of theirs.
func (t *turn) blocks(l Lookup, open []netip.Addr) (map[netip.Prefix]int, error) {
	b := t.block()
	if b.Name == "" || l.Name != t.s.Lookups[0].Name {
		return nil, nil
	}
	single, err := t.left(l.Account)
	if err != nil {
		return nil, err
	}
	whole, err := t.left(b.Account)
	if err != nil {
		return nil, err
	}
	out := map[netip.Prefix]int{}
	for _, a := range open {
		if a.Is4() {
			out[blockOf(a)]++
		}
	}
	for p, n := range out {
		if n < 2 || float64(n)*float64(whole) <= float64(single) {
			delete(out, p)
		}
	}
	return out, nil
}

// mayAsk tells whether an account is open.
func (t *turn) mayAsk(account string) bool { return t.failed == "" && t.closed[account] == "" }

// one asks one question, if it may. why says why there is no answer.
func (t *turn) one(ctx context.Context, l Lookup, about netip.Prefix) (why string, err error) {
	if t.failed != "" {
		return t.failed, nil
	}
	if why := t.closed[l.Account]; why != "" {
		return why, nil
	}
	if t.until.Known() && t.a.Now() >= t.until {
		return fmt.Sprintf("asking was to take no longer than %s", t.a.Patience), nil
	}
	if why, err := t.spent(l.Account); why != "" || err != nil {
		t.closed[l.Account] = why
		return why, err
	}
	today := Day(t.a.Now())
	if err := t.a.Ledger.Spend(l.Account, today, 1); err != nil { // before the question: a crash must not make it free
		return "", err
	}
	answer, err := t.s.ask(ctx, l, about, func() (bool, error) { return t.another(l.Account, today) })
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return t.refused(l, today, err)
	}
	t.row = 0
	t.out.Answers = append(t.out.Answers, answer)
	if err := t.follow(l.Account, today); err != nil || t.a.Cache == nil {
		return "", err
	}
	return "", t.a.Cache.Put(answer)
}

// another spends one more question, for a further page, where there is one left.
func (t *turn) another(account, today string) (bool, error) {
	if err := t.follow(account, today); err != nil || t.closed[account] != "" {
		return false, err
	}
	if why, err := t.spent(account); why != "" || err != nil {
		return false, err
	}
	return true, t.a.Ledger.Spend(account, today, 1)
}

// refused is what follows from an error: a quota that is spent closes the account
// until the service says, a key that is refused and a service that is down end the
// turn, anything else costs one answer.
func (t *turn) refused(l Lookup, today string, err error) (string, error) {
	t.out.Errors = append(t.out.Errors, err)
	kind := KindOf(err)
	switch kind {
	case KindQuota:
		return t.quotaSpent(l.Account, today, err)
	case KindKey:
		t.failed = "the service refused the key"
		return t.failed, nil
	}
	if t.row++; t.row >= maxRow {
		t.failed = fmt.Sprintf("%d questions in a row failed: %s", maxRow, kind)
	}
	return "asked, no answer: " + string(kind), nil
}

// quotaSpent closes an account until the time that the service names, else until midnight.
func (t *turn) quotaSpent(account, today string, err error) (string, error) {
	until := untilOf(err)
	if !until.Known() {
		until = t.a.Now().Truncate(netcase.Day) + netcase.Day
	}
	why := spentUntil(until)
	t.closed[account] = why
	return why, t.a.Ledger.Close(account, today, until, why)
}

func spentUntil(t netcase.Time) string {
	return "the service says that the quota is spent, until " + t.Short() + " UTC"
}

// spent tells why an account may not be asked today; empty: it may.
func (t *turn) spent(account string) (string, error) {
	now := t.a.Now()
	for _, d := range days(now, 2) { // what was closed yesterday may last
		s, err := t.a.Ledger.Spent(account, d)
		if err != nil {
			return "", err
		}
		if s.Until > now {
			return spentUntil(s.Until), nil
		}
	}
	for _, q := range t.quotas(account) {
		n, err := t.used(q)
		if err != nil {
			return "", err
		}
		if n >= q.Questions {
			return fmt.Sprintf("the budget of %s is spent", q.words()), nil
		}
	}
	return "", nil
}

func (q Quota) words() string {
	n := fmt.Sprintf("%d questions", q.Questions)
	if q.Questions == 1 {
		n = "1 question"
	}
	if q.Days == 1 {
		return n + " a day"
	}
	return fmt.Sprintf("%s in %d days", n, q.Days)
}

// left is how many questions an account may still ask today.
func (t *turn) left(account string) (int, error) {
	if why, err := t.spent(account); why != "" || err != nil {
		return 0, err
	}
	left := int(^uint(0) >> 1)
	for _, q := range t.quotas(account) {
		n, err := t.used(q)
		if err != nil {
			return 0, err
		}
		left = min(left, q.Questions-n)
	}
	return left, nil
}

// used is what was spent of a quota in its days.
func (t *turn) used(q Quota) (n int, err error) {
	for _, d := range days(t.a.Now(), q.Days) {
		s, err := t.a.Ledger.Spent(q.Account, d)
		if err != nil {
			return 0, err
		}
		n += s.Asked
	}
	return n, nil
}

// days are the last n days of UTC, today first.
func days(now netcase.Time, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = Day(now - netcase.Time(i)*netcase.Day)
	}
	return out
}

// quotas are the bounds of an account: those that the user gave, else those of a free
// account.
func (t *turn) quotas(account string) []Quota {
	for _, key := range []string{account, t.s.Name} {
		if n, ok := t.a.Budgets[key]; ok {
			return []Quota{{account, n, 1}}
		}
	}
	var out []Quota
	for _, q := range t.s.Quotas {
		if q.Account == account {
			if q.Days == 1 {
				above, err := t.a.Ledger.Spent(account+limitSuffix, Day(t.a.Now()))
				if err == nil { // one that cannot be read is told where the questions are counted
					q.Questions += above.Asked
				}
			}
			out = append(out, q)
		}
	}
	return out
}

// named tells whether the user named the budget of an account.
func (t *turn) named(account string) bool {
	_, one := t.a.Budgets[account]
	_, all := t.a.Budgets[t.s.Name]
	return one || all
}

// Reports are what the case tells of the look-ups.
func (r *Result) Reports() []netcase.LookupReport {
	at := map[string]*netcase.LookupReport{}
	report := func(lookup string) *netcase.LookupReport {
		if at[lookup] == nil {
			at[lookup] = &netcase.LookupReport{Service: lookup, Provider: titleOf(lookup)}
		}
		return at[lookup]
	}
	for _, a := range r.Answers {
		l := report(a.Provider)
		l.Answers++
		l.Last = max(l.Last, a.RetrievedAt)
		if !l.First.Known() || a.RetrievedAt < l.First {
			l.First = a.RetrievedAt
		}
	}
	for _, u := range r.Unasked {
		l := report(u.Lookup)
		i := slices.IndexFunc(l.Unasked, func(o netcase.Unasked) bool { return o.Why == u.Why })
		if i < 0 {
			i = len(l.Unasked)
			l.Unasked = append(l.Unasked, netcase.Unasked{Why: u.Why, Addresses: []netip.Addr{}})
		}
		o := &l.Unasked[i]
		if o.Count++; len(o.Addresses) < netcase.MaxUnasked {
			o.Addresses = append(o.Addresses, u.Address)
		}
	}
	for _, f := range r.Failed {
		report(f.Lookup).Error = f.Why
	}
	out := make([]netcase.LookupReport, 0, len(at))
	for _, l := range at {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b netcase.LookupReport) int { return strings.Compare(a.Service, b.Service) })
	return out
}

func untilOf(err error) netcase.Time {
	var e *Error
	if errors.As(err, &e) {
		return e.Until
	}
	return 0
}
