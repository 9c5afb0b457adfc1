package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"netcase"
)

// Pull is a list that a service hands out, page by page.
type Pull struct {
	Name     string
	Doc      string
	Account  string // whose quota each page spends; empty: none
	Of       string // what PullQuery.Of must name; empty: nothing
	Lifetime time.Duration
	Auth     func(user string, key Secret) Auth // nil: that of the provider

	First func(PullQuery) Question
	// Check tells whether a page, by its number from 1, is one: services send errors with
	// status 200.
	Check func(body []byte, page int) error
	// Next is the question after a page, and whether there is one; nil: there is one
	// page, or Rest knows the others. An error: there is more, and the page does not
	// say where.
	Next func(PullQuery, *Page) (Question, bool, error)
	// Rest are the questions after the first page, where that one is a table of
	// contents: it lists nothing itself. nil: it is not.
	Rest func(PullQuery, *Page) ([]Question, error)
}

// lists checks that a page has an array at a path.
func lists(path string) func([]byte, int) error {
	return func(body []byte, _ int) error {
		v, ok := at(body, path)
		if !ok {
			return said200(body, path)
		}
		if _, ok := v.([]any); !ok {
			return fmt.Errorf("%q is no array", path)
		}
		return nil
	}
}

// PullOf is the pull of that name and whose it is.
func PullOf(name string) (Provider, Pull, bool) {
	for _, p := range Providers() {
		for _, l := range p.Pulls {
			if l.Name == name {
				return p, l, true
			}
		}
	}
	return Provider{}, Pull{}, false
}

// PullQuery says what is wanted of a list.
type PullQuery struct {
	Of    string       // a collection, an address: see Pull.Of
	Since netcase.Time // only what changed since then; zero: everything
	Now   netcase.Time // when the pull began

	// ETag and LastModified are those of the copy of the first page at hand.
	ETag         string
	LastModified string

	Ledger Ledger // of the quotas that pages spend; nil: they are not counted
}

// Page is one page as it came.
type Page struct {
	Answer
	Number       int    // from 1
	Contents     bool   // it names the other pages and lists nothing itself
	AddedLast    string // of TAXII: when the last object of the page was added
	ETag         string
	LastModified string
	NotModified  bool // the copy at hand is still the newest; there is no Body, and no further page
}

// maxPages bounds a pull: a server that never ends must not keep us for ever.
const maxPages = 10_000

// Pull fetches a list and hands on each page. It ends with the last page, with an
// error of the service or of yield, or where the pages do not move on.
func (s *Service) Pull(ctx context.Context, p Pull, q PullQuery, yield func(Page) error) error {
	if p.Of != "" && q.Of == "" {
		return fmt.Errorf("%s: %s is not given", p.Name, p.Of)
	}
	if !q.Now.Known() {
		q.Now = netcase.TimeOf(s.client.cfg.Now())
	}
	asked := map[string]bool{}
	for next, rest := p.First(q), []Question(nil); ; {
		if len(asked) >= maxPages {
			return fmt.Errorf("%s: more than %d pages", p.Name, maxPages)
		}
		page, err := s.page(ctx, p, q, next, len(asked)+1)
		if err != nil {
			return err
		}
		if err := yield(page); err != nil {
			return err
		}
		asked[questionKey(next)] = true
		var more bool
		switch {
		case page.NotModified:
		case page.Contents:
			rest, err = p.Rest(q, &page)
			fallthrough
		case p.Rest != nil:
			if more = len(rest) > 0; more {
				next, rest = rest[0], rest[1:]
			}
		case p.Next != nil:
			next, more, err = p.Next(q, &page)
		}
		switch {
		case err != nil:
			return &Error{Kind: KindMalformed, Provider: s.Name, Method: "GET", URL: s.access.Base, Err: fmt.Errorf("page %d: %w", page.Number, err)}
		case !more:
			return nil
		case asked[questionKey(next)]:
			return fmt.Errorf("%s: page %d leads back to an earlier one", p.Name, page.Number)
		}
	}
}

// questionKey tells questions apart.
func questionKey(q Question) string {
	post, _ := json.Marshal(q.Post) // it was marshalled to be sent
	return q.Path + "?" + q.Query.Encode() + " " + string(post)
}

func (s *Service) page(ctx context.Context, p Pull, q PullQuery, ask Question, number int) (Page, error) {
	r, err := s.request(ask, p.Auth)
	if err != nil {
		return Page{}, err
	}
	purse := s.purse(p, q)
	if err := purse.spend(); err != nil {
		return Page{}, err
	}
	if number == 1 {
		r.ETag, r.LastModified = q.ETag, q.LastModified
	}
	resp, err := s.do(ctx, r)
	if err != nil {
		return Page{}, purse.refused(err)
	}
	if err := purse.hear(resp.Header); err != nil {
		return Page{}, err
	}
	page := Page{
		Number: number, Contents: number == 1 && p.Rest != nil && !resp.NotModified, NotModified: resp.NotModified, ETag: resp.ETag, LastModified: resp.LastModified,
		AddedLast: resp.Header.Get("X-TAXII-Date-Added-Last"),
		Answer: Answer{
			Provider: p.Name, Observable: q.Of, RetrievedAt: resp.RetrievedAt, Status: resp.Status,
			SHA256: resp.SHA256, Redacted: resp.Redacted, Body: resp.Body,
		},
	}
	if resp.NotModified {
		return page, nil
	}
	if !json.Valid(resp.Body) {
		return Page{}, s.refuse(r, resp, errors.New("not JSON, or cut"))
	}
	if err := p.Check(resp.Body, number); err != nil {
		return Page{}, purse.refused(s.refuse(r, resp, err))
	}
	return page, nil
}

// purse is the account that the pages of a pull spend, with the day that it begins on.
type purse struct {
	turn    *turn // nil: nothing is counted
	account string
	today   string
}

func (s *Service) purse(p Pull, q PullQuery) purse {
	if q.Ledger == nil || p.Account == "" {
		return purse{}
	}
	a := &Asking{Ledger: q.Ledger, Now: func() netcase.Time { return netcase.TimeOf(s.client.cfg.Now()) }}
	return purse{turn: &turn{a: a, s: s, closed: map[string]string{}}, account: p.Account, today: Day(a.Now())}
}

// spend takes one question out, before it is asked: a crash must not make it free.
//
// Errors: KindQuota where there is none left.
func (p purse) spend() error {
	if p.turn == nil {
		return nil
	}
	why, err := p.turn.spent(p.account)
	if err != nil {
		return err
	}
	if why != "" {
		return &Error{Kind: KindQuota, Provider: p.turn.s.Name, Method: "GET", URL: p.turn.s.access.Base, Err: errors.New(why)}
	}
	return p.turn.a.Ledger.Spend(p.account, p.today, 1)
}

// refused closes the account where the service says that the quota is spent.
func (p purse) refused(err error) error {
	if p.turn == nil || KindOf(err) != KindQuota {
		return err
	}
	_, lerr := p.turn.quotaSpent(p.account, p.today, err)
	return errors.Join(err, lerr)
}

// hear takes what the service says of the account beside a page.
func (p purse) hear(h http.Header) error {
	if p.turn == nil {
		return nil
	}
	p.turn.s.hear(p.account, h)
	return p.turn.follow(p.account, p.today)
}
