package respond

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"netcase"
)

var nftables = Target{
	Name:   "nftables",
	Doc:    "packet filter of Linux: first observe, then drop; sets that expire by themselves, and a rollback",
	Render: renderNft,
}

const (
	nftFolder   = "response/nftables/"
	nftObserve  = nftFolder + "1-observe.nft"
	nftBlock    = nftFolder + "2-block.nft"
	nftRollback = nftFolder + "rollback.nft"
)

// nftMaxComment bounds comments and log prefixes: nft(8) refuses more than 128
// bytes with their terminator.
const nftMaxComment = 100

// nftPriority puts the chains before the filters of the machine (priority 0), so
// that what is listed is counted before another rule accepts it.
const nftPriority = -10

// nftStage is what a file does with a packet that matches.
type nftStage struct {
	name, doc string
	verdict   func(comment string) string
}

func nftStages() (observe, block nftStage) {
	observe = nftStage{"observe", "Stage 1: counts and logs, drops nothing. Leave it in place for 24 h and read the counters.",
		func(comment string) string {
			return fmt.Sprintf("counter limit rate 10/second log prefix \"%s: \"", comment)
		}}
	block = nftStage{"block", "Stage 2: drops. Load it on one machine first, and only after a named person approved the counters of stage 1.",
		func(comment string) string { return fmt.Sprintf("counter drop comment \"%s\"", comment) }}
	return observe, block
}

func renderNft(p *Plan) (map[string][]byte, error) {
	out := map[string][]byte{nftRollback: nftUndo(p)}
	if p.Lapsed() {
		return out, nil
	}
	observe, block := nftStages()
	out[nftObserve] = nftFile(p, observe)
	out[nftBlock] = nftFile(p, block)
	return out, nil
}

// nftTable is the name of the table of a case. Each case has its own, so that
// loading one takes nothing away from another.
func nftTable(c *netcase.Case) string {
	return "netcase_" + strings.ReplaceAll(word(c.ID, maxName), "-", "_")
}

func nftUndo(p *Plan) []byte {
	t := nftTable(p.Case)
	return fmt.Appendf(nil, "# Takes back everything that netcase loaded for case %s.\n# nft -f rollback.nft; harmless where nothing is loaded.\nadd table inet %s\ndelete table inet %s\n",
		nftComment(p.Case.ID), t, t)
}

func nftFile(p *Plan, s nftStage) []byte {
	var b strings.Builder
	nftHead(&b, p, s)
	t := nftTable(p.Case)
	fmt.Fprintf(&b, "add table inet %s\ndelete table inet %s\n\ntable inet %s {\n", t, t, t)
	fmt.Fprintf(&b, "\tcomment \"%s\"\n\n", nftString("netcase "+p.Case.ID+", "+s.name))
	if len(p.Blocks) == 0 {
		nftSet(&b, "block_v4", "ipv4_addr", 0, nil)
		nftSet(&b, "block_v6", "ipv6_addr", 0, nil)
		b.WriteString("}\n")
		return []byte(b.String())
	}
	for i, r := range p.Blocks {
		nftSet(&b, nftName(i, 4), "ipv4_addr", r.Left, family(r.Prefixes, true))
		nftSet(&b, nftName(i, 6), "ipv6_addr", r.Left, family(r.Prefixes, false))
	}
	nftChains(&b, p, s)
	b.WriteString("}\n")
	return []byte(b.String())
}

func nftHead(b *strings.Builder, p *Plan, s nftStage) {
	line := func(format string, args ...any) {
		b.WriteString("# " + nftComment(fmt.Sprintf(format, args...)) + "\n")
	}
	line("netcase, case %s: %s", p.Case.ID, p.Case.Title)
	line("%s", s.doc)
	line("Written for %s. Check: nft -c -f FILE. Load: nft -f FILE (again and again, it replaces itself).", p.Now)
	line("Counters: nft list table inet %s. Undo: nft -f rollback.nft.", nftTable(p.Case))
	line("Needs nft 0.9.3 and Linux 5.4 or newer. A rule ends at its time even if the file is loaded late.")
	line("A listed address can no longer answer connections of ours either.")
	if p.Empty != "" {
		line("The sets are empty: %s.", p.Empty)
	}
	for i, r := range p.Blocks {
		line("block %d: action %s, %s; owner %s; ends %s; entries %d; %s", i+1, r.Action, r.Title, orNobody(r.Owner), r.Until, len(r.Prefixes), r.Reason)
		if r.Nameless > 0 {
			line("block %d: %d of its hosts have a name but no address here, so it holds for every host", i+1, r.Nameless)
		}
	}
	for _, r := range p.Refused {
		line("refused %s: %s", r.Value, r.Reason)
	}
	b.WriteByte('\n')
}

func orNobody(owner string) string {
	if owner == "" {
		return "not named"
	}
	return owner
}

func nftName(i, version int) string { return fmt.Sprintf("block_%d_v%d", i+1, version) }

func nftSet(b *strings.Builder, name, kind string, left time.Duration, list []netip.Prefix) {
	fmt.Fprintf(b, "\tset %s {\n\t\ttype %s\n\t\tflags interval,timeout\n\t\tauto-merge\n", name, kind)
	if left > 0 {
		fmt.Fprintf(b, "\t\ttimeout %ds\n", int64(left/time.Second))
	}
	if len(list) > 0 {
		b.WriteString("\t\telements = {\n")
		for _, p := range list {
			fmt.Fprintf(b, "\t\t\t%s,\n", shown(p))
		}
		b.WriteString("\t\t}\n")
	}
	b.WriteString("\t}\n\n")
}

// nftChains writes one chain for what comes from the addresses and one for what
// goes to them, and hangs them into the hooks.
func nftChains(b *strings.Builder, p *Plan, s nftStage) {
	fmt.Fprintf(b, "\tchain inbound {\n")
	for i, r := range p.Blocks {
		if r.Direction != netcase.Outbound {
			nftRules(b, p, s, i, r, true)
		}
	}
	fmt.Fprintf(b, "\t}\n\n\tchain outbound {\n")
	for i, r := range p.Blocks {
		if r.Direction != netcase.Inbound {
			nftRules(b, p, s, i, r, false)
		}
	}
	b.WriteString("\t}\n")
	for _, h := range []struct{ hook, jump string }{
		{"input", "\t\tjump inbound\n"},
		{"forward", "\t\tjump inbound\n\t\tjump outbound\n"},
		{"output", "\t\tjump outbound\n"},
	} {
		fmt.Fprintf(b, "\n\tchain %s {\n\t\ttype filter hook %s priority %d; policy accept;\n%s\t}\n", h.hook, h.hook, nftPriority, h.jump)
	}
}

func nftRules(b *strings.Builder, p *Plan, s nftStage, i int, r Rule, from bool) {
	peer, host := "saddr", "daddr"
	if !from {
		peer, host = host, peer
	}
	comment := nftString(fmt.Sprintf("netcase %s %s ends %s", word(p.Case.ID, 24), word(r.Action, 24), r.Until))
	for _, v := range []struct {
		proto   string
		version int
		v4      bool
	}{{"ip", 4, true}, {"ip6", 6, false}} {
		hosts, ok := nftHosts(r.Hosts, v.proto, host, v.v4)
		if !ok {
			continue
		}
		// An integer is seconds since 1970 whatever the machine's time zone is.
		fmt.Fprintf(b, "\t\tmeta time < %d %s %s @%s%s%s %s\n", int64(r.Until/netcase.Second), v.proto, peer, nftName(i, v.version), hosts, nftPorts(r.Ports), s.verdict(comment))
	}
}

// nftHosts is the condition on our end; ok is false where the rule has hosts, but
// none of this family.
func nftHosts(hosts []netip.Addr, proto, field string, v4 bool) (match string, ok bool) {
	if len(hosts) == 0 {
		return "", true
	}
	var list []string
	for _, h := range hosts {
		if h.Is4() == v4 {
			list = append(list, h.String())
		}
	}
	return fmt.Sprintf(" %s %s { %s }", proto, field, strings.Join(list, ", ")), len(list) > 0
}

func nftPorts(ports []uint16) string {
	if len(ports) == 0 {
		return ""
	}
	list := make([]string, len(ports))
	for i, p := range ports {
		list[i] = strconv.Itoa(int(p))
	}
	return " meta l4proto { tcp, udp } th dport { " + strings.Join(list, ", ") + " }"
}

// nftComment is a text fit for the rest of a line after "#".
func nftComment(s string) string { return strings.ReplaceAll(oneLine(s, 2*maxText), `\`, "/") }

// nftString is a text fit to stand between double quotes, which the language
// cannot escape.
func nftString(s string) string { return plain(s, nftMaxComment, `"\`) }
