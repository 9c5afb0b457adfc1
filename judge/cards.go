package judge

import (
	"cmp"
	"fmt"
	"slices"

	"netcase"
)

// cards are the intelligence cards that the case shows: by the fused probability
// times the flows, one for each address. The evidence beside them says how many
// there are in all.
func (d *draft) cards() []netcase.Card {
	type ranked struct {
		card   *netcase.Card
		weight float64
		flows  int64
	}
	at := map[string]int{}
	var all []ranked
	total := 0
	for i := range d.findings {
		f := d.findings[i].Sighting
		if f == nil {
			continue
		}
		total += max(f.Count, len(f.Sightings))
		for j := range f.Sightings {
			s := &f.Sightings[j]
			r := ranked{&s.Card, s.Card.P * float64(s.Profile.Flows), s.Profile.Flows}
			k := s.Card.Address.String()
			if n, ok := at[k]; !ok {
				at[k] = len(all)
				all = append(all, r)
			} else if r.weight > all[n].weight {
				all[n] = r
			}
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(b.flows, a.flows), a.card.Address.Compare(b.card.Address))
	})
	out := []netcase.Card{}
	for _, r := range all[:min(len(all), d.config.MaxCards)] {
		out = append(out, *r.card)
	}
	if total > 0 {
		d.book.add(fmt.Sprintf("%d of %s that intelligence speaks of are shown as cards, by fused probability times flows", len(out), count(total, "address")),
			map[string]float64{"shown": float64(len(out)), "addresses": float64(total)}, "fusion: log-odds by origin group, rho 0.25, decay of 47 days", nil)
	}
	return out
}
