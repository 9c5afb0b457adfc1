package judge

import (
	"cmp"
	"slices"
	"strings"

	"netcase"
)

// matrix lays every item beside every rival explanation of a group, in the order of the
// hypotheses: what it adds where it holds, and what it would add where that is not known.
// The items that tell the explanations apart best come first.
func (d *draft) matrix(c *cluster) []netcase.MatrixRow {
	if len(c.hypotheses) == 0 {
		return nil
	}
	out := make([]netcase.MatrixRow, 0, len(c.items))
	for _, i := range c.items {
		row := netcase.MatrixRow{Item: i.ID, Text: i.Text, State: i.State, Diagnosticity: d.weights.spread(i.ID)}
		for _, h := range c.hypotheses {
			db := d.weights.capped(d.weights.Activity.Items[i.ID][h.ID])
			row.Marks = append(row.Marks, netcase.Mark{Hypothesis: h.ID, Mark: markOf(db), Decibans: db})
		}
		out = append(out, row)
	}
	slices.SortStableFunc(out, func(a, b netcase.MatrixRow) int {
		return cmp.Or(cmp.Compare(b.Diagnosticity, a.Diagnosticity), strings.Compare(a.Item, b.Item))
	})
	return out
}

// Decibans from which a mark is given.
// Source: the steps of the weights: 3 weak, 6 moderate, 10 strong.
const (
	markWeak   = 3
	markStrong = 10
)

func markOf(db float64) string {
	switch {
	case db >= markStrong:
		return "++"
	case db >= markWeak:
		return "+"
	case db <= -markStrong:
		return "--"
	case db <= -markWeak:
		return "-"
	}
	return "0"
}
