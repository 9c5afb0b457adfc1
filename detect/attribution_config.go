package detect

// AttributionConfig holds the rule by which a dimension explains an excess.
//
// Source: Adtributor, NSDI 2014: an element needs a part of its own, and the set
// is full when it explains most of the excess.
type AttributionConfig struct {
	Element    float64 // explanatory power that an element needs
	Set        float64 // explanatory power at which the set is full
	Divergence float64 // bits: below, the elements kept their shares
	New        float64 // flows expected of an element that was never there
	Cell       float64 // explanatory power of a source, host and port that is told
}

// DefaultAttributionConfig is what the method proposes.
func DefaultAttributionConfig() AttributionConfig {
	return AttributionConfig{Element: 0.10, Set: 0.80, Divergence: 0.01, New: 0.5, Cell: 0.01}
}

func (c *AttributionConfig) thresholds() []Threshold {
	return []Threshold{
		{"attribution.element", "smallest part of an excess that an element explains", &c.Element},
		{"attribution.set", "part of an excess at which the set of elements is full", &c.Set},
		{"attribution.divergence", "smallest divergence of the shares of a dimension that explains anything, bits", &c.Divergence},
		{"attribution.new", "flows expected of an element that was never there", &c.New},
		{"attribution.cell", "smallest part of an excess of a source, host and port that is told", &c.Cell},
	}
}
