package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"netcase"
)

// Kinds of actions.
const (
	actData     = "data"
	actClose    = "close"
	actRestrict = "restrict"
	actReview   = "review"
	actDetect   = "detect"
	actBlock    = "block"
)

// Who is asked.
const (
	ownerSOC      = "SOC analyst"
	ownerNetwork  = "network team"
	ownerIdentity = "identity team"
	ownerAsset    = "owner of the machine"
)

// Due times, from the issue of the report.
const (
	dueData     = 4 * time.Hour
	dueSoon     = 24 * time.Hour
	dueWeek     = 7 * 24 * time.Hour
	dueLogin    = time.Hour
	detectUntil = 30 * 24 * time.Hour // an alert-only rule, with review
)

// actions lists what to do, in the order in which it helps: the data that decides,
// then closing the door, which stops all sources, then narrowing it, then looking
// at machines that warrant it, then watching, and blocking last.
//
// What the title speaks of is asked for first: where our own side began it, its
// owner and its process come before everything but a login.
func (d *draft) actions() []netcase.Action {
	s := d.scope()
	out := []netcase.Action{}
	steps := []func(scope) []netcase.Action{d.askForLogin, d.fetchData, d.closePorts, d.restrictPorts, d.hardenLogins, d.reviewHosts, d.watch, d.askOwnSide, d.block}
	if full := d.full(); len(full) > 0 && full[0].ownSide() || d.leadingDeed() >= 0 {
		steps = []func(scope) []netcase.Action{d.askForLogin, d.askOwnSide, d.fetchData, d.closePorts, d.restrictPorts, d.hardenLogins, d.reviewHosts, d.watch, d.block}
	}
	for _, step := range steps {
		out = append(out, step(s)...)
	}
	number(out)
	return out
}

// number gives actions their order and their names.
func number(actions []netcase.Action) {
	for i := range actions {
		actions[i].Priority = i + 1
		actions[i].ID = fmt.Sprintf("A-%02d", i+1)
	}
}

// cited is the evidence of the told groups, and of what was looked at.
func (d *draft) cited() []string {
	var out []string
	for _, c := range d.full() {
		out = append(out, c.evidence...)
	}
	return unique(append(out, d.coverage))
}

// fetchData asks for what would decide: the verdict of the flows and the login logs.
func (d *draft) fetchData(s scope) []netcase.Action {
	var c *cluster
	unknown, replies := false, false
	for _, g := range d.full() {
		if !g.undecided() && d.assumed() == "" {
			continue
		}
		if c == nil {
			c = g
		}
		unknown = unknown || g.reach[netcase.ReachUnknown] > 0 || d.assumed() != ""
		replies = replies || g.reach[netcase.ReachAllowed] > 0
	}
	logins := !d.in.Coverage.Has("login") && d.loginsMatter()
	if c == nil && !logins {
		return d.fetchRaw(s)
	}
	var want []string
	if unknown {
		want = append(want, "the allow/deny field")
	}
	if replies {
		want = append(want, "the reply counters")
	}
	if logins {
		ports, _, _, _ := d.adminPorts()
		if len(ports) == 0 {
			ports = s.ports
		}
		want = append(want, loginLogs(ports)) // of the ports that may have answered
	}
	reason := "this decides the severity and whether anyone got in; nothing else on this list does (the queries stand beside the gaps)"
	if c == nil {
		reason = "this decides whether anyone got in; nothing else on this list does (the queries stand beside the gaps)"
	}
	return []netcase.Action{{
		Kind: actData, Owner: ownerSOC, Due: dueData,
		Title:  "Get " + series(want, len(want)) + " for the touched hosts",
		Reason: reason,
		Risk:   "the case stays open between its two ends", Collateral: "none: queries only", Rollback: "nothing to undo",
		Evidence: d.cited(),
	}}
}

// loginLogs names the logs that know of logins on the ports of the case.
func loginLogs(ports []uint16) string {
	ssh := slices.Contains(ports, 22)
	windows := slices.ContainsFunc(ports, func(p uint16) bool { return netcase.IsAdminPort(p) && p != 22 && p != 23 })
	switch {
	case !windows && !ssh && slices.Contains(ports, 23):
		return "the login log of the Telnet service"
	case ssh && windows:
		return "4624/4625 + RdpCoreTS 131/140 (for port 22: the sshd log)"
	case ssh:
		return "the sshd log"
	}
	return "4624/4625 + RdpCoreTS 131/140"
}

// loginsMatter tells whether a login may have been tried in a told group.
func (d *draft) loginsMatter() bool {
	return slices.ContainsFunc(d.full(), func(c *cluster) bool {
		return c.direction == netcase.Inbound && loginPossible(d, &scene{c: c})
	})
}

// fetchRaw asks for raw records where only the counts are in doubt.
func (d *draft) fetchRaw(scope) []netcase.Action {
	f := d.doubted()
	if f == nil {
		return nil
	}
	return []netcase.Action{{
		Kind: actData, Owner: ownerSOC, Due: dueSoon, Title: "Get the raw flow records of the span",
		Reason: "the near-equal counts may come from the logging interval; raw records tell", Risk: "counts stay unusable as evidence",
		Collateral: "none: queries only", Rollback: "nothing to undo", Evidence: evidenceOf(f),
	}}
}

// adminPorts are the administration ports that a group asked for from outside and
// that may have answered.
func (d *draft) adminPorts() (ports []uint16, hosts []netcase.Endpoint, proven bool, evidence []string) {
	for _, c := range d.full() {
		if c.direction != netcase.Inbound || c.standing == standingWelcome {
			continue
		}
		for _, p := range c.ports {
			if netcase.IsAdminPort(p.Port) && p.Reach.Answered()+p.Reach.Open() > 0 {
				ports = append(ports, p.Port)
				proven = proven || p.Reach.Answered() > 0
				hosts = union(hosts, c.hosts)
				evidence = append(evidence, c.evidence...)
			}
		}
	}
	var doors []netcase.Endpoint
	for i := range d.findings {
		if x := d.findings[i].Exposure; x != nil && x.Proven {
			ports, proven = append(ports, x.Port), true
			doors = union(doors, []netcase.Endpoint{x.Host})
			evidence = append(evidence, evidenceOf(&d.findings[i])...)
		}
	}
	if len(doors) > 0 {
		hosts = doors
	}
	slices.Sort(ports)
	return slices.Compact(ports), hosts, proven, unique(evidence)
}

func (d *draft) closePorts(s scope) []netcase.Action {
	ports, hosts, proven, evidence := d.adminPorts()
	if len(ports) == 0 {
		return nil
	}
	title := "Close " + portsText(ports, 0) + " to the Internet on " + d.hostsText(hosts, 0)
	reason := "closing the door stops every source at once, those that no list names too"
	if !proven {
		title += ", wherever the first action shows them open"
		reason += "; these ports were asked for, and nothing shows yet that they were denied"
	}
	return []netcase.Action{{
		Kind: actClose, Owner: ownerNetwork, Due: dueSoon, Title: title, Reason: reason,
		Selection: netcase.Selection{Hosts: hosts, Ports: ports, Direction: netcase.Inbound},
		Risk:      "anyone on the Internet may go on trying passwords and unpatched services",
		Collateral: "remote administration from outside ends; ask who uses it, and open the way through the VPN first " +
			"(approved sources: " + prefixesText(d.site.Approved) + ")",
		Rollback: "remove the deny rule; keep the rule it replaced on file", Verify: d.doorQuery(ports), Evidence: evidence,
	}}
}

func prefixesText[T fmt.Stringer](ps []T) string {
	if len(ps) == 0 {
		return "none stated"
	}
	var parts []string
	for _, p := range ps[:min(len(ps), shownHosts)] {
		parts = append(parts, p.String())
	}
	return series(parts, len(ps))
}

// doorQuery shows whether anything still comes in on the ports.
func (d *draft) doorQuery(ports []uint16) string {
	if d.flowSource() == sourceNSG {
		return lines("AzureNetworkAnalytics_CL",
			`| where TimeGenerated > ago(1d) and SubType_s == "FlowLog" and FlowDirection_s == "I" and FlowType_s in ("ExternalPublic", "MaliciousFlow", "AzurePublic")`,
			"| where toint(DestPort_d) in ("+portValues(ports)+")",
			"| summarize allowed = sum(AllowedInFlows_d), denied = sum(DeniedInFlows_d) by VM_s, toint(DestPort_d)")
	}
	if d.flowSource() == sourceVNet {
		return lines("NTANetAnalytics",
			`| where TimeGenerated > ago(1d) and FlowType in ("ExternalPublic", "MaliciousFlow", "AzurePublic")`,
			"| where DestPort in ("+portValues(ports)+")",
			"| summarize allowed = sum(AllowedInFlows), denied = sum(DeniedInFlows) by DestIp, DestPort")
	}
	return lines("_Im_NetworkSession(starttime=ago(1d))",
		`| where NetworkDirection == "Inbound" and DstPortNumber in (`+portValues(ports)+")",
		"| summarize flows = sum(EventCount) by DstIpAddr, DstPortNumber, DvcAction, EventResult")
}

func (d *draft) restrictPorts(s scope) []netcase.Action {
	ports, hosts, _, evidence := d.adminPorts()
	if len(ports) == 0 {
		return nil
	}
	return []netcase.Action{{
		Kind: actRestrict, Owner: ownerNetwork, Due: dueWeek,
		Title:     "Let administration in through the VPN, a bastion or an allow-list only",
		Reason:    "what must stay reachable should be reachable for those who need it",
		Selection: netcase.Selection{Hosts: hosts, Ports: ports, Direction: netcase.Inbound},
		Risk:      "the door is opened again with the next change", Collateral: "users without VPN access lose the direct way; enrol them first",
		Rollback: "restore the former rule", Verify: d.doorQuery(ports), Evidence: evidence,
	}}
}

func (d *draft) hardenLogins(s scope) []netcase.Action {
	ports, _, _, evidence := d.adminPorts()
	if len(ports) == 0 || said(d.site.Facts.MFA) && said(d.site.Facts.Lockout) {
		return nil
	}
	return []netcase.Action{{
		Kind: actRestrict, Owner: ownerIdentity, Due: dueWeek,
		Title:  "Check that lockout (at most 10 tries) and a second factor guard every login from outside",
		Reason: "neither is on record for the touched hosts", Risk: "one weak password is enough",
		Collateral: "lockout can be abused to lock people out; use smart lockout or per-source limits",
		Rollback:   "relax the policy for the account concerned", Evidence: evidence,
	}}
}

// reviewHosts asks for a look at machines only where a process finding warrants it.
func (d *draft) reviewHosts(s scope) []netcase.Action {
	var hosts []netcase.Endpoint
	var evidence, why []string
	for i := range d.findings {
		if p := d.findings[i].Process; tellsStrange(p) {
			hosts = union(hosts, []netcase.Endpoint{p.Host})
			why = append(why, p.Image+": "+p.Why)
			evidence = append(evidence, evidenceOf(&d.findings[i])...)
		}
		o := d.findings[i].Owner
		if o == nil || o.Decibans <= 0 && o.Verdict != ownerCheck {
			continue
		}
		hosts = union(hosts, []netcase.Endpoint{o.Host})
		why = append(why, fmt.Sprintf("%s on port %d: %s", o.Image, o.Port, o.Why))
		evidence = append(evidence, evidenceOf(&d.findings[i])...)
	}
	if len(hosts) == 0 {
		return nil
	}
	slices.Sort(why)
	why = slices.Compact(why)
	return []netcase.Action{{
		Kind: actReview, Owner: ownerAsset, Due: dueSoon, Title: "Review " + d.hostsText(hosts, 0) + ": the process and the socket that it owns",
		Reason: series(why[:min(len(why), shownHosts)], len(why)), Risk: "a foreign program stays in place",
		Collateral: "read-only queries; collect volatile data before any isolation", Rollback: "nothing to undo",
		Evidence: unique(evidence),
	}}
}

// hostile lists the told groups whose sources may be watched or blocked.
func (d *draft) hostile() (out []*cluster) {
	for _, c := range d.full() {
		if c.internal || c.standing == standingWelcome || c.standing == standingScanner {
			continue
		}
		if (explanation(c.lead().ID).Hostile || c.calledHarm()) && len(c.peers()) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// watch hands the indicators to detection, to alert and not to block.
func (d *draft) watch(s scope) []netcase.Action {
	var peers []netcase.Endpoint
	var evidence []string
	for _, c := range d.hostile() {
		if c.standing != standingListed {
			continue
		}
		peers = union(peers, c.peers())
		evidence = append(evidence, c.evidence...)
	}
	if len(peers) == 0 {
		return nil
	}
	return []netcase.Action{{
		Kind: actDetect, Owner: ownerSOC, Due: dueSoon, Expiry: detectUntil,
		Title:     detectTitle(len(peers)),
		Reason:    "a denied probe is no news; an answer, or a call from our side, is",
		Selection: netcase.Selection{Peers: peers, Reaches: []netcase.Reach{netcase.ReachBidirectional, netcase.ReachAuthenticated}},
		Risk:      "a later success of the same sources goes unnoticed", Collateral: "alerts only; nothing is blocked",
		Rollback: "revoke the indicators and remove the rules by the case id", Evidence: unique(evidence),
	}}
}

// lasting is said wherever a block is proposed against scanning.
const lasting = "a block of addresses has near-zero lasting value against background scanning: the next source comes from another address"

// block proposes a block with an end, one for each told group that warrants it.
func (d *draft) block(s scope) []netcase.Action {
	var out []netcase.Action
	for _, c := range d.hostile() {
		if c.standing != standingListed && c.lead().ID == "BG" {
			continue // background noise that no list names: a block would name passers-by
		}
		a := netcase.Action{
			Kind: actBlock, Owner: ownerNetwork, Due: dueWeek, Expiry: d.blockFor(c),
			Selection: netcase.Selection{Direction: c.direction}, Evidence: c.evidence,
			Risk:       "little: the open door is the risk, not this source",
			Collateral: "not yet measured: back-test over the inputs, alert only for a day, then one device before all",
			Rollback:   "remove the rule by the case id; it ends by itself",
		}
		for _, p := range c.peers() {
			if why := d.neverBlock(c, p); why != "" {
				a.Refused = append(a.Refused, netcase.Refusal{Value: p.String(), Reason: why})
				continue
			}
			a.Selection.Peers = append(a.Selection.Peers, p)
		}
		a.Title = blockTitle(&a)
		switch {
		case c.direction == netcase.Outbound:
			a.Reason = "our machines cannot call the place while the block lasts; find the process first, or it will call another"
			a.Risk = "a program that takes commands from there goes on"
		case c.lead().ID == "BG" || c.lead().ID == "REC":
			a.Reason = lasting
		default:
			a.Reason = "stops these addresses for as long as they are used"
		}
		a.Verify = d.hitsQuery(a.Selection.Peers)
		out = append(out, a)
	}
	return out
}

func detectTitle(addresses int) string {
	return fmt.Sprintf("Load %s into detection, alerting on answers and outbound flows only", count(addresses, "address"))
}

func blockTitle(a *netcase.Action) string {
	return fmt.Sprintf("Block %s for %s, if at all", count(len(a.Selection.Peers), "address"), durationText(a.Expiry))
}

// durationText writes whole hours and days.
func durationText(d time.Duration) string {
	if d%(24*time.Hour) == 0 && d > 24*time.Hour {
		return count(int(d/(24*time.Hour)), "day")
	}
	return count(int(d/time.Hour), "hour")
}

// blockFor is how long a block of a group may last.
func (d *draft) blockFor(c *cluster) time.Duration {
	if c.direction == netcase.Outbound {
		return d.config.TTLC2
	}
	return explanation(c.lead().ID).TTL(d.config)
}

// neverBlock tells why an address must not be blocked, by what the case itself
// knows. The caller's guard knows more.
func (d *draft) neverBlock(c *cluster, p netcase.Endpoint) string {
	switch {
	case d.site.Owns(p.Addr):
		return "an address of ours"
	case d.welcome(p) || netcase.Within(d.site.Resolvers, p.Addr):
		return "named by the owner"
	}
	for _, a := range c.sources {
		if a.profile.Peer != p {
			continue
		}
		if a.card != nil && SharedEdge(a.card) {
			return "shared edge: many use this address"
		}
		if why := weakCard(a.card); c.standing == standingListed && why != "" {
			return why
		}
	}
	return ""
}

// weakCard tells why what lists say of an address does not carry a block: it is on
// none, or what they say weighs nothing at the time. Empty: it does.
func weakCard(card *netcase.Card) string {
	if card == nil || !listed(card) {
		return "no list that bears on the traffic names it"
	}
	weight := 0.0
	for i := range card.Listings {
		weight += card.Listings[i].Weight
	}
	if weight <= 0 || card.P < abusePrior {
		return "what lists say of it weighs nothing here: undated, stale or no more than a listing"
	}
	return ""
}

// calledHarm tells whether our side called a place that is listed for harm.
func (c *cluster) calledHarm() bool {
	return c.direction == netcase.Outbound && !c.internal && slices.ContainsFunc(c.sources, calledForHarm)
}

func (d *draft) hitsQuery(peers []netcase.Endpoint) string {
	list := "let peers = " + addresses(peers) + ";"
	switch d.flowSource() {
	case sourceNSG:
		return lines(list, "AzureNetworkAnalytics_CL", `| where TimeGenerated > ago(1d) and SubType_s == "FlowLog"`,
			`| where strcat(SrcPublicIPs_s, " ", DestPublicIPs_s, " ", SrcIP_s) has_any (peers)`,
			"| summarize allowed = sum(AllowedInFlows_d), denied = sum(DeniedInFlows_d) by bin(TimeGenerated, 1h)")
	case sourceVNet:
		return lines(list, "NTANetAnalytics", "| where TimeGenerated > ago(1d)",
			`| where strcat(SrcPublicIps, " ", DestPublicIps, " ", SrcIp) has_any (peers)`,
			"| summarize allowed = sum(AllowedInFlows), denied = sum(DeniedInFlows) by bin(TimeGenerated, 1h)")
	}
	return lines(list, "_Im_NetworkSession(starttime=ago(1d))", "| where SrcIpAddr in (peers) or DstIpAddr in (peers)",
		"| summarize flows = sum(EventCount) by DvcAction, bin(TimeGenerated, 1h)")
}

// settleActions finishes the actions after they were screened. Those with nothing
// left to act on become one note at the end, since an empty selection selects all.
func settleActions(c *netcase.Case) {
	var note *netcase.Action
	kept := []netcase.Action{}
	for _, a := range c.Actions {
		if a.Kind != actBlock && a.Kind != actDetect || len(a.Selection.Peers)+len(a.Selection.Prefixes) > 0 {
			switch {
			case a.Kind == actBlock && !strings.HasPrefix(a.Title, blockTitle(&a)):
				a.Title = blockTitle(&a)
			case a.Kind == actDetect && len(a.Selection.Peers) > 0:
				a.Title = detectTitle(len(a.Selection.Peers))
			}
			kept = append(kept, a)
			continue
		}
		if note == nil {
			note = &netcase.Action{
				Kind: actReview, Owner: a.Owner, Due: a.Due, Risk: a.Risk, Title: "Block nothing: every candidate was refused",
				Reason: "each refused address is listed with its reason", Collateral: "none", Rollback: "nothing to undo",
			}
			if a.Kind == actDetect {
				note.Title = "Watch for nothing: every candidate was refused"
			}
		}
		if a.Kind == actBlock {
			note.Title = "Block nothing: every candidate was refused"
		}
		note.Refused = append(note.Refused, a.Refused...)
		note.Evidence = unique(append(note.Evidence, a.Evidence...))
	}
	if slices.ContainsFunc(kept, func(a netcase.Action) bool { return a.Kind == actBlock }) && note != nil {
		note.Title = "Block no further address: the other candidates were refused"
	}
	if note != nil {
		kept = append(kept, *note)
	}
	c.Actions = kept
	number(c.Actions)
}
