package source

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"netcase"
)

// evtxBuilder writes an event log file, for tests.
type evtxBuilder struct {
	chunk []byte
	last  uint64
	at    map[string]int // of names and templates in the chunk
}

func newEvtxBuilder() *evtxBuilder {
	b := &evtxBuilder{chunk: make([]byte, evtxChunkHeader), at: map[string]int{}}
	copy(b.chunk, evtxChunkMagic)
	return b
}

func (b *evtxBuilder) put(v ...byte) { b.chunk = append(b.chunk, v...) }
func (b *evtxBuilder) u16(v int)     { b.chunk = binary.LittleEndian.AppendUint16(b.chunk, uint16(v)) }
func (b *evtxBuilder) u32(v int)     { b.chunk = binary.LittleEndian.AppendUint32(b.chunk, uint32(v)) }
func (b *evtxBuilder) wide(s string) {
	for _, v := range utf16.Encode([]rune(s)) {
		b.u16(int(v))
	}
}

// name refers to a name, and writes it where it is met first.
func (b *evtxBuilder) name(s string) {
	at, known := b.at[s]
	if !known {
		at = len(b.chunk) + 4
		b.at[s] = at
	}
	b.u32(at)
	if !known {
		b.u32(0)
		b.u16(0)
		b.u16(len(s))
		b.wide(s)
		b.u16(0)
	}
}

func (b *evtxBuilder) element(name string, attrs ...string) {
	token := byte(tokenOpen)
	if len(attrs) > 0 {
		token |= tokenMore
	}
	b.put(token)
	b.u16(0xffff)
	b.u32(0)
	b.name(name)
	if len(attrs) > 0 {
		b.u32(0)
	}
	for i := 0; i < len(attrs); i += 2 {
		b.put(tokenAttribute)
		b.name(attrs[i])
		b.text(attrs[i+1])
	}
	b.put(tokenCloseStart)
}

func (b *evtxBuilder) text(s string) {
	b.put(tokenValue, binString)
	b.u16(len(utf16.Encode([]rune(s))))
	b.wide(s)
}

// record writes a record whose data are the values of a template, in pairs.
func (b *evtxBuilder) record(id, fileTime uint64, event int, provider string, data ...string) {
	b.last = id
	start := len(b.chunk)
	b.chunk = append(b.chunk, evtxRecordMagic...)
	b.u32(0)
	b.chunk = binary.LittleEndian.AppendUint64(b.chunk, id)
	b.chunk = binary.LittleEndian.AppendUint64(b.chunk, fileTime)
	b.put(tokenFragment, 1, 1, 0, tokenTemplate, 1)
	b.u32(7)
	b.u32(len(b.chunk) + 4) // the template is here
	b.u32(0)
	b.chunk = append(b.chunk, make([]byte, 16)...)
	size := len(b.chunk)
	b.u32(0)
	b.put(tokenFragment, 1, 1, 0)
	b.element("Event")
	b.element("System")
	b.element("Provider", "Name", provider)
	b.put(tokenClose)
	b.element("EventID")
	b.put(tokenSubstitution)
	b.u16(0)
	b.put(0x06, tokenClose)
	b.element("Computer")
	b.text("web-01")
	b.put(tokenClose, tokenClose)
	b.element("EventData")
	for i := 0; i < len(data); i += 2 {
		b.element("Data", "Name", data[i])
		b.put(tokenOptional)
		b.u16(1 + i/2)
		b.put(binString, tokenClose)
	}
	b.put(tokenClose, tokenClose, tokenEnd)
	binary.LittleEndian.PutUint32(b.chunk[size:], uint32(len(b.chunk)-size-4))
	b.u32(1 + len(data)/2)
	b.u16(2)
	b.put(0x06, 0)
	for i := 1; i < len(data); i += 2 {
		b.u16(2 * len(utf16.Encode([]rune(data[i]))))
		b.put(binString, 0)
	}
	b.u16(event)
	for i := 1; i < len(data); i += 2 {
		b.wide(data[i])
	}
	b.put(tokenEnd)
	for len(b.chunk)%8 != 4 {
		b.put(0)
	}
	n := len(b.chunk) - start + evtxRecordTail
	b.u32(n)
	binary.LittleEndian.PutUint32(b.chunk[start+4:], uint32(n))
}

// file is the whole file; mark is where the chunk says that its records end.
func (b *evtxBuilder) file(mark int, dirty bool) []byte {
	header := make([]byte, evtxHeader)
	copy(header, evtxMagic)
	binary.LittleEndian.PutUint16(header[36:], 1)
	binary.LittleEndian.PutUint16(header[38:], 3)
	if dirty {
		header[evtxFlags] = evtxDirty
	}
	chunk := make([]byte, evtxChunk)
	copy(chunk, b.chunk)
	binary.LittleEndian.PutUint32(chunk[48:], uint32(mark))
	return append(header, chunk...)
}

// evtxSamples are the fixtures, by case.
func evtxSamples() map[string][]byte {
	const at = 134170920000000000 // 2026-03-04 10:00 UTC
	b := newEvtxBuilder()
	b.record(1, at, 4625, providerSecurity, "TargetUserName", "admin", "LogonType", "3", "SubStatus", "0xc0000064", "IpAddress", "203.0.113.7")
	b.record(2, at+10_000_000, 4624, providerSecurity, "TargetUserName", "jörg <x>", "LogonType", "10", "IpAddress", "203.0.113.7")
	mark := len(b.chunk)
	b.record(3, at+20_000_000, 7045, "Service Control Manager", "ServiceName", "upd", "ImagePath", `C:\Temp\x.exe`)
	end := len(b.chunk)
	damaged := b.file(end, false)
	damaged[evtxHeader+evtxChunkHeader+evtxRecordHead+4] ^= 0xf0
	damaged = append(damaged, bytes.Repeat([]byte{0xaa}, 1000)...)
	broken := b.file(end, false)
	binary.LittleEndian.PutUint32(broken[evtxHeader+evtxChunkHeader+4:], 1<<31)
	return map[string][]byte{"closed": b.file(mark, false), "dirty": b.file(mark, true), "damaged": damaged, "size": broken}
}

// TestEvtxSamples keeps the fixtures what the builder writes.
func TestEvtxSamples(t *testing.T) {
	for name, text := range evtxSamples() {
		path := filepath.Join("testdata", formatEVTX, name, "in.evtx")
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		old, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(old, text) {
			t.Errorf("%s is not what the builder writes: %v", path, err)
		}
	}
}

func FuzzEvtx(f *testing.F) {
	seedFrom(f, "windows-evtx")
	f.Fuzz(func(t *testing.T, text []byte) { checkWin(t, windowsEVTX, text) })
}

func FuzzWinSecurityEvent(f *testing.F) {
	seedFrom(f, "windows-securityevent")
	f.Fuzz(func(t *testing.T, text []byte) { checkWin(t, windowsSecurityEvent, text) })
}

func FuzzWinEventTable(f *testing.F) {
	seedFrom(f, "windows-event-table")
	f.Fuzz(func(t *testing.T, text []byte) { checkWin(t, windowsEventTable, text) })
}

func FuzzWinXML(f *testing.F) {
	seedFrom(f, "windows-xml")
	f.Fuzz(func(t *testing.T, text []byte) { checkWin(t, windowsXML, text) })
}

func FuzzWinJSON(f *testing.F) {
	seedFrom(f, "windows-json")
	f.Fuzz(func(t *testing.T, text []byte) { checkWin(t, windowsJSON, text) })
}

// checkWin decodes a text on the second pass and checks what must hold.
func checkWin(t *testing.T, format Format, text []byte) {
	t.Helper()
	format.Detect(text[:min(len(text), HeadSize)])
	report := &netcase.InputReport{}
	in := &Input{R: bytes.NewReader(text), Report: report, Raw: true}
	_ = format.Decode(context.Background(), in, func(b *netcase.Batch) error {
		checkFlows(t, b.Flows)
		for i := range b.Logins {
			if l := &b.Logins[i]; !l.Time.Known() || l.Count < 1 || l.Sensor == "" || l.Raw == nil {
				t.Fatalf("%+v", l)
			}
		}
		return nil
	})
	if !report.Balanced() {
		t.Fatalf("%s: %+v", format.Name, report)
	}
	for reason := range report.Reasons {
		if strings.Contains(reason, "panic") {
			t.Fatal(format.Name, reason)
		}
	}
}

func FuzzWinViewer(f *testing.F) {
	seedFrom(f, "windows-viewer-csv")
	f.Fuzz(func(t *testing.T, text []byte) { checkWin(t, windowsViewer, text) })
}

// TestEvtxDamage breaks samples at random: nothing may panic, and every record
// must be accounted for.
func TestEvtxDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, text := range evtxSamples() {
		for range 300 {
			broken := bytes.Clone(text)
			for range 1 + rng.IntN(8) {
				broken[evtxHeader+evtxChunkHeader+rng.IntN(2500)] = byte(rng.IntN(256))
			}
			checkWin(t, windowsEVTX, broken[:len(broken)-rng.IntN(2)*rng.IntN(len(broken))])
		}
	}
}
