package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	Check func(body []byte) error
	// Next is the question after a page, and whether there is one; nil: there is one
	// page.
	Next func(PullQuery, *Page) (Question, bool)
}

// PullQuery says what is wanted of a list.
type PullQuery struct {
	Of    string       // a collection, an address: see Pull.Of
	Since netcase.Time // only what changed since then; zero: everything
	Now   netcase.Time // when the pull began

	// ETag and LastModified are those of the copy of the first page at hand.
	ETag         string
	LastModified string
}

// Page is one page as it came.
type Page struct {
	Answer
	Number       int    // from 1
	First        []byte // the first page, where later ones depend on it; nil: this is not kept
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
	next, more := p.First(q), true
	var first []byte
	asked := map[string]bool{}
	for number := 1; more; number++ {
		if number > maxPages {
			return fmt.Errorf("%s: more than %d pages", p.Name, maxPages)
		}
		page, err := s.page(ctx, p, q, next, number)
		if err != nil {
			return err
		}
		if number == 1 {
			first = page.Body
		}
		page.First = first
		if err := yield(page); err != nil {
			return err
		}
		if page.NotModified || p.Next == nil {
			return nil
		}
		asked[questionKey(next)] = true
		if next, more = p.Next(q, &page); more && asked[questionKey(next)] {
			return fmt.Errorf("%s: page %d leads back to an earlier one", p.Name, number)
		}
	}
	return nil
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
	if number == 1 {
		r.ETag, r.LastModified = q.ETag, q.LastModified
	}
	resp, err := s.do(ctx, r)
	if err != nil {
		return Page{}, err
	}
	page := Page{
		Number: number, NotModified: resp.NotModified, ETag: resp.ETag, LastModified: resp.LastModified,
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
	if err := p.Check(resp.Body); err != nil {
		return Page{}, s.refuse(r, resp, err)
	}
	return page, nil
}
