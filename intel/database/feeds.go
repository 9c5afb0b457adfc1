package database

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"netcase/intel/service"
)

// Feed is a list that its maker hands out anew every day or hour.
type Feed struct {
	Name     string   // the file name, too: it tells package intel who made the list
	Doc      string   // what it lists, one sentence
	URL      string   // where it is
	Ending   string   // of the file name, for example ".json"
	Formats  []string // of package intel, in which it is written; nil: any
	Licence  string   // as its maker states it, in a word
	TLP      string   // of entries that state none
	Optional bool     // asked only where it is named

	Key     string       // name of the key that it takes; empty: none
	KeyMust bool         // it gives nothing without the key
	Auth    service.Auth // how the key travels

	Pull *Pulled // what a service hands out page by page; nil: it is a download

	// Collect fetches what is neither. It gives nothing where nothing has
	// changed since the snapshot.
	Collect func(ctx context.Context, get getter, f *Feed, last *Snapshot) (*fetched, error)
}

// Pulled is a list that a service of package service hands out page by page.
type Pulled struct {
	Name   string // of the pull
	Base   string // of the service's URLs; empty: as documented
	User   string
	Of     string // what is wanted: see service.Pull.Of; empty for TAXII: every collection of the root
	Header string // that carries the key; empty: as documented
}

// abuseCh is how abuse.ch takes its key. Its lists are handed out without one, at a
// lower rate.
var abuseCh = service.Auth{Header: "Auth-Key"}

// Feeds are the public lists that everybody may ask.
func Feeds() []Feed {
	feeds := []Feed{
		{
			Name: "feodo-ipblocklist", Doc: "Command-and-control servers of botnets, with port and malware (abuse.ch Feodo Tracker).",
			URL: "https://feodotracker.abuse.ch/downloads/ipblocklist.json", Ending: ".json", Formats: []string{"abusech", "json"},
			Licence: "CC0, fair use", Key: "ABUSECH", Auth: abuseCh,
		},
		{
			Name: "threatfox-recent", Doc: "Servers of malware of the last days, with port, malware and confidence (abuse.ch ThreatFox).",
			URL: "https://threatfox.abuse.ch/export/json/ip-port/recent/", Ending: ".json", Formats: []string{"abusech"},
			Licence: "CC0, fair use", Key: "ABUSECH", Auth: abuseCh,
		},
		{
			Name: "urlhaus-recent", Doc: "URLs from which malware was spread in the last days; those with an address in them are used (abuse.ch URLhaus).",
			URL: "https://urlhaus.abuse.ch/downloads/json_recent/", Ending: ".json", Formats: []string{"abusech"},
			Licence: "CC0, fair use", Key: "ABUSECH", Auth: abuseCh,
		},
		{
			Name: "sslbl-ipblacklist", Doc: "Servers with certificates of botnets; no longer kept up since 2025 (abuse.ch SSLBL).",
			URL: "https://sslbl.abuse.ch/blacklist/sslipblacklist.csv", Ending: ".csv", Formats: []string{"csv"},
			Licence: "CC0, fair use", Key: "ABUSECH", Auth: abuseCh, Optional: true,
		},
		{
			Name: "spamhaus-drop-v4", Doc: "IPv4 networks held by criminals (Spamhaus DROP).",
			URL: "https://www.spamhaus.org/drop/drop_v4.json", Ending: ".json", Formats: []string{"spamhaus-drop"}, Licence: "free to use with attribution",
		},
		{
			Name: "spamhaus-drop-v6", Doc: "IPv6 networks held by criminals (Spamhaus DROP).",
			URL: "https://www.spamhaus.org/drop/drop_v6.json", Ending: ".json", Formats: []string{"spamhaus-drop"}, Licence: "free to use with attribution",
		},
		plain("blocklist.de-all", "Addresses that attacked the servers of blocklist.de's users in the last 48 hours.", "https://lists.blocklist.de/lists/all.txt", "free to use"),
		plain("firehol_level1", "Networks and addresses of public lists that seldom err (FireHOL level 1).", "https://iplists.firehol.org/files/firehol_level1.netset", "as its sources state"),
		{
			Name: "ipsum", Doc: "Addresses with the number of public lists that name them (IPsum).",
			URL: "https://raw.githubusercontent.com/stamparm/ipsum/master/ipsum.txt", Ending: ".txt", Formats: []string{"ipsum"}, Licence: "Unlicense",
		},
		plain("cins_army", "Addresses with a bad score at Sentinel's sensors (CINS Army).", "https://cinsscore.com/list/ci-badguys.txt", "free to use"),
		{
			Name: "tor-exits", Doc: "Exits of Tor with when each was last seen (Tor Project).",
			URL: "https://check.torproject.org/exit-addresses", Ending: ".txt", Formats: []string{"tor-exits", "list"}, Licence: "CC0",
		},
		{
			Name: "dshield-block", Doc: "The twenty networks that scan most (DShield).",
			URL: "https://feeds.dshield.org/block.txt", Ending: ".txt", Formats: []string{"dshield"}, Licence: "CC BY-NC-SA",
		},
		plain("emergingthreats-compromised-ips", "Hosts known to be compromised (Emerging Threats).", "https://rules.emergingthreats.net/blockrules/compromised-ips.txt", "BSD"),
		plain("greensnow", "Addresses that scanned or guessed passwords (GreenSnow).", "https://blocklist.greensnow.co/greensnow.txt", "free to use"),
		plain("maltrail/mass_scanner_cidr", "Networks of research scanners, by name in the comments (Maltrail).", "https://raw.githubusercontent.com/stamparm/maltrail/master/trails/static/mass_scanner_cidr.txt", "MIT"),
		plain("x4bnet/datacenter-ipv4", "Ranges of hosting providers (X4BNet): knowledge, no accusation.", "https://raw.githubusercontent.com/X4BNet/lists_vpn/main/output/datacenter/ipv4.txt", "MIT"),
		plain("x4bnet/vpn-ipv4", "Ranges of VPN providers (X4BNet): knowledge, no accusation.", "https://raw.githubusercontent.com/X4BNet/lists_vpn/main/output/vpn/ipv4.txt", "MIT"),
		ranges("aws-ip-ranges", "Amazon Web Services", "https://ip-ranges.amazonaws.com/ip-ranges.json"),
		ranges("google-cloud", "customers of Google Cloud", "https://www.gstatic.com/ipranges/cloud.json"),
		ranges("google-goog", "Google", "https://www.gstatic.com/ipranges/goog.json"),
		{
			Name: "azure-servicetags_public", Doc: "Ranges of Microsoft Azure by service: knowledge, no accusation.",
			URL: "https://www.microsoft.com/en-us/download/details.aspx?id=56519", Ending: ".json", Formats: []string{"cloud-ranges"},
			Licence: "published by the operator", Collect: azureTags,
		},
		ranges("cloudflare-ips", "Cloudflare, shared by many", "https://api.cloudflare.com/client/v4/ips"),
		ranges("fastly-public-ip-list", "Fastly, shared by many", "https://api.fastly.com/public-ip-list"),
		ranges("oracle-cloud", "Oracle Cloud", "https://docs.oracle.com/en-us/iaas/tools/public_ip_ranges.json"),
		ranges("github-meta", "GitHub", "https://api.github.com/meta"),
		plain("digitalocean-ipv4", "Ranges of DigitalOcean: knowledge, no accusation.", "https://raw.githubusercontent.com/lord-alfred/ipranges/main/digitalocean/ipv4.txt", "CC0"),
		plain("linode-ipv4", "Ranges of Linode: knowledge, no accusation.", "https://raw.githubusercontent.com/lord-alfred/ipranges/main/linode/ipv4.txt", "CC0"),
		plain("vultr-ipv4", "Ranges of Vultr: knowledge, no accusation.", "https://raw.githubusercontent.com/lord-alfred/ipranges/main/vultr/ipv4.txt", "CC0"),
	}
	feeds = append(feeds,
		ofService("abuseipdb-blacklist", "Addresses with a confidence of 100, at most 10,000 without a contract (AbuseIPDB).", "ABUSEIPDB", []string{"abuseipdb-blacklist"}, "no redistribution"),
		ofService("otx-subscribed", "Indicators of the pulses that the owner of the key subscribed to (AlienVault OTX).", "OTX", []string{"otx-pulse"}, "as its pulses state"),
		ofService("otx-export", "Addresses of the subscribed pulses, of the last thirty days (AlienVault OTX).", "OTX", []string{"otx-pulse"}, "as its pulses state"),
	)
	for _, w := range []struct{ folder, doc string }{
		{"akamai", "edges of Akamai"}, {"hetzner", "ranges of Hetzner"}, {"ovh-cluster", "shared hosting of OVH"},
		{"public-dns-v4", "public resolvers"}, {"public-dns-v6", "public resolvers"}, {"sinkholes", "sinkholes of malware"},
		{"zscaler", "proxies of Zscaler"}, {"vpn-ipv4", "VPN providers"}, {"icloud-private-relay", "Apple's private relay"},
		{"alphastrike-scanning", "scanners of Alpha Strike Labs"}, {"binaryedge-scanning", "scanners of BinaryEdge"},
		{"censys-scanning", "scanners of Censys"}, {"circl-security-scanning", "scanners of CIRCL"},
		{"internet-census-nt-scanning", "scanners of Internet Census"}, {"modat-scanner", "scanners of Modat"},
		{"onyphe-scanner", "scanners of Onyphe"}, {"palo-alto-networks-cortex-xpanse", "scanners of Cortex Xpanse"},
		{"rapid7-nt-scanning", "scanners of Rapid7"}, {"shadowserver", "scanners of Shadowserver"}, {"shodan-scanning", "scanners of Shodan"},
		{"stretchoid-nt-scanning", "scanners of Stretchoid"}, {"tenable-cloud-ipv4", "scanners of Tenable"},
		{"umich-cse-connection-attempts", "scanners of the University of Michigan"},
	} {
		feeds = append(feeds, warningList(w.folder, w.doc))
	}
	return feeds
}

// ofService is a list that a live service hands out to those who have a key: it spends a
// quota, and is asked only where it is named.
func ofService(pull, doc, key string, formats []string, licence string) Feed {
	p, l, _ := service.PullOf(pull)
	return Feed{
		Name: pull, Doc: doc, URL: p.Base + l.First(service.PullQuery{}).Path, Ending: ".json", Formats: formats,
		Licence: licence, Optional: true, Key: key, KeyMust: true, Pull: &Pulled{Name: pull},
	}
}

// plain is a list of one observable a line.
func plain(name, doc, address, licence string) Feed {
	return Feed{Name: name, Doc: doc, URL: address, Ending: ".txt", Formats: []string{"list"}, Licence: licence}
}

// ranges is what an operator publishes of itself.
func ranges(name, whose, address string) Feed {
	return Feed{Name: name, Doc: "Ranges of " + whose + ": knowledge, no accusation.", URL: address, Ending: ".json", Formats: []string{"cloud-ranges"}, Licence: "published by the operator"}
}

// warningList is one of the warning lists of MISP.
func warningList(folder, doc string) Feed {
	return Feed{
		Name: "misp-warninglists/" + folder, Doc: "MISP warning list: " + doc + "; benign knowledge.",
		URL:    "https://raw.githubusercontent.com/MISP/misp-warninglists/main/lists/" + folder + "/list.json",
		Ending: ".json", Formats: []string{"misp-warninglist"}, Licence: "CC0",
	}
}

// Kinds of feeds that a user may add.
const (
	KindList     = "list"        // one download, in any format that package intel reads
	KindMISP     = "misp"        // a MISP feed: the folder of a manifest.json
	KindTAXII    = "taxii"       // a TAXII 2.1 collection: its URL up to the collection's id; or all of an API root: its URL
	KindSOCRadar = "socradar"    // a feed collection of SOCRadar: its id
	KindSearch   = "misp-search" // the attributes of a MISP by its REST interface: the URL of the instance
)

// Configured is a feed as a user writes it into the settings.
type Configured struct {
	Name    string `yaml:"name"`
	Kind    string `yaml:"kind"` // empty: KindList
	URL     string `yaml:"url"`
	Key     string `yaml:"key"`    // name of the key; its value is never written here
	Header  string `yaml:"header"` // the header that carries the key; empty: HTTP Basic where a user is given, else Authorization
	User    string `yaml:"user"`   // of HTTP Basic
	Licence string `yaml:"licence"`
	TLP     string `yaml:"tlp"`
}

var (
	feedName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$`)
	uuid       = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	collection = regexp.MustCompile(`^(.+)/collections/([^/]+)(/objects)?$`)
)

// Feed is what the settings ask for.
//
// Errors: a name or a URL that cannot be one, and a kind that is not known.
func (c Configured) Feed() (Feed, error) {
	f := Feed{Name: c.Name, Doc: "From the settings: " + c.Kind + ".", URL: c.URL, Licence: c.Licence, TLP: c.TLP, Key: c.Key, KeyMust: c.Key != ""}
	if !feedName.MatchString(c.Name) || strings.Contains(c.Name, "..") {
		return f, fmt.Errorf("feed %q: a name is made of letters, digits, and . _ - /", c.Name)
	}
	switch {
	case c.Header != "":
		f.Auth = service.Auth{Header: c.Header}
	case c.User != "":
		f.Auth = service.Auth{Basic: true, User: c.User}
	default:
		f.Auth = service.Auth{Header: "Authorization"}
	}
	switch c.Kind {
	case KindList, "":
		f.Ending = ".txt"
		f.Doc = "From the settings: " + KindList + "."
	case KindMISP, KindSearch:
		f.Ending, f.Formats, f.Pull = ".json", []string{"misp-event"}, c.misp()
	case KindTAXII:
		f.Ending, f.Formats, f.Pull = ".json", []string{"stix"}, c.taxii()
	case KindSOCRadar:
		if uuid.MatchString(c.URL) {
			f.URL = "https://platform.socradar.com/api/threat/intelligence/feed_list/" + c.URL + ".json?v=2"
			f.Pull = &Pulled{Name: "socradar-feed", Of: c.URL}
		}
		f.Ending, f.Formats, f.Auth = ".json", []string{"socradar-feed"}, service.Auth{Query: "key"}
	default:
		return f, fmt.Errorf("feed %q: kind %q, want %s, %s, %s, %s or %s", c.Name, c.Kind, KindList, KindMISP, KindSearch, KindTAXII, KindSOCRadar)
	}
	if u, err := url.Parse(f.URL); err != nil || u.Host == "" || u.Scheme != "https" && !ownHost(u) {
		return f, fmt.Errorf("feed %q: %q is not an https URL", c.Name, f.URL)
	}
	return f, nil
}

func (c Configured) misp() *Pulled {
	p := &Pulled{Name: "misp-feed", Base: strings.TrimSuffix(strings.TrimSuffix(c.URL, "/"), "/manifest.json"), User: c.User, Header: c.Header}
	if c.Kind == KindSearch {
		p.Name = KindSearch
	}
	return p
}

func (c Configured) taxii() *Pulled {
	p := &Pulled{Name: KindTAXII, Base: strings.TrimSuffix(c.URL, "/"), User: c.User, Header: c.Header}
	if m := collection.FindStringSubmatch(p.Base); m != nil {
		p.Base, p.Of = m[1], m[2]
	}
	p.Base = strings.TrimSuffix(p.Base, "/collections")
	return p
}

// ownHost tells whether a URL names an address instead of a host: only the user
// themselves can have meant it.
func ownHost(u *url.URL) bool {
	_, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && err == nil
}

// Pick are the feeds of that name, or below that folder; all that are not optional
// where none is named.
//
// Errors: a name that no feed has.
func Pick(all []Feed, names []string) ([]Feed, error) {
	if len(names) == 0 {
		return slices.DeleteFunc(slices.Clone(all), func(f Feed) bool { return f.Optional }), nil
	}
	var out []Feed
	for _, name := range names {
		found := false
		for _, f := range all {
			if f.Name != name && !strings.HasPrefix(f.Name, strings.TrimSuffix(name, "/")+"/") {
				continue
			}
			found = true
			if !slices.ContainsFunc(out, func(o Feed) bool { return o.Name == f.Name }) {
				out = append(out, f)
			}
		}
		if !found {
			return nil, fmt.Errorf("no feed has the name %q", name)
		}
	}
	return out, nil
}
