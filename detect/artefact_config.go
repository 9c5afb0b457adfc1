package detect

import "netcase"

// ArtefactConfig holds what the tests for a logging interval need.
type ArtefactConfig struct {
	Records    int          // of a peer whose count says something; exact times that say something of a grid
	Cells      int          // filled, before one record a cell means anything
	Free       float64      // probability of no collision below which free arrivals are ruled out
	Drifting   netcase.Time // a grid this wide, filled at no fixed place in a cell, is no schedule
	Slack      float64      // of tuples x cells, within which the records are as many
	EqualP     float64      // largest lower tail of chi-square
	EqualShare float64      // of the larger count, within which two are nearly equal
	Equal      int          // counts: two cannot show under-dispersion
	Counters   float64      // flows a record above which records are aggregates
	Fractions  float64      // share of the stamps with a fraction of a second, from which the clock is not truncated
	OnGrid     float64      // share of the stamps on the grid
	Near       netcase.Time // so near to a grid line a stamp is on it
	Phases     int          // starts of a pair that a phase is taken from
	PhaseR     float64      // length of the mean phase vector of a scheduler
}

// DefaultArtefactConfig is what the method proposes.
func DefaultArtefactConfig() ArtefactConfig {
	return ArtefactConfig{
		Records: 20, Cells: 20, Free: 1e-6, Drifting: 5 * netcase.Minute, Slack: 0.02, EqualP: 0.01, EqualShare: 0.02, Equal: 3,
		Counters: 1.05, Fractions: 0.10, OnGrid: 0.95, Near: netcase.Second, Phases: 10, PhaseR: 0.95,
	}
}

func (c *ArtefactConfig) thresholds() []Threshold {
	return []Threshold{
		{"artefact.records", "records of an address, and exact times, that say something", &c.Records},
		{"artefact.cap.cells", "filled cells of a grid, fewer do not say that a cell holds one record", &c.Cells},
		{"artefact.cap.p", "probability of no collision below which free arrivals are ruled out", &c.Free},
		{"artefact.cap.grid", "width of a grid from which one record in every cell, at no fixed place in it, is no schedule", &c.Drifting},
		{"artefact.product.slack", "difference of the records from tuples times cells, as a share of these", &c.Slack},
		{"artefact.equal.p", "largest lower tail of chi-square of counts that are too equal", &c.EqualP},
		{"artefact.equal.counts", "counts that can be too equal", &c.Equal},
		{"artefact.equal.share", "share of the larger count within which two are nearly equal", &c.EqualShare},
		{"artefact.counters", "flows a record above which records are aggregates", &c.Counters},
		{"artefact.fractions", "share of the stamps with a fraction of a second above which the clock is not truncated", &c.Fractions},
		{"artefact.grid.share", "smallest share of the stamps on a grid that was made by rounding", &c.OnGrid},
		{"artefact.grid.near", "distance of such a stamp from the grid line", &c.Near},
		{"artefact.phase.starts", "starts of a pair that its place in a grid is taken from", &c.Phases},
		{"artefact.phase.r", "smallest length of the mean phase vector of a scheduler", &c.PhaseR},
	}
}
