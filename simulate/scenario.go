package simulate

import (
	"fmt"

	"netcase"
)

// What the scenarios are expected to be judged as.
const (
	leadBackground   = "BG"
	statusSuspicious = string(netcase.StatusSuspicious)
)

func seedScenario() Scenario {
	return Scenario{
		Name: "seed",
		Doc:  "three listed addresses and a spike of others, as a query of seven columns shows them: how far they got is not to be decided",
		make: makeSeed,
	}
}

func makeSeed(seed uint64) (Files, Truth) {
	w := newWorld(seed, true)
	truth := w.truth("seed")
	files := w.intelligence()
	rows, events := w.projection(w.analytics()), w.remoteEvents()
	files["telemetry/AzureNetworkAnalytics_CL.csv"] = writeTable(byteOrderMark, projectedColumns(), rows)
	files["telemetry/DeviceNetworkEvents.csv"] = writeTable("", projectedDeviceColumns(), events)
	truth.Rows["telemetry/AzureNetworkAnalytics_CL.csv"] = len(rows)
	truth.Rows["telemetry/DeviceNetworkEvents.csv"] = len(events)
	truth.Severity, truth.Status, truth.Lead = []string{"LOW", "MEDIUM"}, statusSuspicious, leadBackground
	truth.Missing = []string{
		"FlowStatus_s", "AllowedInFlows_d", "DeniedInFlows_d", "AllowedOutFlows_d", "DeniedOutFlows_d",
		"FlowIntervalStartTime_t", "FlowEndTime_t", "ActionType", "LocalPort",
	}
	return files, truth
}

// remoteEvents are the events that have a remote address, which a query for
// addresses keeps.
func (w *world) remoteEvents() (out []event) {
	for _, e := range w.deviceEvents() {
		if e.remote.IsValid() {
			out = append(out, e)
		}
	}
	return out
}

func seedFullScenario() Scenario {
	return Scenario{
		Name: "seed-full",
		Doc:  "the same traffic, with the whole tables, the raw log of one host and what the owner says: every outcome is decided",
		make: makeSeedFull,
	}
}

func makeSeedFull(seed uint64) (Files, Truth) {
	w := newWorld(seed, true)
	truth := w.truth("seed-full")
	files := w.wholeExports(&truth)
	host, hour := &w.hosts[w.with(roleWeb)[2]], w.spike.Start+netcase.Hour
	blob := "telemetry/" + blobPath(host, hour)
	files[blob] = w.blob(host, hour)
	truth.Rows[blob] = len(w.tuples(host, hour))
	truth.ReachDecided = true
	truth.Severity, truth.Status, truth.Lead = []string{"MEDIUM"}, statusSuspicious, leadBackground
	return files, truth
}

func quietScenario() Scenario {
	return Scenario{
		Name: "quiet",
		Doc:  "the same estate on ordinary days: no administration port is open to everybody, and nothing happens but the usual scanning",
		make: makeQuiet,
	}
}

func makeQuiet(seed uint64) (Files, Truth) {
	w := newWorld(seed, false)
	truth := w.truth("quiet")
	files := w.wholeExports(&truth)
	truth.ReachDecided = true
	truth.Severity = []string{"INFO", "LOW"}
	return files, truth
}

// wholeExports are the whole tables, a file a day as the portal's cap on rows
// makes people export them, with intelligence and site.
func (w *world) wholeExports(truth *Truth) Files {
	files := w.intelligence()
	files["site.yaml"] = w.site()
	lines := w.lines(w.analytics())
	for len(lines) > 0 {
		today := lines[0].hourOf().Truncate(netcase.Day)
		n := 0
		for n < len(lines) && lines[n].hourOf().Truncate(netcase.Day) == today {
			n++
		}
		name := fmt.Sprintf("telemetry/AzureNetworkAnalytics_CL-%s.csv", day(today))
		files[name] = writeTable(byteOrderMark, wholeTable(), lines[:n])
		truth.Rows[name] = n
		lines = lines[n:]
	}
	events := w.deviceEvents()
	files["telemetry/DeviceNetworkEvents.csv"] = writeTable("", deviceColumns(), events)
	truth.Rows["telemetry/DeviceNetworkEvents.csv"] = len(events)
	truth.Owners = ownerTruths(events)
	return files
}

// hourOf is the interval that a line is about.
func (l line) hourOf() netcase.Time {
	if l.status != nil {
		return l.status.about
	}
	return l.hour
}
