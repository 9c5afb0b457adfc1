package detect

import "netcase"

// Bounds of the counting.
const (
	fewCallers  = 2       // callers of a destination that is looked at first; it only orders candidates
	mostCallers = 4096    // own hosts counted of one destination; it is not rare by then
	mostEstate  = 1 << 17 // own hosts counted at all
)

// census counts the own hosts that call outside, and those that call one destination.
// Rows come by destination.
type census struct {
	all map[netcase.Endpoint]struct{} // hosts that called anything
	one map[netcase.Endpoint]struct{} // hosts that called the destination at hand
}

func newCensus() *census {
	return &census{all: map[netcase.Endpoint]struct{}{}, one: map[netcase.Endpoint]struct{}{}}
}

func (c *census) note(host netcase.Endpoint) {
	if len(c.all) < mostEstate {
		c.all[host] = struct{}{}
	}
	if len(c.one) < mostCallers {
		c.one[host] = struct{}{}
	}
}

// next forgets the destination at hand and says how many hosts called it.
func (c *census) next() int {
	n := len(c.one)
	clear(c.one)
	return n
}

// rarityOf says whether a destination is rare that so many of our hosts called, in the
// whole of what was read.
func rarityOf(in *Input, hosts, estate int) netcase.Rarity {
	r := netcase.Rarity{Hosts: hosts, Estate: estate, Days: round(in.History.Length().Hours()/24, 2)}
	r.Rare = estate >= in.Config.Rare.Estate && (hosts <= in.Config.Rare.Hosts || float64(hosts) <= in.Config.Rare.Share*float64(estate))
	return r
}
