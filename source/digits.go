package source

import (
	"encoding/binary"
	"math"
	"math/bits"
	"net/netip"
)

// Numbers and addresses are read eight bytes at a time: their length and their digits
// differ from record to record, and a branch on each would be foretold wrongly. What
// this way cannot read is left to a plain one, which also says what is wrong with it.

const (
	eachRest = ^uint64(eachHigh) // all bits of a byte but the highest
	eachZero = '0' * eachOne
)

// zeroBytes marks the bytes of x that are zero by their highest bit.
func zeroBytes(x uint64) uint64 { return ^((x&eachRest + eachRest) | x | eachRest) }

// gathered is the highest bits of the eight bytes of x, the first lowest.
func gathered(x uint64) uint64 { return (x & eachHigh) * 0x0002040810204081 >> 56 }

// digitsOnly tells whether x, from which '0' was taken by XOR, is digits alone.
func digitsOnly(x uint64) bool { return (x&eachRest+0x76*eachOne|x)&eachHigh == 0 }

// shortNumber is a number of one to eight digits. It needs eight bytes of room behind
// the start of b.
func shortNumber(b []byte) (n int64, ok bool) {
	if len(b)-1 >= 8 || cap(b) < 8 {
		return 0, false
	}
	x := (binary.LittleEndian.Uint64(b[:8]) ^ eachZero) << (64 - 8*len(b))
	if !digitsOnly(x) {
		return 0, false
	}
	x = x*10 + x>>8 // pairs of digits
	x = (x&0x000000ff000000ff*0x000f424000000064 + x>>16&0x000000ff000000ff*0x0000271000000001) >> 32
	return int64(x & math.MaxUint32), true
}

// shortIPv4 is a dotted quad without leading zeros. It needs sixteen bytes of room
// behind the start of b.
func shortIPv4(b []byte) (a netip.Addr, ok bool) {
	const shortest, longest = len("1.1.1.1"), len("255.255.255.255")
	if len(b) < shortest || len(b) > longest || cap(b) < 16 {
		return netip.Addr{}, false
	}
	text := (*[16]byte)(b[:16])
	lo, hi := binary.LittleEndian.Uint64(text[:8]), binary.LittleEndian.Uint64(text[8:])
	const dot = '.' * eachOne
	all := uint64(1)<<len(b) - 1
	dots := (gathered(zeroBytes(lo^dot)) | gathered(zeroBytes(hi^dot))<<8) & all
	d0, d1 := lo^eachZero, hi^eachZero
	others := (gathered(d0&eachRest+0x76*eachOne|d0) | gathered(d1&eachRest+0x76*eachOne|d1)<<8) & all
	if others != dots || bits.OnesCount64(dots) != 3 {
		return netip.Addr{}, false
	}
	var quad [4]byte
	start, bad := 0, uint32(0)
	for i := range quad {
		end := bits.TrailingZeros64(dots | 1<<len(b))
		dots &= dots - 1
		n := end - start
		if uint(n-1) > 2 {
			return netip.Addr{}, false
		}
		// The digits, the last one highest; those that are not there are zero.
		x := (binary.LittleEndian.Uint32(text[start:]) ^ '0'*0x01010101) << (32 - 8*n)
		v := x>>24 + x>>16&0xff*10 + x>>8&0xff*100
		least := [4]uint32{0, 0, 10, 100}[n] // of as many digits without a leading zero
		bad |= (math.MaxUint8 - v) | (v - least)
		quad[i] = byte(v)
		start = end + 1
	}
	return netip.AddrFrom4(quad), bad>>31 == 0
}
