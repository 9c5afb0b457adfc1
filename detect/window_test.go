package detect

import (
	"math/rand/v2"
	"testing"
	"time"

	"netcase"
)

// TestWindowsTwin compares sliding windows with ones that are counted anew at every contact.
func TestWindowsTwin(t *testing.T) {
	shown := 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 5))
		counted := make([]attempted, 30)
		var events []contact
		at := noon
		for range 1 + r.IntN(120) {
			at += netcase.Time(r.IntN(200)) * netcase.Second
			e := contact{at: at, host: int32(r.IntN(1 + r.IntN(40))), port: int32(r.IntN(1 + r.IntN(30)))}
			if r.IntN(5) > 0 {
				counted[e.port].hosts.set(int(e.host))
			}
			events = append(events, e)
		}
		w := newWindows(events, counted)
		limits := thresholds{rule: usualScan(), hosts: 2 + r.IntN(20), strobe: 1 + r.IntN(8), ports: 2 + r.IntN(20)}
		for _, h := range []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour} {
			got, want := w.slides(h, limits), slidesPlainly(events, h, counted, limits)
			if got != want {
				t.Fatalf("seed %d, %s: %v, not %v", seed, h, got, want)
			}
			shown += b2i(got)
		}
	}
	if shown < 200 || shown > 1000 {
		t.Errorf("a class shows in %d of 1200 windows: the comparison says little", shown)
	}
}

func slidesPlainly(events []contact, h time.Duration, counted []attempted, t thresholds) bool {
	for i, e := range events {
		if !counted[e.port].hosts.has(int(e.host)) {
			continue
		}
		ports, hosts := map[int32]map[int32]bool{}, map[int32]map[int32]bool{}
		for _, x := range events[:i+1] {
			if x.at <= e.at-netcase.Time(h.Milliseconds()) || !counted[x.port].hosts.has(int(x.host)) {
				continue
			}
			if ports[x.port] == nil {
				ports[x.port] = map[int32]bool{}
			}
			if hosts[x.host] == nil {
				hosts[x.host] = map[int32]bool{}
			}
			ports[x.port][x.host], hosts[x.host][x.port] = true, true
		}
		strobed := 0
		for _, on := range ports {
			strobed += b2i(len(on) >= t.strobe)
		}
		if len(ports[e.port]) >= t.hosts || len(hosts[e.host]) >= t.ports || len(hosts) >= t.hosts && len(ports) <= t.rule.FewPorts ||
			len(ports) >= 2 && len(ports) <= t.rule.StrobePorts && len(ports[e.port]) >= t.strobe && strobed >= 2 {
			return true
		}
	}
	return false
}
