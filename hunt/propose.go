package hunt

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"netcase"
	"netcase/cube"
	"netcase/intel"
	"netcase/intel/database"
	"netcase/intel/service"
	"netcase/origins"
	"netcase/store"
)

// LoadIntel reads lists alone, and what services said, and of a database, where one is
// named, what bears on the instant: the newest where it is not known. A nil table of origins
// is the default.
func LoadIntel(ctx context.Context, paths []IntelPath, db string, said service.Result, asOf netcase.Time, table *origins.Table) (*intel.Set, error) {
	cfg := DefaultConfig()
	cfg.Intel, cfg.IntelDB, cfg.IntelConfig.Origins = paths, db, table
	lists, err := openIntel(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer lists.Close()
	lists.said = service.Merge(said, lists.said)
	return lists.load(ctx, &cfg, database.Window{First: asOf, Last: asOf})
}

// ProposeSite reads telemetry and writes a draft of site.yaml, as text, for the
// owner to correct: what the telemetry shows, and nothing that it cannot know.
func ProposeSite(ctx context.Context, cfg Config) (string, error) {
	found, err := openTelemetry(cfg)
	if err != nil {
		return "", err
	}
	defer found.Close()
	answers, err := store.Fold(ctx, cfg.storeConfig(), &cfg.Site, found.found)
	if err != nil {
		return "", err
	}
	d := draft{hosts: map[netip.Addr]*seenHost{}, names: answers.Names()}
	for r, err := range answers.Rows(ctx, cube.Question{Kind: cube.Hosts}) {
		if err != nil {
			return "", err
		}
		d.add(&r)
	}
	return d.text(answers.Coverage()), nil
}

// maxAssets bounds the draft; beyond it a list is kept elsewhere.
const maxAssets = 500

// draft is what the telemetry shows of our side.
type draft struct {
	hosts map[netip.Addr]*seenHost
	named []string // hosts without an address
	names map[netip.Addr]string
}

type seenHost struct {
	flows    int64
	answered map[uint16]bool // service ports that answered outside addresses
}

func (d *draft) add(r *cube.Row) {
	d.see(r, r.Host)
	if r.Direction == netcase.Lateral {
		d.see(r, r.Peer)
	}
}

func (d *draft) see(r *cube.Row, e netcase.Endpoint) {
	if r.Direction == netcase.Transit {
		return
	}
	if !e.Addr.IsValid() {
		if e.Name != "" && !slices.Contains(d.named, e.Name) && len(d.named) < maxAssets {
			d.named = append(d.named, e.Name)
		}
		return
	}
	if e.Addr.IsMulticast() || e.Addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return
	}
	h := d.hosts[e.Addr]
	if h == nil {
		h = &seenHost{answered: map[uint16]bool{}}
		d.hosts[e.Addr] = h
	}
	h.flows += r.Flows
	if r.Direction == netcase.Inbound && r.Host == e && r.Reach >= netcase.ReachBidirectional {
		h.answered[r.Port] = true
	}
}

// text is the draft as YAML. Names come from the inputs, so every string is quoted.
func (d *draft) text(c netcase.Coverage) string {
	var b strings.Builder
	b.WriteString("# A draft from the telemetry. Correct it, and give it with --site.\n")
	fmt.Fprintf(&b, "# Read: %d inputs, %d flows. docs/site.md describes every key.\n", len(c.Inputs), c.Flows())
	b.WriteString("name: \"\"\n")
	b.WriteString("own: # prefixes seen on our side; widen them to what is really yours\n")
	for _, p := range d.prefixes() {
		fmt.Fprintf(&b, "  - %s\n", p)
	}
	d.writeAssets(&b)
	b.WriteString("exposed: []    # reachable from the Internet on purpose\n")
	b.WriteString("dark: []       # yours, and used by nothing: contact with them is telling\n")
	b.WriteString("approved: []   # outside addresses that may administer\n")
	b.WriteString("partners: []\nresolvers: []\nmonitoring: [] # machines that talk to many others for good reason\n")
	b.WriteString("facts:\n  mfa: \"\"     # yes or no, for remote administration\n  lockout: \"\" # yes or no\n")
	return b.String()
}

// prefixes are the /24 and /64 networks of the hosts that were seen.
func (d *draft) prefixes() []netip.Prefix {
	var out []netip.Prefix
	for a := range d.hosts {
		bits := 24
		if a.Is6() {
			bits = 64
		}
		if netcase.Public(a) {
			bits = a.BitLen() // the neighbours of a public address are not ours for that
		}
		p, err := a.Prefix(bits)
		if err == nil && !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return out
}

func (d *draft) writeAssets(b *strings.Builder) {
	addrs := make([]netip.Addr, 0, len(d.hosts))
	for a := range d.hosts {
		addrs = append(addrs, a)
	}
	slices.SortFunc(addrs, func(x, y netip.Addr) int {
		return cmp.Or(cmp.Compare(d.hosts[y].flows, d.hosts[x].flows), x.Compare(y))
	})
	slices.Sort(d.named)
	if len(addrs)+len(d.named) == 0 {
		b.WriteString("assets: []\n")
		return
	}
	b.WriteString("assets: # busiest first; criticality 1 (low) to 4, tags such as cde, honeypot, safety\n")
	for i, a := range addrs {
		if i == maxAssets {
			fmt.Fprintf(b, "  # and %d more\n", len(addrs)-maxAssets)
			break
		}
		fmt.Fprintf(b, "  - name: %s\n    addresses: [%q]\n", strconv.QuoteToASCII(d.names[a]), a.String())
		if ports := d.hosts[a].answered; len(ports) > 0 {
			fmt.Fprintf(b, "    # answered outside addresses on %s\n", portText(ports))
		}
	}
	for _, n := range d.named {
		fmt.Fprintf(b, "  - name: %s\n", strconv.QuoteToASCII(n))
	}
}

func portText(set map[uint16]bool) string {
	const shown = 12
	ports := make([]uint16, 0, len(set))
	for p := range set {
		ports = append(ports, p)
	}
	slices.Sort(ports)
	var parts []string
	for i, p := range ports {
		if i == shown {
			parts = append(parts, fmt.Sprintf("%d more", len(ports)-shown))
			break
		}
		parts = append(parts, strconv.Itoa(int(p)))
	}
	return strings.Join(parts, ", ")
}
