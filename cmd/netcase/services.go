package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/zalando/go-keyring"

	"netcase"
	"netcase/intel"
	"netcase/intel/database"
	"netcase/intel/service"
	"netcase/store"
)

// serviceFlags say which services may be asked, and how much.
type serviceFlags struct {
	Lookup     []string      `help:"Ask services about single addresses, within their quotas: abuseipdb, otx, opentip, socradar, greynoise, internetdb, virustotal, crowdsec; also one section alone, such as otx-geo. They learn which addresses you look at." placeholder:"SERVICE"`
	Budget     []string      `help:"Questions a day for a service, instead of those of a free account (repeatable)." placeholder:"SERVICE=N"`
	LookupTime time.Duration `name:"lookup-time" help:"How long the asking may take; what is then left is asked another day." default:"10m" placeholder:"TIME"`
}

// configuredService is what the user has of a service. The key itself never stands in
// settings.
type configuredService struct {
	URL     string   `yaml:"url"`
	User    string   `yaml:"user"`
	KeyFile string   `yaml:"key-file"`
	Budget  int      `yaml:"budget"`
	Allow   []string `yaml:"allow"` // networks of ours that the URL may lead to
}

// configuredServices are those of the settings files, by name.
type configuredServices map[string]configuredService

// read adds the services of one settings file. What an earlier file says stands.
func (c configuredServices) read(text []byte) error {
	var said struct {
		Services map[string]configuredService `yaml:"services"`
	}
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&said); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for name, s := range said.Services {
		if _, ok := service.ProviderOf(name); !ok {
			return fmt.Errorf("services: %q: there is no such service", name)
		}
		if _, ok := c[name]; !ok {
			c[name] = s
		}
	}
	return nil
}

// key is a key and where it was found.
type key struct {
	secret service.Secret
	from   string
	err    error // why a place that should have one has none
}

// keyring's name of ours, and how long it may take: one that is locked asks a person.
const (
	keyringName    = "netcase"
	keyringPatient = 3 * time.Second
)

// keyOf looks for the key of a service: in the environment, in a file that only its
// owner may read, in the keyring of the system.
func keyOf(p *service.Provider, c configuredService) key {
	variable := p.Variable()
	if v := os.Getenv(variable); v != "" {
		return key{secret: service.NewSecret(v), from: variable}
	}
	file := os.Getenv(variable + "_FILE")
	if file == "" {
		file = c.KeyFile
	}
	if file != "" {
		secret, err := keyFile(file)
		return key{secret, "file " + file, err}
	}
	return keyringKey(p.Name)
}

// maxKey is more than any key has.
const maxKey = 16 << 10

// keyFile is the key in a file. One that others may read is refused: it is not secret
// any more.
func keyFile(name string) (service.Secret, error) {
	f, err := os.Open(name)
	if err != nil {
		return service.Secret{}, err
	}
	defer func() { _ = f.Close() }() // read only
	info, err := f.Stat()
	if err != nil {
		return service.Secret{}, err
	}
	const others = 0o077
	if runtime.GOOS != "windows" && info.Mode().Perm()&others != 0 {
		return service.Secret{}, fmt.Errorf("%s: others may read or write it (mode %04o); chmod 600 it", name, info.Mode().Perm())
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKey))
	if err != nil {
		return service.Secret{}, err
	}
	s := service.NewSecret(string(b))
	if !s.Set() {
		return s, fmt.Errorf("%s: it is empty", name)
	}
	return s, nil
}

func keyringKey(name string) key {
	type found struct {
		value string
		err   error
	}
	done := make(chan found, 1)
	go func() {
		v, err := keyring.Get(keyringName, name)
		done <- found{v, err}
	}()
	select {
	case f := <-done:
		if f.err != nil || f.value == "" {
			return key{} // no key there, or no keyring on this machine
		}
		return key{secret: service.NewSecret(f.value), from: "the keyring"}
	case <-time.After(keyringPatient):
		return key{err: errors.New("the keyring did not answer; is it locked?")}
	}
}

// access is what the user has of a service.
func (c configuredServices) access(p *service.Provider) (service.Access, key) {
	k := keyOf(p, c[p.Name])
	a := c.address(p)
	a.Key = k.secret
	return a, k
}

// address is where a service is and who the user is there, without the key.
func (c configuredServices) address(p *service.Provider) service.Access {
	a := service.Access{Base: c[p.Name].URL, User: c[p.Name].User}
	prefix := strings.TrimSuffix(p.Variable(), "KEY")
	if v := os.Getenv(prefix + "URL"); v != "" {
		a.Base = v
	}
	if v := os.Getenv(prefix + "USER"); v != "" {
		a.User = v
	}
	return a
}

// reach lets feeds that a service hands out be asked where the user has that service. It
// gives the URLs that the user wrote out.
func (c configuredServices) reach(feeds []database.Feed) (urls []string) {
	for i := range feeds {
		if feeds[i].Pull == nil || feeds[i].Pull.Base != "" {
			continue
		}
		pull := *feeds[i].Pull
		p, _, _ := service.PullOf(pull.Name)
		at := c.address(&p)
		pull.Base, pull.User = at.Base, cmp.Or(pull.User, at.User)
		feeds[i].Pull, urls = &pull, append(urls, at.Base)
	}
	return urls
}

// serviceClient is the client for services: it may also connect to the networks that
// the user allows, and to addresses that they wrote out as a service's URL.
func serviceClient(services configuredServices, accesses []service.Access) (*service.Client, error) {
	cfg := service.Config{Now: time.Now, Sleep: sleep, Proxy: http.ProxyFromEnvironment}
	for name, s := range services {
		allowed, err := prefixes("netcase.yaml: services: "+name+": allow", s.Allow)
		if err != nil {
			return nil, err
		}
		cfg.Allow = append(cfg.Allow, allowed...)
	}
	for _, a := range accesses {
		u, err := url.Parse(a.Base)
		if err != nil {
			continue
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
			cfg.Allow = append(cfg.Allow, netip.PrefixFrom(ip, ip.BitLen()))
		}
	}
	return service.NewClient(cfg)
}

// asking is who is asked, and nil where nobody is. The last result lets go of what it
// holds.
func (f serviceFlags) asking(ctx context.Context, services configuredServices, db string) (*service.Asking, func(), error) {
	if len(f.Lookup) == 0 {
		return nil, func() {}, nil
	}
	a := &service.Asking{Now: now, Patience: f.LookupTime}
	chosen, err := f.providers(a)
	if err != nil {
		return nil, nil, err
	}
	if a.Budgets, err = f.budgets(services); err != nil {
		return nil, nil, err
	}
	accesses := make([]service.Access, len(chosen))
	for i := range chosen {
		k := key{}
		if accesses[i], k = services.access(&chosen[i]); k.err != nil {
			return nil, nil, usagef("netcase doctor tells where keys are looked for", "--lookup %s: %v", chosen[i].Name, k.err)
		}
	}
	client, err := serviceClient(services, accesses)
	if err != nil {
		return nil, nil, err
	}
	for i, p := range chosen {
		s, err := service.Open(p, client, accesses[i])
		if err != nil {
			client.Close()
			return nil, nil, usagef("put the key into "+p.Variable()+", or a file of mode 0600 named by "+p.Variable()+"_FILE", "--lookup: %v", err)
		}
		a.Services = append(a.Services, s)
	}
	closeStore, err := rememberIn(ctx, a, db)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return a, func() { client.Close(); closeStore() }, nil
}

// providers are those that --lookup names, each once; sections that it names beside
// them go to a.Also.
func (f serviceFlags) providers(a *service.Asking) ([]service.Provider, error) {
	var out []service.Provider
	for _, name := range f.Lookup {
		p, ok := service.ProviderOf(name)
		if !ok {
			for _, q := range service.Providers() {
				if slices.ContainsFunc(q.Lookups, func(l service.Lookup) bool { return l.Name == name }) {
					p, ok = q, true
					a.Also = append(a.Also, name)
				}
			}
		}
		if !ok || len(p.Lookups) == 0 {
			return nil, usagef("netcase doctor lists them", "--lookup %q is no service that answers about addresses", name)
		}
		if !slices.ContainsFunc(out, func(o service.Provider) bool { return o.Name == p.Name }) {
			out = append(out, p)
		}
	}
	return out, nil
}

func (f serviceFlags) budgets(services configuredServices) (map[string]int, error) {
	out := map[string]int{}
	for name, s := range services {
		if s.Budget > 0 {
			out[name] = s.Budget
		}
	}
	for _, b := range f.Budget {
		name, number, _ := strings.Cut(b, "=")
		n, err := strconv.Atoi(number)
		provider, _, _ := strings.Cut(name, "/")
		if _, ok := service.ProviderOf(provider); !ok || err != nil || n < 0 {
			return nil, usagef("write it as abuseipdb=500", "--budget %q names no service with a number", b)
		}
		out[name] = n
	}
	return out, nil
}

// rememberIn lets the asking remember answers and quotas: in the intelligence database
// where there is one that can be written, else in files beside where it would be.
func rememberIn(ctx context.Context, a *service.Asking, dir string) (func(), error) {
	if dir != "" && !database.ReadOnly(dir) {
		db, err := database.OpenExisting(ctx, dir, intel.DefaultConfig())
		if err != nil {
			return nil, fmt.Errorf("--intel-db: %w", err)
		}
		kept := db.Answers(ctx)
		a.Cache, a.Ledger = kept, kept
		return func() { _ = db.Close() }, nil // everything is committed
	}
	folder, err := answersFolder()
	if err != nil {
		return nil, err
	}
	a.Cache, a.Ledger = service.NewFolder(folder), service.NewFolder(folder)
	return func() {}, nil
}

// answersFolder is where answers and spent quotas are kept without a database.
func answersFolder() (string, error) {
	dir, err := database.DefaultDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "services"), nil
}

// tellUnasked says on stderr what was not asked and why.
func tellUnasked(w io.Writer, reports []netcase.LookupReport) {
	for _, l := range reports {
		for _, u := range l.Unasked {
			fmt.Fprintf(w, "netcase: %s: %d not asked: %s\n", l.Service, u.Count, plainLines(u.Why))
		}
	}
}

// askingProgress tells now and then how far the asking has come.
func askingProgress(p *progress) func(lookup string, done, of int) {
	var mu sync.Mutex
	last := time.Now()
	return func(lookup string, done, of int) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) >= lineEvery {
			last = time.Now()
			p.show(store.Progress{Stage: fmt.Sprintf("asking %s: %d of %d", lookup, done, of)})
		}
	}
}

func tellError(w io.Writer, err error) { fmt.Fprintf(w, "netcase: %s\n", plainLines(err.Error())) }

// planOf is the addresses of a look-up as a plan: public, each once.
func planOf(addresses []netip.Addr) []netip.Addr {
	var out []netip.Addr
	seen := map[netip.Addr]bool{}
	for _, a := range addresses {
		if a = a.Unmap().WithZone(""); netcase.Public(a) && !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	return out
}
