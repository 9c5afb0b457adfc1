package hunt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"netcase"
)

// sshd is a log of one host: an attempt a line, with the year.
type sshd struct{ strings.Builder }

func (l *sshd) line(at time.Time, user, peer, what string) {
	fmt.Fprintf(l, "%s bastion sshd[%d]: %s password for %s from %s port 50122 ssh2\n", at.Format("2006-01-02T15:04:05.000000+00:00"), 1000+l.Len()%9000, what, user, peer)
}

// guessed adds failures of an account and a login a minute after them, a month after the
// account logged in at home.
func (l *sshd) guessed(failing, from, user, home string) {
	for d := range 31 {
		l.line(day.AddDate(0, 0, d-31).Add(9*time.Hour), user, home, "Accepted")
	}
	for i := range 30 {
		l.line(day.Add(10*time.Hour+time.Duration(2*i)*time.Second), failing, "11.201.7.77", "Failed")
	}
	l.line(day.Add(10*time.Hour+3*time.Minute), user, from, "Accepted")
}

// TestLoginItems: the items that no story of the evaluation has, from a log of a host to the
// judged claim: a login from elsewhere, one of another account, a source that is new to the
// account, and the word of its owner.
func TestLoginItems(t *testing.T) {
	for name, x := range map[string]struct {
		failing, from string
		site          netcase.Site
		items         string
	}{
		"same source, new to it": {"alice", "11.201.7.77", netcase.Site{}, "B-SAF-A B-NEW"},
		"from elsewhere":         {"alice", "11.99.0.1", netcase.Site{}, "B-SAF-B B-NEW"},
		"another account":        {"bob", "11.201.7.77", netcase.Site{}, "B-SAF-C B-NEW"},
		"from home":              {"alice", "10.0.0.7", netcase.Site{}, ""},
		"denied by the owner": {"alice", "11.201.7.77", netcase.Site{Statements: []netcase.Statement{
			{Who: "owner", What: "I was on leave", Account: "alice", Denied: true}}}, "B-SAF-A B-DENIED B-NEW"},
	} {
		t.Run(name, func(t *testing.T) {
			var l sshd
			l.guessed(x.failing, x.from, "alice", "10.0.0.7")
			cfg := given(t, map[string][]byte{"auth.log": []byte(l.String())}, nil)
			cfg.Site = x.site
			cfg.Span = netcase.Span{Start: netcase.TimeOf(day), End: netcase.TimeOf(day.AddDate(0, 0, 1))}
			c := run(t, cfg)
			held := map[string]string{}
			for _, k := range c.Claims {
				if k.ID == "compromise" {
					for _, i := range k.Items {
						held[i.ID] = string(i.State) + ": " + i.Why
					}
				}
			}
			for _, item := range []string{"B-SAF-A", "B-SAF-B", "B-SAF-C", "B-DENIED", "B-NEW"} {
				want := slices.Contains(strings.Fields(x.items), item)
				if strings.HasPrefix(held[item], string(netcase.True)) != want {
					t.Errorf("%s is %q, want it to hold: %v; %d findings", item, held[item], want, len(c.Findings))
				}
			}
		})
	}
}
