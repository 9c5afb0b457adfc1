package database

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"netcase"
	"netcase/intel/service"
)

// fetched is what a feed handed out.
type fetched struct {
	body           []byte
	etag, modified string
	at             netcase.Time
}

// getter makes one request of a feed, with its key.
type getter func(ctx context.Context, r service.Request) (*service.Response, error)

// collect fetches a feed; nil: nothing has changed since the snapshot.
func collect(ctx context.Context, get getter, f *Feed, last *Snapshot) (*fetched, error) {
	if f.Collect != nil {
		return f.Collect(ctx, get, f, last)
	}
	return download(ctx, get, f.URL, last)
}

// download fetches one document.
func download(ctx context.Context, get getter, address string, last *Snapshot) (*fetched, error) {
	r := service.Request{URL: address}
	if last != nil {
		r.ETag, r.LastModified = last.ETag, last.Modified
	}
	resp, err := get(ctx, r)
	if err != nil || resp.NotModified {
		return nil, err
	}
	return &fetched{body: resp.Body, etag: resp.ETag, modified: resp.LastModified, at: resp.RetrievedAt}, nil
}

var azureLink = regexp.MustCompile(`https://download\.microsoft\.com/download/[A-Za-z0-9/_-]{1,200}/ServiceTags_Public_[0-9]{8}\.json`)

// azureTags looks for the week's file on the page that names it.
func azureTags(ctx context.Context, get getter, f *Feed, last *Snapshot) (*fetched, error) {
	page, err := get(ctx, service.Request{URL: f.URL})
	if err != nil {
		return nil, err
	}
	links := azureLink.FindAllString(string(page.Body), -1)
	if len(links) == 0 {
		return nil, errors.New("the page names no file of service tags")
	}
	return download(ctx, get, slices.MaxFunc(links, func(a, b string) int {
		return cmp.Compare(a[strings.LastIndexByte(a, '_'):], b[strings.LastIndexByte(b, '_'):])
	}), last)
}

// Bounds on what one feed may hand out, also in parts.
const (
	maxAnswer  = 96 << 20 // bytes of one answer; several feeds are asked at once
	maxPages   = 2000
	maxEvents  = 2000
	pageLength = 1000
)

// taxiiCollection pages through a collection of TAXII 2.1. The envelopes are kept one
// behind the other, as they came.
//
// Source: OASIS, TAXII 2.1, 5.4 and 3.5.
func taxiiCollection(ctx context.Context, get getter, f *Feed, _ *Snapshot) (*fetched, error) {
	out := &fetched{}
	next := ""
	for range maxPages {
		q := url.Values{"limit": {fmt.Sprint(pageLength)}, "match[type]": {"indicator,identity,marking-definition"}}
		if next != "" {
			q.Set("next", next)
		}
		resp, err := get(ctx, service.Request{
			URL:    strings.TrimSuffix(f.URL, "/") + "/objects/?" + q.Encode(),
			Header: map[string]string{"Accept": "application/taxii+json;version=2.1"},
		})
		if err != nil {
			return nil, err
		}
		var envelope struct {
			More bool
			Next string
		}
		if err := json.Unmarshal(resp.Body, &envelope); err != nil {
			return nil, fmt.Errorf("no envelope of TAXII 2.1: %w", err)
		}
		if err := out.add(resp); err != nil {
			return nil, err
		}
		if !envelope.More {
			return out, nil
		}
		if envelope.Next == "" || envelope.Next == next {
			return nil, errors.New("the collection has more, and does not say where")
		}
		next = envelope.Next
	}
	return nil, fmt.Errorf("the collection has more than %d pages", maxPages)
}

// add puts a part behind the others.
func (f *fetched) add(resp *service.Response) error {
	if len(f.body)+len(resp.Body) > MaxDocument {
		return fmt.Errorf("larger than %d bytes", MaxDocument)
	}
	f.body = append(append(f.body, bytes.TrimSpace(resp.Body)...), '\n')
	f.at = max(f.at, resp.RetrievedAt)
	return nil
}

// mispFeed fetches the manifest of a MISP feed and its newest events, which are kept
// one behind the other in the order of their ids.
//
// Source: misp-rfc, misp-core-format, Manifest.
func mispFeed(ctx context.Context, get getter, f *Feed, last *Snapshot) (*fetched, error) {
	base := strings.TrimSuffix(strings.TrimSuffix(f.URL, "manifest.json"), "/")
	manifest, err := download(ctx, get, base+"/manifest.json", last)
	if err != nil || manifest == nil {
		return nil, err
	}
	var events map[string]struct{ Timestamp json.Number }
	if err := json.Unmarshal(manifest.body, &events); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	ids := slices.Collect(maps.Keys(events))
	slices.SortFunc(ids, func(a, b string) int { // the newest first
		x, _ := events[a].Timestamp.Int64()
		y, _ := events[b].Timestamp.Int64()
		return cmp.Or(cmp.Compare(y, x), cmp.Compare(a, b))
	})
	ids = ids[:min(len(ids), maxEvents)]
	slices.Sort(ids)
	out := &fetched{etag: manifest.etag, modified: manifest.modified, at: manifest.at}
	for _, id := range ids {
		if !uuid.MatchString(id) {
			return nil, fmt.Errorf("manifest.json: %q is no id of an event", id)
		}
		resp, err := get(ctx, service.Request{URL: base + "/" + id + ".json"})
		if err != nil {
			return nil, err
		}
		if err := out.add(resp); err != nil {
			return nil, err
		}
	}
	return out, nil
}
