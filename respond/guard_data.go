package respond

import "net/netip"

// A service is a range that much of the world depends on.
type service struct {
	name     string
	prefixes []string
}

// specialRanges are set aside by the IANA registries of special-purpose
// addresses (RFC 6890 and its successors, up to RFC 9637 and RFC 9602), or by
// RFC 3879 and RFC 7526: nobody on the open Internet can be met there.
func specialRanges() []service {
	return []service{
		{"loopback", []string{"127.0.0.0/8", "::1/128"}},
		{"link-local", []string{"169.254.0.0/16", "fe80::/10"}},
		{"multicast", []string{"224.0.0.0/4", "ff00::/8"}},
		{"private", []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"}},
		{"shared by carrier NAT", []string{"100.64.0.0/10"}},
		{"documentation", []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"}},
		{"translation or tunnel", []string{"192.88.99.0/24", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"}},
		{"reserved", []string{"0.0.0.0/8", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "::/128", "100::/64", "2001::/23", "5f00::/16"}},
	}
}

// globalUnicast is the only part of IPv6 that is assigned to the open Internet
// (RFC 4291).
var globalUnicast = netip.MustParsePrefix("2000::/3")

// publicResolvers answer names for everybody. Source: what the operators publish;
// Google, Cloudflare, Quad9 and OpenDNS compared with public copies on 2026-11-23,
// the others from general knowledge.
func publicResolvers() []service {
	return []service{
		{"Google Public DNS", []string{"8.8.8.8/32", "8.8.4.4/32",
			"2001:4860:4860::8888/128", "2001:4860:4860::8844/128", "2001:4860:4860::64/128", "2001:4860:4860::6464/128"}},
		{"Cloudflare DNS", []string{"1.1.1.0/24", "1.0.0.0/24", "2606:4700:4700::/48"}},
		{"Quad9", []string{"9.9.9.9/32", "9.9.9.10/32", "9.9.9.11/32", "9.9.9.12/32",
			"149.112.112.0/24", "2620:fe::/48"}},
		{"OpenDNS", []string{"208.67.222.222/32", "208.67.220.220/32", "208.67.222.220/32", "208.67.220.222/32",
			"208.67.222.123/32", "208.67.220.123/32", "2620:119:35::/48", "2620:119:53::/48"}},
		{"AdGuard DNS", []string{"94.140.14.14/32", "94.140.15.15/32", "94.140.14.140/32", "94.140.14.141/32",
			"2a10:50c0::ad1:ff/128", "2a10:50c0::ad2:ff/128"}},
		{"Level 3 DNS", []string{"4.2.2.1/32", "4.2.2.2/32", "4.2.2.3/32", "4.2.2.4/32", "4.2.2.5/32", "4.2.2.6/32"}},
		{"UltraDNS Public", []string{"64.6.64.6/32", "64.6.65.6/32"}},
		{"CleanBrowsing", []string{"185.228.168.9/32", "185.228.169.9/32", "185.228.168.168/32", "185.228.169.168/32"}},
		{"Yandex DNS", []string{"77.88.8.8/32", "77.88.8.1/32"}},
		{"AliDNS", []string{"223.5.5.5/32", "223.6.6.6/32", "2400:3200::1/128", "2400:3200:baba::1/128"}},
		{"DNSPod", []string{"119.29.29.29/32"}},
		{"114DNS", []string{"114.114.114.114/32", "114.114.115.115/32"}},
	}
}

// rootServers are the addresses of the DNS root. Source: the root hints of IANA,
// compared with public copies of 2026 on 2026-11-23.
func rootServers() service {
	return service{"DNS root server", []string{
		"198.41.0.4/32", "170.247.170.2/32", "192.33.4.12/32", "199.7.91.13/32", "192.203.230.10/32",
		"192.5.5.241/32", "192.112.36.4/32", "198.97.190.53/32", "192.36.148.17/32", "192.58.128.30/32",
		"193.0.14.129/32", "199.7.83.42/32", "202.12.27.33/32",
		"2001:503:ba3e::2:30/128", "2801:1b8:10::b/128", "2001:500:2::c/128", "2001:500:2d::d/128",
		"2001:500:a8::e/128", "2001:500:2f::f/128", "2001:500:12::d0d/128", "2001:500:1::53/128",
		"2001:7fe::53/128", "2001:503:c27::2:30/128", "2001:7fd::1/128", "2001:500:9f::42/128", "2001:dc3::35/128",
	}}
}

// platforms are addresses through which a cloud runs its guests: names, time,
// metadata, health probes. A guest that loses them loses itself. Source: what the
// providers document; the Microsoft and Google ranges compared with public copies
// on 2026-11-23.
func platforms() []service {
	return []service{
		{"Azure platform (health probes, DNS, guest agent)", []string{"168.63.129.16/32"}},
		{"cloud metadata, DNS and time (Azure, AWS, Google, Oracle)", []string{"169.254.169.254/32", "169.254.169.253/32", "169.254.169.123/32", "169.254.170.2/32", "fd00:ec2::/64"}},
		{"Alibaba Cloud metadata", []string{"100.100.100.200/32"}},
		{"Google Cloud load balancers and health checks", []string{"35.191.0.0/16", "130.211.0.0/22"}},
		{"Google Cloud identity-aware proxy", []string{"35.235.240.0/20"}},
		{"Google APIs, private and restricted", []string{"199.36.153.4/30", "199.36.153.8/30"}},
		{"Microsoft Entra ID (sign-in)", []string{"20.20.32.0/19", "20.190.128.0/18", "20.231.128.0/19", "40.126.0.0/18"}},
		{"Google public NTP", []string{"216.239.35.0/32", "216.239.35.4/32", "216.239.35.8/32", "216.239.35.12/32"}},
	}
}

// edges are content delivery networks that publish one short list of their own:
// an address there is shared by thousands of sites. Source: the operators' lists
// (cloudflare.com/ips, api.fastly.com/public-ip-list) by public copies, compared on
// 2026-11-23. Larger and newer lists come in through KnownService.
func edges() []service {
	return []service{
		{"Cloudflare", []string{
			"173.245.48.0/20", "103.21.244.0/22", "103.22.200.0/22", "103.31.4.0/22", "141.101.64.0/18",
			"108.162.192.0/18", "190.93.240.0/20", "188.114.96.0/20", "197.234.240.0/22", "198.41.128.0/17",
			"162.158.0.0/15", "104.16.0.0/13", "104.24.0.0/14", "172.64.0.0/13", "131.0.72.0/22",
			"2400:cb00::/32", "2606:4700::/32", "2803:f800::/32", "2405:b500::/32", "2405:8100::/32",
			"2a06:98c0::/29", "2c0f:f248::/32",
		}},
		{"Fastly", []string{
			"23.235.32.0/20", "43.249.72.0/22", "103.244.50.0/24", "103.245.222.0/23", "103.245.224.0/24",
			"104.156.80.0/20", "140.248.64.0/18", "140.248.128.0/17", "146.75.0.0/17", "151.101.0.0/16",
			"157.52.64.0/18", "167.82.0.0/17", "167.82.128.0/20", "167.82.160.0/20", "167.82.224.0/20",
			"172.111.64.0/18", "185.31.16.0/22", "199.27.72.0/21", "199.232.0.0/16",
			"2a04:4e40::/32", "2a04:4e42::/32",
		}},
	}
}
