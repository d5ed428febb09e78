// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
)

// member is an employer of the demo.
type member struct{ number, name, release string }

func members() []member {
	return []member{
		{"0815", "Stadt Musterhausen", "single"},
		{"4711", "Gemeinde Beispielwalde", "four-eyes"},
	}
}

// account is somebody of the demo.
type account struct {
	login, person, email, role string
	members                    []string // none where the role knows no members
	flags                      []string
	what                       string // for the guide
}

// accounts are one of each role, and a clerk for each member.
func accounts() []account {
	all := []string{"all"}
	return []account{
		{"bert", "Bert Lindenau", "bert.lindenau@kasse.example", "caseworker", all, []string{"--responsible"}, "caseworker (Sachbearbeitung), all members"},
		{"carla", "Carla Höfer", "carla.hoefer@kasse.example", "reviewer", all, nil, "reviewer (Prüfung), all members"},
		{"anna", "Anna Köhler", "anna.koehler@musterhausen.example", "clerk", []string{"0815"}, nil, "clerk (Personalsachbearbeitung) of 0815"},
		{"emil", "Emil Jäger", "emil.jaeger@beispielwalde.example", "clerk", []string{"4711"}, nil, "clerk (Personalsachbearbeitung) of 4711"},
		{"dora", "Dora Schäfer", "dora.schaefer@rechenzentrum.example", "datacentre", []string{"0815", "4711"}, nil, "data centre (Rechenzentrum) for both: delivers, reads nothing"},
		{"adam", "Adam Möller", "adam.moeller@musterhausen.example", "administrator", []string{"0815"}, nil, "administrator of 0815: no files"},
		{"rita", "Rita Großmann", "rita.grossmann@kasse.example", "registrar", nil, nil, "registrar (Zugangsverwaltung): no files"},
		{"axel", "Axel Weiß", "axel.weiss@kasse.example", "auditor", nil, nil, "auditor (Revision): no files"},
		{"olga", "Olga Brandt", "olga.brandt@kasse.example", "operator", nil, nil, "operator (Systemverwaltung): no files"},
	}
}

// populate makes members and accounts that are not there yet, by the commands
// that an operator would use.
func (in *instance) populate(ctx context.Context, ms []member, as []account) error {
	for _, m := range ms {
		if _, err := in.command(ctx, "", "member", "add", m.number, m.name, "--release", m.release); err != nil {
			return err
		}
	}
	if err := in.readPasswords(); err != nil {
		return err
	}
	for _, a := range as {
		if _, err := in.command(ctx, "", "account", "show", a.login); err == nil && in.passwords[a.login] != "" {
			continue
		}
		if in.passwords[a.login] == "" {
			in.passwords[a.login] = newPassword()
			if err := in.writePasswords(as); err != nil {
				return err
			}
		}
		args := []string{"account", "add", a.login, "--person", a.person, "--email", a.email, "--role", a.role, "--password-stdin"}
		for _, m := range a.members {
			args = append(args, "--member", m)
		}
		if _, err := in.command(ctx, in.passwords[a.login]+"\n", append(args, a.flags...)...); err != nil {
			return err
		}
	}
	return nil
}

func (in *instance) command(ctx context.Context, stdin string, args ...string) (string, error) {
	out, err := in.o.Command(ctx, stdin, append(args, "--config", in.config)...)
	if err != nil {
		err = fmt.Errorf("postfach %s: %w", strings.Join(args, " "), err)
	}
	return out, err
}

func (in *instance) passwordFile() string { return filepath.Join(in.o.Dir, "passwords.txt") }

// readPasswords recalls those of an earlier start: one "login password" a line.
func (in *instance) readPasswords() error {
	in.passwords = make(map[string]string)
	f, err := os.Open(in.passwordFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if login, password, ok := strings.Cut(s.Text(), " "); ok {
			in.passwords[login] = password
		}
	}
	return nil
}

func (in *instance) writePasswords(as []account) error {
	var b strings.Builder
	for _, a := range as {
		if p := in.passwords[a.login]; p != "" {
			b.WriteString(a.login + " " + p + "\n")
		}
	}
	return os.WriteFile(in.passwordFile(), []byte(b.String()), 0o600)
}

// words are plain letters, so that passwords paste into every shell.
var words = strings.Fields(`Ahorn Amsel Birke Buche Dachs Distel Eiche Elster Erle Farn Fichte Forelle Ginster Hasel Hecht Igel
	Kiefer Kranich Lerche Linde Luchs Marder Meise Mohn Otter Pappel Reiher Salbei Specht Tanne Ulme Wiesel`)

// newPassword is made anew for each demo: no server has a password that stands
// in a manual (P35).
func newPassword() string {
	pick := func(n int) int {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
		if err != nil {
			panic(err) // crypto/rand never fails
		}
		return int(i.Int64())
	}
	return fmt.Sprintf("%s-%s-%s-%03d", words[pick(len(words))], words[pick(len(words))], words[pick(len(words))], pick(1000))
}
