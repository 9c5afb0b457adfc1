package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A record that cannot be read is named on the terminal by file, line and field.
func TestRejectedRecordIsNamed(t *testing.T) {
	ownHome(t)
	file := filepath.Join(t.TempDir(), "conn.log")
	text := "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tconn_state\n" +
		"1760961600.5\tC1\t8.8.8.8\t40000\t10.0.0.1\t22\ttcp\tS0\n1760961601.5\tC2\t8.8.8.999\t40000\t10.0.0.1\t22\ttcp\tS0\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := at(t, "investigate", file, "--intel-db", "none", "--out", filepath.Join(t.TempDir(), "case"))
	if code != exitUnsound || !strings.Contains(stderr, "conn.log: 1 of 2 records rejected\n    for example line 3: id.orig_h: not an address\n") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// What a folder holds beside telemetry is named, but does not fill the terminal; a list of
// addresses is told what it is.
func TestUnreadFiles(t *testing.T) {
	ownHome(t)
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("conn.log", "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tconn_state\n1760961600.5\tC1\t8.8.8.8\t40000\t10.0.0.1\t22\ttcp\tS0\n")
	put("a-list.csv", "192.0.2.1,scanner\n192.0.2.2,scanner\n")
	for i := range mostReasons + 4 {
		put(fmt.Sprintf("b%02d.json", i), `{"neither": "this nor that"}`)
	}
	code, _, stderr := at(t, "investigate", dir, "--intel-db", "none", "--out", filepath.Join(t.TempDir(), "case"))
	if code != exitUnsound || strings.Count(stderr, "no telemetry format") != mostReasons-1 ||
		!strings.Contains(stderr, "a-list.csv: a list of addresses, not telemetry: give it with --intel FILE") || !strings.Contains(stderr, "… and 5 more") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}
