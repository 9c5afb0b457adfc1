package database

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"netcase/intel/service"
)

// pulled fetches what a service hands out page by page, within its quota. The pages are
// kept one behind the other, as they came; nil: nothing has changed since the snapshot.
func (u *Update) pulled(ctx context.Context, f *Feed, last *Snapshot) (*fetched, error) {
	provider, pull, ok := service.PullOf(f.Pull.Name)
	if !ok {
		return nil, fmt.Errorf("no service hands out %q", f.Pull.Name)
	}
	a := service.Access{Base: f.Pull.Base, User: f.Pull.User, Header: f.Pull.Header}
	if f.Key != "" && u.Keys != nil {
		a.Key = u.Keys(f.Key)
	}
	s, err := service.Open(provider, u.Client, a)
	if err != nil {
		return nil, err
	}
	wanted := []string{f.Pull.Of}
	if f.Pull.Of == "" && f.Pull.Name == KindTAXII {
		if wanted, err = readable(ctx, s); err != nil {
			return nil, err
		}
	}
	out := &fetched{}
	for _, of := range wanted {
		q := service.PullQuery{Of: of, Now: u.Now(), Ledger: u.DB.Answers(ctx)}
		if last != nil && len(wanted) == 1 {
			q.ETag, q.LastModified = last.ETag, last.Modified
		}
		if err := s.Pull(ctx, pull, q, out.page); err != nil {
			return nil, err
		}
	}
	if out.unchanged {
		return nil, nil
	}
	return out, nil
}

// page puts a page behind the others; a table of contents lists nothing.
func (f *fetched) page(p service.Page) error {
	if p.NotModified {
		f.unchanged = true
		return nil
	}
	f.at = max(f.at, p.RetrievedAt)
	if p.Number == 1 {
		f.etag, f.modified = p.ETag, p.LastModified
	}
	if p.Contents {
		return nil
	}
	if len(f.body)+len(p.Body) > MaxDocument {
		return fmt.Errorf("larger than %d bytes", MaxDocument)
	}
	f.body = append(append(f.body, bytes.TrimSpace(p.Body)...), '\n')
	return nil
}

// readable are the collections of a TAXII root that may be read.
//
// Source: OASIS, TAXII 2.1, 5.1.
func readable(ctx context.Context, s *service.Service) ([]string, error) {
	_, pull, _ := service.PullOf("taxii-collections")
	var ids []string
	err := s.Pull(ctx, pull, service.PullQuery{}, func(p service.Page) error {
		var all struct {
			Collections []struct {
				ID      string
				CanRead bool `json:"can_read"`
			}
		}
		if err := json.Unmarshal(p.Body, &all); err != nil {
			return fmt.Errorf("the collections of the root: %w", err)
		}
		for _, c := range all.Collections {
			if c.CanRead && c.ID != "" {
				ids = append(ids, c.ID)
			}
		}
		return nil
	})
	if err == nil && len(ids) == 0 {
		err = errors.New("the root has no collection that may be read")
	}
	return ids, err
}
