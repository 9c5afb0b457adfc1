package source

import (
	"context"
	"strings"
)

// syslogTable reads the table of a workspace into which syslog is collected.
var syslogTable = Format{
	Name:   "syslog-table",
	Doc:    "the Syslog table of Log Analytics or Sentinel, exported as CSV or JSON: the same programs as in syslog files",
	Proves: "what a syslog file proves, of the facilities and severities that were collected; an export of the portal ends at 30,000 rows",
	Detect: detectSyslogTable,
	Decode: decodeSyslogTable,
}

// The fields of a row.
const (
	stTime = iota
	stHost
	stHostIP
	stProgram
	stPID
	stMessage
	stFacility
	stFields
)

var syslogTableNames = []string{
	stTime: "TimeGenerated", stHost: "HostName", stHostIP: "HostIP", stProgram: "ProcessName", stPID: "ProcessID",
	stMessage: "SyslogMessage", stFacility: "Facility",
}

func syslogTableSpec() *tableSpec {
	s := &tableSpec{table: "Syslog", width: stFields, aliases: map[string]alias{}, times: []int{stTime}}
	for field, name := range syslogTableNames {
		s.aliases[strings.ToLower(name)] = alias{field: field}
	}
	s.aliases["eventtime"] = alias{stTime, 1}
	s.aliases["computer"] = alias{stHost, 1}
	return s
}

func detectSyslogTable(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	switch {
	case why != "":
		return false, why
	case !h.has("syslogmessage") || !h.has("processname"):
		return false, "it lacks SyslogMessage or ProcessName"
	case !h.has("timegenerated", "eventtime"):
		return false, "it has no column with a time"
	}
	return true, ""
}

// syslogTableReader decodes the rows.
type syslogTableReader struct {
	table
	messages messages
}

func decodeSyslogTable(ctx context.Context, in *Input, out Sink) error {
	r := &syslogTableReader{}
	r.messages.begin(in, out, "syslog-table")
	r.each = func(x *tableRow) error {
		r.messages.guarded(func(m *message) { r.accept(m, x) })
		return r.messages.flush(ctx, BatchSize)
	}
	err := readTable(ctx, in, syslogTableSpec(), &r.table)
	r.messages.held.release(&r.messages)
	for _, field := range [...]int{stHost, stPID} {
		if r.rows > 0 && !r.present[field] {
			in.Report.Missing = append(in.Report.Missing, syslogTableNames[field])
		}
	}
	if e := r.messages.flush(ctx, 1); e != nil {
		return e
	}
	return err
}

func (r *syslogTableReader) accept(m *message, x *tableRow) {
	m.raw, m.place, m.count = x.raw, x.place(), max(x.stands, 1)
	at, err := r.time(x, stTime)
	switch {
	case err != nil:
		_ = r.reject(x, syslogTableNames[stTime], err.Error())
		return
	case !at.Known():
		_ = r.reject(x, syslogTableNames[stTime], "no time")
		return
	}
	m.at, m.stamp = at, x.cells[stTime]
	m.host, m.program, m.text = x.cells[stHost], x.cells[stProgram], trimSpaces(x.cells[stMessage])
	if blank(m.host) {
		m.host = x.cells[stHostIP]
	}
	if !blank(x.cells[stPID]) && string(x.cells[stPID]) != "0" {
		m.pid = x.cells[stPID]
	}
	if blank(m.program) { // some collectors leave the tag in the message
		scanTag(m.text, m)
	}
	if a, ok := addressIn(x.cells[stHostIP]); ok && !a.IsLoopback() {
		m.hostAddr = a
	}
	r.messages.take(m)
}
