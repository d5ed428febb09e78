// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postfach/mailcatcher"
	"postfach/test/certify"
)

// Issue 2 item 11: TLS policy and sign-in, against a server on a socket.
func TestSignInOverTLS(t *testing.T) {
	authority := certify.New(t)
	roots, cert := authority.Roots(), authority.Server(t, "localhost").TLS(t)
	implicit := func(l net.Listener) net.Listener { return tls.NewListener(l, cert) }
	for _, tc := range []struct {
		name  string
		o     mailcatcher.Options
		wrap  func(net.Listener) net.Listener
		relay Relay
		want  string // in the error; "" for success
	}{
		{"STARTTLS and PLAIN", mailcatcher.Options{TLS: cert, User: "u", Password: "p w"}, nil, Relay{Host: "localhost", Roots: roots, User: "u", Password: "p w"}, ""},
		{"STARTTLS and LOGIN", mailcatcher.Options{TLS: cert, User: "u", Password: "ö", Login: true}, nil, Relay{Host: "localhost", Roots: roots, User: "u", Password: "ö"}, ""},
		{"implicit", mailcatcher.Options{User: "u", Password: "p", Insecure: true}, implicit, Relay{Host: "localhost", TLS: TLSImplicit, Roots: roots, User: "u", Password: "p"}, ""},
		{"none on loopback", mailcatcher.Options{}, nil, Relay{Host: "localhost", TLS: TLSNone}, ""},
		{"required is not offered", mailcatcher.Options{}, nil, Relay{Host: "localhost"}, "STARTTLS"},
		{"unknown authority", mailcatcher.Options{TLS: cert}, nil, Relay{Host: "localhost"}, "certificate"},
		{"certificate names another host", mailcatcher.Options{TLS: cert}, nil, Relay{Host: "127.0.0.1", Roots: roots}, "certificate"},
		{"implicit against plain", mailcatcher.Options{}, nil, Relay{Host: "localhost", TLS: TLSImplicit, Roots: roots}, "TLS"},
		{"wrong password", mailcatcher.Options{TLS: cert, User: "u", Password: "p"}, nil, Relay{Host: "localhost", Roots: roots, User: "u", Password: "q"}, "535"},
		{"sign-in is not offered", mailcatcher.Options{TLS: cert}, nil, Relay{Host: "localhost", Roots: roots, User: "u", Password: "p"}, "PLAIN"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, port := catch(t, tc.o, tc.wrap)
			tc.relay.Port, tc.relay.Connect = port, time.Minute
			s, err := openSession(t, tc.relay)
			if tc.want != "" {
				failed, ok := errors.AsType[*SendError](err)
				if !ok || !failed.Relay || failed.Permanent || !strings.Contains(failed.Reply(), tc.want) {
					t.Fatalf("error %v, want one of the relay naming %q", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 3 { // one connection for several mails, each with its own bound
				s.conn.left = 0
				if reply, err := s.Send(deadline(t), letterTo(t, "anna@example.org")); err != nil || !strings.HasPrefix(reply, "250 ") {
					t.Fatalf("reply %q, error %v", reply, err)
				}
			}
			got := c.Mails()
			encrypted := tc.relay.TLS != TLSNone
			if len(got) != 3 || got[0].From != "postfach@kasse.example" || got[0].To[0] != "anna@example.org" {
				t.Fatalf("caught %+v", got)
			}
			if encrypted && tc.relay.TLS != TLSImplicit && !got[0].TLS {
				t.Fatal("the mail came without encryption")
			}
		})
	}
}

func TestRelaySettingsRefused(t *testing.T) {
	for _, r := range []Relay{
		{}, {Host: "h"}, {Host: "h", Port: 70000}, {Host: "mail.example", Port: 25, TLS: TLSNone},
		{Host: "h", Port: 25, TLS: "maybe"}, {Host: "h", Port: 25, User: "a\r\nb"}, {Host: "h", Port: 25, Hello: "a\nb"},
	} {
		if _, err := NewSender(r); err == nil {
			t.Errorf("%+v was accepted", r)
		}
	}
}

// Permanent and temporary refusals, and that the connection serves the next
// mail after one.
func TestRefusalsAreClassed(t *testing.T) {
	for _, tc := range []struct {
		name             string
		at               mailcatcher.Stage
		a                mailcatcher.Answer
		relay, permanent bool
	}{
		{"greylisted", mailcatcher.StageRcpt, mailcatcher.Answer{Code: 450, Text: "later"}, false, false},
		{"no such mailbox", mailcatcher.StageRcpt, mailcatcher.Answer{Code: 550, Text: "unknown"}, false, true},
		{"mailbox full, later", mailcatcher.StageData, mailcatcher.Answer{Code: 452, Text: "full"}, false, false},
		{"content refused", mailcatcher.StageData, mailcatcher.Answer{Code: 554, Text: "no"}, false, true},
		{"sender refused", mailcatcher.StageMail, mailcatcher.Answer{Code: 550, Text: "not you"}, true, false},
		{"too large", mailcatcher.StageMail, mailcatcher.Answer{Code: 552, Text: "size"}, false, true},
		{"going down", mailcatcher.StageRcpt, mailcatcher.Answer{Code: 421, Text: "bye"}, true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var bad atomic.Bool
			bad.Store(true)
			c, port := catch(t, mailcatcher.Options{Behave: func(e mailcatcher.Event) mailcatcher.Answer {
				if e.Stage == tc.at && bad.Load() {
					return tc.a
				}
				return mailcatcher.Answer{}
			}}, nil)
			s, err := openSession(t, Relay{Host: "localhost", Port: port, TLS: TLSNone})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Send(deadline(t), letterTo(t, "anna@example.org"))
			failed, ok := errors.AsType[*SendError](err)
			if !ok || failed.Relay != tc.relay || failed.Permanent != tc.permanent || !strings.Contains(failed.Reply(), tc.a.Text) {
				t.Fatalf("got %+v (%v)", failed, err)
			}
			if tc.a.Code == 421 {
				if s.Usable() {
					t.Fatal("a connection that the relay ends is used again")
				}
				return
			}
			bad.Store(false)
			if _, err := s.Send(deadline(t), letterTo(t, "anna@example.org")); err != nil || len(c.Mails()) != 1 {
				t.Fatalf("next mail: %v, caught %d", err, len(c.Mails()))
			}
		})
	}
}

// A relay that says nothing is left when the context ends, at every stage.
func TestStallEndsWithContext(t *testing.T) {
	for _, at := range []mailcatcher.Stage{mailcatcher.StageConnect, mailcatcher.StageMail, mailcatcher.StageRcpt, mailcatcher.StageData} {
		t.Run(string(at), func(t *testing.T) {
			stalled := make(chan struct{})
			c, port := catch(t, mailcatcher.Options{Behave: func(e mailcatcher.Event) mailcatcher.Answer {
				if e.Stage != at {
					return mailcatcher.Answer{}
				}
				close(stalled)
				return mailcatcher.Answer{Stall: true}
			}}, nil)
			sender, err := NewSender(Relay{Host: "localhost", Port: port, TLS: TLSNone, Connect: time.Hour, Command: time.Hour, Submit: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-stalled; cancel() }()
			s, err := sender.Open(ctx)
			if err == nil {
				defer s.Close()
				_, err = s.Send(ctx, letterTo(t, "anna@example.org"))
				if s.Usable() {
					t.Error("the connection is used again")
				}
			}
			if failed, ok := errors.AsType[*SendError](err); !ok || !failed.Relay || !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v", err)
			}
			if len(c.Mails()) != 0 {
				t.Fatal("half a mail was accepted")
			}
		})
	}
}

// Without SMTPUTF8 such an address cannot be reached; with it, it is.
func TestOtherScripts(t *testing.T) {
	for _, offered := range []bool{true, false} {
		c, port := catch(t, mailcatcher.Options{UTF8: offered}, nil)
		s, err := openSession(t, Relay{Host: "localhost", Port: port, TLS: TLSNone})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Send(deadline(t), letterTo(t, "jörg@bücher.example"))
		failed, refused := errors.AsType[*SendError](err)
		switch {
		case offered && (err != nil || c.Mails()[0].To[0] != "jörg@xn--bcher-kva.example"):
			t.Errorf("offered: %v, %+v", err, c.Mails())
		case !offered && (!refused || !failed.Permanent || failed.Relay):
			t.Errorf("not offered: %v", err)
		}
		// An international domain alone needs no extension (RFC 5890).
		if _, err := s.Send(deadline(t), letterTo(t, "post@bücher.example")); err != nil {
			t.Error(err)
		}
	}
}

// A relay that talks for ever is left.
func TestEndlessReply(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for err == nil {
			_, err = conn.Write([]byte(strings.Repeat("220-"+strings.Repeat("x", 100)+"\r\n", 100)))
		}
	}()
	_, err = openSession(t, Relay{Host: "localhost", Port: l.Addr().(*net.TCPAddr).Port, TLS: TLSNone})
	if err == nil || !strings.Contains(err.Error(), "1 MiB") {
		t.Fatalf("got %v", err)
	}
}
