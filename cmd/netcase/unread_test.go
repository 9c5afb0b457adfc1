package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
