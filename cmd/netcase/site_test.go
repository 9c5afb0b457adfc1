package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"netcase"
	"netcase/detect"
	"netcase/simulate"
)

func siteSchema(t *testing.T) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	name := filepath.Join("..", "..", "docs", "site.schema.json")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]any
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return schema, raw
}

// keysOf lists the YAML keys of a type.
func keysOf(t reflect.Type) (out []string) {
	for i := range t.NumField() {
		key, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

// TestSiteSchemaHasEveryKey keeps the schema true to the types.
func TestSiteSchemaHasEveryKey(t *testing.T) {
	_, raw := siteSchema(t)
	properties := func(path ...string) []string {
		at := raw
		for _, p := range path {
			at = at[p].(map[string]any)
		}
		return sortedKeys(at["properties"].(map[string]any))
	}
	for _, c := range []struct {
		of   reflect.Type
		path []string
	}{
		{reflect.TypeFor[netcase.Site](), nil},
		{reflect.TypeFor[netcase.Asset](), []string{"properties", "assets", "items"}},
		{reflect.TypeFor[netcase.SiteFacts](), []string{"properties", "facts"}},
		{reflect.TypeFor[netcase.Change](), []string{"properties", "changes", "items"}},
		{reflect.TypeFor[netcase.Statement](), []string{"properties", "statements", "items"}},
		{reflect.TypeFor[netcase.Approval](), []string{"properties", "approvals", "items"}},
	} {
		if got, want := properties(c.path...), keysOf(c.of); !slices.Equal(got, want) {
			t.Errorf("%s: the schema has %v, the type %v", c.of, got, want)
		}
	}
}

// TestSiteSchemaTakesWhatWeRead: the schema and the reader agree.
func TestSiteSchemaTakesWhatWeRead(t *testing.T) {
	schema, _ := siteSchema(t)
	files, _, err := simulate.Make("seed-full", 0)
	if err != nil {
		t.Fatal(err)
	}
	good := map[string]string{
		"simulated": string(files["site.yaml"]),
		"small":     "own: [10.0.0.0/8]\nassets:\n  - {name: a, addresses: [10.0.0.1], criticality: 4, tags: [cde]}\nfacts: {mfa: \"yes\"}\nthresholds: {longconn.band.base: 2h, scan.ports: 20, spike.q: 0.005}\nchanges:\n  - {start: \"2025-10-20\", end: \"2025-10-21\", reason: r}\n  - {start: \"2025-10-20\", end: \"2025-10-21\", reason: r, hosts: [web01], networks: [10.0.0.1, \"2001:db8::/64\"], ports: [443, 8443]}\n",
	}
	for name, text := range good {
		if text == "" {
			t.Fatalf("%s is empty", name)
		}
		if err := schema.Validate(asJSON(t, text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		file := filepath.Join(t.TempDir(), "site.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSite(file); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	const change = "changes:\n  - {start: \"2025-10-20\", end: \"2025-10-21\", "
	for _, bad := range []string{"colour: red\n", "assets:\n  - {os: x}\n", "assets:\n  - {name: a, criticality: 9}\n", "facts: {mfa: perhaps}\n",
		change + "ports: [0]}\n", change + "ports: [https]}\n", change + "hosts: [\"\"]}\n", change + "port: 443}\n"} {
		if schema.Validate(asJSON(t, bad)) == nil {
			t.Errorf("the schema takes %q", bad)
		}
		file := filepath.Join(t.TempDir(), "site.yaml")
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readSite(file); err == nil {
			t.Errorf("we read %q", bad)
		}
	}
}

// asJSON is a YAML document as the schema sees it.
func asJSON(t *testing.T, text string) any {
	t.Helper()
	b, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestStorySite: the site.yaml of a story says what the story's owner says.
func TestStorySite(t *testing.T) {
	for _, name := range []string{"breach-denied-by-owner", "stale-password", "sweep"} {
		told, err := simulate.Tell(name, 2, simulate.Ground{})
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "site.yaml")
		if err := os.WriteFile(path, told.Files["site.yaml"], 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readSite(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%+v", told.Site); fmt.Sprintf("%+v", got) != want {
			t.Errorf("%s:\n%+v, want\n%s", name, got, want)
		}
	}
}

// TestSiteChanges: addresses among the names of a change are refused with the key to use.
func TestSiteChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.yaml")
	text := "changes:\n  - {start: \"2025-10-20\", end: \"2025-10-21\", reason: r, hosts: [web01, 10.0.0.1, 10.0.0.0/8]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := readSite(file)
	if err == nil || strings.Count(err.Error(), "stand under networks") != 2 || strings.Contains(err.Error(), "web01") {
		t.Errorf("%v", err)
	}
}

// TestSiteThresholds: what the site sets is what the detectors use, what the caller sets comes
// after it, and what cannot be is refused.
func TestSiteThresholds(t *testing.T) {
	config := func(site string, set ...string) (detect.Config, error) {
		file := filepath.Join(t.TempDir(), "site.yaml")
		if err := os.WriteFile(file, []byte(site), 0o600); err != nil {
			t.Fatal(err)
		}
		c := investigateCmd{Site: file, Set: set, Memory: "2GB", Spool: "4GB"}
		cfg, err := c.config()
		return cfg.Detect, err
	}
	got, err := config("thresholds: {longconn.band.base: 30m, scan.ports: 20, spike.q: 0.005}\n", "scan.ports=21")
	if err != nil || got.Long.Bands[0] != 30*netcase.Minute || got.ScanPorts != 21 || got.SpikeQ != 0.005 {
		t.Errorf("%v: %s, %d, %g", err, got.Long.Bands[0], got.ScanPorts, got.SpikeQ)
	}
	for site, says := range map[string]string{
		"thresholds: {scan.doors: 3}\n":              "scan.doors",
		"thresholds: {spike.q: 2}\n":                 "spike.q",
		"thresholds: {longconn.band.base: 5}\n":      "length of time",
		"thresholds: {longconn.band.low: 30m}\n":     "below longconn.band.base",
		"thresholds: {beacon.near.least: 1.5}\n":     "the period itself",
		"thresholds: {beacon.cv.many: 0.2}\n":        "below beacon.cv.some",
		"thresholds: {beacon.spectrum.draws: 1e9}\n": "above 100000",
		"thresholds: {scan.hosts: 2}\n":              "below scan.hosts.floor",
	} {
		if _, err := config(site); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", site, err, says)
		}
	}
	if _, err := config("", "longconn.band.high=1h"); err == nil {
		t.Error("the caller sets what cannot be")
	}
}
