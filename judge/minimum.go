package judge

import (
	"fmt"
	"slices"

	"netcase"
)

// The least evidence that the last step of the ladder asks for, whatever the posterior:
// what each claim must show, two families of telemetry, and a name.

// Least that a claim must show before its last step is proposed to a person.
const (
	proposedFrom     = 0.95 // posterior
	proposedFamilies = 2    // independent families of telemetry
)

// need is one thing that a claim must show.
type need struct {
	text string
	met  func(has func(string) bool) bool
}

// needs lists what a claim must show, by its id.
func needs(claim string) []need {
	any := func(ids ...string) func(func(string) bool) bool {
		return func(has func(string) bool) bool { return slices.ContainsFunc(ids, has) }
	}
	switch claim {
	case claimCompromise:
		return []need{
			{"a login after failures by the same account (grade A or B), or the owner's word that a login was not theirs", any("B-SAF-A", "B-SAF-B", "B-DENIED")},
			{"an artefact on the host after the login (process, persistence, ways into other machines), or the owner's word that the login was not theirs", any("B-POST", "B-DENIED")},
		}
	case claimControl:
		return []need{
			{"a cadence of calls to a rare destination", any("B-PERIOD")},
			{"the destination listed for command and control by an independent origin", any("B-C2INTEL")},
			{"the process behind the calls, and that it is not as it should be", func(has func(string) bool) bool { return has("B-PROC") && has("B-SOCKET") }},
		}
	case claimExfiltration:
		return []need{
			{"more octets than were to be expected", any("B-BYTES")},
			{"a destination that few of our hosts ever called", any("B-RARE")},
			{"data gathered or packed before it left, or its content", any("B-STAGE", "B-CONTENT")},
		}
	}
	return nil
}

// propose fills what a claim lacks for its last step, and whether a person may take it.
func (d *draft) propose(c *netcase.Claim) {
	c.Proposed, c.Lacks, c.Approved = false, nil, nil
	if c.Standing != netcase.Assessed || c.Posterior < suspectedFrom {
		return
	}
	state := states(c.Items)
	has := func(id string) bool { return state[id] == netcase.True }
	for _, n := range needs(c.ID) {
		if !n.met(has) {
			c.Lacks = append(c.Lacks, n.text)
		}
	}
	if c.Posterior < proposedFrom {
		c.Lacks = append(c.Lacks, fmt.Sprintf("a posterior of %s or more", trimmed(proposedFrom)))
	}
	if n := d.families(); n < proposedFamilies {
		c.Lacks = append(c.Lacks, "a second family of telemetry")
	}
	if has("B-OWNER") {
		c.Lacks = append(c.Lacks, "an explanation of why the owner says that the login was legitimate")
	}
	if d.supposed() {
		c.Lacks = append(c.Lacks, "a judgement on everything that is recorded, with nothing supposed and nothing left out")
	}
	c.Proposed = len(c.Lacks) == 0
	if c.Proposed {
		c.Approved = d.approval(c.ID)
	}
}

// settingApprovals is the setting that names the approvals of a run.
const settingApprovals = "approvals"

// approval is a person's recorded word on a claim of this case; nil: there is none. It
// counts for the case that the person read and for no other: other inputs, another
// configuration or another version give another id.
func (d *draft) approval(claim string) *netcase.Approval {
	read := d.unapproved()
	for i := range d.site.Approvals {
		a := d.site.Approvals[i]
		if a.Claim == claim && a.Case == read && a.By != "" && a.Reason != "" {
			return &a
		}
	}
	return nil
}

// unapproved is the id of this case as it is without any approval.
func (d *draft) unapproved() string {
	if d.in.ID != "" {
		return d.in.ID
	}
	in := d.in
	in.Settings = map[string]string{}
	for k, v := range d.in.Settings {
		if k != settingApprovals {
			in.Settings[k] = v
		}
	}
	return CaseID(in)
}

// strayApprovals are the approvals that count for nothing here, and why.
func (d *draft) strayApprovals() (out []string) {
	for _, a := range d.site.Approvals {
		used := slices.ContainsFunc(d.claims, func(c netcase.Claim) bool { return c.Approved != nil && *c.Approved == a })
		switch {
		case used:
		case a.Case != d.unapproved():
			out = append(out, fmt.Sprintf("an approval of %s is for the case %s and not for this one (%s)", a.By, a.Case, d.unapproved()))
		case a.By == "" || a.Reason == "":
			out = append(out, "an approval without a name or a reason counts for nothing")
		default:
			out = append(out, fmt.Sprintf("an approval of %s is for %q, which the evidence does not carry so far", a.By, a.Claim))
		}
	}
	return out
}
