package netcase

// LoginEvent says what a login record tells about.
type LoginEvent string

// The login events.
const (
	LoginAttempt    LoginEvent = ""           // somebody tried to authenticate; Outcome says how it ended
	LoginConnect    LoginEvent = "connect"    // a client reached the login service; nothing was tried yet
	LoginExplicit   LoginEvent = "explicit"   // credentials were used on purpose for another account or machine
	LoginSession    LoginEvent = "session"    // a session began or was resumed
	LoginLogoff     LoginEvent = "logoff"     // a session ended or was left
	LoginPrivileged LoginEvent = "privileged" // the new session has special privileges
	LoginLockout    LoginEvent = "lockout"    // the account was locked
	LoginAccount    LoginEvent = "account"    // an account was made, changed or enabled; Detail says which
	LoginElevation  LoginEvent = "elevation"  // sudo, su: a session took another account's rights
)

// LoginOutcome is how an attempt to authenticate ended.
type LoginOutcome string

// The outcomes. Not every failure is a wrong password: a password that was right
// and still refused is the opposite of good news.
const (
	LoginOpen          LoginOutcome = ""
	LoginSucceeded     LoginOutcome = "success"
	LoginFailed        LoginOutcome = "failure"    // refused, and the source does not say why
	LoginWrongPassword LoginOutcome = "password"   // a wrong password or key for an account that exists
	LoginNoAccount     LoginOutcome = "no_account" // no such account
	LoginBlocked       LoginOutcome = "blocked"    // the credentials were right, or not looked at, and policy refused: locked, disabled, expired, not granted
)

// Failed tells whether the attempt is known to have failed.
func (o LoginOutcome) Failed() bool { return o != LoginOpen && o != LoginSucceeded }

// Login is one record about authentication, or several equal ones.
type Login struct {
	Time        Time
	Event       LoginEvent
	Outcome     LoginOutcome
	Host        Endpoint // where the login was tried
	Peer        Endpoint // from where; not known where the source has no address
	PeerPort    uint16
	Service     string // ssh, rdp, smb, telnet, kerberos, ntlm, sudo …; empty: not known
	Account     string // as tried
	Domain      string
	Kind        string // Windows logon type by its name: network, remote interactive …; empty elsewhere
	Method      string // password, publickey, kerberos, ntlm …
	Detail      string // status, sub-status or reason as the source spells it
	Workstation string // what the client calls itself: its own claim
	Session     string // what ties records of one session together: logon id, process id, session id
	Count       int64  // how many equal records this stands for; at least 1
	Sensor      string
	Key         uint64 // hash of the format's natural key; zero: the format has none

	// Only on the second pass.
	Place   Place
	Raw     []byte
	Context string
	Stamp   string // the time as the record spells it
	Zone    string // the zone that was assumed for it; empty: the record states its own
}

// ProcessRole says what a process record tells about the process.
type ProcessRole string

// The roles.
const (
	RoleStarted   ProcessRole = "started"   // it was created
	RoleListener  ProcessRole = "listener"  // it owns the socket that accepted a connection
	RoleConnector ProcessRole = "connector" // it opened a connection
	RoleEnded     ProcessRole = "ended"     // it ended
	RoleLoaded    ProcessRole = "loaded"    // it loaded Target, a library or driver
	RoleInjected  ProcessRole = "injected"  // it began a thread in, or wrote into, the process Target
	RoleAccessed  ProcessRole = "accessed"  // it opened the process Target with rights that Detail names
	RoleWrote     ProcessRole = "wrote"     // it created or changed the file Target
	RoleRegistry  ProcessRole = "registry"  // it set, made or removed the registry key or value Target; Detail is the data
	RoleService   ProcessRole = "service"   // it installed or changed the service Target, whose program Detail is
	RoleTask      ProcessRole = "task"      // it registered or changed the scheduled task Target, whose action Detail is
	RoleOther     ProcessRole = "other"     // something else, named by Action
)

// Process is one record about a process on one of our hosts. For the listener
// and connector roles the ports and the peer are those of the connection.
type Process struct {
	Time        Time
	Host        Endpoint // with a name and, where known, an address
	OS          string   // as the source spells it; empty: not known
	Role        ProcessRole
	Action      string // the source's own word, for example InboundConnectionAccepted
	ID          uint32 // process id; zero: not known
	Image       string // file name
	Path        string // folder or full path
	CommandLine string
	Account     string
	Parent      string // file name of the parent
	ParentPath  string
	ParentLine  string // command line of the parent
	Original    string // the file name that the program's own version resource states
	Hash        string // sha256, else sha1, else md5, as algorithm:hex
	Signed      string // signature state and signer of the image, or of Target where it was loaded, as the source spells it
	Target      string // what the role acted on
	Detail      string
	LocalPort   uint16
	RemotePort  uint16
	Peer        Endpoint
	Sensor      string
	Key         uint64 // hash of the format's natural key; zero: the format has none

	// Only on the second pass.
	Place   Place
	Raw     []byte
	Context string
	Stamp   string
	Zone    string
}

// Query is one name that a host asked for: a resolution, the server name of a TLS
// handshake, or the host of a web request.
type Query struct {
	Time   Time
	Host   Endpoint
	Peer   Endpoint // whom it asked, or connected to
	Name   string
	Type   string   // a record type (A, AAAA, TXT …), "tls" or "http"
	Answer []string // addresses and names in the answer; for tls and http the outcome or fingerprint
	Sensor string

	// Only on the second pass.
	Place   Place
	Raw     []byte
	Context string
	Stamp   string
	Zone    string
}

// Alert is what another sensor concluded: its word, not ours.
type Alert struct {
	Time     Time
	Src, Dst Endpoint // as the sensor names them; Dst may be unknown
	SrcPort  uint16
	DstPort  uint16
	Proto    uint8
	Name     string // signature or notice
	ID       string // the sensor's number for it
	Category string
	Severity string // as the sensor spells it
	Blocked  bool   // the sensor says that it stopped the traffic
	Detail   string
	Count    int64 // at least 1
	Sensor   string

	// Only on the second pass.
	Place   Place
	Raw     []byte
	Context string
	Stamp   string
	Zone    string
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
	Alerts    []Alert
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Flows, b.Logins, b.Processes = b.Flows[:0], b.Logins[:0], b.Processes[:0]
	b.Queries, b.Alerts = b.Queries[:0], b.Alerts[:0]
}

// Len is the number of events in the batch.
func (b *Batch) Len() int {
	return len(b.Flows) + len(b.Logins) + len(b.Processes) + len(b.Queries) + len(b.Alerts)
}
