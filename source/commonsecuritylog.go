package source

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"netcase"
)

const formatCSL = "commonsecuritylog"

// commonSecurityLog reads Sentinel's table of CEF events.
var commonSecurityLog = Format{
	Name: formatCSL,
	Doc:  "the Sentinel table CommonSecurityLog (CEF events) as CSV or JSON: Palo Alto, Fortinet, Check Point, Cisco ASA and others",
	Proves: "what the device says it allowed, denied or found; ReceivedBytes and SentBytes each way as the vendor means them; " +
		"SimplifiedDeviceAction is not believed: it calls a session that ended with a reset blocked",
	Detect: detectCSL,
	Decode: decodeCSL,
	Split:  tableSplit(cslSpec),
	Join: func(in *Input) {
		tableRemarks(in, "CommonSecurityLog")
		cefJoin(in)
		if n := in.Sums[sumASABoth]; n > 0 {
			in.Note("in %s the octets are those of both directions together: they were not booked each way", rowsOf(n))
		}
		if n := in.Sums[sumASAAlone]; n > 0 {
			in.Note("in %s of Cisco ASA a connection ends: who began was told by the ports, else the first end was taken, which is the outer one", rowsOf(n))
		}
	},
}

// cslColumns are the columns of the table and the keys of CEF that they hold. A field
// is the position of its column.
//
// Source: Azure Monitor, table reference CommonSecurityLog; Microsoft Sentinel, "CEF
// log field mapping".
var cslColumns = [...]struct{ column, key string }{
	{"TimeGenerated", ""}, {"Computer", ""}, {"CollectorHostName", ""}, {"DeviceVendor", ""}, {"DeviceProduct", ""}, {"DeviceVersion", ""},
	{"DeviceEventClassID", ""}, {"Activity", ""}, {"LogSeverity", ""}, {"AdditionalExtensions", ""},
	{"DeviceAction", "act"}, {"CommunicationDirection", "deviceDirection"}, {"Protocol", "proto"}, {"ApplicationProtocol", "app"},
	{"SourceIP", "src"}, {"SourcePort", "spt"}, {"SourceHostName", "shost"}, {"SourceUserName", "suser"}, {"SourceNTDomain", "sntdom"}, {"SourceTranslatedAddress", "sourceTranslatedAddress"},
	{"DestinationIP", "dst"}, {"DestinationPort", "dpt"}, {"DestinationHostName", "dhost"}, {"DestinationUserName", "duser"}, {"DestinationNTDomain", "dntdom"},
	{"DestinationTranslatedAddress", "destinationTranslatedAddress"}, {"DestinationTranslatedPort", "destinationTranslatedPort"},
	{"ReceivedBytes", "in"}, {"SentBytes", "out"}, {"EventCount", "cnt"}, {"StartTime", "start"}, {"EndTime", "end"}, {"ReceiptTime", "rt"},
	{"DeviceName", "dvchost"}, {"DeviceAddress", "dvc"}, {"DeviceExternalID", "deviceExternalId"}, {"ExtID", "externalId"}, {"ExternalID", "externalId"},
	{"DeviceEventCategory", "cat"}, {"EventOutcome", "outcome"}, {"Reason", "reason"}, {"Message", "msg"}, {"RequestURL", "request"},
	{"DeviceCustomString1", "cs1"}, {"DeviceCustomString1Label", "cs1Label"}, {"DeviceCustomString2", "cs2"}, {"DeviceCustomString2Label", "cs2Label"},
	{"DeviceCustomString3", "cs3"}, {"DeviceCustomString3Label", "cs3Label"}, {"DeviceCustomString4", "cs4"}, {"DeviceCustomString4Label", "cs4Label"},
	{"DeviceCustomString5", "cs5"}, {"DeviceCustomString5Label", "cs5Label"}, {"DeviceCustomString6", "cs6"}, {"DeviceCustomString6Label", "cs6Label"},
	{"FieldDeviceCustomNumber1", "cn1"}, {"DeviceCustomNumber1", "cn1"}, {"DeviceCustomNumber1Label", "cn1Label"}, {"FieldDeviceCustomNumber2", "cn2"},
	{"DeviceCustomNumber2", "cn2"}, {"DeviceCustomNumber2Label", "cn2Label"}, {"FieldDeviceCustomNumber3", "cn3"}, {"DeviceCustomNumber3", "cn3"},
	{"DeviceCustomNumber3Label", "cn3Label"}, {"FlexString1", "flexString1"}, {"FlexString1Label", "flexString1Label"}, {"FlexString2", "flexString2"}, {"FlexString2Label", "flexString2Label"},
	{"FlexNumber1", "flexNumber1"}, {"FlexNumber1Label", "flexNumber1Label"}, {"FlexNumber2", "flexNumber2"}, {"FlexNumber2Label", "flexNumber2Label"},
	{"DeviceCustomIPv6Address2", "c6a2"}, {"DeviceCustomIPv6Address2Label", "c6a2Label"}, {"DeviceCustomIPv6Address3", "c6a3"}, {"DeviceCustomIPv6Address3Label", "c6a3Label"},
}

// The fields that are no key of CEF, in the order of the columns.
const (
	cslTime = iota
	cslComputer
	cslCollector
	cslVendor
	cslProduct
	cslVersion
	cslClass
	cslActivity
	cslSeverity
	cslMore
	cslKeys // from here on
)

// The columns with the count and with times, by their position among all.
const (
	cslCount   = 29
	cslStart   = 30
	cslEnd     = 31
	cslReceipt = 32
)

func cslSpec() *tableSpec {
	s := &tableSpec{table: "CommonSecurityLog", join: true, width: len(cslColumns), aliases: map[string]alias{}, times: []int{cslTime, cslStart, cslEnd}, counts: []int{cslCount}}
	for field, c := range cslColumns {
		s.aliases[strings.ToLower(c.column)] = alias{field: field}
	}
	return s
}

func detectCSL(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	switch {
	case why != "":
		return false, why
	case !h.has("devicevendor") || !h.has("deviceproduct", "deviceeventclassid", "activity", "deviceaction", "logseverity"):
		return false, "it lacks DeviceVendor with the columns of CommonSecurityLog (DeviceProduct, DeviceEventClassID, DeviceAction …)"
	case !h.has("timegenerated"):
		return false, "it has no column TimeGenerated"
	}
	return true, ""
}

// cslReader decodes rows of the table.
type cslReader struct {
	tableReading
	dev     devReading
	x       cefEvent
	spelled [3]cslSpelled
}

// cslSpelled is a time of the event as it is given on, in milliseconds since 1970,
// and as the table spells it.
type cslSpelled struct {
	text, cell []byte
	zone       string
}

// instants makes the times of the event independent of how the table was exported:
// StartTime and EndTime are times of the workspace, ReceiptTime is the device's own
// text. Where that has no zone, TimeGenerated, which is UTC, stands for it.
func (r *cslReader) instants(x *tableRow, generated netcase.Time) {
	for i, field := range [...]int{cslStart, cslEnd, cslReceipt} {
		r.spelled[i] = cslSpelled{}
		cell := x.cells[field]
		if blank(cell) {
			continue
		}
		s := cslSpelled{cell: cell}
		var at netcase.Time
		if field == cslReceipt {
			probe := devReading{in: r.in}
			if at, s.zone = probe.time(trimmed(cell)); !at.Known() || s.zone != "" || probe.lettered {
				at, s.zone, s.cell = generated, "", x.cells[cslTime]
			}
		} else {
			var err error
			if at, err = r.time(x, field); err != nil || !at.Known() {
				continue
			}
			if r.in.Raw {
				_, s.zone = r.stamp(x, field)
			}
		}
		s.text = strconv.AppendInt(nil, int64(at), 10)
		r.spelled[i] = s
		r.x.replace(cslColumns[field].key, s.text)
	}
}

// cslSaid is a cell, nil where it says nothing.
func cslSaid(cell []byte) []byte {
	if blank(cell) {
		return nil
	}
	return cell
}

// replace gives a field another value.
func (x *cefEvent) replace(key string, value []byte) {
	for i := range x.fields {
		if x.fields[i].name == key {
			x.fields[i].value = value
			return
		}
	}
}

func decodeCSL(ctx context.Context, in *Input, out Sink) error {
	r := &cslReader{}
	r.out, r.decode = out, r.accept
	r.dev.begin(in, &r.batch)
	err := r.read(ctx, in, cslSpec())
	r.dev.tell()
	return err
}

func (r *cslReader) accept(x *tableRow) error {
	d := &r.dev
	d.ev = devEvent{family: formatCEF}
	r.event(x)
	at, err := r.time(x, cslTime)
	switch {
	case err != nil:
		return r.reject(x, "TimeGenerated", err.Error())
	case !at.Known():
		return r.reject(x, "TimeGenerated", "no time")
	}
	c := devCarried{at: at, stamp: x.cells[cslTime], place: x.place(), raw: x.raw}
	if r.in.Raw {
		_, c.zone = r.stamp(x, cslTime)
	}
	c.host = firstOf(trimmed(cslSaid(x.cells[cslComputer])), trimmed(cslSaid(x.cells[cslCollector])))
	r.instants(x, at)
	d.ev.at, d.ev.stamp, d.ev.zone = c.at, c.stamp, c.zone
	d.cef(&r.x)
	for _, t := range r.spelled {
		if t.cell != nil && bytes.Equal(t.text, d.ev.stamp) {
			d.ev.stamp, d.ev.zone = t.cell, t.zone
		}
	}
	d.deliver(&c)
	return nil
}

// event gives a row the form that it had as CEF.
func (r *cslReader) event(x *tableRow) {
	e := &r.x
	e.vendor, e.product, e.version = x.cells[cslVendor], x.cells[cslProduct], x.cells[cslVersion]
	e.class, e.name, e.severity = x.cells[cslClass], x.cells[cslActivity], x.cells[cslSeverity]
	e.fields = e.fields[:0]
	for field := cslKeys; field < len(cslColumns); field++ {
		if cell := x.cells[field]; !blank(cell) {
			e.fields = append(e.fields, devField{name: cslColumns[field].key, value: trimmed(cell)})
		}
	}
	e.fields = cslExtensions(x.cells[cslMore], e.fields)
}

// cslExtensions reads "key=value;key=value": what of the extension has no column. A
// value may hold semicolons: it ends before the next key.
func cslExtensions(b []byte, into devFields) devFields {
	if len(b) > 0 && b[0] == '{' {
		return into
	}
	for len(b) > 0 && len(into) < maxDevFields {
		key, rest, ok := bytes.Cut(b, []byte{'='})
		if !ok {
			return into
		}
		end := len(rest)
		for from := 0; ; {
			i := bytes.IndexByte(rest[from:], ';')
			if i < 0 {
				break
			}
			next, _, more := bytes.Cut(rest[from+i+1:], []byte{'='})
			if more && isCEFKey(bytes.TrimSpace(next)) || from+i+1 == len(rest) {
				end = from + i
				break
			}
			from += i + 1
		}
		if key = bytes.TrimSpace(key); isCEFKey(key) {
			into = append(into, devField{key: key, value: bytes.TrimSpace(rest[:end])})
		}
		b = rest[min(len(rest), end+1):]
	}
	return into
}
