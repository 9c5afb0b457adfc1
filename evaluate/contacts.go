package evaluate

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"netcase"
	"netcase/hunt"
	"netcase/simulate"
)

// Contacts is after how many failed first contacts a source is called a scanner.
type Contacts struct {
	N      int `json:"n"`
	Median int `json:"median"`
	Worst  int `json:"worst"`
}

func (c Contacts) String() string {
	if c.N == 0 {
		return "–"
	}
	return fmt.Sprintf("%d (worst %d, n %d)", c.Median, c.Worst, c.N)
}

// mostContacts is where the search ends: a source that is not flagged then counts as
// one more.
const mostContacts = 12

// contactSeeds is how many seeds are enough for a number that hardly varies.
const contactSeeds = 5

// measureContacts tells of one source with more and more first contacts.
func measureContacts(ctx context.Context, cfg Config) (Contacts, error) {
	seeds := min(cfg.Seeds, contactSeeds)
	found := make([]int, seeds)
	errs := make([]error, seeds)
	err := inPool(ctx, cfg.Workers, seeds, nil, func(i int) {
		low, high := 1, mostContacts+1
		for low < high && errs[i] == nil { // more contacts never hide a source
			n := (low + high) / 2
			var ok bool
			if ok, errs[i] = flagsContacts(ctx, cfg, n, cfg.First+uint64(i)); ok {
				high = n
			} else {
				low = n + 1
			}
		}
		found[i] = low
	})
	if err != nil {
		return Contacts{}, err
	}
	for _, err := range errs {
		if err != nil {
			return Contacts{}, err
		}
	}
	slices.Sort(found)
	return Contacts{N: len(found), Median: found[len(found)/2], Worst: found[len(found)-1]}, nil
}

// flagsContacts tells whether a source with n first contacts is called a scanner.
func flagsContacts(ctx context.Context, cfg Config, n int, seed uint64) (bool, error) {
	told, err := simulate.Contacts(n, seed)
	if err != nil {
		return false, err
	}
	dir, err := os.MkdirTemp(cfg.Temp, "netcase-contacts-")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // temporary files only
	const flows, lists = "conn.log", "claims.csv"
	for name, b := range map[string][]byte{flows: told.Files["telemetry/"+flows], lists: told.Files["intel/"+lists]} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			return false, err
		}
	}
	h := cfg.Hunt
	h.Workers, h.Temp, h.Site, h.Paths = 1, cfg.Temp, told.Site, []string{filepath.Join(dir, flows)}
	h.Intel = []hunt.IntelPath{{Path: filepath.Join(dir, lists), Date: told.Truth.Span.Start}}
	c, err := hunt.Run(ctx, h)
	if err != nil {
		return false, err
	}
	list := told.Truth.Labels.Activities
	return flagsSource(c, list[len(list)-1].Sources[0]), nil
}

func flagsSource(c *netcase.Case, source netip.Addr) bool {
	return slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
		return f.Scan != nil && f.Scan.Class != belowScan && slices.ContainsFunc(f.Scan.Sources, func(p netcase.Profile) bool { return p.Peer.Addr == source })
	})
}
