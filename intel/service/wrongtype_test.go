package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"netcase/intel"
)

// wrong are values of another type than v has.
func wrong(v any) []any {
	switch v.(type) {
	case string:
		return []any{7.5, nil, map[string]any{}}
	case float64:
		return []any{"many", nil, []any{7.5}}
	case bool:
		return []any{"yes", nil}
	case []any:
		return []any{map[string]any{"0": 1.0}, nil, "x", []any{nil}}
	case map[string]any:
		return []any{[]any{}, nil, "x"}
	}
	return []any{"x", 7.0, map[string]any{}}
}

// variants are copies of a document in which one value has a wrong type or is missing,
// by what was done.
func variants(document string) map[string]string {
	var whole any
	if err := json.Unmarshal([]byte(document), &whole); err != nil {
		panic(err)
	}
	out := map[string]string{}
	keep := func(what string) {
		b, _ := json.Marshal(whole) // it was unmarshalled
		out[what] = string(b)
	}
	var walk func(v any, path string, put func(any))
	walk = func(v any, path string, put func(any)) {
		for _, w := range wrong(v) {
			put(w)
			keep(fmt.Sprintf("%s: %v", path, w))
		}
		put(v)
		switch v := v.(type) {
		case map[string]any:
			for k, member := range v {
				delete(v, k)
				keep(path + "." + k + ": missing")
				v[k] = member
				walk(member, path+"."+k, func(w any) { v[k] = w })
			}
		case []any:
			for i := range v {
				walk(v[i], fmt.Sprintf("%s[%d]", path, i), func(w any) { v[i] = w })
			}
		}
	}
	walk(whole, "", func(v any) { whole = v })
	return out
}

// TestWrongTypes changes the type of every value of every documented answer, and leaves
// out every member, one at a time. Nothing breaks, what is taken for an answer accuses
// nobody who was not asked about, and what is not is an error that says so.
func TestWrongTypes(t *testing.T) {
	var body atomic.Value
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, body.Load().(string))
	})
	client, _ := testClient(t)
	tried, refused := 0, 0
	for _, p := range Providers() {
		p.Every = 0
		svc := opened(t, p, client, server.URL)
		for _, l := range p.Lookups {
			about := asked
			if l.Name == p.Block {
				about = scripts[l.Name].about
			}
			for what, v := range variants(scripts[l.Name].found) {
				tried++
				body.Store(v)
				a, err := svc.Ask(t.Context(), l, about)
				switch {
				case err != nil && !slices.Contains([]Kind{KindMalformed, KindRequest, KindQuota, KindKey}, KindOf(err)):
					t.Errorf("%s, %s: %v", l.Name, what, err)
				case err != nil:
					refused++
				default:
					set, err := intel.Load(t.Context(), []intel.File{a.File()}, intel.Config{})
					if err != nil || set.Len() != len(indicators(t, a.File())) {
						t.Errorf("%s, %s: %d claims, not all about %s: %v", l.Name, what, set.Len(), about, err)
					}
				}
			}
		}
		for _, l := range p.Pulls {
			s := pullScripts[l.Name]
			page := s.pages[0]
			if l.Name == "misp-search" {
				page = s.pages[1] // it is the short one
			}
			for what, v := range variants(page) {
				tried++
				body.Store(v)
				pages, enough := 0, errors.New("enough")
				err := svc.Pull(t.Context(), l, s.query, func(pg Page) error {
					pages++
					if _, err := intel.Load(t.Context(), []intel.File{pg.File()}, intel.Config{}); err != nil {
						return err
					}
					return enough
				})
				switch {
				case pages == 0 && KindOf(err) != "":
					refused++
				case pages != 1 || !errors.Is(err, enough):
					t.Errorf("%s, %s: %d pages, %v", l.Name, what, pages, err)
				}
			}
		}
	}
	if tried < 1500 || refused < 100 {
		t.Errorf("%d documents, %d refused", tried, refused)
	}
}
