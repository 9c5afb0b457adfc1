package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// TestCardsAndLinesHitAlike: the addresses whose card holds an adverse claim are those whose
// lines are copied, in the same order.
func TestCardsAndLinesHitAlike(t *testing.T) {
	home := ownHome(t)
	random := rand.New(rand.NewPCG(7, 7))
	address := func() string {
		if random.IntN(8) == 0 {
			return fmt.Sprintf("2a02:c207::%x", random.IntN(64))
		}
		return fmt.Sprintf("62.4.%d.%d", random.IntN(4), random.IntN(64))
	}
	var asked, listed strings.Builder
	for range 400 {
		fmt.Fprintln(&asked, address())
	}
	for range 60 {
		fmt.Fprintln(&listed, address())
	}
	for name, text := range map[string]string{
		"asked.txt":                     asked.String(),
		"ti/greensnow.txt":              listed.String() + "62.4.3.16/29\n62.4.2.1-62.4.2.5\n2a02:c207::20/124\n",
		"ti/x4bnet/datacenter-ipv4.txt": "62.4.0.0/22\n", // knowledge
	} {
		name = filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	code, lines, stderr := at(t, "lookup", "--intel", "ti", "--lines", "asked.txt")
	if code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	code, cards, stderr := at(t, "lookup", "--intel", "ti", "--json", "asked.txt")
	if code != 0 {
		t.Fatalf("%d: %s", code, stderr)
	}
	var hits []string
	for d := json.NewDecoder(strings.NewReader(cards)); d.More(); {
		var card netcase.Card
		if err := d.Decode(&card); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(card.Listings, func(l netcase.Listing) bool { return l.Indicator.Claim.Adverse() }) {
			hits = append(hits, card.Address.String())
		}
	}
	if got := strings.Fields(lines); !slices.Equal(got, hits) || len(hits) < 50 || len(hits) > 350 {
		t.Errorf("%d lines, %d cards:\n%v\n%v", len(got), len(hits), got, hits)
	}
}
