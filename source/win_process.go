package source

import (
	"bytes"
	"strings"

	"netcase"
)

// process hands over a process record with what every event has.
func (r *winReader) process(x *winRecord, p netcase.Process) {
	r.complete(x, &p)
	r.in.AcceptProcess(&r.batch, p)
}

// complete fills in what every event has.
func (r *winReader) complete(x *winRecord, p *netcase.Process) {
	p.Time, p.Host.Name, p.Key = x.at, x.host.name, x.key
	if p.Sensor == "" {
		p.Sensor = x.host.windows
	}
	if p.Image == "" {
		p.Image = pathBase(p.Path)
	}
	if p.Parent == "" {
		p.Parent = pathBase(p.ParentPath)
	}
	p.Place, p.Raw, p.Context, p.Stamp, p.Zone = r.origin(x)
}

// pathBase is what follows the last backslash or slash of a path.
func pathBase(path string) string { return path[strings.LastIndexAny(path, `\/`)+1:] }

// path is a path in a cell.
func (r *winReader) path(x *winRecord, f winField) string { return r.names.in(x.cells[f], maxKey) }

// processID is a process id in a cell: hexadecimal in the Security log, decimal elsewhere.
func processID(cell []byte) uint32 {
	n, ok := winNumber(cell)
	if !ok || n < 0 || n > 1<<32-1 {
		return 0
	}
	return uint32(n)
}

// processOf is a process that was created or ended, in the Security log. Where
// the event names whom it runs as, that is its account, else who created it.
func (r *winReader) processOf(x *winRecord) {
	p := netcase.Process{Role: netcase.RoleEnded, Action: "process exited", ID: processID(x.cells[winPID]), Path: r.path(x, winPath),
		Account: r.account(x, winSubjectDomain, winSubjectUser)}
	if x.id == 4688 {
		p.Role, p.Action, p.ID, p.Path = netcase.RoleStarted, "process created", processID(x.cells[winNewPID]), r.path(x, winNewPath)
		p.CommandLine, p.ParentPath = nameIn(x.cells[winCommand], maxCommand), r.path(x, winParentPath)
		if !blank(x.cells[winTargetUser]) {
			p.Account = r.account(x, winTargetDomain, winTargetUser)
		}
	}
	r.process(x, p)
}

// service is a service that was installed. The account is who installed it where
// the event says so (4697), else the one that it is to run as (7045).
func (r *winReader) service(x *winRecord) {
	p := netcase.Process{Role: netcase.RoleService, Action: "service installed", Target: r.text(x, winService),
		Detail: nameIn(x.cells[winServiceFile], maxCommand), Account: r.account(x, winSubjectDomain, winSubjectUser)}
	for _, f := range [...]winField{winServiceAccount, winAccountName} {
		if p.Account == "" {
			p.Account = r.text(x, f)
		}
	}
	r.process(x, p)
}

// serviceControl reads the events of the Service Control Manager.
func (r *winReader) serviceControl(x *winRecord) bool {
	if x.id != 7045 {
		return false
	}
	r.service(x)
	return true
}

// task is a scheduled task that was made or changed.
func (r *winReader) task(x *winRecord) {
	p := netcase.Process{Role: netcase.RoleTask, Action: "scheduled task created", Target: r.path(x, winTask),
		Detail: taskAction(x.cells[winTaskContent]), Account: r.account(x, winSubjectDomain, winSubjectUser)}
	if x.id == 4702 {
		p.Action = "scheduled task updated"
	}
	r.process(x, p)
}

// maxActions bounds the actions of one task that are kept; Windows allows 32.
const maxActions = 32

// taskAction is what a task does, out of its XML: its commands with their
// arguments, or the class that it calls.
func taskAction(content []byte) string {
	if bytes.Contains(content[:min(len(content), 256)], []byte("&lt;")) {
		content = xmlText(content)
	}
	s := xmlScan{b: content}
	var actions []string
	var name string
	for len(actions) < maxActions && s.next() {
		switch s.kind {
		case xmlOpen:
			name = string(s.name[:min(len(s.name), maxName)])
		case xmlClose:
			name = ""
		case xmlChars:
			text := nameIn(xmlText(s.text), maxCommand)
			switch {
			case text == "":
			case name == "Command":
				actions = append(actions, text)
			case name == "Arguments" && len(actions) > 0:
				actions[len(actions)-1] += " " + text
			case name == "ClassId":
				actions = append(actions, "class "+text)
			}
		}
	}
	return nameIn([]byte(strings.Join(actions, "; ")), maxCommand)
}
