package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"netcase"
	"netcase/hunt"
	"netcase/intel"
	"netcase/intel/service"
	"netcase/judge"
	"netcase/origins"
	"netcase/report"
	"netcase/source"
)

type lookupCmd struct {
	What    []string `arg:"" help:"Addresses, prefixes, or files with one a line, as lists and people write them (192.0.2[.]1, 192.0.2.1:443); - for standard input."`
	Intel   []string `help:"Lists, STIX, MISP or provider exports, with @DATE for when they were learned (repeatable)." placeholder:"PATH[@DATE]" sep:"none"`
	IntelDB string   `name:"intel-db" help:"Folder of the intelligence database, or none (default: the user's own, where there is one)." default:"auto" placeholder:"DIR"`
	serviceFlags
	Origins   string `help:"Who hands on whose claims, beside what is known (docs/intel.md)." placeholder:"FILE"`
	Direction string `help:"Which way the traffic ran: in (it called us) or out (we called it). Without it the result is told for both." enum:"in,out," default:"" placeholder:"in|out"`
	AsOf      string `name:"as-of" help:"Count only what was known then (default: when the newest list was learned); what was learned later is shown beside it." placeholder:"TIME"`
	JSON      bool   `name:"json" help:"Print one JSON object a line."`
	Hits      bool   `help:"Only addresses that some list knows."`
	Lines     bool   `help:"Copy the lines of logs that hold a listed address, as they are; ranges of providers and benign knowledge do not count."`
}

// Help gives examples.
func (c *lookupCmd) Help() string {
	return "Tells which lists name an address, since when, and who hands on whose claim.\n\n  netcase lookup --intel lists/ 194.180.49.103\n  netcase lookup --direction in --as-of 2025-10-20 194.180.49.103\n  netcase lookup --intel lists/ --json --hits addresses.txt\n  netcase lookup --intel lists/ --lines /var/log/auth.log.1.gz\n\nAn address that no list knows is not thereby clean."
}

// Run prints cards.
func (c *lookupCmd) Run(ctx context.Context, std streams, services configuredServices) error {
	paths, err := intelPaths(c.Intel)
	if err != nil {
		return err
	}
	asOf, err := instant("--as-of", c.AsOf)
	if err != nil {
		return err
	}
	db, err := useDatabase(c.IntelDB)
	if err != nil {
		return err
	}
	tellReadOnly(std.err, db)
	if len(paths) == 0 && db == "" && len(c.Lookup) == 0 {
		return usagef("--intel lists/ reads files; netcase intel update fills a database; --lookup asks services", "there is no intelligence to look into: neither --intel nor a database")
	}
	table, err := readOrigins(c.Origins)
	if err != nil {
		return err
	}
	said, err := c.ask(ctx, std, services, db)
	if err != nil {
		return err
	}
	set, err := hunt.LoadIntel(ctx, paths, db, said, asOf, table)
	if err != nil {
		return runError(err)
	}
	if c.Lines {
		return c.copyLines(ctx, std, set)
	}
	q := c.question(set, asOf)
	asked, bad := 0, 0
	for _, what := range c.What {
		if p, err := prefix(what); err == nil && !p.IsSingleIP() && !c.JSON {
			n, err := c.network(std.out, set, p, q)
			if err != nil {
				return err
			}
			asked += n
			continue
		}
		err := eachAddress(what, std.in, func(line int, text string, a netip.Addr, ok bool) error {
			if !ok {
				bad++
				fmt.Fprintf(std.err, "netcase: %s line %d: %q is not an address\n", plainLines(what), line, text)
				return nil
			}
			asked++
			return c.print(std.out, set, a, q)
		})
		if err != nil {
			return err
		}
	}
	return c.end(std.err, set, asked, bad)
}

// readOrigins reads what the user says of who hands on whom; nil: nothing.
func readOrigins(name string) (*origins.Table, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: fmt.Errorf("--origins: %w", err), hint: "docs/intel.md tells what it holds"}
	}
	t, err := origins.Parse(text)
	if err != nil {
		return nil, usagef("docs/intel.md tells what it holds", "--origins %s: %v", name, err)
	}
	return t, nil
}

// maxAsked is how many addresses services are asked about at once.
const maxAsked = 1000

// ask asks the services that --lookup names, in the order of the addresses, and says
// what was not asked and why.
func (c *lookupCmd) ask(ctx context.Context, std streams, services configuredServices, db string) (service.Result, error) {
	asking, done, err := c.asking(ctx, services, db)
	if err != nil || asking == nil {
		return service.Result{}, err
	}
	defer done()
	if c.Lines || slices.Contains(c.What, "-") {
		return service.Result{}, usagef("write the addresses to a file", "--lookup takes neither --lines nor standard input")
	}
	var all []netip.Addr
	for _, what := range c.What {
		err := eachAddress(what, std.in, func(_ int, _ string, a netip.Addr, ok bool) error {
			if ok {
				all = append(all, a)
			}
			return nil
		})
		if err != nil {
			return service.Result{}, err
		}
	}
	plan := planOf(all)
	if len(plan) > maxAsked {
		fmt.Fprintf(std.err, "netcase: services are asked about the first %d of %d addresses\n", maxAsked, len(plan))
		plan = plan[:maxAsked]
	}
	said, err := asking.Ask(ctx, plan)
	for _, e := range said.Errors {
		tellError(std.err, e)
	}
	tellUnasked(std.err, said.Reports())
	return said, err
}

// copyLines prints the lines of the files, decompressed, that hold a listed address.
func (c *lookupCmd) copyLines(ctx context.Context, std streams, set *intel.Set) (err error) {
	if c.JSON || c.AsOf != "" {
		return usagef("lines are copied as they are, whatever the time", "--lines takes neither --json nor --as-of")
	}
	found, err := source.Find(c.What, source.Options{Stdin: std.in})
	if err != nil {
		return runError(err)
	}
	defer func() { err = errors.Join(err, found.Close()) }()
	set = set.Adverse()
	out := bufio.NewWriterSize(std.out, 1<<20)
	var all intel.LineCount
	failed := 0
	for _, r := range found.Refused {
		failed++
		fmt.Fprintf(std.err, "netcase: %s: %s\n", plainLines(r.Name), r.Reason)
	}
	for _, stream := range found.Streams {
		n, err := hitLines(ctx, stream, set, out)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed++
			fmt.Fprintf(std.err, "netcase: %s: %v\n", plainLines(stream.Name), err)
		}
		all.Lines, all.Hits, all.Long = all.Lines+n.Lines, all.Hits+n.Hits, all.Long+n.Long
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(std.err, "%d of %d lines hold an address of %d indicators\n", all.Hits, all.Lines, set.Len())
	if failed > 0 {
		return &exitError{code: exitUnsound, err: fmt.Errorf("%d inputs could not be read to their end", failed)}
	}
	return c.end(std.err, set, int(all.Lines), 0)
}

func hitLines(ctx context.Context, stream source.Stream, set *intel.Set, out io.Writer) (n intel.LineCount, err error) {
	r, err := stream.Open()
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return set.HitLines(ctx, r, 0, out)
}

// end says on stderr what could not be looked at.
func (c *lookupCmd) end(w io.Writer, set *intel.Set, asked, bad int) error {
	failed := 0
	for _, f := range set.Feeds() {
		if f.Error != "" {
			failed++
			fmt.Fprintf(w, "netcase: %s: %s\n", f.Name, f.Error)
		}
	}
	if failed > 0 || bad > 0 {
		return &exitError{code: exitUnsound, err: fmt.Errorf("addresses looked up: %d; lines that are no address: %d; lists that could not be read: %d", asked, bad, failed)}
	}
	return nil
}

// newest is when the newest list was learned; without a date to ask for, cards are
// as of then.
func newest(set *intel.Set) (t netcase.Time) {
	for _, f := range set.Feeds() {
		t = max(t, f.Learned)
	}
	return t
}

// question is what is asked of every address: what was known at the instant that the user
// names, else what every list says as of the newest.
func (c *lookupCmd) question(set *intel.Set, asOf netcase.Time) intel.CardQuery {
	q := intel.CardQuery{OnlyKnown: asOf.Known()}
	if q.AsOf = asOf; !asOf.Known() {
		q.AsOf = newest(set)
	}
	q.First, q.Last = q.AsOf, q.AsOf
	switch c.Direction {
	case "in":
		q.Direction = netcase.Inbound
	case "out":
		q.Direction = netcase.Outbound
	}
	return q
}

// cardOf is the card of an address, with one result for the direction that is known, else
// with one for each.
func cardOf(set *intel.Set, a netip.Addr, q intel.CardQuery) netcase.Card {
	q.Address = a
	fused := func(d netcase.Direction) netcase.Card {
		q.Direction = d
		card := set.Card(q)
		judge.Fuse(&card, judge.Behaviour{Direction: d})
		return card
	}
	card := netcase.Card{}
	if q.Direction == netcase.DirectionUnknown {
		card = judge.BothWays(fused(netcase.Inbound), fused(netcase.Outbound))
	} else {
		card = fused(q.Direction)
	}
	card.Neighbours = set.Neighbours(a)
	return card
}

// highest is the highest probability of a card, in whichever direction.
func highest(c *netcase.Card) float64 {
	p := c.P
	for _, b := range c.Bearings {
		p = max(p, b.P)
	}
	return p
}

// lookedUp is a card as --json prints it: p and voices only where one direction is meant.
type lookedUp struct {
	netcase.Card
	P      *float64 `json:"p,omitempty"`
	Voices *int     `json:"voices,omitempty"`
}

func printed(c netcase.Card) lookedUp {
	out := lookedUp{Card: c}
	if len(c.Bearings) == 0 {
		out.P, out.Voices = &c.P, &c.Voices
	}
	return out
}

// atInstant is the span that is one instant; empty where none is known.
func atInstant(t netcase.Time) netcase.Span { return netcase.Span{Start: t, End: t} }

// maxCards is how many cards of a network are shown whole.
const maxCards = 10

// network prints the cards of the listed addresses of a prefix, the worst first,
// and what the others are in one line.
func (c *lookupCmd) network(w io.Writer, set *intel.Set, p netip.Prefix, q intel.CardQuery) (asked int, err error) {
	var listed []netcase.Card
	named := 0
	err = eachOf(p, p.String(), func(_ int, _ string, a netip.Addr, _ bool) error {
		asked++
		card := cardOf(set, a, q)
		switch {
		case card.Listed():
			listed = append(listed, card)
		case len(card.Listings) > 0:
			named++
		}
		return nil
	})
	if err != nil {
		return asked, err
	}
	slices.SortStableFunc(listed, func(a, b netcase.Card) int { return cmp.Compare(highest(&b), highest(&a)) })
	for i, card := range listed {
		text := report.LookupCard(card, atInstant(q.AsOf), report.Style{Width: width(), Color: colour(w)})
		if i >= maxCards {
			text = card.Address.String() + ": " + strings.Join(card.Origins, ", ")
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return asked, err
		}
	}
	_, err = fmt.Fprintf(w, "%s: %d addresses, %d listed, %d only named (ranges, benign knowledge), %d unknown\n",
		p, asked, len(listed), named, asked-len(listed)-named)
	return asked, err
}

func (c *lookupCmd) print(w io.Writer, set *intel.Set, a netip.Addr, q intel.CardQuery) error {
	card := cardOf(set, a, q)
	if c.Hits && len(card.Listings) == 0 {
		return nil
	}
	if c.JSON {
		return writeJSON(w, printed(card), "")
	}
	_, err := io.WriteString(w, report.LookupCard(card, atInstant(q.AsOf), report.Style{Width: width(), Color: colour(w)})+"\n")
	return err
}

// eachAddress calls do for an address, for the addresses of a small prefix, or
// for every line of a file.
func eachAddress(what string, stdin io.Reader, do func(line int, text string, a netip.Addr, ok bool) error) error {
	if p, err := prefix(what); err == nil {
		return eachOf(p, what, do)
	}
	r := stdin
	if what != "-" {
		f, err := os.Open(what)
		if err != nil {
			if _, named := intel.Named(what); named { // 192.0.2[.]1
				return eachNamed(1, what, do)
			}
			return usagef("lookup takes addresses, prefixes, and files with one a line", "%q is neither an address nor a file that can be read", what)
		}
		defer func() { _ = f.Close() }() // read only
		r = f
	}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		if err := eachNamed(n, text, do); err != nil {
			return err
		}
	}
	return lines.Err()
}

// eachNamed calls do for every address that a line names, and once with false where it names
// none, or a network that is too wide.
func eachNamed(n int, text string, do func(line int, text string, a netip.Addr, ok bool) error) error {
	if a, err := netip.ParseAddr(text); err == nil {
		return do(n, text, a, true)
	}
	prefixes, ok := intel.Named(text)
	if !ok || slices.ContainsFunc(prefixes, tooWide) {
		return do(n, text, netip.Addr{}, false)
	}
	for _, p := range prefixes {
		for a := p.Addr(); p.Contains(a); a = a.Next() {
			if err := do(n, text, a, true); err != nil {
				return err
			}
		}
	}
	return nil
}

func tooWide(p netip.Prefix) bool { return p.Addr().BitLen()-p.Bits() > maxPrefixBits }

// maxPrefixBits is how many address bits of a prefix are looked up one by one.
const maxPrefixBits = 12

func eachOf(p netip.Prefix, text string, do func(int, string, netip.Addr, bool) error) error {
	if tooWide(p) {
		return usagef("write the addresses to a file and look that up", "%s has too many addresses to look up one by one", p)
	}
	for a := p.Addr(); p.Contains(a); a = a.Next() {
		if err := do(1, text, a, true); err != nil {
			return err
		}
	}
	return nil
}
