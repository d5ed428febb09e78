// SPDX-License-Identifier: Apache-2.0

// Command postfach is the server and the command line of its operators: main
// is a page, run is the program, and tests call it. Each family of subcommands
// has a file of its own. Rules live in package mailbox, not here.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}
