package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"netcase": main})
}

// asCommand makes the test's own program the command, for tests that kill it.
const asCommand = "NETCASE_TEST_AS_COMMAND"

// TestScripts runs the examples of the manual.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"bomb": bomb, "rows": rows, "binary": binary,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
			e.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector's second of sleep at the end of every call
			return nil
		},
	})
}

// bomb FILE BYTES writes a gzip that expands to so many zeros, or a few more.
func bomb(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer func() { ts.Check(f.Close()) }()
	const member = 64 << 20 // zeros, compressed once: a gzip may have many members
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range member >> 20 {
		_, err := z.Write(make([]byte, 1<<20))
		ts.Check(err)
	}
	ts.Check(z.Close())
	for ; n > 0; n -= member {
		_, err := f.Write(b.Bytes())
		ts.Check(err)
	}
}

// rows FILE N writes a Traffic Analytics export of exactly N rows.
func rows(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	var b strings.Builder
	b.WriteString("\ufeff\"TimeGenerated [UTC]\",\"FlowStartTime_t [UTC]\",FlowType_s,SrcPublicIPs_s,DestIP_s,DestPort_d,FlowStatus_s,AllowedInFlows_d,DeniedInFlows_d\r\n")
	for i := range n {
		fmt.Fprintf(&b, "\"10/20/2025, %d:%02d:%02d.000 PM\",\"10/20/2025, %d:%02d:%02d.000 PM\",ExternalPublic,45.95.%d.%d,10.0.0.%d,22,D,0,1\r\n",
			1+i/3600%11, i/60%60, i%60, 1+i/3600%11, i/60%60, i%60, i/250%250, 1+i%250, 1+i%20)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}

// binary FILE writes bytes that are no text.
func binary(ts *testscript.TestScript, _ bool, args []string) {
	b := make([]byte, 4096)
	for i := range b {
		b[i] = byte(i * 7)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// TestEveryFlagIsDocumented keeps docs/cli.md true.
func TestEveryFlagIsDocumented(t *testing.T) {
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	var c commands
	p, err := newParser(&c, streams{out: &bytes.Buffer{}, err: &bytes.Buffer{}}, new(configuredFeeds), configuredServices{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range p.Model.Leaves(true) {
		for _, f := range n.Flags {
			if f.Name != "help" && !strings.Contains(string(manual), "--"+f.Name) {
				t.Errorf("docs/cli.md does not tell of %s --%s", n.Path(), f.Name)
			}
		}
	}
	for _, n := range p.Model.Children {
		if !strings.Contains(string(manual), n.Name) {
			t.Errorf("docs/cli.md does not tell of %s", n.Name)
		}
		if n.Help == "" {
			t.Errorf("%s has no help", n.Name)
		}
	}
}

// Words that are off end with 2 and a next step, and nothing is written.
func TestUsageErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("conn.log", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for call, want := range map[string]string{
		"investigate nowhere.csv":                 "netcase: nowhere.csv: no such file or directory",
		"investigate --intel nowhere conn.log":    "netcase: --intel nowhere: nowhere: no such file or directory",
		"investigate --memory 2 conn.log":         "--memory 2 is less",
		"investigate --workers=-1 conn.log":       "--workers -1",
		"lookup --intel conn.log --lines nowhere": "netcase: nowhere: no such file or directory",
		"site propose nowhere":                    "netcase: nowhere: no such file or directory",
		"site check nowhere":                      "site file: open nowhere",
		"simulate --scenario storm --out x":       `--scenario "storm" is not known`,
		"simulate --volume storm":                 `--volume "storm"`,
		"evaluate --stories storm":                `"storm" is not known`,
	} {
		var out, errs bytes.Buffer
		code := run(context.Background(), strings.Fields(call), streams{out: &out, err: &errs})
		text := errs.String()
		if code != exitUsage || !strings.Contains(text, want) || !strings.Contains(text, "\n  ") || out.Len() > 0 {
			t.Errorf("%s: exit %d, %q %q", call, code, text, out.String())
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestSettingsFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "netcase.yaml")
	t.Setenv("NETCASE_CONFIG", name)
	call := func(text string) (int, string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		code := run(context.Background(), []string{"queries", "--from", "2025-10-20", "--to", "2025-10-21"}, streams{out: &out, err: &errs})
		return code, out.String() + errs.String()
	}
	if code, text := call("queries:\n  json: true\n"); code != exitOK || !strings.HasPrefix(text, "[") {
		t.Errorf("a setting below a command: %d %.80q", code, text)
	}
	if code, text := call("queries:\n  jason: true\n"); code != exitUsage || !strings.Contains(text, name+": ") || !strings.Contains(text, "jason") {
		t.Errorf("an unknown key: %d %.200q", code, text)
	}
	if code, text := call("queries: [\n"); code != exitUsage {
		t.Errorf("broken YAML: %d %.200q", code, text)
	}
}

func TestSiteErrorsNameLineAndKey(t *testing.T) {
	name := filepath.Join(t.TempDir(), "site.yaml")
	for text, want := range map[string]string{
		"own: [10.0.0.0/8]\ncolour: red\n":                    "colour",
		"own: [10.0.0.0/99]\n":                                "10.0.0.0/99",
		"assets:\n  - {name: a, criticality: 9}\n":            "criticality 9",
		"facts: {mfa: perhaps}\n":                             "perhaps",
		"changes:\n  - {start: yesterday, end: 2025-01-01}\n": "yesterday",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSite(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	good := "own: [10.0.0.0/8, 2001:db8::/32, 203.0.113.7]\nassets:\n  - {name: a, addresses: [10.0.0.1], os: x, criticality: 4, tags: [cde]}\nchanges:\n  - {start: 2025-10-20T10:00Z, end: 2025-10-21, reason: r}\n"
	if err := os.WriteFile(name, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := readSite(name)
	if err != nil || len(s.Own) != 3 || s.Assets[0].Criticality != 4 || !s.Changes[0].Start.Known() {
		t.Errorf("%+v %v", s, err)
	}
}
