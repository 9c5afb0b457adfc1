package intel

import (
	"encoding/json"
	"io"
	"strings"

	"netcase"
)

// mispWarningList reads MISP warning lists: what is known to be harmless or
// shared by many.
func mispWarningList() Format {
	return Format{
		Name:   "misp-warninglist",
		Doc:    "MISP warning list: ranges of clouds, edges, resolvers and scanners, as benign knowledge by the list's name.",
		Fuzz:   "FuzzJSON",
		Detect: func(h *head) bool { return h.has("list") && !h.within("list[].") },
		Parse: func(s *sink, r io.Reader) error {
			return documents(r, s.cfg.MaxDocument, s.warningList)
		},
	}
}

// warningList reads one list. A document that merely has texts under the same
// key, without title and description, is no warning list.
func (s *sink) warningList(item int64, raw json.RawMessage) {
	var d struct {
		Name        string
		Description string
		Version     json.Number
		Type        string
		List        []string
	}
	if !s.decode(1, raw, &d) {
		return
	}
	if d.Name == "" && d.Description == "" {
		s.rep.Format = genericJSON().Name
		s.jsonElement(item, raw)
		return
	}
	if t, ok := versionDate(d.Version.String()); ok {
		s.dated(t)
	}
	kind := warningKind(d.Name + " " + d.Description)
	s.by("MISP warning lists", "MISP warning lists", kind.claim, "B")
	s.id.provider = "MISP warning lists"
	c := claim{claim: kind.claim, description: d.Name}
	if kind.category != "" {
		c.categories = []string{kind.category}
	}
	for i, a := range d.List {
		c.address = a
		s.add(int64(i+1), c)
	}
}

// CategoryVerified marks a scanner whose ranges its own project publishes.
const CategoryVerified = "verified"

// CategoryNamed marks a scanner that others recognised.
const CategoryNamed = "named by others"

type warning struct {
	words    string
	claim    netcase.ClaimType
	category string
}

// warnings tell from a list's title what its ranges are. The first match counts.
func warnings() []warning {
	return []warning{
		{"network telescope", netcase.ClaimScanner, CategoryNamed},
		{"bgp.he.net", netcase.ClaimScanner, CategoryNamed},
		{"pot. used for scanning", netcase.ClaimScanner, CategoryNamed},
		{"scan", netcase.ClaimScanner, CategoryVerified},
		{"sensor", netcase.ClaimScanner, CategoryVerified},
		{"xpanse", netcase.ClaimScanner, CategoryVerified},
		{"connection-attempt", netcase.ClaimScanner, CategoryVerified},
		{"sinkhole", netcase.ClaimResolver, "sinkhole"},
		{"vpn", netcase.ClaimProxy, ""},
		{"tor ", netcase.ClaimTor, ""},
		{"private relay", netcase.ClaimEdge, ""},
		{"cloudflare", netcase.ClaimEdge, ""}, {"fastly", netcase.ClaimEdge, ""}, {"akamai", netcase.ClaimEdge, ""},
		{"imperva", netcase.ClaimEdge, ""}, {"incapsula", netcase.ClaimEdge, ""}, {"bunny", netcase.ClaimEdge, ""},
		{"gcore", netcase.ClaimEdge, ""}, {"stackpath", netcase.ClaimEdge, ""}, {"cloudfront", netcase.ClaimEdge, ""},
		{"cdn", netcase.ClaimEdge, ""}, {"zscaler", netcase.ClaimEdge, ""}, {"cluster", netcase.ClaimEdge, "shared hosting"},
		{"dns", netcase.ClaimResolver, ""},
		{"office 365", netcase.ClaimResolver, ""}, {"googlebot", netcase.ClaimResolver, ""},
		{"amazon", netcase.ClaimHosting, ""}, {"aws", netcase.ClaimHosting, ""}, {"gcp", netcase.ClaimHosting, ""},
		{"azure", netcase.ClaimHosting, ""}, {"oracle", netcase.ClaimHosting, ""}, {"hetzner", netcase.ClaimHosting, ""},
		{"digitalocean", netcase.ClaimHosting, ""}, {"linode", netcase.ClaimHosting, ""}, {"vultr", netcase.ClaimHosting, ""},
		{"ovh", netcase.ClaimHosting, ""}, {"scaleway", netcase.ClaimHosting, ""}, {"alibaba", netcase.ClaimHosting, ""},
		{"tencent", netcase.ClaimHosting, ""}, {"datacenter", netcase.ClaimHosting, ""}, {"hosting", netcase.ClaimHosting, ""},
		{"university", netcase.ClaimHosting, ""},
	}
}

func warningKind(title string) warning {
	title = strings.ToLower(title)
	for _, w := range warnings() {
		if strings.Contains(title, w.words) {
			return w
		}
	}
	return warning{claim: netcase.ClaimResolver}
}

// versionDate is the day that the version of a list names, as most do: 20260811.
func versionDate(version string) (netcase.Time, bool) {
	if len(version) != 8 || !strings.HasPrefix(version, "20") {
		return 0, false
	}
	return parseTime(version[:4] + "-" + version[4:6] + "-" + version[6:])
}
