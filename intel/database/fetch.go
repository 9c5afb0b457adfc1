package database

import (
	"cmp"
	"context"
	"errors"
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
	unchanged      bool // nothing has changed since the snapshot
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

// maxAnswer bounds one answer, in bytes; several feeds are asked at once.
const maxAnswer = 96 << 20
