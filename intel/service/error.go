package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"netcase"
)

// Kind is what an error means for what to do next.
type Kind string

// The kinds.
const (
	KindQuota       Kind = "quota spent"          // ask again later; see Until
	KindKey         Kind = "key refused"          // asking again is in vain
	KindUnavailable Kind = "not available"        // it could not be reached, or did not answer in time or in full
	KindMalformed   Kind = "not understood"       // it answered something else than documented
	KindTooLarge    Kind = "answer too large"     //
	KindAddress     Kind = "connection not made"  // it would have gone where no connection may go
	KindRequest     Kind = "question not allowed" // the service, or this program, refuses the question
)

// Error is a request that brought no answer. It holds no secret.
type Error struct {
	Kind     Kind
	Provider string
	Method   string
	URL      string       // without the key
	Status   int          // 0: there was no answer
	Detail   string       // what the service said, at most 200 characters
	Until    netcase.Time // when the service may be asked again, as it says; zero: it does not
	Err      error

	wait    time.Duration // until then, as the service says
	timed   bool          // the service says so
	lasting bool          // the next attempt would end the same way
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Provider != "" {
		b.WriteString(e.Provider + ": ")
	}
	fmt.Fprintf(&b, "%s %s: %s", e.Method, e.URL, e.Kind)
	if e.Status != 0 {
		fmt.Fprintf(&b, ", status %d", e.Status)
	}
	if e.Until.Known() {
		fmt.Fprintf(&b, ", until %s", e.Until)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %s", e.Err)
	}
	if e.Detail != "" {
		fmt.Fprintf(&b, ": %q", e.Detail)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf is the kind of an error of this package, "" for any other.
func KindOf(err error) Kind {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// cause is an error from below whose text was cleaned. It answers errors.Is for what
// it stands for, and hands that out to nobody, since its own text may hold a key.
type cause struct {
	text string
	is   func(error) bool
}

func (c *cause) Error() string        { return c.text }
func (c *cause) Is(target error) bool { return c.is(target) }
func (c *call) cleaned(err error) error {
	return &cause{text: c.scrub.text(err.Error()), is: func(target error) bool { return errors.Is(err, target) }}
}

func (c *call) fail(kind Kind, err error) *Error {
	e := &Error{Kind: kind, Provider: c.r.Provider, Method: c.r.Method, URL: c.clean(c.url)}
	if err != nil {
		e.Err = c.cleaned(err)
	}
	return e
}

// transportError is why there was no answer, or only a part of one.
func (c *call) transportError(err error) *Error {
	if errors.Is(err, ErrAddress) {
		return c.fail(KindAddress, err)
	}
	e := c.fail(KindUnavailable, err)
	certificate := (*tls.CertificateVerificationError)(nil)
	e.lasting = errors.As(err, &certificate) || errors.Is(err, context.Canceled)
	return e
}

// refusal is an answer that says no.
func (c *call) refusal(r *Response) *Error {
	e := c.fail(KindRequest, nil)
	e.Status, e.Detail = r.Status, said(r.Body)
	now := c.client.cfg.Now()
	if e.wait, e.timed = retryAfter(r.Header, now); e.timed {
		e.Until = netcase.TimeOf(now.Add(e.wait))
	}
	switch {
	case r.Status == http.StatusTooManyRequests || slices.Contains(c.r.Spent, r.Status):
		e.Kind = KindQuota
	case r.Status == http.StatusUnauthorized || r.Status == http.StatusForbidden:
		e.Kind = KindKey
	case r.Status >= 500 || r.Status == http.StatusRequestTimeout || r.Status == http.StatusTooEarly:
		e.Kind = KindUnavailable
	}
	return e
}

// maxDetail is how much of a service's own words an error repeats.
const maxDetail = 200

// said is the beginning of an answer in one printable line.
func said(body []byte) string {
	t := strings.ToValidUTF8(string(body[:min(len(body), 4*maxDetail)]), "")
	t = strings.Join(strings.FieldsFunc(t, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(t); len(r) > maxDetail {
		t = string(r[:maxDetail])
	}
	return t
}

// pause is how long to wait before the next attempt, and whether there is one. A
// service that asks for a longer wait than we have patience for is not asked again:
// the caller learns until when.
func (c *call) pause(err error, attempt int) (time.Duration, bool) {
	e := (*Error)(nil)
	if !errors.As(err, &e) || attempt >= c.client.cfg.Attempts || !passing(e) {
		return 0, false
	}
	cfg := c.client.cfg
	wait := min(cfg.Backoff<<(attempt-1), cfg.MaxWait)
	if e.timed {
		return max(wait, e.wait), e.wait <= cfg.MaxWait
	}
	return wait, true
}

// passing tells whether an error may be gone at the next attempt. A spent quota is
// one only where the service names the time, or said so with the status for
// asking too fast.
func passing(e *Error) bool {
	switch e.Kind {
	case KindQuota:
		return e.timed || e.Status == http.StatusTooManyRequests
	case KindUnavailable:
		return e.Status != http.StatusNotImplemented && !e.lasting
	}
	return false
}

// maxRetryAfter bounds what a service may ask for: beyond it the number is an error.
const maxRetryAfter = 32 * 24 * time.Hour

// retryAfter is how long the service asks to wait. A date in its answer is read
// against the date of the same answer, so that a clock that is off, its or ours,
// does not lengthen the wait.
//
// Source: RFC 9110 section 10.2.3; X-RateLimit-Reset in epoch seconds as AbuseIPDB
// and others send it.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	if t, err := http.ParseTime(h.Get("Date")); err == nil {
		now = t
	}
	if v := strings.TrimSpace(h.Get("Retry-After")); v != "" {
		if n, err := strconv.ParseFloat(v, 64); err == nil && n >= 0 {
			return bounded(n)
		}
		if t, err := http.ParseTime(v); err == nil {
			return bounded(t.Sub(now).Seconds())
		}
	}
	if n, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64); err == nil && h.Get("X-RateLimit-Remaining") == "0" {
		return bounded(time.Unix(n, 0).Sub(now).Seconds())
	}
	return 0, false
}

func bounded(seconds float64) (time.Duration, bool) {
	return time.Duration(min(max(seconds, 0), maxRetryAfter.Seconds()) * float64(time.Second)), true
}
