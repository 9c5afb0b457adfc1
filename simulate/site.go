package simulate

import (
	"fmt"
	"strings"
)

// site is site.yaml: what the owner of the estate says of it.
func (w *world) site() []byte {
	var b strings.Builder
	network := fmt.Sprintf("10.%d.0.0/16", w.octet)
	fmt.Fprintf(&b, "name: %s\n", quoted("Simulated estate"))
	writeList(&b, "own", network, w.publicNet.String())
	var exposed []string
	for _, i := range w.with(roleWeb, roleJump) {
		exposed = append(exposed, w.hosts[i].addr.String()+"/32")
	}
	writeList(&b, "exposed", exposed...)
	writeList(&b, "dark", fmt.Sprintf("10.%d.9.0/24", w.octet))
	writeList(&b, "approved", w.office.String()+"/32", w.worker.String()+"/32")
	var resolvers []string
	for _, i := range w.with(roleDC) {
		resolvers = append(resolvers, w.hosts[i].addr.String()+"/32")
	}
	writeList(&b, "resolvers", resolvers...)
	writeList(&b, "monitoring", w.hosts[w.with(roleMonitor)[0]].addr.String()+"/32", platform.String()+"/32")
	fmt.Fprintf(&b, "facts:\n  lockout: %s\n", quoted("yes"))
	b.WriteString("assets:\n")
	for i := range w.hosts {
		h := &w.hosts[i]
		fmt.Fprintf(&b, "  - name: %s\n    addresses: [%s]\n    os: %s\n    criticality: %d\n", quoted(h.name), quoted(h.addr.String()), quoted(h.os), h.criticality)
		if len(h.tags) > 0 {
			fmt.Fprintf(&b, "    tags: [%s]\n", quoted(h.tags[0]))
		}
	}
	return []byte(b.String())
}

func writeList(b *strings.Builder, key string, items ...string) {
	fmt.Fprintf(b, "%s:\n", key)
	for _, s := range items {
		fmt.Fprintf(b, "  - %s\n", quoted(s))
	}
}

// quoted is a YAML string; what is written here has no quotes in it.
func quoted(s string) string { return `"` + s + `"` }
