package simulate

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"netcase"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// incidents is how many scenarios tell of the incident or measure speed; those after
// them are stories.
const incidents = 4

type story struct {
	files Files
	truth Truth
}

// made keeps what tests read more than once; nobody writes to it.
var made sync.Map

func mustMake(t *testing.T, scenario string, seed uint64) (Files, Truth) {
	t.Helper()
	key := fmt.Sprint(scenario, seed)
	if s, ok := made.Load(key); ok {
		return s.(story).files, s.(story).truth
	}
	files, truth := freshMake(t, scenario, seed)
	made.Store(key, story{files, truth})
	return files, truth
}

func freshMake(t *testing.T, scenario string, seed uint64) (Files, Truth) {
	t.Helper()
	files, truth, err := Make(scenario, seed)
	if err != nil {
		t.Fatal(err)
	}
	return files, truth
}

// table reads an export with the standard library's reader, as maps by column.
func table(t *testing.T, files Files, name string) []map[string]string {
	t.Helper()
	b, ok := files[name]
	if !ok {
		t.Fatalf("no file %s", name)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte(byteOrderMark))))
	all, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	out := make([]map[string]string, 0, len(all)-1)
	for _, fields := range all[1:] {
		m := make(map[string]string, len(fields))
		for i, v := range fields {
			m[all[0][i]] = v
		}
		out = append(out, m)
	}
	return out
}

// wholeTables reads the day files of AzureNetworkAnalytics_CL.
func wholeTables(t *testing.T, files Files) (out []map[string]string) {
	t.Helper()
	for _, name := range files.Names() {
		if strings.Contains(name, "AzureNetworkAnalytics") {
			out = append(out, table(t, files, name)...)
		}
	}
	return out
}

// portal reads a time as the portal prints it.
func portal(t *testing.T, s string) netcase.Time {
	t.Helper()
	at, err := time.Parse("1/2/2006, 3:04:05.000 PM", s)
	if err != nil {
		t.Fatal(err)
	}
	return netcase.TimeOf(at)
}

func TestMakeIsDeterministic(t *testing.T) {
	for _, s := range Scenarios()[:fewer(incidents, 1)] {
		a, truthA := mustMake(t, s.Name, 0)
		b, truthB := freshMake(t, s.Name, 0)
		if !maps.EqualFunc(a, b, bytes.Equal) {
			t.Errorf("%s: the same seed made different bytes", s.Name)
		}
		if d := cmp.Diff(truthA, truthB, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
			t.Errorf("%s: the same seed made another truth:\n%s", s.Name, d)
		}
	}
}

func TestOtherSeedsTellOtherStories(t *testing.T) {
	notShort(t)
	addresses, days, ports := map[netip.Addr]bool{}, map[netcase.Time]bool{}, map[string]bool{}
	const seeds = 12
	for seed := range uint64(seeds) {
		w := newWorld(seed, true)
		for _, s := range w.suspects {
			addresses[s.addr] = true
		}
		days[w.day] = true
		ports[fmt.Sprint(w.ports)] = true
	}
	if len(addresses) != 3*seeds || len(days) < seeds-2 || len(ports) < seeds/2 {
		t.Errorf("%d addresses, %d days, %d sets of ports over %d seeds", len(addresses), len(days), len(ports), seeds)
	}
}

func TestReportSeedUsesTheReportsValues(t *testing.T) {
	_, truth := mustMake(t, "seed", 0)
	var addrs []string
	var scores, rows []int
	for _, a := range truth.Addresses {
		addrs, scores, rows = append(addrs, a.Address.String()), append(scores, a.Score), append(rows, a.Rows)
	}
	if want := []string{"194.180.49.103", "162.243.203.54", "103.189.80.205"}; !slices.Equal(addrs, want) {
		t.Errorf("addresses %v, want %v", addrs, want)
	}
	if want := []int{43, 53, 59}; !slices.Equal(scores, want) {
		t.Errorf("scores %v, want %v", scores, want)
	}
	if want := []int{286, 287, 288}; !slices.Equal(rows, want) {
		t.Errorf("rows %v, want %v", rows, want)
	}
	if want := []uint16{22, 23, 80, 3389}; !slices.Equal(truth.Ports, want) {
		t.Errorf("ports %v, want %v", truth.Ports, want)
	}
	if truth.Day.String() != "2025-10-20T00:00:00.000Z" {
		t.Errorf("day %v", truth.Day)
	}
}

// TestStructureHoldsForManySeeds checks what every incident must have, on the
// traffic and on what the exports make of it.
func TestStructureHoldsForManySeeds(t *testing.T) {
	for seed := range uint64(fewer(20, 1)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(seed, true)
			truth := w.truth("seed")
			rows := w.analytics()
			shown := w.projection(rows)
			checkAddresses(t, w, truth, shown)
			checkAnswered(t, w, truth)
			checkSpike(t, w, truth, shown)
			checkPublic(t, w)
			if n := len(w.lines(rows)); n < 25_000 || n > 80_000 {
				t.Errorf("%d lines in the whole table", n)
			}
			if n := inside(shown); n == 0 || n > len(shown)/100 {
				t.Errorf("%d of %d lines are inside traffic, want a few", n, len(shown))
			}
			if n := len(shown); n < 15_000 || n > 29_000 {
				t.Errorf("%d lines in the projection: the portal gives at most 30,000", n)
			}
		})
	}
}

// inside counts the lines without an outside address.
func inside(rows []shown) (n int) {
	for _, r := range rows {
		if !r.peer.IsValid() {
			n++
		}
	}
	return n
}

func checkAddresses(t *testing.T, w *world, truth Truth, rows []shown) {
	t.Helper()
	byPeer := map[netip.Addr]int{}
	cells := map[netip.Addr]map[string]int{}
	for _, s := range rows {
		byPeer[s.peer]++
		if cells[s.peer] == nil {
			cells[s.peer] = map[string]int{}
		}
		cells[s.peer][fmt.Sprint(s.hour, s.dst, s.dport)]++
	}
	for _, a := range truth.Addresses {
		if a.Rows < 286 || a.Rows > 288 || a.Tuples != tuplesEach || a.Hours != activeHours {
			t.Errorf("%v: %d rows, %d tuples, %d hours", a.Address, a.Rows, a.Tuples, a.Hours)
		}
		if byPeer[a.Address] != a.Rows || len(cells[a.Address]) != a.Rows {
			t.Errorf("%v: %d rows in the projection, %d cells, truth says %d", a.Address, byPeer[a.Address], len(cells[a.Address]), a.Rows)
		}
		if a.Flows != a.Denied+a.Unanswered+a.Answered || a.Unanswered != 0 || a.Answered == 0 {
			t.Errorf("%v: %d flows, %d denied, %d unanswered, %d answered", a.Address, a.Flows, a.Denied, a.Unanswered, a.Answered)
		}
		if failed := float64(a.Denied) / float64(a.Flows); failed < .9 {
			t.Errorf("%v: %.3f of the flows failed, want at least 0.9", a.Address, failed)
		}
		if mean := float64(a.Flows) / float64(a.Rows); mean < 1.05 {
			t.Errorf("%v: %.3f flows a row, want more than 1.05", a.Address, mean)
		}
	}
	if len(truth.Targets) != 3 || len(truth.Ports) != portCount || len(truth.Public) != 6 {
		t.Errorf("%d targets, %d ports, %d public hosts", len(truth.Targets), len(truth.Ports), len(truth.Public))
	}
	if !slices.Contains(truth.Ports, w.openPort) {
		t.Errorf("port %d is not asked for", w.openPort)
	}
}

// checkAnswered checks that one port of one host answers the three, never more
// often than a scan would, and that nothing of ours calls back.
func checkAnswered(t *testing.T, w *world, truth Truth) {
	t.Helper()
	if len(truth.Answered) != 1 || !netcase.IsAdminPort(truth.Answered[0].Port) || truth.Answered[0].Port == 23 {
		t.Fatalf("answered %v, want one administration port other than telnet", truth.Answered)
	}
	type pair struct {
		src  netip.Addr
		hour netcase.Time
	}
	busy := map[pair]int{}
	bad := map[netip.Addr]bool{}
	for _, a := range truth.Addresses {
		bad[a.Address] = true
	}
	for _, a := range truth.Spike.Sources {
		bad[a] = true
	}
	for i := range w.flows {
		f := &w.flows[i]
		if bad[f.dst] {
			t.Fatalf("%v is called from inside", f.dst)
		}
		if f.result == answered && f.dport == w.openPort && w.inbound(f) {
			busy[pair{f.src, f.at.Truncate(netcase.Hour)}]++
		}
	}
	for p, n := range busy {
		if n >= 20 {
			t.Errorf("%v: %d answered sessions in an hour look like guessing", p.src, n)
		}
	}
}

// checkSpike checks the excess over the same hours of the days before, in flows
// and in the rows of the projection, and that the three are flat.
func checkSpike(t *testing.T, w *world, truth Truth, rows []shown) {
	t.Helper()
	s := truth.Spike
	if n := len(s.Sources); n < 20 || n > 60 || len(s.Prefixes) != spikeNets {
		t.Errorf("%d sources in %d networks", n, len(s.Prefixes))
	}
	if s.Ratio < 3 || s.ShareOfThree > .1 || s.ShareOfThree <= 0 {
		t.Errorf("ratio %.2f, share of the three %.3f", s.Ratio, s.ShareOfThree)
	}
	if share := float64(len(s.Listed)) / float64(len(s.Sources)); share < .6 || share == 1 {
		t.Errorf("%d of %d sources listed", len(s.Listed), len(s.Sources))
	}
	hourly := make([]int, spanHours)
	for _, r := range rows {
		if r.peer.IsValid() {
			hourly[(r.hour-w.start)/netcase.Hour]++
		}
	}
	first := int((w.spike.Start - w.start) / netcase.Hour)
	for _, series := range [][]int{hourly, s.Hourly} {
		for h := range series {
			inside := h >= first && h < first+spikeHours
			usual := slices.Max(slices.Concat(series[:first], series[first+spikeHours:]))
			if inside && series[h] < 3*usual {
				t.Errorf("hour %d of the spike: %d, at other times up to %d", h, series[h], usual)
			}
		}
	}
	checkFlat(t, w)
}

func checkFlat(t *testing.T, w *world) {
	t.Helper()
	for _, s := range w.suspects {
		var hourly [activeHours]float64
		for i := range w.flows {
			if w.flows[i].src == s.addr {
				hourly[(w.flows[i].at-w.active.Start)/netcase.Hour]++
			}
		}
		for h, n := range hourly {
			if n < 10 || n > 32 {
				t.Errorf("%v: %v flows in hour %d, want about 15", s.addr, n, h)
			}
		}
	}
}

// checkPublic checks every outside address of the traffic.
func checkPublic(t *testing.T, w *world) {
	t.Helper()
	for _, f := range w.flows {
		for _, a := range []netip.Addr{f.src, f.dst} {
			if _, ours := w.byAddr[a]; !ours && !netcase.Public(a) {
				t.Fatalf("%v is not public", a)
			}
		}
		if f.at < w.start || f.at >= w.end || f.at%netcase.Second != 0 {
			t.Fatalf("flow at %v", f.at)
		}
	}
	for _, s := range w.suspects {
		for _, o := range slices.Concat(w.sources, w.background) {
			if s.addr == o.addr {
				t.Errorf("%v has two parts", s.addr)
			}
		}
	}
}

// TestProjectionDoesNotDecideReach checks what the analyst's columns lost.
func TestProjectionDoesNotDecideReach(t *testing.T) {
	files, truth := mustMake(t, "seed", 0)
	rows := table(t, files, "telemetry/AzureNetworkAnalytics_CL.csv")
	want := []string{"DestIP_s", "DestPort_d", "FlowStartTime_t [UTC]", "FlowType_s", "SrcPublicIPs_s", "TimeGenerated [UTC]", "VM_s"}
	if got := sortedKeys(rows[0]); !slices.Equal(got, want) {
		t.Errorf("columns %v, want %v", got, want)
	}
	inside := 0
	for _, r := range rows {
		portal(t, r["TimeGenerated [UTC]"])
		portal(t, r["FlowStartTime_t [UTC]"])
		if r["SrcPublicIPs_s"] == "" {
			inside++
			continue
		}
		if _, err := netip.ParseAddr(r["SrcPublicIPs_s"]); err != nil {
			t.Fatal(err)
		}
	}
	if inside == 0 || inside > len(rows)/100 {
		t.Errorf("%d of %d rows without an outside address, want a few", inside, len(rows))
	}
	checkProjectedDevices(t, files, truth)
	if _, ok := files["site.yaml"]; ok {
		t.Error("the seed scenario has no site")
	}
}

func checkProjectedDevices(t *testing.T, files Files, truth Truth) {
	t.Helper()
	touched := map[string]int{}
	for _, r := range table(t, files, "telemetry/DeviceNetworkEvents.csv") {
		if len(r) != 5 || r["ActionType"] != "" || r["LocalPort"] != "" {
			t.Fatalf("columns %v", sortedKeys(r))
		}
		if strings.Contains(r["InitiatingProcessCommandLine"], " -s ") {
			t.Fatalf("the service is shown: %q", r["InitiatingProcessCommandLine"])
		}
		if r["InitiatingProcessCommandLine"] == "svchost.exe -k NetworkService" {
			touched[strings.TrimPrefix(r["RemoteIP"], "::ffff:")]++
		}
	}
	for _, a := range truth.Addresses {
		if n := touched[a.Address.String()]; n != activeHours {
			t.Errorf("%v: %d events of svchost -k NetworkService, want one an hour", a.Address, n)
		}
	}
}

// TestWholeTableAgreesWithTheTraffic sums the exported counters up again.
func TestWholeTableAgreesWithTheTraffic(t *testing.T) {
	notShort(t)
	for _, seed := range []uint64{0, 4} {
		files, truth := mustMake(t, "seed-full", seed)
		rows := wholeTables(t, files)
		kinds := map[string]int{}
		for _, r := range rows {
			kinds[r["SubType_s"]+"/"+r["FlowType_s"]+"/"+r["FlowDirection_s"]]++
		}
		for _, want := range []string{"Topology//", "StatusMessage//", "FlowLog/IntraVNet/I", "FlowLog/IntraVNet/O", "FlowLog/ExternalPublic/I", "FlowLog/ExternalPublic/O", "FlowLog/AzurePublic/O", "FlowLog/MaliciousFlow/I"} {
			if kinds[want] == 0 {
				t.Errorf("no row of kind %s", want)
			}
		}
		for _, a := range truth.Addresses {
			checkCounters(t, rows, a)
		}
		checkPacked(t, rows)
	}
}

// checkCounters sums up what the table says of one of the three.
func checkCounters(t *testing.T, rows []map[string]string, a AddressTruth) {
	t.Helper()
	got := AddressTruth{}
	for _, r := range rows {
		n := ofAddress(r, a.Address.String())
		if n == 0 {
			continue
		}
		got.Rows++
		got.Flows += n
		switch {
		case r["FlowStatus_s"] == "D":
			got.Denied += n
		case number(r["InboundBytes_d"]) > 0 && number(r["OutboundBytes_d"]) > 0:
			got.Answered += n
		default:
			got.Unanswered += n
		}
	}
	if got.Rows != a.Rows || got.Flows != a.Flows || got.Denied != a.Denied || got.Answered != a.Answered || got.Unanswered != 0 {
		t.Errorf("%v: table %+v, truth %+v", a.Address, got, a)
	}
}

// ofAddress is how many flows of an address a row counts.
func ofAddress(r map[string]string, addr string) int {
	if r["SrcIP_s"] == addr {
		return flowsOf(r)
	}
	for _, entry := range strings.Fields(r["SrcPublicIPs_s"]) {
		if f := strings.Split(entry, "|"); f[0] == addr {
			return number(f[1])
		}
	}
	return 0
}

func flowsOf(r map[string]string) int {
	return number(r["AllowedInFlows_d"]) + number(r["DeniedInFlows_d"]) + number(r["AllowedOutFlows_d"]) + number(r["DeniedOutFlows_d"])
}

func number(s string) (n int) {
	fmt.Sscan(s, &n)
	return n
}

// checkPacked checks that packed lists add up to the row's counters, that times
// lie in their interval, and that some rows do pack several addresses.
func checkPacked(t *testing.T, rows []map[string]string) {
	t.Helper()
	several := 0
	for _, r := range rows {
		if r["SubType_s"] != "FlowLog" {
			continue
		}
		start, end := portal(t, r["FlowIntervalStartTime_t [UTC]"]), portal(t, r["FlowIntervalEndTime_t [UTC]"])
		first, last := portal(t, r["FlowStartTime_t [UTC]"]), portal(t, r["FlowEndTime_t [UTC]"])
		if end-start != netcase.Hour || first < start || last < first || last >= end || portal(t, r["TimeGenerated [UTC]"]) < end {
			t.Fatalf("times %v %v %v %v", start, first, last, end)
		}
		list := strings.Fields(r["SrcPublicIPs_s"] + " " + r["DestPublicIPs_s"])
		if len(list) == 0 {
			continue
		}
		several += len(list) / 2
		started, back := 0, 0
		for _, entry := range list {
			f := strings.Split(entry, "|")
			if len(f) != 7 {
				t.Fatalf("packed entry %q", entry)
			}
			started, back = started+number(f[1]), back+number(f[6])
		}
		if started != flowsOf(r) || back != number(r["InboundBytes_d"]) {
			t.Fatalf("packed %d flows and %d octets back, row %d and %s", started, back, flowsOf(r), r["InboundBytes_d"])
		}
	}
	if several == 0 {
		t.Error("no row packs several addresses")
	}
}

// TestTwoRuleSetsReportOneFlow checks that the doubly guarded hosts are reported
// twice, with a denial only where the second rule set denied.
func TestTwoRuleSetsReportOneFlow(t *testing.T) {
	files, _ := mustMake(t, "seed-full", 0)
	sets := map[string]map[string]bool{}
	for _, r := range wholeTables(t, files) {
		if r["VM_s"] == "rg-web/web-01" && r["FlowDirection_s"] == "I" {
			k := r["DestPort_d"] + " " + r["FlowStatus_s"]
			if sets[k] == nil {
				sets[k] = map[string]bool{}
			}
			sets[k][r["NSGList_s"][strings.LastIndexByte(r["NSGList_s"], '/')+1:]] = true
		}
	}
	for k, want := range map[string][]string{
		"443 A": {"nsg-nic-web-01", "nsg-web"}, "8080 A": {"nsg-web"}, "8080 D": {"nsg-nic-web-01"}, "23 D": {"nsg-web"},
	} {
		if got := sortedKeys(sets[k]); !slices.Equal(got, want) {
			t.Errorf("port %s reported by %v, want %v", k, got, want)
		}
	}
}

// TestBlobAgreesWithTheTable counts the tuples of the raw log and the counters of
// the table for the same rule set, host and hour.
func TestBlobAgreesWithTheTable(t *testing.T) {
	files, truth := mustMake(t, "seed-full", 0)
	name := files.Names()[slices.IndexFunc(files.Names(), func(n string) bool { return strings.HasSuffix(n, "PT1H.json") })]
	var blob blobFile
	dec := json.NewDecoder(bytes.NewReader(files[name]))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&blob); err != nil {
		t.Fatal(err)
	}
	raw, tuples := map[string]int{}, 0
	for _, rec := range blob.Records {
		for _, r := range rec.Properties.Flows {
			for _, f := range r.Flows {
				for _, line := range f.Tuples {
					tuples++
					v := strings.Split(line, ",")
					if len(v) != 13 {
						t.Fatalf("tuple %q", line)
					}
					if v[8] == "B" && v[6] == "I" {
						raw[v[1]+" "+v[4]+" "+v[7]]++
					}
				}
			}
		}
	}
	if tuples != truth.Rows[name] || len(raw) == 0 {
		t.Fatalf("%d tuples, %d keys; truth says %d tuples", tuples, len(raw), truth.Rows[name])
	}
	if d := cmp.Diff(tableCounts(t, files, "rg-web/web-03", truth.Spike.Window.Start+netcase.Hour), raw); d != "" {
		t.Errorf("the table and the raw log differ:\n%s", d)
	}
}

// tableCounts are the inbound flows to a machine in one interval.
func tableCounts(t *testing.T, files Files, vm string, hour netcase.Time) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, r := range wholeTables(t, files) {
		inside := r["VM2_s"] == vm && r["NSGList_s"] != "" && strings.HasSuffix(r["NSGList_s"], "/nsg-web")
		if r["SubType_s"] != "FlowLog" || r["FlowDirection_s"] != "I" || r["VM_s"] != vm && !inside || portal(t, r["FlowIntervalStartTime_t [UTC]"]) != hour {
			continue
		}
		if r["SrcIP_s"] != "" {
			out[r["SrcIP_s"]+" "+r["DestPort_d"]+" "+r["FlowStatus_s"]] += flowsOf(r)
			continue
		}
		for _, entry := range strings.Fields(r["SrcPublicIPs_s"]) {
			f := strings.Split(entry, "|")
			out[f[0]+" "+r["DestPort_d"]+" "+r["FlowStatus_s"]] += number(f[1])
		}
	}
	return out
}

// TestOwners checks the processes that accept connections: Remote Desktop sits in
// one service group on a client and in another on a server.
func TestOwners(t *testing.T) {
	files, truth := mustMake(t, "seed-full", 0)
	want := map[string]bool{
		"vdi-07 3389 svchost.exe -k NetworkService -s TermService true": true,
		"winapp-01 3389 svchost.exe -k termsvcs -s TermService false":   true,
	}
	for _, o := range truth.Owners {
		delete(want, fmt.Sprintf("%s %d %s %v", o.Host, o.Port, o.CommandLine, o.Outside))
	}
	if len(want) > 0 {
		t.Errorf("missing %v in %+v", want, truth.Owners)
	}
	keys, actions := map[string]bool{}, map[string]int{}
	for _, r := range table(t, files, "telemetry/DeviceNetworkEvents.csv") {
		k := r["ReportId"] + r["DeviceName"] + r["Timestamp"]
		if keys[k] {
			t.Fatalf("two events with the natural key %s", k)
		}
		keys[k] = true
		actions[r["ActionType"]]++
		if _, err := time.Parse("2006-01-02T15:04:05.0000000Z", r["Timestamp"]); err != nil {
			t.Fatal(err)
		}
	}
	if actions[accepted] == 0 || actions[succeeded] == 0 || actions[listening] == 0 {
		t.Errorf("actions %v", actions)
	}
}

// TestQuietHasNoIncident checks that no administration port answers strangers and
// that no hour stands out.
func TestQuietHasNoIncident(t *testing.T) {
	for seed := range uint64(fewer(6, 1)) {
		w := newWorld(seed, false)
		hourly := make([]int, spanHours)
		for i := range w.flows {
			f := &w.flows[i]
			if !w.inbound(f) {
				continue
			}
			hourly[(f.at-w.start)/netcase.Hour]++
			if f.result == answered && netcase.IsAdminPort(f.dport) && f.src != w.office && f.src != w.worker {
				t.Fatalf("seed %d: %v is answered on %d", seed, f.src, f.dport)
			}
		}
		sorted := slices.Sorted(slices.Values(hourly))
		if median := sorted[len(sorted)/2]; slices.Max(hourly) > 2*median {
			t.Errorf("seed %d: an hour of %d flows, the median is %d", seed, slices.Max(hourly), median)
		}
	}
}

// TestTruthIsJSON reads the labels back.
func TestTruthIsJSON(t *testing.T) {
	files, truth := mustMake(t, "seed-full", 4)
	var back Truth
	if err := json.Unmarshal(files[truthFile], &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(truth, back, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
		t.Error(d)
	}
	for name, rows := range truth.Rows {
		if strings.HasSuffix(name, ".csv") && len(table(t, files, name)) != rows {
			t.Errorf("%s has %d rows, truth says %d", name, len(table(t, files, name)), rows)
		}
	}
}

// TestSiteReadsAsYAML reads site.yaml into the noun it describes.
func TestSiteReadsAsYAML(t *testing.T) {
	files, truth := mustMake(t, "seed-full", 4)
	var site netcase.Site
	if err := yaml.UnmarshalWithOptions(files["site.yaml"], &site, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if len(site.Assets) != truth.Hosts || len(site.Own) != 2 || len(site.Approved) != 2 {
		t.Errorf("%d assets, %d own, %d approved", len(site.Assets), len(site.Own), len(site.Approved))
	}
	for _, h := range truth.Targets {
		a, ok := site.AssetOf(netcase.Endpoint{Addr: h.Address})
		if !ok || a.OS != h.OS || a.Criticality == 0 {
			t.Errorf("asset of %v: %+v", h.Address, a)
		}
	}
}

// TestIntelligence reads the claims as plain CSV.
func TestIntelligence(t *testing.T) {
	for _, seed := range []uint64{0, 4} {
		files, truth := mustMake(t, "seed", seed)
		claims, places := map[string]int{}, map[string]map[string]bool{}
		for _, name := range files.Names() {
			if !strings.HasPrefix(name, "intel/") || !strings.HasSuffix(name, ".csv") {
				continue
			}
			for _, r := range table(t, files, name) {
				claims[r["provider"]+" "+r["category"]]++
				if places[r["address"]] == nil {
					places[r["address"]] = map[string]bool{}
				}
				if r["city"] != "" {
					places[r["address"]][r["city"]] = true
				}
			}
		}
		for _, want := range []string{"AlienVault OTX IPQS Abusive IP List", "Kaspersky phishing", "SOCRadar Bad Reputation", "Hosting ranges hosting", "Benign scanners benign-scanner"} {
			if claims[want] != 1 {
				t.Errorf("seed %d: %d claims of %s", seed, claims[want], want)
			}
		}
		for i, want := range []int{2, 1, 2} {
			if got := places[truth.Addresses[i].Address.String()]; len(got) != want {
				t.Errorf("seed %d: address %d stands in %v", seed, i, sortedKeys(got))
			}
		}
		checkNetset(t, files, truth)
	}
}

// checkNetset checks that the list of scanners names nobody else.
func checkNetset(t *testing.T, files Files, truth Truth) {
	t.Helper()
	known := slices.Concat(truth.Approved, truth.Background)
	for _, a := range truth.Addresses {
		known = append(known, a.Address)
	}
	entries := 0
	for line := range strings.Lines(string(files["intel/mass-scanners.netset"])) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		entries++
		p, err := netip.ParsePrefix(line)
		if err != nil {
			a, err := netip.ParseAddr(line)
			if err != nil {
				t.Fatal(err)
			}
			p = netip.PrefixFrom(a, 32)
		}
		for _, a := range known {
			if p.Contains(a) {
				t.Errorf("%v is listed by %v", a, p)
			}
		}
	}
	if entries < 200 {
		t.Errorf("%d entries", entries)
	}
}

// TestDemoIsSmall checks the size of what the demo makes, for some seeds.
func TestDemoIsSmall(t *testing.T) {
	const limit = 30 << 20
	for _, seed := range []uint64{0, 4} {
		a, _ := mustMake(t, "seed", seed)
		b, _ := mustMake(t, "seed-full", seed)
		if n := a.Size() + b.Size(); n > limit {
			t.Errorf("seed %d: %d bytes, want at most %d", seed, n, limit)
		}
	}
}

func TestWriteMakesTheFilesOfMake(t *testing.T) {
	dir := t.TempDir()
	files, _ := mustMake(t, "seed", 4)
	if _, err := Write(dir, "seed", 4); err != nil {
		t.Fatal(err)
	}
	for _, name := range files.Names() {
		b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(b, files[name]) {
			t.Errorf("%s: %v, or other bytes", name, err)
		}
	}
	if _, err := Write(filepath.Join(dir, truthFile), "seed", 1); err == nil {
		t.Error("wrote below a file")
	}
}

func TestUnknownScenario(t *testing.T) {
	_, _, err := Make("storm", 0)
	if want := `scenario "storm": want one of seed, seed-full, quiet, volume, sweep, `; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestGolden shows the first lines of every file, and pins the bytes of all of
// them by their hash.
func TestGolden(t *testing.T) {
	for _, s := range Scenarios()[:fewer(incidents, 2)] {
		t.Run(s.Name, func(t *testing.T) {
			files, _ := mustMake(t, s.Name, 0)
			got := heads(files)
			path := filepath.Join("testdata", s.Name+".golden")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// heads are the first lines of every file, and of the tables the first line of
// each kind; long lines are cut.
func heads(files Files) []byte {
	const first, width = 3, 900
	kinds := []string{",Topology,", intraVNet, azurePublic, externalPublic, maliciousFlow, ",O,A,", "sshd.exe", accepted, succeeded}
	var b bytes.Buffer
	for _, name := range files.Names() {
		fmt.Fprintf(&b, "-- %s: %d bytes, sha256 %x\n", name, len(files[name]), sha256.Sum256(files[name]))
		lines := strings.Split(strings.TrimSpace(string(files[name])), "\n")
		shown := min(first, len(lines))
		show := func(line string) { fmt.Fprintf(&b, "%.*s\n", width, strings.TrimRight(line, "\r")) }
		for _, line := range lines[:shown] {
			show(line)
		}
		for _, kind := range kinds {
			if i := slices.IndexFunc(lines[shown:], func(line string) bool { return strings.Contains(line, kind) }); i >= 0 {
				show(lines[shown+i])
			}
		}
	}
	return b.Bytes()
}
