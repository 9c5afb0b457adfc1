package source

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"netcase"
)

func FuzzDefenderLogon(f *testing.F)    { fuzzFormat(f, defenderLogon, "defender-logon") }
func FuzzDefenderProcess(f *testing.F)  { fuzzFormat(f, defenderProcess, "defender-process") }
func FuzzDefenderImage(f *testing.F)    { fuzzFormat(f, defenderImage, "defender-image") }
func FuzzDefenderRegistry(f *testing.F) { fuzzFormat(f, defenderRegistry, "defender-registry") }
func FuzzDefenderFile(f *testing.F)     { fuzzFormat(f, defenderFile, "defender-file") }
func FuzzDefenderEvents(f *testing.F)   { fuzzFormat(f, defenderEvents, "defender-events") }
func FuzzASIM(f *testing.F)             { fuzzFormat(f, asimNetwork, "asim-network") }
func FuzzAzureFirewall(f *testing.F)    { fuzzFormat(f, azureFirewall, "azure-firewall") }
func FuzzEntra(f *testing.F)            { fuzzFormat(f, entraSignIn, "entra-signin") }
func FuzzDefenderInfo(f *testing.F)     { fuzzFormat(f, defenderInfo, "defender-info") }

// TestRealDeviceProcesses reads process events as msticpy keeps them.
func TestRealDeviceProcesses(t *testing.T) {
	packed, err := os.ReadFile(filepath.Join(dataDir(t, "msticpy"), "mde_proc_cs1.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := Recognise(Formats(), text[:HeadSize]); err != nil || f.Name != "defender-process" {
		t.Fatalf("recognised as %q: %v", f.Name, err)
	}
	var processes []netcase.Process
	in := &Input{R: bytes.NewReader(text), Report: &netcase.InputReport{}}
	err = defenderProcess.Decode(t.Context(), in, func(b *netcase.Batch) error {
		processes = append(processes, b.Processes...)
		return nil
	})
	if err != nil || in.Report.Read != 1564 || in.Report.Accepted != 1564 || len(processes) != 1564 {
		t.Fatalf("%v: %d processes, %+v", err, len(processes), in.Report)
	}
	images, parents, signed, keys := map[string]int{}, map[string]int{}, map[string]int{}, map[uint64]bool{}
	for _, p := range processes {
		images[p.Image]++
		parents[p.Parent]++
		signed[p.Signed[:min(len(p.Signed), 7)]]++
		keys[p.Key] = true
		if p.Role != netcase.RoleStarted || p.ID == 0 || p.Host.Name == "" || p.Path == "" {
			t.Fatalf("%+v", p)
		}
	}
	if images["conhost.exe"] != 187 || parents["svchost.exe"] != 243 || len(keys) != 1564 || signed["Invalid"] != 303 {
		t.Errorf("%d conhost.exe, %d children of svchost.exe, %d keys, %v", images["conhost.exe"], parents["svchost.exe"], len(keys), signed)
	}
	checkParts(t, defenderProcess, "mde_proc_cs1", text[:200_000])
}

// TestDeviceKeys: one event has one key, whichever export it stands in.
func TestDeviceKeys(t *testing.T) {
	row := "2025-10-20T14:05:33Z,WIN-VM1,LogonSuccess,Network,bob,198.51.100.23,101\n"
	keys := map[uint64]bool{}
	for _, c := range []struct {
		f    Format
		text string
	}{
		{defenderLogon, "Timestamp,DeviceName,ActionType,LogonType,AccountName,RemoteIP,ReportId\n" + row},
		{defenderProcess, `{"TimeGenerated":"2025-10-20T14:05:33.000Z","Type":"DeviceLogonEvents","DeviceName":"win-vm1","ActionType":"LogonSuccess","ReportId":101}`},
		{defenderNetwork, `{"TimeGenerated":"2025-10-20T14:05:33.000Z","DeviceName":"win-vm1","ActionType":"LogonSuccess","ReportId":101.0}`},
	} {
		in := &Input{R: bytes.NewReader([]byte(c.text)), Report: &netcase.InputReport{}}
		err := c.f.Decode(t.Context(), in, func(b *netcase.Batch) error {
			for _, l := range b.Logins {
				keys[l.Key] = true
			}
			return nil
		})
		if err != nil || in.Report.Accepted != 1 {
			t.Errorf("%s: %v, %+v", c.f.Name, err, in.Report)
		}
	}
	if len(keys) != 1 {
		t.Errorf("keys: %v", keys)
	}
}

// TestFailureReasons: what a reason leaves open stays open.
func TestFailureReasons(t *testing.T) {
	for reason, want := range map[string]netcase.LoginOutcome{
		"": netcase.LoginFailed, "InvalidUserNameOrPassword": netcase.LoginFailed, "Unknown user name or bad password": netcase.LoginFailed,
		"NoSuchUser": netcase.LoginNoAccount, "WrongPassword": netcase.LoginWrongPassword, "AccountLockedOut": netcase.LoginBlocked,
		"AccountDisabled": netcase.LoginBlocked, "PasswordExpired": netcase.LoginBlocked, "strange": netcase.LoginFailed,
	} {
		if got := failureOf(reason); got != want {
			t.Errorf("%q: %q, want %q", reason, got, want)
		}
	}
}

// TestLogonKinds: the types of Defender as Windows names them.
func TestLogonKinds(t *testing.T) {
	got := fmt.Sprint(logonKind("RemoteInteractive"), "|", logonKind("Network"), "|", logonKind("CachedInteractive"), "|", logonKind("Remote interactive"), "|", logonKind(""))
	if got != "remote interactive|network|cached interactive|remote interactive|" {
		t.Error(got)
	}
}

// TestEntraOutcomes: policy that stops a right password is no wrong password.
func TestEntraOutcomes(t *testing.T) {
	for code, want := range map[string]netcase.LoginOutcome{
		"0": netcase.LoginSucceeded, "50126": netcase.LoginWrongPassword, "50034": netcase.LoginNoAccount, "53003": netcase.LoginBlocked,
		"50140": netcase.LoginOpen, "": netcase.LoginOpen, "90094": netcase.LoginFailed,
	} {
		if got := entraOutcome(code); got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
}

// TestRealDataOfOthers: what other formats read is refused, with a reason.
func TestRealDataOfOthers(t *testing.T) {
	notShort(t)
	root := dataDir(t)
	ours := map[string]string{"az_net_flows.csv": "azure-traffic", "mde_proc_cs1.csv.gz": "defender-process"}
	seen := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		head, err := headOf(path)
		if err != nil {
			return err
		}
		seen++
		for _, f := range tableFormats() {
			ok, why := f.Detect(head)
			if !ok && why == "" {
				t.Errorf("%s: %s gives no reason", path, f.Name)
			}
			if ok && ours[filepath.Base(path)] != f.Name && filepath.Base(path) != "PT1H.json" {
				t.Errorf("%s: claimed by %s", path, f.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files", seen)
}

// headOf is the head of a file, decompressed.
func headOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	if filepath.Ext(path) == ".gz" {
		if r, err = gzip.NewReader(f); err != nil {
			return nil, err
		}
	}
	head, err := io.ReadAll(io.LimitReader(r, HeadSize))
	return head, err
}
