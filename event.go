package netcase

// Login is one attempt to authenticate.
type Login struct {
	Time    Time
	Host    Endpoint // where the login was tried
	Peer    Endpoint // from where
	Account string
	Success bool
	Method  string // password, publickey, kerberos, ntlm …
	Detail  string // sub-status or reason as the source spells it
	Sensor  string

	Place Place
	Raw   []byte
}

// ProcessRole says what a process record tells about the process.
type ProcessRole string

// The roles.
const (
	RoleStarted   ProcessRole = "started"   // it was created
	RoleListener  ProcessRole = "listener"  // it owns the socket that accepted a connection
	RoleConnector ProcessRole = "connector" // it opened a connection
)

// Process is one record about a process on one of our hosts. For the listener
// and connector roles the ports and the peer are those of the connection.
type Process struct {
	Time        Time
	Host        Endpoint // with a name and, where known, an address
	OS          string   // as the source spells it; empty: not known
	Role        ProcessRole
	Action      string // the source's own word, for example InboundConnectionAccepted
	Image       string // file name
	Path        string // folder or full path
	CommandLine string
	Account     string
	Parent      string // file name of the parent
	LocalPort   uint16
	RemotePort  uint16
	Peer        Endpoint
	Sensor      string

	Place Place
	Raw   []byte
}

// Query is one name resolution.
type Query struct {
	Time   Time
	Host   Endpoint
	Name   string
	Type   string
	Answer []string
	Sensor string

	Place Place
	Raw   []byte
}

// Batch is what a source hands on at a time.
//
// Owner: the receiver may read it until it asks for the next one; it keeps
// nothing of Raw without a copy.
type Batch struct {
	Flows     []Flow
	Logins    []Login
	Processes []Process
	Queries   []Query
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Flows, b.Logins, b.Processes, b.Queries = b.Flows[:0], b.Logins[:0], b.Processes[:0], b.Queries[:0]
}

// Len is the number of events in the batch.
func (b *Batch) Len() int { return len(b.Flows) + len(b.Logins) + len(b.Processes) + len(b.Queries) }
