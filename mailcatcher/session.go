// SPDX-License-Identifier: Apache-2.0

package mailcatcher

import (
	"crypto/subtle"
	"errors"
	"io"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// session is one connection.
type session struct {
	c      *Catcher
	conn   *smtp.Conn
	signed bool
	from   string
	to     []string
}

var _ smtp.AuthSession = (*session)(nil)

func (c *Catcher) newSession(conn *smtp.Conn) (smtp.Session, error) {
	s := &session{c: c, conn: conn}
	return s, s.answer(Event{Stage: StageConnect})
}

// answer asks how to behave and does so.
func (s *session) answer(e Event) error { return s.obey(s.ask(e)) }

func (s *session) ask(e Event) Answer {
	if s.c.o.Behave == nil {
		return Answer{}
	}
	return s.c.o.Behave(e)
}

func (s *session) obey(a Answer) error {
	switch {
	case a.Drop:
		s.conn.Conn().Close()
		return errors.New("dropped")
	case a.Stall:
		s.stall()
		return errors.New("stalled")
	case a.Code != 0:
		return &smtp.SMTPError{Code: a.Code, EnhancedCode: smtp.EnhancedCode{a.Code / 100, 0, 0}, Message: a.Text}
	}
	return nil
}

// stall says nothing until the catcher ends or the other side has left.
func (s *session) stall() {
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = s.conn.Conn().SetReadDeadline(time.Time{}) // a failure shows in the read
		var b [1]byte
		for {
			if _, err := s.conn.Conn().Read(b[:]); err != nil {
				return
			}
		}
	}()
	select {
	case <-left:
	case <-s.c.done:
		s.conn.Conn().Close()
		<-left
	}
}

func (s *session) AuthMechanisms() []string {
	switch {
	case s.c.o.User == "":
		return nil
	case s.c.o.Login:
		return []string{sasl.Login}
	}
	return []string{sasl.Plain, sasl.Login}
}

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if s.c.o.User == "" {
		return nil, smtp.ErrAuthUnsupported
	}
	check := func(user, password string) error {
		same := subtle.ConstantTimeCompare([]byte(user+"\x00"+password), []byte(s.c.o.User+"\x00"+s.c.o.Password))
		if same != 1 {
			return smtp.ErrAuthFailed
		}
		s.signed = true
		return nil
	}
	if mechanism == sasl.Login {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// loginServer is the other half of sasl.NewLoginClient.
type loginServer struct {
	check func(user, password string) error
	asked int
	user  string
}

func (l *loginServer) Next(response []byte) ([]byte, bool, error) {
	if l.asked == 0 && response == nil {
		l.asked = 1
		return []byte("Username:"), false, nil
	}
	if l.asked < 2 {
		l.asked, l.user = 2, string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.c.o.User != "" && !s.signed {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	if err := s.answer(Event{Stage: StageMail, From: from}); err != nil {
		return err
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.answer(Event{Stage: StageRcpt, From: s.from, To: to}); err != nil {
		return err
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	e := Event{Stage: StageData, From: s.from, Raw: raw}
	if len(s.to) > 0 {
		e.To = s.to[0]
	}
	m := parse(raw)
	m.From, m.To, m.Time = s.from, s.to, time.Now().UTC()
	_, m.TLS = s.conn.TLSConnectionState()
	a := s.ask(e)
	if a.Drop || a == (Answer{}) {
		s.c.keep(m)
	}
	return s.obey(a)
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }
