package detect

import (
	"fmt"
	"slices"
	"strings"

	"netcase"
)

// stagedBy asks every rule of a record; an empty why: nothing is staged.
func stagedBy(v *processView, bursts *fileBursts) (kind stagingKind, why string) {
	switch v.p.Role {
	case netcase.RoleStarted, netcase.RoleOther:
		return stagedByCommand(v.image, v.p.CommandLine)
	case netcase.RoleWrote:
		return stagedByFile(v, bursts)
	}
	return stagingKind{}, ""
}

// stagedByCommand judges a command line by the program that it is for.
func stagedByCommand(image, line string) (stagingKind, string) {
	name := strings.TrimSuffix(image, ".exe")
	_, rest := firstWord(line)
	args := strings.Fields(strings.ReplaceAll(rest, `"`, " "))
	if ask, ok := packers()[name]; ok {
		switch packs, secret := ask(args); {
		case packs && secret:
			return stagedSecret, fmt.Sprintf("%s packs files with a password.", image)
		case packs:
			return stagedPack, fmt.Sprintf("%s packs files.", image)
		}
	}
	if ask, ok := carriers()[name]; ok && ask(args) {
		return stagedCarry, fmt.Sprintf("%s carries files to another machine or service.", image)
	}
	if ask, ok := gatherers()[name]; ok && ask(args) {
		return stagedGather, fmt.Sprintf("%s copies whole folders.", image)
	}
	return stagingKind{}, ""
}

// some tells whether any argument meets a test.
func some(args []string, test func(string) bool) bool { return slices.ContainsFunc(args, test) }

func equals(words ...string) func(string) bool {
	return func(a string) bool { return slices.Contains(words, a) }
}

// holds tells whether a part is in an argument, upper and lower case alike.
func holds(parts ...string) func(string) bool {
	return func(a string) bool {
		a = strings.ToLower(a)
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(a, p) })
	}
}

// plainArguments are those that are no options.
func plainArguments(args []string) (out []string) {
	for _, a := range args {
		if !strings.HasPrefix(a, "-") {
			out = append(out, a)
		}
	}
	return out
}

// dosArguments are the arguments of a program that takes options with a slash, apart.
func dosArguments(args []string) (plain, options []string) {
	for _, a := range args {
		if strings.HasPrefix(a, "/") {
			options = append(options, strings.ToLower(a))
		} else {
			plain = append(plain, a)
		}
	}
	return plain, options
}

// packer tells whether arguments ask for an archive, and whether for one with a password.
type packer func(args []string) (packs, secret bool)

// packers are programs that make archives.
func packers() map[string]packer {
	return map[string]packer{
		"rar": packsRAR, "winrar": packsRAR, "7z": packs7z, "7za": packs7z, "7zz": packs7z, "7zr": packs7z, "7zg": packs7z,
		"tar": packsTar, "bsdtar": packsTar, "gtar": packsTar, "powershell": packsShell, "pwsh": packsShell, "zip": packsZip, "makecab": packsCab,
	}
}

func packsRAR(args []string) (packs, secret bool) {
	plain := plainArguments(args)
	return len(plain) > 1 && slices.Contains([]string{"a", "m", "u", "f", "mf"}, strings.ToLower(plain[0])), some(args, func(a string) bool {
		a = strings.ToLower(a)
		return strings.HasPrefix(a, "-hp") || strings.HasPrefix(a, "-p") && a != "-p-"
	})
}

func packs7z(args []string) (packs, secret bool) {
	plain := plainArguments(args)
	return len(plain) > 1 && slices.Contains([]string{"a", "u"}, strings.ToLower(plain[0])), some(args, func(a string) bool {
		a = strings.ToLower(a)
		return strings.HasPrefix(a, "-p") || strings.HasPrefix(a, "-mhe")
	})
}

// packsTar reads both ways to write options: "czf" and "-c -z -f".
func packsTar(args []string) (packs, secret bool) {
	for i, a := range args {
		switch {
		case a == "--create":
			return true, false
		case strings.HasPrefix(a, "--"):
		case i == 0 && !strings.ContainsAny(a, `\/.:`), strings.HasPrefix(a, "-"):
			if strings.Contains(a, "c") {
				return len(args) > 1, false
			}
		}
	}
	return false, false
}

func packsShell(args []string) (packs, secret bool) {
	return some(args, holds("compress-archive", "createfromdirectory")), false
}

func packsZip(args []string) (packs, secret bool) {
	return len(plainArguments(args)) > 1 && !some(args, equals("-T", "-sf", "-d")), some(args, equals("-e", "--encrypt", "-P"))
}

func packsCab(args []string) (packs, secret bool) {
	plain, options := dosArguments(args)
	return len(plain) > 0 || some(options, equals("/f")), false
}

// elsewhere tells whether an argument names a place on another machine: a name with a
// colon that is no drive, or an address.
func elsewhere(a string) bool {
	name, rest, ok := strings.Cut(a, ":")
	return ok && len(name) > 1 && !strings.HasPrefix(a, "-") && !strings.Contains(name, `\`) && (strings.HasPrefix(rest, "//") || !strings.Contains(name, "/"))
}

// toElsewhere tells whether files go from here to a place elsewhere: the place stands
// behind one that is here.
func toElsewhere(args []string) bool {
	plain := plainArguments(args)
	for i := 1; i < len(plain); i++ {
		if elsewhere(plain[i]) && !elsewhere(plain[i-1]) {
			return true
		}
	}
	return false
}

// after asks the arguments behind the first of some words.
func after(next func([]string) bool, words ...string) func([]string) bool {
	return func(args []string) bool {
		i := slices.IndexFunc(args, equals(words...))
		return i >= 0 && next(args[i+1:])
	}
}

// carriers are programs that send files away: whether these arguments ask for it.
func carriers() map[string]func(args []string) bool {
	someFile := func(args []string) bool { return len(plainArguments(args)) > 0 }
	always := func([]string) bool { return true }
	return map[string]func([]string) bool{
		"rclone":   after(toElsewhere, "copy", "sync", "move", "copyto", "moveto"),
		"mega-put": someFile, "megaput": someFile, "megasync": always, "megaclient": after(someFile, "put"), "megatools": after(someFile, "put"),
		"aws":    after(toElsewhere, "cp", "sync", "mv"),
		"gsutil": after(toElsewhere, "cp", "rsync", "mv"),
		"azcopy": after(toElsewhere, "copy", "cp", "sync"),
		"curl":   curlSends,
		"pscp":   toElsewhere, "scp": toElsewhere, "rsync": toElsewhere,
		"winscp": func(args []string) bool { return some(args, holds("put", "synchronize remote")) },
		"bitsadmin": func(args []string) bool {
			return some(args, func(a string) bool { return strings.EqualFold(a, "/upload") })
		},
		"powershell": scriptSends, "pwsh": scriptSends,
	}
}

func curlSends(args []string) bool {
	return some(args, equals("-T", "--upload-file")) ||
		some(args, func(a string) bool { return strings.HasPrefix(a, "@") || strings.Contains(a, "=@") }) && some(args, equals("-F", "--form", "-d", "--data", "--data-binary"))
}

func scriptSends(args []string) bool {
	return some(args, holds(".uploadfile(", ".uploaddata(")) || some(args, func(a string) bool { return strings.EqualFold(a, "-infile") })
}

// gatherers are programs that copy whole folders: whether these arguments ask for it.
func gatherers() map[string]func(args []string) bool {
	folders := func(args []string) bool {
		plain, options := dosArguments(args)
		return len(plain) > 1 && some(options, equals("/e", "/s", "/mir", "/move")) && some(plain, func(a string) bool { return inStagingFolder(windowsPath(a) + `\`) })
	}
	return map[string]func([]string) bool{"robocopy": folders, "xcopy": folders}
}

// archiveEndings are those of files that hold others.
var archiveEndings = []string{".rar", ".7z", ".zip", ".cab", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz"}

// downloaders write archives because somebody fetched one.
var downloaders = []string{
	"chrome.exe", "msedge.exe", "firefox.exe", "iexplore.exe", "brave.exe", "opera.exe", "outlook.exe", "onedrive.exe", "teams.exe", "ms-teams.exe", "msiexec.exe",
	"tiworker.exe", "trustedinstaller.exe", "svchost.exe", "wget", "curl", "apt", "dpkg", "yum", "dnf", "git.exe", "git",
}

// stagingFolders are where archives are laid down before they leave, as reports of
// incidents name them: everybody may write there, and nobody looks.
var stagingFolders = []string{`\programdata\`, `\perflogs\`, `\users\public\`, `\windows\temp\`, `\windows\tasks\`, `\$recycle.bin\`, `\recycler\`, `\dev\shm\`, `\var\tmp\`}

// stagedByFile judges a file that was written.
func stagedByFile(v *processView, bursts *fileBursts) (stagingKind, string) {
	target := windowsPath(v.p.Target)
	many := !slices.Contains(downloaders, v.image) && inStagingFolder(target) && bursts.see(v)
	switch {
	case slices.Contains(downloaders, v.image) || !inStagingFolder(target):
		return stagingKind{}, ""
	case slices.ContainsFunc(archiveEndings, func(e string) bool { return strings.HasSuffix(target, e) }):
		return stagedFile, fmt.Sprintf("%s wrote the archive %s into a folder that everybody may write to.", imageOrNone(v.image), v.p.Target)
	case many:
		return stagedMany, fmt.Sprintf("%s wrote %s or more into the folder of %s within an hour.", imageOrNone(v.image), count(bursts.many, "file"), v.p.Target)
	}
	return stagingKind{}, ""
}

func inStagingFolder(target string) bool {
	return slices.ContainsFunc(stagingFolders, func(f string) bool { return strings.Contains(target, f) })
}
