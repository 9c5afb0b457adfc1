package detect

import (
	"math"

	"netcase"
)

// Bounds of the counting.
const (
	fewCallers  = 2    // callers of a destination that is looked at first; it only orders candidates
	mostCallers = 4096 // own hosts counted of one destination; it is not rare by then
)

// census counts the own hosts that call outside, and those that call one destination.
// Rows come by destination. Beside the number of a host stands which destination it
// called last, so that nothing has to be emptied for the next.
type census struct {
	last []int32 // by number: the destination called last, counted from one; 0: none
	all  int     // hosts that called anything
	at   int32   // the destination at hand
	one  int     // hosts that called it
}

func newCensus() *census { return &census{at: 1} }

// estate is how many hosts called anything.
func (c *census) estate() int { return c.all }

// note counts a host by its number in the reading.
func (c *census) note(host int32) {
	if int(host) >= len(c.last) {
		c.last = append(c.last, make([]int32, int(host)+1-len(c.last))...)
	}
	before := c.last[host]
	if before == c.at {
		return
	}
	c.last[host] = c.at
	c.all += b2i(before == 0)
	c.one += b2i(c.one < mostCallers)
}

// next forgets the destination at hand and says how many hosts called it.
func (c *census) next() int {
	n := c.one
	c.one = 0
	if c.at++; c.at == math.MaxInt32 {
		for i, x := range c.last {
			c.last[i] = min(x, 1)
		}
		c.at = 2
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
