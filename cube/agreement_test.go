package cube_test

import (
	"fmt"
	"testing"

	"netcase"
	"netcase/cube"
)

// cellOf is one flow that every one of so many sensors tells of.
func cellOf(sensors int) (rows []cube.Row) {
	for i := range sensors {
		f := flow(fmt.Sprintf("s%03d", i), 0, netcase.ReachDenied, 1)
		rows = append(rows, cube.Row{Key: cube.KeyOf(&f, &netcase.Site{}), Counts: cube.CountsOf(&f)})
	}
	return rows
}

// TestTooManyPairs: beyond the bound no pair is told, in whichever part it was met.
func TestTooManyPairs(t *testing.T) {
	hours := func(yield func(map[string]int64)) error {
		yield(map[string]int64{"s000": 1, "s001": 1})
		return nil
	}
	var few, many, joined cube.Agreement
	few.Cell(cellOf(3))
	if pairs, err := few.Pairs(hours); err != nil || len(pairs) != 3 || pairs[0].Both != 1 || pairs[0].Hours != 1 {
		t.Errorf("%+v %v", pairs, err)
	}
	many.Cell(cellOf(92)) // 4,186 pairs
	joined.Join(&few)
	joined.Join(&many)
	for _, a := range []*cube.Agreement{&many, &joined} {
		a.Cell(cellOf(2))
		if pairs, err := a.Pairs(hours); !a.Over || len(pairs) != 0 || err != nil {
			t.Errorf("over %v, %d pairs, %v", a.Over, len(pairs), err)
		}
	}
}
