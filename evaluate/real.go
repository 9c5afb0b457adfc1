package evaluate

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"

	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"netcase"
	"netcase/hunt"
)

// RealResult is what was found in one set of real data with labels.
type RealResult struct {
	Set    string `json:"set"`
	Asked  string `json:"asked"`
	Ratio  Ratio  `json:"ratio"`
	Result string `json:"result"`
	Right  string `json:"right,omitempty"` // yes or no, where one answer is right
}

// realSet is one set of real data and what is asked of it.
type realSet struct {
	name  string
	paths []string // below the folder of data
	site  netcase.Site
	ask   func(c *netcase.Case, dir string) ([]RealResult, error)
}

func answered(asked string, ok bool, yes, no string) RealResult {
	r := RealResult{Asked: asked, Ratio: Ratio{int(one(ok)), 1}, Result: no, Right: "no"}
	if ok {
		r.Result, r.Right = yes, "yes"
	}
	return r
}

// measureReal runs every set that is there; nothing is tuned to them.
func measureReal(ctx context.Context, cfg Config) ([]RealResult, error) {
	out := []RealResult{}
	if cfg.Data == "" {
		return out, nil
	}
	for _, s := range realSets() {
		var paths []string
		for _, p := range s.paths {
			path := filepath.Join(cfg.Data, filepath.FromSlash(p))
			if _, err := os.Stat(path); err != nil {
				break
			}
			paths = append(paths, path)
		}
		if len(paths) < len(s.paths) {
			out = append(out, RealResult{Set: s.name, Asked: "–", Result: "the data is not there"})
			continue
		}
		h := cfg.Hunt
		h.Workers, h.Temp, h.Paths, h.Site = 1, cfg.Temp, paths, s.site
		c, err := hunt.Run(ctx, h)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			out = append(out, RealResult{Set: s.name, Asked: "–", Result: "it could not be run: " + err.Error(), Ratio: Ratio{0, 1}, Right: "no"})
			continue
		}
		results, err := s.ask(c, cfg.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		for _, r := range results {
			r.Set = s.name
			out = append(out, r)
		}
	}
	return out, nil
}

// measureGrounds runs the real benign traffic by itself: nothing of it is harm.
func measureGrounds(ctx context.Context, cfg Config, list []ground, ratios map[string]Ratio) (out []RealResult, err error) {
	for i := range list {
		g := &list[i]
		days, err := callingDays(ctx, g)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.name, err)
		}
		ask := func(how string, of, paths []string) error {
			h := cfg.Hunt
			h.Workers, h.Temp, h.Paths, h.Site = 1, cfg.Temp, paths, netcase.Site{Own: []netip.Prefix{g.own}}
			c, err := hunt.Run(ctx, h)
			if err != nil {
				return fmt.Errorf("%s%s: %w", g.name, how, err)
			}
			all, rare := periodicPairs(c)
			for _, key := range of {
				ratios[key] = ratios[key].plus(Ratio{all, days})
			}
			ratios["beacon.false.real.rare"] = ratios["beacon.false.real.rare"].plus(Ratio{rare, days})
			r := innocent(c)
			r.Set, r.Asked = g.name+how, "benign ("+g.doc+"): no claim of harm is likely"
			out = append(out, r)
			return nil
		}
		keys := []string{"beacon.false.real"}
		if len(g.names) == 0 { // the capture has no other logs
			keys = append(keys, "beacon.false.real.named")
		}
		if err := ask(", by itself", keys, g.paths); err != nil {
			return nil, err
		}
		if len(g.names) == 0 {
			continue
		}
		if err := ask(", with the logs of names of the same capture", []string{"beacon.false.real.named"}, append(slices.Clone(g.paths), g.names...)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// periodicPairs counts what is called periodic without a known cause, and what of it leads
// to rare places.
func periodicPairs(c *netcase.Case) (all, rare int) {
	for i := range c.Findings {
		if b := c.Findings[i].Beacon; b != nil && b.Verdict == netcase.CadencePeriodic {
			all, rare = all+1, rare+int(one(b.Rarity.Rare))
		}
	}
	return all, rare
}

// callingDays counts pairs of a machine of ours and a day on which it called out.
func callingDays(ctx context.Context, g *ground) (int, error) {
	e, err := readEvents(ctx, g.paths...)
	if err != nil {
		return 0, err
	}
	type day struct {
		host netip.Addr
		at   netcase.Time
	}
	seen := map[day]bool{}
	for i := range e.flows {
		if f := &e.flows[i]; f.Src.Addr.IsValid() && g.own.Contains(f.Src.Addr) && !g.own.Contains(f.Dst.Addr) {
			seen[day{f.Src.Addr, f.Start.Truncate(netcase.Day)}] = true
		}
	}
	return len(seen), nil
}

// innocent says what a case makes of traffic that is benign.
func innocent(c *netcase.Case) RealResult {
	var said []string
	for _, id := range claimIDs {
		if likely(c, id) {
			said = append(said, id+" likely")
		}
	}
	r := answered("", len(said) == 0, "none", strings.Join(said, ", "))
	uploads := 0
	periodic, rare := periodicPairs(c)
	for i := range c.Findings {
		uploads += int(one(c.Findings[i].Upload != nil))
	}
	r.Result += fmt.Sprintf("; severity %s; %d pairs called periodic, %d of them to rare places; %d uploads", c.Severity, periodic, rare, uploads)
	return r
}

func own(prefixes ...string) (s netcase.Site) {
	for _, p := range prefixes {
		s.Own = append(s.Own, netip.MustParsePrefix(p))
	}
	return s
}

// realSets lists the sets.
func realSets() []realSet {
	sets := []realSet{
		{"Stratosphere 008", []string{"stratosphere-testing/008-zeek-mixed/data/conn.log.labeled.gz"}, own("147.32.81.0/24"), scannersOf("stratosphere-testing/008-zeek-mixed/data/conn.log.labeled.gz")},
		{"Stratosphere 011", []string{"stratosphere-testing/011-zeek-mixed/data/conn.log.labeled.gz"}, own("147.32.83.0/24"), scannersOf("stratosphere-testing/011-zeek-mixed/data/conn.log.labeled.gz")},
		{"Stratosphere 002", []string{"stratosphere-testing/002-zeek-scenario-port-scanning/conn.log.gz"}, netcase.Site{}, func(c *netcase.Case, _ string) ([]RealResult, error) {
			return []RealResult{answered("nmap by 172.16.1.11 over three networks", scans(c, "172.16.1.11", 0), "found", "not found")}, nil
		}},
		{"IoT-23 34-1", []string{"iot23-34-1/conn.log.labeled.gz"}, own("192.168.1.0/24"), cameraAsked},
		{"azure-honeypot-2026", []string{"azure-honeypot-2026/query_data.csv.gz"}, netcase.Site{}, honeypotAsked},
		{"azure-nsg-v2", []string{"azure-nsg-v2/PT1H.json"}, netcase.Site{}, burstAsked},
		{"msticpy processes", []string{"msticpy/mde_proc_cs1.csv.gz"}, netcase.Site{}, processesAsked},
		{"loghub OpenSSH", []string{"loghub"}, netcase.Site{}, func(c *netcase.Case, _ string) ([]RealResult, error) {
			return []RealResult{answered("guessing by 183.62.140.253", guesses(c, "183.62.140.253"), "found", "not found")}, nil
		}},
		{"fail2ban sshd", []string{"fail2ban-logs/sshd"}, netcase.Site{}, fail2banAsked},
	}
	return slices.Concat(sets, slipsSets(), crowdsecSets())
}

// scans tells whether a scan by a source was found, on a port where one is given.
func scans(c *netcase.Case, source string, port uint16) bool {
	return slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
		return f.Scan != nil && f.Scan.Class != belowScan && slices.ContainsFunc(f.Scan.Sources, func(p netcase.Profile) bool { return p.Peer.String() == source }) &&
			(port == 0 || slices.Contains(f.Scan.Ports, port))
	})
}

// guesses tells whether guessing, spraying or enumeration by a source was found.
func guesses(c *netcase.Case, source string) bool {
	return slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool {
		return f.Auth != nil && slices.ContainsFunc(f.Auth.Peers, func(e netcase.Endpoint) bool { return e.String() == source })
	})
}

func long(c *netcase.Case) bool {
	return slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool { return f.Long != nil })
}

// labelledFlow is one line of a labelled conn.log.
type labelledFlow struct {
	src, dst, port, label string
}

// labelledFlows reads the ends and the label of a conn.log whose last columns are labels.
func labelledFlows(path string) (out []labelledFlow, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // read only
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		v := strings.Split(lines.Text(), "\t")
		const tunnelParents = 20
		if len(v) > tunnelParents {
			out = append(out, labelledFlow{v[2], v[4], v[5], strings.Join(v[tunnelParents:], " ")})
		}
	}
	return out, lines.Err()
}

// scannersOf asks for the sources that a file labels as attackers. On a network of one
// host a scan is many ports of it; who asked for fewer is below every definition.
func scannersOf(file string) func(*netcase.Case, string) ([]RealResult, error) {
	const definition = 15 // ports of one host
	return func(c *netcase.Case, dir string) ([]RealResult, error) {
		flows, err := labelledFlows(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil {
			return nil, err
		}
		ports, benign := map[string]map[string]bool{}, map[string]bool{}
		for _, f := range flows {
			if !strings.Contains(f.label, "External-Attack") {
				benign[f.src] = true
				continue
			}
			if ports[f.src] == nil {
				ports[f.src] = map[string]bool{}
			}
			ports[f.src][f.port] = true
		}
		told := toldOf(c)
		var all, many, wrong Ratio
		for _, src := range sortedKeys(ports) {
			all = all.plus(Ratio{int(one(told[src])), 1})
			if len(ports[src]) >= definition {
				many = many.plus(Ratio{int(one(scans(c, src, 0))), 1})
			}
		}
		for src := range benign {
			if ports[src] == nil {
				wrong = wrong.plus(Ratio{int(one(scans(c, src, 0))), 1})
			}
		}
		return []RealResult{
			{Asked: "sources labelled as attackers that asked for 15 ports or more: called scanners", Ratio: many, Result: many.String()},
			{Asked: "all sources labelled as attackers, most of them with a probe or two: named in some finding (findings list at most 200 of their sources)", Ratio: all, Result: all.String()},
			{Asked: "other sources called scanners (fewer is better)", Ratio: wrong, Result: wrong.String()},
		}, nil
	}
}

// toldOf are the sources that some finding about scans names, those below its
// thresholds included.
func toldOf(c *netcase.Case) map[string]bool {
	out := map[string]bool{}
	for i := range c.Findings {
		if s := c.Findings[i].Scan; s != nil {
			for k := range s.Sources {
				out[s.Sources[k].Peer.String()] = true
			}
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func cameraAsked(c *netcase.Case, _ string) ([]RealResult, error) {
	const control, camera = "185.244.25.235", "192.168.1.195"
	beacon, held, called := false, false, "not found"
	for i := range c.Findings {
		f := &c.Findings[i]
		if f.Beacon != nil && f.Beacon.Peer.String() == control {
			beacon = beacon || f.Beacon.Verdict == netcase.CadencePeriodic
			called = "its cadence: " + string(f.Beacon.Verdict)
		}
		held = held || f.Long != nil && f.Long.Peer.String() == control
	}
	if held {
		called = "not as a cadence (" + called + "), but as connections held for hours"
	}
	if held && called == "not found" {
		called = "found as long connections"
	}
	flood := slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool { return f.Flood != nil && f.Flood.Outbound })
	return []RealResult{
		answered("6,706 flows of C&C to 185.244.25.235 port 6667", beacon || held, called, called),
		answered("122 flows of a horizontal scan by the camera", scans(c, camera, 0), "found", "not found"),
		answered("14,394 flows of a DDoS that it takes part in", flood, "found as an outbound flood", "not found"),
	}, nil
}

func honeypotAsked(c *netcase.Case, _ string) ([]RealResult, error) {
	success := slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool { return f.Auth != nil && f.Auth.Pattern == netcase.PatternSuccess })
	patterns := map[string]bool{}
	for i := range c.Findings {
		if a := c.Findings[i].Auth; a != nil {
			patterns[string(a.Pattern)] = true
		}
	}
	said := strings.Join(sortedKeys(patterns), ", ")
	return []RealResult{
		answered("attacks by 185.156.73.74", guesses(c, "185.156.73.74"), said, "not found"),
		answered("attacks by 185.156.73.169", guesses(c, "185.156.73.169"), said, "not found"),
		answered("no success is claimed", !success && !likely(c, "compromise"), "none", "a success is claimed"),
	}, nil
}

func burstAsked(c *netcase.Case, _ string) ([]RealResult, error) {
	var accused []string
	for i := range c.Findings {
		f := &c.Findings[i]
		if f.Flood != nil || f.Beacon != nil && f.Beacon.Verdict == netcase.CadencePeriodic || f.Scan != nil && f.Direction == netcase.Lateral {
			accused = append(accused, f.Title)
		}
	}
	return []RealResult{answered("8,171 tuples of one machine to another in 44 s, benign: no flood, scan or cadence inside", len(accused) == 0, "none", strings.Join(accused, "; "))}, nil
}

func processesAsked(c *netcase.Case, _ string) ([]RealResult, error) {
	rules := map[string]int{}
	injected := 0
	for i := range c.Findings {
		p := c.Findings[i].Process
		if p == nil || p.Decibans <= 0 {
			continue
		}
		rules[p.Rule]++
		if strings.Contains(strings.ToLower(p.Rule+p.Why), "inject") || slices.ContainsFunc(c.Findings[i].Technique, func(t string) bool { return strings.HasPrefix(t, "T1055") }) {
			injected++
		}
	}
	var said []string
	for _, r := range sortedKeys(rules) {
		said = append(said, fmt.Sprintf("%s %d", r, rules[r]))
	}
	return []RealResult{
		answered("benign processes: no claim of injection", injected == 0, "none", fmt.Sprintf("%d findings", injected)),
		{Asked: "benign processes: findings with a weight (fewer is better)", Ratio: Ratio{len(rules), 0}, Result: cmpOr(strings.Join(said, ", "), "none")},
	}, nil
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// What stands above the lines of fail2ban's logs: in which modes of the filter they are
// read, and what is expected of the line below.
var (
	fail2banModes = regexp.MustCompile(`filterOptions:\s*(.*)$`)
	fail2banLabel = regexp.MustCompile(`failJSON:\s*(\{.*\})`)
)

// fail2banLabels are the addresses that the labels of a log name.
type fail2banLabels struct {
	normal   map[string]bool // failures in the mode of the jail
	probes   map[string]bool // failures in other modes alone: probes and dropped connections
	harmless map[string]bool // in lines that are none
	plain    bytes.Buffer    // the log without labels
}

// normalMode tells whether one of the sets of options leaves the mode as it is.
func normalMode(options []byte) bool {
	var sets []map[string]string
	if json.Unmarshal(options, &sets) != nil {
		return !bytes.Contains(options, []byte(`"mode"`))
	}
	return slices.ContainsFunc(sets, func(o map[string]string) bool { return o["mode"] == "" })
}

func readFail2ban(log []byte) *fail2banLabels {
	out := &fail2banLabels{normal: map[string]bool{}, probes: map[string]bool{}, harmless: map[string]bool{}}
	normal := true
	lines := bufio.NewScanner(bytes.NewReader(log))
	for lines.Scan() {
		if m := fail2banModes.FindSubmatch(lines.Bytes()); m != nil {
			normal = normalMode(m[1])
		}
		if m := fail2banLabel.FindSubmatch(lines.Bytes()); m != nil {
			out.note(m[1], normal)
		} else if !bytes.HasPrefix(lines.Bytes(), []byte("#")) {
			out.plain.Write(append(lines.Bytes(), '\n'))
		}
	}
	for a := range out.normal {
		delete(out.probes, a)
	}
	return out
}

func (l *fail2banLabels) note(text []byte, normal bool) {
	var label struct {
		Match      bool   `json:"match"`
		Host       string `json:"host"`
		Constraint string `json:"constraint"`
	}
	if json.Unmarshal(text, &label) != nil {
		return
	}
	a, err := netip.ParseAddr(label.Host)
	switch {
	case err != nil: // a name: an address is what is asked for here
	case !label.Match:
		l.harmless[a.Unmap().String()] = true
	case normal && label.Constraint == "":
		l.normal[a.Unmap().String()] = true
	default:
		l.probes[a.Unmap().String()] = true
	}
}

// fail2banAsked compares, label by label, the addresses that fail with those that the
// login log is read to say.
func fail2banAsked(_ *netcase.Case, dir string) ([]RealResult, error) {
	b, err := os.ReadFile(filepath.Join(dir, "fail2ban-logs", "sshd"))
	if err != nil {
		return nil, err
	}
	labels := readFail2ban(b)
	failing, err := failingIn(dir, labels.plain.Bytes())
	if err != nil {
		return nil, err
	}
	var found, probes, wrong Ratio
	for a := range labels.normal {
		found = found.plus(Ratio{int(one(failing[a])), 1})
	}
	for a := range labels.probes {
		probes = probes.plus(Ratio{int(one(failing[a])), 1})
	}
	for a := range labels.harmless {
		if !labels.normal[a] && !labels.probes[a] {
			wrong = wrong.plus(Ratio{int(one(failing[a])), 1})
		}
	}
	return []RealResult{
		{Asked: "addresses labelled as failures in the mode of the jail (of the others, the failure is told by an earlier line of the same session)", Ratio: found, Result: found.String()},
		{Asked: "addresses labelled in its other modes alone: probes and dropped connections, which are no guesses here (fewer is better)", Ratio: probes, Result: probes.String()},
		{Asked: "addresses with harmless lines alone, read as failures (fewer is better)", Ratio: wrong, Result: wrong.String()},
	}, nil
}

// failingIn are the addresses with a failed login in the text of a log.
func failingIn(_ string, text []byte) (map[string]bool, error) {
	dir, err := os.MkdirTemp("", "netcase-labels-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // temporary files only
	path := filepath.Join(dir, "auth.log")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	e, err := readEvents(context.Background(), path)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for i := range e.logins {
		if l := &e.logins[i]; l.Outcome.Failed() {
			out[l.Peer.Addr.String()] = true
		}
	}
	return out, nil
}

// slipsSets are what a peer's own tests expect of its samples.
func slipsSets() []realSet {
	set := func(path, asked string, found func(*netcase.Case) bool) realSet {
		return realSet{"Slips " + path, []string{"slips/" + path}, netcase.Site{}, func(c *netcase.Case, _ string) ([]RealResult, error) {
			return []RealResult{answered(asked, found(c), "found", "not found")}, nil
		}}
	}
	return []realSet{
		set("port-scans/horizontal/conn.log", "horizontal scan of port 80 by 10.0.2.112 (some websites that it calls; below the thresholds here)", func(c *netcase.Case) bool { return scans(c, "10.0.2.112", 80) }),
		set("port-scans/vertical/conn.log", "vertical scan of 45.33.32.156 by 192.168.1.9", func(c *netcase.Case) bool { return scans(c, "192.168.1.9", 0) }),
		set("test2-malicious.binetflow", "a long connection", long),
		set("test4-malicious.binetflow", "horizontal scan of port 81 by 192.168.2.12", func(c *netcase.Case) bool { return scans(c, "192.168.2.12", 81) }),
		set("test5-mixed.binetflow", "a long connection", long),
		set("test6-malicious.suricata.json", "a vertical scan", func(c *netcase.Case) bool {
			return slices.ContainsFunc(c.Findings, func(f netcase.Finding) bool { return f.Scan != nil })
		}),
		set("test9-mixed-zeek-dir", "a connection to port 80 of 194.132.197.198 that is not HTTP (no detector asks this)", func(*netcase.Case) bool { return false }),
	}
}

// crowdsecSets are the alerts that a peer asserts of its samples; where it asserts
// none, nothing may be said of guessing.
func crowdsecSets() []realSet {
	set := func(name string, want map[string]func(*netcase.Case, string) bool) realSet {
		return realSet{"CrowdSec " + name, []string{"crowdsec-hub-tests/" + name}, netcase.Site{}, func(c *netcase.Case, _ string) ([]RealResult, error) {
			var out []RealResult
			for _, source := range sortedKeys(want) {
				out = append(out, answered("its alert on "+source, want[source](c, source), "found", "not found"))
			}
			return out, nil
		}}
	}
	scan := func(c *netcase.Case, s string) bool { return scans(c, s, 0) }
	type asks = map[string]func(*netcase.Case, string) bool
	return []realSet{
		set("ssh-bf", asks{"35.188.49.176": guesses}),
		set("ssh-slow-bf", asks{"103.100.210.198": guesses}),
		set("sshd_banner_exchange", asks{"59.91.122.57": guesses}), // probes before any password: the method does not count them
		set("iptables-scan-multi-port", asks{"62.34.17.168": scan, "127.0.0.2": scan}),
		set("pf-scan-multi-port", asks{"10.0.2.2": scan}),
		{"CrowdSec sshd-logs-fp", []string{"crowdsec-hub-tests/sshd-logs-fp"}, netcase.Site{}, func(c *netcase.Case, _ string) ([]RealResult, error) {
			n := 0
			for i := range c.Findings {
				if c.Findings[i].Auth != nil {
					n++
				}
			}
			return []RealResult{answered("no alert", n == 0, "none", fmt.Sprintf("%d findings", n))}, nil
		}},
	}
}
