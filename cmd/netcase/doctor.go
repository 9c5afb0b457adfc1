package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"netcase"
	"netcase/intel/database"
	"netcase/intel/service"
)

type doctorCmd struct {
	Online bool `help:"Also tell which services can be reached, and how far the clock is off. No key is sent and no quota is spent."`
	JSON   bool `name:"json" help:"Print one JSON object."`
}

// Help says what is looked at.
func (c *doctorCmd) Help() string {
	return `Tells what this machine has: folders, clock, and which services have a key. A key
itself is never shown.

A key is looked for in NETCASE_SERVICE_KEY (NETCASE_ABUSEIPDB_KEY and so on), then in a
file of mode 0600 that NETCASE_SERVICE_KEY_FILE or netcase.yaml names, then in the
keyring of the system under the name netcase and the service.

Exit: 0 nothing is wrong; 3 a key file is open to others, a folder cannot be written,
or, with --online, a service that has a key cannot be reached.`
}

// diagnosis is what doctor prints.
type diagnosis struct {
	Version  string          `json:"version"`
	Clock    string          `json:"clock"`
	Zone     string          `json:"zone"`
	Folders  []folderState   `json:"folders"`
	Services []serviceState  `json:"services"`
	Wrong    []string        `json:"wrong"`
	skew     []time.Duration // of the services that said what time it is
}

type folderState struct {
	What  string `json:"what"`
	Path  string `json:"path"`
	State string `json:"state"`
}

type serviceState struct {
	Name   string `json:"name"`
	Key    string `json:"key"` // where it was found; never the key
	Budget string `json:"budget"`
	Spent  string `json:"spent"`
	Online string `json:"online,omitempty"`
}

// Run looks and tells.
func (c *doctorCmd) Run(ctx context.Context, std streams, services configuredServices) error {
	d := diagnosis{Version: netcase.Version, Clock: now().String(), Zone: time.Now().Format("MST -0700"), Wrong: []string{}}
	d.folders()
	if err := d.services(ctx, services, c.Online); err != nil {
		return err
	}
	if c.JSON {
		if err := writeJSON(std.out, d, "  "); err != nil {
			return err
		}
	} else if err := d.print(std.out); err != nil {
		return err
	}
	if len(d.Wrong) > 0 {
		return &exitError{code: exitUnsound}
	}
	return nil
}

// folders tells which exist and can be written.
func (d *diagnosis) folders() {
	for _, f := range settingsFiles() {
		state := "not there"
		if _, err := os.Stat(f); err == nil {
			state = "read"
		}
		d.Folders = append(d.Folders, folderState{"settings", f, state})
	}
	if dir, err := database.DefaultDir(); err == nil {
		state := "no database yet; netcase intel update makes it"
		if database.Exists(dir) {
			state = "has the intelligence database"
		}
		d.folder("intelligence", dir, state)
	}
	if dir, err := answersFolder(); err == nil {
		d.folder("answers", dir, "used where there is no database")
	}
	d.folder("temporary", os.TempDir(), "large folds go here")
}

func (d *diagnosis) folder(what, dir, state string) {
	if err := writable(dir); err != nil {
		state = "cannot be written: " + err.Error()
		d.Wrong = append(d.Wrong, what+" folder: "+err.Error())
	}
	d.Folders = append(d.Folders, folderState{what, dir, state})
}

// writable tells, by no error, that files can be made in a folder; of one that is not
// there, in the nearest one above it that is.
func writable(dir string) error {
	for {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	f, err := os.CreateTemp(dir, ".netcase-doctor-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (d *diagnosis) services(ctx context.Context, services configuredServices, online bool) error {
	all := service.Providers()
	accesses, keys := make([]service.Access, len(all)), make([]key, len(all))
	for i := range all {
		accesses[i], keys[i] = services.access(&all[i])
	}
	client, err := serviceClient(services, accesses)
	if err != nil {
		return err
	}
	defer client.Close()
	a := service.Asking{Now: now}
	if a.Budgets, err = (serviceFlags{}).budgets(services); err != nil {
		return err
	}
	db, err := useDatabase("auto")
	if err != nil {
		return err
	}
	closeStore, err := rememberIn(ctx, &a, db)
	if err != nil {
		return err
	}
	defer closeStore()
	for i, p := range all {
		s := serviceState{Name: p.Name, Key: cmp.Or(keys[i].from, "none")}
		if err := keys[i].err; err != nil {
			s.Key = "unusable: " + err.Error()
			d.Wrong = append(d.Wrong, p.Name+": "+err.Error())
		} else if !keys[i].secret.Set() && p.Free {
			s.Key = "none; works without"
		}
		if s.Budget, s.Spent, err = spending(&a, &p); err != nil {
			return err
		}
		if base := cmp.Or(accesses[i].Base, p.Base); online && base != "" {
			s.Online = d.reach(ctx, client, base, p.Name, keys[i].secret.Set())
		}
		d.Services = append(d.Services, s)
	}
	return nil
}

// spending is what a service may be asked, and what was spent of it today.
func spending(a *service.Asking, p *service.Provider) (budget, spent string, err error) {
	for _, q := range p.Quotas {
		if n, ok := a.Budgets[p.Name]; ok {
			q.Questions, q.Days = n, 1
		}
		s, err := a.Ledger.Spent(q.Account, service.Day(a.Now()))
		if err != nil {
			return "", "", err
		}
		what := ""
		if _, one, of := strings.Cut(q.Account, "/"); of {
			what = one + " " // quotas of one endpoint
		}
		budget += fmt.Sprintf("%s%s%d in %d d", separator(budget), what, q.Questions, q.Days)
		spent += fmt.Sprintf("%s%d", separator(spent), s.Asked)
		if s.Until > a.Now() {
			spent += " (closed until " + s.Until.Short() + ")"
		}
	}
	return budget, spent, nil
}

func separator(before string) string {
	if before == "" {
		return ""
	}
	return ", "
}

// statuses are all that an answer may have: any answer shows that a service is there.
func statuses() (out []int) {
	for s := 300; s < 600; s++ {
		out = append(out, s)
	}
	return out
}

// reach tells whether a service answers at all, and notes what time it says.
func (d *diagnosis) reach(ctx context.Context, client *service.Client, base, name string, hasKey bool) string {
	const once = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, once)
	defer cancel()
	resp, err := client.Do(ctx, service.Request{Provider: name, URL: base, Normal: statuses()})
	if err != nil {
		if hasKey {
			d.Wrong = append(d.Wrong, err.Error())
		}
		return "not reached: " + string(service.KindOf(err))
	}
	if t, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		d.skew = append(d.skew, time.Until(t))
	}
	return "reached"
}

func (d *diagnosis) print(w io.Writer) error {
	fmt.Fprintf(w, "netcase %s\nclock     %s, zone %s\n", d.Version, d.Clock, d.Zone)
	for _, s := range d.skew {
		if s = s.Round(time.Second); s.Abs() > time.Minute {
			fmt.Fprintf(w, "          a service says that it is %s later (negative: earlier) than this clock\n", s)
			break
		}
	}
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, f := range d.Folders {
		fmt.Fprintf(t, "%s\t%s\t%s\n", f.What, plainLines(f.Path), plainLines(f.State))
	}
	fmt.Fprintf(t, "\nservice\tkey\tbudget\tspent today\t\n")
	for _, s := range d.Services {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", s.Name, plainLines(s.Key), cmp.Or(s.Budget, "–"), cmp.Or(s.Spent, "–"), s.Online)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, wrong := range d.Wrong {
		fmt.Fprintln(w, "wrong: "+plainLines(wrong))
	}
	return nil
}
