package source

import (
	"cmp"
	"math/bits"
	"slices"
)

// apportion divides a total in the ratio of the weights by largest remainder: each
// gets its share rounded down, and what is left goes to the largest remainders,
// the first among equals. The shares add up to the total.
//
// Shape: weights >= 0, not all zero.
func apportion(weights []int64, total int64) []int64 {
	var sum uint64
	for _, w := range weights {
		sum += uint64(w)
	}
	out := make([]int64, len(weights))
	if sum == 0 || total <= 0 {
		return out
	}
	if sum == uint64(total) {
		copy(out, weights)
		return out
	}
	remainders := make([]uint64, len(weights))
	order := make([]int, len(weights))
	left := uint64(total)
	for i, w := range weights {
		high, low := bits.Mul64(uint64(w), uint64(total))
		share, rest := bits.Div64(high, low, sum)
		out[i], remainders[i], order[i] = int64(share), rest, i
		left -= share
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(remainders[b], remainders[a]) })
	for _, i := range order[:left] {
		out[i]++
	}
	return out
}

// atLeastOne raises shares of zero to one, at the cost of the largest as far as
// these can spare it.
func atLeastOne(shares []int64) []int64 {
	var owed int64
	for i, n := range shares {
		if n == 0 {
			shares[i] = 1
			owed++
		}
	}
	if owed == 0 {
		return shares
	}
	order := make([]int, len(shares))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(shares[b], shares[a]) })
	for _, i := range order {
		paid := min(owed, shares[i]-1)
		shares[i] -= paid
		owed -= paid
	}
	return shares
}
