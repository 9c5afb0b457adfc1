package detect

import (
	"time"

	"netcase"
)

// Config holds the parameters of all detectors. Sources are named where they are
// used.
type Config struct {
	ScanHosts      int             // largest horizontal threshold: distinct hosts
	ScanHostsFloor int             // smallest horizontal threshold
	ScanPorts      int             // vertical threshold: distinct ports on one host
	ScanHorizons   []time.Duration // sliding
	WalkAlpha      float64         // threshold random walk: most false alarms
	WalkDetection  float64         // … least share of scanners that are found
	WalkScanner    float64         // … share of its first contacts that a scanner is answered
	SpikeQ         float64         // false discovery rate
	SpikeRatio     float64         // smallest observed over expected
	SpikeExcess    float64         // smallest observed less expected, in flows
	FloodFlows     int64           // smallest load that matters, in flows an hour on one service
	FloodRatio     float64         // smallest load over the expected
	Draws          int             // Monte Carlo draws for the window
	Seed           uint64          // of every random draw
	Auth           AuthConfig
	Cadence        CadenceConfig
	Long           LongConfig
	Rare           RareConfig
	Upload         UploadConfig
	Move           MoveConfig
	Baseline       BaselineConfig
	Clock          ClockConfig
	Silence        SilenceConfig
	Twins          TwinConfig
	Artefact       ArtefactConfig
	Attribution    AttributionConfig
	Rise           RiseConfig
	Scan           ScanConfig
	Flood          FloodConfig
	Staging        StagingConfig
	Process        ProcessConfig
}

// DefaultConfig is what the method proposes.
func DefaultConfig() Config {
	return Config{
		ScanHosts: 25, ScanHostsFloor: 3, ScanPorts: 15,
		ScanHorizons: []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour, 7 * 24 * time.Hour},
		WalkAlpha:    0.01, WalkDetection: 0.99, WalkScanner: 0.2,
		SpikeQ: 0.01, SpikeRatio: 2, SpikeExcess: 10, Draws: 999,
		FloodFlows: 1000, FloodRatio: 10,
		Auth: DefaultAuthConfig(), Cadence: DefaultCadenceConfig(), Long: DefaultLongConfig(), Rare: DefaultRareConfig(), Upload: DefaultUploadConfig(), Move: DefaultMoveConfig(),
		Baseline: DefaultBaselineConfig(), Clock: DefaultClockConfig(), Silence: DefaultSilenceConfig(), Twins: DefaultTwinConfig(),
		Artefact: DefaultArtefactConfig(), Attribution: DefaultAttributionConfig(), Rise: DefaultRiseConfig(), Scan: DefaultScanConfig(), Flood: DefaultFloodConfig(), Staging: DefaultStagingConfig(), Process: DefaultProcessConfig(),
	}
}

// CadenceConfig holds the gates and thresholds of the tests for a cadence. Random arrivals
// stay below the variations in 1.8 % of streams of 11 intervals, in 1.0 % of 20, in less than
// 0.1 % of 30 and of 100; they have 1.03 themselves.
type CadenceConfig struct {
	Starts        int          // connections: eleven cannot carry a verdict
	Cycles        int          // periods that the active stretch must hold
	Active        netcase.Time // from the first start to the last, pauses left out
	Retry         netcase.Time // a start that follows sooner is a retry of the one before
	CV            [3]float64   // largest robust coefficients of variation: below 20, below 100, from 100 intervals
	Intervals     [2]int       // from which the larger variations are allowed
	Near          float64      // share of the intervals that lie about the period; random arrivals have 0.59
	About         [2]float64   // periods that are about one: a sleep of 70 % more or less is no shorter, and one beat may be missing
	Pause         float64      // periods without a start that are a pause …
	LeastPause    netcase.Time // … if they last as long as this
	P             float64      // largest probability of the highest peak of the spectrum
	Surrogates    int          // shuffled series that the spectrum is compared with
	LongestBeat   netcase.Time // periods beyond are left to the intervals: shuffling within the hour keeps them
	Hill          float64      // least hill of an autocorrelation, in its standard deviations without a period
	AsHigh        float64      // share of the highest hill that a shorter period must reach
	SpectrumStart int          // fewer starts show a peak too easily: 1 % of random streams of twelve
	Followed      float64      // share of the periods with a start and another a period later
	MoreFollowed  float64      // … above the share at other lags
	Slack         float64      // of the period, within which a start is a period later
	ClockStarts   int          // fewer do not tell a scheduler from a sleep
	ClockR        float64      // length of the mean phase vector from which a fixed clock sets the pace …
	ClockP        float64      // … and the largest probability of such a length
	Sizes         float64      // share of the starts with sizes that can be compared
	Sooner        float64      // share of the gaps shorter than a grid from which one record a cell is the grid's doing
	Interval      float64      // of an interval of logging, within which a period may be that
	SteadyHours   int          // with a record, before rows of hours look steady
	Steady        float64      // … share of the hours of the stream
	Uneven        float64      // standard deviation of the logarithms of the gaps above which a stream that was not measured is not told
	Rank          RankConfig
}

// RankConfig holds the weights by which streams are ordered, and nothing else.
type RankConfig struct {
	Interval, Spectrum, Size, Duration, Rarity float64
	Readable                                   netcase.Time // length of a stream that earns the whole weight for duration
}

// DefaultCadenceConfig is what the method proposes; decision 22 says which are ours.
func DefaultCadenceConfig() CadenceConfig {
	return CadenceConfig{
		Starts: 12, Cycles: 8, Active: 2 * netcase.Hour, Retry: 2 * netcase.Second, CV: [3]float64{0.35, 0.50, 0.70}, Intervals: [2]int{20, 100},
		Near: 0.8, About: [2]float64{0.3, 2.2}, Pause: 10, LeastPause: netcase.Hour,
		P: 0.01, Surrogates: 199, LongestBeat: netcase.Hour, Hill: 2, AsHigh: 0.8, SpectrumStart: 20, Followed: 0.4, MoreFollowed: 0.25, Slack: 0.05,
		ClockStarts: 20, ClockR: 0.6, ClockP: 0.01,
		Sizes: 0.5, Sooner: 0.1, Interval: 0.02, SteadyHours: 8, Steady: 0.8, Uneven: 0.7,
		Rank: RankConfig{Interval: 0.30, Spectrum: 0.20, Size: 0.15, Duration: 0.15, Rarity: 0.20, Readable: netcase.Day},
	}
}

// LongConfig holds the bands of the lengths of connections: one of the first is told where the
// other end is rare or listed, one of the second wherever it goes.
type LongConfig struct {
	Bands [4]netcase.Time
}

// DefaultLongConfig is the lengths that RITA 5 grades long connections by.
func DefaultLongConfig() LongConfig {
	return LongConfig{Bands: [4]netcase.Time{netcase.Hour, 4 * netcase.Hour, 8 * netcase.Hour, 12 * netcase.Hour}}
}

// RareConfig holds what makes a destination rare, and what makes it everybody's.
type RareConfig struct {
	Share  float64 // of the own hosts that call anything outside
	Hosts  int     // … or so few of them
	Estate int     // own hosts: in a smaller estate every destination is called by few
	Common float64 // of the own hosts: what so many call is a service of all (RITA 5 takes 0.15 off at this prevalence)
}

// DefaultRareConfig is what the method proposes.
func DefaultRareConfig() RareConfig {
	return RareConfig{Share: 0.02, Hosts: 2, Estate: 10, Common: 0.5}
}

// UploadConfig holds the thresholds on octets that leave.
type UploadConfig struct {
	Q         float64 // false discovery rate
	Ratio     float64 // smallest observed over expected
	Excess    float64 // smallest observed less expected, MiB
	Described float64 // MiB in the span from which an upload without history is described
	Days      int     // other days that usual hours are taken from
	OffHours  float64 // largest share of the other days on which the host sends at that hour of the day
}

// DefaultUploadConfig is the floors of a spike in MiB, as the method proposes.
func DefaultUploadConfig() UploadConfig {
	return UploadConfig{Q: 0.01, Ratio: 2, Excess: 10, Described: 100, Days: 3, OffHours: 0.1}
}

// MoveConfig holds the thresholds on ways from machine to machine.
type MoveConfig struct {
	History netcase.Time // before many machines are too many
	Unseen  netcase.Time // of history, before a pair that it does not hold is worth a finding
	Shared  int          // machines that used a service before: it is there to be used
	Fan     int          // machines in a day
	Times   float64      // the usual number of them
}

// DefaultMoveConfig is ours: see docs/decisions.
func DefaultMoveConfig() MoveConfig {
	return MoveConfig{History: netcase.Day, Unseen: 3 * netcase.Day, Shared: 5, Fan: 5, Times: 3}
}
