package respond

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"netcase"
)

// namespace is the command that runs nft(8) in a network namespace of its own, so
// that no test touches the packet filter of the machine.
func namespace(t *testing.T) []string {
	t.Helper()
	for _, tool := range []string{"nft", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			absent(t, "%s is not installed: the files are not put to the real packet filter", tool)
		}
	}
	cmd := []string{"unshare", "--net"}
	if os.Getuid() != 0 {
		cmd = []string{"unshare", "--user", "--map-root-user", "--net"}
	}
	if out, err := exec.Command(cmd[0], append(cmd[1:], "nft", "list", "ruleset")...).CombinedOutput(); err != nil {
		absent(t, "no network namespace for nft here (%v: %s)", err, strings.TrimSpace(string(out)))
	}
	return cmd
}

// inNamespace runs a shell script in a fresh network namespace and returns what
// it printed.
func inNamespace(t *testing.T, script string, env ...string) string {
	t.Helper()
	cmd := append(namespace(t), "sh", "-ec", script)
	run := exec.Command(cmd[0], cmd[1:]...)
	run.Env = append(os.Environ(), env...)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// written puts the files into a folder and returns it.
func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range files {
		full := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// variants are the cases that every real peer has to take.
func variants() map[string]*netcase.Case {
	nothing := sample()
	nothing.Actions = nothing.Actions[:1]
	quiet := sample()
	quiet.Actions, quiet.Groups = nil, quiet.Groups[:1]
	bare := &netcase.Case{ID: "nc-bare", AsOf: issue}
	refused := sample()
	refused.Actions = []netcase.Action{{ID: "A1", Kind: kindBlock, Selection: netcase.Selection{Peers: peers(cdn, ownHost)}}}
	both := sample()
	both.Actions[1].Selection.Direction = netcase.DirectionUnknown
	both.Actions[1].Selection.Ports = []uint16{22, 3389, 22}
	both.Actions[1].Selection.Hosts = append(peers(ownHost, netip.MustParseAddr("fd00::4")), netcase.At(ownPublic))
	many := sample()
	many.Actions[1].Selection.Peers = nil
	for i := range 20_000 {
		many.Actions[1].Selection.Peers = append(many.Actions[1].Selection.Peers, netcase.At(netip.AddrFrom4([4]byte{12, 1, byte(i >> 8), byte(i)})))
	}
	for i := range 300 {
		many.Actions[1].Selection.Prefixes = append(many.Actions[1].Selection.Prefixes, netip.PrefixFrom(netip.AddrFrom4([4]byte{12, 7, byte(i), byte(i >> 8 << 7)}), 25))
	}
	overlap := sample()
	overlap.Actions[1].Selection.Prefixes = []netip.Prefix{badRange, netip.MustParsePrefix("11.77.7.128/25"), netip.MustParsePrefix("11.77.7.9/32"), netip.MustParsePrefix("::ffff:11.77.7.9/128")}
	return map[string]*netcase.Case{"sample": sample(), "hostile": hostile(), "no block": nothing, "background": quiet, "bare": bare,
		"refused": refused, "both ways": both, "many": many, "overlap": overlap}
}

func TestNftTakesEveryFile(t *testing.T) {
	namespace(t)
	for name, c := range variants() {
		t.Run(name, func(t *testing.T) {
			dir := written(t, render(t, c, Options{Targets: []string{"nftables"}}))
			var script strings.Builder
			for _, f := range []string{nftObserve, nftBlock, nftRollback} {
				full := filepath.Join(dir, f)
				fmt.Fprintf(&script, "nft -c -f %s; nft -f %s; nft -f %s; echo '== %s'; nft list ruleset\n", full, full, full, filepath.Base(f))
			}
			out := inNamespace(t, script.String())
			parts := strings.Split(out, "== ")
			if len(parts) != 4 {
				t.Fatalf("printed:\n%s", out)
			}
			if table := "table inet " + nftTable(c); !strings.Contains(parts[1], table) || strings.Count(parts[1], "table ") != 1 {
				t.Errorf("stage 1 did not load %s and nothing else:\n%s", table, parts[1])
			}
			if strings.Contains(parts[1], "drop") && strings.Contains(chainsOf(parts[1]), " drop") {
				t.Errorf("stage 1 drops:\n%s", parts[1])
			}
			if strings.TrimSpace(parts[3]) != "rollback.nft" {
				t.Errorf("after the rollback there is left:\n%s", parts[3])
			}
			if name == "hostile" && (strings.Contains(parts[2], "evil") && strings.Contains(parts[2], "table inet evil {")) {
				t.Errorf("a name became a rule:\n%s", parts[2])
			}
		})
	}
}

// chainsOf are the rules of a listing without their comments.
func chainsOf(listing string) string {
	var out []string
	for line := range strings.Lines(listing) {
		line, _, _ = strings.Cut(line, "comment")
		line, _, _ = strings.Cut(line, "log prefix")
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// nftProbe tells the test binary, run again inside a namespace, to send.
const nftProbe = "NETCASE_TEST_SEND"

// TestNftSend is the far side of TestNftDrops: it sends one datagram from each
// address and prints which arrived.
func TestNftSend(t *testing.T) {
	list := os.Getenv(nftProbe)
	if list == "" {
		t.Skip("runs only inside the namespace that TestNftDrops makes")
	}
	in, err := net.ListenPacket("udp4", "10.0.0.4:9000")
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range strings.Split(list, ",") {
		out, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.ParseIP(from)}, &net.UDPAddr{IP: net.ParseIP("10.0.0.4"), Port: 9000})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := out.Write([]byte(from)); err != nil {
			t.Logf("%s: %v", from, err)
		}
		got := make([]byte, 64)
		in.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if n, _, err := in.ReadFrom(got); err == nil {
			fmt.Printf("arrived %s\n", got[:n])
		} else {
			fmt.Printf("lost %s\n", from)
		}
	}
}

func TestNftDrops(t *testing.T) {
	if _, err := exec.LookPath("ip"); err != nil {
		absent(t, "ip(8) is not installed: no packets are sent through the packet filter")
	}
	namespace(t)
	c := sample()
	now := netcase.TimeOf(time.Now())
	c.IssuedAt = now // the kernel compares with its own clock
	inside := netip.MustParseAddr("11.77.7.200")
	from := strings.Join([]string{guesser.String(), inside.String(), scanner.String(), worker.String()}, ",")
	script := "ip link set lo up; for a in 10.0.0.4 11.22.33.45 11.77.7.200 11.22.33.44 11.99.0.7; do ip addr add $a/32 dev lo; done; nft -f %s; " + os.Args[0] + " -test.run='^TestNftSend$'"
	dir := written(t, render(t, c, Options{Targets: []string{"nftables"}}))

	blocked := inNamespace(t, fmt.Sprintf(script, filepath.Join(dir, nftBlock)), nftProbe+"="+from)
	for _, want := range []string{"lost " + guesser.String(), "lost " + inside.String(), "arrived " + scanner.String(), "arrived " + worker.String()} {
		if !strings.Contains(blocked, want) {
			t.Errorf("block: want %q in\n%s", want, blocked)
		}
	}
	watched := inNamespace(t, fmt.Sprintf(script, filepath.Join(dir, nftObserve))+"; nft list ruleset", nftProbe+"="+from)
	if strings.Contains(watched, "lost") || !strings.Contains(watched, "counter packets 2") {
		t.Errorf("observe: want nothing lost and two packets counted in\n%s", watched)
	}
	c.IssuedAt = now - 8*netcase.Day // one day after the end of the rule, loaded late
	late := written(t, render(t, c, Options{Targets: []string{"nftables"}}))
	out := inNamespace(t, fmt.Sprintf(script, filepath.Join(late, nftBlock)), nftProbe+"="+from)
	if strings.Contains(out, "lost") {
		t.Errorf("a rule outlived its end:\n%s", out)
	}
}

func TestNftFiles(t *testing.T) {
	files := render(t, sample(), Options{Targets: []string{"nftables"}})
	block := files[nftBlock]
	for _, want := range []string{"table inet netcase_nc_00c0ffee", "11.22.33.45,", "11.77.7.0/24,", "2600:ff00:1::5,", "timeout 604800s", "timeout 2592000s",
		"auto-merge", "flags interval,timeout", "counter drop", "owner network", "ends 2025-10-16T", "refused 104.16.1.1: ", "refused 11.99.0.7: ", "refused 11.200.1.1: own network"} {
		if !strings.Contains(block, want) {
			t.Errorf("want %q in\n%s", want, block)
		}
	}
	if strings.Contains(files[nftObserve], "counter drop") {
		t.Error("stage 1 drops")
	}
	for _, gone := range []string{cdn.String() + ",", worker.String() + ",", ownPublic.String() + ","} {
		if strings.Contains(block, gone) {
			t.Errorf("%s is in the set", gone)
		}
	}
}

func TestNftEmptySaysWhy(t *testing.T) {
	for name, want := range map[string]string{"background": "background scanning", "no block": "proposes no address", "refused": "every address that was proposed is refused"} {
		if text := render(t, variants()[name], Options{})[nftBlock]; !strings.Contains(text, want) || strings.Contains(text, "elements") {
			t.Errorf("%s: want %q and no element in\n%s", name, want, text)
		}
	}
}

func FuzzNft(f *testing.F) {
	for _, s := range nasty {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := nftString(s); strings.ContainsAny(got, "\"\\\n\r\t\x00") || len(got) > 127 || !ascii(got) {
			t.Errorf("%q is not safe between quotes: %q", s, got)
		}
		if got := nftComment(s); strings.ContainsAny(got, "\n\r\\\x00\u2028\u0085") {
			t.Errorf("%q is not safe after #: %q", s, got)
		}
		if got := word(s, 24); got == "" || strings.Trim(got, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" || len(got) > 25 {
			t.Errorf("%q is no word: %q", s, got)
		}
	})
}

func ascii(s string) bool {
	for _, r := range s {
		if r < ' ' || r > '~' {
			return false
		}
	}
	return true
}
