package judge

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

// maxQueryValues bounds a list inside a query, so that it stays below the size
// that services accept.
const maxQueryValues = 200

// quoted is a KQL string literal of a plain word: an address or a machine name.
// Names come from records that others wrote; one that holds anything but letters,
// digits, dots, colons, underscores and hyphens is no machine name and gives "".
func quoted(s string) string {
	for _, r := range s {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._:-", r)
		if !plain {
			return ""
		}
	}
	if s == "" {
		return ""
	}
	return `"` + s + `"`
}

// addresses is a KQL list of the addresses of some endpoints; names are left out.
func addresses(es []netcase.Endpoint) string {
	var parts []string
	for _, e := range es {
		if e.Addr.IsValid() && len(parts) < maxQueryValues {
			parts = append(parts, quoted(e.Addr.String()))
		}
	}
	return "dynamic([" + strings.Join(parts, ", ") + "])"
}

// machines is a KQL list of machine names without group and domain.
func (d *draft) machines(hosts []netcase.Endpoint) string {
	var names []string
	for _, h := range hosts {
		if n := quoted(shortName(d.hostName(h))); n != "" && len(names) < maxQueryValues {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return "dynamic([" + strings.Join(slices.Compact(names), ", ") + "])"
}

func portValues(ports []uint16) string {
	var parts []string
	for _, p := range ports[:min(len(ports), maxQueryValues)] {
		parts = append(parts, strconv.Itoa(int(p)))
	}
	return "dynamic([" + strings.Join(parts, ", ") + "])"
}

// within is the KQL condition that a column lies in a span; the end is outside.
func within(column string, s netcase.Span) string {
	return fmt.Sprintf("%s >= datetime(%s) and %s < datetime(%s)", column, s.Start, column, s.End)
}

// lines joins the lines of a query.
func lines(l ...string) string { return strings.Join(l, "\n") }

// source is where the flows of the case come from, so that a query asks the table
// that the analyst has.
type source string

const (
	sourceNSG     source = "AzureNetworkAnalytics_CL"
	sourceVNet    source = "NTANetAnalytics"
	sourceDevice  source = "DeviceNetworkEvents"
	sourceSession source = "_Im_NetworkSession"
)

// flowSource is the table that most flows came from; a table of endpoint records only
// where there is no other.
func (d *draft) flowSource() source {
	flows := map[source]int64{}
	for i := range d.in.Coverage.Inputs {
		r := &d.in.Coverage.Inputs[i]
		flows[sourceOf(r)] += max(r.Flows, 1)
	}
	switch {
	case flows[sourceVNet] > flows[sourceNSG]:
		return sourceVNet
	case flows[sourceNSG] > 0:
		return sourceNSG
	case flows[sourceDevice] > 0:
		return sourceDevice
	}
	return sourceSession
}

// sourceOf is where an input can be asked for more: the table it was exported from,
// else the one that its kind of log ends up in.
func sourceOf(r *netcase.InputReport) source {
	switch {
	case r.Table == "NTANetAnalytics", r.Format == "azure-vnet":
		return sourceVNet
	case r.Format == "azure-traffic", r.Format == "azure-nsg":
		return sourceNSG
	case r.Format == "defender-network":
		return sourceDevice
	}
	return sourceSession
}
