package intel

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	"netcase"
)

// service is an address or a range that everyone uses, known without any list.
type service struct {
	prefix netip.Prefix
	name   string
	edge   bool
}

// services are the public resolvers, the platform address of Azure, and the
// ranges of the largest edge, as their operators publish them.
//
// Source: the operators' own pages (Google Public DNS, Cloudflare DNS and
// cloudflare.com/ips, Quad9, OpenDNS, AdGuard, Microsoft "What is IP address
// 168.63.129.16"), read 2025. Lists that are loaded add to it.
var services = sync.OnceValue(func() []service {
	var out []service
	add := func(name string, edge bool, prefixes ...string) {
		for _, p := range prefixes {
			prefix, _ := parsePrefix(p)
			out = append(out, service{prefix, name, edge})
		}
	}
	add("Google public DNS", false, "8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844")
	add("Cloudflare public DNS", false, "1.1.1.1", "1.0.0.1", "1.1.1.2", "1.0.0.2", "1.1.1.3", "1.0.0.3", "2606:4700:4700::1111", "2606:4700:4700::1001")
	add("Quad9 public DNS", false, "9.9.9.9", "149.112.112.112", "2620:fe::fe", "2620:fe::9")
	add("OpenDNS", false, "208.67.222.222", "208.67.220.220", "2620:119:35::35", "2620:119:53::53")
	add("AdGuard public DNS", false, "94.140.14.14", "94.140.15.15")
	add("Azure platform address", false, "168.63.129.16")
	add("Cloudflare", true, "173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18",
		"108.162.192.0/18", "190.93.240.0/20", "188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17", "162.158.0.0/15",
		"104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22",
		"2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32", "2a06:98c0::/29", "2c0f:f248::/32")
	return out
})

// KnownService is the name of the edge, resolver or other well-known service in
// whose range the address lies. Cutting it off would cut off the owner: response
// refuses it. Ranges of hosting providers are not of that kind, their customers
// attack. A nil set knows the services that everyone knows.
func (s *Set) KnownService(a netip.Addr) (name string, ok bool) {
	a = a.Unmap().WithZone("")
	if b, found := builtin(a); found {
		return b.name, true
	}
	s.each(a, func(i uint32) bool {
		w := &s.words[s.recs[i].words]
		if w.claim != netcase.ClaimEdge && w.claim != netcase.ClaimResolver {
			return true
		}
		name, ok = serviceName(w, s.feeds[s.recs[i].feed].Name), true
		return false
	})
	return name, ok
}

func builtin(a netip.Addr) (service, bool) {
	for _, b := range services() {
		if b.prefix.Contains(a) {
			return b, true
		}
	}
	return service{}, false
}

// serviceName is what a range is called: its description, else its provider.
func serviceName(w *words, feed string) string {
	name := w.description
	if name == "" {
		name = w.provider
	}
	if name == "" {
		name = feed
	}
	return name
}

// benignLine says in words what is known of an address without accusing it; "" for
// claims that are no such knowledge.
func benignLine(in *netcase.Indicator) string {
	what := in.Description
	if what == "" {
		what = strings.Join(in.Categories, ", ")
	}
	by := " (" + in.Provider + dated(in) + ")"
	switch in.Claim {
	case netcase.ClaimHosting:
		return "range of a hosting provider" + named(what) + by
	case netcase.ClaimEdge:
		return "edge shared by many" + named(what) + by
	case netcase.ClaimResolver:
		return "resolver or well-known service" + named(what) + by
	case netcase.ClaimScanner:
		if slices.Contains(in.Categories, CategoryVerified) {
			return "scanner by its own published list" + named(what) + by
		}
		return "named as a scanner, not verified" + named(what) + by
	case netcase.ClaimNothing:
		if slices.Contains(in.Categories, categoryWhitelist) {
			return "held for harmless" + named(what) + by
		}
	}
	return ""
}

func named(what string) string {
	if what == "" {
		return ""
	}
	return ": " + what
}

func dated(in *netcase.Indicator) string {
	if !in.Learned.Known() {
		return ""
	}
	return ", " + in.Learned.Std().Format("2006-01-02")
}
