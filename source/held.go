package source

import (
	"bytes"

	"netcase"
)

// heldLogins knows for a few connections, by host and process, what was said of
// them last. An attempt is written in several lines: "Invalid user" when the name
// arrives, PAM's when it refuses, "Failed" at the end. A line that may be followed
// by a stronger one is held until that comes, the connection ends, or heldLines
// further lines have passed. It is the attempt where nothing stronger comes.
type heldLogins struct {
	of    map[uint64]*heldLogin
	order []*heldLogin // oldest first
	free  []*heldLogin
	line  int64
}

type heldLogin struct {
	key     uint64
	line    int64 // when it was last spoken of
	rank    heldRank
	login   netcase.Login
	policy  string // why the account is refused whatever the password
	tried   bool   // an attempt of this connection was counted
	present bool   // the connection itself was counted
}

// heldRank orders the lines about one attempt.
type heldRank uint8

const (
	rankNone     heldRank = iota
	rankPAM               // pam_unix(sshd:auth): authentication failure
	rankInvalid           // Invalid user, not allowed because
	rankPAMError          // error: PAM: Authentication failure
)

const (
	// heldLines is how many lines may stand between two lines about one attempt. On
	// a busy machine that is seconds.
	heldLines = 512
	// maxHeld bounds the connections known at a time.
	maxHeld = 256
)

func (h *heldLogins) begin() { h.of = map[uint64]*heldLogin{} }

// tick lets go of what was held for long enough.
func (h *heldLogins) tick(r *messages) {
	h.line++
	for len(h.order) > 0 && (h.line-h.order[0].line > heldLines || len(h.order) > maxHeld) {
		h.drop(r)
	}
}

// drop lets go of the oldest.
func (h *heldLogins) drop(r *messages) {
	e := h.order[0]
	h.order = h.order[1:]
	h.emit(r, e)
	delete(h.of, e.key)
	h.free = append(h.free, e)
}

// release lets go of all, at the end.
func (h *heldLogins) release(r *messages) {
	for len(h.order) > 0 {
		h.drop(r)
	}
}

// emit counts what is held as an attempt.
func (h *heldLogins) emit(r *messages, e *heldLogin) {
	if e.rank == rankNone {
		return
	}
	r.in.AcceptLogin(&r.batch, e.login)
	e.login, e.rank, e.tried = netcase.Login{}, rankNone, true
}

// accompany counts what is held as a line that goes with another.
func (h *heldLogins) accompany(r *messages, e *heldLogin) {
	if e.rank == rankNone {
		return
	}
	r.in.Skip(skipAccompanies)
	e.login, e.rank = netcase.Login{}, rankNone
}

// connection is the key of a message's connection; 0 where no process is named.
func (m *message) connection() uint64 {
	if len(m.pid) == 0 {
		return 0
	}
	return newDigest("").bytes(m.host).bytes(m.pid).key()
}

func (h *heldLogins) entry(key uint64) *heldLogin {
	e := h.of[key]
	if e == nil {
		if n := len(h.free); n > 0 {
			e, h.free = h.free[n-1], h.free[:n-1]
		} else {
			e = &heldLogin{}
		}
		*e = heldLogin{key: key, line: h.line}
		h.of[key] = e
		h.order = append(h.order, e)
	}
	return e
}

// hold takes a line that a stronger one may follow.
func (h *heldLogins) hold(r *messages, m *message, l netcase.Login, rank heldRank) {
	r.complete(m, &l)
	key := m.connection()
	if key == 0 {
		key = newDigest("").bytes(m.host).text(l.Peer.String()).key()
	}
	e := h.entry(key)
	switch {
	case rank == rankPAM && (e.rank == rankInvalid || e.rank == rankPAM && e.login.Peer == l.Peer && e.login.Time == l.Time):
		r.in.Skip(skipAccompanies) // of the attempt that is held, or the same line twice
		return
	case rank > e.rank:
		h.accompany(r, e)
	default:
		h.emit(r, e)
	}
	e.login, e.rank = l, rank
	e.policy = ""
	if l.Outcome == netcase.LoginBlocked {
		e.policy = l.Detail
	}
}

// failed notes a line that is an attempt of its own; what is held goes with it. It
// gives the policy that refuses the account, if one was named.
func (h *heldLogins) failed(r *messages, m *message) (policy string) {
	key := m.connection()
	if key == 0 {
		return ""
	}
	e := h.entry(key)
	h.accompany(r, e)
	e.tried = true
	return e.policy
}

// policy notes why an account is refused.
func (h *heldLogins) policy(m *message, reason string) {
	if key := m.connection(); key != 0 {
		h.entry(key).policy = reason
	}
}

// accepted: what one module of PAM refused another let pass.
func (h *heldLogins) accepted(r *messages, m *message) {
	e := h.of[m.connection()]
	if e == nil {
		return
	}
	if e.rank == rankPAM {
		h.accompany(r, e)
	}
	h.emit(r, e)
	e.tried = true
}

// tried tells whether an attempt of the connection was counted.
func (h *heldLogins) tried(m *message) bool {
	e := h.of[m.connection()]
	return e != nil && e.tried
}

// came notes that the connection itself was counted.
func (h *heldLogins) came(m *message) {
	if key := m.connection(); key != 0 {
		h.entry(key).present = true
	}
}

// closed takes the end of a connection, and tells whether it was counted before.
func (h *heldLogins) closed(r *messages, m *message) bool {
	e := h.of[m.connection()]
	if e == nil {
		return false
	}
	h.emit(r, e)
	return e.tried || e.present
}

// cutBetweenLogins cuts where nothing is held, so that no attempt is torn in two.
// It looks at the end of the block alone; where logins never pause it cuts at the
// last line, and at most what is held there may count as attempts of their own.
func cutBetweenLogins(block []byte) int {
	last := WholeLines(block)
	from := max(0, last-cutLook)
	if from > 0 {
		from += bytes.IndexByte(block[from:last], '\n') + 1
	}
	cut := 0
	open := map[string]int{} // process -> the line that opened it
	for at, line := from, 0; at < last; line++ {
		end := at + bytes.IndexByte(block[at:last], '\n') + 1
		follow(open, block[at:end], line)
		if len(open) == 0 && line >= settleLines {
			cut = end
		}
		at = end
	}
	if cut == 0 {
		return last
	}
	return cut
}

const (
	// cutLook is how much of the end of a block is looked at for a place to cut.
	cutLook = 256 << 10
	// settleLines is after how many lines it is known what is open: connections that
	// began before what is looked at end within as many.
	settleLines = 64
)

// follow notes whether a line opens or ends an attempt of its process.
func follow(open map[string]int, line []byte, number int) {
	i := bytes.Index(line, []byte("]: "))
	if i < 0 {
		return
	}
	j := bytes.LastIndexByte(line[:i], '[')
	if j < 0 {
		return
	}
	process, text := line[j:i], line[i+3:]
	text = bytes.TrimPrefix(text, []byte("error: "))
	switch {
	case bytes.HasPrefix(text, []byte("Invalid user ")), bytes.HasPrefix(text, []byte("PAM: ")),
		bytes.HasPrefix(text, []byte("User ")), bytes.Contains(text, []byte("authentication failure; ")):
		open[string(process)] = number
	case bytes.HasPrefix(text, []byte("Failed ")), bytes.HasPrefix(text, []byte("Accepted ")),
		bytes.HasPrefix(text, []byte("Connection ")), bytes.HasPrefix(text, []byte("Disconnected ")):
		delete(open, string(process))
	}
	if number%heldLines == 0 {
		for p, opened := range open {
			if number-opened > heldLines {
				delete(open, p)
			}
		}
	}
}
