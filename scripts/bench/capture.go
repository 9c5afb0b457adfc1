//go:build unix

package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"math/rand/v2"
)

// The capture: TCP SYNs of 200,000 sources to five ports of 2,000 hosts.
const (
	captureSources = 200_000
	captureHosts   = 2_000
	frameLength    = 14 + 20 + 20
)

var capturePorts = []uint16{22, 23, 80, 443, 3389}

// writeCapture writes packets in the format of pcap, with Ethernet frames.
func (b *bench) writeCapture(w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<20)
	le := binary.LittleEndian
	head := le.AppendUint32(nil, 0xa1b2c3d4)
	head = le.AppendUint16(le.AppendUint16(head, 2), 4)
	head = le.AppendUint32(le.AppendUint32(le.AppendUint32(le.AppendUint32(head, 0), 0), 65535), 1)
	if _, err := out.Write(head); err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(5, 5))
	var p []byte
	for i := range b.packets {
		us := int64(i) * 3_600_000_000 / int64(b.packets)
		p = le.AppendUint32(p[:0], uint32(1_756_684_800+us/1_000_000))
		p = le.AppendUint32(p, uint32(us%1_000_000))
		p = le.AppendUint32(le.AppendUint32(p, frameLength), frameLength)
		p = appendSYN(p, r)
		if _, err := out.Write(p); err != nil {
			return err
		}
	}
	return out.Flush()
}

// appendSYN appends an Ethernet frame with one SYN.
func appendSYN(p []byte, r *rand.Rand) []byte {
	be := binary.BigEndian
	p = append(p, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0)
	from := len(p)
	p = append(p, 0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0)
	p = be.AppendUint32(p, 0x2d000000+uint32(r.IntN(captureSources))*37)
	p = be.AppendUint32(p, 0x0a280000+uint32(r.IntN(captureHosts)))
	be.PutUint16(p[from+10:], checksum(p[from:from+20]))
	p = be.AppendUint16(p, uint16(1024+r.IntN(60_000)))
	p = be.AppendUint16(p, capturePorts[r.IntN(len(capturePorts))])
	p = be.AppendUint32(be.AppendUint32(p, r.Uint32()), 0)
	return append(p, 0x50, 0x02, 0x20, 0, 0, 0, 0, 0)
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
