package detect

import (
	"math"

	"netcase"
)

// Bounds of the counting.
const (
	fewCallers  = 2       // callers of a destination that is looked at first; it only orders candidates
	mostCallers = 4096    // own hosts counted of one destination; it is not rare by then
	mostEstate  = 1 << 17 // own hosts counted at all
)

// census counts the own hosts that call outside, and those that call one destination.
// Rows come by destination. Hosts have numbers; beside each stands which destination it
// called last, so that nothing has to be emptied for the next.
type census struct {
	words endWords
	all   map[endWord]int32 // numbers of the hosts that called anything
	last  []int32           // by number: the destination called last, counted from one
	at    int32             // the destination at hand
	one   int               // hosts that called it
	over  map[endWord]int32 // the destination called last, of hosts beyond those that have a number

	before netcase.Endpoint // noted last, of the destination at hand
	any    bool
}

func newCensus() *census { return &census{all: map[endWord]int32{}, at: 1} }

// estate is how many hosts called anything.
func (c *census) estate() int { return len(c.all) }

func (c *census) note(host *netcase.Endpoint) {
	if c.any && c.before == *host {
		return
	}
	c.before, c.any = *host, true
	w := c.words.of(host)
	n, ok := c.all[w]
	switch {
	case ok:
	case len(c.all) < mostEstate:
		n = int32(len(c.all))
		c.all[w], c.last = n, append(c.last, 0)
	default:
		c.noteOver(w)
		return
	}
	if c.last[n] != c.at && c.one < mostCallers {
		c.last[n] = c.at
		c.one++
	}
}

// noteOver counts a host that has no number.
func (c *census) noteOver(w endWord) {
	if c.over[w] == c.at || c.one >= mostCallers {
		return
	}
	if c.over == nil {
		c.over = map[endWord]int32{}
	}
	c.over[w] = c.at
	c.one++
}

// next forgets the destination at hand and says how many hosts called it.
func (c *census) next() int {
	n := c.one
	c.one, c.any = 0, false
	if len(c.over) >= mostCallers {
		c.over = nil
	}
	if c.at++; c.at == math.MaxInt32 {
		clear(c.last)
		c.over, c.at = nil, 1
	}
	return n
}

// rarityOf says whether a destination is rare that so many of our hosts called, in the
// whole of what was read.
func rarityOf(in *Input, hosts, estate int) netcase.Rarity {
	r := netcase.Rarity{Hosts: hosts, Estate: estate, Days: round(in.History.Length().Hours()/24, 2)}
	r.Rare = estate >= in.Config.Rare.Estate && (hosts <= in.Config.Rare.Hosts || float64(hosts) <= in.Config.Rare.Share*float64(estate))
	return r
}
