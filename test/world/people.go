// SPDX-License-Identifier: Apache-2.0

package world

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"sync"
)

// Password of every account that names none.
const Password = "ein-langes-Kennwort-42"

// Member is an employer of the world.
type Member struct{ Number, Name string }

// Account is somebody of the world. The zero values of all but Login and Role
// are filled in.
type Account struct {
	Login    string
	Person   string // "" means the login with " Beispiel"
	Email    string // "" means <login>@example.org
	Role     string
	Member   string // "" means all
	Password string // "" means Password
	Flags    []string
}

// Musterhausen and Beispielstadt are the members that most tests use.
var (
	Musterhausen  = Member{"0815", "Stadt Musterhausen"}
	Beispielstadt = Member{"0816", "Gemeinde Beispielstadt"}
)

// Cast is one account per role that touches files, and a second clerk at
// another member: anna, bert, carla, dora, emil.
func Cast() ([]Member, []Account) {
	return []Member{Musterhausen, Beispielstadt}, []Account{
		{Login: "anna", Role: "clerk", Member: "0815"},
		{Login: "bert", Role: "caseworker", Flags: []string{"--responsible"}},
		{Login: "carla", Role: "reviewer"},
		{Login: "dora", Role: "datacentre", Member: "0815"},
		{Login: "emil", Role: "clerk", Member: "0816"},
	}
}

// Everybody is Options with Cast.
func Everybody() Options {
	m, a := Cast()
	return Options{Members: m, Accounts: a}
}

func (w *World) populate(members []Member, accounts []Account) {
	w.t.Helper()
	for _, m := range members {
		w.CLI("", "member", "add", m.Number, m.Name)
	}
	// Two at a time: hashing a password takes a core, and the catalog must bear it.
	slots := make(chan struct{}, 2)
	faults := make(chan error, len(accounts))
	var wg sync.WaitGroup
	for _, a := range accounts {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if out, err := w.Try(or(a.Password, Password)+"\n", a.command()...); err != nil {
				faults <- fmt.Errorf("account %s: %w\n%s", a.Login, err, out)
			}
		})
	}
	wg.Wait()
	close(faults)
	for err := range faults {
		w.t.Fatal(err)
	}
}

func (a Account) command() []string {
	args := []string{"account", "add", a.Login, "--person", or(a.Person, a.Login+" Beispiel"),
		"--email", or(a.Email, a.Login+"@example.org"), "--role", a.Role,
		"--member", or(a.Member, "all"), "--password-stdin"}
	return append(args, a.Flags...)
}

// AddMember and AddAccount work beside a running server.
func (w *World) AddMember(m Member) { w.t.Helper(); w.CLI("", "member", "add", m.Number, m.Name) }

// AddAccount makes one more account.
func (w *World) AddAccount(a Account) {
	w.t.Helper()
	w.CLI(or(a.Password, Password)+"\n", a.command()...)
}

// CLI runs a subcommand of postfach that must succeed, and returns what it
// wrote to standard output.
func (w *World) CLI(stdin string, args ...string) string {
	w.t.Helper()
	out, err := w.Try(stdin, args...)
	if err != nil {
		w.t.Fatalf("postfach %q: %v\n%s", args, err, out)
	}
	return out
}

// Try runs a subcommand; where it fails the output is standard error's.
func (w *World) Try(stdin string, args ...string) (string, error) {
	cmd := exec.Command(w.binary, append(args, "--config", w.Config)...)
	cmd.Stdin = bytes.NewReader([]byte(stdin))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(os.Environ(), w.env...)
	if err := cmd.Run(); err != nil {
		return out.String() + errs.String(), err
	}
	return out.String(), nil
}
