package source

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"netcase"
)

// Mapping says of a table that no format knows what its columns mean: what
// `--map FILE` names. docs/mapping.md describes every key.
type Mapping struct {
	Name   string        `yaml:"name"`
	Match  []string      `yaml:"match"` // columns that a table must have; empty: those of time and ends
	Flows  *FlowColumns  `yaml:"flows"`
	Logins *LoginColumns `yaml:"logins"`
	family string        // first part of the sensors; empty: map
}

// TimeColumn is a column of times.
type TimeColumn struct {
	Column string `yaml:"column"`
	Layout string `yaml:"layout"` // %Y-%m-%d %H:%M:%S; empty: any usual spelling
	Unit   string `yaml:"unit"`   // s, ms, us or ns since 1970; empty: it is no number, or tells by its size
	Zone   string `yaml:"zone"`   // of times that name none; empty: --tz
}

// FlowColumns are the columns of a table of flows.
type FlowColumns struct {
	Time       TimeColumn        `yaml:"time"`
	End        TimeColumn        `yaml:"end"`
	Duration   string            `yaml:"duration"` // seconds
	Src        string            `yaml:"src"`
	SrcPort    string            `yaml:"src_port"`
	SrcName    string            `yaml:"src_name"`
	Dst        string            `yaml:"dst"`
	DstPort    string            `yaml:"dst_port"`
	DstName    string            `yaml:"dst_name"`
	Proto      string            `yaml:"proto"`
	Action     string            `yaml:"action"`
	Actions    map[string]string `yaml:"actions"` // word in the column -> reach
	OctetsOut  string            `yaml:"octets_out"`
	OctetsIn   string            `yaml:"octets_in"`
	PacketsOut string            `yaml:"packets_out"`
	PacketsIn  string            `yaml:"packets_in"`
	Flows      string            `yaml:"flows"`
	Sensor     string            `yaml:"sensor"`
	Rule       string            `yaml:"rule"`
	Replies    string            `yaml:"replies"`    // recorded, or not recorded: whether a size of zero the other way proves silence
	OneWay     bool              `yaml:"one_way"`    // each direction has a row of its own: opposite rows are joined
	Aggregated int               `yaml:"aggregated"` // minutes that a row stands for; 0: a row is a flow
}

// LoginColumns are the columns of a table of logins.
type LoginColumns struct {
	Time     TimeColumn        `yaml:"time"`
	Host     string            `yaml:"host"`
	Peer     string            `yaml:"peer"`
	PeerPort string            `yaml:"peer_port"`
	Account  string            `yaml:"account"`
	Domain   string            `yaml:"domain"`
	Outcome  string            `yaml:"outcome"`
	Outcomes map[string]string `yaml:"outcomes"` // word in the column -> success, failure, password, no_account, blocked
	Service  string            `yaml:"service"`
	Method   string            `yaml:"method"`
	Detail   string            `yaml:"detail"`
	Sensor   string            `yaml:"sensor"`
}

// The fields of a mapped row, of flows and of logins.
const (
	mpTime = iota
	mpEnd
	mpDuration
	mpSrc
	mpSrcPort
	mpSrcName
	mpDst
	mpDstPort
	mpDstName
	mpProto
	mpAction
	mpOctetsOut
	mpOctetsIn
	mpPacketsOut
	mpPacketsIn
	mpFlows
	mpSensor
	mpRule
	mpAccount
	mpDomain
	mpService
	mpMethod
	mpDetail
	mpFields
)

const (
	maxMapping     = 1 << 20 // bytes of a mapping file
	mappingSensors = 256
	repliesYes     = "recorded"
	repliesNo      = "not recorded"
)

var mappingName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)

// ReadMapping reads a mapping file and makes a format of it, to be asked before the others.
//
// Errors: with line and excerpt.
func ReadMapping(r io.Reader) (Format, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMapping+1))
	if err != nil {
		return Format{}, err
	}
	if len(text) > maxMapping {
		return Format{}, errors.New("a mapping longer than 1 MiB")
	}
	m := &Mapping{}
	if err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(m); err != nil {
		if errors.Is(err, io.EOF) {
			return Format{}, errors.New("the mapping is empty")
		}
		return Format{}, errors.New(yaml.FormatError(err, false, true))
	}
	if at, why := m.fault(); why != "" {
		return Format{}, located(text, at, why)
	}
	return m.format(text), nil
}

// located is an error with the line of the mapping that it is about.
func located(text []byte, at, why string) error {
	path, err := yaml.PathString(at)
	if err != nil {
		return fmt.Errorf("%s: %s", at, why)
	}
	excerpt, err := path.AnnotateSource(text, false)
	if err != nil {
		return fmt.Errorf("%s: %s", strings.TrimPrefix(at, "$."), why)
	}
	return fmt.Errorf("%s: %s\n%s", strings.TrimPrefix(at, "$."), why, excerpt)
}

// fault is what a mapping does wrong, and where.
func (m *Mapping) fault() (at, why string) {
	switch {
	case !mappingName.MatchString(m.Name):
		return "$.name", "a name of small letters, digits and dashes is wanted"
	case (m.Flows == nil) == (m.Logins == nil):
		return "$", "either flows or logins is wanted"
	case m.Flows != nil:
		return m.Flows.fault()
	}
	return m.Logins.fault()
}

func (c *FlowColumns) fault() (at, why string) {
	switch {
	case c.Time.Column == "":
		return "$.flows.time", "the column of the time is wanted"
	case c.Src == "" && c.SrcName == "":
		return "$.flows.src", "the column of the source is wanted"
	case c.Dst == "" && c.DstName == "":
		return "$.flows.dst", "the column of the destination is wanted"
	case c.Replies != repliesYes && c.Replies != repliesNo:
		return "$.flows.replies", `whether the table records replies is wanted: "recorded" or "not recorded"`
	case c.Aggregated < 0 || c.Aggregated > 1440:
		return "$.flows.aggregated", "minutes from 0 to 1440 are wanted"
	case c.Action != "" && len(c.Actions) == 0:
		return "$.flows.action", "actions is wanted: which word of the column means which reach"
	}
	for _, word := range sortedWords(c.Actions) {
		if _, err := netcase.ParseReach(c.Actions[word]); err != nil {
			return "$.flows.actions." + quotedKey(word), err.Error()
		}
	}
	for _, t := range []struct {
		at string
		of *TimeColumn
	}{{"$.flows.time", &c.Time}, {"$.flows.end", &c.End}} {
		if at, why := t.of.fault(t.at); why != "" {
			return at, why
		}
	}
	return "", ""
}

func (c *LoginColumns) fault() (at, why string) {
	switch {
	case c.Time.Column == "":
		return "$.logins.time", "the column of the time is wanted"
	case c.Host == "" && c.Peer == "":
		return "$.logins.host", "the column of the host or of the peer is wanted"
	case c.Outcome == "" || len(c.Outcomes) == 0:
		return "$.logins.outcome", "outcome and outcomes are wanted: which word means which outcome"
	}
	for _, word := range sortedWords(c.Outcomes) {
		if _, ok := outcomeOf(c.Outcomes[word]); !ok {
			return "$.logins.outcomes." + quotedKey(word), "want success, failure, password, no_account or blocked"
		}
	}
	return c.Time.fault("$.logins.time")
}

// quotedKey is a key as a YAML path writes it.
func quotedKey(key string) string {
	if regexp.MustCompile(`^\w+$`).MatchString(key) {
		return key
	}
	return "'" + strings.ReplaceAll(key, "'", `\'`) + "'"
}

func sortedWords(m map[string]string) []string {
	words := make([]string, 0, len(m))
	for w := range m {
		words = append(words, w)
	}
	slices.Sort(words)
	return words
}

func outcomeOf(word string) (netcase.LoginOutcome, bool) {
	o := netcase.LoginOutcome(word)
	switch o {
	case netcase.LoginSucceeded, netcase.LoginFailed, netcase.LoginWrongPassword, netcase.LoginNoAccount, netcase.LoginBlocked:
		return o, true
	}
	return "", false
}

func (c *TimeColumn) fault(at string) (string, string) {
	if c.Unit != "" && c.perMilli() == 0 {
		return at + ".unit", "want s, ms, us or ns"
	}
	if _, err := c.location(nil); err != nil {
		return at + ".zone", "write it as Europe/Madrid or UTC: " + err.Error()
	}
	if _, ok := goLayout(c.Layout); !ok {
		return at + ".layout", "a letter after % that is not known; known are Y y m d e b B H I M S f p z Z j and %"
	}
	return "", ""
}

// perMilli is how many milliseconds a unit has; 0: there is no such unit.
func (c *TimeColumn) perMilli() float64 {
	return map[string]float64{"s": 1000, "ms": 1, "us": 1e-3, "ns": 1e-6}[c.Unit]
}

func (c *TimeColumn) location(otherwise *time.Location) (*time.Location, error) {
	if c.Zone == "" {
		return otherwise, nil
	}
	return time.LoadLocation(c.Zone)
}

// goLayout turns %Y-%m-%d into the layout that the standard library wants. A
// layout without % is taken as one of those.
func goLayout(layout string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' {
			b.WriteByte(layout[i])
			continue
		}
		if i++; i == len(layout) {
			return "", false
		}
		part, ok := map[byte]string{
			'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'b': "Jan", 'B': "January", 'H': "15", 'I': "03", 'M': "04", 'S': "05",
			'f': "999999999", 'p': "PM", 'z': "-0700", 'Z': "MST", 'j': "002", '%': "%",
		}[layout[i]]
		if !ok {
			return "", false
		}
		b.WriteString(part)
	}
	return b.String(), true
}

// read is a time of the column.
func (c *TimeColumn) read(r *tableReading, x *tableRow, field int) (netcase.Time, error) {
	cell := x.cells[field]
	if blank(cell) {
		return 0, nil
	}
	zone, _ := c.location(nil) // checked when the mapping was read
	text := strings.TrimSpace(string(cell[:min(len(cell), maxTimeText)]))
	switch {
	case c.Unit != "":
		return c.number(text)
	case c.Layout != "":
		layout, _ := goLayout(c.Layout)
		in := zone
		if in == nil {
			in = r.in.Location()
			r.times.assumedZone = r.times.assumedZone || !strings.Contains(layout, "-0700") && !strings.Contains(layout, "MST")
		}
		at, err := time.ParseInLocation(layout, text, in)
		if err != nil {
			return 0, errTime
		}
		return inRange(at)
	}
	if zone != nil && x.zones[field] == nil {
		return r.times.parse(cell, zone)
	}
	return r.time(x, field)
}

func (c *TimeColumn) number(text string) (netcase.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		switch c.Unit {
		case "s":
			return inRange(time.Unix(n, 0))
		case "ms":
			return inRange(time.UnixMilli(n))
		case "us":
			return inRange(time.UnixMicro(n))
		}
		return inRange(time.Unix(n/1e9, n%1e9))
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v*c.perMilli() < 1<<43) {
		return 0, errTime
	}
	return inRange(time.UnixMilli(int64(v * c.perMilli())))
}

// columns are the names of the columns by field.
func (m *Mapping) columns() [mpFields]string {
	if f := m.Flows; f != nil {
		return [mpFields]string{
			mpTime: f.Time.Column, mpEnd: f.End.Column, mpDuration: f.Duration, mpSrc: f.Src, mpSrcPort: f.SrcPort, mpSrcName: f.SrcName,
			mpDst: f.Dst, mpDstPort: f.DstPort, mpDstName: f.DstName, mpProto: f.Proto, mpAction: f.Action, mpOctetsOut: f.OctetsOut,
			mpOctetsIn: f.OctetsIn, mpPacketsOut: f.PacketsOut, mpPacketsIn: f.PacketsIn, mpFlows: f.Flows, mpSensor: f.Sensor, mpRule: f.Rule,
		}
	}
	l := m.Logins
	return [mpFields]string{
		mpTime: l.Time.Column, mpDst: l.Host, mpSrc: l.Peer, mpSrcPort: l.PeerPort, mpAccount: l.Account, mpDomain: l.Domain,
		mpAction: l.Outcome, mpService: l.Service, mpMethod: l.Method, mpDetail: l.Detail, mpSensor: l.Sensor,
	}
}

// normal is the name of a column as tables are compared.
func normal(column string) string {
	name, _ := columnName([]byte(column))
	return name
}

func (m *Mapping) format(text []byte) Format {
	sum := sha256.Sum256(text)
	return Format{
		Name:   "map-" + m.Name,
		Doc:    "a table that the mapping " + m.Name + " explains",
		Proves: fmt.Sprintf("%s (mapping sha256 %s)", m.proves(), hex.EncodeToString(sum[:])[:16]),
		Detect: m.detect,
		Decode: m.decode,
		Draws:  true,
	}
}

func (m *Mapping) proves() string {
	switch {
	case m.Logins != nil:
		return "who tried to log in where, and how it ended"
	case m.Flows.Aggregated > 0:
		return fmt.Sprintf("sums over %d minutes; replies are %s; no cadence", m.Flows.Aggregated, m.Flows.Replies)
	}
	return "flows row by row; replies are " + m.Flows.Replies
}

// wanted are the columns that a table must have.
func (m *Mapping) wanted() []string {
	if len(m.Match) > 0 {
		return m.Match
	}
	c := m.columns()
	var out []string
	for _, f := range []int{mpTime, mpSrc, mpSrcName, mpDst, mpDstName, mpAction} {
		if c[f] != "" {
			out = append(out, c[f])
		}
	}
	return out
}

func (m *Mapping) detect(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	if why != "" {
		return false, why
	}
	for _, column := range m.wanted() {
		if !h.has(normal(column)) {
			return false, fmt.Sprintf("it has no column %q", column)
		}
	}
	return true, ""
}

// mappedReader reads the rows of a mapped table.
type mappedReader struct {
	tableReading
	m       *Mapping
	actions map[string]netcase.Reach
	ends    map[string]netcase.LoginOutcome
	sensors map[string]bool
	pairs   *pairing // nil: a row has both directions
}

func (m *Mapping) decode(ctx context.Context, in *Input, out Sink) error {
	spec := &tableSpec{aliases: map[string]alias{}, width: mpFields, times: []int{mpTime, mpEnd}}
	for field, column := range m.columns() {
		if column != "" {
			spec.aliases[normal(column)] = alias{field: field}
		}
	}
	r := &mappedReader{tableReading: tableReading{out: out}, m: m, sensors: map[string]bool{},
		actions: map[string]netcase.Reach{}, ends: map[string]netcase.LoginOutcome{}}
	if m.Flows != nil {
		r.decode = r.flow
		if m.Flows.OneWay {
			r.pairs = newPairing(func(f netcase.Flow) { r.in.Accept(&r.batch, f) })
		}
		for word, reach := range m.Flows.Actions {
			r.actions[strings.ToLower(strings.TrimSpace(word))], _ = netcase.ParseReach(reach)
		}
	} else {
		r.decode = r.login
		for word, outcome := range m.Logins.Outcomes {
			r.ends[strings.ToLower(strings.TrimSpace(word))], _ = outcomeOf(outcome)
		}
	}
	err := r.read(ctx, in, spec)
	if r.pairs != nil {
		r.pairs.end()
		err = errors.Join(err, r.flush(1))
	}
	in.Report.CutQuery = "" // no query of the cloud's fetches the rest of this table
	for field, column := range m.columns() {
		if column != "" && (r.rows > 0 || len(r.columns) > 0) && !r.present[field] {
			in.Report.Missing = append(in.Report.Missing, column)
		}
	}
	return err
}

func (r *mappedReader) flow(x *tableRow) error {
	c := r.m.Flows
	f := netcase.Flow{Sensor: r.sensor(x), Rule: r.names.in(x.cells[mpRule], maxName), Records: 1, Resolution: netcase.Resolution(c.Aggregated)}
	var err error
	if f.Start, err = c.Time.read(&r.tableReading, x, mpTime); err != nil || !f.Start.Known() {
		return r.reject(x, c.Time.Column, errTime.Error())
	}
	if f.End, err = r.end(x, f.Start); err != nil {
		return r.reject(x, c.End.Column, err.Error())
	}
	if f.Resolution.Aggregated() {
		f.Booked = f.Start.Truncate(netcase.Time(c.Aggregated) * netcase.Minute)
	}
	var bad string
	if f.Src, bad = r.side(x, mpSrc, mpSrcName); bad != "" {
		return r.reject(x, c.Src, bad)
	}
	if f.Dst, bad = r.side(x, mpDst, mpDstName); bad != "" {
		return r.reject(x, c.Dst, bad)
	}
	if column, bad := r.numbers(x, &f); bad != "" {
		return r.reject(x, column, bad)
	}
	r.reach(x, &f)
	if r.in.passes(x.place(), f.Src, f.Dst) {
		r.in.Skip("between other ends")
		return nil
	}
	if r.in.Raw {
		f.Place, f.Raw, f.Context, f.Stamp, f.Zone = x.place(), r.kept(x), string(r.header), nameIn(x.cells[mpTime], maxTimeText), r.zone(&c.Time)
	}
	if r.pairs != nil {
		r.pairs.add(half{flow: f})
		return nil
	}
	r.in.Accept(&r.batch, f)
	return nil
}

// zone is the zone that was assumed for a time, where one was.
func (r *mappedReader) zone(c *TimeColumn) string {
	switch {
	case c.Zone != "":
		return c.Zone
	case r.times.assumedZone:
		return r.in.Location().String()
	}
	return ""
}

func (r *mappedReader) end(x *tableRow, start netcase.Time) (netcase.Time, error) {
	end, err := r.m.Flows.End.read(&r.tableReading, x, mpEnd)
	if err != nil {
		return 0, err
	}
	if cell := x.cells[mpDuration]; !blank(cell) {
		seconds, err := strconv.ParseFloat(strings.TrimSpace(string(cell[:min(len(cell), 24)])), 64)
		if err != nil || !(seconds >= 0 && seconds < zeekLongest) {
			return 0, errors.New("not a duration in seconds")
		}
		end = max(end, start+netcase.Time(seconds*1000))
	}
	return max(start, end), nil
}

// side is one end: an address, a name, or both.
func (r *mappedReader) side(x *tableRow, host, name int) (e netcase.Endpoint, bad string) {
	if cell := x.cells[host]; !blank(cell) {
		if a, ok := addressIn(cell); ok {
			e = netcase.At(a)
		} else {
			return e, "not an address"
		}
	}
	e.Name = r.names.in(x.cells[name], maxName)
	if !e.Known() {
		return e, "missing"
	}
	return e, ""
}

func (r *mappedReader) numbers(x *tableRow, f *netcase.Flow) (column, bad string) {
	names := r.m.columns()
	var ok bool
	for _, p := range []struct {
		field int
		to    *uint16
	}{{mpSrcPort, &f.SrcPort}, {mpDstPort, &f.DstPort}} {
		if *p.to, ok = portIn(x.cells[p.field]); !ok {
			return names[p.field], "not a port"
		}
	}
	if cell := x.cells[mpProto]; !blank(cell) {
		if f.Proto, ok = argusProto(strings.ToLower(nameIn(cell, 16))); !ok {
			return names[mpProto], "not a protocol"
		}
	} else if names[mpProto] == "" {
		f.Proto = customaryProtocol(f.DstPort)
		r.in.Note("the mapping names no column of the protocol: it was taken from the service port")
	}
	var flows int64
	for _, c := range []struct {
		field int
		to    *int64
	}{{mpOctetsOut, &f.OctetsOut}, {mpOctetsIn, &f.OctetsIn}, {mpPacketsOut, &f.PacketsOut}, {mpPacketsIn, &f.PacketsIn}, {mpFlows, &flows}} {
		n, present, ok := countIn(x.cells[c.field])
		if !ok || n > maxSize {
			return names[c.field], "not a count"
		}
		*c.to = netcase.Absent
		if present {
			*c.to = n
		}
	}
	f.Flows = max(flows, 1)
	return "", ""
}

// reach is what the word of the row means, and, where the word only says that the
// flow was let through, what the sizes prove.
func (r *mappedReader) reach(x *tableRow, f *netcase.Flow) {
	if r.m.Flows.Action != "" {
		word := strings.ToLower(nameIn(x.cells[mpAction], maxName))
		var ok bool
		if f.Reach, ok = r.actions[word]; !ok {
			r.in.Doubt(x.line, x.item, r.m.Flows.Action, "an action that the mapping does not explain", x.raw)
		}
	}
	if f.Reach != netcase.ReachAllowed && (f.Reach != netcase.ReachUnknown || r.m.Flows.Action != "") || r.m.Flows.Replies != repliesYes {
		return
	}
	switch {
	case f.OctetsIn > 0 || f.PacketsIn > 0:
		back := half{flow: netcase.Flow{Proto: f.Proto, OctetsOut: f.OctetsIn, PacketsOut: f.PacketsIn}}
		if reach := bothWays(&half{flow: *f}, &back); reach != netcase.ReachUnknown {
			f.Reach = reach
		}
	case f.OctetsIn == 0 || f.PacketsIn == 0:
		f.Reach = netcase.ReachNoReply
	}
}

func (r *mappedReader) sensor(x *tableRow) string {
	name, family := r.names.in(x.cells[mpSensor], maxName), cmp.Or(r.m.family, "map")
	if name == "" {
		return family + "/" + r.m.Name
	}
	if !r.sensors[name] {
		if len(r.sensors) >= mappingSensors {
			return family + "/other sensors"
		}
		r.sensors[name] = true
	}
	return family + "/" + name
}

func (r *mappedReader) login(x *tableRow) error {
	c := r.m.Logins
	l := netcase.Login{
		Account: r.names.in(x.cells[mpAccount], maxName), Domain: r.names.in(x.cells[mpDomain], maxName),
		Service: r.names.in(x.cells[mpService], maxName), Method: r.names.in(x.cells[mpMethod], maxName),
		Detail: r.names.in(x.cells[mpDetail], maxName), Sensor: r.sensor(x), Host: r.either(x.cells[mpDst]), Peer: r.either(x.cells[mpSrc]),
	}
	var err error
	if l.Time, err = c.Time.read(&r.tableReading, x, mpTime); err != nil || !l.Time.Known() {
		return r.reject(x, c.Time.Column, errTime.Error())
	}
	var ok bool
	if l.PeerPort, ok = portIn(x.cells[mpSrcPort]); !ok {
		return r.reject(x, c.PeerPort, "not a port")
	}
	if !l.Host.Known() && !l.Peer.Known() {
		return r.reject(x, c.Host, "neither host nor peer")
	}
	if l.Outcome, ok = r.ends[strings.ToLower(nameIn(x.cells[mpAction], maxName))]; !ok {
		r.in.Skip("an outcome that the mapping does not explain")
		return nil
	}
	if r.in.Raw {
		l.Place, l.Raw, l.Context, l.Stamp, l.Zone = x.place(), r.kept(x), string(r.header), nameIn(x.cells[mpTime], maxTimeText), r.zone(&c.Time)
	}
	r.in.AcceptLogin(&r.batch, l)
	return nil
}

// either is an address, or else a name.
func (r *mappedReader) either(cell []byte) netcase.Endpoint {
	if a, ok := addressIn(cell); ok {
		return netcase.At(a)
	}
	return netcase.Endpoint{Name: r.names.in(cell, maxName)}
}
