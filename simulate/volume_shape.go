package simulate

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"netcase"
)

// Shapes of a volume. The ordinary one is a week of many outside addresses; the
// others are the worst that an estate is sent, next to one new key a row.
const (
	ShapeOrdinary = "ordinary"
	ShapeSpoofed  = "spoofed"  // a flood in ten minutes, every source address another one
	ShapeWide     = "wide"     // a week of a million outside addresses, all alike
	ShapeScan     = "scan"     // one source asks every port of as many hosts as the rows reach, in a day
	wideOutside   = 1_000_000  // addresses
	scanPorts     = 65_535     // of each host
	spoofedStep   = 10         // minutes that the flood takes
	spoofedPrime  = 2654435761 // odd, so that multiplying by it reorders the 32-bit numbers
)

// VolumeShapes lists the shapes that VolumeOf writes.
func VolumeShapes() []string { return []string{ShapeOrdinary, ShapeWide, ShapeSpoofed, ShapeScan} }

// VolumeOf writes rows of one format and shape, as Volume does.
//
// Errors: those of Volume, and a shape that is not known.
func VolumeOf(w io.Writer, format, shape string, rows int, seed uint64) error {
	for _, f := range volumeFormats() {
		if f.name != format {
			continue
		}
		switch shape {
		case ShapeOrdinary:
			return f.write(w, rows, seed, (*volume).next)
		case ShapeWide:
			return f.write(w, rows, seed, (*volume).wide)
		case ShapeSpoofed:
			step := float64(spoofedStep*netcase.Minute) / float64(max(rows, 1))
			return f.write(w, rows, seed, func(v *volume, i int) volumeFlow { return v.spoofed(i, step) })
		case ShapeScan:
			step := float64(netcase.Day) / float64(max(rows, 1))
			return f.write(w, rows, seed, func(v *volume, i int) volumeFlow { return v.scanned(i, step) })
		}
		return fmt.Errorf("volume shape %q: want one of %s", shape, strings.Join(VolumeShapes(), ", "))
	}
	return fmt.Errorf("volume format %q: want one of %s", format, strings.Join(VolumeFormats(), ", "))
}

// wide is the i-th flow of a week in which no outside address stands out.
func (v *volume) wide(i int) volumeFlow {
	return v.measured(i, v.between(v.Uint64N(wideOutside), v.IntN(volumeInside)))
}

// spoofed is the i-th packet of a flood against one web server: a source that no
// other row has, one SYN, no reply.
func (v *volume) spoofed(i int, step float64) volumeFlow {
	n := uint32(i)*spoofedPrime + uint32(v.mix)
	// Numbers that are no public address are kept: who forges a source does not look it up.
	src := netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
	return volumeFlow{
		at: v.start + netcase.Time(float64(i)*step), src: src, dst: hostAddress(1, false), outside: src, host: 1, inbound: true,
		sport: uint16(1024 + i%60_000), dport: 443, proto: netcase.TCP, denied: true,
	}
}

// scanned is the i-th probe of one source: all ports of a host, then the next host.
func (v *volume) scanned(i int, step float64) volumeFlow {
	host := i / scanPorts
	src := v.address(1, false)
	return volumeFlow{
		at: v.start + netcase.Time(float64(i)*step), src: src, dst: hostAddress(host, false), outside: src, host: host, inbound: true,
		sport: uint16(1024 + i%60_000), dport: uint16(1 + i%scanPorts), proto: netcase.TCP, denied: true,
	}
}

// VolumeBlobs writes an ordinary volume as a row of files, one after the other in
// time, as a service that closes a file every so often does.
//
// Errors: the format is not known, a count is not positive, or a file failed.
func VolumeBlobs(create func(n int) (io.WriteCloser, error), format string, rows, blobs int, seed uint64) error {
	if rows <= 0 || blobs <= 0 {
		return fmt.Errorf("volume of %d rows in %d files: want more than none", rows, blobs)
	}
	for _, f := range volumeFormats() {
		if f.name != format {
			continue
		}
		v := newVolume(seed, rows)
		for n := range blobs {
			from, to := rows*n/blobs, rows*(n+1)/blobs
			w, err := create(n)
			if err != nil {
				return err
			}
			err = f.writeRows(w, v, from, to, (*volume).next)
			if err = errors.Join(err, w.Close()); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("volume format %q: want one of %s", format, strings.Join(VolumeFormats(), ", "))
}
