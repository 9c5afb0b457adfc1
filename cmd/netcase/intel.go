package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/netip"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"netcase"
	"netcase/intel"
	"netcase/intel/database"
	"netcase/intel/service"
	"netcase/source"
)

// intelCmd is the local intelligence database.
type intelCmd struct {
	Update intelUpdateCmd `cmd:"" help:"Ask the feeds for what is new."`
	Add    intelAddCmd    `cmd:"" help:"Add lists, STIX, MISP or provider exports, each with its date."`
	List   intelListCmd   `cmd:"" help:"What the database holds: age, counts, overlap, licence."`
	Show   intelShowCmd   `cmd:"" help:"One feed with all its snapshots, or the history of an address."`
	Prune  intelPruneCmd  `cmd:"" help:"Forget old snapshots."`
}

// databaseFlag says which database is meant.
type databaseFlag struct {
	IntelDB string `name:"intel-db" help:"Folder of the intelligence database (default: the user's own)." placeholder:"DIR"`
}

// open opens the database and makes it where it is missing.
func (d databaseFlag) open(ctx context.Context) (*database.DB, error) {
	dir, err := d.dir()
	if err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, dir, intel.DefaultConfig())
	if err != nil {
		return nil, &exitError{code: exitUnsound, err: err, hint: "--intel-db names another folder"}
	}
	return db, nil
}

// existing opens a database that must be there.
func (d databaseFlag) existing(ctx context.Context) (*database.DB, error) {
	dir, err := d.dir()
	if err != nil {
		return nil, err
	}
	if !database.Exists(dir) {
		return nil, usagef("netcase intel update fills it, netcase intel add takes files", "there is no intelligence database in %s", dir)
	}
	return d.open(ctx)
}

func (d databaseFlag) dir() (string, error) {
	if d.IntelDB != "" {
		return d.IntelDB, nil
	}
	return database.DefaultDir()
}

// useDatabase is the folder of the database that a run uses, and empty where it uses
// none: the one that is named, which must be there, else the user's own if there is
// one. "none" is none.
func useDatabase(flag string) (string, error) {
	switch flag {
	case "none":
		return "", nil
	case "", "auto":
		if dir, err := database.DefaultDir(); err == nil && database.Exists(dir) {
			return dir, nil
		}
		return "", nil // a system that names no home has no database in it
	}
	if !database.Exists(flag) {
		return "", usagef("netcase intel update fills it, netcase intel add takes files", "--intel-db %s: there is no intelligence database", flag)
	}
	return flag, nil
}

// tellReadOnly says that nothing is stored in a database that cannot be written.
func tellReadOnly(w io.Writer, dir string) {
	if dir != "" && database.ReadOnly(dir) {
		fmt.Fprintf(w, "netcase: the intelligence database in %s is read-only: it is read, and nothing is stored\n", plainLines(dir))
	}
}

// feedKeyVariable is the environment variable of a feed's key.
func feedKeyVariable(name string) string {
	return "NETCASE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_")) + "_KEY"
}

// feedKeys are the keys that feeds take, each looked for once where those of services
// are: in the environment, in a file that only its owner may read, in the keyring. A
// place that should have one and has none is told on stderr.
func feedKeys(w io.Writer, feeds []database.Feed, services configuredServices) func(name string) service.Secret {
	found := map[string]service.Secret{}
	for i := range feeds {
		name := feeds[i].Key
		if _, looked := found[name]; looked || name == "" {
			continue
		}
		k := key{}
		if p, ok := service.ProviderOf(strings.ToLower(name)); ok {
			k = keyOf(&p, services[p.Name])
		} else {
			k = feedKey(name)
		}
		if k.err != nil {
			fmt.Fprintf(w, "netcase: key of %s: %s\n", plainLines(name), plainLines(k.err.Error()))
		}
		found[name] = k.secret
	}
	return func(name string) service.Secret { return found[name] }
}

func feedKey(name string) key {
	variable := feedKeyVariable(name)
	if v := os.Getenv(variable); v != "" {
		return key{secret: service.NewSecret(v), from: variable}
	}
	if file := os.Getenv(variable + "_FILE"); file != "" {
		secret, err := keyFile(file)
		return key{secret, "file " + file, err}
	}
	return keyringKey(strings.ToLower(name))
}

// accessesTo are the URLs that the user wrote out, for serviceClient.
func accessesTo(urls []string) []service.Access {
	out := make([]service.Access, len(urls))
	for i, u := range urls {
		out[i].Base = u
	}
	return out
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func now() netcase.Time { return netcase.TimeOf(time.Now()) }

type intelUpdateCmd struct {
	databaseFlag

	Feeds   []string `arg:"" optional:"" name:"feed" help:"Feeds, or folders of feeds (default: all that are not optional)."`
	Accept  []string `help:"Use what this feed hands out although it was put into quarantine (repeatable)." placeholder:"FEED" sep:"none"`
	Workers int      `help:"Feeds asked at the same time." default:"6"`
	Known   bool     `help:"List the feeds that can be asked, and ask none."`
	JSON    bool     `name:"json" help:"Print one JSON object a feed."`
	Quiet   bool     `short:"q" help:"No progress."`
}

// Help says what is kept.
func (c *intelUpdateCmd) Help() string {
	return `Each feed is asked whether anything is new. A line "stored FEED SHA256" is printed
once what it handed out is on disk. What looks wrong (an error page, nothing left,
ten times as much as before) is kept and not used until --accept FEED.

  netcase intel update
  netcase intel update spamhaus-drop-v4 misp-warninglists

A key for abuse.ch comes from NETCASE_ABUSECH_KEY, from the file that
NETCASE_ABUSECH_KEY_FILE names, or from the keyring. Feeds of your own stand in
netcase.yaml (docs/intel.md).

Exit: 0 every feed answered; 3 one failed or is in quarantine.`
}

// Run asks the feeds.
func (c *intelUpdateCmd) Run(ctx context.Context, std streams, own configuredFeeds, services configuredServices) error {
	all, urls, err := own.all()
	if err != nil {
		return err
	}
	if c.Known {
		return knownFeeds(std.out, all)
	}
	feeds, err := database.Pick(all, slices.Concat(c.Feeds, c.Accept))
	if err != nil {
		return usagef("netcase intel update --known lists them", "%v", err)
	}
	client, err := serviceClient(services, accessesTo(slices.Concat(urls, services.reach(feeds))))
	if err != nil {
		return err
	}
	defer client.Close()
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is committed
	for _, name := range c.Accept {   // what is kept already can be released although the feed does not answer
		released, err := db.Accept(ctx, name)
		if err != nil && !errors.Is(err, database.ErrNoFeed) {
			return err
		}
		if released && !c.Quiet {
			fmt.Fprintf(std.err, "%s: released from quarantine\n", plainLines(name))
		}
	}
	said := feedLines{std: std, json: c.JSON, quiet: c.Quiet, of: len(feeds), keys: map[string]string{}}
	for _, f := range feeds {
		said.keys[f.Name] = feedKeyVariable(f.Key)
	}
	u := database.Update{DB: db, Client: client, Keys: feedKeys(std.err, feeds, services), Now: now, Workers: c.Workers, Accept: c.Accept, Done: said.tell}
	u.Run(ctx, feeds)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return said.end()
}

// knownFeeds prints the feeds that can be asked.
func knownFeeds(w io.Writer, feeds []database.Feed) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, f := range feeds {
		note := ""
		if f.Optional {
			note = " Only where it is named."
		}
		if f.KeyMust {
			note += " Needs " + feedKeyVariable(f.Key) + "."
		}
		fmt.Fprintf(t, "%s\t%s%s\n", plainLines(f.Name), f.Doc, note)
	}
	return t.Flush()
}

// feedLines tells of each feed, when what it handed out is on disk.
type feedLines struct {
	std         streams
	json, quiet bool
	of, done    int
	keys        map[string]string // where the key of a feed is looked for
	bad         int               // failed or in quarantine
	failure     error             // of the output
}

// feedLine is what --json prints.
type feedLine struct {
	Feed    string         `json:"feed"`
	State   database.State `json:"state"`
	SHA256  string         `json:"sha256,omitempty"`
	Usable  int64          `json:"usable"`
	Refused int64          `json:"refused"`
	Why     string         `json:"why,omitempty"`
}

func (l *feedLines) tell(r database.Result) {
	l.done++
	line := feedLine{Feed: r.Feed, State: r.State, SHA256: r.Snapshot.SHA256, Usable: r.Snapshot.Report.Usable, Refused: r.Snapshot.Report.Refused, Why: r.Snapshot.Quarantine}
	if r.Err != nil {
		line.Why = r.Err.Error()
	}
	if r.State == database.NoKey {
		line.Why = "it gives nothing without a key; put one into " + l.keys[r.Feed]
		l.bad++
	}
	if r.State == database.Failed || r.State == database.Quarantined || r.State == database.NoList {
		l.bad++
	}
	var err error
	switch {
	case l.json:
		err = writeJSON(l.std.out, line, "")
	case line.SHA256 != "":
		_, err = fmt.Fprintf(l.std.out, "%s %s %s\n", line.State, plainLines(line.Feed), line.SHA256)
	default:
		_, err = fmt.Fprintf(l.std.out, "%s %s\n", line.State, plainLines(line.Feed))
	}
	l.failure = cmp.Or(l.failure, err)
	switch {
	case line.Why != "":
		fmt.Fprintf(l.std.err, "netcase: %s: %s\n", plainLines(line.Feed), plainLines(line.Why))
	case !l.quiet:
		fmt.Fprintf(l.std.err, "%d of %d: %s, %d usable, %d refused\n", l.done, l.of, plainLines(line.Feed), line.Usable, line.Refused)
	}
}

func (l *feedLines) end() error {
	if l.failure != nil || l.bad == 0 {
		return l.failure
	}
	return &exitError{code: exitUnsound, err: fmt.Errorf("%d of %d feeds gave nothing that is used; what they gave before stays in use", l.bad, l.of)}
}

type intelAddCmd struct {
	databaseFlag

	Paths   []string `arg:"" name:"path" help:"Files, folders, archives or https URLs, with @DATE for when they were learned."`
	Feed    string   `help:"Name of the feed, for one list (default: its path without the date)." placeholder:"NAME"`
	Licence string   `help:"Licence of the lists, in a word." placeholder:"WORDS"`
	TLP     string   `name:"tlp" help:"Traffic light of entries that state none." placeholder:"COLOUR"`
	Accept  bool     `help:"Use the lists although the guards would put them into quarantine."`
	JSON    bool     `name:"json" help:"Print one JSON object a list."`
	Quiet   bool     `short:"q" help:"No progress."`
}

// Help gives examples.
func (c *intelAddCmd) Help() string {
	return `Lists of different days that differ in their name only by the date are one feed: each
adds what was known on its day.

  netcase intel add lists/2025-10-20.ipv4
  netcase intel add export.json@2025-10-20 stix/
  netcase intel add https://lists.example/blocked.txt

Exit: 0 everything was taken; 3 something is in quarantine, could not be read, or is no list.`
}

// Run adds lists.
func (c *intelAddCmd) Run(ctx context.Context, std streams) error {
	db, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is committed
	said := &feedLines{std: std, json: c.JSON, quiet: c.Quiet}
	for _, what := range c.Paths {
		if err := c.add(ctx, db, what, said); err != nil {
			return err
		}
	}
	said.of = said.done
	return said.end()
}

// add adds one path or URL.
func (c *intelAddCmd) add(ctx context.Context, db *database.DB, what string, said *feedLines) error {
	if strings.HasPrefix(what, "https://") || strings.HasPrefix(what, "http://") {
		return c.download(ctx, db, what, said)
	}
	paths, err := intelPaths([]string{what})
	if err != nil {
		return err
	}
	found, err := source.Find([]string{paths[0].Path}, source.Options{})
	if err != nil {
		return runError(err)
	}
	defer func() { _ = found.Close() }() // temporary files only
	if c.Feed != "" && len(found.Streams) != 1 {
		return usagef("add them one by one, or let their paths name them", "--feed names one list; %s holds %d", what, len(found.Streams))
	}
	for _, r := range found.Refused {
		said.of++
		said.tell(database.Result{Feed: r.Name, State: database.Failed, Err: errors.New(r.Reason)})
	}
	for _, s := range found.Streams {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		said.of++
		if r := c.stream(ctx, db, s, paths[0].Date); r.State != database.NoList || s.Explicit {
			said.tell(r)
		} else if !c.Quiet {
			fmt.Fprintf(said.std.err, "%s lists nothing, and is not kept\n", plainLines(s.Name))
		}
	}
	return nil
}

// stream adds one file.
func (c *intelAddCmd) stream(ctx context.Context, db *database.DB, s source.Stream, given netcase.Time) database.Result {
	feed := cmp.Or(c.Feed, intel.FeedName(s.Name))
	fail := func(err error) database.Result { return database.Result{Feed: feed, State: database.Failed, Err: err} }
	r, err := s.Open()
	if err != nil {
		return fail(err)
	}
	defer func() { _ = r.Close() }() // read only
	body, err := io.ReadAll(io.LimitReader(r, database.MaxDocument+1))
	if err != nil {
		return fail(err)
	}
	return c.store(ctx, db, database.Document{Feed: feed, Name: s.Name, Source: s.Name, Body: body, Given: given, Retrieved: now()})
}

// store adds one document.
func (c *intelAddCmd) store(ctx context.Context, db *database.DB, d database.Document) database.Result {
	d.Licence, d.TLP, d.Accept, d.ByHand = c.Licence, c.TLP, c.Accept, true
	out, err := db.Store(ctx, d)
	r := database.Result{Feed: d.Feed, State: out.State, Snapshot: out.Snapshot, Err: err}
	switch {
	case err != nil:
		r.State = database.Failed
	case out.State == database.NoList:
		r.Snapshot, r.Err = database.Snapshot{}, errors.New("it is no list of addresses, and is not kept")
	case out.Snapshot.Quarantine != "":
		r.State = database.Quarantined
	}
	return r
}

// download adds what a URL hands out now.
func (c *intelAddCmd) download(ctx context.Context, db *database.DB, what string, said *feedLines) error {
	u, err := url.Parse(what)
	if err != nil || u.Host == "" {
		return usagef("write it as https://host/path", "%q is not a URL", what)
	}
	client, err := serviceClient(nil, accessesTo([]string{what}))
	if err != nil {
		return err
	}
	defer client.Close()
	name := path.Join(u.Host, u.Path)
	feed := cmp.Or(c.Feed, intel.FeedName(name))
	said.of++
	resp, err := client.Do(ctx, service.Request{Provider: feed, URL: what})
	if err != nil {
		said.tell(database.Result{Feed: feed, State: database.Failed, Err: err})
		return nil
	}
	said.tell(c.store(ctx, db, database.Document{
		Feed: feed, Name: name, Source: what, Body: resp.Body, Given: resp.RetrievedAt, Retrieved: resp.RetrievedAt, ETag: resp.ETag, Modified: resp.LastModified,
	}))
	return nil
}

type intelListCmd struct {
	databaseFlag

	JSON bool `name:"json" help:"Print one JSON object a feed, with the counts by reason."`
}

// Help says what the columns mean.
func (c *intelListCmd) Help() string {
	return `Of each feed: the age of what is in use, usable and refused entries, how much of it
another feed lists too, and its licence.`
}

// Run lists the feeds.
func (c *intelListCmd) Run(ctx context.Context, std streams) error {
	db, err := c.existing(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing was written
	infos, err := db.List(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		for _, in := range infos {
			if err := writeJSON(std.out, in, ""); err != nil {
				return err
			}
		}
		return nil
	}
	return printFeeds(std.out, infos, now())
}

func printFeeds(w io.Writer, infos []database.Info, now netcase.Time) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "FEED\tLEARNED\tAGE\tSNAPSHOTS\tUSABLE\tREFUSED\tSHARED\tLICENCE\t")
	for _, in := range infos {
		s := in.Current
		if s == nil {
			fmt.Fprintf(t, "%s\t-\t-\t%d\t0\t0\t-\t\t%s\n", plainLines(in.Feed), in.Snapshots, standing(&in))
			continue
		}
		shared := "-"
		if in.Prefixes > 0 {
			shared = fmt.Sprintf("%d %%", int(math.Round(100*float64(in.Shared)/float64(in.Prefixes))))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", plainLines(in.Feed), s.Learned.Short(), ageText(now-s.Upheld), in.Snapshots,
			s.Report.Usable, s.Report.Refused, shared, plainLines(s.Licence), standing(&in))
	}
	return t.Flush()
}

// standing says what is wrong with a feed, where something is.
func standing(in *database.Info) string {
	switch {
	case in.Quarantine != "":
		return "quarantined: " + plainLines(in.Quarantine)
	case in.Error != "":
		return "failed: " + plainLines(in.Error)
	}
	return ""
}

// ageText is an age as people say it.
func ageText(age netcase.Time) string {
	switch {
	case age < 0:
		return "-"
	case age < netcase.Hour:
		return strconv.Itoa(int(age/netcase.Minute)) + " min"
	case age < 2*netcase.Day:
		return strconv.Itoa(int(age/netcase.Hour)) + " h"
	}
	return strconv.Itoa(int(age/netcase.Day)) + " d"
}

type intelShowCmd struct {
	databaseFlag

	What string `arg:"" help:"A feed, or an address."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Help gives examples.
func (c *intelShowCmd) Help() string {
	return "  netcase intel show spamhaus-drop-v4\n  netcase intel show 194.180.49.103"
}

// Run shows a feed or an address.
func (c *intelShowCmd) Run(ctx context.Context, std streams) error {
	db, err := c.existing(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing was written
	if a, err := netip.ParseAddr(c.What); err == nil {
		return c.address(ctx, std.out, db, a)
	}
	all, err := db.Snapshots(ctx, c.What)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return usagef("netcase intel list has the names", "the database holds no feed of the name %q", c.What)
	}
	if c.JSON {
		return writeJSON(std.out, all, "  ")
	}
	printSnapshots(std.out, all)
	return nil
}

func printSnapshots(w io.Writer, all []database.Snapshot) {
	last := &all[len(all)-1]
	fmt.Fprintf(w, "%s\n  from     %s\n  licence  %s\n  format   %s, by %s\n", plainLines(last.Feed), plainLines(last.Source),
		plainLines(cmp.Or(last.Licence, "not stated")), cmp.Or(last.Report.Format, "none"), plainLines(cmp.Or(last.Report.Provider, "nobody known")))
	for i := range all {
		s := &all[i]
		fmt.Fprintf(w, "\n%s to %s  %s\n  %d bytes, %d usable, %d refused, %d skipped, %d said twice\n", s.Learned.Short(), s.Upheld.Short(), s.SHA256,
			s.Size, s.Report.Usable, s.Report.Refused, s.Report.Skipped, s.Report.Duplicate)
		for _, reason := range slices.Sorted(maps.Keys(s.Report.Reasons)) {
			fmt.Fprintf(w, "    %s: %d\n", plainLines(reason), s.Report.Reasons[reason])
		}
		if s.Quarantine != "" {
			fmt.Fprintf(w, "  not used: %s\n", plainLines(s.Quarantine))
		}
	}
}

// address shows when an address was listed.
func (c *intelShowCmd) address(ctx context.Context, w io.Writer, db *database.DB, a netip.Addr) error {
	hs, err := db.History(ctx, a)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeJSON(w, hs, "  ")
	}
	if len(hs) == 0 {
		_, err := fmt.Fprintf(w, "%s: no snapshot of any feed lists it. That does not make it clean.\n", a)
		return err
	}
	for i := range hs {
		printHistory(w, &hs[i])
	}
	return nil
}

func printHistory(w io.Writer, h *database.History) {
	until := "listed from %s until %s"
	if h.Still {
		until = "listed from %s; the newest snapshot, of %s, lists it"
	}
	fmt.Fprintf(w, "%s: "+until+"\n", plainLines(h.Feed), h.First.Short(), h.Last.Short())
	for _, s := range h.Appearances {
		what := "not listed"
		if len(s.Indicators) > 0 {
			var said []string
			for _, in := range s.Indicators {
				said = append(said, plainLines(fmt.Sprintf("%s %s", in.Prefix, in.Claim)))
			}
			const most = 5
			more := ""
			if len(said) > most {
				more = fmt.Sprintf(" and %d more", len(said)-most)
			}
			what = strings.Join(said[:min(len(said), most)], ", ") + more
		}
		if s.Quarantine != "" {
			what += " (not used: " + plainLines(s.Quarantine) + ")"
		}
		fmt.Fprintf(w, "  %s to %s  %s  %s\n", s.Learned.Short(), s.Upheld.Short(), s.SHA256[:12], what)
	}
}

type intelPruneCmd struct {
	databaseFlag

	Keep  int    `help:"Snapshots kept of each feed." placeholder:"N"`
	Older string `help:"Forget snapshots that were last handed out longer ago than this, for example 400d." placeholder:"DAYS"`
}

// Help says what is always kept.
func (c *intelPruneCmd) Help() string {
	return `The snapshot in use of every feed is always kept. What was known on a day whose
snapshots are forgotten can no longer be told.

  netcase intel prune --older 400d
  netcase intel prune --keep 30`
}

// Run forgets snapshots.
func (c *intelPruneCmd) Run(ctx context.Context, std streams) error {
	p := database.Pruning{Keep: c.Keep}
	if c.Older != "" {
		days, err := strconv.Atoi(strings.TrimSuffix(c.Older, "d"))
		if err != nil || days <= 0 {
			return usagef("write it as 400d", "--older %q is not a number of days", c.Older)
		}
		p.Before = now() - netcase.Time(days)*netcase.Day
	}
	if p.Keep <= 0 && !p.Before.Known() {
		return usagef("netcase intel prune --keep 30, or --older 400d", "nothing says what to forget")
	}
	db, err := c.existing(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // everything is committed
	out, err := db.Prune(ctx, p)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(std.out, "forgot %s and %s\n", counted(out.Snapshots, "snapshot"), counted(out.Documents, "document"))
	return err
}

// counted is a number with its noun, which takes an s.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
