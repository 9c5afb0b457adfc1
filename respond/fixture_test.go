package respond

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"netcase"
)

// Fixture addresses. The documentation ranges are special and so refused; these
// stand in for the open Internet.
var (
	scanner   = netip.MustParseAddr("11.22.33.44")
	guesser   = netip.MustParseAddr("11.22.33.45")
	guesser6  = netip.MustParseAddr("2600:ff00:1::5")
	worker    = netip.MustParseAddr("11.99.0.7") // logged in, and may
	control   = netip.MustParseAddr("11.50.60.70")
	cdn       = netip.MustParseAddr("104.16.1.1")
	ownHost   = netip.MustParseAddr("10.0.0.4")
	ownPublic = netip.MustParseAddr("11.200.1.1")
	badRange  = netip.MustParsePrefix("11.77.7.0/24")
)

const issue = netcase.Time(1_760_000_400_000) // 2025-10-09 09:00 UTC

func profile(a netip.Addr, d netcase.Direction, flows int64, r netcase.Reach, ports ...uint16) netcase.Profile {
	p := netcase.Profile{Peer: netcase.At(a), Direction: d, Hosts: []netcase.Endpoint{netcase.At(ownHost)}, HostCount: 1,
		PortCount: len(ports), Flows: flows, Records: flows, First: issue - 5*netcase.Hour, Last: issue - netcase.Hour,
		OctetsOut: netcase.Absent, OctetsIn: netcase.Absent, BusiestHour: netcase.Absent}
	p.Reach[r] = flows
	for _, n := range ports {
		p.Ports = append(p.Ports, netcase.PortCount{Port: n, Proto: netcase.TCP, Hosts: 1, Flows: flows, Records: flows})
	}
	return p
}

func card(a netip.Addr, claim netcase.ClaimType) netcase.Card {
	k := netcase.Card{Address: a, Listings: []netcase.Listing{{Timing: netcase.KnownThen, Indicator: netcase.Indicator{
		Provider: "list", Origin: "list", Prefix: single(a), Claim: claim}}}}
	if claim.Adverse() {
		k.Adverse, k.Origins, k.P = 1, []string{"list"}, 0.7
	} else {
		k.Benign = []string{"list: " + string(claim)}
	}
	return k
}

func peers(list ...netip.Addr) (out []netcase.Endpoint) {
	for _, a := range list {
		out = append(out, netcase.At(a))
	}
	return out
}

// sample is a case with a scan, a guessing of passwords that is blocked, a far
// end that was called from inside, and a remote worker.
func sample() *netcase.Case {
	c := &netcase.Case{
		Format: netcase.CaseFormat, ID: "nc-00c0ffee", Title: "Password guessing on port 22", IssuedAt: issue,
		Span: netcase.Span{Start: issue - netcase.Day, End: issue}, AsOf: issue, Status: netcase.StatusAttempt,
		Severity:   netcase.Severity{Low: netcase.Medium, High: netcase.High},
		Confidence: netcase.Confidence{Level: "moderate"},
		Summary:    []netcase.Sentence{{Text: "Two sources guessed passwords.", Evidence: []string{"E1"}}},
		Judgements: []netcase.Judgement{{Claim: netcase.Sentence{Text: "Passwords were guessed."}, Word: "very likely"}},
		Site: netcase.Site{Own: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("11.200.1.0/28")},
			Partners: []netip.Prefix{netip.MustParsePrefix("11.44.0.0/16")}},
		Cards: []netcase.Card{card(guesser, netcase.ClaimBruteForce), card(cdn, netcase.ClaimEdge), card(control, netcase.ClaimC2)},
	}
	c.Groups = []netcase.Group{
		{ID: "G1", Label: "scan of 22, 23", Class: "scan", Direction: netcase.Inbound, Severity: netcase.Severity{Low: netcase.Low, High: netcase.Low},
			Sources: []netcase.Profile{profile(scanner, netcase.Inbound, 40, netcase.ReachDenied, 22, 23)}, SourceCount: 1,
			Hypotheses: []netcase.Hypothesis{{ID: background, Posterior: 0.9}}},
		{ID: "G2", Label: "password guessing on 22", Class: "bruteforce", Direction: netcase.Inbound, Severity: netcase.Severity{Low: netcase.Medium, High: netcase.High},
			Sources: []netcase.Profile{profile(guesser, netcase.Inbound, 900, netcase.ReachBidirectional, 22), profile(guesser6, netcase.Inbound, 700, netcase.ReachBidirectional, 22),
				profile(worker, netcase.Inbound, 12, netcase.ReachAuthenticated, 22), profile(cdn, netcase.Inbound, 3, netcase.ReachBidirectional, 22)},
			SourceCount: 4, Hypotheses: []netcase.Hypothesis{{ID: "BFA", Posterior: 0.9}}},
		{ID: "G3", Label: "calls to one far end", Class: "outbound", Direction: netcase.Outbound, Severity: netcase.Severity{Low: netcase.High, High: netcase.High},
			Sources: []netcase.Profile{profile(control, netcase.Outbound, 288, netcase.ReachBidirectional, 443)}, SourceCount: 1,
			Hypotheses: []netcase.Hypothesis{{ID: "BSC", Posterior: 0.8}}},
	}
	c.Actions = []netcase.Action{
		{ID: "A1", Priority: 1, Kind: "close", Title: "Close port 22", Reason: "it is open to everybody", Owner: "network"},
		{ID: "A2", Priority: 2, Kind: kindBlock, Title: "Block the guessing sources", Reason: "900 attempts", Owner: "network", Expiry: 7 * 24 * time.Hour,
			Selection: netcase.Selection{Peers: peers(guesser, guesser6, worker, cdn, ownPublic), Prefixes: []netip.Prefix{badRange}, Direction: netcase.Inbound}, Rollback: "nft -f rollback.nft"},
		{ID: "A3", Priority: 3, Kind: kindBlock, Title: "Block the far end", Reason: "288 calls", Owner: "network", Expiry: 30 * 24 * time.Hour,
			Selection: netcase.Selection{Peers: peers(control), Direction: netcase.Outbound, Ports: []uint16{443}, Hosts: peers(ownHost)}},
		{ID: "A4", Priority: 4, Kind: kindDetect, Title: "Watch the scanner", Owner: "monitoring", Expiry: 24 * time.Hour,
			Selection: netcase.Selection{Peers: peers(scanner), Direction: netcase.Inbound}},
	}
	return c
}

// nasty is what an attacker would like to have written into a file.
var nasty = []string{
	"=HYPERLINK(\"http://x\",\"y\")", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1",
	"<script>alert(1)</script>", "[a](javascript:b)", "**bold** | cell",
	"a;sid:1;) drop ip any any -> any any (msg:\"x\"", `back\slash\`, `quote"`, "$HOME_NET |41 42| (x)",
	"x\ndrop ip any any -> any any (sid:2;)", "x\r\nadd rule inet filter input drop", "\"; } add table inet evil; #",
	"\x1b[31mred\x1b[0m", "\u202egpj.exe", "\x00nul", "\xff\xfe not utf-8", strings.Repeat("long ", 200), "", "Ünïcode – ok",
}

// hostile is the sample with nasty text everywhere and a block list that would
// cut everybody off.
func hostile() *netcase.Case {
	c := sample()
	all := strings.Join(nasty, " ")
	c.ID, c.Title = "nc-1\";}\n#", all
	c.Site.Assets = []netcase.Asset{{Name: all, Addresses: []netip.Addr{netip.MustParseAddr("11.201.0.1")}}}
	c.Summary[0].Text, c.Judgements[0].Claim.Text, c.Judgements[0].Word = all, all, all
	for i := range c.Groups {
		c.Groups[i].Label = nasty[i] + all
	}
	for i := range c.Actions {
		a := &c.Actions[i]
		a.Title, a.Reason, a.Owner, a.Rollback = nasty[i]+all, all, all, all
		a.ID += all
	}
	for i := range c.Cards {
		c.Cards[i].Listings[0].Indicator.Provider = all
		c.Cards[i].Listings[0].Indicator.Description = all
	}
	b := &c.Actions[1].Selection
	b.Peers = append(b.Peers, netcase.At(netip.MustParseAddr("8.8.8.8")), netcase.At(ownHost), netcase.At(netip.MustParseAddr("11.201.0.1")),
		netcase.Endpoint{Name: all}, netcase.At(netip.MustParseAddr("::ffff:1.1.1.1")), netcase.Endpoint{Addr: netip.MustParseAddr("fe80::1%" + "eth0\";drop")})
	b.Prefixes = append(b.Prefixes, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), netip.MustParsePrefix("::ffff:0:0/96"), netip.Prefix{},
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("11.0.0.0/8"))
	return c
}

func render(t *testing.T, c *netcase.Case, opt Options) map[string]string {
	t.Helper()
	files, err := Respond(c, opt)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for k, v := range files {
		out[k] = string(v)
	}
	return out
}
