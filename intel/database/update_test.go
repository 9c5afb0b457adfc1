package database

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"netcase"
	"netcase/intel"
	"netcase/intel/service"
)

// clock is a clock that sleeping moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 8, 22, 3, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

var loopback = netip.MustParsePrefix("127.0.0.0/8")

// asking is an update that asks the server of a test.
func asking(t testing.TB, db *DB, c *clock) *Update {
	t.Helper()
	client, err := service.NewClient(service.Config{
		Allow: []netip.Prefix{loopback}, Now: c.Now, Sleep: c.Sleep, Timeout: 500 * time.Millisecond, Attempts: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &Update{DB: db, Client: client, Now: func() netcase.Time { return netcase.TimeOf(c.Now()) }}
}

// stage is a server whose feeds play a new scene each time they are asked.
type stage struct {
	mu     sync.Mutex
	scenes map[string][]http.HandlerFunc
	asked  map[string]int
	url    string
}

func newStage(t testing.TB) *stage {
	s := &stage{scenes: map[string][]http.HandlerFunc{}, asked: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		n := s.asked[r.URL.Path]
		s.asked[r.URL.Path]++
		scenes := s.scenes[r.URL.Path]
		s.mu.Unlock()
		if len(scenes) == 0 {
			http.NotFound(w, r)
			return
		}
		scenes[min(n, len(scenes)-1)](w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// feed is a feed of the server that plays the scenes.
func (s *stage) feed(name string, scenes ...http.HandlerFunc) Feed {
	s.scenes["/"+name] = scenes
	return Feed{Name: name, Doc: "x", URL: s.url + "/" + name, Ending: ".txt"}
}

func says(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
}

// tagged answers 304 to who has the body already.
func tagged(tag, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write([]byte(body))
	}
}

func truncated(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(2*len(body)))
		_, _ = w.Write([]byte(body))
	}
}

// slow keeps who asks waiting for longer than a client waits.
func slow(w http.ResponseWriter, r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-time.After(5 * time.Second):
	}
}

// gone sends who asks to another address.
func gone(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
}

func states(rs []Result) map[string]State {
	out := map[string]State{}
	for _, r := range rs {
		out[r.Feed] = r.State
	}
	return out
}

// TestUpdate plays two rounds: each feed does something else, none disturbs another.
func TestUpdate(t *testing.T) {
	s, db, c := newStage(t), fresh(t), newClock()
	feeds := []Feed{
		s.feed("steady", says(list(20))),
		s.feed("tagged", tagged(`"v1"`, list(30))),
		s.feed("grows-a-little", says(list(20)), says(list(25))),
		s.feed("busy", status(http.StatusServiceUnavailable), says(list(20))),
		s.feed("down", status(http.StatusInternalServerError)),
		s.feed("lost", status(http.StatusNotFound)),
		s.feed("slow", slow),
		s.feed("cut", truncated(list(20))),
		s.feed("page", says(list(20)), says("<html><body>Please wait … 62.1.2.3</body></html>")),
		s.feed("page-at-first", says("<!doctype html><p>62.1.2.3")),
		s.feed("tenfold", says(list(50)), says(list(5000))),
		s.feed("moved", gone("http://192.168.0.1/list.txt")),
		s.feed("metadata", gone("http://169.254.169.254/latest/meta-data/")),
		s.feed("localhost", gone("http://localhost:1/list")),
	}
	u := asking(t, db, c)
	var told []string
	u.Done = func(r Result) { told = append(told, r.Feed) }

	first := states(u.Run(context.Background(), feeds))
	want := map[string]State{
		"steady": Stored, "tagged": Stored, "grows-a-little": Stored, "busy": Stored, "down": Failed, "lost": Failed, "slow": Failed, "cut": Failed,
		"page": Stored, "page-at-first": Quarantined, "tenfold": Stored, "moved": Failed, "metadata": Failed, "localhost": Failed,
	}
	for feed, state := range want {
		if first[feed] != state {
			t.Errorf("first round: %s is %s, want %s", feed, first[feed], state)
		}
	}
	if len(told) != len(feeds) {
		t.Errorf("told of %v", told)
	}

	c.now = c.now.Add(24 * time.Hour)
	results := u.Run(context.Background(), feeds)
	want["steady"], want["tagged"], want["busy"], want["page"], want["tenfold"] = Unchanged, Unchanged, Unchanged, Quarantined, Quarantined
	for i, r := range results {
		if r.Feed != feeds[i].Name {
			t.Errorf("result %d is of %s, want %s", i, r.Feed, feeds[i].Name)
		}
		if r.State != want[r.Feed] || (r.State == Failed) != (r.Err != nil) {
			t.Errorf("second round: %s is %s (%v), want %s", r.Feed, r.State, r.Err, want[r.Feed])
		}
		if r.State == Unchanged && r.Snapshot.Upheld.Std().Day() != 23 {
			t.Errorf("%s was upheld on %s", r.Feed, r.Snapshot.Upheld)
		}
	}
	for _, feed := range []string{"moved", "metadata", "localhost"} {
		i := slices.IndexFunc(results, func(r Result) bool { return r.Feed == feed })
		var e *service.Error
		if !errors.As(results[i].Err, &e) || e.Kind != service.KindAddress {
			t.Errorf("%s: %v", feed, results[i].Err)
		}
	}

	set, err := db.Load(context.Background(), Window{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range set.Feeds() {
		if f.Error != "" {
			t.Errorf("%+v", f)
		}
	}
	inUse := map[string]int64{}
	for _, f := range set.Feeds() {
		inUse[f.Name] = f.Usable + f.Duplicate // equal bytes count once
	}
	for name, n := range map[string]int64{"tenfold.txt": 50, "page.txt": 20, "grows-a-little.txt": 25, "tagged.txt": 30, "page-at-first.txt": 0} {
		if inUse[name] != n {
			t.Errorf("%s: %d indicators are in use, want %d", name, inUse[name], n)
		}
	}
	infos, err := db.List(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range infos {
		if (in.Error != "") != (want[in.Feed] == Failed) || (in.Quarantine != "") != (want[in.Feed] == Quarantined) || !in.Asked.Known() {
			t.Errorf("%+v", in)
		}
	}
	if len(infos) != len(feeds) {
		t.Errorf("%d feeds are listed", len(infos))
	}

	// What is quarantined can be released by name.
	u.Accept = []string{"tenfold"}
	if r := u.Run(context.Background(), feeds[10:11])[0]; r.State != Unchanged || r.Snapshot.Quarantine != "" {
		t.Errorf("%+v", r)
	}
	if set, _ := db.Load(context.Background(), Window{}); set.Len() < 5000 {
		t.Errorf("%d indicators after the release", set.Len())
	}
}

func TestUpdateCancelled(t *testing.T) {
	s, db, c := newStage(t), fresh(t), newClock()
	ctx, cancel := context.WithCancel(context.Background())
	u := asking(t, db, c)
	u.Workers = 1
	u.Done = func(Result) { cancel() }
	got := u.Run(ctx, []Feed{s.feed("a", says(list(20))), s.feed("b", says(list(20)))})
	if got[0].State != Stored || got[1].State != Failed || s.asked["/b"] != 0 {
		t.Errorf("%v, asked %v", states(got), s.asked)
	}
}

// TestKeys: a key travels as the feed wants it, never to who did not ask for it, and
// never into an error.
func TestKeys(t *testing.T) {
	const key = "s3cret-key-0123456789"
	s, db, c := newStage(t), fresh(t), newClock()
	wants := func(how func(*http.Request) bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if !how(r) {
				http.Error(w, "key "+r.Header.Get("Auth-Key")+r.URL.RawQuery, http.StatusForbidden)
				return
			}
			_, _ = w.Write([]byte(list(20)))
		}
	}
	abuse := s.feed("abuse", wants(func(r *http.Request) bool { return r.Header.Get("Auth-Key") == key }))
	abuse.Key, abuse.Auth = "ABUSECH", abuseCh
	basic := s.feed("basic", wants(func(r *http.Request) bool { u, p, ok := r.BasicAuth(); return ok && u == "42" && p == key }))
	basic.Key, basic.Auth = "OURS", service.Auth{Basic: true, User: "42"}
	query := s.feed("query", wants(func(r *http.Request) bool { return r.URL.Query().Get("key") == key }))
	query.Key, query.Auth = "OURS", service.Auth{Query: "key"}
	open := s.feed("open", wants(func(r *http.Request) bool { return r.Header.Get("Auth-Key") == "" }))
	wrong := s.feed("wrong", status(http.StatusForbidden))
	wrong.Key, wrong.Auth = "OURS", service.Auth{Query: "key"}
	none := s.feed("none", says(list(20)))
	none.Key, none.KeyMust = "NOBODYS", true
	u := asking(t, db, c)
	u.Keys = func(name string) service.Secret {
		if name == "NOBODYS" {
			return service.Secret{}
		}
		return service.NewSecret(key)
	}
	want := map[string]State{"abuse": Stored, "basic": Stored, "query": Stored, "open": Stored, "wrong": Failed, "none": NoKey}
	for _, r := range u.Run(context.Background(), []Feed{abuse, basic, query, open, wrong, none}) {
		if r.State != want[r.Feed] {
			t.Errorf("%s: %s %v", r.Feed, r.State, r.Err)
		}
		for _, form := range []string{key, base64.StdEncoding.EncodeToString([]byte("42:" + key))} {
			if strings.Contains(fmt.Sprintf("%+v", r), form) {
				t.Errorf("%s: the key is in the result", r.Feed)
			}
		}
	}
	if s.asked["/none"] != 0 {
		t.Error("a feed was asked without its key")
	}
	var dump []string
	if err := db.sql.QueryRow("SELECT group_concat(error || source) FROM visit LEFT JOIN snapshot USING (feed)").Scan(new(any)); err != nil {
		t.Fatal(err)
	}
	infos, _ := db.List(context.Background())
	for _, in := range infos {
		dump = append(dump, fmt.Sprintf("%+v", in))
	}
	if strings.Contains(strings.Join(dump, ""), key) {
		t.Error("the key is in the database")
	}
}

func TestTAXII(t *testing.T) {
	page := func(id, address string) string {
		return `{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-00000000000` + id + `","created":"2026-08-01T00:00:00Z","modified":"2026-08-01T00:00:00Z","valid_from":"2026-08-01T00:00:00Z","pattern":"[ipv4-addr:value = '` + address + `']","pattern_type":"stix","indicator_types":["malicious-activity"]}`
	}
	s, db, c := newStage(t), fresh(t), newClock()
	s.scenes["/root/collections/c1/objects/"] = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		w.Header().Set("Content-Type", "application/taxii+json;version=2.1")
		switch {
		case r.Header.Get("Accept") != "application/taxii+json;version=2.1":
			http.Error(w, "no", http.StatusNotAcceptable)
		case !strings.Contains(q.Get("match[type]"), "indicator"):
			http.Error(w, "no", http.StatusBadRequest)
		case q.Get("next") == "":
			_, _ = w.Write([]byte(`{"more":true,"next":"p2","objects":[` + page("1", "62.1.2.3") + `]}`))
		case q.Get("next") == "p2":
			_, _ = w.Write([]byte(`{"objects":[` + page("2", "62.1.2.4") + `]}`))
		}
	}}
	s.scenes["/root/collections/endless/objects/"] = []http.HandlerFunc{says(`{"more":true,"next":"x","objects":[]}`)}
	s.scenes["/root/collections/page/objects/"] = []http.HandlerFunc{says(`<html>`)}
	var feeds []Feed
	for _, id := range []string{"c1", "endless", "page"} {
		f, err := Configured{Name: "taxii/" + id, Kind: KindTAXII, URL: s.url + "/root/collections/" + id + "/", TLP: "AMBER"}.Feed()
		if err != nil {
			t.Fatal(err)
		}
		feeds = append(feeds, f)
	}
	got := asking(t, db, c).Run(context.Background(), feeds)
	if got[0].State != Stored || got[0].Snapshot.Report.Usable != 2 || got[1].State != Failed || got[2].State != Failed {
		t.Errorf("%+v", got)
	}
	set, err := db.Load(context.Background(), Window{})
	if err != nil {
		t.Fatal(err)
	}
	if in := set.Match(netip.MustParseAddr("62.1.2.4")); len(in) != 1 || in[0].TLP != "AMBER" {
		t.Errorf("%+v", in)
	}
}

func TestMISP(t *testing.T) {
	const one, two = "aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-000000000002"
	event := func(id, address string) string {
		return `{"Event":{"uuid":"` + id + `","info":"an incident","date":"2026-08-01","timestamp":"1785542400","Orgc":{"name":"A team"},"Attribute":[{"uuid":"bbbbbbbb-0000-4000-8000-000000000001","type":"ip-src","category":"Network activity","value":"` + address + `","to_ids":true,"timestamp":"1785542400"}]}}`
	}
	manifest := `{"` + one + `":{"info":"a","timestamp":"1785542400"},"` + two + `":{"info":"b","timestamp":1785542500}}`
	s, db, c := newStage(t), fresh(t), newClock()
	s.scenes["/feed/manifest.json"] = []http.HandlerFunc{tagged(`"m1"`, manifest)}
	s.scenes["/feed/"+one+".json"] = []http.HandlerFunc{says(event(one, "62.1.2.3"))}
	s.scenes["/feed/"+two+".json"] = []http.HandlerFunc{status(503), says(event(two, "62.1.2.4"))}
	s.scenes["/climbs/manifest.json"] = []http.HandlerFunc{says(`{"../../etc/passwd":{"timestamp":"1"}}`)}
	var feeds []Feed
	for _, folder := range []string{"feed", "climbs"} {
		f, err := Configured{Name: folder, Kind: KindMISP, URL: s.url + "/" + folder + "/manifest.json"}.Feed()
		if err != nil {
			t.Fatal(err)
		}
		feeds = append(feeds, f)
	}
	u := asking(t, db, c)
	got := u.Run(context.Background(), feeds)
	if got[0].State != Stored || got[0].Snapshot.Report.Usable != 2 || got[1].State != Failed {
		t.Errorf("%+v", got)
	}
	if again := u.Run(context.Background(), feeds[:1]); again[0].State != Unchanged || s.asked["/feed/"+one+".json"] != 1 {
		t.Errorf("%+v, asked %v", again, s.asked)
	}
}

func TestAzurePage(t *testing.T) {
	const file = "https://download.microsoft.com/download/7/1/d/71d86715-5596-4529-9b13-da13a5de5b63/ServiceTags_Public_"
	var asked []string
	get := func(_ context.Context, r service.Request) (*service.Response, error) {
		asked = append(asked, r.URL)
		return &service.Response{Body: []byte(`<a href="` + file + `20260810.json">old</a> <a href="` + file + `20260817.json">new</a> <a href="https://evil.example/ServiceTags_Public_20990101.json">`)}, nil
	}
	if _, err := azureTags(context.Background(), get, &Feed{URL: "https://page.example/"}, nil); err != nil {
		t.Fatal(err)
	}
	if len(asked) != 2 || asked[1] != file+"20260817.json" {
		t.Errorf("%q", asked)
	}
}

// TestFeeds holds every public feed to its duties.
func TestFeeds(t *testing.T) {
	formats := map[string]bool{}
	for _, f := range intel.Formats() {
		formats[f.Name] = true
	}
	seen := map[string]bool{}
	for _, f := range Feeds() {
		if f.Name == "" || seen[f.Name] || !feedName.MatchString(f.Name) {
			t.Errorf("name %q is empty, odd or used twice", f.Name)
		}
		seen[f.Name] = true
		if !strings.HasSuffix(f.Doc, ".") || f.Licence == "" || !strings.HasPrefix(f.URL, "https://") || f.Ending == "" || len(f.Formats) == 0 {
			t.Errorf("%s: %+v", f.Name, f)
		}
		for _, name := range f.Formats {
			if !formats[name] {
				t.Errorf("%s: package intel has no format %q", f.Name, name)
			}
		}
		if p := intel.Provider(f.Name + f.Ending); p == "" {
			t.Errorf("%s: who makes it is not known from its name", f.Name)
		}
		if f.Pull == nil && (f.Key != "") != (f.Auth.Header+f.Auth.Query != "") {
			t.Errorf("%s: a key without a way to travel, or a way without a key", f.Name)
		}
	}
	all, err := Pick(Feeds(), nil)
	if err != nil || len(all) >= len(Feeds()) {
		t.Errorf("%d of %d feeds are asked unnamed, %v", len(all), len(Feeds()), err)
	}
	some, err := Pick(Feeds(), []string{"misp-warninglists", "ipsum", "misp-warninglists/akamai"})
	if err != nil || len(some) < 10 || some[len(some)-1].Name != "ipsum" {
		t.Errorf("%d feeds, %v", len(some), err)
	}
	if _, err := Pick(Feeds(), []string{"misp"}); err == nil {
		t.Error("half a name was taken")
	}
}

func TestConfigured(t *testing.T) {
	for _, c := range []struct {
		in  Configured
		url string // empty: refused
	}{
		{Configured{Name: "ours", URL: "https://misp.example/feed", Kind: "misp"}, "https://misp.example/feed"},
		{Configured{Name: "lan", URL: "http://10.0.0.5/list.txt"}, "http://10.0.0.5/list.txt"},
		{Configured{Name: "attackers", Kind: "socradar", URL: "0a0a0a0a-0000-4000-8000-000000000001", Key: "SOCRADAR"}, "https://platform.socradar.com/api/threat/intelligence/feed_list/0a0a0a0a-0000-4000-8000-000000000001.json?v=2"},
		{Configured{Name: "plain", URL: "http://lists.example/x"}, ""},
		{Configured{Name: "", URL: "https://x.example/"}, ""},
		{Configured{Name: "../x", URL: "https://x.example/"}, ""},
		{Configured{Name: "odd", Kind: "rss", URL: "https://x.example/"}, ""},
		{Configured{Name: "none"}, ""},
	} {
		f, err := c.in.Feed()
		if (err == nil) != (c.url != "") || err == nil && f.URL != c.url {
			t.Errorf("%+v: %q %v", c.in, f.URL, err)
		}
	}
}
