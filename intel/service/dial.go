package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"syscall"
	"time"

	"netcase"
)

// ErrAddress is that a connection would go to an address that is not on the open
// Internet: our own network, this machine, or the metadata service of a cloud.
var ErrAddress = errors.New("the address is not on the open Internet")

// metadata are addresses inside public ranges at which clouds serve the secrets of
// the machine that asks. The other ones are link-local, private or reserved.
//
// Source: Microsoft, "What is IP address 168.63.129.16".
var metadata = []netip.Addr{netip.MustParseAddr("168.63.129.16")}

// translated are prefixes whose addresses stand for an IPv4 address, with the byte
// at which it begins.
//
// Source: RFC 6052 (NAT64), RFC 3056 (6to4).
var translated = []struct {
	prefix netip.Prefix
	at     int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
}

// unreachable are further prefixes that no service is served from: local NAT64,
// Teredo, and site-local addresses.
var unreachable = []netip.Prefix{
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("2001::/32"),
	netip.MustParsePrefix("fec0::/10"),
}

// open tells whether a connection may go to the address without being allowed by
// name.
func open(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !netcase.Public(a) || a.IsMulticast() || slices.Contains(metadata, a) || netcase.Within(unreachable, a) {
		return false
	}
	for _, t := range translated {
		if t.prefix.Contains(a) {
			b := a.As16()
			return open(netip.AddrFrom4([4]byte(b[t.at : t.at+4])))
		}
	}
	return true
}

// guard decides, for each connection, after the name was resolved and before the
// first packet, whether it may be made. A check of the name alone would be blind to
// a name that resolves to something else the second time.
type guard struct {
	allow   []netip.Prefix // named by the user: a MISP of their own, a test server
	mu      sync.Mutex
	proxies map[string]bool // host:port of the user's proxies
}

// dialer makes the connections of one transport. The user names their proxy
// themselves, so it may be private; what lies behind it, it resolves itself.
func (g *guard) dialer(timeout time.Duration) func(ctx context.Context, network, address string) (net.Conn, error) {
	checked := &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		return g.check(address)
	}}
	free := &net.Dialer{Timeout: timeout}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if g.isProxy(address) {
			return free.DialContext(ctx, network, address)
		}
		return checked.DialContext(ctx, network, address)
	}
}

func (g *guard) check(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrAddress, address)
	}
	return g.checkAddr(at.Addr())
}

func (g *guard) checkAddr(a netip.Addr) error {
	if open(a) || netcase.Within(g.allow, a.Unmap().WithZone("")) {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrAddress, a)
}

// checkURL refuses an address that is written out in the URL; a proxy would
// otherwise be asked for it.
func (g *guard) checkURL(u *url.URL) error {
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return g.checkAddr(a)
	}
	return nil
}

func (g *guard) isProxy(address string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.proxies[address]
}

// proxy remembers which proxies it sent requests to.
func (g *guard) proxy(choose func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	if choose == nil {
		return nil
	}
	return func(r *http.Request) (*url.URL, error) {
		u, err := choose(r)
		if err != nil || u == nil {
			return u, err
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.proxies[hostPort(u)] = true
		return u, nil
	}
}

// defaultPorts are the ports of the schemes of proxies and services.
var defaultPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = defaultPorts[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}
