package source

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Binary XML as event log files hold it ([MS-EVEN6] 2.2.12, and J. Metz, "Windows
// XML Event Log (EVTX)"). It is read straight into calls, without a tree: what a
// hostile file can cost is bounded by a number of steps and a depth.

// xmlSink takes the elements in their order.
type xmlSink interface {
	open(name string)
	attr(name, value string)
	text(value string)
	close()
}

const (
	binSteps  = 1 << 16 // tokens and values of one record; a record has some hundreds
	binDepth  = 24      // templates and fragments within one another; records have three
	binValues = 1024    // values of one template
	maxText   = 1 << 20 // names and text of one record that are handed over
)

// The tokens; bit 6 says that more follows.
const (
	tokenEnd          = 0x00
	tokenOpen         = 0x01
	tokenCloseStart   = 0x02
	tokenCloseEmpty   = 0x03
	tokenClose        = 0x04
	tokenValue        = 0x05
	tokenAttribute    = 0x06
	tokenCdata        = 0x07
	tokenCharacter    = 0x08
	tokenEntity       = 0x09
	tokenTarget       = 0x0a
	tokenInstruction  = 0x0b
	tokenTemplate     = 0x0c
	tokenSubstitution = 0x0d
	tokenOptional     = 0x0e
	tokenFragment     = 0x0f
	tokenMore         = 0x40
)

// The types of values.
const (
	binNull    = 0x00
	binString  = 0x01
	binANSI    = 0x02
	binBool    = 0x0d
	binBinary  = 0x0e
	binGUID    = 0x0f
	binSize    = 0x10
	binTime    = 0x11
	binSystem  = 0x12
	binSID     = 0x13
	binHex32   = 0x14
	binHex64   = 0x15
	binXMLType = 0x21
	binArray   = 0x80
)

// binXML reads the binary XML of one chunk.
type binXML struct {
	chunk []byte
	steps int
	texts int
	names map[int]string // by their offset in the chunk

	// An attribute whose value is being gathered.
	attrName string
	inAttr   bool
	value    strings.Builder
}

// binValue is one value of a template's instance.
type binValue struct {
	kind byte
	b    []byte
	at   int // of b in the chunk
}

// binFault is what ends the reading of a record.
type binFault string

// read reads the binary XML between two offsets of the chunk; fault says why not.
func (x *binXML) read(from, to int, out xmlSink) (fault string) {
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(binFault)
			if !ok {
				f = binFault(fmt.Sprintf("panic: %v", p))
			}
			fault = "binary XML: " + string(f)
		}
	}()
	x.steps, x.texts, x.inAttr = 0, 0, false
	if x.names == nil {
		x.names = map[int]string{}
	}
	x.fragment(&binCursor{b: x.chunk[:to], i: from}, nil, out, 0)
	return ""
}

// binCursor moves over bytes of the chunk. Reading past the end is a fault.
type binCursor struct {
	b []byte
	i int
}

func (c *binCursor) take(n int) []byte {
	if n < 0 || c.i < 0 || n > len(c.b)-c.i {
		panic(binFault("it ends too early"))
	}
	c.i += n
	return c.b[c.i-n : c.i]
}

func (c *binCursor) u8() byte    { return c.take(1)[0] }
func (c *binCursor) u16() uint16 { return binary.LittleEndian.Uint16(c.take(2)) }
func (c *binCursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }

func (x *binXML) step() {
	if x.steps++; x.steps > binSteps {
		panic(binFault("more steps than a record may take"))
	}
}

// fragment reads tokens up to the end mark.
func (x *binXML) fragment(c *binCursor, values []binValue, out xmlSink, depth int) {
	if depth > binDepth {
		panic(binFault("nested too deep"))
	}
	open := 0
	for c.i < len(c.b) {
		x.step()
		token := c.u8()
		switch token &^ tokenMore {
		case tokenEnd:
			return
		case tokenFragment:
			c.take(3)
		case tokenOpen:
			x.element(c, token, out)
			open++
		case tokenCloseStart:
			x.endAttr(out)
		case tokenCloseEmpty, tokenClose:
			x.endAttr(out)
			if open--; open < 0 {
				panic(binFault("an element ends that did not begin"))
			}
			out.close()
		case tokenAttribute:
			x.endAttr(out)
			x.attrName, x.inAttr = x.nameAt(c), true
			x.value.Reset()
		case tokenTemplate:
			x.template(c, out, depth)
		case tokenSubstitution, tokenOptional:
			id := c.u16()
			c.u8()
			if int(id) < len(values) {
				x.substitute(values[id], out, depth)
			}
		default:
			x.characters(c, token&^tokenMore, out)
		}
	}
}

// characters reads the tokens that are text, or that are passed over.
func (x *binXML) characters(c *binCursor, token byte, out xmlSink) {
	switch token {
	case tokenValue:
		c.u8()
		x.put(utf16Text(c.take(2*int(c.u16()))), out)
	case tokenCdata:
		x.put(utf16Text(c.take(2*int(c.u16()))), out)
	case tokenCharacter:
		x.put(string(rune(c.u16())), out)
	case tokenEntity:
		if r, ok := xmlEntity(x.nameAt(c)); ok {
			x.put(string(r), out)
		}
	case tokenTarget:
		x.nameAt(c)
	case tokenInstruction:
		c.take(2 * int(c.u16()))
	default:
		panic(binFault(fmt.Sprintf("unknown token %#02x", token)))
	}
}

// put is text of the attribute or element at hand.
func (x *binXML) put(text string, out xmlSink) {
	x.count(len(text))
	if x.inAttr {
		x.value.WriteString(text)
		return
	}
	out.text(text)
}

// count counts what is handed over of names and text.
func (x *binXML) count(n int) {
	if x.texts += n; x.texts > maxText {
		panic(binFault("more text than a record may have"))
	}
}

func (x *binXML) endAttr(out xmlSink) {
	if x.inAttr {
		x.inAttr = false
		out.attr(x.attrName, x.value.String())
	}
}

func (x *binXML) element(c *binCursor, token byte, out xmlSink) {
	x.endAttr(out)
	c.take(6) // dependency and size
	name := x.nameAt(c)
	if token&tokenMore != 0 {
		c.take(4) // size of the attributes
	}
	out.open(name)
}

// nameAt reads a name, which stands here or elsewhere in the chunk.
func (x *binXML) nameAt(c *binCursor) string {
	at := int(c.u32())
	inline := at == c.i
	name, known := x.names[at]
	x.count(len(name))
	if known && !inline {
		return name
	}
	n := binCursor{b: x.chunk, i: at}
	n.take(6) // next of the same hash, and the hash
	size := int(n.u16())
	if !known {
		name = utf16Text(n.take(2 * size))
		x.count(len(name))
		x.names[at] = name
	}
	if inline {
		c.take(6 + 2 + 2*size + 2)
	}
	return name
}

// template reads an instance: the template, here or elsewhere, and its values.
func (x *binXML) template(c *binCursor, out xmlSink, depth int) {
	c.take(1 + 4)
	at := int(c.u32())
	inline := at == c.i
	d := binCursor{b: x.chunk, i: at}
	d.take(4 + 16) // next of the same hash, and its identity
	size := int(d.u32())
	body := binCursor{b: x.chunk[:min(len(x.chunk), d.i+size)], i: d.i}
	if inline {
		c.take(4 + 16 + 4 + size)
	}
	n := int(c.u32())
	if n > binValues {
		panic(binFault("more values than a template may have"))
	}
	values := make([]binValue, n)
	sizes := make([]int, n)
	for i := range values {
		sizes[i] = int(c.u16())
		values[i].kind = c.u8()
		c.u8()
	}
	for i := range values {
		values[i].at = c.i
		values[i].b = c.take(sizes[i])
	}
	x.fragment(&body, values, out, depth+1)
}

// substitute puts a value in its place.
func (x *binXML) substitute(v binValue, out xmlSink, depth int) {
	x.step()
	switch {
	case v.kind == binXMLType && len(v.b) > 0:
		x.endAttr(out)
		x.fragment(&binCursor{b: x.chunk[:v.at+len(v.b)], i: v.at}, nil, out, depth+1)
	case v.kind != binNull:
		x.put(binText(v.kind, v.b), out)
	}
}

// binText is a value as Windows renders it.
func binText(kind byte, b []byte) string {
	if kind&binArray != 0 {
		return arrayText(kind&^binArray, b)
	}
	switch kind {
	case binString:
		return strings.TrimRight(utf16Text(b), "\x00")
	case binANSI:
		return strings.ToValidUTF8(strings.TrimRight(string(b), "\x00"), "\uFFFD")
	case binBool:
		for _, v := range b {
			if v != 0 {
				return "true"
			}
		}
		return "false"
	case binGUID:
		return guidText(b)
	case binTime:
		if len(b) == 8 {
			return string(fileTime(binary.LittleEndian.Uint64(b)))
		}
	case binSystem:
		return systemTime(b)
	case binSID:
		return sidText(b)
	case binHex32, binHex64:
		return "0x" + strconv.FormatUint(wholeOf(b), 16)
	case binSize:
		return "0x" + strconv.FormatUint(wholeOf(b), 16)
	case binBinary:
		return strings.ToUpper(hex.EncodeToString(b))
	}
	return numberText(kind, b)
}

// wholeOf is a number of up to eight bytes.
func wholeOf(b []byte) (v uint64) {
	for i := min(len(b), 8) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v
}

// numberText is a number: 3 to 10 are whole numbers, signed where odd, of one to
// eight bytes; 11 and 12 are floating.
func numberText(kind byte, b []byte) string {
	v := wholeOf(b)
	switch kind {
	case 0x03:
		return strconv.FormatInt(int64(int8(v)), 10)
	case 0x05:
		return strconv.FormatInt(int64(int16(v)), 10)
	case 0x07:
		return strconv.FormatInt(int64(int32(v)), 10)
	case 0x09:
		return strconv.FormatInt(int64(v), 10)
	case 0x04, 0x06, 0x08, 0x0a:
		return strconv.FormatUint(v, 10)
	case 0x0b:
		return strconv.FormatFloat(float64(math.Float32frombits(uint32(v))), 'g', -1, 32)
	case 0x0c:
		return strconv.FormatFloat(math.Float64frombits(v), 'g', -1, 64)
	}
	return strings.ToUpper(hex.EncodeToString(b))
}

// arrayText is a list of texts, or the bytes of another list.
func arrayText(kind byte, b []byte) string {
	if kind == binString {
		return strings.ReplaceAll(strings.Trim(utf16Text(b), "\x00"), "\x00", ", ")
	}
	return strings.ToUpper(hex.EncodeToString(b))
}

func guidText(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return fmt.Sprintf("{%08x-%04x-%04x-%x-%x}", binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:]),
		binary.LittleEndian.Uint16(b[6:]), b[8:10], b[10:])
}

func systemTime(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	n := func(i int) int { return int(binary.LittleEndian.Uint16(b[2*i:])) }
	t := time.Date(n(0), time.Month(n(1)), n(3), n(4), n(5), n(6), n(7)*1e6, time.UTC)
	return t.Format("2006-01-02T15:04:05.000Z")
}

func sidText(b []byte) string {
	if len(b) < 8 {
		return ""
	}
	var authority uint64
	for _, v := range b[2:8] {
		authority = authority<<8 | uint64(v)
	}
	s := fmt.Sprintf("S-%d-%d", b[0], authority)
	for i := 8; i+4 <= len(b); i += 4 {
		s += "-" + strconv.FormatUint(uint64(binary.LittleEndian.Uint32(b[i:])), 10)
	}
	return s
}

func utf16Text(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}
