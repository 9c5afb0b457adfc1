package detect

import (
	"math"
	"math/bits"
)

// fourier is a discrete Fourier transform of one length, made ready.
//
// Source: Cooley and Tukey 1965, radix 2, in place. A library was not taken for it: the
// transform is 40 lines, and lengths that are powers of two are all that is needed.
type fourier struct {
	n        int
	cos, sin []float64 // of the turns 0 … n/2-1
	reversed []int
}

// newFourier prepares for a length that is a power of two.
func newFourier(n int) *fourier {
	f := &fourier{n: n, cos: make([]float64, n/2), sin: make([]float64, n/2), reversed: make([]int, n)}
	for i := range f.cos {
		f.sin[i], f.cos[i] = math.Sincos(-2 * math.Pi * float64(i) / float64(n))
	}
	shift := bits.UintSize - bits.Len(uint(n-1))
	for i := range f.reversed {
		if n > 1 {
			f.reversed[i] = int(bits.Reverse(uint(i)) >> shift)
		}
	}
	return f
}

// powerOfTwo is the smallest power of two that is no less than n.
func powerOfTwo(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}

// transform replaces a complex series by its transform.
func (f *fourier) transform(re, im []float64) {
	for i, j := range f.reversed {
		if i < j {
			re[i], re[j] = re[j], re[i]
			im[i], im[j] = im[j], im[i]
		}
	}
	for size := 2; size <= f.n; size *= 2 {
		half, step := size/2, f.n/size
		for from := 0; from < f.n; from += size {
			for k, t := from, 0; k < from+half; k, t = k+1, t+step {
				c, s := f.cos[t], f.sin[t]
				x, y := re[k+half]*c-im[k+half]*s, re[k+half]*s+im[k+half]*c
				re[k+half], im[k+half] = re[k]-x, im[k]-y
				re[k], im[k] = re[k]+x, im[k]+y
			}
		}
	}
}

// powers is the periodograms of two real series of one length at once: the one is
// handed on as the real part, the other as the imaginary part.
//
// Shape:  a and b of at most n values; the results hold n/2+1, from frequency 0.
// Owner:  re and im are scratch of length n; pa and pb take the results.
func (f *fourier) powers(a, b, re, im, pa, pb []float64) {
	clear(re)
	clear(im)
	copy(re, a)
	copy(im, b)
	f.transform(re, im)
	for k := range pa {
		m := (f.n - k) % f.n
		ar, ai := (re[k]+re[m])/2, (im[k]-im[m])/2
		br, bi := (im[k]+im[m])/2, (re[m]-re[k])/2
		pa[k], pb[k] = ar*ar+ai*ai, br*br+bi*bi
	}
}

// selfLikeness is the autocorrelation: how alike a real series is to itself, shifted by each lag below its
// length; 1 at lag 0, and all 0 for a series without variance.
//
// Source: Wiener and Khinchin; padded to twice the length, so that nothing wraps around.
func selfLikeness(x []float64) []float64 {
	n := powerOfTwo(2 * len(x))
	f := newFourier(n)
	re, im := make([]float64, n), make([]float64, n)
	copy(re, x)
	f.transform(re, im)
	for k := range re {
		re[k], im[k] = re[k]*re[k]+im[k]*im[k], 0
	}
	f.transform(re, im)
	out := make([]float64, len(x))
	if re[0] <= 0 {
		return out
	}
	for i := range out {
		out[i] = re[i] / re[0]
	}
	return out
}
