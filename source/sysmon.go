package source

import (
	"bytes"
	"strings"

	"netcase"
)

// sysmonActions are the events of Sysmon by its own names.
var sysmonActions = map[int64]string{
	1: "ProcessCreate", 3: "NetworkConnect", 5: "ProcessTerminate", 6: "DriverLoad", 7: "ImageLoad", 8: "CreateRemoteThread",
	10: "ProcessAccess", 11: "FileCreate", 12: "RegistryObject", 13: "RegistryValueSet", 14: "RegistryRename",
	15: "FileCreateStreamHash", 17: "PipeCreated", 18: "PipeConnected", 22: "DnsQuery", 23: "FileDelete", 25: "ProcessTampering",
}

// sysmonRoles are the parts that a process plays in the events of Sysmon.
var sysmonRoles = map[int64]netcase.ProcessRole{
	1: netcase.RoleStarted, 5: netcase.RoleEnded, 6: netcase.RoleLoaded, 7: netcase.RoleLoaded, 8: netcase.RoleInjected,
	10: netcase.RoleAccessed, 11: netcase.RoleWrote, 12: netcase.RoleRegistry, 13: netcase.RoleRegistry, 14: netcase.RoleRegistry,
	15: netcase.RoleOther, 17: netcase.RoleOther, 18: netcase.RoleOther, 23: netcase.RoleOther, 25: netcase.RoleOther,
}

// sysmon reads the events of Sysmon.
func (r *winReader) sysmon(x *winRecord) bool {
	switch x.id {
	case 3:
		return r.connection(x)
	case 22:
		r.query(x)
		return true
	}
	role, ok := sysmonRoles[x.id]
	if !ok {
		return false
	}
	p := netcase.Process{Role: role, Action: sysmonActions[x.id], ID: processID(x.cells[winPID]), Path: r.path(x, winImage),
		Account: r.text(x, winUser), Sensor: x.host.sysmon}
	switch x.id {
	case 1:
		p.CommandLine, p.ParentPath = nameIn(x.cells[winCommand], maxCommand), r.path(x, winParentImage)
		p.ParentLine, p.Original, p.Hash = nameIn(x.cells[winParentCommand], maxCommand), r.text(x, winOriginal), sysmonHash(x.cells[winHashes])
	case 6, 7:
		p.Target, p.Hash, p.Signed = r.path(x, winImageLoaded), sysmonHash(x.cells[winHashes]), r.signed(x)
	case 8, 10:
		r.intoAnother(x, &p)
	case 11, 15, 23:
		p.Target = nameIn(x.cells[winTargetFile], maxCommand)
		if x.id != 11 {
			p.Hash = sysmonHash(x.cells[winHashes])
		}
	case 12, 13, 14:
		r.registry(x, &p)
	case 17, 18:
		p.Target = r.path(x, winPipe)
	case 25:
		p.Detail = r.path(x, winType)
	}
	r.process(x, p)
	return true
}

// intoAnother is a process that reaches into another.
func (r *winReader) intoAnother(x *winRecord, p *netcase.Process) {
	p.ID, p.Path, p.Target = processID(x.cells[winSourcePID]), r.path(x, winSourceImage), r.path(x, winTargetImage)
	if user := r.text(x, winSourceUser); user != "" {
		p.Account = user
	}
	if p.Detail = r.text(x, winAccess); x.id == 8 {
		p.Detail = winPhrase("module", r.path(x, winStartModule), "function", r.text(x, winStartFunction), "address", nameIn(x.cells[winStartAddress], maxName))
	}
}

// registry is a key or value that was made, set, removed or renamed.
func (r *winReader) registry(x *winRecord, p *netcase.Process) {
	p.Target, p.Detail = nameIn(x.cells[winTargetObject], maxCommand), nameIn(x.cells[winDetails], maxCommand)
	if x.id == 14 {
		p.Detail = nameIn(x.cells[winNewName], maxCommand)
	}
	// NXLog writes its own level into a field of the same name.
	if word := r.text(x, winEventType); word != "" && word != strings.ToUpper(word) {
		p.Action = word
	}
}

// signed is the state of a signature and whose it is.
func (r *winReader) signed(x *winRecord) string {
	return strings.TrimSpace(winPhrase("signed", r.text(x, winSigned), "by", r.text(x, winSignature), "status", r.text(x, winSignatureStatus)))
}

// sysmonHash picks the strongest of the hashes in SHA1=…,MD5=…,SHA256=….
func sysmonHash(cell []byte) string {
	best, rank := "", 0
	for range 8 {
		part, rest, more := bytes.Cut(cell, []byte{','})
		name, hex, ok := bytes.Cut(part, []byte{'='})
		if n := hashRank(name, len(hex)); ok && n > rank && hexDigits(hex) {
			best, rank = strings.ToLower(string(bytes.TrimSpace(name)))+":"+strings.ToLower(string(hex)), n
		}
		if cell = rest; !more {
			break
		}
	}
	return best
}

// hashRank orders the algorithms; zero: none of ours, or not its length.
func hashRank(name []byte, digits int) int {
	switch {
	case oneOf(name, "sha256") && digits == 64:
		return 3
	case oneOf(name, "sha1") && digits == 40:
		return 2
	case oneOf(name, "md5") && digits == 32:
		return 1
	}
	return 0
}

// maxSysmonAnswers bounds the answers of one query that are kept.
const maxSysmonAnswers = 64

// query is a name that a process resolved. Sysmon does not say which type was
// asked for, nor whom.
func (r *winReader) query(x *winRecord) {
	q := netcase.Query{Time: x.at, Host: netcase.Endpoint{Name: x.host.name}, Name: nameIn(x.cells[winQueryName], maxKey), Sensor: x.host.sysmon}
	if r.in.isDuplicate(x.key) {
		return
	}
	rest := x.cells[winQueryResults]
	for len(rest) > 0 && len(q.Answer) < maxSysmonAnswers {
		var part []byte
		part, rest, _ = bytes.Cut(rest, []byte{';'})
		if a := sysmonAnswer(part); a != "" {
			q.Answer = append(q.Answer, a)
		}
	}
	q.Place, q.Raw, q.Context, q.Stamp, q.Zone = r.origin(x)
	r.in.AcceptQuery(&r.batch, q)
}

// sysmonAnswer is one answer: an address, or a name behind "type:  5 ".
func sysmonAnswer(part []byte) string {
	part = bytes.TrimSpace(part)
	if after, ok := bytes.CutPrefix(part, []byte("type:")); ok {
		after = bytes.TrimSpace(after)
		part = bytes.TrimSpace(bytes.TrimLeft(after, "0123456789"))
	}
	if a, ok := addressIn(part); ok {
		return a.String()
	}
	return nameIn(part, maxKey)
}
