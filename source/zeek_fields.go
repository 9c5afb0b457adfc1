package source

// zeekField is a column that is read, or that tells a kind of log.
type zeekField int16

const (
	zeekTS zeekField = iota
	zeekUID
	zeekOrigH
	zeekOrigP
	zeekRespH
	zeekRespP
	zeekProto
	zeekDuration
	zeekOrigBytes
	zeekRespBytes
	zeekState
	zeekLocalOrig
	zeekLocalResp
	zeekHistory
	zeekOrigPkts
	zeekRespPkts
	zeekIPProto
	zeekNode
	zeekSystem
	zeekPath
	zeekConnFields // those above are what a connection is read from
)

const (
	zeekAuthSuccess zeekField = iota + zeekConnFields
	zeekAuthAttempts
	zeekDirection
	zeekClient
	zeekServer
	zeekCookie
	zeekResult
	zeekSecurity
	zeekClientName
	zeekVersion
	zeekServerName
	zeekEstablished
	zeekJA3
	zeekMethod
	zeekHost
	zeekURI
	zeekStatusCode
	zeekQuery
	zeekQType
	zeekRCode
	zeekAnswers
	zeekNote
	zeekMsg
	zeekSub
	zeekSrc
	zeekDst
	zeekP
	zeekActions
	zeekDropped
	zeekRequestType
	zeekService
	zeekSuccess
	zeekErrorMsg
	zeekUsername
	zeekHostname
	zeekDomainname
	zeekStatus
	zeekUser
	zeekCommand
	zeekArg
	zeekReplyCode
	zeekReplyMsg
	zeekReadFields // those from here on only tell a kind of log
)

// zeekFieldNames are the columns as the logs name them.
var zeekFieldNames = [...]string{
	"ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "duration",
	"orig_bytes", "resp_bytes", "conn_state", "local_orig", "local_resp", "history",
	"orig_pkts", "resp_pkts", "ip_proto", "_node_name", "_system_name", "_path",

	"auth_success", "auth_attempts", "direction", "client", "server",
	"cookie", "result", "security_protocol", "client_name",
	"version", "server_name", "established", "ja3",
	"method", "host", "uri", "status_code",
	"query", "qtype_name", "rcode_name", "answers",
	"note", "msg", "sub", "src", "dst", "p", "actions", "dropped",
	"request_type", "service", "success", "error_msg",
	"username", "hostname", "domainname", "status",
	"user", "command", "arg", "reply_code", "reply_msg",

	"trans_id", "trans_depth", "helo", "last_reply", "cipher", "resumed",
	"certificate.serial", "certificate.subject", "serialNumber", "certStatus",
	"fuid", "source", "seen_bytes", "suppress_for", "name", "notice", "peer", "uids", "msg_types",
	"software_type", "port_num", "port_proto", "analyzer", "failure_reason", "tunnel_type", "action",
	"server_nb_computer_name", "endpoint", "operation", "path", "share_type", "call_id", "request_path",
	"community", "get_requests", "stratum", "precision", "facility", "severity",
	"seen.indicator", "seen.where", "id", "machine", "compile_ts", "pkts_proc", "mem",
	"ts_delta", "percent_lost", "node", "filter", "init", "src_mac", "orig_h",
}

const (
	zeekFieldCount           = zeekField(len(zeekFieldNames))
	zeekNone       zeekField = -1
)

// zeekWanted are the columns whose absence costs something.
var zeekWanted = []zeekField{
	zeekTS, zeekUID, zeekOrigH, zeekOrigP, zeekRespH, zeekRespP, zeekProto, zeekDuration,
	zeekOrigBytes, zeekRespBytes, zeekState, zeekHistory, zeekOrigPkts, zeekRespPkts,
}

// zeekFields is every field by its name. Underscores stand for dots in the exports
// of some collectors.
var zeekFields = zeekFieldIndex()

func zeekFieldIndex() map[string]zeekField {
	index := map[string]zeekField{
		"id_orig_h": zeekOrigH, "id_orig_p": zeekOrigP, "id_resp_h": zeekRespH, "id_resp_p": zeekRespP,
		"@system": zeekSystem, "@stream": zeekPath,
	}
	for i, name := range zeekFieldNames {
		index[name] = zeekField(i)
	}
	return index
}

// zeekFieldOf is the column of a name.
func zeekFieldOf(name []byte) zeekField {
	if f, ok := zeekFields[string(name)]; ok {
		return f
	}
	return zeekNone
}

// zeekRow is one record: the text of each column, nil where it is unset; and which
// columns were there at all.
type zeekRow struct {
	text [zeekReadFields][]byte
	has  [zeekFieldCount]bool
	set  []zeekField // those to clear before the next record
}

// clear empties the row. The columns of connections are not noted one by one.
func (r *zeekRow) clear() {
	clear(r.text[:zeekConnFields])
	for _, f := range r.set {
		r.has[f] = false
		if f < zeekReadFields {
			r.text[f] = nil
		}
	}
	r.set = r.set[:0]
}

// mark notes that a column is there.
func (r *zeekRow) mark(f zeekField) {
	if !r.has[f] {
		r.has[f] = true
		r.set = append(r.set, f)
	}
}

// put sets a column; of two of one name the last counts.
func (r *zeekRow) put(f zeekField, text []byte) {
	r.mark(f)
	if f < zeekReadFields {
		r.text[f] = text
	}
}
