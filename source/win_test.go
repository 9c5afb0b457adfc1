package source

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"netcase"

	"www.velocidex.com/golang/evtx"

	"github.com/Velocidex/ordereddict"
)

// winAll decodes text with whichever format recognises it.
func winAll(t testing.TB, text []byte) (string, netcase.Batch, *netcase.InputReport) {
	t.Helper()
	format, err := Recognise(Formats(), text[:min(len(text), HeadSize)])
	if err != nil {
		t.Fatal(err)
	}
	var all netcase.Batch
	report := &netcase.InputReport{}
	in := &Input{Name: "in", R: bytes.NewReader(text), Report: report}
	err = format.Decode(context.Background(), in, func(b *netcase.Batch) error {
		all.Flows = append(all.Flows, b.Flows...)
		all.Logins = append(all.Logins, b.Logins...)
		all.Processes = append(all.Processes, b.Processes...)
		all.Queries = append(all.Queries, b.Queries...)
		all.Alerts = append(all.Alerts, b.Alerts...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if format.Join != nil {
		format.Join(in)
	}
	if !report.Balanced() {
		t.Fatalf("records do not add up: %+v", report)
	}
	return format.Name, all, report
}

// TestWinHoneypot checks what is known of a real export of SecurityEvent.
func TestWinHoneypot(t *testing.T) {
	dir := dataDir(t, "azure-honeypot-2026")
	name, all, report := winAll(t, readAll(t, filepath.Join(dir, "query_data.csv.gz")))
	if name != formatSecurityEvent || report.Read != 1000 || report.Rejected != 0 {
		t.Fatalf("%s: %+v", name, report)
	}
	failures, succeeded := map[string]int{}, 0
	for _, l := range all.Logins {
		switch {
		case l.Outcome.Failed():
			failures[l.Peer.String()]++
		case l.Outcome == netcase.LoginSucceeded && l.Peer.Known():
			succeeded++
		}
	}
	if len(failures) != 2 || failures["185.156.73.74"] != 491 || failures["185.156.73.169"] != 478 || succeeded != 0 {
		t.Errorf("failures %v, %d successes from a peer", failures, succeeded)
	}
	t.Logf("%v, skipped %v", report.Events, report.Reasons)
}

// TestWinEvtxRealData compares every file with what the library makes of it.
func TestWinEvtxRealData(t *testing.T) {
	root := dataDir(t, "evtx")
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !bytes.HasPrefix(readHead(t, path), evtxMagic) {
			return err
		}
		seen++
		t.Run(filepath.Base(path), func(t *testing.T) { compareEvtx(t, path) })
		return nil
	})
	if err != nil || seen < 15 {
		t.Errorf("%d files, %v", seen, err)
	}
}

func readHead(t *testing.T, path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	head := make([]byte, 16)
	n, _ := io.ReadFull(f, head)
	return head[:n]
}

// idsOf counts a log's events by id as decoded, whatever they mean.
func idsOf(t *testing.T, text []byte) map[string]int {
	got := map[string]int{}
	for at := evtxHeader; at < len(text); at += evtxChunk {
		c := binXML{chunk: text[at:min(len(text), at+evtxChunk)]}
		for p := evtxChunkHeader; ; {
			size, ok := recordSize(c.chunk, p)
			if !ok {
				break
			}
			var e winEvent
			if fault := c.read(p+evtxRecordHead, p+size-evtxRecordTail, &evtxFill{event: &e}); fault != "" {
				t.Fatalf("record at %d: %s", at+p, fault)
			}
			got[fmt.Sprintf("%s %s %s", e.cells[winProvider], e.cells[winID], e.cells[winComputer])]++
			p += size
		}
	}
	return got
}

func compareEvtx(t *testing.T, path string) {
	text := readAll(t, path)
	want := map[string]int{}
	records := 0
	chunks, err := evtx.GetChunks(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range chunks {
		found, err := c.Parse(0)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range found {
			system, ok := ordereddict.GetMap(x.Event.(*ordereddict.Dict), "Event.System")
			if !ok {
				t.Fatalf("the library has no System in %v", x.Event)
			}
			provider, _ := ordereddict.GetString(system, "Provider.Name")
			computer, _ := ordereddict.GetString(system, "Computer")
			id, _ := ordereddict.GetInt(system, "EventID.Value")
			if id == 0 {
				id, _ = ordereddict.GetInt(system, "EventID")
			}
			want[fmt.Sprintf("%s %d %s", provider, id, computer)]++
			records++
		}
	}
	got := idsOf(t, text)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	_, all, report := winAll(t, text)
	if report.Read != int64(records) || report.Rejected != 0 {
		t.Errorf("%d records read of %d, %d rejected: %v", report.Read, records, report.Rejected, report.Samples)
	}
	t.Logf("%d records: events %v flows %d, skipped %v, notes %v", records, report.Events, len(all.Flows), report.Reasons, report.Notes)
}

// TestWinTechniques checks that logs named for a technique show it.
func TestWinTechniques(t *testing.T) {
	root := dataDir(t, "evtx", "evtx-attack-samples")
	for _, tt := range []struct {
		file string
		show func(*netcase.Batch) bool
	}{
		{"Command and Control/DE_RDP_Tunneling_4624.evtx", func(b *netcase.Batch) bool {
			return anyLogin(b, func(l *netcase.Login) bool { return l.Kind == "remote interactive" && l.Peer.Addr.IsLoopback() })
		}},
		{"Command and Control/DE_RDP_Tunneling_TerminalServices-RemoteConnectionManagerOperational_1149.evtx", func(b *netcase.Batch) bool {
			return anyLogin(b, func(l *netcase.Login) bool {
				return l.Event == netcase.LoginConnect && l.Account == "admin01" && l.Peer.String() == "10.0.2.15"
			})
		}},
		{"Command and Control/DE_RDP_Tunnel_5156.evtx", func(b *netcase.Batch) bool {
			return anyFlow(b, func(f *netcase.Flow) bool { return f.DstPort == 3389 && f.Reach == netcase.ReachAllowed })
		}},
		{"Command and Control/tunna_iis_rdp_smb_tunneling_sysmon_3.evtx", func(b *netcase.Batch) bool {
			return anyFlow(b, func(f *netcase.Flow) bool {
				return f.DstPort == 3389 && f.Src.Addr.IsLoopback() && f.Reach == netcase.ReachBidirectional
			})
		}},
		{"Credential Access/kerberos_pwd_spray_4771.evtx", func(b *netcase.Batch) bool {
			return anyLogin(b, func(l *netcase.Login) bool {
				return l.Outcome == netcase.LoginWrongPassword && l.Service == "kerberos" && l.Peer.String() == "172.16.66.1"
			}) && len(b.Alerts) == 1 && b.Alerts[0].Name == "audit log cleared"
		}},
		{"Credential Access/CA_4624_4625_LogonType2_LogonProc_chrome.evtx", func(b *netcase.Batch) bool {
			return anyLogin(b, func(l *netcase.Login) bool {
				return l.Outcome == netcase.LoginWrongPassword && l.Kind == "interactive"
			})
		}},
		{"Lateral Movement/LM_Remote_Service02_7045.evtx", func(b *netcase.Batch) bool {
			return anyProcess(b, func(p *netcase.Process) bool {
				return p.Role == netcase.RoleService && p.Target != "" && p.Detail != ""
			})
		}},
		{"Lateral Movement/remote task update 4624 4702 same logonid.evtx", func(b *netcase.Batch) bool {
			return anyProcess(b, func(p *netcase.Process) bool {
				return p.Role == netcase.RoleTask && p.Target != "" && p.Detail != ""
			})
		}},
		{"Lateral Movement/dfir_rdpsharp_target_RdpCoreTs_168_68_131.evtx", func(b *netcase.Batch) bool {
			return anyLogin(b, func(l *netcase.Login) bool {
				return l.Event == netcase.LoginConnect && l.Peer.Addr.IsValid() && l.PeerPort != 0
			})
		}},
		{"Execution/revshell_cmd_svchost_sysmon_1.evtx", func(b *netcase.Batch) bool {
			return anyProcess(b, func(p *netcase.Process) bool {
				return p.Image == "cmd.exe" && p.Parent == "svchost.exe" && strings.HasPrefix(p.Hash, "sha256:")
			})
		}},
		{"Lateral Movement/sharprdp_sysmon_7_mstscax.dll.evtx", func(b *netcase.Batch) bool {
			return anyProcess(b, func(p *netcase.Process) bool {
				return p.Role == netcase.RoleLoaded && strings.HasSuffix(p.Target, "mstscax.dll")
			})
		}},
	} {
		_, all, _ := winAll(t, readAll(t, filepath.Join(root, filepath.FromSlash(tt.file))))
		if !tt.show(&all) {
			text, _ := json.Marshal(all)
			t.Errorf("%s does not show it: %.3000s", tt.file, text)
		}
	}
}

func anyLogin(b *netcase.Batch, is func(*netcase.Login) bool) bool {
	for i := range b.Logins {
		if is(&b.Logins[i]) {
			return true
		}
	}
	return false
}

func anyFlow(b *netcase.Batch, is func(*netcase.Flow) bool) bool {
	for i := range b.Flows {
		if is(&b.Flows[i]) {
			return true
		}
	}
	return false
}

func anyProcess(b *netcase.Batch, is func(*netcase.Process) bool) bool {
	for i := range b.Processes {
		if is(&b.Processes[i]) {
			return true
		}
	}
	return false
}

// winCaptures calls each for every JSON file of the captures of techniques.
func winCaptures(t *testing.T, each func(name string, text []byte)) {
	paths, err := filepath.Glob(filepath.Join(dataDir(t, "otrf", "atomic-host"), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, ".zip") {
			z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range z.File {
				f, err := m.Open()
				if err != nil {
					t.Fatal(err)
				}
				content, err := io.ReadAll(f)
				if err != nil {
					t.Fatal(err)
				}
				each(m.Name, content)
			}
			continue
		}
		g, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		for archive := tar.NewReader(g); ; {
			h, err := archive.Next()
			if err != nil {
				break
			}
			content, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			each(h.Name, content)
		}
	}
}

// winShown are the techniques that captures are named for, as far as one record
// shows them.
var winShown = map[string]func(*netcase.Process) bool{
	"empire_psexec": func(p *netcase.Process) bool { return p.Role == netcase.RoleService && p.Detail != "" },
	"empire_dllinjection": func(p *netcase.Process) bool {
		return p.Role == netcase.RoleInjected && strings.HasSuffix(p.Target, "notepad.exe") && strings.Contains(p.Detail, "LoadLibraryA")
	},
	"purplesharp_pe_injection": func(p *netcase.Process) bool { return p.Role == netcase.RoleInjected },
	"rdp_interactive": func(p *netcase.Process) bool {
		return p.Role == netcase.RoleAccessed && strings.EqualFold(p.Image, "taskmgr.exe") && strings.HasSuffix(strings.ToLower(p.Target), "lsass.exe")
	},
	"empire_enable_rdp": func(p *netcase.Process) bool {
		return p.Role == netcase.RoleRegistry && strings.HasSuffix(p.Target, "fDenyTSConnections")
	},
	"aptsimulator": func(p *netcase.Process) bool {
		return p.Role == netcase.RoleService && strings.Contains(p.Detail, "pipe")
	},
}

// TestWinCaptures checks JSON of two shippers against a plain count.
func TestWinCaptures(t *testing.T) {
	winCaptures(t, func(name string, text []byte) {
		if !strings.HasSuffix(name, ".json") {
			return
		}
		format, all, report := winAll(t, text)
		lines := bytes.Count(bytes.TrimSpace(text), []byte{'\n'}) + 1
		sysmon := bytes.Count(text, []byte(`Microsoft-Windows-Sysmon/Operational`))
		if format != formatWindowsJSON || report.Read != int64(lines) || report.Rejected != 0 {
			t.Errorf("%s: %s, %d read of %d, %d rejected: %v", name, format, report.Read, lines, report.Rejected, report.Samples)
		}
		checkFlows(t, all.Flows)
		for prefix, show := range winShown {
			if strings.HasPrefix(filepath.Base(name), prefix) && !anyProcess(&all, show) {
				t.Errorf("%s does not show its technique", name)
			}
		}
		t.Logf("%s: %d lines, %d of Sysmon, %v, flows %d, queries %d, alerts %d, notes %v, %v", name, lines, sysmon, report.Events, len(all.Flows),
			len(all.Queries), len(all.Alerts), report.Notes, report.Span)
	})
}

// TestWinDetect checks that the formats of Windows claim their own samples, and
// none of the others or of the real data.
func TestWinDetect(t *testing.T) {
	ours := []Format{windowsSecurityEvent, windowsEventTable, windowsXML, windowsJSON, windowsEVTX, windowsViewer}
	check := func(path string, want string) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		head := make([]byte, HeadSize)
		n, _ := io.ReadFull(f, head)
		for _, format := range ours {
			if ok, why := format.Detect(head[:n]); ok != (format.Name == want) {
				t.Errorf("%s: %s: %v %s", path, format.Name, ok, why)
			}
		}
	}
	samples, err := filepath.Glob(filepath.Join("testdata", "*", "*", "in.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range samples {
		want := filepath.Base(filepath.Dir(filepath.Dir(path)))
		if !strings.HasPrefix(want, "windows-") {
			want = ""
		}
		check(path, want)
	}
	err = filepath.WalkDir(dataDir(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch {
		case strings.HasSuffix(path, ".evtx"):
			check(path, formatEVTX)
		case strings.HasSuffix(path, "windows-logs.log"):
			check(path, formatWindowsXML)
		case strings.HasSuffix(path, "host_logons.csv"), strings.HasSuffix(path, "process_tree.csv"), strings.HasSuffix(path, "processes_on_host.csv"):
			check(path, formatSecurityEvent) // SecurityEvent, as a notebook saved it
		default:
			check(path, "")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestWinXMLRealData reads the line of a peer's tests.
func TestWinXMLRealData(t *testing.T) {
	text := readAll(t, filepath.Join(dataDir(t, "crowdsec-hub-tests", "windows-logs"), "windows-logs.log"))
	_, all, report := winAll(t, text)
	if len(all.Logins) != 1 || all.Logins[0].Outcome != netcase.LoginNoAccount || all.Logins[0].Peer.String() != "192.168.9.212" {
		t.Errorf("%+v %+v", all.Logins, report)
	}
}

// TestWinNotebooks reads SecurityEvent as a notebook saved it.
func TestWinNotebooks(t *testing.T) {
	dir := dataDir(t, "msticpy")
	for _, name := range []string{"host_logons.csv", "process_tree.csv", "processes_on_host.csv"} {
		_, all, report := winAll(t, readAll(t, filepath.Join(dir, name)))
		if report.Rejected != 0 || all.Len() == 0 {
			t.Errorf("%s: %+v", name, report)
		}
		t.Logf("%s: %d read, %v, skipped %v, notes %v", name, report.Read, report.Events, report.Reasons, report.Notes)
	}
}

// TestWinParts checks that a stream decoded in parts gives what it gives whole.
func TestWinParts(t *testing.T) {
	for _, path := range []string{"windows-json/winlogbeat/in.json", "windows-xml/viewer/in.xml"} {
		text := readAll(t, filepath.Join("testdata", filepath.FromSlash(path)))
		format, err := Recognise(Formats(), text)
		if err != nil {
			t.Fatal(err)
		}
		_, whole, _ := winAll(t, text)
		split := format.Split(text)
		n, from, got := 0, netcase.Place{}, 0
		for n < len(text) {
			size := split.Cut(text[n:min(len(text), n+2500)])
			if size == 0 {
				size = len(text) - n
			}
			in := &Input{R: bytes.NewReader(text[n : n+size]), Report: &netcase.InputReport{}, From: from, Raw: true}
			err := format.Decode(context.Background(), in, func(b *netcase.Batch) error {
				got += b.Len()
				for i := range b.Logins {
					if l := &b.Logins[i]; !bytes.HasPrefix(text[l.Place.Offset:], l.Raw) {
						t.Errorf("%s: %+v", path, l.Place)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			from.Line += int64(bytes.Count(text[n:n+size], []byte{'\n'}))
			n += size
			from.Offset = int64(n)
		}
		if got != whole.Len() {
			t.Errorf("%s: %d events in parts, %d as a whole", path, got, whole.Len())
		}
	}
}

func BenchmarkWin(b *testing.B) {
	failure := `{"@timestamp":"2026-03-04T10:00:00.200Z","message":"An account failed to log on.\n\nSubject:\n\tSecurity ID:\t\tS-1-0-0","event":{"code":4625,"provider":"Microsoft-Windows-Security-Auditing"},"winlog":{"event_id":"4625","channel":"Security","computer_name":"web-01","provider_name":"Microsoft-Windows-Security-Auditing","record_id":%d,"event_data":{"SubjectUserSid":"S-1-0-0","SubjectUserName":"-","TargetUserName":"admin","TargetDomainName":"CORP","Status":"0xc000006d","SubStatus":"0xc0000064","FailureReason":"%%%%2313","LogonType":"3","LogonProcessName":"NtLmSsp ","AuthenticationPackageName":"NTLM","WorkstationName":"KALI","IpAddress":"203.0.113.7","IpPort":"50123"}}}` + "\n"
	var lines bytes.Buffer
	for i := range 20000 {
		fmt.Fprintf(&lines, failure, i+1)
	}
	for _, bm := range []struct {
		name   string
		format Format
		text   func() ([]byte, int)
	}{
		{"json", windowsJSON, func() ([]byte, int) { return lines.Bytes(), 20000 }},
		{"csv", windowsSecurityEvent, func() ([]byte, int) {
			text := readAll(b, filepath.Join(dataDir(b, "azure-honeypot-2026"), "query_data.csv.gz"))
			i := bytes.IndexByte(text, '\n') + 1
			return append(bytes.Clone(text[:i]), bytes.Repeat(text[i:], 20)...), 20000
		}},
		{"evtx", windowsEVTX, func() ([]byte, int) {
			text := readAll(b, filepath.Join(dataDir(b, "evtx", "evtx-attack-samples", "Command and Control"), "DE_RDP_Tunnel_5156.evtx"))
			return append(bytes.Clone(text[:evtxHeader]), bytes.Repeat(text[evtxHeader:], 50)...), 5050
		}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			text, n := bm.text()
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				in := &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}}
				if err := bm.format.Decode(context.Background(), in, func(*netcase.Batch) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

func TestWinOutcome(t *testing.T) {
	for _, tt := range []struct {
		status, sub string
		want        netcase.LoginOutcome
	}{
		{"0xC000006D", "0xC0000064", netcase.LoginNoAccount}, {"0xc000006d", "0xc000006a", netcase.LoginWrongPassword},
		{"3221225581", "3221225572", netcase.LoginNoAccount}, {"-1073741715", "-1073741718", netcase.LoginWrongPassword},
		{"0xc0000234", "0x0", netcase.LoginBlocked}, {"0xC000006E", "0xC0000072", netcase.LoginBlocked},
		{"0xC000006E", "0xC000006F", netcase.LoginBlocked}, {"0xC000006E", "0xC0000070", netcase.LoginBlocked},
		{"0xC000006E", "0xC0000071", netcase.LoginBlocked}, {"0xC0000193", "", netcase.LoginBlocked},
		{"0xC000015B", "0x0", netcase.LoginBlocked}, {"0xC0000224", "-", netcase.LoginBlocked},
		{"0xC000006D", "0x0", netcase.LoginFailed}, {"", "", netcase.LoginFailed}, {"0xC00002EE", "0x0", netcase.LoginFailed},
	} {
		if got := winOutcome([]byte(tt.status), []byte(tt.sub)); got != tt.want {
			t.Errorf("%s/%s: %q, want %q", tt.status, tt.sub, got, tt.want)
		}
	}
}

func TestWinPeer(t *testing.T) {
	r := newWinReader(context.Background(), &Input{Report: &netcase.InputReport{}}, nil)
	for text, want := range map[string]string{"-": "unknown", "": "unknown", "LOCAL": "unknown", "0.0.0.0": "unknown", "::": "unknown",
		"::ffff:203.0.113.7": "203.0.113.7", "fe80::1%12": "fe80::1", "::1": "::1", "KALI": "KALI"} {
		if got := r.peer([]byte(text)).String(); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if e, port := r.socket([]byte("[2001:db8::7]:50124")); e.String() != "2001:db8::7" || port != 50124 {
		t.Errorf("%s %d", e, port)
	}
}
