// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// TLSPolicy says how the connection to the relay is secured.
type TLSPolicy string

const (
	TLSRequired TLSPolicy = "required" // STARTTLS (RFC 3207) or nothing; the default
	TLSImplicit TLSPolicy = "implicit" // TLS from the first byte (RFC 8314)
	TLSNone     TLSPolicy = "none"     // loopback only
)

// Relay says where mails go.
type Relay struct {
	Host     string // name or address; the certificate must name it
	Port     int
	TLS      TLSPolicy      // "" means TLSRequired
	User     string         // "" for no sign-in
	Password string         // never logged
	Roots    *x509.CertPool // nil means the system's
	Hello    string         // name in EHLO; "" means "localhost"

	Connect time.Duration // until the sign-in is through; 0 means 30 s
	Command time.Duration // for one reply; 0 means 60 s
	Submit  time.Duration // for the reply after the mail; 0 means 2 minutes
}

// maxReplies bounds what the relay may say to us before and during one mail,
// in bytes.
const maxReplies = 1 << 20

// Sender hands mails to one relay. It holds no state; connections are Sessions.
type Sender struct {
	relay Relay
	tls   *tls.Config
}

// NewSender checks the relay's settings.
func NewSender(r Relay) (*Sender, error) {
	r.TLS = cmp.Or(r.TLS, TLSRequired)
	r.Hello = cmp.Or(r.Hello, "localhost")
	r.Connect = cmp.Or(r.Connect, 30*time.Second)
	r.Command = cmp.Or(r.Command, time.Minute)
	r.Submit = cmp.Or(r.Submit, 2*time.Minute)
	switch {
	case r.Host == "" || r.Port < 1 || r.Port > 65535:
		return nil, errors.New("notify.smtp: host or port is missing")
	case plain(r.Host+r.User+r.Hello) != nil || strings.Contains(r.Hello, " "):
		return nil, errors.New("notify.smtp: host, user or name holds a control character")
	case r.TLS != TLSRequired && r.TLS != TLSImplicit && r.TLS != TLSNone:
		return nil, fmt.Errorf("notify.smtp: tls=%q is none of required, implicit, none", r.TLS)
	case r.TLS == TLSNone && !loopbackName(r.Host):
		return nil, errors.New("notify.smtp: tls=none is for loopback only")
	}
	return &Sender{relay: r, tls: &tls.Config{ServerName: r.Host, RootCAs: r.Roots, MinVersion: tls.VersionTLS12}}, nil
}

func loopbackName(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// Session is one connection that takes any number of mails, one after another.
type Session struct {
	conn   *boundedConn
	client *smtp.Client
	broken bool
}

// Open connects, secures and signs in. Every error is a *SendError that
// concerns the relay: no mail is to blame.
func (s *Sender) Open(ctx context.Context) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, s.relay.Connect)
	defer cancel()
	dialer := net.Dialer{}
	raw, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(s.relay.Host, strconv.Itoa(s.relay.Port)))
	if err != nil {
		return nil, awayError(err)
	}
	conn := &boundedConn{Conn: raw, left: maxReplies}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	client, err := s.greet(ctx, conn)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		raw.Close()
		return nil, awayError(because(ctx, err))
	}
	client.CommandTimeout, client.SubmissionTimeout = s.relay.Command, s.relay.Submit
	return &Session{conn: conn, client: client}, nil
}

func (s *Sender) greet(ctx context.Context, conn *boundedConn) (*smtp.Client, error) {
	var client *smtp.Client
	var err error
	switch s.relay.TLS {
	case TLSRequired:
		// STARTTLS is offered again to EHLO inside the tunnel; what was said
		// before it is forgotten.
		if client, err = smtp.NewClientStartTLS(conn, s.tls.Clone()); err != nil {
			return nil, err
		}
	case TLSImplicit:
		t := tls.Client(conn, s.tls.Clone())
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		client = smtp.NewClient(t)
	default:
		if a, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			return nil, errors.New("the relay is not on this machine and the connection is not encrypted")
		}
		client = smtp.NewClient(conn)
	}
	client.CommandTimeout = s.relay.Connect
	if err := client.Hello(s.relay.Hello); err != nil {
		return nil, err
	}
	return client, s.signIn(client)
}

func (s *Sender) signIn(client *smtp.Client) error {
	if s.relay.User == "" {
		return nil
	}
	switch {
	case client.SupportsAuth(sasl.Plain):
		return client.Auth(sasl.NewPlainClient("", s.relay.User, s.relay.Password))
	case client.SupportsAuth(sasl.Login):
		return client.Auth(sasl.NewLoginClient(s.relay.User, s.relay.Password))
	}
	return errors.New("the relay offers neither PLAIN nor LOGIN to sign in")
}

// Send hands over one mail and gives the relay's last reply. Every error is a
// *SendError. When ctx ends the connection is closed, so that half a mail is
// never accepted as a whole one.
func (c *Session) Send(ctx context.Context, m Mail) (string, error) {
	c.conn.left = maxReplies
	stop := context.AfterFunc(ctx, func() { c.conn.Close() })
	reply, err := c.send(m)
	if !stop() {
		c.broken = true
	}
	if err == nil {
		return printable("250 "+reply, MaxReply), nil
	}
	if _, spoken := errors.AsType[*smtp.SMTPError](err); !spoken {
		c.broken = true
	}
	if failed, ok := errors.AsType[*SendError](err); ok {
		return "", failed
	}
	return "", relayError(because(ctx, err))
}

func (c *Session) send(m Mail) (string, error) {
	if m.UTF8 {
		if ok, _ := c.client.Extension("SMTPUTF8"); !ok {
			return "", &SendError{Permanent: true, Err: errors.New("the relay does not take addresses with other than ASCII letters (SMTPUTF8)")}
		}
	}
	if err := c.client.Mail(m.From, &smtp.MailOptions{Size: int64(len(m.Bytes)), UTF8: m.UTF8}); err != nil {
		return "", c.refused(err, stageSender)
	}
	if err := c.client.Rcpt(m.To, nil); err != nil {
		return "", c.refused(err, stageMail)
	}
	w, err := c.client.Data()
	if err != nil {
		return "", c.refused(err, stageMail)
	}
	if _, err := w.Write(m.Bytes); err != nil {
		c.conn.Close() // closing the writer would send half a mail
		return "", err
	}
	r, err := w.CloseWithResponse()
	if err != nil {
		return "", c.refused(err, stageMail)
	}
	return r.StatusText, nil
}

// refused classes a reply and makes the connection fit for the next mail.
func (c *Session) refused(err error, at stage) error {
	reply, spoken := errors.AsType[*smtp.SMTPError](err)
	if !spoken {
		return err
	}
	if reply.Code == 421 || c.client.Reset() != nil {
		c.broken = true
	}
	return classify(reply, at)
}

// Usable says whether another mail may be sent here.
func (c *Session) Usable() bool { return !c.broken }

// Close takes leave within a second.
func (c *Session) Close() {
	if !c.broken {
		stop := time.AfterFunc(time.Second, func() { c.conn.Close() })
		_ = c.client.Quit() // a relay that does not say goodbye changes nothing
		stop.Stop()
	}
	c.conn.Close()
}

// because prefers the reason why a connection was closed to what its reader saw.
func because(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w (%v)", cause, err)
	}
	return err
}

// boundedConn ends a conversation in which the other side talks for ever.
type boundedConn struct {
	net.Conn
	left int
}

func (c *boundedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("the relay said more than 1 MiB")
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
