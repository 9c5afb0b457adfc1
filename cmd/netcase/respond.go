package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"netcase"
	"netcase/casebook"
	"netcase/respond"
)

type respondCmd struct {
	Case   string   `arg:"" optional:"" help:"Folder of the case."`
	Target []string `help:"Which targets (default: all)." placeholder:"LIST"`
	List   bool     `help:"List the targets."`
	Out    string   `short:"o" help:"Write beside the case instead of into it." placeholder:"DIR"`
	Now    string   `help:"Time at which expiries are judged (default: now)." placeholder:"TIME"`
}

// Help says what happens to rules that have expired.
func (c *respondCmd) Help() string {
	return "Writes response/ and indicators/ anew, and the manifest with them. Rules that have\nexpired are left out and listed in response/expired.txt; exit 3 if none is left."
}

// Run writes the response files of a case anew; what has expired is refused.
func (c *respondCmd) Run(std streams) error {
	if c.List {
		for _, t := range respond.Targets() {
			fmt.Fprintf(std.out, "%-12s %s\n", t.Name, t.Doc)
		}
		return nil
	}
	if c.Case == "" {
		return usagef("netcase respond CASE, or netcase respond --list", "respond needs the folder of a case")
	}
	book, err := casebook.Load(c.Case)
	if err != nil {
		return caseError(err, "respond")
	}
	now, err := instant("--now", c.Now)
	if err != nil {
		return err
	}
	if !now.Known() {
		now = netcase.TimeOf(time.Now())
	}
	files, expired := respond.Respond(book.Case, respond.Options{Targets: c.Target, Now: now})
	if expired != nil && !errors.Is(expired, respond.ErrExpired) {
		return usagef("netcase respond --list shows the targets", "%v", expired)
	}
	if len(c.Target) == 0 {
		maps.DeleteFunc(book.Files, func(name string, _ []byte) bool {
			return strings.HasPrefix(name, "response/") || strings.HasPrefix(name, "indicators/")
		})
	}
	if err := c.clearFormer(book, files); err != nil {
		return err
	}
	if err := rewrite(std, c.Case, c.Out, book, files); err != nil {
		return err
	}
	if expired != nil {
		return &exitError{code: exitUnsound, err: expired, hint: "investigate again with newer telemetry, or name the time with --now"}
	}
	return nil
}

// clearFormer removes what the same targets wrote at an earlier time and do not write now:
// nobody may load a rule that has expired because it still lies there.
func (c *respondCmd) clearFormer(book casebook.Book, files map[string][]byte) error {
	former, err := respond.Respond(book.Case, respond.Options{Targets: c.Target, Now: book.Case.IssuedAt}) // when nothing had expired
	if err != nil && !errors.Is(err, respond.ErrExpired) {
		return err
	}
	former[respond.ExpiredFile] = nil
	for name := range former {
		if _, again := files[name]; again {
			continue
		}
		if c.Out == "" {
			delete(book.Files, name)
			continue
		}
		err := os.Remove(filepath.Join(c.Out, filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// caseError is what a folder that is no sound case gets.
func caseError(err error, verb string) error {
	return &exitError{code: exitUnsound, err: err, hint: "netcase " + verb + " takes the folder that netcase investigate wrote; netcase verify says what is wrong with it"}
}

// rewrite puts rendered files into the case, with its manifest, or beside it.
func rewrite(std streams, dir, beside string, book casebook.Book, files map[string][]byte) error {
	to := dir
	if beside != "" {
		to = beside
		if err := writeFiles(beside, files); err != nil {
			return err
		}
	} else {
		maps.Copy(book.Files, files)
		if err := casebook.Write(dir, book); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if _, err := fmt.Fprintln(std.out, filepath.Join(to, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, body := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			return err
		}
	}
	return nil
}
