package detect

import (
	"netcase"
	"netcase/cube"
)

// auth notices guessing in login logs, and logins that follow it.
func auth() Detector {
	return Detector{
		Name: "auth",
		Doc:  "failed logins above the thresholds (guessing, spraying, enumeration), and logins that follow them",
		Method: "leaky buckets of failed logins (5 a minute, 10 in 10 minutes each, 10 in 12 hours each; after CrowdSec and fail2ban), distinct " +
			"accounts in a sliding hour, many networks against one account, and logins preceded by 5 failures of the account or 10 of the source; " +
			"without a login log, many two-way flows of equal size to an administration port",
		Ask: func(Config) Questions {
			return Questions{Logins: true, Processes: true, InSpan: true, Rows: []cube.Question{{
				Kind: cube.Peers, Directions: []netcase.Direction{netcase.Inbound, netcase.Lateral, netcase.Outbound}, Ports: netcase.AdminPorts,
				Reaches: []netcase.Reach{netcase.ReachBidirectional, netcase.ReachAuthenticated},
			}}}
		},
		Refine: func(in *Input) []cube.Want {
			found, hosts, lost := readLogins(in)
			runs := sessionRuns(in, found, hosts)
			in.Memo = authMemo{found, lost, runs}
			var wants []cube.Want
			for _, c := range found {
				wants = append(wants, cube.Want{Tag: c.tag(), Of: cube.Logins, Selection: c.selection(), Records: cube.MaxRecords / 4})
			}
			return append(wants, runs.wants()...)
		},
		Find: func(in *Input) []netcase.Finding {
			var out []netcase.Finding
			memo := in.Memo.(authMemo)
			for _, c := range memo.found {
				out = append(out, c.finding(in))
			}
			out = append(out, memo.lost.findings(in)...)
			return append(out, memo.runs.findings(in)...)
		},
	}
}

// authMemo is what Refine found, for Find.
type authMemo struct {
	found []*authCase
	lost  authLost
	runs  *sessionRunSet
}
