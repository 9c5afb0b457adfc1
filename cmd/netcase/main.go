// Command netcase carries an analyst from a spike on a network chart to a case:
// it reads telemetry exports and threat intelligence, and writes the incident
// report with the evidence under every sentence.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"

	"github.com/alecthomas/kong"
)

// Exit codes, as docs/cli.md promises.
const (
	exitOK        = 0 // it looked properly
	exitReached   = 1 // --fail-on reached, or a mismatch in verify
	exitUsage     = 2 // the call's words are off
	exitUnsound   = 3 // it could not look properly
	exitInterrupt = 130
)

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// commands is the whole command line.
type commands struct {
	Config kong.ConfigFlag `help:"Settings file; flags and NETCASE_* variables go before it." placeholder:"FILE"`

	Investigate investigateCmd `cmd:"" help:"Read telemetry and intelligence, write a case. The main job."`
	Demo        demoCmd        `cmd:"" help:"The whole river on a simulated incident, in seconds."`
	Lookup      lookupCmd      `cmd:"" help:"The intel card of an address."`
	Intel       intelCmd       `cmd:"" help:"Feeds, and the local database of what they said."`
	Queries     queriesCmd     `cmd:"" help:"The exact KQL that exports each table in slices below its cap."`
	Site        siteCmd        `cmd:"" help:"What the tool should know of the own network."`
	Respond     respondCmd     `cmd:"" help:"(Re)write the response files of a case."`
	Report      reportCmd      `cmd:"" help:"(Re)write the report of a case."`
	Verify      verifyCmd      `cmd:"" help:"Recompute every hash of a case."`
	Simulate    simulateCmd    `cmd:"" help:"Write labelled telemetry of a simulated incident."`
	Evaluate    evaluateCmd    `cmd:"" help:"Precision, recall and calibration on labelled data."`
	Doctor      doctorCmd      `cmd:"" help:"What this machine has: folders, clock, and which services have a key."`
	Thresholds  thresholdsCmd  `cmd:"" help:"The thresholds of the detectors, with their defaults."`
	Version     versionCmd     `cmd:"" help:"Print the version."`
	Completion  completionCmd  `cmd:"" help:"Print the completion script of a shell."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run is the command line without the process around it.
func run(ctx context.Context, args []string, std streams) int {
	var c commands
	var own configuredFeeds
	services := configuredServices{}
	parser, err := newParser(&c, std, &own, services)
	if err != nil { // a settings file that cannot be read
		return complain(std.err, &exitError{code: exitUsage, err: err, hint: "docs/cli.md tells what a settings file may hold"})
	}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "help":
		args = append(slices.Clone(args[1:]), "--help")
	}
	helped := false
	parser.Exit = func(int) { helped = true }
	call, err := parser.Parse(args)
	if helped {
		return exitOK
	}
	if err != nil {
		return complain(std.err, usage(err, call))
	}
	call.BindTo(ctx, (*context.Context)(nil))
	call.Bind(std)
	call.Bind(parser)
	call.Bind(own)
	call.Bind(services)
	return complain(std.err, call.Run())
}

func newParser(c *commands, std streams, own *configuredFeeds, services configuredServices) (*kong.Kong, error) {
	return kong.New(c,
		kong.Name("netcase"),
		kong.Description("From a spike on a network chart to a closed case.\n\nFirst time here: netcase demo"),
		kong.Writers(std.out, std.err),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.DefaultEnvars("NETCASE"),
		kong.Configuration(settings(own, services), settingsFiles()...),
		kong.Vars{"version": versionText()},
	)
}

// complain prints an error with its hint and returns the exit code it asks for.
func complain(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	var e *exitError
	if !errors.As(err, &e) {
		e = &exitError{code: exitUnsound, err: err}
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(w, "netcase: interrupted; nothing was left half-written")
		return exitInterrupt
	}
	if e.err != nil {
		fmt.Fprintf(w, "netcase: %s\n", plainLines(e.err.Error()))
	}
	if e.hint != "" {
		fmt.Fprintf(w, "  %s\n", plainLines(e.hint))
	}
	return e.code
}

// exitError is an error for people: what happened, what to do next, and the exit
// code. An error without a text only sets the code.
type exitError struct {
	code int
	err  error
	hint string
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// usage is an error in the call's words.
func usage(err error, _ *kong.Context) error {
	return &exitError{code: exitUsage, err: err, hint: "netcase --help lists the commands, netcase COMMAND --help its flags"}
}

func usagef(hint, format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...), hint: hint}
}
