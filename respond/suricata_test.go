package respond

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"netcase"
)

// suricataConfig is the least that Suricata starts with.
const suricataConfig = `%%YAML 1.1
---
vars:
  address-groups:
    HOME_NET: "[10.0.0.0/8,11.200.1.0/28,fd00::/8]"
    EXTERNAL_NET: "!$HOME_NET"
classification-file: %s
outputs:
  - eve-log:
      enabled: yes
      filetype: regular
      filename: eve.json
      types:
        - alert:
            metadata: yes
`

// absent skips a test for want of a program that reads what we write. Where
// NETCASE_PEERS is "require", that is a failure: there the program is the point.
func absent(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("NETCASE_PEERS") == "require" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// sensor is a folder with a configuration, ready to run Suricata in.
func sensor(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("suricata"); err != nil {
		absent(t, "suricata is not installed: the rules are not put to the real sensor")
	}
	dir := t.TempDir()
	class := filepath.Join(dir, "classification.config")
	must(t, os.WriteFile(class, []byte("config classification: misc-attack,Misc Attack,2\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "suricata.yaml"), fmt.Appendf(nil, suricataConfig, class), 0o644))
	return dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func runSuricata(t *testing.T, dir string, args ...string) string {
	t.Helper()
	args = append([]string{"-c", filepath.Join(dir, "suricata.yaml"), "-l", dir, "--runmode", "single"}, args...)
	out, err := exec.Command("suricata", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("suricata: %v\n%s", err, out)
	}
	return string(out)
}

func TestSuricataTakesEveryFile(t *testing.T) {
	sensor(t)
	for name, c := range variants() {
		t.Run(name, func(t *testing.T) {
			dir := sensor(t)
			files := render(t, c, Options{Targets: []string{"suricata"}})
			rules := filepath.Join(written(t, files), suricataRules)
			if out := runSuricata(t, dir, "-T", "-S", rules); strings.Contains(strings.ToLower(out), "error") || regexp.MustCompile(`\bE: `).MatchString(out) {
				t.Errorf("suricata complains:\n%s", out)
			}
		})
	}
}

// packet is a TCP segment that we synthesise.
type packet struct {
	from, to netip.AddrPort
	flags    byte
}

const syn, ack, synAck = 0x02, 0x10, 0x12

func tcp(from netip.Addr, fromPort uint16, to netip.Addr, toPort uint16, flags byte) packet {
	return packet{netip.AddrPortFrom(from, fromPort), netip.AddrPortFrom(to, toPort), flags}
}

// pcap is a capture file with the packets, one a second apart.
func pcap(list []packet) []byte {
	le := binary.LittleEndian
	out := le.AppendUint32(nil, 0xa1b2c3d4)
	out = le.AppendUint16(out, 2)
	out = le.AppendUint16(out, 4)
	out = append(out, make([]byte, 8)...)
	out = le.AppendUint32(out, 65535)
	out = le.AppendUint32(out, 1) // Ethernet
	for i, p := range list {
		f := frame(p)
		out = le.AppendUint32(out, uint32(issue/netcase.Second)+uint32(i))
		out = le.AppendUint32(out, 0)
		out = le.AppendUint32(out, uint32(len(f)))
		out = le.AppendUint32(out, uint32(len(f)))
		out = append(out, f...)
	}
	return out
}

// frame is an Ethernet frame with the segment; checksums are left zero.
func frame(p packet) []byte {
	be := binary.BigEndian
	out := append(make([]byte, 11), 1)
	if p.from.Addr().Is4() {
		out = be.AppendUint16(out, 0x0800)
		out = append(out, 0x45, 0)
		out = be.AppendUint16(out, 40)
		out = append(out, 0, 1, 0, 0, 64, netcase.TCP, 0, 0)
	} else {
		out = be.AppendUint16(out, 0x86dd)
		out = append(out, 0x60, 0, 0, 0)
		out = be.AppendUint16(out, 20)
		out = append(out, netcase.TCP, 64)
	}
	out = append(out, p.from.Addr().AsSlice()...)
	out = append(out, p.to.Addr().AsSlice()...)
	out = be.AppendUint16(out, p.from.Port())
	out = be.AppendUint16(out, p.to.Port())
	seq, acked := uint32(1000), uint32(0)
	if p.flags&syn == 0 {
		seq++ // the SYN took one
	}
	if p.flags&ack != 0 {
		acked = 1001
	}
	out = be.AppendUint32(out, seq)
	out = be.AppendUint32(out, acked)
	return append(out, 0x50, p.flags, 0x20, 0, 0, 0, 0, 0)
}

type eveAlert struct {
	EventType string `json:"event_type"`
	Src       string `json:"src_ip"`
	Dst       string `json:"dest_ip"`
	Alert     struct {
		SID       int                 `json:"signature_id"`
		Signature string              `json:"signature"`
		Action    string              `json:"action"`
		Metadata  map[string][]string `json:"metadata"`
	} `json:"alert"`
}

// replay is what Suricata says of the packets.
func replay(t *testing.T, files map[string]string, packets []packet) []eveAlert {
	t.Helper()
	dir := sensor(t)
	rules := filepath.Join(written(t, files), suricataRules)
	file := filepath.Join(dir, "in.pcap")
	must(t, os.WriteFile(file, pcap(packets), 0o644))
	runSuricata(t, dir, "-r", file, "-S", rules, "-k", "none")
	raw, err := os.ReadFile(filepath.Join(dir, "eve.json"))
	must(t, err)
	var out []eveAlert
	for line := range strings.Lines(string(raw)) {
		var a eveAlert
		must(t, json.Unmarshal([]byte(line), &a))
		if a.EventType == "alert" {
			out = append(out, a)
		}
	}
	return out
}

func TestSuricataFires(t *testing.T) {
	inside6 := netip.MustParseAddr("fd00::4")
	benign := netip.MustParseAddr("11.22.33.46")
	bad := []packet{
		tcp(scanner, 40000, ownHost, 22, syn), tcp(scanner, 40001, ownHost, 23, syn), // one alert: limited by source
		tcp(guesser, 40000, ownPublic, 22, syn),
		tcp(guesser6, 40000, inside6, 22, syn),
		tcp(netip.MustParseAddr("11.77.7.9"), 40000, ownHost, 3389, syn),
		tcp(worker, 40000, ownHost, 22, syn), // may log in, is watched all the same
		tcp(ownHost, 50000, control, 443, syn),
	}
	good := []packet{
		tcp(benign, 40000, ownHost, 22, syn), tcp(netip.MustParseAddr("11.77.8.1"), 40000, ownHost, 22, syn),
		tcp(netip.MustParseAddr("2600:ff00:1::6"), 40000, inside6, 22, syn), tcp(cdn, 40000, ownHost, 443, syn),
		tcp(ownHost, 50001, benign, 443, syn), tcp(benign, 443, ownHost, 50001, synAck),
		tcp(ownHost, 50002, netip.MustParseAddr("11.22.33.44"), 80, syn), tcp(scanner, 80, ownHost, 50002, synAck), // we began
		tcp(netip.MustParseAddr("8.8.8.8"), 53, ownHost, 50003, syn),
	}
	files := render(t, sample(), Options{Targets: []string{"suricata"}})
	alerts := replay(t, files, append(good, bad...))
	var got []string
	for _, a := range alerts {
		got = append(got, a.Src+" > "+a.Dst)
		if a.Alert.Action != "allowed" || !strings.Contains(a.Alert.Signature, "NETCASE nc-00c0ffee") || a.Alert.Metadata["netcase_case"][0] != "nc-00c0ffee" {
			t.Errorf("alert %+v", a)
		}
		if !strings.Contains(files[suricataSids], strconv.Itoa(a.Alert.SID)+"\n") {
			t.Errorf("sid %d is not in the list for the rollback", a.Alert.SID)
		}
	}
	long := func(s string) string { return netip.MustParseAddr(s).StringExpanded() }
	want := []string{"11.22.33.44 > 10.0.0.4", "11.22.33.45 > 11.200.1.1", long("2600:ff00:1::5") + " > " + long("fd00::4"),
		"11.77.7.9 > 10.0.0.4", "11.99.0.7 > 10.0.0.4", "10.0.0.4 > 11.50.60.70"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("alerts\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := len(replay(t, files, good)); n != 0 {
		t.Errorf("%d alerts on harmless traffic", n)
	}
}

// Every rule fires on the first and the last entry that it holds, in a list and
// in a group of prefixes too, and on ports and hosts only where it says so.
func TestSuricataFiresFromLists(t *testing.T) {
	c := variants()["many"]
	c.Actions[3].Selection = netcase.Selection{Peers: peers(scanner), Ports: []uint16{22, 23}, Hosts: peers(ownHost)}
	other := netip.MustParseAddr("10.0.0.5")
	alerts := replay(t, render(t, c, Options{}), []packet{
		tcp(netip.MustParseAddr("12.1.0.0"), 1, ownHost, 22, syn), tcp(netip.MustParseAddr("12.1.78.31"), 1, ownHost, 22, syn),
		tcp(netip.MustParseAddr("12.1.78.32"), 1, ownHost, 22, syn), // one past the end
		tcp(netip.MustParseAddr("12.7.0.1"), 1, ownHost, 22, syn), tcp(netip.MustParseAddr("12.7.43.200"), 1, ownHost, 22, syn),
		tcp(scanner, 1, ownHost, 80, syn), tcp(scanner, 1, other, 22, syn), // another port, another host
		tcp(scanner, 2, ownHost, 23, syn), tcp(ownHost, 2, scanner, 22, syn),
	})
	var got []string
	for _, a := range alerts {
		got = append(got, a.Src+" > "+a.Dst)
	}
	want := []string{"12.1.0.0 > 10.0.0.4", "12.1.78.31 > 10.0.0.4", "12.7.0.1 > 10.0.0.4", "12.7.43.200 > 10.0.0.4", "11.22.33.44 > 10.0.0.4", "10.0.0.4 > 11.22.33.44"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("alerts\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A rule that asks for answers is silent on a probe and speaks on a handshake.
func TestSuricataAnswered(t *testing.T) {
	c := sample()
	c.Actions = c.Actions[3:]
	c.Actions[0].Selection = netcase.Selection{Peers: peers(scanner, guesser), Reaches: []netcase.Reach{netcase.ReachBidirectional, netcase.ReachAuthenticated}}
	alerts := replay(t, render(t, c, Options{}), []packet{
		tcp(scanner, 1, ownHost, 22, syn),
		tcp(guesser, 1, ownHost, 22, syn), tcp(ownHost, 22, guesser, 1, synAck), tcp(guesser, 1, ownHost, 22, ack),
		tcp(guesser, 1, ownHost, 22, ack), // established from the packet after the handshake
		tcp(ownHost, 2, scanner, 80, syn), // a call from our side is news as it is
	})
	var got []string
	for _, a := range alerts {
		got = append(got, a.Src+" > "+a.Dst)
	}
	slices.Sort(got)
	if want := []string{"10.0.0.4 > 11.22.33.44", "11.22.33.45 > 10.0.0.4"}; !slices.Equal(got, want) {
		t.Errorf("alerts %v, want %v", got, want)
	}
}

func TestSuricataFile(t *testing.T) {
	files := render(t, sample(), Options{Targets: []string{"suricata"}})
	rules := files[suricataRules]
	seen := map[string]bool{}
	for line := range strings.Lines(rules) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		if !strings.HasPrefix(line, "alert ip ") {
			t.Errorf("not an alert: %s", line)
		}
		m := regexp.MustCompile(` sid:(\d+); rev:1;\)\n$`).FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("no number: %s", line)
		}
		if n, _ := strconv.Atoi(m[1]); n < firstSid || n >= firstSid+sidCount || seen[m[1]] {
			t.Errorf("number %s out of range or used twice", m[1])
		}
		seen[m[1]] = true
		if !strings.Contains(files[suricataDisable], "1:"+m[1]+"\n") {
			t.Errorf("%s is not taken back", m[1])
		}
		for _, want := range []string{"threshold:type limit, track by_src, count 1, seconds 3600;", "netcase_case nc-00c0ffee", "netcase_expires 2025-"} {
			if !strings.Contains(line, want) {
				t.Errorf("want %q in %s", want, line)
			}
		}
	}
	if len(seen) == 0 {
		t.Error("no rule")
	}
	if strings.Contains(rules, "\ndrop") || strings.Contains(rules, "reject") {
		t.Error("a rule drops")
	}
}

// A case without actions is watched by its groups.
func TestSuricataFromGroups(t *testing.T) {
	c := sample()
	c.Actions = nil
	rules := render(t, c, Options{})[suricataRules]
	for _, want := range []string{"alert ip [11.22.33.44] any -> $HOME_NET any", "alert ip $HOME_NET any -> [11.50.60.70] any"} {
		if !strings.Contains(rules, want) {
			t.Errorf("want %q in\n%s", want, rules)
		}
	}
	if strings.Contains(rules, "["+cdn.String()) || strings.Contains(rules, ","+cdn.String()) || !strings.Contains(rules, "# refused "+cdn.String()) {
		t.Errorf("a shared edge is watched, or not said to be left out:\n%s", rules)
	}
}

func TestSuricataNumbersAreStable(t *testing.T) {
	a, b := sample(), sample()
	slices.Reverse(b.Actions)
	one, two := render(t, a, Options{}), render(t, b, Options{})
	if one[suricataSids] != two[suricataSids] {
		t.Errorf("numbers depend on the order of the actions:\n%s\n%s", one[suricataSids], two[suricataSids])
	}
	b.ID = "nc-other"
	if render(t, b, Options{})[suricataSids] == one[suricataSids] {
		t.Error("two cases have the same numbers")
	}
}

func FuzzSuricataMsg(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := suricataMsg(s)
		if !ascii(got) || len(got) > 2*suricataMessage+2 {
			t.Errorf("%q: %q", s, got)
		}
		if plain(s, suricataMessage, "") != unescaped(t, got) {
			t.Errorf("%q does not come back from %q", s, got)
		}
		if got := suricataComment(s); strings.ContainsAny(got, "\n\r\\") {
			t.Errorf("%q is not safe after #: %q", s, got)
		}
	})
}

// unescaped reads a message as Suricata does, and fails where the message would
// end early.
func unescaped(t *testing.T, s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i == len(s) || !strings.ContainsRune(`\";`, rune(s[i])) {
				t.Fatalf("%q ends in an escape, or escapes what is none", s)
			}
		case '"', ';':
			t.Fatalf("%q has a bare %q", s, s[i])
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
