package source

import (
	"bytes"
	"errors"
	"strconv"
	"time"

	"netcase"
)

var errNoTime = errors.New("no time")

const (
	winMinute = netcase.Time(60 * 1000)
	// offMark is how far Sysmon's own time may lie from that of the log before one
	// of them is doubted: events are delivered late by seconds, not by minutes.
	offMark = 10 * winMinute
	// zoneStep is the step in which zones differ.
	zoneStep = 15 * winMinute
)

// sumSkewed counts events of Sysmon whose two times contradict each other.
const sumSkewed = "windows: skewed"

// when decides the time of the event. Sysmon writes one in UTC itself, which holds
// also where an exporter took local times for UTC.
//
// Errors: with the name of the field.
func (r *winReader) when(x *winRecord) (field string, err error) {
	if x.class == classSysmon {
		if v, ok := utcTime(x.cells[winUtc]); ok {
			x.at, x.stamp = v, winUtc
			r.compare(x)
			return "", nil
		}
	}
	switch {
	case !blank(x.cells[winTime]):
		x.stamp, field = winTime, "TimeCreated"
		x.at, err = r.stamped(x, x.cells[winTime], x.winEvent.zone)
	case !blank(x.cells[winEventTime]):
		x.stamp, field = winEventTime, "EventTime"
		x.at, err = r.eventTime(x)
	case !blank(x.cells[winStamp]):
		x.stamp, field = winStamp, "@timestamp"
		x.at, err = r.stamped(x, x.cells[winStamp], nil)
	default:
		return "TimeCreated", errNoTime
	}
	if err == nil && !x.at.Known() {
		err = errNoTime
	}
	return field, err
}

// stamped reads a time, and remembers whether a zone was assumed for it.
func (r *winReader) stamped(x *winRecord, cell []byte, zone *time.Location) (netcase.Time, error) {
	if v, ok := isoTime(cell); ok {
		return v, nil
	}
	if ms, ok := dotnetDate(cell); ok {
		return inRange(time.UnixMilli(ms))
	}
	before := r.times.assumedZone
	r.times.assumedZone = false
	v, err := r.times.parse(cell, zone)
	if r.times.assumedZone {
		x.zone = r.in.Location().String()
	}
	r.times.assumedZone = r.times.assumedZone || before
	return v, err
}

// dotnetDate reads /Date(1586170000123)/, which PowerShell 5 writes.
func dotnetDate(cell []byte) (ms int64, ok bool) {
	cell = bytes.ReplaceAll(cell, []byte{'\\'}, nil)
	rest, ok := bytes.CutPrefix(cell, []byte("/Date("))
	if !ok {
		return 0, false
	}
	rest, ok = bytes.CutSuffix(rest, []byte(")/"))
	if !ok || len(rest) > 18 {
		return 0, false
	}
	ms, err := strconv.ParseInt(string(rest), 10, 64)
	return ms, err == nil
}

// eventTime reads the time of NXLog, which may lack a zone. Where the record says
// twice when it was taken, with a zone and without, that tells the zone.
func (r *winReader) eventTime(x *winRecord) (netcase.Time, error) {
	cell := x.cells[winEventTime]
	taken, ok := utcTime(x.cells[winReceived])
	stamp, known := isoTime(x.cells[winStamp])
	local, plain := utcTime(cell)
	if !ok || !known || !plain {
		return r.stamped(x, cell, nil)
	}
	shift := stamp - taken
	steps := (shift + zoneStep/2) / zoneStep
	if shift < 0 {
		steps = (shift - zoneStep/2) / zoneStep
	}
	return local + steps*zoneStep, nil
}

// utcTime reads 2025-03-04 11:22:10.123 as UTC, with a space or a T.
func utcTime(cell []byte) (netcase.Time, bool) {
	if len(cell) < 19 || len(cell) > 27 || cell[10] != ' ' && cell[10] != 'T' {
		return 0, false
	}
	var b [32]byte
	n := copy(b[:], cell)
	b[10], b[n] = 'T', 'Z'
	return isoTime(b[:n+1])
}

// compare counts the events in which the log and Sysmon disagree on the time.
func (r *winReader) compare(x *winRecord) {
	logged, ok := isoTime(x.cells[winTime])
	if ok && (logged-x.at > offMark || x.at-logged > offMark) {
		r.in.Sum(sumSkewed, 1)
	}
}

// joinWin says what holds for the whole stream.
func joinWin(in *Input) {
	if in.Sums[sumSkewed] > 0 {
		in.Note("in %d events of Sysmon its own UtcTime and the TimeCreated of the export differ by more than 10 minutes: UtcTime was taken; times of other channels in this export may be local times marked as UTC",
			in.Sums[sumSkewed])
	}
}
