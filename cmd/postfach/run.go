// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"

	"github.com/alecthomas/kong"
)

// cli is the grammar of the command line; help texts are its documentation.
type cli struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration file. Default: $POSTFACH_CONFIG, else postfach.yaml."`

	Serve    serveCmd    `cmd:"" help:"Run the server: doors, workers and metrics."`
	Demo     demoCmd     `cmd:"" help:"Run everything on loopback with two members and a mail catcher."`
	Check    checkCmd    `cmd:"" help:"Check configuration, catalog, storage, scanner and mail relay."`
	Member   memberCmd   `cmd:"" help:"Members and their mailboxes."`
	Account  accountCmd  `cmd:"" help:"Accounts, passwords and grants."`
	Entry    entryCmd    `cmd:"" help:"Entries of a mailbox and their history."`
	Delivery deliveryCmd `cmd:"" help:"What became visible to the other side, and who was told."`
	Notice   noticeCmd   `cmd:"" help:"Mails that are to be sent or were."`
	Audit    auditCmd    `cmd:"" help:"The audit log."`
	Storage  storageCmd  `cmd:"" help:"The stored bytes."`
	Import   importCmd   `cmd:"" help:"Take over the data folder of an ownCloud."`
	Export   exportCmd   `cmd:"" help:"Write mailboxes as plain folders with a list and digests."`
	Backup   backupCmd   `cmd:"" help:"Copies of the catalog, made beside a running server."`
	Restore  restoreCmd  `cmd:"" help:"Begin again from a backup of the catalog."`
	Catalog  catalogCmd  `cmd:"" help:"The database of the catalog."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
	Help     helpCmd     `cmd:"" help:"Print help on a command: postfach help member add."`
}

const description = `Postfach exchanges files between an authority and its members.

Every command but demo reads the configuration file and works beside a running server. The first one creates catalog and storage. Secrets come by standard input or file, never as arguments. Commands that change something are recorded in the audit log under the operating-system user, with --order TEXT for the order they carry out.

Exit codes: 0 done; 1 refused, or a check found something wrong; 2 wrong usage or configuration; 3 catalog, storage or another part is out of reach, try again. check --brief has those of monitoring systems: 0 ok, 1 warning, 2 critical, 3 unknown.`

// Exit codes, as description documents them.
const (
	exitDone        = 0
	exitRefused     = 1
	exitUsage       = 2
	exitUnavailable = 3
)

// env is what a command is given of the world around it.
type env struct {
	ctx    context.Context
	config string // path of the configuration file
	getenv func(string) string
	stdin  io.Reader
	out    *bufio.Writer // standard output; run flushes it
	stdout io.Writer     // the same unbuffered, for what shows progress
	stderr io.Writer
}

// run is the program.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	e := &env{ctx: ctx, getenv: getenv, stdin: stdin, out: bufio.NewWriter(stdout), stdout: stdout, stderr: stderr}
	err := e.run(args)
	if flushed := e.out.Flush(); err == nil {
		err = flushed // a full disk behind a redirection is no success
	}
	return e.report(err)
}

func (e *env) run(args []string) error {
	var c cli
	parser, err := kong.New(&c, kong.Name("postfach"), kong.Description(description), kong.NoDefaultHelp(),
		kong.Writers(e.out, e.stderr), kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	if topic, wanted := helpTopic(args); wanted {
		return help(parser, topic)
	}
	k, err := parser.Parse(args)
	if err != nil {
		return e.misused(err)
	}
	e.config = c.Config
	if e.config == "" {
		e.config = e.getenv("POSTFACH_CONFIG")
	}
	if e.config == "" {
		e.config = "postfach.yaml"
	}
	return k.Run(e)
}

// helpCmd only stands in the grammar; helpTopic answers it.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"The command, for example: member add."`
}

// Run is never reached.
func (helpCmd) Run() error { return nil }

// helpTopic says whether args ask for help, and on what command.
func helpTopic(args []string) ([]string, bool) {
	end := slices.Index(args, "--")
	if end < 0 {
		end = len(args)
	}
	asks := func(s string) bool { return s == "-h" || s == "--help" }
	switch {
	case len(args) == 0:
		return nil, true
	case args[0] == "help":
		return slices.DeleteFunc(slices.Clone(args[1:]), asks), true
	case slices.ContainsFunc(args[:end], asks):
		return slices.DeleteFunc(slices.Clone(args[:end]), asks), true
	}
	return nil, false
}

// help prints what the grammar says of a command.
func help(parser *kong.Kong, topic []string) error {
	k, err := kong.Trace(parser, topic)
	if err != nil {
		return err
	}
	if k.Error != nil {
		return &usageError{k.Error}
	}
	return k.PrintUsage(false)
}

// misused is a command line that the grammar does not have.
func (e *env) misused(err error) error {
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil && p.Context.Selected() != nil {
		return &usageError{errors.New(err.Error() + "\nSee: postfach help " + commandOf(p.Context))}
	}
	return &usageError{errors.New(err.Error() + "\nSee: postfach help")}
}

// commandOf is the command without its arguments.
func commandOf(k *kong.Context) string {
	n := k.Selected()
	name := n.Name
	for n = n.Parent; n != nil && n.Type == kong.CommandNode; n = n.Parent {
		name = n.Name + " " + name
	}
	return name
}
