package detect

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"netcase"
)

// Threshold is one parameter of the detectors by its name.
type Threshold struct {
	Name string
	Doc  string // what it means, with its unit
	at   any    // where its value stands in the configuration
}

// Thresholds lists every parameter of the detectors, by name. What it names stands in c.
func (c *Config) Thresholds() []Threshold {
	a, b, l, u, m := &c.Auth, &c.Cadence, &c.Long, &c.Upload, &c.Move
	out := []Threshold{
		{"scan.hosts", "largest horizontal threshold, distinct hosts", &c.ScanHosts},
		{"scan.hosts.floor", "smallest horizontal threshold, distinct hosts", &c.ScanHostsFloor},
		{"scan.ports", "vertical threshold, distinct ports on one host", &c.ScanPorts},
		{"scan.walk.alpha", "random walk: most false alarms", &c.WalkAlpha},
		{"scan.walk.detection", "random walk: least share of scanners that are found", &c.WalkDetection},
		{"scan.walk.scanner", "random walk: share of its first contacts that a scanner is answered", &c.WalkScanner},
		{"spike.q", "false discovery rate", &c.SpikeQ},
		{"spike.ratio", "smallest observed over expected", &c.SpikeRatio},
		{"spike.excess", "smallest observed less expected, flows", &c.SpikeExcess},
		{"spike.draws", "Monte Carlo draws for the window", &c.Draws},
		{"dos.flows", "smallest load that matters, flows an hour on one service", &c.FloodFlows},
		{"dos.ratio", "smallest load over the expected", &c.FloodRatio},
		{"beacon.starts", "connections of a cadence", &b.Starts},
		{"beacon.cycles", "periods that its active stretch holds", &b.Cycles},
		{"beacon.active", "length of that stretch, pauses left out", &b.Active},
		{"beacon.retry", "a start that follows another sooner repeats it", &b.Retry},
		{"beacon.cv.few", "largest robust coefficient of variation of few intervals", &b.CV[0]},
		{"beacon.cv.some", "largest robust coefficient of variation of some intervals", &b.CV[1]},
		{"beacon.cv.some.from", "intervals that are some", &b.Intervals[0]},
		{"beacon.cv.many", "largest robust coefficient of variation of many intervals", &b.CV[2]},
		{"beacon.cv.many.from", "intervals that are many", &b.Intervals[1]},
		{"beacon.near", "smallest share of the intervals that are about a median", &b.Near},
		{"beacon.near.least", "medians from which an interval is about one", &b.About[0]},
		{"beacon.near.most", "medians up to which an interval is about one", &b.About[1]},
		{"beacon.pause", "periods without a start that are a pause", &b.Pause},
		{"beacon.pause.least", "length of a pause at least", &b.LeastPause},
		{"beacon.spectrum.p", "largest probability of the highest peak of the spectrum", &b.P},
		{"beacon.spectrum.starts", "connections from which the spectrum is taken", &b.SpectrumStart},
		{"beacon.spectrum.draws", "shuffled series that the spectrum is compared with", &b.Surrogates},
		{"beacon.spectrum.longest", "longest period that the spectrum may name", &b.LongestBeat},
		{"beacon.spectrum.hill", "smallest hill of the autocorrelation, in its standard deviations without a period", &b.Hill},
		{"beacon.spectrum.hill.share", "share of the highest hill that a shorter period reaches", &b.AsHigh},
		{"beacon.spectrum.slack", "share of the period within which a start is a period later", &b.Slack},
		{"beacon.clock.starts", "starts, fewer do not tell a scheduler from a sleep", &b.ClockStarts},
		{"beacon.clock.r", "smallest length of the mean phase vector of a scheduler", &b.ClockR},
		{"beacon.clock.p", "largest probability of such a length", &b.ClockP},
		{"beacon.spectrum.followed", "smallest share of the periods in which a start is followed a period later", &b.Followed},
		{"beacon.spectrum.followed.more", "by how much that share exceeds the one at other lags", &b.MoreFollowed},
		{"beacon.sizes", "smallest share of the starts with sizes that are compared", &b.Sizes},
		{"beacon.grid.sooner", "smallest share of the gaps that are shorter than a grid with one record in a cell", &b.Sooner},
		{"beacon.grid.interval", "share of an interval of logging within which a period may be that", &b.Interval},
		{"beacon.unmeasured.hours", "hours with a record, fewer do not look steady", &b.SteadyHours},
		{"beacon.unmeasured.steady", "smallest share of the hours with a record of a stream that looks steady", &b.Steady},
		{"beacon.unmeasured.uneven", "largest standard deviation of the logarithms of the gaps of a stream that was not measured and is told", &b.Uneven},
		{"beacon.rank.interval", "weight of even intervals in the order", &b.Rank.Interval},
		{"beacon.rank.spectrum", "weight of the spectrum in the order", &b.Rank.Spectrum},
		{"beacon.rank.size", "weight of even sizes in the order", &b.Rank.Size},
		{"beacon.rank.duration", "weight of the length of a stream in the order", &b.Rank.Duration},
		{"beacon.rank.duration.full", "length that earns this weight", &b.Rank.Readable},
		{"beacon.rank.rarity", "weight of the rarity of the destination in the order", &b.Rank.Rarity},
		{"longconn.band.base", "length of a connection with a rare or listed destination that is told", &l.Bands[0]},
		{"longconn.band.low", "length of a connection with any destination that is told", &l.Bands[1]},
		{"longconn.band.medium", "length that is graded above it", &l.Bands[2]},
		{"longconn.band.high", "length that is graded above that", &l.Bands[3]},
		{"rare.share", "largest share of the own hosts that call a rare destination", &c.Rare.Share},
		{"rare.hosts", "own hosts that call a rare destination, where the share is less than that", &c.Rare.Hosts},
		{"rare.estate", "own hosts that call outside, fewer cannot show what is rare", &c.Rare.Estate},
		{"rare.common", "smallest share of the own hosts that makes a destination a service of all", &c.Rare.Common},
		{"exfil.q", "false discovery rate", &u.Q},
		{"exfil.ratio", "smallest observed over expected", &u.Ratio},
		{"exfil.excess", "smallest observed less expected, MiB", &u.Excess},
		{"exfil.described", "octets from which an upload without history is described, MiB", &u.Described},
		{"exfil.days", "other days that usual hours are taken from", &u.Days},
		{"exfil.offhours", "largest share of those days on which the host sends at an hour that is unusual for it", &u.OffHours},
		{"lateral.history", "history before many machines are too many", &m.History},
		{"lateral.unseen", "history before a pair that it lacks is new", &m.Unseen},
		{"lateral.shared", "machines that used a service before which nobody is new to", &m.Shared},
		{"lateral.fan", "machines that one called in a day", &m.Fan},
		{"lateral.fan.times", "smallest number of them over the usual one", &m.Times},
		{"auth.spray.accounts", "distinct accounts of one source in an hour", &a.SprayAccounts},
		{"auth.spray.tries", "largest median of failures of one account", &a.SprayTries},
		{"auth.spray.share", "smallest share of distinct accounts in the failures", &a.SprayShare},
		{"auth.spread.accounts", "accounts with wrong passwords in an hour over all sources", &a.SpreadAccounts},
		{"auth.spread.tries", "failures of one of them at most", &a.SpreadTries},
		{"auth.spread.networks", "networks that they come from at least", &a.SpreadNetworks},
		{"auth.enumeration.failures", "failures of one source in a day", &a.EnumerationFails},
		{"auth.enumeration.share", "smallest share of them for accounts that do not exist", &a.EnumerationShare},
		{"auth.success.account", "failures of one account before a login of it", &a.AccountFails},
		{"auth.success.source", "failures of one source on one host before a login from it", &a.SourceFails},
		{"auth.typo", "failures at most that are typing errors", &a.TypoFails},
		{"auth.distributed.networks", "networks of sources that stay below every bucket", &a.DistributedNetworks},
		{"auth.distributed.tries", "failures of one of them at most, on average", &a.DistributedTries},
		{"auth.lockouts.account", "lockouts of one account in a day", &a.AccountLockouts},
		{"auth.lockouts.accounts", "accounts that are locked within an hour", &a.LockedAccounts},
		{"auth.stale.beats", "failures at an even pace that are a program's", &a.StaleBeats},
		{"auth.stale.cv", "largest robust coefficient of variation of the pace", &a.StaleCV},
		{"auth.stale.even", "smallest share of the waits that are near their median", &a.StaleEven},
		{"auth.spread.times", "accounts of an hour over those of usual hours", &a.SpreadTimes},
		{"auth.known.wrong", "wrong passwords of an account before an answer that hints at the right one counts", &a.WrongFirst},
		{"auth.usual", "time for which a network that an account came from is usual for it", &a.Usual},
		{"auth.same", "time within which records tell of one login", &a.SameLogin},
		{"auth.lend", "time between a connection and the login that leaves out its address", &a.Lend},
		{"auth.cover", "smallest share of the hours of the span of a log whose silence says something", &a.Cover},
		{"auth.flows.sessions", "two-way flows of one source, host and port in an hour", &a.FlowSessions},
		{"auth.flows.packets.least", "packets of one of them, both ways, at least", &a.FlowPackets[0]},
		{"auth.flows.packets.most", "packets of one of them, both ways, at most", &a.FlowPackets[1]},
		{"auth.flows.cv", "largest coefficient of variation of their octets", &a.FlowCV},
		{"auth.flows.session.times", "octets of a session over the median of those before it", &a.SessionTimes},
		{"auth.flows.session.length", "length of a session at least", &a.SessionLength},
	}
	for i := range a.Buckets {
		b := &a.Buckets[i]
		out = append(out, Threshold{"auth.bucket." + b.Name + ".capacity", "failures that the bucket holds", &b.Capacity},
			Threshold{"auth.bucket." + b.Name + ".leak", "time in which it loses one", &b.Leak})
	}
	for _, group := range [][]Threshold{
		c.Baseline.thresholds(), c.Clock.thresholds(), c.Silence.thresholds(), c.Twins.thresholds(), c.Artefact.thresholds(), c.Attribution.thresholds(),
		c.Rise.thresholds(), c.Scan.thresholds(), c.Flood.thresholds(), c.Staging.thresholds(), c.Process.thresholds(),
	} {
		out = append(out, group...)
	}
	slices.SortFunc(out, func(x, y Threshold) int { return strings.Compare(x.Name, y.Name) })
	return out
}

// proportions are the parameters that are parts of a whole or probabilities.
var proportions = []string{
	"scan.walk.alpha", "scan.walk.detection", "scan.walk.scanner", "spike.q", "exfil.q", "exfil.offhours", "beacon.near", "beacon.spectrum.p",
	"beacon.spectrum.hill.share", "beacon.spectrum.slack", "beacon.clock.r", "beacon.clock.p",
	"beacon.spectrum.followed", "beacon.spectrum.followed.more", "rare.share", "rare.common", "auth.spray.share", "auth.enumeration.share",
	"baseline.alive", "clock.share", "silence.others", "twins.share", "artefact.cap.p", "artefact.product.slack", "artefact.equal.p",
	"artefact.equal.share", "artefact.fractions", "artefact.grid.share", "artefact.phase.r", "attribution.element", "attribution.set", "attribution.cell",
	"spike.line", "spike.burst.share", "spike.sensor", "spike.fine", "scan.hosts.share", "scan.strobe.share", "scan.failures", "scan.walk.low", "scan.walk.high",
	"scan.joint.p", "dos.madeup", "dos.unanswered", "dos.suffers", "dos.bears", "dos.p",
	"process.rare.share", "auth.stale.even", "auth.cover", "beacon.sizes", "beacon.grid.sooner", "beacon.grid.interval", "beacon.unmeasured.steady",
}

// Range is what Set takes, in words.
func (t Threshold) Range() string {
	switch t.at.(type) {
	case *netcase.Time:
		return "a length of time above zero"
	case *float64:
		if t.share() {
			return "above 0, at most 1"
		}
		return "a number above 0"
	}
	return "a whole number above 0"
}

func (t Threshold) share() bool { return slices.Contains(proportions, t.Name) }

// Value is the value in words that Set reads.
func (t Threshold) Value() string {
	switch v := t.at.(type) {
	case *int:
		return strconv.Itoa(*v)
	case *int64:
		return strconv.FormatInt(*v, 10)
	case *float64:
		return strconv.FormatFloat(*v, 'g', -1, 64)
	case *netcase.Time:
		return (time.Duration(*v) * time.Millisecond).String()
	}
	return ""
}

// Set changes one parameter. Every one is a number above zero, or a length of time.
func (c *Config) Set(name, value string) error {
	all := c.Thresholds()
	i := slices.IndexFunc(all, func(t Threshold) bool { return t.Name == name })
	if i < 0 {
		return fmt.Errorf("no threshold has the name %q", name)
	}
	if err := all[i].set(strings.TrimSpace(value)); err != nil {
		return fmt.Errorf("threshold %s: %w", name, err)
	}
	return nil
}

// SetAll changes parameters by their names, the site's own ones for instance, and says all
// that is wrong with them.
func (c *Config) SetAll(values map[string]string) error {
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		wrong = append(wrong, c.Set(name, values[name]))
	}
	return errors.Join(wrong...)
}

// mostDraws of a Monte Carlo test: more is a mistake in writing.
const mostDraws = 100_000

// Check tells which parameters cannot stand beside each other.
func (c *Config) Check() error {
	var wrong []error
	rising := func(names ...string) {
		all := c.Thresholds()
		last := math.Inf(-1)
		for i, name := range names {
			t := all[slices.IndexFunc(all, func(t Threshold) bool { return t.Name == name })]
			if v := t.number(); v < last {
				wrong = append(wrong, fmt.Errorf("threshold %s is %s, which is below %s", name, t.Value(), names[i-1]))
			} else {
				last = v
			}
		}
	}
	rising("longconn.band.base", "longconn.band.low", "longconn.band.medium", "longconn.band.high")
	rising("scan.hosts.floor", "scan.hosts")
	rising("baseline.daily", "baseline.weekly")
	rising("scan.walk.scanner", "scan.walk.low", "scan.walk.high")
	rising("dos.suffers", "dos.bears")
	rising("beacon.cv.few", "beacon.cv.some", "beacon.cv.many")
	rising("beacon.cv.some.from", "beacon.cv.many.from")
	rising("auth.flows.packets.least", "auth.flows.packets.most")
	within := func(least, most float64, names ...string) {
		for _, t := range c.Thresholds() {
			switch v := t.number(); {
			case !slices.Contains(names, t.Name):
			case v < least:
				wrong = append(wrong, fmt.Errorf("threshold %s is %s, which is below %g", t.Name, t.Value(), least))
			case v > most:
				wrong = append(wrong, fmt.Errorf("threshold %s is %s, which is above %g", t.Name, t.Value(), most))
			}
		}
	}
	const any = math.MaxFloat64
	within(1, any, "scan.joint.factor")
	within(1, any, "baseline.phi.mean", "baseline.phi.median") // counts vary as much as their mean at least
	within(2, any, "baseline.bins", "artefact.equal.counts")   // one has no dispersion
	within(1, mostLately, "auth.success.account", "auth.success.source", "auth.lockouts.account")
	within(1, mostBeats, "auth.stale.beats")
	if a := c.Cadence.About; a[0] > 1 || a[1] < 1 {
		wrong = append(wrong, fmt.Errorf("thresholds beacon.near.least %g and beacon.near.most %g do not hold 1, the period itself", a[0], a[1]))
	}
	if n := max(c.Draws, c.Cadence.Surrogates); n > mostDraws {
		wrong = append(wrong, fmt.Errorf("thresholds spike.draws and beacon.spectrum.draws: %d is above %d", n, mostDraws))
	}
	return errors.Join(wrong...)
}

// number is the value as a number; of a length of time, milliseconds.
func (t Threshold) number() float64 {
	switch v := t.at.(type) {
	case *int:
		return float64(*v)
	case *int64:
		return float64(*v)
	case *float64:
		return *v
	case *netcase.Time:
		return float64(*v)
	}
	return 0
}

func (t Threshold) set(value string) error {
	if at, ok := t.at.(*netcase.Time); ok {
		d, err := time.ParseDuration(value)
		if err != nil || d < time.Millisecond {
			return fmt.Errorf("%q is not a length of time above zero, like 90s or 12h", value)
		}
		*at = netcase.Time(d.Milliseconds())
		return nil
	}
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || !(v > 0) || v > 1e12 {
		return fmt.Errorf("%q is not a number above zero", value)
	}
	if t.share() && v > 1 {
		return fmt.Errorf("%q is above 1: it is a share or a probability", value)
	}
	if _, real := t.at.(*float64); !real && v != float64(int64(v)) {
		return fmt.Errorf("%q is not a whole number", value)
	}
	switch at := t.at.(type) {
	case *int:
		*at = int(v)
	case *int64:
		*at = int64(v)
	case *float64:
		*at = v
	}
	return nil
}
