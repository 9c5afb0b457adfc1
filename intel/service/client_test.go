package service

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"netcase"
)

// theKey is a key with characters that every escaping changes.
const theKey = `k3y/+"<&>=secret-0123456789`

// noon is when tests take place.
var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// clock is a clock that sleeping moves.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	slept []time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.slept = append(c.slept, d)
	return ctx.Err()
}

// local allows the server of a test.
var local = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

func testClient(t testing.TB, change ...func(*Config)) (*Client, *clock) {
	t.Helper()
	ck := &clock{now: noon}
	cfg := Config{Allow: local, Now: ck.Now, Sleep: ck.Sleep, Timeout: 5 * time.Second}
	for _, f := range change {
		f(&cfg)
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, ck
}

func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestClientNeedsAClock(t *testing.T) {
	if _, err := NewClient(Config{}); err == nil {
		t.Error("a client without a clock")
	}
}

func TestRetries(t *testing.T) {
	date := noon.Add(-3 * time.Hour) // the server's clock is three hours slow
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, n int)
		tries  int
		slept  string
		kind   Kind
		until  string
	}{
		{"503 then 200", fails(2, 503, nil), 3, "[1s 2s]", "", ""},
		{"500 for ever", fails(99, 500, nil), 4, "[1s 2s 4s]", KindUnavailable, ""},
		{"501 is for ever", fails(99, 501, nil), 1, "[]", KindUnavailable, ""},
		{"429, seconds", fails(1, 429, map[string]string{"Retry-After": "7"}), 2, "[7s]", "", ""},
		{"429, a date by a slow clock", fails(1, 429, map[string]string{"Date": date.Format(http.TimeFormat), "Retry-After": date.Add(9 * time.Second).Format(http.TimeFormat)}), 2, "[9s]", "", ""},
		{"429, a date gone by", fails(1, 429, map[string]string{"Date": date.Format(http.TimeFormat), "Retry-After": date.Add(-time.Hour).Format(http.TimeFormat)}), 2, "[1s]", "", ""},
		{"429, a day", fails(99, 429, map[string]string{"Retry-After": "86400"}), 1, "[]", KindQuota, "2026-11-27T12:00:00.000Z"},
		{"429, absurd", fails(99, 429, map[string]string{"Retry-After": "99999999999999"}), 1, "[]", KindQuota, "2026-12-28T12:00:00.000Z"},
		{"429, reset", fails(99, 429, map[string]string{"Date": noon.Format(http.TimeFormat), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": fmt.Sprint(noon.Add(12 * time.Hour).Unix())}), 1, "[]", KindQuota, "2026-11-27T00:00:00.000Z"},
		{"429, nonsense", fails(99, 429, map[string]string{"Retry-After": "soon"}), 4, "[1s 2s 4s]", KindQuota, ""},
		{"403 as quota", fails(99, 403, nil), 1, "[]", KindQuota, ""},
		{"401", fails(99, 401, nil), 1, "[]", KindKey, ""},
		{"404", fails(99, 404, nil), 1, "[]", KindRequest, ""},
		{"cut, then whole", func(w http.ResponseWriter, n int) {
			if n == 1 {
				w.Header().Set("Content-Length", "100")
			}
			_, _ = io.WriteString(w, "{}")
		}, 2, "[1s]", "", ""},
		{"503 that asks for too long", fails(99, 503, map[string]string{"Retry-After": "3600"}), 1, "[]", KindUnavailable, "2026-11-26T13:00:00.000Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			s := serve(t, func(w http.ResponseWriter, _ *http.Request) { n++; c.answer(w, n) })
			client, ck := testClient(t)
			resp, err := client.Do(t.Context(), Request{Provider: "p", URL: s.URL, Spent: []int{403}})
			if KindOf(err) != c.kind || (err == nil) != (resp != nil) {
				t.Errorf("%v", err)
			}
			if n != c.tries || fmt.Sprint(ck.slept) != c.slept {
				t.Errorf("%d tries, slept %v, want %d and %s", n, ck.slept, c.tries, c.slept)
			}
			if e := (*Error)(nil); errors.As(err, &e) && c.until != "" && e.Until.String() != c.until {
				t.Errorf("until %s, want %s", e.Until, c.until)
			}
		})
	}
}

func fails(times, status int, header map[string]string) func(http.ResponseWriter, int) {
	return func(w http.ResponseWriter, n int) {
		if n > times {
			_, _ = io.WriteString(w, "{}")
			return
		}
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
	}
}

func TestConditional(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Last-Modified", "Thu, 26 Nov 2026 00:00:00 GMT")
		if r.Header.Get("If-None-Match") == `"v1"` && r.Header.Get("If-Modified-Since") == "Thu, 26 Nov 2026 00:00:00 GMT" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, "list")
	})
	client, _ := testClient(t)
	first, err := client.Do(t.Context(), Request{URL: s.URL})
	if err != nil || string(first.Body) != "list" || first.NotModified || first.RetrievedAt != netcase.TimeOf(noon) {
		t.Fatalf("%+v %v", first, err)
	}
	second, err := client.Do(t.Context(), Request{URL: s.URL, ETag: first.ETag, LastModified: first.LastModified})
	if err != nil || !second.NotModified || len(second.Body) != 0 {
		t.Fatalf("%+v %v", second, err)
	}
}

func TestNotModifiedUnasked(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	client, _ := testClient(t)
	if r, err := client.Do(t.Context(), Request{URL: s.URL}); err == nil {
		t.Errorf("%+v", r)
	}
}

func TestBounds(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/bomb": // 100 MB in 100 kB
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			for range 100 {
				if _, err := z.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
			_ = z.Close()
		case "/slow":
			<-r.Context().Done()
		case "/drip":
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(5 * time.Millisecond)
			}
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		}
	})
	patient, _ := testClient(t, func(c *Config) { c.MaxBody, c.Attempts = 1<<20, 2 })
	hasty, _ := testClient(t, func(c *Config) { c.Timeout, c.Attempts = 100*time.Millisecond, 2 })
	for path, want := range map[string]Kind{"/bomb": KindTooLarge, "/slow": KindUnavailable, "/drip": KindUnavailable, "/loop": KindRequest} {
		client := patient
		if want == KindUnavailable {
			client = hasty
		}
		if _, err := client.Do(t.Context(), Request{URL: s.URL + path}); KindOf(err) != want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := patient.Do(ctx, Request{URL: s.URL}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNoConnectionToOurselves(t *testing.T) {
	inside := 0
	s := serve(t, func(http.ResponseWriter, *http.Request) { inside++ })
	closed, _ := testClient(t, func(c *Config) { c.Allow = nil })
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	for _, u := range []string{
		s.URL, "http://localhost:" + port, "http://[::ffff:127.0.0.1]:" + port, "http://169.254.169.254/latest/meta-data/",
		"http://10.0.0.1/", "http://[fd00:ec2::254]/", "http://168.63.129.16/", "http://100.100.100.200/", "http://0.0.0.0:" + port,
		"http://[64:ff9b::a9fe:a9fe]/", "http://[2002:7f00:1::]/", "http://[fe80::1%25lo]:" + port,
	} {
		if _, err := closed.Do(t.Context(), Request{URL: u}); KindOf(err) != KindAddress {
			t.Errorf("%s: %v", u, err)
		}
	}
	if inside != 0 {
		t.Errorf("%d requests came through", inside)
	}
	for _, a := range []string{"8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"} {
		if !open(netip.MustParseAddr(a)) {
			t.Errorf("%s is refused", a)
		}
	}
}

func TestRedirects(t *testing.T) {
	inside := 0
	other := serve(t, func(http.ResponseWriter, *http.Request) { inside++ })
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "here")
	})
	client, _ := testClient(t)
	key := Auth{Header: "Key", Key: NewSecret(theKey)}
	for _, c := range []struct {
		to   string
		auth Auth
		body []byte
		want Kind
	}{
		{to: "/here"},
		{to: "/here", auth: key},
		{to: "/here", body: []byte("{}"), want: KindAddress},
		{to: other.URL, want: KindAddress}, // allowed to the user, not to a redirect
		{to: other.URL, auth: key, want: KindAddress},
		{to: "http://169.254.169.254/latest/meta-data/iam", want: KindAddress},
		{to: "http://localhost/", want: KindAddress},
		{to: "https://93.184.215.14/", auth: key, want: KindAddress}, // the key stays
		{to: "file:///etc/passwd", want: KindRequest},
		{to: "http://[::1", want: KindMalformed},
	} {
		resp, err := client.Do(t.Context(), Request{URL: s.URL + "/?to=" + url.QueryEscape(c.to), Auth: c.auth, Body: c.body})
		if KindOf(err) != c.want || err == nil && string(resp.Body) != "here" {
			t.Errorf("%s: %v, want %q", c.to, err, c.want)
		}
	}
	if inside != 0 {
		t.Errorf("%d requests came through", inside)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/down" {
			http.Redirect(w, r, "http://93.184.215.14/", http.StatusFound)
		}
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	defer s.Close()
	stranger, ck := testClient(t)
	if _, err := stranger.Do(t.Context(), Request{URL: s.URL}); KindOf(err) != KindUnavailable || len(ck.slept) > 0 {
		t.Errorf("a certificate that nobody signed: %v, after waiting %v", err, ck.slept)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	client, _ := testClient(t, func(c *Config) { c.Roots = roots })
	if _, err := client.Do(t.Context(), Request{URL: s.URL}); err != nil {
		t.Error(err)
	}
	if _, err := client.Do(t.Context(), Request{URL: s.URL + "/down"}); KindOf(err) != KindAddress {
		t.Errorf("TLS given up: %v", err)
	}
	if _, err := client.Do(t.Context(), Request{URL: "http://192.0.2.1/", Auth: Auth{Header: "Key", Key: NewSecret(theKey)}}); KindOf(err) != KindRequest {
		t.Errorf("a key without TLS: %v", err)
	}
	if _, err := client.Do(t.Context(), Request{URL: "https://user:pass@example.org/"}); err == nil || strings.Contains(err.Error(), "pass@") {
		t.Errorf("a password in the URL: %v", err)
	}
}

func TestProxy(t *testing.T) {
	proxied := ""
	p := serve(t, func(_ http.ResponseWriter, r *http.Request) { proxied = r.URL.String() })
	at, _ := url.Parse(p.URL)
	client, _ := testClient(t, func(c *Config) {
		c.Allow = nil
		c.Proxy = func(*http.Request) (*url.URL, error) { return at, nil }
	})
	if _, err := client.Do(t.Context(), Request{URL: "http://list.example/"}); err != nil || proxied != "http://list.example/" {
		t.Errorf("%q %v", proxied, err)
	}
	if _, err := client.Do(t.Context(), Request{URL: "http://169.254.169.254/"}); KindOf(err) != KindAddress {
		t.Errorf("the proxy was asked for metadata: %v", err)
	}
}

// TestNoKeyShows looks for the key in everything that comes out of a client whose
// server repeats it wherever it can.
func TestNoKeyShows(t *testing.T) {
	status := 200
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		echo := r.URL.Query().Get("key") + " " + r.URL.RawQuery + " " + r.Header.Get("Authorization") + " " + r.Header.Get("Key")
		w.Header().Set("ETag", `"`+url.QueryEscape(theKey)+`"`)
		w.Header().Set("X-Debug", url.QueryEscape(theKey))
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"you sent": echo})
		_, _ = io.WriteString(w, echo)
	})
	var logged bytes.Buffer
	client, _ := testClient(t, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	key := NewSecret(" " + theKey + "\n")
	for _, auth := range []Auth{{Query: "key", Key: key}, {Header: "Key", Key: key}, {Header: "Authorization", Scheme: "Bearer", Key: key}, {Basic: true, User: "4711", Key: key}} {
		r := Request{Provider: "p", URL: s.URL + "/?entity=x", Auth: auth}
		for _, status = range []int{200, 400, 429, 503} {
			resp, err := client.Do(t.Context(), r)
			out := fmt.Sprintf("%v %+v %#v %s %q %v %+v %#v %v", resp, resp, resp, err, err, errors.Unwrap(err), r, r, auth)
			if resp != nil {
				out += string(resp.Body) + fmt.Sprint(resp.Header)
				if !resp.Redacted {
					t.Errorf("%s: the answer repeats the key and does not say so", auth.Header)
				}
			}
			if f := leak(out + logged.String()); f != "" {
				t.Errorf("%+v status %d: %s in %s", auth, status, f, out)
			}
		}
	}
	if !strings.Contains(logged.String(), "asking again") {
		t.Error("nothing was logged")
	}
	client.Close()
	s.Close()
	if _, err := client.Do(t.Context(), Request{URL: s.URL + "/?entity=x", Auth: Auth{Query: "key", Key: key}}); err == nil || leak(err.Error()) != "" {
		t.Errorf("refused connection: %v", err)
	}
}

// leak is a form of the key in the text, "" where there is none.
func leak(text string) string {
	for _, f := range append(newScrubber(theKey, "4711:"+theKey).forms, "secret-0123456789") {
		if strings.Contains(text, f) {
			return f
		}
	}
	return ""
}

func TestSecret(t *testing.T) {
	s := NewSecret(theKey)
	holder := struct {
		open   Secret
		Inside []any
	}{s, []any{s, &s, map[string]Secret{"k": s}}}
	j, err := json.Marshal(map[string]any{"v": s, "p": &s})
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", s, "auth", Auth{Key: s})
	out := fmt.Sprintf("%v %+v %#v %s %q %x %d %v %+v %#v %s %v", s, s, s, s, s, s, s, holder, holder, holder, j, reflect.ValueOf(s)) + log.String()
	if leak(out) != "" || strings.Contains(out, "6b3379") || err != nil || !s.Set() || s.value() != theKey {
		t.Errorf("%s %v", out, err)
	}
	if NewSecret(" \n").Set() || (Secret{}).value() != "" || (Secret{}).String() != redacted {
		t.Error("no key is a key")
	}
}
