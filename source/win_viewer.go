package source

import (
	"bytes"
	"context"
)

// windowsViewer recognises the CSV of Event Viewer and of Export-Csv, to say why
// nothing can be read from it.
var windowsViewer = Format{
	Name:   "windows-viewer-csv",
	Doc:    "the CSV that Event Viewer saves and Get-WinEvent | Export-Csv writes: recognised, and passed over",
	Proves: "nothing: an event's data are only in its text, in the language of the system; save as XML instead",
	Detect: detectWinViewer,
	Decode: decodeWinViewer,
}

const skipViewer = "an event as text alone: save it as XML (Event Viewer: Save All Events As… XML; wevtutil qe LOG /f:xml) and read that"

func detectWinViewer(head []byte) (bool, string) {
	h, why := tableHeadOf(head)
	switch {
	case why != "":
		return false, why
	case h.has("level", "keywords") && h.has("date and time") && h.has("source") && h.has("event id") && h.has("task category"):
		return true, ""
	case h.has("message") && h.has("providername") && h.has("logname") && h.has("machinename") && h.has("recordid") && layoutOf(head).shape == shapeCSV:
		return true, ""
	}
	return false, "it has not the columns of Event Viewer"
}

func decodeWinViewer(ctx context.Context, in *Input, _ Sink) error {
	c := newCSV(in.R, ',')
	header := false
	for n := 0; c.Next(); n++ {
		if n%BatchSize == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case c.Fault() != "":
			in.Reject(c.Line(), 0, "", c.Fault(), c.Raw())
		case !header:
			header = !bytes.HasPrefix(c.Raw(), []byte("#TYPE")) // of PowerShell 5
		default:
			in.Skip(skipViewer)
		}
	}
	return c.Err()
}
