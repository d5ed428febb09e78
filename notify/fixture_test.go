// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"net"
	"testing"
	"time"

	"postfach/mailcatcher"
)

// catch starts a mail catcher on loopback and gives its port.
func catch(t *testing.T, o mailcatcher.Options, wrap func(net.Listener) net.Listener) (*mailcatcher.Catcher, int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if wrap != nil {
		l = wrap(l)
	}
	c := mailcatcher.New(o)
	done := make(chan error, 1)
	go func() { done <- c.Serve(l) }()
	t.Cleanup(func() {
		c.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c, port
}

func letterhead() Letterhead {
	return Letterhead{
		URL: "https://austausch.example.org", From: "Kasse Musterland <postfach@kasse.example>",
		Authority: Authority{Name: "Kasse Musterland", Short: "KM", ServiceContact: "Telefon 0123 4567, service@kasse.example"},
	}
}

func composer(t *testing.T, h Letterhead) *Composer {
	t.Helper()
	c, err := NewComposer(h)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func letterTo(t *testing.T, address string) Mail {
	t.Helper()
	n := sample(TopicToMember, "de", false)
	n.Recipient.Address = address
	m, err := composer(t, letterhead()).Compose(n)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func openSession(t *testing.T, r Relay) (*Session, error) {
	t.Helper()
	s, err := NewSender(r)
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.Open(deadline(t))
	if err == nil {
		t.Cleanup(session.Close)
	}
	return session, err
}
