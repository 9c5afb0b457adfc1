package evaluate

import (
	"net/netip"
	"slices"
	"strings"

	"netcase"
	"netcase/simulate"
)

// activities are the labels of some kinds.
func activities(l *simulate.Labels, kinds ...string) (out []simulate.Activity) {
	for _, a := range l.Activities {
		if slices.Contains(kinds, a.Kind) {
			out = append(out, a)
		}
	}
	return out
}

// sourcesOf are the addresses that began activities.
func sourcesOf(list []simulate.Activity) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, a := range list {
		for _, s := range a.Sources {
			out[s] = true
		}
	}
	return out
}

// pair is one of our machines and a place outside.
type pair struct{ host, peer netip.Addr }

// aggregated tells whether the flows of a story were written by an aggregator, or by a
// sensor that drops repeats: no cadence may be read from them.
func aggregated(told simulate.Told) bool {
	for name := range told.Files {
		if strings.HasSuffix(name, "AzureNetworkAnalytics_CL.csv") || strings.HasSuffix(name, "vpc-flow.log") {
			return true
		}
	}
	_, endpoint := told.Files["telemetry/DeviceNetworkEvents.csv"]
	_, flows := firstFlows(told)
	return endpoint && !flows
}

// firstFlows names the file of raw flows.
func firstFlows(told simulate.Told) (string, bool) {
	for _, name := range []string{"conn.log", "conn.json", "PT1H.json", "eve.json"} {
		if _, ok := told.Files["telemetry/"+name]; ok {
			return name, true
		}
	}
	return "", false
}

// addressOf finds the address of a host that a finding names: by itself, or by the
// name that the site gives it.
func addressOf(e netcase.Endpoint, site *netcase.Site) netip.Addr {
	if e.Addr.IsValid() {
		return e.Addr
	}
	for _, a := range site.Assets {
		if a.Name != "" && strings.EqualFold(a.Name, e.Name) && len(a.Addresses) > 0 {
			return a.Addresses[0]
		}
	}
	return netip.Addr{}
}

// simulatedSpan tells whether an address belongs to the story: to its machines or to
// its labelled sources. What real traffic beside it does is judged apart.
func ownAddresses(told simulate.Told) map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	for _, a := range told.Site.Assets {
		for _, addr := range a.Addresses {
			out[addr] = true
		}
	}
	return out
}
