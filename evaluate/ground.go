package evaluate

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"netcase"
	"netcase/simulate"
)

// ground is real traffic that is benign, beside which a story is told: on the days
// and the machines of that traffic.
type ground struct {
	name  string
	doc   string
	files []string               // below the folder of data
	named []string               // the logs of the same capture that hold names
	keep  func(line []byte) bool // which lines are benign by their labels; nil: all
	own   netip.Prefix
	hosts []netip.Addr // ours, as the traffic names them

	paths []string // where it stands, once it was opened
	names []string // where the logs with names stand
	span  netcase.Span
	temp  string
}

// grounds lists the real traffic that is benign, or whose benign lines are labelled.
func grounds() []ground {
	addrs := func(list ...string) (out []netip.Addr) {
		for _, s := range list {
			out = append(out, netip.MustParseAddr(s))
		}
		return out
	}
	benign := func(mark string) func([]byte) bool {
		return func(line []byte) bool {
			return bytes.HasPrefix(line, []byte("#")) || bytes.Contains(line, []byte(mark))
		}
	}
	return []ground{
		{
			name: "stratosphere-008", doc: "the flows labelled benign of a Windows host, Zeek, a day and more",
			files: []string{"stratosphere-testing/008-zeek-mixed/data/conn.log.labeled.gz"}, keep: benign("\tBenign\t"),
			named: []string{"stratosphere-testing/008-zeek-mixed/data/ssl.log.labeled", "stratosphere-testing/008-zeek-mixed/data/http.log.labeled"},
			own:   netip.MustParsePrefix("147.32.81.0/24"), hosts: addrs("147.32.81.167"),
		},
		{
			name: "stratosphere-011", doc: "the flows labelled benign of another Windows host, Zeek",
			files: []string{"stratosphere-testing/011-zeek-mixed/data/conn.log.labeled.gz"}, keep: benign("\tBenign\t"),
			named: []string{
				"stratosphere-testing/011-zeek-mixed/data/ssl.log.labeled", "stratosphere-testing/011-zeek-mixed/data/http.log.labeled",
				"stratosphere-testing/011-zeek-mixed/data/dns.log.labeled",
			},
			own: netip.MustParsePrefix("147.32.83.0/24"), hosts: addrs("147.32.83.165"),
		},
		{
			name: "iot23-34-1", doc: "the flows labelled benign of an infected camera, Zeek",
			files: []string{"iot23-34-1/conn.log.labeled.gz"}, keep: benign("   Benign   "),
			own: netip.MustParsePrefix("192.168.1.0/24"), hosts: addrs("192.168.1.195"),
		},
		{
			name: "azure-nsg-v2", doc: "8,203 tuples of an Azure network security group in 44 seconds: a benign burst inside the network",
			files: []string{"azure-nsg-v2/PT1H.json"}, own: netip.MustParsePrefix("10.0.0.0/24"), hosts: addrs("10.0.0.4"),
		},
		{
			name: "azure-vnet-v4", doc: "76 tuples of an Azure virtual network, most of them denied probes",
			files: []string{"azure-vnet-v4/PT1H.json"}, own: netip.MustParsePrefix("10.0.5.0/24"), hosts: addrs("10.0.5.4"),
		},
		{
			name: "msticpy-flows", doc: "460 rows of Azure Traffic Analytics",
			files: []string{"msticpy/az_net_flows.csv"}, own: netip.MustParsePrefix("10.0.3.0/24"), hosts: addrs("10.0.3.5"),
		},
		{
			name: "crowdsec-sshd-fp", doc: "sessions of sshd that look like failures and are none",
			files: []string{"crowdsec-hub-tests/sshd-logs-fp"}, own: netip.MustParsePrefix("10.9.8.0/24"),
		},
	}
}

// realGrounds opens the traffic that is there; what is absent is named.
func realGrounds(cfg Config) (out []ground, absent []string) {
	for _, g := range grounds() {
		if err := g.open(cfg); err != nil {
			g.close()
			absent = append(absent, "real benign traffic "+g.name+": "+err.Error())
			continue
		}
		out = append(out, g)
	}
	return out, absent
}

func closeGrounds(list []ground) {
	for i := range list {
		list[i].close()
	}
}

func (g *ground) close() {
	if g.temp != "" {
		_ = os.RemoveAll(g.temp) // temporary files only
	}
}

// open keeps the benign lines in a temporary folder and finds when they were.
func (g *ground) open(cfg Config) error {
	if cfg.Data == "" {
		return fmt.Errorf("no folder of data was given")
	}
	var err error
	if g.paths, err = g.benign(cfg, g.files); err != nil {
		return err
	}
	if g.names, err = g.benign(cfg, g.named); err != nil {
		return err
	}
	e, err := readEvents(context.Background(), g.paths...)
	if err != nil {
		return err
	}
	g.span = e.span()
	if !g.span.Start.Known() {
		return fmt.Errorf("it has no events")
	}
	return nil
}

// benign is where the benign lines of some files stand.
func (g *ground) benign(cfg Config, files []string) (out []string, err error) {
	for _, f := range files {
		path := filepath.Join(cfg.Data, filepath.FromSlash(f))
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%s is not there", f)
		}
		if g.keep != nil {
			if path, err = g.filtered(cfg, path); err != nil {
				return nil, err
			}
		}
		out = append(out, path)
	}
	return out, nil
}

// filtered is a temporary file with the lines that are benign.
func (g *ground) filtered(cfg Config, path string) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }() // read only
	var r io.Reader = in
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(in); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
	}
	if g.temp == "" {
		if g.temp, err = os.MkdirTemp(cfg.Temp, "netcase-ground-"); err != nil {
			return "", err
		}
	}
	name := filepath.Join(g.temp, strings.TrimSuffix(strings.TrimSuffix(filepath.Base(path), ".gz"), ".labeled"))
	out, err := os.Create(name)
	if err != nil {
		return "", err
	}
	w := bufio.NewWriter(out)
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if g.keep(lines.Bytes()) {
			_, _ = w.Write(append(lines.Bytes(), '\n')) // the writer keeps its first error for Flush
		}
	}
	if err := lines.Err(); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	return name, out.Close()
}

// under is the ground of a story of some days: its last day is the day on which most
// of the real traffic begins.
func (g *ground) under(days int) simulate.Ground {
	last := g.span.Start.Truncate(netcase.Day)
	if g.span.Start-last > 12*netcase.Hour && g.span.End > last+netcase.Day+6*netcase.Hour {
		last += netcase.Day // most of it lies on the next day
	}
	return simulate.Ground{Start: last - netcase.Time(days-1)*netcase.Day, Own: g.own, Hosts: g.hosts, Silent: true}
}
