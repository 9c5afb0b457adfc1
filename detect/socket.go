package detect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"netcase"
	"netcase/cube"
)

// socket joins what is unusual about a process to the connections that it opened: by
// host, by process id or path, and by time.
func socket() Detector {
	return Detector{
		Name: "socket",
		Doc:  "the process behind calls to an outside address: one that breaks a rule, was made a service, or carries data, and whoever calls a listed address",
		Method: "a connection belongs to the process of the same host, id and image that started last, or of the same path; a service to the program or library that its record or registry key names; " +
			"svchost runs a service where its command line names it or where it loaded its library",
		Ask: func(Config) Questions { return Questions{Processes: true} },
		Refine: func(in *Input) []cube.Want {
			told := socketsOf(in)
			in.Memo = told
			var wants []cube.Want
			for _, s := range told {
				for i, x := range s.chain {
					wants = append(wants, cube.Want{Tag: s.tag(i), Of: cube.Processes, Records: 2,
						Selection: netcase.Selection{Hosts: []netcase.Endpoint{x.host}, Span: netcase.Span{Start: x.at, End: x.at + 1}}})
				}
			}
			return wants
		},
		Find: func(in *Input) (out []netcase.Finding) {
			for _, s := range in.Memo.([]*ownedSocket) {
				out = append(out, s.finding(in))
			}
			return out
		},
	}
}

const (
	mostSocketHosts = 4096 // hosts of which process records are followed
	mostOfHost      = 256  // services, programs and ids of one host
	mostSockets     = 4096 // pairs of a process and a destination
	mostSocketSays  = 40
)

// socketKey is a process and the service that it called.
type socketKey struct {
	host, peer netcase.Endpoint
	port       uint16
	program    string
}

func (k *socketKey) compare(o *socketKey) int {
	return cmp.Or(k.host.Compare(o.host), k.peer.Compare(o.peer), cmp.Compare(k.port, o.port), strings.Compare(k.program, o.program))
}

// ownedSocket is the connections of one process to one destination.
type ownedSocket struct {
	key    socketKey
	facts  netcase.ProcessFacts
	chain  []step
	events int64
	span   netcase.Span
	listed bool

	technique []string
}

// step is one record of a chain.
type step struct {
	at   netcase.Time
	host netcase.Endpoint // as the record names it
	text string
}

// suspect is why a process is followed.
type suspect struct {
	rule      string
	why       string
	decibans  float64 // that no other finding carries
	technique []string
	chain     []step
	archives  []string // that its command line names
}

// hostSockets is what the records of one host said so far.
type hostSockets struct {
	services map[string]*suspect // by name: those that are new
	programs map[string]*suspect // by path
	running  map[uint32]running  // by process id
	keep     netcase.Time        // how long an archive is known as packed
	callers  map[string]bool     // programs that called outside
	packed   map[string]step     // by path: archives that were packed
}

// running is the process that has an id.
type running struct {
	image string
	by    *suspect // nil: nothing is unusual
}

// socketReader follows the records by time.
type socketReader struct {
	in    *Input
	hosts map[string]*hostSockets
	owned map[socketKey]*ownedSocket
	rules []processRule
}

// socketsOf reads the process records once.
func socketsOf(in *Input) []*ownedSocket {
	r := &socketReader{in: in, hosts: map[string]*hostSockets{}, owned: map[socketKey]*ownedSocket{}, rules: processRules()}
	for p := range in.Processes() {
		r.see(&p)
	}
	out := slices.Collect(maps.Values(r.owned))
	for _, s := range out {
		s.facts.Socket.Programs = max(len(r.hosts[hostName(in, s.key.host)].callers), 1)
	}
	slices.SortFunc(out, func(a, b *ownedSocket) int {
		return cmp.Or(cmp.Compare(b2i(b.facts.Socket.Unusual != ""), b2i(a.facts.Socket.Unusual != "")), cmp.Compare(b2i(b.listed), b2i(a.listed)),
			cmp.Compare(b.facts.Decibans, a.facts.Decibans), cmp.Compare(b.events, a.events), a.key.compare(&b.key))
	})
	return out[:min(len(out), mostSocketSays)]
}

func (r *socketReader) see(p *netcase.Process) {
	name := hostName(r.in, p.Host) // one table names the machine, another its address
	h := r.hosts[name]
	if h == nil {
		if len(r.hosts) >= mostSocketHosts {
			return
		}
		h = &hostSockets{services: map[string]*suspect{}, programs: map[string]*suspect{}, running: map[uint32]running{}, callers: map[string]bool{}, packed: map[string]step{}, keep: r.in.Config.Process.Packed}
		r.hosts[name] = h
	}
	v := viewOf(r.in, p)
	switch p.Role {
	case netcase.RoleService, netcase.RoleRegistry:
		h.seeService(&v)
	case netcase.RoleStarted:
		h.seeStart(&v, r.rules)
	case netcase.RoleLoaded:
		h.seeLoad(&v)
	case netcase.RoleEnded:
		delete(h.running, p.ID)
	case netcase.RoleConnector:
		r.seeCall(h, &v)
	}
}

// put keeps an entry of a host where there is room.
func put[K comparable, V any](m map[K]V, k K, v V) {
	if _, ok := m[k]; ok || len(m) < mostOfHost {
		m[k] = v
	}
}

// seeService notes a service that is new and whose program or library lies where that of
// a service should not.
func (h *hostSockets) seeService(v *processView) {
	f, ok := lastingOf(v.p)
	if !ok || f.What != whatService && f.What != whatDLL {
		return
	}
	name := strings.ToLower(serviceOfKey(f.Name))
	at := step{f.At, f.Host, fmt.Sprintf("the service %s was set to %s", shortened(name), shortened(f.Value))}
	group, _ := svchostArguments(f.Value)
	switch {
	case f.What == whatDLL && f.Odd != "" && strings.HasSuffix(strings.ToLower(v.p.Target), `\servicedll`):
		s := h.service(name, at)
		s.rule, s.why, s.technique = "ServiceDll", fmt.Sprintf("The library of the service %s is %s: %s.", name, f.Value, f.Odd), []string{"T1543.003", "T1574"}
		put(h.programs, libraryOf(f.Value), s)
	case f.What == whatService && group != "":
		h.service(name, at) // its library tells
	case f.What == whatService && f.Odd != "" && f.Value != "":
		s := h.service(name, at)
		s.rule, s.decibans, s.technique = "new service", weightMasquerade, []string{"T1543.003"}
		s.why = fmt.Sprintf("The program of the new service %s: %s.", name, f.Odd)
		word, _ := firstWord(f.Value)
		put(h.programs, windowsPath(word), s)
	}
}

// service is what is known of a new service, with one record more.
func (h *hostSockets) service(name string, at step) *suspect {
	s := h.services[name]
	if s == nil {
		s = &suspect{}
		put(h.services, name, s)
	}
	if n := len(s.chain); n == 0 || s.chain[n-1].text != at.text { // two logs tell of one change
		s.chain = append(s.chain[:min(n, 2)], at)
	}
	return s
}

func libraryOf(value string) string { return "library " + windowsPath(strings.Trim(value, `" `)) }

// programOf is the path of a program, the folder and the name joined; the name alone where
// no path is recorded.
func programOf(v *processView) string {
	p := strings.TrimSuffix(windowsPath(v.path), `\`)
	switch {
	case p == "" || !strings.Contains(p, `\`):
		return v.image
	case strings.HasSuffix(p, `\`+v.image):
		return p
	}
	return p + `\` + v.image
}

// shared tells whether a path is that of a program of the system, which many processes
// run: then the id has to tell which one it was.
func shared(program string) bool { return underSystem(program) || !strings.Contains(program, `\`) }

// seeStart notes which process has an id now, and why it is followed.
func (h *hostSockets) seeStart(v *processView, rules []processRule) {
	s := h.why(v, rules)
	program := programOf(v)
	if s != nil {
		own := *s
		own.chain = append(slices.Clone(s.chain), step{v.p.Time, v.p.Host.Key(), fmt.Sprintf("%s was started%s", shortened(program), byID(v.p.ID))})
		var packing []step
		if own.archives, packing = h.given(v); len(packing) > 0 {
			own.chain = append(packing, own.chain...)
		}
		s = &own
		if !shared(program) {
			put(h.programs, program, s)
		}
	}
	if v.p.ID != 0 {
		put(h.running, v.p.ID, running{v.image, s})
	}
}

// given is the archives, packed on the host before, that the command line of a program
// names, with the record of the first of them; those that this program packs are noted.
func (h *hostSockets) given(v *processView) (names []string, from []step) {
	archives := archivesOf(v.image, v.p.CommandLine)
	for _, a := range archives {
		put(h.packed, windowsPath(a), step{v.p.Time, v.p.Host.Key(), fmt.Sprintf("%s packed %s", v.image, shortened(a))})
	}
	if len(archives) > 0 || len(h.packed) == 0 {
		return nil, nil
	}
	_, rest := firstWord(v.p.CommandLine)
	for _, a := range strings.Fields(strings.ReplaceAll(rest, `"`, " ")) {
		at, ok := h.packed[windowsPath(strings.TrimPrefix(a, "@"))]
		if ok && v.p.Time-at.at <= h.keep && !slices.Contains(names, a) {
			names, from = append(names, strings.TrimPrefix(a, "@")), append(from, at)
		}
	}
	return names, from[:min(len(from), 1)]
}

// archivesOf is the archive that a packer is told to write; none: it packs nothing, or its
// arguments do not show where.
func archivesOf(image, line string) (out []string) {
	if kind, _ := stagedByCommand(image, line); kind.name != stagedSecret.name && kind.name != stagedPack.name {
		return nil
	}
	_, rest := firstWord(line)
	for _, a := range strings.Fields(strings.ReplaceAll(rest, `"`, " ")) {
		if !strings.HasPrefix(a, "-") && slices.ContainsFunc(archiveEndings, func(e string) bool { return strings.HasSuffix(strings.ToLower(a), e) }) {
			return append(out, a) // the first: what is packed stands behind it
		}
	}
	return nil
}

func byID(id uint32) string {
	if id == 0 {
		return ""
	}
	return fmt.Sprintf(" as process %d", id)
}

// why says why a process that was started is followed: its service, its own look, or that
// it packs or carries data.
func (h *hostSockets) why(v *processView, rules []processRule) *suspect {
	if v.image == svchost && v.service != "" {
		if s := h.services[v.service]; s != nil && s.rule != "" {
			return s
		}
	}
	if s := h.programs[programOf(v)]; s != nil && s.rule == "new service" {
		return &suspect{rule: s.rule, why: s.why, decibans: s.decibans, technique: s.technique, chain: s.chain[:1]}
	}
	for i := range rules {
		if r := &rules[i]; slices.Contains(r.roles, netcase.RoleStarted) {
			if why := r.ask(v); why != "" {
				return &suspect{rule: r.name, why: why, technique: r.technique}
			}
		}
	}
	if kind, why := stagedByCommand(v.image, v.p.CommandLine); why != "" {
		return &suspect{rule: ruleStaging, why: why, technique: kind.technique}
	}
	return nil
}

// seeLoad notes that svchost runs the service whose library it loaded.
func (h *hostSockets) seeLoad(v *processView) {
	s := h.programs[libraryOf(v.p.Target)]
	if s == nil || v.image != svchost || v.p.ID == 0 {
		return
	}
	own := *s
	own.chain = append(slices.Clone(s.chain), step{v.p.Time, v.p.Host.Key(), fmt.Sprintf("svchost.exe loaded the library as process %d", v.p.ID)})
	put(h.running, v.p.ID, running{v.image, &own})
}

// caller is why the process that opened a connection is followed; nil: nothing is unusual.
func (h *hostSockets) caller(v *processView, program string) *suspect {
	if now := h.running[v.p.ID]; v.p.ID != 0 && now.image == v.image && now.by != nil {
		return now.by
	}
	if v.image == svchost && v.service != "" {
		if s := h.services[v.service]; s != nil && s.rule != "" {
			return s
		}
	}
	if !shared(program) {
		if s := h.programs[program]; s != nil {
			return s
		}
	}
	return h.byItself(v)
}

// byItself judges the process by the record of the connection alone.
func (h *hostSockets) byItself(v *processView) *suspect {
	k := ownerKey{image: v.image, path: v.path, line: strings.TrimSpace(v.p.CommandLine), os: v.p.OS, parent: strings.ToLower(baseName(v.p.Parent))}
	if verdict := judgeProcess(&k, v.group); verdict.verdict == ownerMismatch {
		return &suspect{rule: verdict.rule, why: verdict.why, technique: verdict.technique}
	}
	return nil
}

// seeCall joins a connection to its process.
func (r *socketReader) seeCall(h *hostSockets, v *processView) {
	if !v.outside {
		return
	}
	program := programOf(v)
	put(h.callers, program, true)
	if !r.in.Span.Contains(v.p.Time) {
		return
	}
	k := socketKey{v.p.Host.Key(), v.p.Peer.Key(), v.p.RemotePort, program}
	s := r.owned[k]
	if s == nil || s.facts.Socket.Unusual == "" { // what is unusual may come to light later
		if s = r.own(s, k, h.caller(v, program), v); s == nil {
			return
		}
	}
	s.events++
	s.span = s.span.Extend(v.p.Time)
}

// own is a new pair of process and destination, or the one that is there with the reason
// that now is known; nil: there is no reason to follow it.
func (r *socketReader) own(s *ownedSocket, k socketKey, by *suspect, v *processView) *ownedSocket {
	if by == nil && s != nil {
		return s
	}
	listed := r.in.Intel != nil && adverse(r.in, v.p.Peer)
	if by == nil && !listed || s == nil && len(r.owned) >= mostSockets {
		return nil
	}
	if s == nil {
		s = &ownedSocket{key: k, listed: listed}
		r.owned[k] = s
	}
	s.facts, s.chain = factsOfSocket(v, k.program, by), nil
	if by != nil {
		s.chain, s.technique = slices.Clone(by.chain), by.technique
	}
	s.chain = append(s.chain, step{v.p.Time, v.p.Host.Key(), fmt.Sprintf("%s%s opened a connection to %s port %d", v.image, byID(v.p.ID), v.p.Peer, v.p.RemotePort)})
	return s
}

// Rules that a finding of this detector names.
const (
	ruleOwner  = "owner of the calls"
	ruleCaller = "caller of a listed address"
)

func factsOfSocket(v *processView, program string, by *suspect) netcase.ProcessFacts {
	p := v.p
	f := netcase.ProcessFacts{
		Host: p.Host.Key(), OS: p.OS, Rule: ruleCaller, Image: v.image, Path: p.Path, CommandLine: p.CommandLine, Account: p.Account, Parent: v.parent,
		Peer: p.Peer.Key(), Port: p.RemotePort, Peers: 1, Why: "No rule holds anything against the process.", Socket: &netcase.SocketFacts{Program: program},
	}
	if by != nil {
		f.Rule, f.Why, f.Decibans, f.Socket.Unusual, f.Socket.Archives = ruleOwner, by.why, by.decibans, by.rule, by.archives
	}
	return f
}

// tag names the record set of the i-th step.
func (s *ownedSocket) tag(i int) string {
	return fmt.Sprintf("%s %s %d %s %d", s.key.host, s.key.peer, s.key.port, s.key.program, i)
}

// cite attaches the records of every step of the chain.
func (s *ownedSocket) cite(in *Input, e netcase.Evidence) netcase.Evidence {
	for i := range s.chain {
		of := in.Cite(netcase.Evidence{}, s.tag(i))
		e.Records, e.Inputs = append(e.Records, of.Records...), append(e.Inputs, of.Inputs...)
	}
	e.Records = slices.Compact(slices.Sorted(slices.Values(e.Records)))
	slices.Sort(e.Inputs)
	e.Inputs, e.Total = slices.Compact(e.Inputs), s.events
	return e
}

func (s *ownedSocket) finding(in *Input) netcase.Finding {
	f := s.facts
	f.First, f.Last, f.Events = s.span.Start, s.span.End-1, s.events
	own := *f.Socket
	for _, x := range s.chain {
		own.Chain = append(own.Chain, x.at.Short()+": "+x.text)
	}
	f.Socket = &own
	title := fmt.Sprintf("%s on %s opened the connections to %s port %d (%s)", imageOrNone(f.Image), in.Name(f.Host), in.Name(f.Peer), f.Port, count(s.events, "record"))
	text := title + ". " + f.Why + " " + strings.Join(own.Chain, "; ") + "."
	if own.Programs > 1 {
		text += fmt.Sprintf(" %s of this host are on record as calling outside.", count(own.Programs, "program"))
	}
	out := netcase.Finding{
		Kind: f.Rule, Title: title, Technique: s.technique, Span: s.span, Direction: netcase.Outbound, Process: &f,
		Selection: netcase.Selection{Hosts: []netcase.Endpoint{f.Host}, Peers: []netcase.Endpoint{f.Peer}, Ports: []uint16{f.Port}, Span: s.span, Direction: netcase.Outbound},
	}
	out.Evidence = []netcase.Evidence{s.cite(in, netcase.Evidence{
		Statement: text, Selection: out.Selection, Method: "socket: " + f.Rule,
		Numbers: map[string]float64{"events": float64(s.events), "programs": float64(own.Programs), "decibans": f.Decibans},
	})}
	return out
}
