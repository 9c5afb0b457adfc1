package detect

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// smallestP is the smallest probability that is written down; what lies below
// is beyond the precision of the arithmetic.
const smallestP = 1e-300

// nbTail is the probability of at least x for a negative binomial count.
//
// Units:  mean mu > 0, variance phi times mu; phi of 1 or less is Poisson.
// Source: r = mu/(phi-1), p = 1/phi; P(X >= x) = I_{1-p}(x, r).
func nbTail(x, mu, phi float64) float64 {
	if x <= 0 {
		return 1
	}
	if phi <= 1+1e-9 {
		return clampP(gammaP(x, mu))
	}
	return clampP(betaI(1-1/phi, x, mu/(phi-1)))
}

// predictiveTail is the probability of at least x in one bin after n bins with
// the sum s, if the counts are Poisson with an unknown mean.
//
// Source: prior Gamma(0.5, 0); X ~ NB(r = s + 0.5, p = n/(n+1)).
func predictiveTail(x, s, n float64) float64 {
	if x <= 0 {
		return 1
	}
	return clampP(betaI(1/(n+1), x, s+0.5))
}

// chiLower is the probability that chi-square with df degrees of freedom is at most x.
func chiLower(x, df float64) float64 {
	if x <= 0 || df <= 0 {
		return 0
	}
	return gammaP(df/2, x/2)
}

func clampP(p float64) float64 { return min(max(p, smallestP), 1) }

// Bounds of the continued fractions: they converge in about the square root of
// their larger parameter.
const (
	fractionSteps = 20_000
	fractionExact = 1e-15
	fractionTiny  = 1e-300
)

// gammaP is the regularised lower incomplete gamma function P(a, x).
// Source: Numerical Recipes 6.2: the series below a+1, the continued fraction above.
func gammaP(a, x float64) float64 {
	if x <= 0 {
		return 0
	}
	lg, _ := math.Lgamma(a)
	front := math.Exp(a*math.Log(x) - x - lg)
	if x < a+1 {
		sum, term := 1/a, 1/a
		for k := 1; k < fractionSteps; k++ {
			term *= x / (a + float64(k))
			sum += term
			if term < sum*fractionExact {
				break
			}
		}
		return front * sum
	}
	b := x + 1 - a
	c, d := 1/fractionTiny, 1/b
	h := d
	for k := 1; k < fractionSteps; k++ {
		an := -float64(k) * (float64(k) - a)
		b += 2
		d = 1 / notZero(an*d+b)
		c = notZero(b + an/c)
		h *= d * c
		if math.Abs(d*c-1) < fractionExact {
			break
		}
	}
	return 1 - front*h
}

// betaI is the regularised incomplete beta function I_x(a, b).
// Source: Numerical Recipes 6.4.
func betaI(x, a, b float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	if x < (a+1)/(a+b+2) {
		return front * betaFraction(x, a, b) / a
	}
	return 1 - front*betaFraction(1-x, b, a)/b
}

func betaFraction(x, a, b float64) float64 {
	c := 1.0
	d := 1 / notZero(1-(a+b)*x/(a+1))
	h := d
	for k := 1; k < fractionSteps; k++ {
		m := float64(k)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / notZero(1+even*d)
		c = notZero(1 + even/c)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / notZero(1+odd*d)
		c = notZero(1 + odd/c)
		h *= d * c
		if math.Abs(d*c-1) < fractionExact {
			break
		}
	}
	return h
}

func notZero(v float64) float64 {
	if math.Abs(v) < fractionTiny {
		return fractionTiny
	}
	return v
}

// nbQuantile is the smallest whole number whose upper tail beyond it is at most
// the given probability.
func nbQuantile(tail, mu, phi float64) float64 {
	low, high := 0.0, mu+1
	for nbTail(high+1, mu, phi) > tail && high < 1e15 {
		low, high = high, 2*high
	}
	for high-low > 0.5 {
		mid := math.Floor((low + high) / 2)
		if mid <= low {
			break
		}
		if nbTail(mid+1, mu, phi) > tail {
			low = mid
		} else {
			high = mid
		}
	}
	return math.Ceil(high)
}

// falseDiscovery gives every p-value its q-value among m tests, of which those
// not given count as 1.
//
// Source: Benjamini and Hochberg 1995, as adjusted p-values.
func falseDiscovery(p []float64, m int) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(p[a], p[b]), cmp.Compare(a, b)) })
	q := make([]float64, len(p))
	best := 1.0
	for k := len(order) - 1; k >= 0; k-- {
		i := order[k]
		best = min(best, p[i]*float64(m)/float64(k+1))
		q[i] = best
	}
	return q
}

// middle is the median, and 0 of nothing. It sorts what it is given.
func middle(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}

// normalMAD makes the median absolute deviation of normal data its standard deviation.
const normalMAD = 1.4826

// spread is the robust standard deviation about a centre: 1.4826 times the
// median absolute deviation.
func spread(v []float64, centre float64) float64 {
	away := make([]float64, len(v))
	for i, x := range v {
		away[i] = math.Abs(x - centre)
	}
	return normalMAD * middle(away)
}

// theilSen is the median of the slopes of all pairs of points (i, v[i]); NaN
// marks a point that is not there.
func theilSen(v []float64) float64 {
	var slopes []float64
	for i := range v {
		for j := i + 1; j < len(v); j++ {
			if !math.IsNaN(v[i]) && !math.IsNaN(v[j]) {
				slopes = append(slopes, (v[j]-v[i])/float64(j-i))
			}
		}
	}
	return middle(slopes)
}

// surprise is the part that one element has in the Jensen–Shannon divergence of
// two distributions in which it holds the shares p and q.
//
// Units:  bits.
// Source: Bhagwan et al., Adtributor, NSDI 2014, section 3.3.
func surprise(p, q float64) float64 {
	s := 0.0
	if p > 0 {
		s += p * math.Log2(2*p/(p+q))
	}
	if q > 0 {
		s += q * math.Log2(2*q/(p+q))
	}
	return s / 2
}

// fenceScale makes a distance in units of a fence range a score of Kusto.
//
// Source: measured on 168 scores that series_decompose_anomalies gave; its public
// page prints no formula.
const fenceScale = 2.7726056

// fence is the range between two percentiles of residuals.
//
// Source: Tukey's fence test; Kusto's ctukey takes the percentiles 10 and 90, tukey 25 and 75.
type fence struct{ from, to float64 }

func newFence(residuals []float64, low, high float64) fence {
	sorted := slices.Sorted(slices.Values(residuals))
	return fence{percentile(sorted, low), percentile(sorted, high)}
}

// ratio is how far a residual lies outside the fence, in units of its range; 0 inside,
// and where the fence has no width.
func (f fence) ratio(r float64) float64 {
	switch {
	case f.to <= f.from:
		return 0
	case r > f.to:
		return (r - f.to) / (f.to - f.from)
	case r < f.from:
		return (r - f.from) / (f.to - f.from)
	}
	return 0
}

// percentile is the value at a share of sorted values, linear between them.
func percentile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := share * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// scanned is the stretch of bins that the temporal scan statistic names.
type scanned struct {
	from, to                 int // half-open
	supportFrom, supportTo   int // union of the windows that fit almost as well
	observed, expected, stat float64
}

// supportDrop is half the 95 % point of chi-square on one degree of freedom.
const supportDrop = 1.92

// scanWindow is the window of at most longest bins with the largest likelihood
// ratio; stat 0: no window holds more than was to be expected.
//
// Shape:  x and mu alike; a bin with mu 0 is missing and adds nothing.
// Source: Kulldorff 1997, one dimension: LLR = C ln(C/E) - (C-E) for C > E.
func scanWindow(x, mu []float64, longest int) scanned {
	var best scanned
	eachWindow(x, mu, longest, func(from, to int, c, e float64) {
		if (c-e)*(c-e) <= best.stat*e { // the bound below; most windows end here
			return
		}
		if l := likelihoodRatio(c, e); l > best.stat {
			best = scanned{from: from, to: to, observed: c, expected: e, stat: l}
		}
	})
	best.supportFrom, best.supportTo = best.from, best.to
	if best.stat <= 0 {
		return best
	}
	floor := best.stat - supportDrop
	eachWindow(x, mu, longest, func(from, to int, c, e float64) {
		if from >= best.supportFrom && to <= best.supportTo {
			return
		}
		if likelihoodRatio(c, e) >= floor && from < best.to && best.from < to {
			best.supportFrom, best.supportTo = min(best.supportFrom, from), max(best.supportTo, to)
		}
	})
	return best
}

// eachWindow calls f for every window that begins and ends with a bin that is
// there and holds more than was to be expected.
func eachWindow(x, mu []float64, longest int, f func(from, to int, c, e float64)) {
	for from := range x {
		if mu[from] <= 0 {
			continue
		}
		c, e := 0.0, 0.0
		for to := from + 1; to <= min(from+longest, len(x)); to++ {
			if mu[to-1] <= 0 {
				continue
			}
			c, e = c+x[to-1], e+mu[to-1]
			if c > e {
				f(from, to, c, e)
			}
		}
	}
}

// likelihoodRatio is the logarithm of the likelihood ratio of a window. It never
// exceeds (C-E)²/E, since ln(C/E) <= C/E - 1.
func likelihoodRatio(c, e float64) float64 {
	if c <= e || e <= 0 {
		return 0
	}
	return c*math.Log(c/e) - (c - e)
}

// windowP is the share of series drawn from the fitted negative binomials whose
// best window is at least as good as stat; the given series counts as one.
func windowP(mu, phi []float64, longest int, stat float64, draws int, random *rand.Rand) float64 {
	reached := 0
	x := make([]float64, len(mu))
	for range draws {
		for i := range x {
			x[i] = 0
			if mu[i] > 0 {
				x[i] = drawCount(mu[i], phi[i], random)
			}
		}
		if reaches(x, mu, longest, stat) {
			reached++
		}
	}
	return float64(1+reached) / float64(1+draws)
}

// reaches tells whether some window has a likelihood ratio of at least stat. It
// is the inner loop of the draws: the logarithm is taken only where the bound of
// likelihoodRatio leaves it possible. The best window never begins with a bin
// that holds no more than was to be expected: without that bin it would be better.
func reaches(x, mu []float64, longest int, stat float64) bool {
	for from := range x {
		if x[from] <= mu[from] {
			continue
		}
		c, e := 0.0, 0.0
		for to := from; to < min(from+longest, len(x)); to++ {
			c, e = c+x[to], e+mu[to]
			if d := c - e; d > 0 && d*d >= stat*e && e > 0 && likelihoodRatio(c, e) >= stat {
				return true
			}
		}
	}
	return false
}

// drawCount is one draw from a negative binomial with mean mu and variance phi
// times mu, as a Poisson draw whose mean is a gamma draw.
func drawCount(mu, phi float64, random *rand.Rand) float64 {
	if phi > 1+1e-9 {
		mu = drawGamma(mu/(phi-1), random) * (phi - 1)
	}
	return drawPoisson(mu, random)
}

// drawGamma is one draw from a gamma distribution of scale 1.
// Source: Marsaglia and Tsang 2000; shapes below 1 by the power of a uniform draw.
func drawGamma(shape float64, random *rand.Rand) float64 {
	if shape < 1 {
		return drawGamma(shape+1, random) * math.Pow(1-random.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		n := random.NormFloat64()
		v := 1 + c*n
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-random.Float64()) < 0.5*n*n+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// Means at which the way of drawing changes: up to fewEvents by multiplying
// uniform draws, beyond manyEvents as a rounded normal draw, whose skewness of
// 1/sqrt(mean) is then below 1 in 300.
const (
	fewEvents  = 10
	manyEvents = 100_000
)

func drawPoisson(mu float64, random *rand.Rand) float64 {
	switch {
	case mu > manyEvents:
		return max(0, math.Round(mu+math.Sqrt(mu)*random.NormFloat64()))
	case mu > fewEvents:
		return drawPoissonLarge(mu, random)
	}
	limit, p, n := math.Exp(-mu), 1.0, 0.0
	for {
		p *= 1 - random.Float64()
		if p <= limit {
			return n
		}
		n++
	}
}

// drawPoissonLarge needs a mean of 10 or more.
// Source: Hörmann 1993, transformed rejection with squeeze (PTRS).
func drawPoissonLarge(mu float64, random *rand.Rand) float64 {
	b := 0.931 + 2.53*math.Sqrt(mu)
	a := -0.059 + 0.02483*b
	inverse := 1.1239 + 1.1328/(b-3.4)
	squeeze := 0.9277 - 3.6224/(b-2)
	for {
		u, v := random.Float64()-0.5, 1-random.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mu + 0.43)
		if us >= 0.07 && v <= squeeze {
			return k
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		lk, _ := math.Lgamma(k + 1)
		if math.Log(v)+math.Log(inverse)-math.Log(a/(us*us)+b) <= k*math.Log(mu)-mu-lk {
			return k
		}
	}
}
