package judge

import (
	"fmt"

	"netcase"
)

const claimExfiltration = "exfiltration"

// smallUpload is the volume below which nothing of weight can have left.
// Units: octets. Source: set by experts.
const smallUpload = 10 << 20

// exfiltration asks whether data left.
func exfiltration() Claim {
	return Claim{
		ID:       claimExfiltration,
		Name:     "Exfiltration",
		Question: "whether data left",
		Gate:     nothingLeft,
		Items: []claimItem{
			{id: "B-BYTES", text: "more data left than was to be expected", ask: dataLeft,
				required: always, decides: "octets that left, with a baseline for each host"},
			{id: "B-RARE", text: "few of our hosts ever called the destination", ask: rareDestination,
				required: always, decides: "how many of our hosts ever called the destination, over thirty days"},
			{id: "B-STAGE", text: "data was gathered or packed on the host before it left", ask: dataStaged,
				required: always, decides: "process and file records that show whether data was gathered or packed before it left, and what it was"},
			{id: "B-SOCKET", text: "the records join the program that handled the data to these connections", ask: joinedCarrier},
			{id: "B-CONTENT", text: "the program that sent it was told to send what had been packed", ask: packedIsSent},
			{id: "B-HOURS", text: "it left at an hour at which the host sends nothing on other days", ask: oddHour},
		},
	}
}

// nothingLeft gates what stays inside, and flows of which the record shows that
// none was answered.
func nothingLeft(d *draft, s *scene) string {
	switch {
	case s.c == nil:
		return ""
	case s.c.direction == netcase.Lateral:
		return "both ends are ours"
	case s.c.reach.Total() > 0 && s.c.reach.Failed() == s.c.reach.Total() && d.assumed() == "":
		if ok, _ := d.in.Coverage.Sound(); ok && s.c.direction == netcase.Inbound {
			return "no flow was answered, so no data left this way"
		}
	}
	return ""
}

// dataLeft compares what left with what matters at all.
func dataLeft(d *draft, s *scene) answer {
	a, found := dataSent(d, s)
	switch {
	case found && a.state != netcase.Unknown:
		return a
	case !found && !d.ran("exfil"):
		a = open("the detector of uploads did not run")
	case !found:
		a = open("no octets of what left are recorded, or no history to compare them with")
	}
	if s.c == nil {
		return a
	}
	if s.c.reach.Total() > 0 && s.c.reach.Failed() == s.c.reach.Total() && d.assumed() == "" {
		return no("no flow was answered, so no data left this way", s.c.evidence...)
	}
	left, measured := int64(0), s.c.unseen == 0 && s.c.reach.Open() == 0
	for _, src := range s.c.sources {
		n := src.profile.OctetsOut
		if s.c.direction == netcase.Inbound {
			n = src.profile.OctetsIn
		}
		if n == netcase.Absent {
			measured = false
			continue
		}
		left += n
	}
	if measured && left < smallUpload {
		return no(fmt.Sprintf("%s octets left in all", thousands(left)), s.c.evidence...)
	}
	if measured && !found && d.ran("exfil") {
		return no(fmt.Sprintf("%s octets left, not more than these hosts used to send", thousands(left)), s.c.evidence...)
	}
	return a
}
