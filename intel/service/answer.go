package service

import (
	"time"

	"netcase"
)

// Answer is what a service said of one observable, raw, with when it was asked.
type Answer struct {
	Provider    string       `json:"provider"`   // the look-up that was asked: "abuseipdb", "otx", "otx-malware" …
	Observable  string       `json:"observable"` // an address or a network, in its canonical text
	RetrievedAt netcase.Time `json:"retrieved_at"`
	Status      int          `json:"status"`             // of HTTP
	SHA256      string       `json:"sha256"`             // of Body
	Redacted    bool         `json:"redacted,omitempty"` // the service repeated the key: Body has a placeholder in its place
	Body        []byte       `json:"-"`
}

// Cache keeps answers, so that no question is asked twice. An implementation may be
// used by several goroutines.
type Cache interface {
	// Get is the newest answer of a look-up that was retrieved at or before asOf; an
	// asOf that is not known means now. Whether it is fresh enough is for the caller
	// to say.
	Get(provider, observable string, asOf netcase.Time) (Answer, bool, error)
	// Put keeps an answer beside earlier ones. Once it returns, the answer survives a
	// crash, where the implementation survives one at all.
	Put(Answer) error
}

// Ledger remembers what was spent of a service's quota on which day, so that a run
// goes on where the one before it stopped. An implementation may be used by several
// goroutines.
type Ledger interface {
	// Spent is what an account spent on a day of UTC, "2026-11-26".
	Spent(account, day string) (Spending, error)
	// Spend adds n questions to it.
	Spend(account, day string, n int) error
	// Close notes that the service itself said no, until when, and in which words.
	Close(account, day string, until netcase.Time, why string) error
}

// Spending is what one account spent on one day.
type Spending struct {
	Asked  int          `json:"asked"`
	Until  netcase.Time `json:"until"`         // the service said no until then; zero: it did not
	Closed string       `json:"why,omitempty"` // why it said no
}

// Day is the day of UTC that a question counts for.
func Day(t netcase.Time) string { return t.Std().Format(time.DateOnly) }
