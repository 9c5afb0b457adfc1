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

// TestAddressesAsPeopleWriteThem: a file may hold what was copied from a ticket.
func TestAddressesAsPeopleWriteThem(t *testing.T) {
	home := ownHome(t)
	for name, text := range map[string]string{
		"greensnow.txt": "62.4.5.6\n",
		"asked.txt":     "\ufeff62[.]4[.]5[.]1\n62.4.5.2:443\n62.4.5.3, from the proxy\n62.4.5.4 # seen twice\nhxxp://62.4.5.5/x\n[2a02::1]:22\n62.4.5.8/31\n62.4.5.10-62.4.5.11\n::ffff:62.4.5.12\n\n# none\n",
		"wrong.txt":     "62.4.5\n10.0.0.0/8\nexample.org\n",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	asked := func(args ...string) (int, string) {
		code, out, _ := at(t, append([]string{"lookup", "--intel", "greensnow.txt", "--json"}, args...)...)
		var got []string
		for d := json.NewDecoder(strings.NewReader(out)); d.More(); {
			var card netcase.Card
			if err := d.Decode(&card); err != nil {
				t.Fatal(err)
			}
			got = append(got, card.Address.String())
		}
		return code, strings.Join(got, " ")
	}
	if code, got := asked("asked.txt"); code != 0 || got != "62.4.5.1 62.4.5.2 62.4.5.3 62.4.5.4 62.4.5.5 2a02::1 62.4.5.8 62.4.5.9 62.4.5.10 62.4.5.11 62.4.5.12" {
		t.Errorf("%d: %s", code, got)
	}
	if code, got := asked("62[.]4[.]5[.]6"); code != 0 || got != "62.4.5.6" {
		t.Errorf("%d: %s", code, got)
	}
	if code, got := asked("wrong.txt"); code != exitUnsound || got != "" {
		t.Errorf("%d: %s", code, got)
	}
}

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
