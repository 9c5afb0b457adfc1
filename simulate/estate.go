package simulate

import (
	"fmt"
	"net/netip"
	"slices"

	"netcase"
)

// role is what a machine is for.
type role uint8

const (
	roleWeb role = iota
	roleJump
	roleMonitor
	roleBackup
	roleApp
	roleWinApp // the Windows server with a public address
	roleSQL
	roleFile
	rolePay
	roleDC
	roleDesktop
)

const (
	windowsClient = "Windows 10 Enterprise"
	windowsServer = "Windows Server 2019 Datacenter"
	linux         = "Ubuntu 22.04 LTS"
)

// host is one machine of the estate.
type host struct {
	name        string
	group       string // resource group
	subnet      string
	addr        netip.Addr
	mac         string // twelve hexadecimal digits
	role        role
	os          string
	criticality int
	tags        []string
	public      bool
	sensor      bool   // the endpoint sensor runs on it
	device      string // its id there
	booted      netcase.Time
	listens     []uint16 // what answers on it
	subnetNSG   int
	nicNSG      int // index of the rule set at the interface; noNSG: none
}

const noNSG = -1

// vm is how Traffic Analytics names the machine.
func (h *host) vm() string { return h.group + "/" + h.name }

// scope is where a rule lets traffic come from or go to.
type scope uint8

const (
	anywhere scope = iota
	fromNetwork
	fromBalancer
	fromSources // of the rule's own list
)

// rule is one line of a rule set.
type rule struct {
	name    string
	builtIn bool
	allow   bool
	ports   []uint16 // empty: all
	scope   scope
	sources []netip.Addr
}

// nsg is a network security group: the first rule that matches decides.
type nsg struct {
	name, group       string
	inbound, outbound []rule
}

var (
	defaultInbound = []rule{
		{name: "AllowVnetInBound", builtIn: true, allow: true, scope: fromNetwork},
		{name: "AllowAzureLoadBalancerInBound", builtIn: true, allow: true, scope: fromBalancer},
		{name: "DenyAllInBound", builtIn: true},
	}
	defaultOutbound = []rule{
		{name: "AllowVnetOutBound", builtIn: true, allow: true, scope: fromNetwork},
		{name: "AllowInternetOutBound", builtIn: true, allow: true},
	}
)

// decide is the index of the rule that matches a peer and a port.
func decide(rules []rule, peer netip.Addr, ours bool, port uint16) int {
	return slices.IndexFunc(rules, func(r rule) bool {
		if len(r.ports) > 0 && !slices.Contains(r.ports, port) {
			return false
		}
		switch r.scope {
		case fromNetwork:
			return ours
		case fromBalancer:
			return peer == platform
		case fromSources:
			return slices.Contains(r.sources, peer)
		}
		return true
	})
}

// platform is the address from which Azure probes the health of machines.
var platform = netip.AddrFrom4([4]byte{168, 63, 129, 16})

// block is a subnet with its machines.
type block struct {
	name  string
	third byte // octet of its /24
	rules []rule
	hosts []kind
}

// kind is a number of like machines.
type kind struct {
	stem        string
	count       int
	role        role
	os          string
	criticality int
	listens     []uint16
	tags        []string
}

// subnets is the plan of the estate; its rules depend on who may administer what.
func (w *world) subnets() []block {
	office := []netip.Addr{w.office}
	return []block{
		{"web", 1, []rule{
			{name: "AllowHttpInBound", allow: true, ports: []uint16{80}},
			{name: "AllowHttpsInBound", allow: true, ports: []uint16{443}},
			{name: "AllowAltHttpInBound", allow: true, ports: []uint16{8080}}, // left over: nothing listens there
		}, []kind{{"web", 3, roleWeb, linux, 3, []uint16{22, 80, 443, monitorPort}, []string{"internet-facing"}}}},
		{"mgmt", 2, []rule{
			{name: "AllowSshOffice", allow: true, ports: []uint16{22}, scope: fromSources, sources: office},
		}, []kind{
			{"jump", 1, roleJump, linux, 3, []uint16{22, monitorPort}, []string{"internet-facing"}},
			{"mon", 1, roleMonitor, linux, 2, []uint16{22, 443}, nil},
			{"bkp", 1, roleBackup, linux, 3, []uint16{22, monitorPort}, nil},
		}},
		{"app", 3, w.appRules(), []kind{
			{"winapp", 1, roleWinApp, windowsServer, 3, []uint16{22, 443, 3389, monitorPort}, []string{"internet-facing"}},
			{"app", 5, roleApp, linux, 3, []uint16{22, 443, monitorPort}, nil},
		}},
		{"data", 4, nil, []kind{
			{"sql", 2, roleSQL, windowsServer, 4, []uint16{445, 1433, monitorPort}, nil},
			{"file", 1, roleFile, windowsServer, 3, []uint16{445, monitorPort}, nil},
			{"pay", 1, rolePay, linux, 4, []uint16{443, monitorPort}, []string{"cde"}},
		}},
		{"identity", 5, nil, []kind{{"dc", 2, roleDC, windowsServer, 4, []uint16{53, 88, monitorPort}, nil}}},
		{"desktop", 8, w.desktopRules(), []kind{{"vdi", 22, roleDesktop, windowsClient, 2, []uint16{3389}, nil}}},
	}
}

// appRules leave the server closed, unless it is the one that answers.
func (w *world) appRules() []rule {
	if w.exposed && w.openPort == sshPort {
		return []rule{{name: "Allow-SSH-Any", allow: true, ports: []uint16{sshPort}}}
	}
	return nil
}

// desktopRules let the worker at home in, or everybody.
func (w *world) desktopRules() []rule {
	if w.exposed && w.openPort == rdpPort {
		return []rule{{name: "Allow-RDP-Any", allow: true, ports: []uint16{rdpPort}}}
	}
	return []rule{{name: "Allow-RDP-Partner", allow: true, ports: []uint16{rdpPort}, scope: fromSources, sources: []netip.Addr{w.worker}}}
}

// build sets up the machines and rule sets of the plan.
func (w *world) build() {
	d := newDraw(w.seed, partEstate)
	w.tenant, w.subscription = d.guid(), d.guid()
	w.byAddr = map[netip.Addr]int{}
	for _, b := range w.subnets() {
		set := w.addNSG("nsg-"+w.prefix+b.name, "rg-"+w.prefix+b.name, b.rules)
		last := byte(3) // the first four addresses of a subnet are the platform's
		for _, k := range b.hosts {
			for n := range k.count {
				last++
				w.addHost(d, b, k, n+1, netip.AddrFrom4([4]byte{10, w.octet, b.third, last}), set)
			}
		}
	}
	w.guardInterfaces()
	w.publish()
}

func (w *world) addNSG(name, group string, inbound []rule) int {
	w.nsgs = append(w.nsgs, nsg{
		name: name, group: group,
		inbound:  slices.Concat(inbound, defaultInbound),
		outbound: defaultOutbound,
	})
	return len(w.nsgs) - 1
}

func (w *world) addHost(d draw, b block, k kind, n int, addr netip.Addr, set int) {
	h := host{
		name: fmt.Sprintf("%s%s-%02d", w.prefix, k.stem, n), group: "rg-" + w.prefix + b.name, subnet: "snet-" + b.name,
		addr: addr, mac: fmt.Sprintf("002248%06X", d.IntN(1<<24)), role: k.role, os: k.os,
		criticality: k.criticality, tags: k.tags, listens: k.listens,
		device: fmt.Sprintf("%016x%016x%08x", d.Uint64(), d.Uint64(), d.Uint32()),
		booted: w.start - netcase.Time(d.between(26, 400))*netcase.Hour/2, subnetNSG: set, nicNSG: noNSG,
	}
	w.byAddr[addr] = len(w.hosts)
	w.hosts = append(w.hosts, h)
}

// guardInterfaces gives two web hosts and the file server a second rule set, so
// that a part of the traffic is reported twice.
func (w *world) guardInterfaces() {
	web := []rule{{name: "AllowWeb", allow: true, ports: []uint16{80, 443}}}
	for _, i := range append(w.with(roleWeb)[:2], w.with(roleFile)...) {
		var rules []rule
		if w.hosts[i].role == roleWeb {
			rules = web
		}
		w.hosts[i].nicNSG = w.addNSG("nsg-nic-"+w.hosts[i].name, w.hosts[i].group, rules)
	}
}

// publish gives six machines a public address and some the endpoint sensor.
func (w *world) publish() {
	for i := range w.hosts {
		h := &w.hosts[i]
		switch h.role {
		case roleWeb, roleJump:
			h.public = true
		case roleWinApp:
			h.public, h.sensor = true, true
		case roleFile, roleDC:
			h.sensor = true
		}
	}
	desktops := w.with(roleDesktop)
	client := desktops[w.clientNumber]
	w.hosts[client].public = true
	for k := range sensorDesktops {
		w.hosts[desktops[(w.clientNumber+k)%len(desktops)]].sensor = true
	}
	w.targets = []int{w.with(roleJump)[0], w.with(roleWinApp)[0], client}
	w.openHost = client
	if w.openPort == sshPort {
		w.openHost = w.with(roleWinApp)[0]
	}
}

// sensorDesktops is how many desktops report to the endpoint sensor.
const sensorDesktops = 5

// with lists the machines of a role.
func (w *world) with(roles ...role) (out []int) {
	for i := range w.hosts {
		if slices.Contains(roles, w.hosts[i].role) {
			out = append(out, i)
		}
	}
	return out
}

// publicHosts lists the machines with a public address.
func (w *world) publicHosts() (out []int) {
	for i := range w.hosts {
		if w.hosts[i].public {
			out = append(out, i)
		}
	}
	return out
}

const (
	sshPort     = 22
	rdpPort     = 3389
	monitorPort = 5666 // NRPE
)
