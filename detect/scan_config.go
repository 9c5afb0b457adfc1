package detect

import "netcase"

// ScanConfig holds what tells the classes of scans apart, and sources that are one scan.
type ScanConfig struct {
	Estate      float64 // of the own hosts that outside sources reach: as many are the horizontal threshold, within its bounds
	Strobe      float64 // of the horizontal threshold: as many hosts on each port are a strobe
	FewPorts    int     // a horizontal scan asks for at most so many ports (bro-simple-scan)
	FewHosts    int     // a vertical scan asks at most so many hosts
	StrobePorts int     // a strobe asks for at most so many ports
	DarkHits    int     // contacts with so many unused addresses lower the thresholds (bro-simple-scan)
	DarkHosts   int     // … to so many hosts
	Failures    float64 // a client fails in about so many of its first contacts (Jung et al. 2004: theta0 = 0.8)
	Inside      int     // distinct failed targets of a source of ours (Zeek policy/misc/scan)

	WalkLow      float64 // smallest rate of answers that is learned of harmless sources
	WalkHigh     float64 // … and the largest
	WalkContacts int     // first contacts that a flag needs

	Together     netcase.Time // start and stop within so much join sources of a network
	Joint        float64      // by so much the thresholds of a cluster are higher
	Coordination float64      // hypergeometric: the targets overlap less, or more, than by chance
}

// DefaultScanConfig is what the method proposes.
//
// A harmless client fails below WalkLow about as often as a scanner does, so that the walk
// has no power left. WalkContacts failures in a row decide the walk with the rates of its
// authors (0.8 and 0.2); where harmless sources are answered more often, two stale
// addresses would be enough otherwise.
func DefaultScanConfig() ScanConfig {
	return ScanConfig{
		Estate: 0.5, Strobe: 0.5, FewPorts: 5, FewHosts: 5, StrobePorts: 20, DarkHits: 3, DarkHosts: 3, Failures: 0.2, Inside: 25,
		WalkLow: 0.60, WalkHigh: 0.95, WalkContacts: 4,
		Together: 10 * netcase.Minute, Joint: 1.5, Coordination: 0.01,
	}
}

func (c *ScanConfig) thresholds() []Threshold {
	return []Threshold{
		{"scan.hosts.share", "share of the own hosts that outside sources reach which is the horizontal threshold, within its bounds", &c.Estate},
		{"scan.strobe.share", "share of the horizontal threshold that each port of a strobe reaches", &c.Strobe},
		{"scan.strobe.ports", "ports of a strobe at most", &c.StrobePorts},
		{"scan.few.ports", "ports of a horizontal scan at most", &c.FewPorts},
		{"scan.few.hosts", "hosts of a vertical scan at most", &c.FewHosts},
		{"scan.dark", "contacts with unused addresses that lower the thresholds", &c.DarkHits},
		{"scan.dark.hosts", "horizontal threshold after them, distinct hosts", &c.DarkHosts},
		{"scan.failures", "share of its first contacts in which a client fails", &c.Failures},
		{"scan.inside.hosts", "horizontal threshold of a source of ours, distinct failed hosts", &c.Inside},
		{"scan.walk.low", "random walk: smallest rate of answers that is learned of harmless sources", &c.WalkLow},
		{"scan.walk.high", "random walk: largest rate of answers that is learned of harmless sources", &c.WalkHigh},
		{"scan.walk.contacts", "random walk: first contacts that a flag needs", &c.WalkContacts},
		{"scan.joint.time", "difference of start and of stop that joins sources of one network", &c.Together},
		{"scan.joint.factor", "by how much the thresholds of several sources together are higher", &c.Joint},
		{"scan.joint.p", "largest probability of so much, or so little, overlap of their targets by chance", &c.Coordination},
	}
}
