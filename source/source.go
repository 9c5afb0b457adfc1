// Package source turns the bytes that people export into batches of events.
// Each format is a value in its own file, listed in Formats; a file is recognised
// by its content, never by its name.
package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"netcase"
)

// Format is one telemetry format.
type Format struct {
	Name   string // for example "azure-nsg"
	Doc    string // one line: what it is
	Proves string // one line: what it can and cannot prove

	// Detect tells whether the head of a stream, decompressed and at most
	// HeadSize long, is of this format, and if not, why not.
	Detect func(head []byte) (ok bool, why string)

	// Decode reads the stream, or one part of it, to its end, counts every record
	// in in.Report and hands batches to out. A bad record is rejected and counted,
	// and the rest is read; an error means that the stream could not be read to its end.
	Decode func(ctx context.Context, in *Input, out Sink) error

	// Split tells how a stream that begins with head may be decoded in parts, side
	// by side. nil, or a nil result: only as a whole.
	Split func(head []byte) *Split

	// Join says what holds for the whole stream (what is missing, whether it is
	// cut) once the reports and sums of all its parts stand in in; it is called
	// once a stream, split or not. nil: there is nothing to say.
	Join func(in *Input)

	// Undated tells that the times of a stream that begins with head lack the year:
	// it is read after the inputs that have one, and in.Near says when those were.
	// nil: never.
	Undated func(head []byte) bool

	// Draws tells that the decoder asks Input.Drawn before it passes over a flow.
	Draws bool
}

// Split is how one stream is decoded in parts. Every part is given to Decode as the
// header and then whole records; where the parts are cut depends on the bytes
// alone, so that the result is the same with any number of workers.
type Split struct {
	Lead int // length of the header at the start of the stream, which every part is given first
	// Cut is where the last record that ends within block ends; the block begins at
	// a record. 0: none ends in it, and more is read.
	Cut func(block []byte) int
	// Begin, where it is set, is given the input of every part before it is decoded.
	Begin func(in *Input)
	// Whole, where it is set, tells once the reports and sums of all parts stand in in
	// that the stream has to be decoded as a whole after all.
	Whole func(in *Input) bool
	// Header is the length of a new header with which block begins, where a stream
	// may have several; 0: none. nil: there is only the one at the start. Cut must
	// not let such a header stand inside a part.
	Header func(block []byte) int
}

// WholeLines cuts after the last line ending: for formats in which every line is a record.
func WholeLines(block []byte) int { return bytes.LastIndexByte(block, '\n') + 1 }

// HeadSize is how much of a stream a format may look at to recognise it.
const HeadSize = 64 << 10

// BatchSize is how many events a decoder gathers before it hands them on.
const BatchSize = 128

// Sink takes a batch. It keeps nothing of it after it returns.
type Sink func(*netcase.Batch) error

// Formats lists every format, in the order in which they are asked.
func Formats() []Format {
	return []Format{
		azureNSG,
		azureVNet,
		zeekConn,
		zeekSSH,
		zeekRDP,
		zeekSSL,
		zeekHTTP,
		zeekDNS,
		zeekNotice,
		zeekKerberos,
		zeekNTLM,
		zeekFTP,
		suricataEVE,
		azureTraffic,
		defenderNetwork,
		commonSecurityLog, // before the tables of Windows, whose columns the whole table has as well
		windowsSecurityEvent,
		windowsEventTable,
		windowsXML,
		windowsJSON,
		windowsEVTX,
		windowsViewer,
		defenderLogon,
		defenderProcess,
		defenderImage,
		defenderRegistry,
		defenderFile,
		defenderEvents,
		defenderInfo,
		asimNetwork,
		azureFirewall,
		entraSignIn,
		journald,
		syslogTable,
		cowrie,
		binetflow,
		nfdumpExport,
		netflowCapture,
		pcapCapture,
		awsVPC,
		ocsf,
		ecs,
		parquetOf(Formats),
		cef,
		leef,
		paloAlto,
		fortigate,
		ciscoASA,
		checkpoint,
		syslog, // last: its lines may carry what another format reads
	}
}

// Input is one decompressed stream on its way through a decoder.
type Input struct {
	Name   string
	R      io.Reader
	Report *netcase.InputReport
	// Zone is assumed where a time has none; nil is UTC.
	Zone *time.Location
	// Raw asks for Place, Raw and Context on every flow: the second pass.
	Raw     bool
	senders map[string]string // sensor -> its name as the sender's side
	open    bool              // a part: a date may still show the order of day and month
	stands  int64             // how many events the row at hand stands for; 0: it is no row of a summary

	// Duplicate names records, by their natural key, that another input has
	// already delivered: they are counted and left out. nil: there is none. It is asked
	// from several goroutines.
	Duplicate func(key uint64) bool

	// Text is all that R gives, where it stands in memory anyhow; it is not written to.
	// nil: it does not.
	Text []byte
	// Alone tells that no other input can deliver the same flows again: their keys
	// need not be worked out.
	Alone bool

	// From is what stands before the first byte of R in the whole stream: lines and
	// bytes. For a part it is smaller than where the part stands by the length of
	// the header that R begins with, so that counting on from it gives the right places.
	From netcase.Place
	// Wanted, where it is set, tells on the second pass whether a flow between two
	// ends may be asked for. A decoder may ask it as soon as it has the ends, and
	// pass over the rest of the record; the engine asks again. Which end is which does
	// not matter.
	Wanted func(src, dst netcase.Endpoint) bool
	// Drawn, where it is set, tells beside it whether the record at a place, of a flow
	// between two ends, is wanted. Only decoders of formats that say so ask it.
	Drawn func(at netcase.Place, src, dst netcase.Endpoint) bool
	// Texts, where it is set, tells beforehand what Wanted and Drawn would say no to.
	Texts *Texts
	// Near is when the other inputs were, for times without a year, and NearWhy
	// says so in words ("the other inputs"). Zero: nothing is known.
	Near    netcase.Span
	NearWhy string
	// File gives random access to the decompressed stream, for formats that need
	// it. nil: R is all there is; Decode may keep it in a temporary file then.
	File func() (io.ReaderAt, int64, error)
	// Workers is how many goroutines a decoder of its own accord may use beside its own,
	// where parts of the stream cannot be decoded by themselves. 0: none.
	Workers int
	// Sums are counts for Join that add up over the parts, and End is what the last
	// part that has something to say of it says of the end of the stream.
	Sums map[string]int64
	End  string
}

// passes tells on the second pass that nobody asks for a flow between two ends, nor for
// the record at its place.
func (in *Input) passes(at netcase.Place, src, dst netcase.Endpoint) bool {
	return in.Wanted != nil && !in.Wanted(src, dst) && (in.Drawn == nil || !in.Drawn(at, src, dst))
}

// Sum adds to a count for Join.
func (in *Input) Sum(name string, n int64) {
	if in.Sums == nil {
		in.Sums = map[string]int64{}
	}
	in.Sums[name] += n
}

// Location is the zone assumed for times without one.
func (in *Input) Location() *time.Location {
	if in.Zone == nil {
		return time.UTC
	}
	return in.Zone
}

const (
	maxSamples   = 20  // rejected or doubtful records shown per input
	maxReasons   = 64  // distinct reasons counted by name; more are counted as "other"
	sampleLength = 200 // bytes of a record shown
	otherReason  = "other reasons"

	deliveredAlready = "delivered by another input already"

	maxReasonText = 160
)

// Accept counts one record and hands over the flow it became.
// The flow's own Records count says how many records it stands for.
func (in *Input) Accept(b *netcase.Batch, f netcase.Flow) {
	f.Records = max(f.Records, 1)
	f.Flows = max(f.Flows, 1)
	if in.delivered(f.Key) {
		in.Duplicates(f.Records, deliveredAlready)
		return
	}
	in.Report.Read += f.Records
	in.Report.Accepted += f.Records
	in.hand(b, &f)
}

// hand counts a flow and puts it into the batch.
func (in *Input) hand(b *netcase.Batch, f *netcase.Flow) {
	in.count(f)
	b.Flows = append(b.Flows, *f)
}

// count counts a flow that is handed over.
func (in *Input) count(f *netcase.Flow) {
	in.summed(f)
	if f.Ours == netcase.SideSrc && inside(f.Src) && inside(f.Dst) {
		f.Sensor = in.sender(f.Sensor)
	}
	in.Report.Count(f)
}

// nextFlow grows a batch by one empty flow, to be filled where it stands and then
// given to AcceptFlow.
func nextFlow(b *netcase.Batch) *netcase.Flow {
	n := len(b.Flows)
	if n == cap(b.Flows) {
		b.Flows = append(b.Flows, netcase.Flow{})
		return &b.Flows[n]
	}
	b.Flows = b.Flows[:n+1]
	b.Flows[n] = netcase.Flow{}
	return &b.Flows[n]
}

// AcceptFlow is Accept for a flow that stands at the end of the batch already.
// A duplicate is taken off it again.
func (in *Input) AcceptFlow(b *netcase.Batch, f *netcase.Flow) {
	f.Records = max(f.Records, 1)
	f.Flows = max(f.Flows, 1)
	if in.delivered(f.Key) {
		in.Duplicates(f.Records, deliveredAlready)
		b.Flows = b.Flows[:len(b.Flows)-1]
		return
	}
	in.Report.Read += f.Records
	in.Report.Accepted += f.Records
	in.count(f)
}

// inside tells whether an end may be a neighbour that reports the flow as well.
func inside(e netcase.Endpoint) bool { return !e.Addr.IsValid() || netcase.Private(e.Addr) }

// sender is the name of a sensor where it reports a flow between two machines of
// ours from the sender's side. The receiver's side may report the same flow, and
// counts of two sensors are never added.
func (in *Input) sender(sensor string) string {
	name, ok := in.senders[sensor]
	if !ok {
		if in.senders == nil {
			in.senders = map[string]string{}
		}
		name = sensor + " (sender)"
		in.senders[sensor] = name
	}
	return name
}

// AcceptMore hands over a further event of a record that was accepted already,
// or a flow that is one of several packed into it.
func (in *Input) AcceptMore(b *netcase.Batch, f netcase.Flow) {
	f.Flows = max(f.Flows, 1)
	in.hand(b, &f)
}

// AcceptLogin counts one record and hands over the login it became. Equal records
// that the source counts itself are one record here.
func (in *Input) AcceptLogin(b *netcase.Batch, l netcase.Login) {
	l.Count = times(max(l.Count, 1), max(in.stands, 1))
	if in.isDuplicate(l.Key) {
		return
	}
	in.AcceptRecord(l.Time, l.Sensor)
	in.event(loginWord(&l), l.Count)
	b.Logins = append(b.Logins, l)
}

// AcceptProcess counts one record and hands over the process record it became.
func (in *Input) AcceptProcess(b *netcase.Batch, p netcase.Process) {
	if in.isDuplicate(p.Key) {
		return
	}
	in.AcceptRecord(p.Time, p.Sensor)
	if in.stands > 1 {
		in.Sum(sumUncounted, 1)
	}
	in.event("process "+string(p.Role), 1)
	b.Processes = append(b.Processes, p)
}

// AcceptQuery counts one record and hands over the query it became.
func (in *Input) AcceptQuery(b *netcase.Batch, q netcase.Query) {
	in.AcceptRecord(q.Time, q.Sensor)
	in.event("query", 1)
	b.Queries = append(b.Queries, q)
}

// AcceptAlert counts one record and hands over the alert it became.
func (in *Input) AcceptAlert(b *netcase.Batch, a netcase.Alert) {
	a.Count = times(max(a.Count, 1), max(in.stands, 1))
	in.AcceptRecord(a.Time, a.Sensor)
	in.event("alert", a.Count)
	b.Alerts = append(b.Alerts, a)
}

func (in *Input) delivered(key uint64) bool {
	return in.Duplicate != nil && key != 0 && in.Duplicate(key)
}

func (in *Input) isDuplicate(key uint64) bool {
	if !in.delivered(key) {
		return false
	}
	in.Duplicates(1, deliveredAlready)
	return true
}

// loginWord is what a login is counted as.
func loginWord(l *netcase.Login) string {
	switch {
	case l.Event != netcase.LoginAttempt:
		return "login " + string(l.Event)
	case l.Outcome == netcase.LoginSucceeded:
		return "login success"
	case l.Outcome.Failed():
		return "login failure"
	}
	return "login attempt"
}

func (in *Input) event(word string, n int64) {
	if in.Report.Events == nil {
		in.Report.Events = map[string]int64{}
	}
	in.Report.Events[word] += n
}

// AcceptRecord counts one record that became an event other than a flow.
func (in *Input) AcceptRecord(at netcase.Time, sensor string) {
	in.Report.Read++
	in.Report.Accepted++
	in.Report.Span = in.Report.Span.Extend(at)
	if sensor != "" {
		in.Report.NoteSensor(sensor)
	}
}

// Reject counts one record that could not be read, with the reason.
func (in *Input) Reject(line int64, item int32, field, reason string, record []byte) {
	in.Report.Read++
	in.Report.Rejected++
	in.sample(line, item, field, reason, record)
	if field != "" {
		reason = field + ": " + reason
	}
	in.reason(reason, 1)
}

// endsWithin begins why an export is probably cut whose last record is not whole.
const endsWithin = "it ends within "

// EndsWithin notes that the stream ends within a record of some kind ("a row"): what
// should follow may be any length.
func (in *Input) EndsWithin(what string) {
	if in.Report.Cut == "" {
		in.Report.Cut = endsWithin + what
	}
}

// Skip counts one record that is well formed and not wanted, with the reason.
func (in *Input) Skip(reason string) {
	in.Report.Read++
	in.Report.Skipped++
	in.reason(reason, 1)
}

// Duplicates counts records that were delivered already.
func (in *Input) Duplicates(n int64, reason string) {
	in.Report.Read += n
	in.Report.Duplicate += n
	in.reason(reason, n)
}

// Doubt notes something about a record that was accepted.
func (in *Input) Doubt(line int64, item int32, field, reason string, record []byte) {
	in.sample(line, item, field, reason, record)
	in.reason("accepted with a doubt: "+reason, 1)
}

// Note says something about the whole input, once.
func (in *Input) Note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	for _, n := range in.Report.Notes {
		if n == text {
			return
		}
	}
	in.Report.Notes = append(in.Report.Notes, text)
}

func (in *Input) sample(line int64, item int32, field, reason string, record []byte) {
	if len(in.Report.Samples) >= maxSamples {
		return
	}
	in.Report.Samples = append(in.Report.Samples, netcase.RowError{
		Line: line, Item: item, Field: Printable(field), Reason: Printable(reason), Sample: Printable(string(record)),
	})
}

func (in *Input) reason(text string, n int64) {
	text = Printable(text)
	if len(text) > maxReasonText {
		text = text[:maxReasonText]
	}
	if in.Report.Reasons == nil {
		in.Report.Reasons = map[string]int64{}
	}
	if _, ok := in.Report.Reasons[text]; !ok && len(in.Report.Reasons) >= maxReasons {
		text = otherReason
	}
	in.Report.Reasons[text] += n
}

// Printable is the start of a text with everything that is not a visible
// character or a space replaced, so that it can be shown anywhere as a sample.
func Printable(s string) string {
	if len(s) > sampleLength {
		s = s[:sampleLength]
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r == '\r' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// Recognise is the first of formats that knows a stream by its head, or an error
// that shows how the stream begins.
func Recognise(formats []Format, head []byte) (Format, error) {
	if len(head) == 0 {
		return Format{}, fmt.Errorf("the input is empty")
	}
	for _, f := range formats {
		if ok, _ := f.Detect(head); ok {
			return f, nil
		}
	}
	if listsAddresses(head) {
		return Format{}, errors.New("a list of addresses, not telemetry: give it with --intel FILE")
	}
	const shown = 60 // enough to see what it is
	begins := Printable(string(head[:min(len(head), shown)]))
	if _, why := tableHeadOf(head); why == "" {
		return Format{}, fmt.Errorf("no telemetry format recognises it; it begins %q; a mapping (--map FILE) can explain the columns of a table", begins)
	}
	return Format{}, fmt.Errorf("no telemetry format recognises it; it begins %q", begins)
}
