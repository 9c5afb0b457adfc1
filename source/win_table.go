package source

import (
	"bytes"
	"context"
	"strings"
	"time"
)

const (
	formatSecurityEvent = "windows-securityevent"
	formatEventTable    = "windows-event-table"
	tableSecurityEvent  = "SecurityEvent"
)

// windowsSecurityEvent reads SecurityEvent.
var windowsSecurityEvent = Format{
	Name:   formatSecurityEvent,
	Doc:    "SecurityEvent of a workspace: the Security log of Windows, exported as CSV or JSON, whole or as a projection",
	Proves: winProves,
	Detect: detectSecurityEvent,
	Decode: func(ctx context.Context, in *Input, out Sink) error {
		return decodeWinTable(ctx, in, out, securityEventSpec())
	},
	Join: joinWin,
}

// windowsEventTable reads WindowsEvent, Event and what is laid out like them.
var windowsEventTable = Format{
	Name:   formatEventTable,
	Doc:    "WindowsEvent or Event of a workspace, or the table that EvtxECmd writes: any log of Windows, its data in one column as JSON or XML",
	Proves: winProves,
	Detect: detectEventTable,
	Decode: func(ctx context.Context, in *Input, out Sink) error {
		return decodeWinTable(ctx, in, out, eventTableSpec())
	},
	Join: joinWin,
}

// The fields of a row behind those of an event.
const (
	wtData     = int(winFields) + iota // the data as XML or JSON
	wtParams                           // the data as XML, without names
	wtActivity                         // "4625 - An account failed to log on."
	wtTypeName                         // "3 - Network"
	wtPayload                          // the data as JSON, of EvtxECmd, whose times are UTC
	wtFields
)

// winTableHead are the names of columns for the head of an event.
var winTableHead = map[string]alias{
	"timegenerated": {int(winTime), 0}, "timecreated": {int(winTime), 1}, "timestamp": {int(winTime), 2}, "computer": {int(winComputer), 0},
	"eventid": {int(winID), 0}, "channel": {int(winChannel), 0}, "eventlog": {int(winChannel), 1}, "eventsourcename": {int(winProvider), 0},
	"provider": {int(winProvider), 1}, "source": {int(winProvider), 2}, "eventrecordid": {int(winRecordID), 0},
	"eventdata": {wtData, 0}, "activity": {wtActivity, 0},
}

func securityEventSpec() *tableSpec {
	s := &tableSpec{table: tableSecurityEvent, width: wtFields, aliases: map[string]alias{}, times: []int{int(winTime)}}
	for name, field := range winDataNames {
		s.aliases[strings.ToLower(name)] = alias{int(field), 0}
	}
	for name, a := range winTableHead {
		s.aliases[name] = a
	}
	s.aliases["process"] = alias{int(winPath), 1}
	s.aliases["logontypename"] = alias{wtTypeName, 0}
	s.aliases["errorcode"] = alias{int(winStatus), 1}
	s.aliases["targetaccount"] = alias{int(winTargetUser), 1}
	s.aliases["subjectaccount"] = alias{int(winSubjectUser), 1}
	s.aliases["account"] = alias{int(winTargetUser), 2}
	delete(s.aliases, "type") // the name of the table
	return s
}

func eventTableSpec() *tableSpec {
	s := &tableSpec{table: "WindowsEvent", width: wtFields, aliases: map[string]alias{}, times: []int{int(winTime)}}
	for name, a := range winTableHead {
		s.aliases[name] = a
	}
	s.aliases["parameterxml"] = alias{wtParams, 0}
	s.aliases["payload"] = alias{wtPayload, 0}
	return s
}

// securityColumns are columns of SecurityEvent of which an export keeps at least one.
var securityColumns = []string{"activity", "account", "accounttype", "targetusername", "targetaccount", "ipaddress", "logontype",
	"logontypename", "newprocessname", "subjectusername", "subjectaccount", "servicefilename"}

func detectSecurityEvent(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	switch {
	case why != "":
		return false, why
	case !h.has("eventid") || !h.has("timegenerated"):
		return false, "it lacks EventID or TimeGenerated"
	case !h.has(securityColumns...):
		return false, "it has no column of SecurityEvent besides EventID"
	}
	return true, ""
}

func detectEventTable(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	switch {
	case why != "":
		return false, why
	case !h.has("eventid") || !h.has("computer"):
		return false, "it lacks EventID or Computer"
	case !h.has("timegenerated", "timecreated"):
		return false, "it has no column with a time"
	case !h.has("eventdata", "parameterxml", "payload"):
		return false, "it has no column with the data of the events"
	case !h.has("provider", "channel", "eventlog", "source"):
		return false, "it names neither provider nor log"
	case h.has("system", "event"):
		return false, "its events are nested"
	}
	return true, ""
}

// winTable decodes rows.
type winTable struct {
	table
	*winReader
	event winEvent
}

func decodeWinTable(ctx context.Context, in *Input, out Sink, spec *tableSpec) error {
	w := &winTable{winReader: newWinReader(ctx, in, out)}
	w.each = w.row
	err := readTable(ctx, in, spec, &w.table)
	if w.table.times.order != orderUnknown {
		w.winReader.times.order = w.table.times.order
	}
	if w.rows > 0 && spec.table != tableSecurityEvent {
		in.Report.Table, in.Report.CutQuery = w.name(), ""
	}
	return w.winReader.finish(err)
}

// name is which of the tables this is.
func (w *winTable) name() string {
	switch {
	case w.present[wtPayload]:
		return ""
	case w.present[wtParams]:
		return "Event"
	}
	return "WindowsEvent"
}

func (w *winTable) row(x *tableRow) error {
	e := &w.event
	e.reset()
	for i := range e.cells {
		e.cells[i] = x.cells[i]
	}
	e.place, e.raw = x.place(), x.raw
	if w.spec.table == tableSecurityEvent && blank(e.cells[winProvider]) && blank(e.cells[winChannel]) {
		e.cells[winChannel] = []byte("Security") // a projection left both out
	}
	w.time(x)
	if blank(e.cells[winLogonType]) {
		e.cells[winLogonType] = x.cells[wtTypeName]
	}
	if blank(e.cells[winID]) {
		e.cells[winID], _, _ = bytes.Cut(bytes.TrimSpace(x.cells[wtActivity]), []byte{' '})
	}
	if fault := w.data(x); fault != "" {
		return w.table.reject(x, "EventData", fault)
	}
	e.splitAccounts()
	w.table.in.stands = x.stands
	return w.accept(e)
}

// time hands on what the table knows of the way in which its times are written.
func (w *winTable) time(x *tableRow) {
	r := w.winReader
	r.times.order, w.event.zone = w.table.times.order, x.zones[winTime]
	if x.cells[wtPayload] != nil && w.event.zone == nil {
		w.event.zone = time.UTC
	}
}

// data fills what stands in one column.
func (w *winTable) data(x *tableRow) (fault string) {
	e := &w.event
	switch cell := bytes.TrimSpace(x.cells[wtData]); {
	case blank(cell):
	case cell[0] == '<':
		fault = e.fillXML(cell)
	case cell[0] == '{':
		fault = e.fillJSONData(cell)
	}
	if cell := bytes.TrimSpace(x.cells[wtPayload]); fault == "" && !blank(cell) && cell[0] == '{' {
		fault = e.fillJSONData(cell)
	}
	if cell := x.cells[wtParams]; fault == "" && !blank(cell) {
		e.fillParams(cell)
	}
	return fault
}

// splitAccounts takes DOMAIN\user apart where a projection kept nothing else.
func (e *winEvent) splitAccounts() {
	for _, p := range [...]struct{ user, domain winField }{{winTargetUser, winTargetDomain}, {winSubjectUser, winSubjectDomain}} {
		if i := bytes.IndexByte(e.cells[p.user], '\\'); i >= 0 {
			if blank(e.cells[p.domain]) {
				e.cells[p.domain] = e.cells[p.user][:i]
			}
			e.cells[p.user] = e.cells[p.user][i+1:]
		}
	}
}

// fillParams fills the data from <Param>…</Param>, which stand in the order of
// the event's template.
func (e *winEvent) fillParams(text []byte) {
	p := newPositions(e)
	s := xmlScan{b: text}
	inside := false
	for s.next() {
		switch s.kind {
		case xmlOpen:
			inside = string(s.name) == "Param"
		case xmlClose:
			if inside {
				p.step()
			}
			inside = false
		case xmlChars:
			if inside {
				p.set(xmlText(s.text))
			}
		}
	}
}
