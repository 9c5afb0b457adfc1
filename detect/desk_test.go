package detect

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"netcase"
	"netcase/cube"
)

// countedEngine counts how often the rows of an engine are read.
type countedEngine struct {
	cube.Answerer
	n   atomic.Int32
	err error // after some rows, where set
}

func (r *countedEngine) Rows(ctx context.Context, q cube.Question) iter.Seq2[cube.Row, error] {
	return func(yield func(cube.Row, error) bool) {
		r.n.Add(1)
		n := 0
		for row, err := range r.Answerer.Rows(ctx, q) {
			if n++; r.err != nil && n == pageRows+10 {
				yield(cube.Row{}, r.err)
				return
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// someFlows are flows of all directions on a few ports.
func someFlows(r *rand.Rand, n int) netcase.Batch {
	var b netcase.Batch
	for range n {
		out, own := netip.AddrFrom4([4]byte{198, 18, byte(r.IntN(40)), byte(r.IntN(9))}), netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(30))})
		f := netcase.Flow{
			Src: netcase.At(out), Dst: netcase.At(own), DstPort: uint16(20 + r.IntN(9)), Proto: netcase.TCP, Reach: netcase.Reach(r.IntN(7)),
			Start: 1760961600000 + netcase.Time(r.IntN(9))*netcase.Hour, Resolution: netcase.ResolutionRaw, Sensor: "zeek",
		}
		switch r.IntN(4) {
		case 0:
			f.Src, f.Dst = f.Dst, f.Src
		case 1:
			f.Src = netcase.At(netip.AddrFrom4([4]byte{10, 0, 1, byte(r.IntN(30))}))
		}
		f.End = f.Start
		b.Flows = append(b.Flows, f)
	}
	return b
}

func randomQuestion(r *rand.Rand) cube.Question {
	q := cube.Question{Kind: cube.Kind(r.IntN(3))}
	if r.IntN(2) == 0 {
		q.Directions = []netcase.Direction{[]netcase.Direction{netcase.Inbound, netcase.Outbound, netcase.Lateral}[r.IntN(3)]}
	}
	if r.IntN(3) == 0 {
		q.Ports = []uint16{uint16(20 + r.IntN(9)), uint16(20 + r.IntN(9))}
	}
	if r.IntN(3) == 0 {
		q.Reaches = []netcase.Reach{netcase.Reach(r.IntN(7))}
	}
	if q.Kind == cube.Hosts && r.IntN(3) == 0 {
		for k := range 1 + r.IntN(9) {
			q.Hosts = append(q.Hosts, netcase.At(netip.AddrFrom4([4]byte{10, 0, 0, byte(3 * k)})))
		}
	}
	if r.IntN(3) == 0 {
		q.Span.Start = 1760961600000 + netcase.Time(r.IntN(9))*netcase.Hour
	}
	if r.IntN(3) == 0 {
		q.Span.End = 1760961600000 + netcase.Time(r.IntN(9))*netcase.Hour
	}
	return q
}

// numbersOf is the numbers that the ends of one reading were given.
type numbersOf struct {
	peers, hosts map[netcase.Endpoint]int32
	peerOf       map[int32]netcase.Endpoint
	hostOf       map[int32]netcase.Endpoint
}

// wrong says what is wrong with the numbers of a row, among those before it.
func (n *numbersOf) wrong(r *row) string {
	if n.peers == nil {
		*n = numbersOf{map[netcase.Endpoint]int32{}, map[netcase.Endpoint]int32{}, map[int32]netcase.Endpoint{}, map[int32]netcase.Endpoint{}}
	}
	for _, x := range []struct {
		of   map[netcase.Endpoint]int32
		back map[int32]netcase.Endpoint
		end  netcase.Endpoint
		is   int32
	}{{n.peers, n.peerOf, r.Peer, r.PeerNumber}, {n.hosts, n.hostOf, r.Host, r.HostNumber}} {
		number, known := x.of[x.end]
		end, taken := x.back[x.is]
		if known && number != x.is || taken && end != x.end {
			return fmt.Sprintf("%s has number %d; %s had it, and %d was its own\n", x.end, x.is, end, number)
		}
		x.of[x.end], x.back[x.is] = x.is, x.end
	}
	if r.unicast != (!toMany(r.Peer) && !toMany(r.Host)) {
		return fmt.Sprintf("%s, %s: unicast %v\n", r.Peer, r.Host, r.unicast)
	}
	return ""
}

// TestSharedReadings lets detectors ask at random, whole answers and parts of them, one
// inside another, and compares what each was given with what the engine says to him alone.
func TestSharedReadings(t *testing.T) {
	for seed := range uint64(fewer(8, 4)) {
		r := rand.New(rand.NewPCG(seed, 31))
		engine := cube.Of(netcase.Site{}, "in-1", someFlows(r, 1500))
		var detectors []Detector
		wrong := make([]string, 1+r.IntN(12))
		var lacking atomic.Int32
		for i := range wrong {
			questions := make([]cube.Question, 1+r.IntN(4))
			for k := range questions {
				questions[k] = randomQuestion(r)
			}
			own := rand.New(rand.NewPCG(seed, uint64(i)))
			check := func(in *Input, k, most int) {
				var got, want []cube.Row
				numbers := numbersOf{}
				for row := range in.rows(k) {
					if text := numbers.wrong(row); text != "" {
						wrong[i] += text
					}
					plain := row.Row
					plain.PeerNumber, plain.HostNumber = 0, 0
					if got = append(got, plain); len(got) == most {
						break
					}
				}
				for row := range engine.Rows(context.Background(), questions[k]) {
					if want = append(want, row); len(want) == most {
						break
					}
				}
				if !reflect.DeepEqual(got, want) {
					wrong[i] += fmt.Sprintf("%+v: %d rows against %d\n", questions[k], len(got), len(want))
				}
			}
			step := func(in *Input) {
				for range own.IntN(5) {
					switch k := own.IntN(len(questions)); own.IntN(6) {
					case 0:
						check(in, k, 1+own.IntN(500))
					case 1:
						for range in.rows(k) { // an answer inside another
							check(in, own.IntN(len(questions)), 0)
							break
						}
					case 3:
						a, b := own.IntN(len(questions)), own.IntN(len(questions))
						part := func(k int) func(*Input) {
							return func(in *Input) {
								n := 0
								for range in.rows(k) {
									n++
								}
								for range engine.Rows(context.Background(), questions[k]) {
									n--
								}
								if n != 0 {
									lacking.Add(1)
								}
							}
						}
						in.together(part(a), part(b), func(*Input) {})
					case 2:
						if own.IntN(4) == 0 {
							for range in.rows(k) {
								panic("on purpose")
							}
						}
					default:
						check(in, k, 0)
					}
				}
			}
			detectors = append(detectors, Detector{
				Name:   fmt.Sprint(i),
				Ask:    func(Config) Questions { return Questions{Rows: questions} },
				Refine: func(in *Input) []cube.Want { step(in); return nil },
				Find:   func(in *Input) []netcase.Finding { step(in); return nil },
			})
		}
		result, err := Run(context.Background(), Request{Config: DefaultConfig(), Site: &netcase.Site{}, Answerer: engine, Detectors: detectors})
		if err != nil {
			t.Fatal(err)
		}
		for i, run := range result.Runs {
			if !run.OK && !strings.Contains(run.Why, "on purpose") {
				t.Errorf("seed %d, detector %d: %s", seed, i, run.Why)
			}
		}
		if n := lacking.Load(); n > 0 {
			t.Errorf("seed %d: %d answers that parts of a detector asked for differ", seed, n)
		}
		if i := slices.IndexFunc(wrong, func(s string) bool { return s != "" }); i >= 0 {
			t.Fatalf("seed %d, detector %d: %s", seed, i, wrong[i])
		}
	}
}

// TestOneReadingForAll asks twice from each of many detectors.
func TestOneReadingForAll(t *testing.T) {
	engine := &countedEngine{Answerer: cube.Of(netcase.Site{}, "in-1", someFlows(rand.New(rand.NewPCG(1, 1)), 3000))}
	var detectors []Detector
	for i := range 9 {
		detectors = append(detectors, Detector{
			Name: fmt.Sprint(i),
			Ask:  func(Config) Questions { return Questions{Rows: []cube.Question{{Ports: []uint16{uint16(20 + i)}}}} },
			Find: func(in *Input) []netcase.Finding {
				for range 2 {
					for range in.rows(0) {
					}
				}
				return nil
			},
		})
	}
	request := Request{Config: DefaultConfig(), Site: &netcase.Site{}, Answerer: engine, Detectors: detectors}
	if _, err := Run(context.Background(), request); err != nil {
		t.Fatal(err)
	}
	if n := engine.n.Load(); n != 2 {
		t.Errorf("the rows were read %d times, not twice", n)
	}
	engine.err = errors.New("the disk is gone")
	result, err := Run(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range result.Runs {
		if run.OK || run.Why != "the disk is gone" {
			t.Errorf("%+v", run)
		}
	}
}
