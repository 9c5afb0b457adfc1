package detect

import "netcase"

// Bucket is a leaky bucket: how much it holds, and how long until one leaks.
type Bucket struct {
	Name     string
	Capacity float64
	Leak     netcase.Time
	Says     string // what an overflow means, in words
}

// AuthConfig holds the thresholds on failed logins.
type AuthConfig struct {
	Buckets [3]Bucket // of one source, host and service

	SprayAccounts int     // distinct accounts of one source, or of one /24 or /64, in an hour
	SprayTries    int     // largest median of failures of one account
	SprayShare    float64 // smallest share of distinct accounts in the failures

	SpreadAccounts int // accounts with wrong passwords in an hour over all sources
	SpreadTries    int // failures of one of them at most
	SpreadNetworks int // networks that they come from at least

	EnumerationFails int     // failures of one source in a day
	EnumerationShare float64 // of them for accounts that do not exist

	AccountFails int // failures of one account before a login of it
	SourceFails  int // failures of one source on one host before a login from it
	TypoFails    int // failures at most that are typing errors, from where the account is at home

	DistributedNetworks int     // networks of sources that stay below every bucket by themselves
	DistributedTries    float64 // failures of one of them at most, on average

	AccountLockouts int // of one account in a day
	LockedAccounts  int // accounts that are locked within an hour

	StaleBeats int     // failures at an even pace that are a program's
	StaleCV    float64 // largest robust coefficient of variation of the pace
	StaleEven  float64 // share of the waits that lie within three of these of their median

	SpreadTimes float64      // an hour's accounts over those of usual hours
	WrongFirst  int          // failures of an account before an answer that hints at its password counts
	Usual       netcase.Time // how long the place that an account came from counts as usual
	SameLogin   netcase.Time // within which records tell of one login: Windows writes one of type 3 and one of type 10
	Lend        netcase.Time // between a connection of Remote Desktop and the login that leaves its address out
	Cover       float64      // share of the hours of the span that a log has to show for its silence to say something

	FlowSessions  int64      // two-way flows of one source, host and port in an hour
	FlowPackets   [2]float64 // packets of one of them, both ways
	FlowCV        float64    // largest coefficient of variation of their octets
	SessionTimes  float64    // octets of a session over the median of those before it
	SessionLength netcase.Time
}

// DefaultAuthConfig is what the method proposes. Where it names no number, the number
// is ours: see docs/decisions.
//
// Source: the buckets after CrowdSec's ssh-bf and ssh-slow-bf and fail2ban's defaults;
// success after failure after Sentinel's rule of that name.
func DefaultAuthConfig() AuthConfig {
	return AuthConfig{
		Buckets: [3]Bucket{
			{"fast", 5, netcase.Minute, "6 failures within about a minute"},
			{"slow", 10, 10 * netcase.Minute, "more than 10 failures, 10 minutes apart or less"},
			{"ultra-slow", 10, 12 * netcase.Hour, "more than 10 failures, hours apart"},
		},
		SprayAccounts: 10, SprayTries: 3, SprayShare: 0.5,
		SpreadAccounts: 20, SpreadTries: 2, SpreadNetworks: 5,
		EnumerationFails: 10, EnumerationShare: 0.7,
		AccountFails: 5, SourceFails: 10, TypoFails: 4,
		DistributedNetworks: 8, DistributedTries: 3,
		AccountLockouts: 3, LockedAccounts: 5,
		StaleBeats: 6, StaleCV: 0.1, StaleEven: 0.8,
		SpreadTimes: 2, WrongFirst: 5, Usual: 30 * netcase.Day, SameLogin: 10 * netcase.Second, Lend: 10 * netcase.Second, Cover: 0.95,
		FlowSessions: 20, FlowPackets: [2]float64{8, 60}, FlowCV: 0.35, SessionTimes: 5, SessionLength: netcase.Minute,
	}
}
