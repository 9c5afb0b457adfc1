// Package simulate makes labelled telemetry: an estate in the cloud with its
// ordinary traffic, an incident in it, the exports that an analyst would take,
// the intelligence that others would have had, and the truth to compare with.
//
// Everything follows from a scenario and a seed: no clock, no environment, and
// the same bytes on every machine. What is simulated is the traffic, flow by
// flow; the exports are made from it by models of what the rule sets, Traffic
// Analytics and the endpoint sensor do to it.
package simulate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files are the files of a scenario by their slash-separated path:
// telemetry/ is what to investigate, intel/ what others claim, site.yaml what
// the owner says (not in every scenario), truth.json the labels.
type Files map[string][]byte

// Scenario is one story that can be simulated.
type Scenario struct {
	Name string
	Doc  string // one line: what happens in it and what the exports show

	make func(seed uint64) (Files, Truth)
}

// Scenarios lists every scenario, in the order in which they are shown.
func Scenarios() []Scenario {
	out := []Scenario{seedScenario(), seedFullScenario(), quietScenario(), volumeScenario()}
	for _, s := range stories() {
		out = append(out, s.scenario())
	}
	return out
}

// truthFile is where a scenario keeps its labels.
const truthFile = "truth.json"

// Make is a scenario's files and what is true in it. Seed 0 tells the incident
// with the addresses, ports and dates of the report that the project starts
// from; every other seed tells it of another estate, time and set of sources.
//
// Errors: the scenario is not known; the message lists those that are.
func Make(scenario string, seed uint64) (Files, Truth, error) {
	for _, s := range Scenarios() {
		if s.Name != scenario {
			continue
		}
		files, truth := s.make(seed)
		label, err := truth.encode()
		if err != nil {
			return nil, Truth{}, fmt.Errorf("scenario %s: %s: %w", scenario, truthFile, err)
		}
		files[truthFile] = label
		return files, truth, nil
	}
	return nil, Truth{}, fmt.Errorf("scenario %q: want one of %s", scenario, strings.Join(names(), ", "))
}

func names() []string {
	var out []string
	for _, s := range Scenarios() {
		out = append(out, s.Name)
	}
	return out
}

// Write makes a scenario and writes its files under dir, which is created.
// Files of the same name are replaced, others are left alone.
func Write(dir, scenario string, seed uint64) (Truth, error) {
	files, truth, err := Make(scenario, seed)
	if err != nil {
		return Truth{}, err
	}
	for _, name := range files.Names() {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return Truth{}, fmt.Errorf("scenario %s: %w", scenario, err)
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return Truth{}, fmt.Errorf("scenario %s: %w", scenario, err)
		}
	}
	return truth, nil
}

// Names are the paths of the files, sorted.
func (f Files) Names() []string {
	out := make([]string, 0, len(f))
	for name := range f {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Size is the sum of the files' lengths in bytes.
func (f Files) Size() (n int) {
	for _, b := range f {
		n += len(b)
	}
	return n
}
