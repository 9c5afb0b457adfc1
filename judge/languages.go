package judge

import (
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// Languages of queries beside KQL.
const (
	languageSPL   = "spl"
	languageShell = "shell"
)

// tongue is a way to ask for data where the inputs come from: a language, and whether the
// inputs are of its kind.
type tongue struct {
	language string
	title    string
	speaks   func(format string) bool
	ask      func(d *draft, topic string, s scope) string
}

// What is asked for.
const (
	topicOutcome  = "outcome"
	topicLogins   = "logins"
	topicOutbound = "outbound"
	topicOwner    = "owner"
)

// tongues lists them. Splunk's fields are those of its Common Information Model, since what
// an index is called there only its owner knows.
func tongues() []tongue {
	return []tongue{
		{languageShell, "Zeek", func(f string) bool { return strings.HasPrefix(f, "zeek") }, (*draft).askZeek},
		{languageShell, "Linux", func(f string) bool { return f == "syslog" || f == "journald" }, (*draft).askLinux},
		{"powershell", "Windows event log", func(f string) bool { return strings.HasPrefix(f, "windows") }, (*draft).askWindows},
		{languageSPL, "Splunk", func(f string) bool {
			return slices.Contains([]string{"cef", "leef", "syslog", "paloalto", "fortigate", "cisco-asa", "checkpoint", "suricata-eve", "aws-vpc", "ecs", "ocsf"}, f) || strings.HasPrefix(f, "windows")
		}, (*draft).askSplunk},
	}
}

// alsoIn is the same question in the languages of the sources at hand, beside KQL.
func (d *draft) alsoIn(topic string, s scope) (out []netcase.QueryText) {
	if !s.span.Start.Known() || !s.span.End.Known() || len(s.peers) == 0 && len(s.hosts) == 0 {
		return nil
	}
	for _, t := range tongues() {
		if !slices.ContainsFunc(d.in.Coverage.Inputs, func(r netcase.InputReport) bool { return t.speaks(r.Format) }) {
			continue
		}
		if text := t.ask(d, topic, s); text != "" {
			out = append(out, netcase.QueryText{Title: t.title, Language: t.language, Text: text})
		}
	}
	return out
}

// bare lists the addresses of some endpoints; names that others wrote are left out.
func bare(es []netcase.Endpoint) (out []string) {
	for _, e := range es {
		if e.Addr.IsValid() && len(out) < maxQueryValues {
			out = append(out, e.Addr.String())
		}
	}
	return out
}

// alternatives is a regular expression of whole addresses.
func alternatives(addrs []string) string {
	return `(^|[^0-9a-f.:])(` + strings.ReplaceAll(strings.Join(addrs, "|"), ".", `\.`) + `)([^0-9a-f.:]|$)`
}

// askZeek reads Zeek's logs with zeek-cut.
func (d *draft) askZeek(topic string, s scope) string {
	peers := bare(s.peers)
	if len(peers) == 0 {
		return ""
	}
	from, to := s.span.Start.Std().Unix(), s.span.End.Std().Unix()
	when := fmt.Sprintf("$1 >= %d && $1 < %d", from, to)
	either := fmt.Sprintf("awk '%s' | grep -E '%s'", when, alternatives(peers))
	switch topic {
	case topicOutcome:
		return "zcat -f conn*.log* | zeek-cut ts id.orig_h id.resp_h id.resp_p proto conn_state orig_bytes resp_bytes history | " + either
	case topicLogins:
		return lines(
			"zcat -f ssh*.log* | zeek-cut ts id.orig_h id.resp_h id.resp_p auth_success auth_attempts client | "+either,
			"zcat -f rdp*.log* | zeek-cut ts id.orig_h id.resp_h id.resp_p cookie result security_protocol | "+either)
	case topicOutbound:
		return "zcat -f conn*.log* | zeek-cut ts id.orig_h id.resp_h id.resp_p proto duration conn_state orig_bytes resp_bytes local_orig local_resp | " +
			fmt.Sprintf("awk '%s && $10 == \"T\" && $11 == \"F\"'", when)
	}
	return ""
}

// askLinux reads the login log of a host.
func (d *draft) askLinux(topic string, s scope) string {
	span := fmt.Sprintf("--utc --since '%s' --until '%s'", s.span.Start.Std().Format("2006-01-02 15:04:05"), s.span.End.Std().Format("2006-01-02 15:04:05"))
	switch topic {
	case topicLogins:
		return lines("# on each touched host",
			"journalctl "+span+" -o short-iso-precise _COMM=sshd + _COMM=sshd-session + _COMM=login",
			"zgrep -hE 'sshd(-session)?\\[' /var/log/auth.log* /var/log/secure* | grep -E 'Failed|Invalid user|Accepted'")
	case topicOwner:
		return lines("# on each touched host: which process holds the port, as of now", fmt.Sprintf("ss -Hlntup '( %s )'", portTerms(s.ports)))
	}
	return ""
}

func portTerms(ports []uint16) string {
	terms := make([]string, 0, len(ports))
	for _, p := range ports[:min(len(ports), maxQueryValues)] {
		terms = append(terms, fmt.Sprintf("sport = :%d", p))
	}
	return strings.Join(terms, " or ")
}

// askWindows reads the event log of a host, read only.
func (d *draft) askWindows(topic string, s scope) string {
	window := fmt.Sprintf("StartTime=[datetime]'%s'; EndTime=[datetime]'%s'", s.span.Start, s.span.End)
	events := func(log, ids string) string {
		return fmt.Sprintf("Get-WinEvent -FilterHashtable @{LogName='%s'; Id=%s; %s} | Select-Object TimeCreated, Id, MachineName, Message", log, ids, window)
	}
	switch topic {
	case topicLogins:
		return lines(events("Security", "4624,4625,4740,4771,4776"), events("Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational", "131,140"))
	case topicOwner:
		return lines(events("Security", "4688,4697,4698"), events("System", "7045,7040"))
	}
	return ""
}

// askSplunk asks the data models of the Common Information Model.
func (d *draft) askSplunk(topic string, s scope) string {
	peers := bare(s.peers)
	quoted := make([]string, len(peers))
	for i, p := range peers {
		quoted[i] = `"` + p + `"`
	}
	list := strings.Join(quoted, ", ")
	window := fmt.Sprintf("earliest=%d latest=%d", s.span.Start.Std().Unix(), s.span.End.Std().Unix())
	if len(peers) == 0 && topic != topicOutbound {
		return ""
	}
	switch topic {
	case topicOutcome:
		return lines("| tstats count, sum(All_Traffic.bytes_in) as bytes_in, sum(All_Traffic.bytes_out) as bytes_out, min(_time) as first, max(_time) as last",
			"  from datamodel=Network_Traffic.All_Traffic where "+window,
			"  (All_Traffic.src_ip IN ("+list+") OR All_Traffic.dest_ip IN ("+list+"))",
			"  by All_Traffic.src_ip, All_Traffic.dest_ip, All_Traffic.dest_port, All_Traffic.transport, All_Traffic.action")
	case topicLogins:
		return lines("| tstats count, min(_time) as first, max(_time) as last from datamodel=Authentication.Authentication where "+window,
			"  Authentication.src IN ("+list+") by Authentication.src, Authentication.dest, Authentication.user, Authentication.app, Authentication.action")
	case topicOutbound:
		return lines("| tstats count, sum(All_Traffic.bytes_out) as bytes_out, min(_time) as first, max(_time) as last",
			"  from datamodel=Network_Traffic.All_Traffic where "+window+" All_Traffic.direction=outbound",
			"  by All_Traffic.src_ip, All_Traffic.dest_ip, All_Traffic.dest_port, All_Traffic.action")
	case topicOwner:
		return lines("| tstats count, min(_time) as first, max(_time) as last from datamodel=Endpoint.Ports where "+window,
			"  Ports.src IN ("+list+") by Ports.dest, Ports.dest_port, Ports.process_id, Ports.user")
	}
	return ""
}

// topicOf is what is asked for to answer an item; empty: no query does.
func topicOf(item string) string {
	switch item {
	case "A05", "A06", "B-ADMIN":
		return topicOutcome
	case "A07", "B-SAF-A", "B-SAF-B", "B-SAF-C", "B-NEW", "B-NOLOGIN":
		return topicLogins
	case "B-PERIOD", "B-RARE", "B-BYTES":
		return topicOutbound
	case "B-POST", "B-PROC", "B-SOCKET", "B-LASTS", "B-STAGE", "B-CONTENT":
		return topicOwner
	}
	return ""
}

// fetch is the queries that would answer some items, each once: KQL first, then the
// languages of the other sources at hand.
func (d *draft) fetch(items []string) (out []netcase.QueryText) {
	s := d.scope()
	if !s.span.Start.Known() || !s.span.End.Known() || len(s.peers) == 0 && len(s.hosts) == 0 {
		return nil
	}
	kql := map[string]func(scope) string{topicOutcome: d.verdictQuery, topicLogins: d.loginQuery, topicOutbound: d.outboundQuery, topicOwner: d.ownerQuery}
	seen := map[string]bool{}
	for _, item := range items {
		topic := topicOf(item)
		if topic == "" || seen[topic] {
			continue
		}
		seen[topic] = true
		out = append(out, netcase.QueryText{Title: "Sentinel and Defender: " + topic, Language: languageKQL, Text: kql[topic](s)})
		out = append(out, d.alsoIn(topic, s)...)
	}
	return out
}
