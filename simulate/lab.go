package simulate

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"netcase"
)

// Ground is where a story takes place. The zero value is an office of its own.
type Ground struct {
	Start  netcase.Time // midnight before the first day; zero: drawn
	Own    netip.Prefix // our network; zero: drawn
	Hosts  []netip.Addr // machines of ours that exist; the story's machines are these first
	Silent bool         // nothing but the story happens: other traffic lies beside it
	Format string       // of the flows; empty: drawn from those of the story
}

// machine is one of ours in a story.
type machine struct {
	name     string
	addr     netip.Addr
	windows  bool
	server   bool
	critical int
	listens  []uint16 // what answers from outside
}

// conn is one connection as it happened.
type conn struct {
	at, length   netcase.Time
	src, dst     netip.Addr
	sport, dport uint16
	proto        uint8
	result       outcome
	out, in      size
	image        string // the program of ours that began it
	line         string // its command line; empty: the program alone
	name         string // the name that it asked for
}

// signIn is one attempt to log in, or what follows one.
type signIn struct {
	at      netcase.Time
	host    *machine
	peer    netip.Addr
	account string
	result  signResult
	kind    int  // Windows logon type
	known   bool // the account exists
}

type signResult uint8

const (
	signedIn signResult = iota
	wrongPassword
	lockedOut  // the attempt that met a locked account
	lockout    // the account was locked
	mustChange // the password was right, a policy refused
)

// act is what a program did on one of our machines.
type act struct {
	at      netcase.Time
	host    *machine
	kind    actKind
	image   string // full path of the program that acted
	line    string
	parent  string
	account string
	target  string // what was made: service, task, key, program
	detail  string
}

type actKind uint8

const (
	actStarted actKind = iota
	actService
	actTask
	actRunKey
	actAccount
	actLibrary // the library of a service was set
	actLoaded  // a library was loaded
)

// lab is a story in the making.
type lab struct {
	draw
	seed   uint64
	ground Ground
	own    netip.Prefix
	start  netcase.Time
	days   int

	web, jump, term, files, domain, backup, monitor *machine
	clients                                         []*machine
	public                                          []*machine // those with an address that the Internet reaches
	machines                                        []*machine

	office, worker       netip.Addr // known people outside
	sites                []netip.Addr
	conns                []conn
	signins              []signIn
	acts                 []act
	claims               []claim
	ports                map[string]uint16 // of claims that name one
	approved, monitoring []netip.Prefix
	changes              []netcase.Change
	statements           []netcase.Statement
	labels               Labels
	outages              []netcase.Span // of the sensor
	eventLogs            bool           // the story needs what the event logs of Windows alone tell
}

func newLab(seed uint64, days int, g Ground) *lab {
	l := &lab{draw: newDraw(seed, partStory), seed: seed, ground: g, days: days, own: g.Own, start: g.Start, ports: map[string]uint16{}}
	if !l.own.IsValid() {
		l.own = netip.PrefixFrom(ip(10, byte(l.between(1, 250)), 0, 0), 16)
	}
	if !l.start.Known() {
		first := netcase.TimeOf(time.Date(2025, time.March, 3, 0, 0, 0, 0, time.UTC))
		l.start = first + netcase.Time(l.IntN(200))*netcase.Day
	}
	l.people()
	for range siteCount {
		l.sites = append(l.sites, l.within(l.net24(siteOctets)))
	}
	l.office, l.worker = l.within(l.net24(visitorOctets)), l.within(l.net24(visitorOctets))
	l.approved = []netip.Prefix{single(l.office), single(l.worker)}
	return l
}

// siteCount is how many outside services the office uses.
const siteCount = 60

// siteOctets are first octets of services; no scanner and no visitor has them.
var siteOctets = []byte{13, 18, 23, 31, 34, 35, 52, 54, 64, 65, 66, 99, 104, 108, 151}

// people sets up the machines.
func (l *lab) people() {
	add := func(name string, windows, server bool, critical int, listens ...uint16) *machine {
		m := &machine{name: name, addr: l.nextAddr(), windows: windows, server: server, critical: critical, listens: listens}
		l.machines = append(l.machines, m)
		return m
	}
	l.jump = add("jump01", false, true, 3, sshPort)
	l.term = add("term01", true, true, 3, rdpPort)
	l.web = add("web01", false, true, 3, 80, 443)
	l.public = []*machine{l.jump, l.term, l.web}
	const further = 13 // public machines that answer nothing
	for i := range further {
		l.public = append(l.public, add(fmt.Sprintf("app%02d", i+1), i%2 == 0, true, 2))
	}
	l.domain = add("dc01", true, true, 4)
	l.files = add("files01", true, true, 4)
	l.backup = add("backup01", false, true, 3)
	l.monitor = add("monitor01", false, true, 2)
	const desks = 24
	for i := range desks {
		l.clients = append(l.clients, add(fmt.Sprintf("desk%02d", i+1), true, false, 2))
	}
}

// nextAddr is the address of the next machine: one that exists, else one of our network.
func (l *lab) nextAddr() netip.Addr {
	n := len(l.machines)
	if n < len(l.ground.Hosts) {
		return l.ground.Hosts[n]
	}
	b := l.own.Masked().Addr().As4()
	for last := 10 + n; ; last++ {
		b[3] = byte(last)
		a := netip.AddrFrom4(b)
		if !slices.Contains(l.ground.Hosts, a) && !slices.ContainsFunc(l.machines, func(m *machine) bool { return m.addr == a }) {
			return a
		}
	}
}

func (l *lab) end() netcase.Time     { return l.start + netcase.Time(l.days)*netcase.Day }
func (l *lab) lastDay() netcase.Time { return l.end() - netcase.Day }
func (l *lab) ours(a netip.Addr) bool {
	return l.own.Contains(a) || slices.Contains(l.ground.Hosts, a)
}

// at is an instant of the last day.
func (l *lab) at(hour, minute int) netcase.Time {
	return l.lastDay() + netcase.Time(hour)*netcase.Hour + netcase.Time(minute)*netcase.Minute
}

// millis is an instant within a stretch of time.
func (l *lab) millis(from, length netcase.Time) netcase.Time {
	return from + netcase.Time(l.Int64N(max(int64(length), 1)))
}

// stranger is an address outside that nobody knows.
func (l *lab) stranger() netip.Addr { return l.within(l.net24(scannerOctets)) }

func (l *lab) strangers(n int) (out []netip.Addr) {
	for len(out) < n {
		if a := l.stranger(); !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// add lets a connection happen. What comes from outside is answered where the
// machine listens, and is refused by a control or unanswered elsewhere.
func (l *lab) add(c conn) {
	if c.sport == 0 {
		c.sport = l.ephemeral()
	}
	c.proto = cmp.Or(c.proto, netcase.TCP)
	if c.at < l.start || c.at >= l.end() || l.asleep(c.at) {
		return
	}
	l.conns = append(l.conns, c)
}

func (l *lab) asleep(at netcase.Time) bool {
	return slices.ContainsFunc(l.outages, func(s netcase.Span) bool { return s.Contains(at) })
}

// call is a connection of ours that is answered.
func (l *lab) call(at netcase.Time, from *machine, to netip.Addr, port uint16, out, in int64) {
	l.add(conn{at: at, length: netcase.Time(l.between(80, 4000)), src: from.addr, dst: to, dport: port, result: answered, out: octets(out), in: octets(in)})
}

// octets is a size with as many packets as it takes.
func octets(n int64) size {
	const segment = 1400
	p := n/segment + 4
	return size{p, n + 40*p}
}

// probe is one attempt from outside.
func (l *lab) probe(at netcase.Time, src netip.Addr, m *machine, port uint16) {
	c := conn{at: at, src: src, dst: m.addr, dport: port, result: denied}
	if slices.Contains(m.listens, port) {
		c.result, c.out, c.in, c.length = answered, size{int64(l.between(3, 6)), int64(l.between(180, 420))}, size{int64(l.between(2, 5)), int64(l.between(140, 900))}, netcase.Time(l.between(40, 900))
	}
	l.add(c)
}

// session is a connection to a service that asks for a password, one try long.
func (l *lab) session(at netcase.Time, src netip.Addr, m *machine, port uint16) {
	l.add(conn{
		at: at, length: netcase.Time(l.between(900, 2600)), src: src, dst: m.addr, dport: port, result: answered,
		out: size{int64(l.between(11, 14)), int64(l.between(1650, 1900))}, in: size{int64(l.between(12, 15)), int64(l.between(2300, 2700))},
	})
}

// tries is a run of attempts on one account: the log's line and the connection.
func (l *lab) tries(at netcase.Time, src netip.Addr, m *machine, account string, result signResult, known bool) {
	l.session(at, src, m, m.adminPort())
	l.signins = append(l.signins, signIn{at: at + netcase.Second, host: m, peer: src, account: account, result: result, kind: 3, known: known})
}

func (m *machine) adminPort() uint16 {
	if m.windows {
		return rdpPort
	}
	return sshPort
}

// enters is a login that works: a long session, and what the log says.
func (l *lab) enters(at netcase.Time, src netip.Addr, m *machine, account string, length netcase.Time) {
	l.add(conn{at: at, length: length, src: src, dst: m.addr, dport: m.adminPort(), result: answered, out: octets(90_000), in: octets(700_000)})
	kinds := []int{3, 10}
	if !m.windows {
		kinds = kinds[:1]
	}
	for i, kind := range kinds {
		l.signins = append(l.signins, signIn{at: at + netcase.Time(1+i)*netcase.Second, host: m, peer: src, account: account, result: signedIn, kind: kind, known: true})
	}
}

// listed is one more claim about an address.
func (l *lab) listed(a netip.Addr, provider, category string) {
	l.claims = append(l.claims, claim{
		what: a.String(), provider: provider, origin: provider, category: category, score: 78,
		first: l.start - 9*netcase.Day, last: l.start - netcase.Day, until: l.end() + 30*netcase.Day,
	})
}

// listedControl is a claim that an address and port serve command and control.
func (l *lab) listedControl(a netip.Addr, port uint16) {
	l.listed(a, "ThreatFox", "botnet_cc")
	l.ports[a.String()] = port
}

// claimsFile is the intelligence of a story.
func (l *lab) claimsFile() []byte {
	var b strings.Builder
	b.WriteString("address,port,provider,origin,category,score,first_seen,last_seen,valid_until\n")
	for _, c := range l.claims {
		port := ""
		if p := l.ports[c.what]; p != 0 {
			port = fmt.Sprint(p)
		}
		fmt.Fprintf(&b, "%s,%s,%s,%s,%s,%d,%s,%s,%s\n", c.what, port, c.provider, c.origin, c.category, c.score, day(c.first), day(c.last), day(c.until))
	}
	return []byte(b.String())
}

// site is what the owner says.
func (l *lab) site() netcase.Site {
	s := netcase.Site{
		Name: "Simulated office", Own: []netip.Prefix{l.own.Masked()}, Resolvers: []netip.Prefix{single(l.domain.addr)},
		Approved: l.approved, Monitoring: append([]netip.Prefix{single(l.monitor.addr)}, l.monitoring...),
		Changes: l.changes, Statements: l.statements,
	}
	for _, h := range l.ground.Hosts {
		if !l.own.Contains(h) {
			s.Own = append(s.Own, single(h))
		}
	}
	for _, m := range l.machines {
		s.Assets = append(s.Assets, netcase.Asset{Name: m.name, Addresses: []netip.Addr{m.addr}, OS: m.os(), Criticality: m.critical})
	}
	return s
}

func (m *machine) os() string {
	switch {
	case m.windows && m.server:
		return windowsServer
	case m.windows:
		return windowsClient
	}
	return "Ubuntu 24.04"
}

// single is the prefix of one address.
func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// siteText is site.yaml.
func siteText(s netcase.Site) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\n", quoted(s.Name))
	for _, l := range []struct {
		key  string
		list []netip.Prefix
	}{{"own", s.Own}, {"approved", s.Approved}, {"resolvers", s.Resolvers}, {"monitoring", s.Monitoring}} {
		var items []string
		for _, p := range l.list {
			items = append(items, p.String())
		}
		if len(items) > 0 {
			writeList(&b, l.key, items...)
		}
	}
	for i, c := range s.Changes {
		if i == 0 {
			b.WriteString("changes:\n")
		}
		fmt.Fprintf(&b, "  - start: %s\n    end: %s\n    reason: %s\n", quoted(c.Start.Std().Format(time.RFC3339)), quoted(c.End.Std().Format(time.RFC3339)), quoted(c.Reason))
	}
	for i, c := range s.Statements {
		if i == 0 {
			b.WriteString("statements:\n")
		}
		fmt.Fprintf(&b, "  - who: %s\n    what: %s\n    account: %s\n    peer: %s\n", quoted(c.Who), quoted(c.What), quoted(c.Account), quoted(c.Peer))
	}
	b.WriteString("assets:\n")
	for _, a := range s.Assets {
		fmt.Fprintf(&b, "  - name: %s\n    addresses: [%s]\n    os: %s\n    criticality: %d\n", quoted(a.Name), quoted(a.Addresses[0].String()), quoted(a.OS), a.Criticality)
	}
	return []byte(b.String())
}
