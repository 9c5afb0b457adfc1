package detect

import "netcase"

// FloodConfig holds what makes a load a flood, and what it does to a service.
type FloodConfig struct {
	Described  int64        // flows in an hour from which a load without history is described
	Sources    int64        // in an hour: fewer is no distributed load
	MadeUp     float64      // share of the sources with one unanswered flow, from which they look made up
	Unanswered float64      // share of our own flows that fail where our side floods another
	Suffers    float64      // share of the expected answers up to which the service suffers
	Bears      float64      // … from which it bears the load
	Answers    float64      // expected answers that a comparison needs
	Dark       netcase.Time // in a row without an answer is an outage: service level agreements count downtime so
	P          float64      // over all services and hours, after Bonferroni
}

// DefaultFloodConfig is what the method proposes.
func DefaultFloodConfig() FloodConfig {
	return FloodConfig{
		Described: 10_000, Sources: 100, MadeUp: 0.9, Unanswered: 0.9, Suffers: 0.5, Bears: 0.8, Answers: 20, Dark: 5 * netcase.Minute, P: 0.01,
	}
}

func (c *FloodConfig) thresholds() []Threshold {
	return []Threshold{
		{"dos.described", "load from which it is described without history, flows an hour", &c.Described},
		{"dos.sources", "sources in an hour of a distributed load", &c.Sources},
		{"dos.madeup", "smallest share of the sources with one unanswered flow that makes them look made up", &c.MadeUp},
		{"dos.unanswered", "smallest share of our own flows that fail where our side floods another", &c.Unanswered},
		{"dos.suffers", "largest share of the expected answers of a service that suffers", &c.Suffers},
		{"dos.bears", "smallest share of the expected answers of a service that bears it", &c.Bears},
		{"dos.answers", "expected answers that a comparison needs", &c.Answers},
		{"dos.dark", "time in a row without an answer that is an outage", &c.Dark},
		{"dos.p", "largest probability of such a load, or such an outage, over all services and hours", &c.P},
	}
}
