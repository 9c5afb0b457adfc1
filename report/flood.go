package report

import (
	"fmt"

	"netcase"
)

// floodFacts is what a service bore, beside what it used to bear.
func floodFacts(c *netcase.Case, f *netcase.FloodFacts) Facts {
	items := []Fact{
		{Label: "Service", Value: fmt.Sprintf("%s, port %d/%s", named(c, f.Host), f.Port, netcase.ProtoName(f.Proto)), Quoted: true},
		{Label: "Window", Value: spanText(f.Window)},
		{Label: "Load", Value: count(f.Flows) + " flows" + expectedText(f)},
		{Label: "Sources in the fullest hour", Value: count(f.Sources)},
	}
	if f.Outbound {
		items[0].Label, items[3].Label = "Target outside", "Hosts of ours in the fullest hour"
	}
	if f.Packets != netcase.Absent {
		items = append(items, Fact{Label: "Packets towards it", Value: count(f.Packets)})
	}
	if f.Octets != netcase.Absent {
		items = append(items, Fact{Label: "Octets towards it", Value: count(f.Octets)})
	}
	if f.Spoofed {
		items = append(items, Fact{Label: "Made-up sources", Value: "nine tenths of the sources had one flow that was not answered; blocking them one by one is of no use"})
	}
	return Facts{Items: append(items, Fact{Label: "The service", Value: sufferText(f)})}
}

func expectedText(f *netcase.FloodFacts) string {
	if f.Ratio <= 0 {
		return "; what is usual is not known"
	}
	return fmt.Sprintf(", %.1f times the %.1f expected", f.Ratio, f.Expected)
}

func sufferText(f *netcase.FloodFacts) string {
	switch f.Suffers {
	case netcase.True:
		return "answered markedly less often than before: " + f.Why
	case netcase.False:
		return "went on answering: " + f.Why
	}
	return "whether it suffered is not known: " + f.Why
}
