package judge

import (
	"fmt"
	"slices"

	"netcase"
)

const (
	pciDSS          = "PCI DSS v4.0.1"
	stateAttached   = "evidence attached"
	stateNoTag      = "not assessable: no asset is tagged cde"
	stateNotTouched = "not assessable: no asset tagged cde was touched"
)

// requirements are the rows of the standard that the case touches. A row says what
// evidence is relevant to it; whether it is met is an assessor's word.
func (d *draft) requirements() []netcase.Requirement {
	out := []netcase.Requirement{}
	if len(d.full()) == 0 {
		return out
	}
	state, evidence := d.assessable()
	add := func(number, touched, attach string) {
		out = append(out, netcase.Requirement{
			Standard: pciDSS, Number: number, Touched: "evidence relevant to " + number + ": " + touched, Attach: attach, State: state, Evidence: evidence,
		})
	}
	asked := d.askedPorts()
	if len(asked) > 0 {
		add("1.2.5, 1.2.6, 2.2.4, 2.2.5", "services and ports that were asked for from outside need an approved reason", "rule name, approval, "+portsText(asked, 0))
	}
	if slices.Contains(asked, telnetPort) {
		add("2.2.7", "administration must be encrypted; telnet (port 23) was asked for", "flows to port 23 with their outcome and octets")
	}
	add("1.3.1, 1.3.2, 1.4.1 to 1.4.4", "traffic between untrusted networks and tagged assets", "allowed and denied counts for each tagged host: "+d.tallyText())
	if slices.ContainsFunc(asked, netcase.IsAdminPort) {
		add("8.3.4", "lockout after at most 10 tries", "4740 events and the lockout policy")
		add("8.4.2, 8.4.3", "second factor for access from outside", "authentication method of each login from outside")
		add("10.2.1.4, 10.2.2", "invalid login attempts are logged", "login log of the touched hosts ("+present(d.in.Coverage.Has("login"))+")")
	}
	add("10.4.1.1, 10.7.2, 10.7.3", "logs are reviewed, and failures of controls are noticed", "the coverage table of this case")
	add("11.5.1", "intrusion detection at the perimeter", "signature version and alerts on the addresses of the case")
	add("12.10.1 to 12.10.7", "response to a suspected event", "time line and approvals of this case")
	return out
}

func present(has bool) string {
	if has {
		return "present"
	}
	return "missing"
}

// assessable tells whether the rows can be assessed: only for tagged assets.
func (d *draft) assessable() (state string, evidence []string) {
	tagged, touched := false, false
	for _, a := range d.site.Assets {
		if !slices.ContainsFunc(a.Tags, func(t string) bool { return t == "cde" || t == "CDE" }) {
			continue
		}
		tagged = true
		for _, c := range d.full() {
			touched = touched || slices.ContainsFunc(c.hosts, func(h netcase.Endpoint) bool { return d.site.Tagged(d.named(h), "cde") })
		}
	}
	switch {
	case !tagged:
		return stateNoTag, nil
	case !touched:
		return stateNotTouched, nil
	}
	return stateAttached, d.cited()
}

// askedPorts are the ports that the told groups asked for from outside.
func (d *draft) askedPorts() (out []uint16) {
	for _, c := range d.full() {
		if c.direction == netcase.Inbound {
			out = append(out, portsOf(c.ports)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (d *draft) tallyText() string {
	var t netcase.Tally
	for _, c := range d.full() {
		t = t.Plus(c.reach)
	}
	return fmt.Sprint(reachText(t))
}
