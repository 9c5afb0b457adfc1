package detect

import (
	"net/netip"
	"slices"
	"strings"

	"netcase"
)

// routine is a service that machines call by the clock, or stay connected to, as a matter
// of course.
type routine struct {
	cause string
	proto uint8 // 0: any
	ports []uint16
	names []string // the name itself or a name below it
	nets  []netip.Prefix
}

// routines is what is known to call regularly. Names are the services' own documented
// ones; ports are those that IANA or the maker assigns. They label and never delete: a
// port or a name can be borrowed.
func routines() []routine {
	return []routine{
		{cause: "time service (NTP)", proto: netcase.UDP, ports: []uint16{123}},
		{cause: "address leases (DHCP)", proto: netcase.UDP, ports: []uint16{67, 547}},
		{cause: "a public resolver", nets: prefixes("8.8.8.8/32", "8.8.4.4/32", "1.1.1.1/32", "1.0.0.1/32", "9.9.9.9/32", "149.112.112.112/32", "208.67.220.220/32", "208.67.222.222/32",
			"2001:4860:4860::8888/128", "2001:4860:4860::8844/128", "2606:4700:4700::1111/128", "2606:4700:4700::1001/128", "2620:fe::fe/128")},
		{cause: "Azure instance metadata", nets: prefixes("169.254.169.254/32")},
		{cause: "Azure platform (health probes, DHCP, DNS)", nets: prefixes("168.63.129.16/32")},
		{cause: "certificate status and revocation lists", ports: []uint16{80}, names: []string{
			"ocsp.digicert.com", "crl3.digicert.com", "crl4.digicert.com", "ocsp.sectigo.com", "crl.sectigo.com", "ocsp.globalsign.com", "crl.globalsign.com",
			"lencr.org", "ocsp.pki.goog", "c.pki.goog", "o.pki.goog", "ocsp.entrust.net", "crl.entrust.net", "oneocsp.microsoft.com", "crl.microsoft.com",
			"mscrl.microsoft.com", "ocsp.apple.com", "crl.apple.com", "ocsp.godaddy.com", "crl.godaddy.com", "ocsp.amazontrust.com", "crl.amazontrust.com"}},
		{cause: "Windows Update", names: []string{
			"windowsupdate.com", "update.microsoft.com", "delivery.mp.microsoft.com", "dl.delivery.mp.microsoft.com", "prod.do.dsp.mp.microsoft.com", "ctldl.windowsupdate.com"}},
		{cause: "Windows connection test", names: []string{"msftconnecttest.com", "msftncsi.com", "dns.msftncsi.com"}},
		{cause: "Windows telemetry and settings", names: []string{"events.data.microsoft.com", "settings-win.data.microsoft.com", "vortex.data.microsoft.com", "watson.telemetry.microsoft.com"}},
		{cause: "Microsoft Defender", names: []string{
			"wdcp.microsoft.com", "wd.microsoft.com", "wdcpalt.microsoft.com", "securitycenter.windows.com", "endpoint.security.microsoft.com",
			"smartscreen.microsoft.com", "smartscreen-prod.microsoft.com", "atp.azure.com"}},
		{cause: "endpoint protection", names: []string{
			"cloudsink.net", "sentinelone.net", "cbdefense.com", "conferdeploy.net", "sophosxl.net", "sophos.com", "kaspersky-labs.com", "ksn.kaspersky-labs.com",
			"trendmicro.com", "eset.com", "bitdefender.net", "traps.paloaltonetworks.com", "xdr.us.paloaltonetworks.com"}},
		{cause: "device management", names: []string{"manage.microsoft.com", "dm.microsoft.com", "mdmenrollment.apple.com", "mdm-enrollment.apple.com", "jamfcloud.com"}},
		{cause: "identity provider", names: []string{"login.microsoftonline.com", "login.windows.net", "login.live.com", "enterpriseregistration.windows.net"}},
		{cause: "Azure monitoring agents", names: []string{"ods.opinsights.azure.com", "oms.opinsights.azure.com", "monitor.azure.com", "guestconfiguration.azure.com", "his.arc.azure.com"}},
		{cause: "package updates", names: []string{
			"archive.ubuntu.com", "security.ubuntu.com", "esm.ubuntu.com", "api.snapcraft.io", "motd.ubuntu.com", "deb.debian.org", "security.debian.org",
			"mirrors.fedoraproject.org", "cdn.redhat.com", "subscription.rhsm.redhat.com", "swscan.apple.com", "swdist.apple.com", "gdmf.apple.com"}},
		{cause: "browser updates and safe browsing", names: []string{
			"safebrowsing.googleapis.com", "update.googleapis.com", "clients2.google.com", "aus5.mozilla.org", "services.mozilla.com", "edge.microsoft.com"}},
		{cause: "push messages (Apple)", proto: netcase.TCP, ports: []uint16{5223}, names: []string{"push.apple.com"}},
		{cause: "push messages (Google)", proto: netcase.TCP, ports: []uint16{5228, 5229, 5230}, names: []string{"mtalk.google.com"}},
		{cause: "push messages (Windows)", names: []string{"wns.windows.com", "notify.windows.com"}},
		{cause: "polling a mailbox", proto: netcase.TCP, ports: []uint16{110, 143, 993, 995}},
		{cause: "a mailbox or chat in the cloud", names: []string{"outlook.office365.com", "outlook.office.com", "teams.microsoft.com", "imap.gmail.com", "slack.com"}},
		{cause: "a cloud drive that keeps in step", names: drives()},
		{cause: "keep-alive of a tunnel (VPN, SD-WAN)", proto: netcase.UDP, ports: []uint16{500, 4500, 1194, 51820, 12346}},
		{cause: "monitoring", proto: netcase.TCP, ports: []uint16{10050, 10051, 5666, 9100, 6556}},
		{cause: "monitoring", proto: netcase.UDP, ports: []uint16{161, 162}},
		{cause: "log shipping", ports: []uint16{514, 6514}},
	}
}

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

// backups are services that take uploads as a matter of course, by name.
func backups() []routine {
	return []routine{
		{cause: "a cloud drive", names: drives()},
		{cause: "cloud storage", names: []string{"blob.core.windows.net", "file.core.windows.net", "dfs.core.windows.net", "amazonaws.com", "storage.googleapis.com", "r2.cloudflarestorage.com", "wasabisys.com", "backblazeb2.com"}},
		{cause: "a backup service", names: []string{"backup.windowsazure.com", "backblaze.com", "carbonite.com", "crashplan.com", "code42.com", "acronis.com", "veeam.com", "druva.com"}},
		{cause: "a conference", names: []string{"zoom.us", "teams.microsoft.com", "webex.com", "meet.google.com"}},
		{cause: "mail in the cloud", names: []string{"outlook.office365.com", "outlook.office.com", "mail.google.com", "smtp.office365.com"}},
		{cause: "source code hosting", names: []string{"github.com", "gitlab.com", "bitbucket.org", "dev.azure.com"}},
	}
}

// drives are the names of cloud drives: their clients poll, and send.
func drives() []string {
	return []string{"sharepoint.com", "onedrive.live.com", "storage.live.com", "drive.google.com", "dropbox.com", "dropboxapi.com", "box.com", "icloud-content.com", "icloud.com"}
}

// called is a destination as a table of routines is asked about it.
type called struct {
	peer  netcase.Endpoint
	name  string // empty: not known
	port  uint16
	proto uint8
}

// causeOf is the service that a destination is by one of the tables, or by the owner's
// word; empty: none. It says by what it was recognised.
func causeOf(in *Input, c called, tables ...[]routine) string {
	if owner := ownersWord(in.Site, c.peer); owner != "" {
		return owner
	}
	for _, table := range tables {
		for i := range table {
			if by := table[i].recognises(c); by != "" {
				return table[i].cause + ", by its " + by
			}
		}
	}
	return ""
}

// ownersWord is what the site says of a peer.
func ownersWord(s *netcase.Site, peer netcase.Endpoint) string {
	a := peer.Addr
	switch {
	case !a.IsValid():
		return ""
	case netcase.Within(s.Monitoring, a):
		return "monitoring, by the owner's word"
	case netcase.Within(s.Partners, a):
		return "a partner, by the owner's word"
	case netcase.Within(s.Approved, a):
		return "an approved address, by the owner's word"
	case netcase.Within(s.Resolvers, a):
		return "a resolver, by the owner's word"
	}
	return ""
}

// recognises says by what a destination is this service: its address, name or port. A
// routine with names and ports asks for the name; the port alone decides only where its
// protocol is named with it.
func (r *routine) recognises(c called) string {
	switch {
	case c.peer.Addr.IsValid() && netcase.Within(r.nets, c.peer.Addr):
		return "address"
	case c.name != "" && slices.ContainsFunc(r.names, func(n string) bool { return below(c.name, n) }):
		return "name"
	case len(r.ports) > 0 && slices.Contains(r.ports, c.port) && (r.proto == c.proto || r.proto == 0 && len(r.names) == 0):
		return "port"
	}
	return ""
}

// below tells whether a name is another, or a name below it.
func below(name, of string) bool {
	name, of = strings.ToLower(strings.TrimSuffix(name, ".")), strings.ToLower(of)
	return name == of || strings.HasSuffix(name, "."+of)
}
