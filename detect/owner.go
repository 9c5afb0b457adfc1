package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"netcase"
)

// owner compares the process that owns a socket with the one that usually does.
func owner() Detector {
	return Detector{
		Name: "owner",
		Doc:  "processes that own a socket, and whether they are the usual owners of its port",
		Method: "table of usual owners by port and operating system, svchost groups and services, and rules on the name, path, " +
			"command line and parent of the process",
		Ask:  func(Config) Questions { return Questions{Processes: true} },
		Find: findOwners,
	}
}

// Bounds on what is kept and reported.
const (
	mostOwners    = 4096 // groups of equal records
	mostOwnerSays = 60   // findings, the weightiest first
	ownerPeers    = 10_000
	mostUsual     = 12  // kinds of sockets that the joint finding names
	ownerImages   = 200 // bytes of a command line that a title shows
)

// The verdicts on an owner.
const (
	ownerExpected  = "expected"
	ownerCheck     = "check"
	ownerMismatch  = "mismatch"
	ownerNotUsable = "not usable"
)

// ownerKey is what the records of one finding have in common.
type ownerKey struct {
	host              netcase.Endpoint
	role              netcase.ProcessRole
	action            string
	port              uint16
	image, path, line string
	os, parent        string
	outside           bool // the peer of an opened connection is not ours
}

// ownerGroup is the records of one key and what the rules say about them.
type ownerGroup struct {
	key     ownerKey
	verdict ownerVerdict
	peers   map[netcase.Endpoint]bool
	events  int64
	span    netcase.Span
}

func findOwners(in *Input) []netcase.Finding {
	groups, left := ownerGroups(in)
	var judged, usual, unruled, svchost, unusable []*ownerGroup
	for _, g := range groups {
		switch {
		case g.verdict.verdict == ownerNotUsable && g.key.image == "svchost.exe":
			svchost = append(svchost, g)
		case g.verdict.verdict == ownerNotUsable:
			unusable = append(unusable, g)
		case g.verdict.verdict == "":
			unruled = append(unruled, g)
		case g.verdict.verdict == ownerExpected && !g.facesOutside(in):
			usual = append(usual, g)
		default:
			judged = append(judged, g)
		}
	}
	slices.SortStableFunc(judged, func(a, b *ownerGroup) int {
		return cmp.Or(cmp.Compare(ownerRank(b.verdict.verdict), ownerRank(a.verdict.verdict)),
			cmp.Compare(b.verdict.decibans, a.verdict.decibans), cmp.Compare(b.events, a.events))
	})
	var out []netcase.Finding
	for k, g := range judged {
		if k < mostOwnerSays {
			out = append(out, g.finding(in))
		} else {
			left += g.events
		}
	}
	for _, alike := range [][]*ownerGroup{svchost, unusable} {
		if len(alike) > 0 {
			out = append(out, unusableFinding(in, alike))
		}
	}
	if len(usual) > 0 {
		out = append(out, usualFinding(usual))
	}
	if len(unruled) > 0 {
		out = append(out, unruledFinding(unruled))
	}
	if left > 0 && len(out) > 0 {
		last := &out[len(out)-1]
		last.Limits = append(last.Limits, count(left, "further process record")+" are not listed")
	}
	return out
}

func ownerRank(verdict string) int {
	return slices.Index([]string{ownerExpected, ownerNotUsable, ownerCheck, ownerMismatch}, verdict)
}

// ownerGroups joins the records that say the same, in a fixed order, and counts
// those for which there was no room.
func ownerGroups(in *Input) (groups []*ownerGroup, left int64) {
	byKey := map[ownerKey]*ownerGroup{}
	for p := range in.Processes() {
		if in.Span != in.History && !in.Span.Contains(p.Time) {
			continue
		}
		if p.Role != netcase.RoleListener && p.Role != netcase.RoleConnector && p.Role != "" {
			continue // no socket: for the detector of processes
		}
		k := keyOfOwner(in, &p)
		v := judgeOwner(&k)
		if v.verdict == "" && k.role != netcase.RoleListener {
			continue
		}
		if k.image != "svchost.exe" && (v.verdict == "" || v.verdict == ownerNotUsable) {
			k.line, k.path, k.parent = "", "", ""
		}
		g := byKey[k]
		if g == nil {
			if len(byKey) >= mostOwners {
				left++
				continue
			}
			g = &ownerGroup{key: k, verdict: v, peers: map[netcase.Endpoint]bool{}}
			byKey[k] = g
		}
		g.events++
		g.span = g.span.Extend(p.Time)
		if p.Peer.Known() && len(g.peers) < ownerPeers {
			g.peers[p.Peer.Key()] = true
		}
	}
	return slices.SortedFunc(maps.Values(byKey), func(a, b *ownerGroup) int { return a.key.compare(&b.key) }), left
}

func (k *ownerKey) compare(o *ownerKey) int {
	return cmp.Or(k.host.Compare(o.host), cmp.Compare(k.port, o.port), strings.Compare(k.image, o.image), strings.Compare(k.line, o.line),
		strings.Compare(string(k.role), string(o.role)), strings.Compare(k.action, o.action), strings.Compare(k.path, o.path),
		strings.Compare(k.os, o.os), strings.Compare(k.parent, o.parent), cmp.Compare(b2i(k.outside), b2i(o.outside)))
}

func keyOfOwner(in *Input, p *netcase.Process) ownerKey {
	k := ownerKey{
		host: p.Host.Key(), role: p.Role, action: p.Action, image: strings.ToLower(imageOf(p)), path: strings.ToLower(p.Path),
		line: strings.TrimSpace(p.CommandLine), os: p.OS, parent: strings.ToLower(baseName(p.Parent)), port: p.LocalPort,
	}
	if a, ok := in.Site.AssetOf(p.Host); k.os == "" && ok {
		k.os = a.OS
	}
	if p.Role == netcase.RoleConnector {
		k.port = p.RemotePort
		k.outside = p.Peer.Addr.IsValid() && !in.Site.Owns(p.Peer.Addr)
	}
	return k
}

// imageOf is the file name of the process, from its path or its command line
// where the record does not name it.
func imageOf(p *netcase.Process) string {
	name := baseName(p.Image)
	if name == "" && strings.Contains(baseName(p.Path), ".") {
		name = baseName(p.Path)
	}
	if name == "" {
		word, _ := firstWord(p.CommandLine)
		name = baseName(word)
	}
	if strings.EqualFold(name, "svchost") {
		name += ".exe"
	}
	return name
}

func baseName(path string) string { return path[strings.LastIndexAny(path, `\/`)+1:] }

// firstWord is the first word of a command line, which may be quoted, and the rest.
func firstWord(line string) (word, rest string) {
	line = strings.TrimSpace(line)
	if inner, ok := strings.CutPrefix(line, `"`); ok {
		word, rest, _ = strings.Cut(inner, `"`)
		return word, rest
	}
	word, rest, _ = strings.Cut(line, " ")
	return word, rest
}

// finding says who owned the socket, and what is usual.
func (g *ownerGroup) finding(in *Input) netcase.Finding {
	k, v := &g.key, &g.verdict
	facts := &netcase.OwnerFacts{
		Host: k.host, OS: k.os, Role: k.role, Action: k.action, Port: k.port, Image: k.image, CommandLine: k.line,
		Group: v.group, Service: v.service, Parent: k.parent, Verdict: v.verdict, Why: v.why, Decibans: v.decibans,
		Peers: len(g.peers), Events: g.events,
	}
	f := netcase.Finding{
		Kind: "owner", Title: g.title(in.Name(k.host)), Technique: v.technique, Direction: g.direction(), Span: g.span, Owner: facts, Limits: v.limits,
		Selection: netcase.Selection{Hosts: []netcase.Endpoint{k.host}, Direction: g.direction()},
	}
	if k.port > 0 {
		f.Selection.Ports = []uint16{k.port}
	}
	text := fmt.Sprintf("%s on %s, with %s: %s. %s", count(g.events, "record"), in.Name(k.host), count(len(g.peers), "peer"), g.what(), v.why)
	if len(g.peers) >= ownerPeers {
		text += " (more peers were not counted.)"
	}
	f.Evidence = []netcase.Evidence{{
		Statement: text, Selection: f.Selection, Total: g.events,
		Method:  "owner: rule " + v.rule,
		Numbers: map[string]float64{"events": float64(g.events), "peers": float64(len(g.peers)), "decibans": v.decibans},
	}}
	return f
}

func (g *ownerGroup) direction() netcase.Direction {
	switch g.key.role {
	case netcase.RoleListener:
		return netcase.Inbound
	case netcase.RoleConnector:
		return netcase.Outbound
	}
	return netcase.DirectionUnknown
}

// what is the socket and its owner in words.
func (g *ownerGroup) what() string {
	k := &g.key
	name := k.image
	if name == "" {
		name = "a process without a name"
	}
	if k.line != "" {
		name += " (" + shortened(k.line) + ")"
	}
	switch {
	case k.role == netcase.RoleListener && k.port > 0:
		return fmt.Sprintf("%s accepted connections on port %d", name, k.port)
	case k.role == netcase.RoleConnector && k.port > 0:
		return fmt.Sprintf("%s opened connections to port %d", name, k.port)
	}
	return name + " had network records"
}

func shortened(s string) string {
	const n = ownerImages
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}

func (g *ownerGroup) title(where string) string {
	k, v := &g.key, &g.verdict
	image := k.image
	if image == "" {
		image = "process without a name"
	}
	switch {
	case k.role == netcase.RoleListener && k.port > 0:
		where = fmt.Sprintf("port %d of %s", k.port, where)
	case k.role == netcase.RoleConnector && k.port > 0:
		where = fmt.Sprintf("connections of %s to port %d", where, k.port)
	}
	switch v.verdict {
	case ownerExpected:
		return fmt.Sprintf("%s is the usual owner of %s (%s)", image, where, count(g.events, "record"))
	case ownerCheck:
		return fmt.Sprintf("%s on %s should be checked (%s)", image, where, count(g.events, "record"))
	case ownerMismatch:
		return fmt.Sprintf("%s on %s is not as usual: %s (%s)", image, where, v.short, count(g.events, "record"))
	}
	return fmt.Sprintf("attribution of %s on %s is not usable (%s)", image, where, count(g.events, "record"))
}

// unusableFinding joins the records from which no owner can be concluded: the same
// is missing from all of them.
func unusableFinding(in *Input, groups []*ownerGroup) netcase.Finding {
	images, hosts, peers, lines := map[string]bool{}, map[netcase.Endpoint]bool{}, map[netcase.Endpoint]bool{}, map[string]bool{}
	reasons := map[string]int64{}
	total := int64(0)
	var span netcase.Span
	for _, g := range groups {
		images[g.key.image], hosts[g.key.host] = true, true
		if g.key.line != "" {
			lines[shortened(g.key.line)] = true
		}
		maps.Copy(peers, g.peers)
		reasons[g.verdict.why] += g.events
		total += g.events
		span = span.Join(g.span)
	}
	listed := 0
	for p := range peers {
		listed += b2i(in.Intel != nil && adverse(in, p))
	}
	what := count(len(images), "process name")
	if len(images) == 1 {
		what = groups[0].key.image
	}
	why := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		return cmp.Or(cmp.Compare(reasons[b], reasons[a]), strings.Compare(a, b))
	})[0]
	title := fmt.Sprintf("attribution of %s on %s is not usable (%s)", what, count(len(hosts), "host"), count(total, "record"))
	text := fmt.Sprintf("%s, with %s, of which %d are listed. %s", title, count(len(peers), "address"), listed, why)
	if commands := slices.Sorted(maps.Keys(lines)); len(commands) > 0 {
		text += " Command lines: " + strings.Join(commands[:min(len(commands), 3)], "; ") + "."
	}
	facts := &netcase.OwnerFacts{Verdict: ownerNotUsable, Why: why, Events: total, Peers: len(peers)}
	if len(images) == 1 {
		facts.Image = groups[0].key.image
	}
	if len(hosts) == 1 {
		facts.Host = groups[0].key.host
	}
	return netcase.Finding{
		Kind: "owner", Title: title, Span: span, Owner: facts,
		Evidence: []netcase.Evidence{{
			Statement: text, Total: total, Method: "owner: table of usual owners",
			Numbers: map[string]float64{"events": float64(total), "hosts": float64(len(hosts)), "peers": float64(len(peers)), "listed": float64(listed)},
		}},
	}
}

// facesOutside tells whether a listening socket accepted someone from outside: who
// owns it is then worth a line of its own, even where it is as usual.
func (g *ownerGroup) facesOutside(in *Input) bool {
	if g.key.role != netcase.RoleListener {
		return false
	}
	for p := range g.peers {
		if p.Addr.IsValid() && !in.Site.Owns(p.Addr) {
			return true
		}
	}
	return false
}

// usualFinding joins the sockets whose owner is as usual.
func usualFinding(groups []*ownerGroup) netcase.Finding {
	type socket struct {
		image string
		role  netcase.ProcessRole
		port  uint16
	}
	events := map[socket]int64{}
	hosts := map[netcase.Endpoint]bool{}
	total := int64(0)
	var span netcase.Span
	for _, g := range groups {
		events[socket{g.key.image, g.key.role, g.key.port}] += g.events
		hosts[g.key.host] = true
		total += g.events
		span = span.Join(g.span)
	}
	sockets := slices.SortedFunc(maps.Keys(events), func(a, b socket) int {
		return cmp.Or(cmp.Compare(events[b], events[a]), strings.Compare(a.image, b.image), cmp.Compare(a.port, b.port), strings.Compare(string(a.role), string(b.role)))
	})
	var parts []string
	for i, s := range sockets {
		if i == mostUsual {
			parts = append(parts, count(len(sockets)-i, "more kind"))
			break
		}
		where := "on port"
		if s.role == netcase.RoleConnector {
			where = "to port"
		}
		parts = append(parts, fmt.Sprintf("%s %s %d (%s)", s.image, where, s.port, count(events[s], "record")))
	}
	title := fmt.Sprintf("%s on %s have their usual owner", count(total, "process record"), count(len(hosts), "host"))
	return netcase.Finding{
		Kind: "owner", Title: title, Span: span,
		Owner: &netcase.OwnerFacts{Verdict: ownerExpected, Why: strings.Join(parts, ", "), Events: total},
		Evidence: []netcase.Evidence{{
			Statement: title + ": " + strings.Join(parts, ", "), Total: total, Method: "owner: table of usual owners",
			Numbers: map[string]float64{"events": float64(total), "hosts": float64(len(hosts))},
		}},
	}
}

// unruledFinding names the ports for which the table has no rule, so that they
// are not taken for looked at.
func unruledFinding(groups []*ownerGroup) netcase.Finding {
	events := map[uint16]int64{}
	total := int64(0)
	var span netcase.Span
	for _, g := range groups {
		events[g.key.port] += g.events
		total += g.events
		span = span.Join(g.span)
	}
	ports := slices.Sorted(maps.Keys(events))
	var doors []portKey
	for _, p := range ports {
		doors = append(doors, portKey{port: p})
	}
	why := fmt.Sprintf("No rule names the usual owner of these sockets: %s.", portList(doors, len(doors)))
	return netcase.Finding{
		Kind: "owner", Title: fmt.Sprintf("%s on sockets without a rule for their owner", count(total, "process record")), Span: span,
		Owner: &netcase.OwnerFacts{Verdict: ownerNotUsable, Why: why, Events: total},
		Evidence: []netcase.Evidence{{
			Statement: fmt.Sprintf("%s on %s. %s", count(total, "process record"), count(len(ports), "port"), why), Total: total,
			Method: "owner: table of usual owners", Numbers: map[string]float64{"events": float64(total), "ports": float64(len(ports))},
		}},
	}
}
