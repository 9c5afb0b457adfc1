package simulate

import (
	"net/netip"
	"slices"

	"netcase"
)

// cellOf is one hour of one (host, port) of one of the three addresses.
type cellOf struct{ hour, target, port int }

// missing draws the cells that stay empty, so that the counts are not all 288.
// The port that answers is asked in every hour.
func (w *world) missing(d draw, n int) []cellOf {
	var out []cellOf
	for len(out) < n {
		c := cellOf{d.IntN(activeHours), d.IntN(len(w.targets)), d.IntN(len(w.ports))}
		if !w.isOpen(c) && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

func (w *world) isOpen(c cellOf) bool {
	return w.targets[c.target] == w.openHost && w.ports[c.port] == w.openPort
}

// suspectTraffic lets each of the three addresses ask three hosts for four
// ports, at least once in each hour of a day.
func (w *world) suspectTraffic() {
	d := newDraw(w.seed, partSuspects)
	left := []int{2, 1, 0} // empty cells: 286, 287, 288
	if w.seed != reportSeed {
		d.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	}
	for i, s := range w.suspects {
		empty := w.missing(d, left[i])
		for hour := range activeHours {
			for target := range w.targets {
				for port := range w.ports {
					if c := (cellOf{hour, target, port}); !slices.Contains(empty, c) {
						w.ask(d, s, c)
					}
				}
			}
		}
	}
}

// ask is the attempts of one hour: mostly one.
func (w *world) ask(d draw, s suspect, c cellOf) {
	again := .28 // mean of the further attempts where nobody answers
	if w.isOpen(c) {
		again = .08
	}
	hour := w.active.Start + netcase.Time(c.hour)*netcase.Hour
	for range 1 + d.poisson(again) {
		w.probe(d, s.addr, w.hosts[w.targets[c.target]].addr, w.ports[c.port], hour)
	}
}

// The spike: several networks, each with several sources that scan every public
// host for the network's few ports.
const (
	spikeNets       = 7
	spikeSourcesMin = 5 // a network
	spikeSourcesMax = 8
	spikeSkipped    = .08 // share of (host, port, hour) that a source leaves out
	spikeAgain      = .2  // mean of the further attempts
)

var spikePorts = []uint16{21, 22, 23, 25, 80, 445, 1433, 3306, 5900, 8080, 8443}

// planSpike draws the sources of the spike. One network asks for the open port,
// with few sources, so that nothing looks like guessing.
func (w *world) planSpike(d draw) []scanner {
	taken := map[[2]byte]bool{}
	for _, s := range w.background {
		taken[firstTwo(s.addr)] = true
	}
	for _, s := range w.suspects {
		taken[firstTwo(s.addr)] = true
	}
	var out []scanner
	for i := 0; i < spikeNets; {
		net := d.net24(scannerOctets)
		if taken[firstTwo(net.Addr())] {
			continue
		}
		taken[firstTwo(net.Addr())] = true
		ports := drawPorts(d, spikePorts, d.between(4, 5), w.openPort)
		if i == 0 {
			ports = append(ports[:len(ports)-1], w.openPort)
			slices.Sort(ports)
		}
		country := pick(d, []string{"nl", "ru", "cn", "us", "de", "hk"})
		for range d.between(spikeSourcesMin, spikeSourcesMax) {
			s := scanner{addr: d.within(net), ports: ports}
			if !slices.ContainsFunc(out, func(o scanner) bool { return o.addr == s.addr }) {
				w.places[s.addr] = place{name: country}
				out = append(out, s)
			}
		}
		i++
	}
	return out
}

// firstTwo is the /16 of an address.
func firstTwo(a netip.Addr) [2]byte {
	b := a.As4()
	return [2]byte{b[0], b[1]}
}

func (w *world) spikeTraffic() {
	d := newDraw(w.seed, partSpike+1<<8)
	for hour := w.spike.Start; hour < w.spike.End; hour += netcase.Hour {
		for _, s := range w.sources {
			for _, h := range w.publicHosts() {
				for _, port := range s.ports {
					w.sweep(d, s, h, port, hour)
				}
			}
		}
	}
}

// sweep is what a source of the spike does to one host and port in an hour.
func (w *world) sweep(d draw, s scanner, h int, port uint16, hour netcase.Time) {
	if d.chance(spikeSkipped) {
		return
	}
	for range 1 + d.poisson(spikeAgain) {
		w.probe(d, s.addr, w.hosts[h].addr, port, hour)
	}
}
