package main

import (
	"encoding/json"
	"io"
	"strings"

	"netcase/casebook"
	"netcase/chart"
)

// writeJSON writes a value as JSON for machines that people may look at: what would
// steer a terminal is escaped.
func writeJSON(w io.Writer, v any, indent string) error {
	text, err := json.Marshal(v)
	if indent != "" {
		text, err = json.MarshalIndent(v, "", indent)
	}
	if err != nil {
		return err
	}
	_, err = w.Write(append(casebook.Printable(text), '\n'))
	return err
}

// plainLines is a message with every character that would steer a terminal made
// visible; its line ends stay.
func plainLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = chart.Visible(lines[i], 0)
	}
	return strings.Join(lines, "\n")
}
