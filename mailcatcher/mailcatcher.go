// SPDX-License-Identifier: Apache-2.0

// Package mailcatcher is an SMTP server that delivers nothing: it keeps what it
// is given in memory and shows it in the browser. `postfach demo` and the tests
// send their mails to it. It knows nothing of mailboxes, and no server that
// works for real people runs it.
package mailcatcher

import (
	"cmp"
	"context"
	"crypto/tls"
	"log"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Options of a Catcher. The zero value takes every mail without encryption.
type Options struct {
	Keep     int    // mails; 0 means 500, the oldest go first
	MaxBytes int64  // of one mail; 0 means 1 MiB
	Domain   string // in the greeting; "" means "localhost"

	TLS      *tls.Config // offers STARTTLS; nil for none
	User     string      // with Password: signing in is required; "" for nobody
	Password string
	Login    bool // offers LOGIN only, as some relays do
	Insecure bool // offers signing in without encryption too
	UTF8     bool // offers SMTPUTF8 (RFC 6531)

	// Behave, when set, decides how each step is answered; called by several
	// connections at once.
	Behave func(Event) Answer
}

// Stage of a conversation.
type Stage string

const (
	StageConnect Stage = "connect" // before the greeting's EHLO is answered
	StageMail    Stage = "mail"
	StageRcpt    Stage = "rcpt"
	StageData    Stage = "data" // the mail has come to its end
)

// Event is what has just come.
type Event struct {
	Stage    Stage
	From, To string
	Raw      []byte // at StageData
}

// Answer is what happens then. The zero value is acceptance.
type Answer struct {
	Code  int    // 4yz or 5yz refuses
	Text  string // of a refusal
	Stall bool   // no answer until the other side or the catcher gives up
	Drop  bool   // the connection ends without an answer; a mail is kept all the same
}

// Catcher is the server.
type Catcher struct {
	o    Options
	smtp *smtp.Server
	done chan struct{}
	once sync.Once

	mu     sync.Mutex
	mails  []Mail
	next   int
	change chan struct{} // closed and replaced when a mail comes
}

// New makes a catcher; Serve and Handler are its two doors.
func New(o Options) *Catcher {
	o.Keep = cmp.Or(o.Keep, 500)
	o.MaxBytes = cmp.Or(o.MaxBytes, 1<<20)
	c := &Catcher{o: o, done: make(chan struct{}), change: make(chan struct{}), next: 1}
	s := smtp.NewServer(smtp.BackendFunc(c.newSession))
	s.Domain = cmp.Or(o.Domain, "localhost")
	s.TLSConfig = o.TLS
	s.MaxMessageBytes = o.MaxBytes
	s.MaxRecipients = 100
	s.ReadTimeout, s.WriteTimeout = 5*time.Minute, 5*time.Minute
	s.AllowInsecureAuth = o.Insecure
	s.EnableSMTPUTF8 = o.UTF8
	s.ErrorLog = log.New(discard{}, "", 0)
	c.smtp = s
	return c
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Serve takes SMTP connections until Close. For TLS from the first byte hand in
// a tls.NewListener.
func (c *Catcher) Serve(l net.Listener) error { return c.smtp.Serve(l) }

// Close ends all connections at once.
func (c *Catcher) Close() error {
	var err error
	c.once.Do(func() {
		close(c.done)
		err = c.smtp.Close()
	})
	return err
}

// Mails gives what is kept, oldest first.
func (c *Catcher) Mails() []Mail {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.mails)
}

// Mail finds one by its number.
func (c *Catcher) Mail(id int) (Mail, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.mails {
		if m.ID == id {
			return m, true
		}
	}
	return Mail{}, false
}

// Wait returns when at least n mails have come since the start, or ctx ends.
func (c *Catcher) Wait(ctx context.Context, n int) ([]Mail, error) {
	for {
		c.mu.Lock()
		have, change := c.next-1, c.change
		c.mu.Unlock()
		if have >= n {
			return c.Mails(), nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return c.Mails(), ctx.Err()
		}
	}
}

// keep stores a mail, or the newer one under the same Message-ID as well: a
// catcher does not hide that something came twice.
func (c *Catcher) keep(m Mail) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.ID = c.next
	c.next++
	c.mails = append(c.mails, m)
	if over := len(c.mails) - c.o.Keep; over > 0 {
		c.mails = slices.Delete(c.mails, 0, over)
	}
	close(c.change)
	c.change = make(chan struct{})
}
