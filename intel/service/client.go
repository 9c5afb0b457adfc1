package service

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"netcase"
)

// Config is how services and feeds are talked to. A zero field takes its value from
// DefaultConfig; Now and Sleep have none and must be given.
type Config struct {
	Timeout  time.Duration // of one attempt, its whole answer included
	Attempts int           // tries of one request in all
	Backoff  time.Duration // before the second attempt; it doubles with each further one
	MaxWait  time.Duration // the longest wait before an attempt; a service that asks for more is given up
	MaxBody  int64         // bytes of one answer, decompressed

	// Allow are addresses that may be connected to although they are not on the open
	// Internet, and without TLS where they are written out in the URL: a MISP in the
	// own network, the server of a test. A redirect never leads there from elsewhere.
	Allow []netip.Prefix
	Proxy func(*http.Request) (*url.URL, error) // nil: none
	Roots *x509.CertPool                        // nil: those of the system

	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error // returns early with the context's error
	Log   *slog.Logger                               // nil: nothing is logged
}

// DefaultConfig is the configuration used where none is given.
func DefaultConfig() Config {
	return Config{
		Timeout: 30 * time.Second, Attempts: 4, Backoff: time.Second, MaxWait: time.Minute,
		MaxBody: 64 << 20,
	}
}

func (c Config) orDefault() Config {
	d := DefaultConfig()
	c.Timeout, c.Backoff, c.MaxWait = cmp.Or(c.Timeout, d.Timeout), cmp.Or(c.Backoff, d.Backoff), cmp.Or(c.MaxWait, d.MaxWait)
	c.Attempts, c.MaxBody = cmp.Or(c.Attempts, d.Attempts), cmp.Or(c.MaxBody, d.MaxBody)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Client makes requests: over TLS, to the open Internet only, bounded in time and in
// size, repeated where that helps, and without a secret in anything it returns. It
// may be used by several goroutines.
type Client struct {
	cfg    Config
	guard  *guard
	free   *http.Transport // also to the addresses that the configuration allows
	strict *http.Transport // to the open Internet only: for redirects to another host
}

// NewClient is a client. An error means that the configuration lacks a clock.
func NewClient(cfg Config) (*Client, error) {
	if cfg.Now == nil || cfg.Sleep == nil {
		return nil, errors.New("intel service: the configuration has no clock")
	}
	cfg = cfg.orDefault()
	c := &Client{cfg: cfg}
	c.guard = &guard{allow: cfg.Allow, proxies: map[string]bool{}}
	c.free = transport(cfg, c.guard)
	c.strict = transport(cfg, &guard{proxies: map[string]bool{}})
	return c, nil
}

// Close lets go of the connections that are kept for further requests.
func (c *Client) Close() {
	c.free.CloseIdleConnections()
	c.strict.CloseIdleConnections()
}

func transport(cfg Config, g *guard) *http.Transport {
	return &http.Transport{
		Proxy: g.proxy(cfg.Proxy), DialContext: g.dialer(cfg.Timeout), ForceAttemptHTTP2: true,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: cfg.Roots},
		TLSHandshakeTimeout:    cfg.Timeout,
		MaxResponseHeaderBytes: 1 << 20,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
	}
}

// Auth is how a key travels with a request: in a header, in the query, or as the
// password of HTTP Basic. The zero value sends none.
type Auth struct {
	Header string // name of the header that carries it
	Scheme string // word before it in that header, for example "Bearer"
	Query  string // name of the parameter that carries it
	User   string // user of HTTP Basic; an organisation's number is not secret
	Basic  bool   // HTTP Basic
	Key    Secret
}

func (a Auth) apply(r *http.Request) {
	if !a.Key.Set() {
		return
	}
	key := a.Key.value()
	switch {
	case a.Basic:
		r.SetBasicAuth(a.User, key)
	case a.Header != "":
		r.Header.Set(a.Header, withScheme(a.Scheme, key))
	case a.Query != "":
		q := r.URL.Query()
		q.Set(a.Query, key)
		r.URL.RawQuery = q.Encode()
	}
}

func withScheme(scheme, key string) string {
	if scheme == "" {
		return key
	}
	return scheme + " " + key
}

// secrets are the forms of the key that no output may hold.
func (a Auth) secrets() *scrubber {
	if !a.Key.Set() {
		return newScrubber()
	}
	key := a.Key.value()
	if a.Basic {
		return newScrubber(key, a.User+":"+key)
	}
	return newScrubber(key)
}

// Request is one question to a service, or one download.
type Request struct {
	Provider string // who is asked, for errors and the log
	Method   string // empty: GET, or POST where there is a body
	URL      string // without the key
	Header   map[string]string
	Auth     Auth
	Body     []byte // JSON, unless Header says otherwise

	// ETag and LastModified are those of the copy at hand: the answer is then
	// NotModified where nothing changed.
	ETag         string
	LastModified string

	Normal  []int // statuses beside 2xx that are an answer
	Spent   []int // statuses beside 429 that say that the quota is spent
	MaxBody int64 // bytes; 0: that of the configuration
}

// Response is what came back, without secrets.
type Response struct {
	Status       int
	Body         []byte
	SHA256       string // of Body
	Header       http.Header
	ETag         string
	LastModified string
	NotModified  bool         // the copy at hand is still the newest; there is no Body
	RetrievedAt  netcase.Time // by our clock
	Redacted     bool         // the answer repeated the key, and Body has a placeholder in its place
	URL          string       // where it came from in the end, without the key
}

// Do makes a request and returns its answer.
//
// Errors: *Error, whatever went wrong; its Kind says what that means.
func (c *Client) Do(ctx context.Context, r Request) (*Response, error) {
	call := &call{client: c, r: r, scrub: r.Auth.secrets()}
	if err := call.prepare(); err != nil {
		return nil, err
	}
	for attempt := 1; ; attempt++ {
		resp, err := call.try(ctx)
		if err == nil {
			return resp, nil
		}
		wait, again := call.pause(err, attempt)
		if !again || ctx.Err() != nil {
			return nil, err
		}
		c.cfg.Log.Debug("asking again", "provider", r.Provider, "attempt", attempt, "wait", wait, "why", err)
		if c.cfg.Sleep(ctx, wait) != nil {
			return nil, err
		}
	}
}

// call is one request under way.
type call struct {
	client *Client
	r      Request
	url    *url.URL
	scrub  *scrubber
}

func (c *call) prepare() error {
	u, err := url.Parse(c.r.URL)
	switch {
	case err != nil || u.Host == "":
		return c.fail(KindRequest, errors.New("not the URL of a service"))
	case u.User != nil:
		return c.fail(KindRequest, errors.New("a user name or password in the URL"))
	}
	c.url = u
	if c.r.Method == "" {
		c.r.Method = http.MethodGet
		if c.r.Body != nil {
			c.r.Method = http.MethodPost
		}
	}
	return c.mayAsk(u, c.client.guard)
}

// mayAsk refuses URLs that no request may go to: other schemes, a key without TLS,
// an address of ours.
func (c *call) mayAsk(u *url.URL, g *guard) error {
	switch a, err := netip.ParseAddr(u.Hostname()); {
	case u.Scheme != "https" && u.Scheme != "http":
		return c.fail(KindRequest, fmt.Errorf("scheme %q, want https", u.Scheme))
	case u.Scheme == "http" && c.r.Auth.Key.Set() && (err != nil || !netcase.Within(g.allow, a)):
		return c.fail(KindRequest, errors.New("a key is not sent without TLS"))
	}
	if err := g.checkURL(u); err != nil {
		return c.fail(KindAddress, err)
	}
	return nil
}

// try is one attempt, with the redirects that it leads to.
func (c *call) try(ctx context.Context) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.client.cfg.Timeout)
	defer cancel()
	u, via := c.url, c.client.free
	for range maxRedirects {
		resp, err := c.send(ctx, via, u)
		if err != nil {
			return nil, err
		}
		next, err := c.redirect(resp, u)
		if err != nil || next != nil {
			_ = resp.Body.Close() // nothing of it is wanted
			if err != nil {
				return nil, err
			}
			if !sameOrigin(u, next) {
				via = c.client.strict
			}
			u = next
			continue
		}
		return c.read(resp, u)
	}
	return nil, c.fail(KindRequest, fmt.Errorf("more than %d redirects", maxRedirects))
}

// maxRedirects is as many as a download through a few mirrors needs.
const maxRedirects = 5

const userAgent = "netcase/" + netcase.Version

func (c *call) send(ctx context.Context, via *http.Transport, u *url.URL) (*http.Response, error) {
	var body io.Reader
	if c.r.Body != nil {
		body = bytes.NewReader(c.r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, c.r.Method, u.String(), body)
	if err != nil {
		return nil, c.fail(KindRequest, err)
	}
	req.Header.Set("User-Agent", userAgent)
	if c.r.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.r.Header {
		req.Header.Set(k, v)
	}
	if c.r.ETag != "" {
		req.Header.Set("If-None-Match", c.r.ETag)
	}
	if c.r.LastModified != "" {
		req.Header.Set("If-Modified-Since", c.r.LastModified)
	}
	c.r.Auth.apply(req)
	resp, err := via.RoundTrip(req)
	if err != nil {
		return nil, c.transportError(err)
	}
	return resp, nil
}

// redirect is where the answer sends us, nil where it does not. A key goes nowhere
// but to the host it was given for, a question that is posted is not repeated
// elsewhere, and TLS is not given up.
func (c *call) redirect(resp *http.Response, from *url.URL) (*url.URL, error) {
	if !slices.Contains([]int{301, 302, 303, 307, 308}, resp.StatusCode) {
		return nil, nil
	}
	to, err := from.Parse(resp.Header.Get("Location"))
	if err != nil || resp.Header.Get("Location") == "" {
		return nil, c.fail(KindMalformed, fmt.Errorf("status %d without a place to go", resp.StatusCode))
	}
	same := sameOrigin(from, to)
	switch {
	case from.Scheme == "https" && to.Scheme != "https":
		return nil, c.fail(KindAddress, errors.New("redirected away from TLS"))
	case !same && c.r.Auth.Key.Set():
		return nil, c.fail(KindAddress, fmt.Errorf("redirected to another host, %s, where the key must not go", to.Host))
	case c.r.Body != nil && (!same || resp.StatusCode < 307):
		return nil, c.fail(KindAddress, errors.New("a posted question was redirected"))
	case same:
		return to, nil
	}
	return to, c.mayAsk(to, &guard{})
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && hostPort(a) == hostPort(b) }

// read takes the answer in, up to its bound.
func (c *call) read(resp *http.Response, u *url.URL) (*Response, error) {
	defer func() { _ = resp.Body.Close() }() // it was read, or given up
	limit := cmp.Or(c.r.MaxBody, c.client.cfg.MaxBody)
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, c.transportError(err)
	}
	if int64(len(body)) > limit {
		return nil, c.fail(KindTooLarge, fmt.Errorf("an answer of more than %d bytes", limit))
	}
	out := &Response{
		Status: resp.StatusCode, Header: c.cleanHeader(resp.Header), RetrievedAt: netcase.TimeOf(c.client.cfg.Now()),
		NotModified: resp.StatusCode == http.StatusNotModified, URL: c.clean(u),
	}
	if c.scrub.holds(body) {
		body, out.Redacted = []byte(c.scrub.text(string(body))), true
	}
	out.Body, out.SHA256 = body, digest(body)
	out.ETag, out.LastModified = out.Header.Get("ETag"), out.Header.Get("Last-Modified")
	if c.answers(resp.StatusCode) {
		return out, nil
	}
	return nil, c.refusal(out)
}

// answers tells whether a status comes with an answer.
func (c *call) answers(status int) bool {
	if slices.Contains(c.r.Spent, status) {
		return false
	}
	return status/100 == 2 || slices.Contains(c.r.Normal, status) ||
		status == http.StatusNotModified && (c.r.ETag != "" || c.r.LastModified != "")
}

func (c *call) cleanHeader(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for k, vs := range h {
		for _, v := range vs {
			out[k] = append(out[k], c.scrub.text(v))
		}
	}
	return out
}

// clean is a URL as it may be shown: without the key, and without a user.
func (c *call) clean(u *url.URL) string {
	if u == nil {
		return "(no URL)"
	}
	shown := *u
	shown.User = nil
	if q := shown.Query(); c.r.Auth.Query != "" && q.Has(c.r.Auth.Query) {
		q.Del(c.r.Auth.Query)
		shown.RawQuery = q.Encode()
	}
	return c.scrub.text(shown.String())
}

// digest is the sha256 of bytes in hex.
func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
