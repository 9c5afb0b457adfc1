package simulate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"netcase"
)

// The raw NSG flow log, version 2: a record a minute, in it the rules, in them
// the tuples.
type (
	blobFile struct {
		Records []blobRecord `json:"records"`
	}
	blobRecord struct {
		Time          string         `json:"time"`
		SystemID      string         `json:"systemId"`
		MACAddress    string         `json:"macAddress"`
		Category      string         `json:"category"`
		ResourceID    string         `json:"resourceId"`
		OperationName string         `json:"operationName"`
		Properties    blobProperties `json:"properties"`
	}
	blobProperties struct {
		Version int        `json:"Version"`
		Flows   []blobRule `json:"flows"`
	}
	blobRule struct {
		Rule  string     `json:"rule"`
		Flows []blobFlow `json:"flows"`
	}
	blobFlow struct {
		MAC    string   `json:"mac"`
		Tuples []string `json:"flowTuples"`
	}
)

// tuple is one line of the log with where it belongs.
type tuple struct {
	at   netcase.Time
	rule string
	text string
}

// blobPath is where the storage account keeps the log of one interface and hour,
// below the long part that names the rule set.
func blobPath(h *host, hour netcase.Time) string {
	t := hour.Std()
	return fmt.Sprintf("nsg-flow-logs/y=%04d/m=%02d/d=%02d/h=%02d/m=00/macAddress=%s/PT1H.json", t.Year(), t.Month(), t.Day(), t.Hour(), h.mac)
}

// blob is what the subnet's rule set logged of one host in one hour.
func (w *world) blob(h *host, hour netcase.Time) []byte {
	g := &w.nsgs[h.subnetNSG]
	file := blobFile{Records: []blobRecord{}}
	tuples := w.tuples(h, hour)
	for minute := hour; minute < hour+netcase.Hour; minute += netcase.Minute {
		n := 0
		for n < len(tuples) && tuples[n].at < minute+netcase.Minute {
			n++
		}
		if n > 0 {
			file.Records = append(file.Records, w.blobRecord(g, h, minute, tuples[:n]))
		}
		tuples = tuples[n:]
	}
	out, err := json.Marshal(file)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return append(out, '\n')
}

// tuples are the begin, end and deny lines in the order of time.
func (w *world) tuples(h *host, hour netcase.Time) []tuple {
	var out []tuple
	var room [4]view
	for i := range w.flows {
		f := &w.flows[i]
		if f.at.Truncate(netcase.Hour) != hour || f.src != h.addr && f.dst != h.addr {
			continue
		}
		for _, v := range w.views(f, room[:0]) {
			if v.nsg == h.subnetNSG && (v.dir == 'I') == (f.dst == h.addr) {
				out = w.appendTuples(out, f, v)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b tuple) int { return cmp.Compare(a.at, b.at) })
	return out
}

func (w *world) appendTuples(out []tuple, f *flow, v view) []tuple {
	r := w.ruleOf(v)
	name := "UserRule_" + r.name
	if r.builtIn {
		name = "DefaultRule_" + r.name
	}
	five := fmt.Sprintf("%s,%s,%d,%d,%s,%c", f.src, f.dst, f.sport, f.dport, protocolLetter(f.proto), v.dir)
	if !v.allow {
		return append(out, tuple{f.at, name, seconds(f.at) + "," + five + ",D,B,,,,"})
	}
	sent, back := f.sent()
	end := f.at + f.length
	return append(out,
		tuple{f.at, name, seconds(f.at) + "," + five + ",A,B,,,,"},
		tuple{end, name, fmt.Sprintf("%s,%s,A,E,%d,%d,%d,%d", seconds(end), five, sent.packets, sent.octets, back.packets, back.octets)},
	)
}

func seconds(at netcase.Time) string { return strconv.FormatInt(int64(at/netcase.Second), 10) }

func (w *world) blobRecord(g *nsg, h *host, minute netcase.Time, tuples []tuple) blobRecord {
	rec := blobRecord{
		Time:     (minute + netcase.Minute).Std().Format("2006-01-02T15:04:05.0000000Z"),
		SystemID: w.tenant, MACAddress: h.mac,
		Category: "NetworkSecurityGroupFlowEvent", OperationName: "NetworkSecurityGroupFlowEvents",
		ResourceID: strings.ToUpper(fmt.Sprintf("/subscriptions/%s/resourcegroups/%s/providers/microsoft.network/networksecuritygroups/%s", w.subscription, g.group, g.name)),
		Properties: blobProperties{Version: 2},
	}
	byRule := map[string][]string{}
	for _, t := range tuples {
		byRule[t.rule] = append(byRule[t.rule], t.text)
	}
	for _, name := range sortedKeys(byRule) {
		rec.Properties.Flows = append(rec.Properties.Flows, blobRule{name, []blobFlow{{h.mac, byRule[name]}}})
	}
	return rec
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
