package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"netcase"
)

// tryOf is one failed login of the random log.
type tryOf struct {
	at      netcase.Time
	peer    netcase.Endpoint
	account string
	wrong   bool
}

func randomTries(seed uint64) (out []tryOf) {
	random := rand.New(rand.NewPCG(seed, 9))
	at := noon
	for range 400 {
		at += netcase.Time(random.IntN(90_000))
		out = append(out, tryOf{at, end(fmt.Sprintf("91.20.%d.%d", random.IntN(2), 1+random.IntN(3))), fmt.Sprint("u", random.IntN(30)), random.IntN(3) > 0})
	}
	return out
}

// slowSpray counts the last hour of a source or network anew for every failure.
func slowSpray(c *AuthConfig, tries []tryOf, of func(tryOf) bool) bool {
	for i := range tries {
		counts, total := map[string]int{}, 0
		for _, x := range tries[:i+1] {
			if x.at > tries[i].at-netcase.Hour && of(x) {
				counts[x.account]++
				total++
			}
		}
		few := 0
		for _, n := range counts {
			few += b2i(n <= c.SprayTries)
		}
		if of(tries[i]) && len(counts) >= c.SprayAccounts && 2*few > len(counts) && float64(len(counts)) >= c.SprayShare*float64(total) {
			return true
		}
	}
	return false
}

// slowFew is, for an hour of the clock, how many accounts failed a few times each within
// an hour, at most at a time.
func slowFew(c *AuthConfig, tries []tryOf, hour int64) (most int) {
	for i := range tries {
		if tries[i].at.Hour() != hour || !tries[i].wrong {
			continue
		}
		counts := map[string]int{}
		for _, x := range tries[:i+1] {
			if x.wrong && x.at > tries[i].at-netcase.Hour {
				counts[x.account]++
			}
		}
		few := 0
		for _, n := range counts {
			few += b2i(n <= c.SpreadTries)
		}
		most = max(most, few)
	}
	return most
}

// TestLastHourTwin compares the sliding hour with one that is counted anew.
func TestLastHourTwin(t *testing.T) {
	c := DefaultAuthConfig()
	sprays := 0
	for seed := range uint64(30) {
		tries := randomTries(seed)
		if seed%2 == 0 { // as many names as tries: some of these spray
			for i := range tries {
				tries[i].account = fmt.Sprint("u", i)
			}
		}
		w := newLastHour(&c)
		for _, x := range tries {
			w.fail(x.at, x.peer, sourceNetwork(x.peer), x.account, "windows/dc", x.wrong, true)
		}
		seen := map[netcase.Endpoint]bool{}
		for _, x := range tries {
			if seen[x.peer] {
				continue
			}
			seen[x.peer] = true
			_, got := w.sprays[hourKey{'s', x.peer, "windows/dc"}]
			want := slowSpray(&c, tries, func(y tryOf) bool { return y.peer == x.peer })
			_, gotNet := w.sprays[hourKey{'n', netcase.Endpoint{Name: sourceNetwork(x.peer)}, "windows/dc"}]
			wantNet := slowSpray(&c, tries, func(y tryOf) bool { return sourceNetwork(y.peer) == sourceNetwork(x.peer) })
			if got != want || gotNet != wantNet {
				t.Fatalf("seed %d, %s: source %v, want %v; network %v, want %v", seed, x.peer, got, want, gotNet, wantNet)
			}
			sprays += b2i(want) + b2i(wantNet)
		}
		for hour := tries[0].at.Hour(); hour <= tries[len(tries)-1].at.Hour(); hour++ {
			if got, want := w.hours[hour]["windows"], slowFew(&c, tries, hour); got != want {
				t.Fatalf("seed %d, hour %d: %d accounts, want %d", seed, hour, got, want)
			}
		}
	}
	if sprays == 0 {
		t.Error("nothing sprayed: the comparison says nothing")
	}
}

// slowBuckets fills each bucket anew from the beginning.
func slowBuckets(c *AuthConfig, at []netcase.Time) [3]float64 {
	var out [3]float64
	for i, b := range c.Buckets {
		level := 0.0
		for k, t := range at {
			if k > 0 {
				level = max(0, level-float64(t-at[k-1])/float64(b.Leak))
			}
			level++
		}
		out[i] = level
	}
	return out
}

// TestBucketsTwin compares the buckets, and the memory of the last failures, with plain
// ones over random times.
func TestBucketsTwin(t *testing.T) {
	c := DefaultAuthConfig()
	random := rand.New(rand.NewPCG(4, 4))
	for range 200 {
		var l levels
		recent := newLately(7)
		var at []netcase.Time
		now := noon
		for range 1 + random.IntN(40) {
			now += netcase.Time(random.IntN(1 << (10 + random.IntN(18))))
			at = append(at, now)
			full := l.add(&c, now, 1)
			recent.add(now, 1, false)
			want := slowBuckets(&c, at)
			over := slices.IndexFunc([]int{0, 1, 2}, func(i int) bool { return want[i] > c.Buckets[i].Capacity }) + 1
			for i := range want {
				if d := want[i] - l.at[i]; d > 1e-9 || d < -1e-9 {
					t.Fatalf("bucket %d holds %g, want %g", i, l.at[i], want[i])
				}
			}
			if full != over {
				t.Fatalf("bucket %d is full, want %d", full, over)
			}
			for k := 1; k <= 8; k++ {
				long := netcase.Time(random.IntN(1 << 27))
				in := k <= min(len(at), 7) && now-at[len(at)-min(k, len(at))] <= long
				if recent.within(k, now, long) != in {
					t.Fatalf("the %d-th last of %d failures within %d: %v", k, len(at), long, !in)
				}
			}
		}
	}
}

// A benign day beside it changes nothing, and without the attempts nothing is left.
func TestAuthBesideAQuietDay(t *testing.T) {
	x := guess(30, 2*netcase.Second)
	x.add(2*netcase.Minute, guesser, "alice", netcase.LoginSucceeded)
	want := x.kinds(t)
	quiet := logins{}
	random := rand.New(rand.NewPCG(8, 8))
	for i := range 2000 {
		person := random.IntN(60)
		at := netcase.Time(random.IntN(24*60)) * netcase.Minute
		peer, account := fmt.Sprintf("10.0.7.%d", 1+person), fmt.Sprint("person", person)
		if i%20 == 0 {
			quiet.add(at, peer, account, netcase.LoginWrongPassword)
		}
		quiet.add(at+10*netcase.Second, peer, account, netcase.LoginSucceeded)
	}
	drop := func(kinds []string) []string {
		return slices.DeleteFunc(kinds, func(k string) bool { return k == "typing errors" })
	}
	if got := drop(quiet.kinds(t)); len(got) != 0 {
		t.Errorf("a quiet day: %q", got)
	}
	if got := drop(append(slices.Clone(quiet), x...).kinds(t)); !slices.Equal(got, want) {
		t.Errorf("beside a quiet day: %q, want %q", got, want)
	}
}
