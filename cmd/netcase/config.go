package main

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"netcase"
	"netcase/intel/database"
)

// settingsFiles are where settings are looked for when --config is not given.
func settingsFiles() []string {
	files := []string{"netcase.yaml"}
	if dir, err := os.UserConfigDir(); err == nil {
		files = append(files, filepath.Join(dir, "netcase", "netcase.yaml"))
	}
	if file := os.Getenv("NETCASE_CONFIG"); file != "" {
		files = []string{file}
	}
	return files
}

// feedsKey and servicesKey are the keys of a settings file that no flag has: the
// user's own feeds, and what they have of services.
const (
	feedsKey    = "feeds"
	servicesKey = "services"
)

// settings reads settings files: flag names, at the top or below a command's name,
// the feeds, which it adds to own, and the services. A key that no flag has is an
// error.
func settings(own *configuredFeeds, services configuredServices) kong.ConfigurationLoader {
	return func(r io.Reader) (kong.Resolver, error) {
		name := "netcase.yaml"
		if f, ok := r.(*os.File); ok {
			name = f.Name()
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		var values map[string]any
		if err := yaml.Unmarshal(text, &values); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if _, ok := values[feedsKey]; ok {
			delete(values, feedsKey)
			var said struct{ Feeds configuredFeeds }
			if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&said); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			*own = append(*own, said.Feeds...)
		}
		if _, ok := values[servicesKey]; ok {
			delete(values, servicesKey)
			if err := services.read(text); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		return resolver{values, name}, nil
	}
}

// configuredFeeds are the feeds of the settings files.
type configuredFeeds []database.Configured

// all are the public feeds and the user's own, and the URLs of the latter. One of the
// user's own takes the place of a public one of the same name.
func (own configuredFeeds) all() (feeds []database.Feed, urls []string, err error) {
	feeds = database.Feeds()
	for _, c := range own {
		f, err := c.Feed()
		if err != nil {
			return nil, nil, usagef("docs/intel.md tells what a feed in netcase.yaml holds", "netcase.yaml: %v", err)
		}
		feeds = slices.DeleteFunc(feeds, func(o database.Feed) bool { return o.Name == f.Name })
		feeds, urls = append(feeds, f), append(urls, f.URL)
	}
	return feeds, urls, nil
}

// resolver answers for flags from a settings file.
type resolver struct {
	values map[string]any
	name   string // of the file, for errors
}

// Validate refuses keys that no flag has.
func (r resolver) Validate(app *kong.Application) error {
	for _, key := range sortedKeys(r.values) {
		node := childOf(app.Node, key)
		if below, ok := r.values[key].(map[string]any); ok && node != nil {
			for _, k := range sortedKeys(below) {
				if !hasFlag(node, k) {
					return fmt.Errorf("%s: %s: no flag of %q has the name %q", r.name, key, key, k)
				}
			}
			continue
		}
		if !anyFlag(app.Node, key) {
			return fmt.Errorf("%s: no flag has the name %q", r.name, key)
		}
	}
	return nil
}

// Resolve finds the value of a flag: below its command first, then at the top.
func (r resolver) Resolve(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	if parent != nil && parent.Node() != nil {
		if below, ok := r.values[parent.Node().Name].(map[string]any); ok {
			if v, ok := below[flag.Name]; ok {
				return plain(v), nil
			}
		}
	}
	if v, ok := r.values[flag.Name]; ok {
		return plain(v), nil
	}
	return nil, nil
}

// plain is a YAML value as a flag would be written.
func plain(v any) any {
	switch v := v.(type) {
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = fmt.Sprint(x)
		}
		return strings.Join(parts, ",")
	case bool:
		return v
	}
	return fmt.Sprint(v)
}

func childOf(n *kong.Node, name string) *kong.Node {
	i := slices.IndexFunc(n.Children, func(c *kong.Node) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return n.Children[i]
}

func hasFlag(n *kong.Node, name string) bool {
	return slices.ContainsFunc(n.Flags, func(f *kong.Flag) bool { return f.Name == name })
}

func anyFlag(n *kong.Node, name string) bool {
	return hasFlag(n, name) || slices.ContainsFunc(n.Children, func(c *kong.Node) bool { return anyFlag(c, name) })
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// instantLayouts are the spellings of an instant on the command line. One
// without a zone is UTC.
var instantLayouts = []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

// instant reads an instant from the command line.
func instant(flag, s string) (netcase.Time, error) {
	if s == "" {
		return 0, nil
	}
	for _, layout := range instantLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return netcase.TimeOf(t), nil
		}
	}
	return 0, usagef("write it as 2025-10-20T14:00Z or 2025-10-20", "%s %q is not a time", flag, s)
}

// prefixes reads addresses and prefixes from the command line.
func prefixes(flag string, values []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, v := range values {
		p, err := prefix(v)
		if err != nil {
			return nil, usagef("write it as 203.0.113.7 or 203.0.113.0/24", "%s %q is neither an address nor a prefix", flag, v)
		}
		out = append(out, p)
	}
	return out, nil
}

func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}
