// Package service asks live intelligence services and fetches feeds. Each service is
// a value in its own file, listed in Providers. What comes back is kept raw; package
// intel reads it, so that an answer from a service and the same answer from a file
// give the same indicators.
//
// A Client makes every connection: over TLS, to the open Internet only, bounded in
// time and in size, with the key in nothing that it returns.
package service

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"netcase"
	"netcase/intel"
)

// Provider is one service.
type Provider struct {
	Name  string // as it is written on the command line and in paths
	Title string // as intelligence names it
	Doc   string // what it tells, one sentence, with where its documentation is
	Base  string // of its URLs; empty: the user must give one
	User  bool   // it wants a user or an organisation's number beside the key
	Free  bool   // it answers without a key too

	// Auth is how a key travels.
	Auth func(user string, key Secret) Auth
	// Every is the least time between two questions; zero: none is documented.
	Every time.Duration
	// Quotas are what an account without a contract may ask.
	Quotas []Quota
	// Lookups answer for one address or network; the first is the one that a plan
	// asks.
	Lookups []Lookup
	// Block is the look-up that answers for a whole network at once; empty: none.
	Block string
	// Pulls fetch lists, page by page.
	Pulls []Pull
}

// Quota is how many questions an account may ask in a number of days, today included.
type Quota struct {
	Account   string // "abuseipdb/check"
	Questions int
	Days      int
}

// Lookup is one question that a service answers about an address or a network.
type Lookup struct {
	Name     string // of the answers, in paths: "otx", "otx-malware"
	Account  string // whose quota it spends
	Format   string // of the answers, as package intel names it
	Lifetime time.Duration
	Takes    func(netip.Prefix) bool
	// Ask is the question: a path below the base, with its query, and what is posted.
	Ask  func(netip.Prefix) Question
	Auth func(user string, key Secret) Auth // nil: that of the provider
	// Next is the question after a page of the answer, and whether there is one; nil: an
	// answer is one page. Each page spends one question.
	Next func(about netip.Prefix, body []byte, page int) (Question, bool)

	Normal []int // statuses beside 2xx that come with a documented answer
	Absent []int // statuses that say that nothing is known
	Spent  []int // statuses beside 429 that say that the quota is spent

	// Check tells whether an answer is one: services send errors with status 200.
	Check func(body []byte, asked netip.Prefix) error
	// Left is how many questions the answer itself says are left; nil: answers do not.
	Left func(body []byte) (int, bool)
}

// Question is what is sent.
type Question struct {
	Path   string
	Query  url.Values
	Post   any // marshalled as JSON; nil: GET
	Header map[string]string
}

// Providers lists every service.
func Providers() []Provider {
	return []Provider{
		abuseIPDB(),
		otx(),
		openTIP(),
		socradar(),
		greyNoise(),
		internetDB(),
		virusTotal(),
		crowdSec(),
		taxii(),
		misp(),
	}
}

// ProviderOf is the provider of that name.
func ProviderOf(name string) (Provider, bool) {
	all := Providers()
	i := slices.IndexFunc(all, func(p Provider) bool { return p.Name == name })
	if i < 0 {
		return Provider{}, false
	}
	return all[i], true
}

// Variable is the environment variable that holds the key of a provider.
func (p *Provider) Variable() string { return "NETCASE_" + strings.ToUpper(p.Name) + "_KEY" }

// Access is what a user has of a provider.
type Access struct {
	Base string // instead of Provider.Base: a proxy, an own instance
	User string
	Key  Secret
	// Header carries the key instead of what the provider documents: a gateway of the
	// user's own. Empty: as documented.
	Header string
}

// Service is a provider that can be asked. It may be used by several goroutines.
type Service struct {
	Provider
	client  *Client
	access  Access
	limiter *rate.Limiter
	mu      sync.Mutex
	word    map[string]told // by account, what the last answer said of it
}

// Open is a provider with what the user has of it.
//
// Errors: no key, no user or no base where the provider needs one.
func Open(p Provider, client *Client, a Access) (*Service, error) {
	if a.Base == "" {
		a.Base = p.Base
	}
	switch {
	case a.Base == "":
		return nil, fmt.Errorf("%s: no URL is given", p.Name)
	case !a.Key.Set() && !p.Free:
		return nil, fmt.Errorf("%s: no key is given (%s)", p.Name, p.Variable())
	case a.User == "" && p.User && a.Key.Set():
		return nil, fmt.Errorf("%s: no user is given", p.Name)
	}
	limit := rate.Inf
	if p.Every > 0 {
		limit = rate.Every(p.Every)
	}
	return &Service{Provider: p, client: client, access: a, limiter: rate.NewLimiter(limit, 1)}, nil
}

// Ask asks one question, without a look at cache or quota.
//
// Errors: *Error. An answer that intelligence cannot read is KindMalformed.
func (s *Service) Ask(ctx context.Context, l Lookup, about netip.Prefix) (Answer, error) {
	return s.ask(ctx, l, about, func() (bool, error) { return true, nil })
}

// maxAnswerPages bounds what one answer may cost.
const maxAnswerPages = 5

// ask is Ask, where another page is asked for only if it may be. The pages of an answer are
// kept one behind the other, as they came.
func (s *Service) ask(ctx context.Context, l Lookup, about netip.Prefix, another func() (bool, error)) (Answer, error) {
	a, err := s.askPage(ctx, l, about, l.Ask(about))
	if err != nil || a.Absent() || l.Next == nil {
		return a, err
	}
	last := a.Body
	for page := 1; page < maxAnswerPages; page++ {
		q, more := l.Next(about, last, page)
		if !more {
			break
		}
		if may, err := another(); err != nil || !may {
			return a, err
		}
		next, err := s.askPage(ctx, l, about, q)
		if err != nil {
			return Answer{}, err
		}
		last = next.Body
		a.Body = slices.Concat(bytes.TrimSpace(a.Body), []byte("\n"), last)
		a.SHA256, a.Redacted = digest(a.Body), a.Redacted || next.Redacted
	}
	return a, nil
}

// askPage asks one question.
func (s *Service) askPage(ctx context.Context, l Lookup, about netip.Prefix, q Question) (Answer, error) {
	r, err := s.request(q, l.Auth)
	if err != nil {
		return Answer{}, err
	}
	r.Normal, r.Spent = slices.Concat(l.Normal, l.Absent), l.Spent
	resp, err := s.do(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	s.hear(l.Account, resp.Header)
	a := Answer{
		Provider: l.Name, Observable: observable(about), RetrievedAt: resp.RetrievedAt, Status: resp.Status,
		SHA256: resp.SHA256, Redacted: resp.Redacted, Body: resp.Body,
	}
	if a.Absent() {
		return a, nil
	}
	if err := l.understood(ctx, &a, about); err != nil {
		return Answer{}, s.refuse(r, resp, err)
	}
	if l.Left != nil {
		if n, ok := l.Left(a.Body); ok {
			s.remember(l.Account, told{remaining: n}, true)
		}
	}
	return a, nil
}

// observable is a prefix as an Answer names it: an address without its length.
func observable(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// request is a question with the key, ready to be made.
func (s *Service) request(q Question, auth func(string, Secret) Auth) (Request, error) {
	if auth == nil {
		auth = s.Auth
	}
	r := Request{Provider: s.Name, URL: strings.TrimRight(s.access.Base, "/") + q.Path, Auth: auth(s.access.User, s.access.Key), Header: q.Header}
	if s.access.Header != "" {
		r.Auth = header(s.access.Header)(s.access.User, s.access.Key)
	}
	if len(q.Query) > 0 {
		r.URL += "?" + q.Query.Encode()
	}
	if q.Post != nil {
		body, err := json.Marshal(q.Post)
		if err != nil {
			return r, fmt.Errorf("%s: %w", s.Name, err)
		}
		r.Body = body
	}
	return r, nil
}

// do makes a request no sooner than the service's rate allows.
func (s *Service) do(ctx context.Context, r Request) (*Response, error) {
	s.mu.Lock()
	now := s.client.cfg.Now()
	wait := s.limiter.ReserveN(now, 1).DelayFrom(now)
	s.mu.Unlock()
	if wait > 0 {
		if err := s.client.cfg.Sleep(ctx, wait); err != nil {
			return nil, &Error{Kind: KindUnavailable, Provider: s.Name, URL: s.access.Base, Err: err}
		}
	}
	return s.client.Do(ctx, r)
}

// trouble is an error that an answer with status 200 carries inside.
type trouble struct {
	kind Kind
	text string
}

func (t *trouble) Error() string { return t.text }

// refuse is the error of an answer that is none.
func (s *Service) refuse(r Request, resp *Response, err error) *Error {
	e := &Error{Kind: KindMalformed, Provider: s.Name, Method: "GET", URL: resp.URL, Status: resp.Status, Err: err}
	if r.Body != nil {
		e.Method = "POST"
	}
	if t := (*trouble)(nil); errors.As(err, &t) {
		e.Kind = t.kind
	}
	return e
}

// understood tells, by no error, that the answer speaks of what was asked and that
// intelligence can read it.
func (l *Lookup) understood(ctx context.Context, a *Answer, about netip.Prefix) error {
	if !json.Valid(a.Body) {
		return errors.New("not JSON, or cut")
	}
	if err := l.Check(a.Body, about); err != nil {
		return err
	}
	set, err := intel.Load(ctx, []intel.File{a.File()}, intel.Config{})
	if err != nil {
		return err
	}
	f := set.Feeds()[0]
	if f.Error != "" {
		return errors.New(f.Error)
	}
	if f.Format != l.Format || f.Usable == 0 && f.Refused > 0 {
		return fmt.Errorf("not of the documented shape: %s", reasons(&f))
	}
	return nil
}

func reasons(f *netcase.FeedReport) string {
	var out []string
	for r := range f.Reasons {
		out = append(out, r)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// File is the answer as package intel reads it; its date is when it was retrieved.
func (a *Answer) File() intel.File {
	f := intel.File{
		Name: a.Provider + "/" + a.Observable + ".json", Given: a.RetrievedAt, Asked: a.Observable,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(a.Body)), nil },
	}
	if a.Absent() {
		f.Absent = titleOf(a.Provider)
	}
	return f
}

// Absent tells whether the service has nothing on what it was asked for, and Body
// says no more than that.
func (a *Answer) Absent() bool {
	_, l := lookupOf(a.Provider)
	return slices.Contains(l.Absent, a.Status)
}

// titleOf is who gives the answers of a look-up.
func titleOf(lookup string) string {
	p, _ := lookupOf(lookup)
	return cmp.Or(p.Title, lookup)
}

// lookupOf is the look-up of that name and whose it is; zero values: there is none.
func lookupOf(name string) (Provider, Lookup) {
	for _, p := range Providers() {
		for _, l := range p.Lookups {
			if l.Name == name {
				return p, l
			}
		}
	}
	return Provider{}, Lookup{}
}

// speaksOf checks that the text at a path of an answer, keys separated by dots and
// found whatever their case, is the address that was asked. A cache on the way that
// mixes answers up would otherwise accuse somebody else.
func speaksOf(path string) func([]byte, netip.Prefix) error {
	return func(body []byte, about netip.Prefix) error {
		v, ok := at(body, path)
		if !ok {
			return said200(body, path)
		}
		text, _ := v.(string)
		if a, err := netip.ParseAddr(text); err != nil || a.Unmap() != about.Addr() {
			return fmt.Errorf("the answer speaks of %q", clip(text, maxDetail))
		}
		return nil
	}
}

// holds checks that an answer has a member.
func holds(path string) func([]byte, netip.Prefix) error {
	return func(body []byte, _ netip.Prefix) error {
		if _, ok := at(body, path); !ok {
			return said200(body, path)
		}
		return nil
	}
}

// said200 is why an answer with status 200 has not what it should: an error inside,
// or another document.
func said200(body []byte, missing string) error {
	for _, path := range []string{"errors", "error", "message", "detail", "exception", "title"} {
		if v, ok := at(body, path); ok && v != nil && v != "" {
			text := said([]byte(fmt.Sprint(v)))
			return &trouble{kind: kindOfWords(text), text: fmt.Sprintf("an error with status 200: %q", text)}
		}
	}
	return fmt.Errorf("no %q in the answer", missing)
}

// kindOfWords is what an error inside an answer means, as far as its words tell.
func kindOfWords(text string) Kind {
	l := strings.ToLower(text)
	switch {
	case anyIn(l, "quota", "rate limit", "limit exceeded", "too many", "credit", "429"):
		return KindQuota
	case anyIn(l, "api key", "apikey", "api-key", "unauthori", "authenticat", "not authorized", "forbidden", "401", "403"):
		return KindKey
	}
	return KindRequest
}

func anyIn(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// at is the value at a path of a document.
func at(body []byte, path string) (any, bool) {
	var v any
	if json.Unmarshal(body, &v) != nil {
		return nil, false
	}
	for key := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = member(m, key); !ok {
			return nil, false
		}
	}
	return v, true
}

// member is the value of a key, whatever its case: OTX writes one key in two ways.
func member(m map[string]any, key string) (any, bool) {
	if v, ok := m[key]; ok {
		return v, true
	}
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	slices.Sort(names)
	for _, k := range names {
		if strings.EqualFold(k, key) {
			return m[k], true
		}
	}
	return nil, false
}

func clip(t string, n int) string {
	if r := []rune(t); len(r) > n {
		return string(r[:n])
	}
	return t
}

// anyAddress takes every address.
func anyAddress(p netip.Prefix) bool { return p.IsSingleIP() }

// onlyV4 takes addresses of IPv4.
func onlyV4(p netip.Prefix) bool { return p.IsSingleIP() && p.Addr().Is4() }

// header is the authentication of most services.
func header(name string) func(string, Secret) Auth {
	return func(_ string, key Secret) Auth { return Auth{Header: name, Key: key} }
}

const day = 24 * time.Hour
