package simulate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

// The formats in which the flows of a story can be written.
const (
	formatZeek      = "zeek"
	formatZeekJSON  = "zeek-json"
	formatNSG       = "azure-nsg"
	formatVNet      = "azure-vnet"
	formatEVE       = "suricata-eve"
	formatTraffic60 = "azure-traffic-60"
	formatTraffic10 = "azure-traffic-10"
	formatAWS60     = "aws-vpc-60"
	formatAWS600    = "aws-vpc-600"
	formatDefender  = "defender"
	formatTwice     = "zeek+suricata-eve" // two sensors on the same wire
)

// rawFormats have a record for each flow.
var rawFormats = []string{formatZeek, formatZeekJSON, formatNSG, formatVNet, formatEVE}

// FlowFormats lists the formats in which Tell can write flows.
func FlowFormats() []string {
	return append(slices.Clone(rawFormats), formatTraffic60, formatTraffic10, formatAWS60, formatAWS600, formatDefender, formatTwice)
}

// exports are the files of a story: flows in one format, the logs that the machines
// keep, and what others claim.
func (l *lab) exports(format string, s storyline) (Files, map[string]int, error) {
	files, rows := Files{}, map[string]int{}
	put := func(name string, b []byte, n int) {
		if n > 0 {
			files["telemetry/"+name], rows["telemetry/"+name] = b, n
		}
	}
	switch format {
	case formatZeek, formatTwice:
		put("conn.log", l.zeek(false), len(l.conns))
	case formatZeekJSON:
		put("conn.json", l.zeek(true), len(l.conns))
	case formatNSG, formatVNet:
		b, n := l.tuples(format == formatVNet)
		put("PT1H.json", b, n)
	case formatEVE:
	case formatTraffic60, formatTraffic10:
		every := netcase.Hour
		if format == formatTraffic10 {
			every = 10 * netcase.Minute
		}
		b, n := l.analytics(every)
		put("AzureNetworkAnalytics_CL.csv", b, n)
	case formatAWS60, formatAWS600:
		every := netcase.Minute
		if format == formatAWS600 {
			every = 10 * netcase.Minute
		}
		b, n := l.vpc(every)
		put("vpc-flow.log", b, n)
	case formatDefender:
		b, n := l.endpoint()
		put("DeviceNetworkEvents.csv", b, n)
	default:
		return nil, nil, fmt.Errorf("format %q: want one of %s", format, strings.Join(FlowFormats(), ", "))
	}
	if format == formatEVE || format == formatTwice {
		put("eve.json", l.eve(), len(l.conns))
	}
	if b, n := l.names(); format == formatZeek && n > 0 {
		put("ssl.log", b, n)
	}
	if s.logins {
		l.loginLogs(put)
	}
	if s.processes {
		l.processLogs(put)
	}
	if len(l.claims) > 0 {
		files["intel/claims.csv"] = l.claimsFile()
	}
	return files, rows, nil
}

// settle puts everything in the order of time.
func (l *lab) settle() {
	slices.SortStableFunc(l.conns, func(a, b conn) int {
		return cmp.Or(cmp.Compare(a.at, b.at), a.src.Compare(b.src), a.dst.Compare(b.dst), cmp.Compare(a.dport, b.dport), cmp.Compare(a.sport, b.sport))
	})
	slices.SortStableFunc(l.signins, func(a, b signIn) int {
		return cmp.Or(cmp.Compare(a.at, b.at), strings.Compare(a.host.name, b.host.name), a.peer.Compare(b.peer))
	})
	slices.SortStableFunc(l.acts, func(a, b act) int { return cmp.Compare(a.at, b.at) })
}

// zeekState is the state and history of a connection in Zeek's words.
func (c *conn) zeekState() (state, history string) {
	switch {
	case c.proto == netcase.UDP && c.result == answered:
		return "SF", "Dd"
	case c.proto == netcase.UDP:
		return "S0", "D"
	case c.result == answered:
		return "SF", "ShADadFf"
	case c.result == refused:
		return "REJ", "Sr"
	}
	return "S0", "S"
}

// sent is what a sensor on the wire sees of a connection.
func (c *conn) sent() (out, in size) {
	const packet = 60
	switch c.result {
	case answered:
		return c.out, c.in
	case refused:
		return size{1, packet}, size{1, 40}
	case unanswered:
		return size{3, 3 * packet}, size{}
	}
	return size{1, packet}, size{}
}

const zeekFields = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
const zeekTypes = "time string addr port addr port enum string interval count count string bool bool count string count count count count set[string]"

// zeek is conn.log, as text or as JSON.
func (l *lab) zeek(asJSON bool) []byte {
	var b bytes.Buffer
	fields := strings.Fields(zeekFields)
	if !asJSON {
		zeekHead(&b, "conn", zeekFields, zeekTypes, l.start)
	}
	for i := range l.conns {
		c := &l.conns[i]
		out, in := c.sent()
		state, history := c.zeekState()
		body := func(s size) string { return count(max(s.octets-40*s.packets, 0)) }
		values := []string{
			zeekTime(c.at), zeekID('C', i), c.src.String(), count(int64(c.sport)), c.dst.String(), count(int64(c.dport)), netcase.ProtoName(c.proto), "-",
			"-", "-", "-", state, zeekBool(l.ours(c.src)), zeekBool(l.ours(c.dst)), "0", history,
			count(out.packets), count(out.octets), count(in.packets), count(in.octets), "-",
		}
		if c.result == answered {
			values[8], values[9], values[10] = fmt.Sprintf("%d.%03d000", c.length/netcase.Second, c.length%netcase.Second), body(out), body(in)
		}
		if asJSON {
			zeekObject(&b, fields, values)
			continue
		}
		b.WriteString(strings.Join(values, "\t") + "\n")
	}
	if !asJSON {
		fmt.Fprintf(&b, "#close\t%s\n", l.end().Std().Format("2006-01-02-15-04-05"))
	}
	return b.Bytes()
}

func zeekHead(b *bytes.Buffer, path, fields, types string, open netcase.Time) {
	fmt.Fprintf(b, "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t%s\n#open\t%s\n#fields\t%s\n#types\t%s\n",
		path, open.Std().Format("2006-01-02-15-04-05"), strings.ReplaceAll(fields, " ", "\t"), strings.ReplaceAll(types, " ", "\t"))
}

func zeekTime(at netcase.Time) string {
	return fmt.Sprintf("%d.%03d%03d", at/netcase.Second, at%netcase.Second, at%997)
}

func zeekID(kind byte, i int) string {
	return fmt.Sprintf("%c%017x", kind, uint64(i+1)*0x9e3779b97f4a7c15)
}

func zeekBool(v bool) string {
	if v {
		return "T"
	}
	return "F"
}

// zeekObject writes numbers and truths as JSON has them.
func zeekObject(b *bytes.Buffer, fields, values []string) {
	b.WriteByte('{')
	first := true
	for i, f := range fields {
		v := values[i]
		if v == "-" {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		switch {
		case v == "T" || v == "F":
			v = strconv.FormatBool(v == "T")
		case strings.HasSuffix(f, "_h"):
			v = `"` + v + `"`
		default:
			if _, err := strconv.ParseFloat(v, 64); err != nil {
				v = `"` + v + `"`
			}
		}
		fmt.Fprintf(b, "%q:%s", f, v)
	}
	b.WriteString("}\n")
}

// names is ssl.log: the names that machines asked for.
func (l *lab) names() ([]byte, int) {
	var b bytes.Buffer
	n := 0
	zeekHead(&b, "ssl", "ts uid id.orig_h id.orig_p id.resp_h id.resp_p version cipher server_name resumed established", "time string addr port addr port string string string bool bool", l.start)
	for i := range l.conns {
		if c := &l.conns[i]; c.name != "" {
			n++
			fmt.Fprintf(&b, "%s\t%s\t%s\t%d\t%s\t%d\tTLSv12\tTLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384\t%s\tF\tT\n", zeekTime(c.at), zeekID('C', i), c.src, c.sport, c.dst, c.dport, c.name)
		}
	}
	return b.Bytes(), n
}

// eve is Suricata's eve.json.
func (l *lab) eve() []byte {
	var b []byte
	for i := range l.conns {
		c := &l.conns[i]
		out, in := c.sent()
		f := volumeFlow{at: c.at, src: c.src, dst: c.dst, sport: c.sport, dport: c.dport, proto: c.proto, answered: c.result == answered, out: out, in: in, millis: int64(c.length)}
		b = appendEVE(b, &f, uint64(i+1)<<20)
		if c.name != "" {
			b = fmt.Appendf(b, `{"timestamp":"%s","flow_id":%d,"in_iface":"ens5","event_type":"tls","src_ip":"%s","src_port":%d,"dest_ip":"%s","dest_port":%d,"proto":"TCP","tls":{"sni":"%s","version":"TLS 1.2"}}`+"\n",
				c.at.Std().Format("2006-01-02T15:04:05.000000-0700"), uint64(i+1)<<20, c.src, c.sport, c.dst, c.dport, c.name)
		}
	}
	return b
}

// hostOf is the machine at whose interface a connection is recorded: the one that
// was called where it is ours, else the caller.
func (l *lab) hostOf(c *conn) netip.Addr {
	if l.ours(c.dst) {
		return c.dst
	}
	return c.src
}

// tuples is a flow log of Azure: records of an interface and an hour.
func (l *lab) tuples(vnet bool) ([]byte, int) {
	type key struct {
		hour netcase.Time
		host netip.Addr
	}
	writers := map[key]*tupleWriter{}
	var order []key
	n := 0
	for i := range l.conns {
		c := &l.conns[i]
		out, in := c.sent()
		f := volumeFlow{at: c.at, src: c.src, dst: c.dst, sport: c.sport, dport: c.dport, proto: c.proto, inbound: c.dst == l.hostOf(c), out: out, in: in, millis: int64(c.length)}
		add := func(state byte, at netcase.Time) {
			k := key{at.Truncate(netcase.Hour), l.hostOf(c)}
			w := writers[k]
			if w == nil {
				w = &tupleWriter{vnet: vnet, host: int(k.host.As4()[3]), at: k.hour + netcase.Hour}
				writers[k] = w
				order = append(order, k)
			}
			w.add(&f, state)
			n++
		}
		if c.result == denied {
			add('D', c.at)
			continue
		}
		add('B', c.at)
		add('E', c.at+c.length)
	}
	slices.SortFunc(order, func(a, b key) int { return cmp.Or(cmp.Compare(a.hour, b.hour), a.host.Compare(b.host)) })
	b := []byte(`{"records":[`)
	for i, k := range order {
		w := writers[k]
		w.records = i // a comma before all but the first
		b = w.flush(b)
	}
	return append(b, "]}\n"...), n
}

// cellOfLab is what Traffic Analytics makes equal.
type labKey struct {
	at       netcase.Time
	src, dst netip.Addr
	dport    uint16
	proto    uint8
	denied   bool
	dir      byte
}

type labCell struct {
	labKey
	first, last     netcase.Time
	started, closed int64
	out, in         size
	outside         []labCell // of one address each, where the row packs them
}

func (c *labCell) take(o labCell) {
	if c.started == 0 || o.first < c.first {
		c.first = o.first
	}
	c.last = max(c.last, o.last)
	c.started, c.closed = c.started+o.started, c.closed+o.closed
	c.out, c.in = c.out.plus(o.out), c.in.plus(o.in)
}

// analytics is AzureNetworkAnalytics_CL: one row an interval for what is equal but
// for the outside address, and those packed into lists.
func (l *lab) analytics(every netcase.Time) ([]byte, int) {
	cells := map[labKey]*labCell{}
	for i := range l.conns {
		c := &l.conns[i]
		k := labKey{at: c.at.Truncate(every), src: c.src, dst: c.dst, dport: c.dport, proto: c.proto, denied: c.result == denied, dir: 'O'}
		if l.ours(c.dst) {
			k.dir = 'I'
		}
		if cells[k] == nil {
			cells[k] = &labCell{labKey: k}
		}
		one := labCell{first: c.at, last: c.at, started: 1}
		if c.result != denied {
			one.closed = 1
			one.out, one.in = c.sent()
		}
		cells[k].take(one)
	}
	rows := map[labKey]*labCell{}
	for k, c := range cells {
		packed := k
		switch {
		case !l.ours(k.src):
			packed.src = netip.Addr{}
		case !l.ours(k.dst):
			packed.dst = netip.Addr{}
		}
		if rows[packed] == nil {
			rows[packed] = &labCell{labKey: packed}
		}
		rows[packed].take(*c)
		rows[packed].outside = append(rows[packed].outside, *c)
	}
	var list []labCell
	for _, r := range rows {
		slices.SortFunc(r.outside, func(a, b labCell) int { return cmp.Or(a.src.Compare(b.src), a.dst.Compare(b.dst)) })
		list = append(list, *r)
	}
	slices.SortFunc(list, func(a, b labCell) int {
		return cmp.Or(cmp.Compare(a.at, b.at), a.src.Compare(b.src), a.dst.Compare(b.dst), cmp.Compare(a.dport, b.dport), cmp.Compare(a.proto, b.proto), cmp.Compare(a.dir, b.dir), strings.Compare(verdictOf(a.denied), verdictOf(b.denied)))
	})
	return writeTable(byteOrderMark, l.analyticsColumns(every), list), len(list)
}

func verdictOf(denied bool) string {
	if denied {
		return "D"
	}
	return "A"
}

func (l *lab) analyticsColumns(every netcase.Time) []column[labCell] {
	text := func(a netip.Addr) string {
		if !a.IsValid() {
			return ""
		}
		return a.String()
	}
	flows := func(denied bool, dir byte) func(labCell) string {
		return func(c labCell) string {
			if c.denied == denied && c.dir == dir {
				return count(c.started)
			}
			return "0"
		}
	}
	sized := func(value func(labCell) int64) func(labCell) string {
		return func(c labCell) string {
			if c.denied {
				return ""
			}
			return count(value(c))
		}
	}
	list := func(dir byte) func(labCell) string {
		return func(c labCell) string {
			if c.dir != dir || c.kind() == intraVNet {
				return ""
			}
			var parts []string
			for _, o := range c.outside {
				a := o.src
				if dir == 'O' {
					a = o.dst
				}
				parts = append(parts, fmt.Sprintf("%s|%d|%d|%d|%d|%d|%d", a, o.started, o.closed, o.out.packets, o.in.packets, o.out.octets, o.in.octets))
			}
			return strings.Join(parts, " ")
		}
	}
	own := func(c labCell) netip.Addr {
		if c.dir == 'I' {
			return c.dst
		}
		return c.src
	}
	return []column[labCell]{
		{"TimeGenerated [UTC]", func(c labCell) string { return portalTime(c.at + every + 19*netcase.Minute) }},
		{"SubType_s", func(labCell) string { return "FlowLog" }},
		{"FlowIntervalStartTime_t [UTC]", func(c labCell) string { return portalTime(c.at) }},
		{"FlowIntervalEndTime_t [UTC]", func(c labCell) string { return portalTime(c.at + every) }},
		{"FlowStartTime_t [UTC]", func(c labCell) string { return portalTime(c.first.Truncate(netcase.Second)) }},
		{"FlowEndTime_t [UTC]", func(c labCell) string { return portalTime(c.last.Truncate(netcase.Second)) }},
		{"FlowType_s", labCell.kind},
		{"SrcIP_s", func(c labCell) string {
			if c.kind() != intraVNet {
				return ""
			}
			return text(c.src)
		}},
		{"DestIP_s", func(c labCell) string { return text(c.dst) }},
		{"VMIP_s", func(c labCell) string {
			if c.kind() == intraVNet {
				return ""
			}
			return text(own(c))
		}},
		{"SrcPublicIPs_s", list('I')},
		{"DestPublicIPs_s", list('O')},
		{"DestPort_d", func(c labCell) string { return count(int64(c.dport)) }},
		{"L4Protocol_s", func(c labCell) string { return protocolLetter(c.proto) }},
		{"FlowDirection_s", func(c labCell) string { return string(c.dir) }},
		{"FlowStatus_s", func(c labCell) string { return verdictOf(c.denied) }},
		{"NSGList_s", func(labCell) string { return "sub/rg-office/nsg-office" }},
		{"NSGRule_s", func(c labCell) string {
			if c.denied {
				return "DefaultRule_DenyAllInBound"
			}
			return "UserRule_Allow"
		}},
		{"VM_s", func(c labCell) string { return "rg-office/" + l.nameOf(own(c)) }},
		{"AllowedInFlows_d", flows(false, 'I')},
		{"DeniedInFlows_d", flows(true, 'I')},
		{"AllowedOutFlows_d", flows(false, 'O')},
		{"DeniedOutFlows_d", flows(true, 'O')},
		{"InboundPackets_d", sized(func(c labCell) int64 { return c.in.packets })},
		{"OutboundPackets_d", sized(func(c labCell) int64 { return c.out.packets })},
		{"InboundBytes_d", sized(func(c labCell) int64 { return c.in.octets })},
		{"OutboundBytes_d", sized(func(c labCell) int64 { return c.out.octets })},
	}
}

func (c labCell) kind() string {
	if c.src.IsValid() && c.dst.IsValid() {
		return intraVNet
	}
	return externalPublic
}

func (l *lab) nameOf(a netip.Addr) string {
	if m := l.machineAt(a); m != nil {
		return m.name
	}
	return ""
}

func (l *lab) machineAt(a netip.Addr) *machine {
	i := slices.IndexFunc(l.machines, func(m *machine) bool { return m.addr == a })
	if i < 0 {
		return nil
	}
	return l.machines[i]
}

// vpc is a flow log of AWS: a record for each direction of a five-tuple and interval.
func (l *lab) vpc(every netcase.Time) ([]byte, int) {
	type key struct {
		at           netcase.Time
		src, dst     netip.Addr
		sport, dport uint16
		proto        uint8
		accept       bool
	}
	type cell struct {
		key
		first, last netcase.Time
		size        size
	}
	cells := map[key]*cell{}
	var order []*cell
	add := func(k key, at, until netcase.Time, s size) {
		if s.packets == 0 {
			return
		}
		k.at = at.Truncate(every)
		c := cells[k]
		if c == nil {
			c = &cell{key: k, first: at}
			cells[k] = c
			order = append(order, c)
		}
		c.last, c.size = max(c.last, min(until, k.at+every-netcase.Second)), c.size.plus(s)
	}
	for i := range l.conns {
		c := &l.conns[i]
		out, in := c.sent()
		k := key{src: c.src, dst: c.dst, sport: c.sport, dport: c.dport, proto: c.proto, accept: c.result != denied}
		back := key{src: c.dst, dst: c.src, sport: c.dport, dport: c.sport, proto: c.proto, accept: true}
		add(k, c.at, c.at+c.length, out)
		add(back, c.at+20, c.at+c.length, in)
	}
	slices.SortStableFunc(order, func(a, b *cell) int { return cmp.Compare(a.first, b.first) })
	var b bytes.Buffer
	b.WriteString("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n")
	for _, c := range order {
		host, action := c.dst, "REJECT"
		if !l.ours(host) {
			host = c.src
		}
		if c.accept {
			action = "ACCEPT"
		}
		fmt.Fprintf(&b, "2 123456789012 eni-0aa11bb22cc33%04x %s %s %d %d %d %d %d %d %d %s OK\n", host.As4()[3], c.src, c.dst, c.sport, c.dport, c.proto,
			c.size.packets, c.size.octets, c.first/netcase.Second, max(c.last, c.first)/netcase.Second, action)
	}
	return b.Bytes(), len(order)
}

// endpoint is DeviceNetworkEvents of every Windows machine, repeats left out as the
// sensor leaves them out.
func (l *lab) endpoint() ([]byte, int) {
	seen := map[repeat]bool{}
	var rows []labEvent
	for i := range l.conns {
		c := &l.conns[i]
		if c.result != answered {
			continue
		}
		if m := l.machineAt(c.src); m != nil {
			k := repeat{int(m.addr.As4()[3]), succeeded, c.dst, c.dport, none, c.at.Truncate(quietOpened)}
			if !seen[k] {
				seen[k] = true
				rows = append(rows, labEvent{conn: c, host: m, action: succeeded})
			}
		}
		if m := l.machineAt(c.dst); m != nil && c.proto == netcase.TCP {
			k := repeat{int(m.addr.As4()[3]), accepted, c.src, c.dport, none, c.at.Truncate(quietAccepted)}
			if !seen[k] {
				seen[k] = true
				rows = append(rows, labEvent{conn: c, host: m, action: accepted})
			}
		}
	}
	return writeTable("", labEventColumns(), rows), len(rows)
}

type labEvent struct {
	*conn
	host   *machine
	action string
}

func (e labEvent) program() process {
	if e.action == accepted {
		h := host{os: e.host.os()}
		o := h.listener(e.dport)
		if o == none {
			o = system
		}
		return o.process()
	}
	if e.image != "" {
		folder, file := splitPath(e.image)
		return process{file: file, folder: folder, command: e.commandLine(), parent: e.parentName(), account: "user"}
	}
	return edge.process()
}

// commandLine is that of the program of ours that began a connection.
func (c *conn) commandLine() string { return cmp.Or(c.line, c.image) }

// parentName is who started the program: the manager of services, or the desktop.
func (c *conn) parentName() string {
	if strings.Contains(c.line, " -k ") {
		return "services.exe"
	}
	return "explorer.exe"
}

// processID is the id of the program; none where the record says nothing of it.
func (e labEvent) processID() string {
	if e.image == "" || e.action == accepted {
		return ""
	}
	return idOf(e.host, e.image, e.commandLine())
}

func splitPath(p string) (folder, file string) {
	i := strings.LastIndexByte(p, '\\')
	return p[:max(i, 0)], p[i+1:]
}

func labEventColumns() []column[labEvent] {
	inbound := func(e labEvent) bool { return e.action == accepted }
	return []column[labEvent]{
		{"Timestamp", func(e labEvent) string { return defenderTime(e.at, int(e.at%netcase.Second)*10_000) }},
		{"DeviceId", func(e labEvent) string { return fmt.Sprintf("%040x", e.host.addr.As4()) }},
		{"DeviceName", func(e labEvent) string { return e.host.name }},
		{"ActionType", func(e labEvent) string { return e.action }},
		{"RemoteIP", func(e labEvent) string {
			if inbound(e) {
				return e.src.String()
			}
			return e.dst.String()
		}},
		{"RemotePort", func(e labEvent) string {
			if inbound(e) {
				return count(int64(e.sport))
			}
			return count(int64(e.dport))
		}},
		{"LocalIP", func(e labEvent) string { return e.host.addr.String() }},
		{"LocalPort", func(e labEvent) string {
			if inbound(e) {
				return count(int64(e.dport))
			}
			return count(int64(e.sport))
		}},
		{"Protocol", func(e labEvent) string {
			if e.proto == netcase.UDP {
				return "Udp"
			}
			return "Tcp"
		}},
		{"InitiatingProcessFileName", func(e labEvent) string { return e.program().file }},
		{"InitiatingProcessFolderPath", func(e labEvent) string { return strings.ToLower(e.program().folder) }},
		{"InitiatingProcessCommandLine", func(e labEvent) string { return e.program().command }},
		{"InitiatingProcessId", func(e labEvent) string { return e.processID() }},
		{"InitiatingProcessParentFileName", func(e labEvent) string { return e.program().parent }},
		{"InitiatingProcessAccountName", func(e labEvent) string { return e.program().account }},
		{"ReportId", func(e labEvent) string { return count(int64(e.at/7) % 1_000_000) }},
	}
}

// jsonLines writes objects one a line.
func jsonLines[T any](rows []T) []byte {
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	for _, r := range rows {
		if err := out.Encode(r); err != nil {
			panic(err) // maps of text always encode
		}
	}
	return b.Bytes()
}
