// SPDX-License-Identifier: Apache-2.0

package world

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/mailcatcher"
)

// Mail is one that reached the SMTP server.
type Mail struct {
	mailcatcher.Mail
	Raw string // the whole of it
}

func (w *World) startMail() {
	w.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.smtp = l.Addr().String()
	w.Mail = mailcatcher.New(mailcatcher.Options{Keep: 100_000})
	go w.Mail.Serve(l)
	w.t.Cleanup(func() { w.Mail.Close() })
}

// AllMails gives every mail that came, oldest first.
func (w *World) AllMails() (all []Mail) {
	for _, m := range w.Mail.Mails() {
		all = append(all, Mail{m, string(m.Raw)})
	}
	return all
}

// Mails gives those to one recipient.
func (w *World) Mails(to string) []Mail {
	return slices.DeleteFunc(w.AllMails(), func(m Mail) bool {
		return !slices.ContainsFunc(m.To, func(s string) bool { return strings.EqualFold(s, to) })
	})
}

// WaitMails waits until a recipient has n mails.
func (w *World) WaitMails(t testing.TB, to string, n int) []Mail {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if m := w.Mails(to); len(m) >= n {
			return m
		}
	}
	t.Fatalf("%d of %d mails to %s within 2 min; all: %v\n%s", len(w.Mails(to)), n, to, recipients(w.AllMails()), w.Log())
	return nil
}

func recipients(all []Mail) (to []string) {
	for _, m := range all {
		to = append(to, strings.Join(m.To, "+"))
	}
	return to
}
