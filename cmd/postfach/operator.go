// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/user"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"postfach/auth"
	"postfach/mailbox"
)

// ordered is part of every command that changes something.
type ordered struct {
	Order string `placeholder:"TEXT" help:"The order that this carries out, for the audit log."`
}

// by says who gives the order, for the audit log (DESIGN.md section 8).
func (o ordered) by(e *env) (mailbox.By, error) {
	if strings.ContainsAny(o.Order, "\r\n\x00") || len(o.Order) > 500 {
		return mailbox.By{}, misuse("--order: one line of at most 500 bytes")
	}
	return mailbox.By{System: systemUser(e.getenv), Order: o.Order}, nil
}

// open is env.open for who gives the order.
func (o ordered) open(e *env) (*app, mailbox.By, error) {
	by, err := o.by(e)
	if err != nil {
		return nil, by, err
	}
	a, err := e.open()
	return a, by, err
}

func (o ordered) authBy(e *env) (auth.By, error) {
	by, err := o.by(e)
	return auth.By{System: by.System, Order: by.Order, Via: mailbox.Via{Door: "cli"}}, err
}

// systemUser is the operating-system user by its number: the environment is
// not asked, but for whom sudo names beside root.
func systemUser(getenv func(string) string) string {
	id := strconv.Itoa(os.Getuid())
	name := "uid " + id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	if behind := getenv("SUDO_USER"); behind != "" && id == "0" && len(behind) <= 64 {
		name += " (sudo " + plain(behind) + ")"
	}
	return name
}

// secret is how a command takes a password.
type secret struct {
	PasswordStdin bool   `help:"Read the password from the first line of standard input." xor:"password"`
	PasswordFile  string `placeholder:"FILE" help:"Read the password from the first line of a file." xor:"password"`
}

func (s secret) given() bool { return s.PasswordStdin || s.PasswordFile != "" }

// read gives the password, "" when none is given.
func (s secret) read(e *env) (string, error) {
	switch {
	case s.PasswordStdin:
		return firstLine(e.quietStdin())
	case s.PasswordFile != "":
		f, err := os.Open(s.PasswordFile)
		if err != nil {
			return "", err
		}
		defer f.Close()
		return firstLine(f, func() {})
	}
	return "", nil
}

// firstLine reads a password: one line, without its end.
func firstLine(r io.Reader, done func()) (string, error) {
	defer done()
	line, err := bufio.NewReader(io.LimitReader(r, 4<<10)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if len(line) == 0 {
		return "", misuse("no password came")
	}
	return string(line), nil
}

// quietStdin asks for the password and switches the echo off where standard
// input is a terminal; done switches it on again.
func (e *env) quietStdin() (r io.Reader, done func()) {
	f, ok := e.stdin.(*os.File)
	if !ok {
		return e.stdin, func() {}
	}
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil { // no terminal
		return f, func() {}
	}
	silent := *before
	silent.Lflag &^= unix.ECHO
	if unix.IoctlSetTermios(fd, unix.TCSETS, &silent) != nil {
		return f, func() {}
	}
	io.WriteString(e.stderr, "Password: ")
	return f, func() {
		unix.IoctlSetTermios(fd, unix.TCSETS, before)
		io.WriteString(e.stderr, "\n")
	}
}

// input opens a file to import; "-" is standard input.
func (e *env) input(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(e.stdin), nil
	}
	return os.Open(name)
}
