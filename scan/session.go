// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// session is a connection that is kept open (IDSESSION) and occupies none of
// clamd's threads: it breaks the moment clamd ends, so that no restart, and so
// no other configuration, goes unnoticed.
type session struct {
	conn    net.Conn
	release func()
	wait    time.Duration
	answers chan string   // what clamd says, for ping
	lost    chan struct{} // closed when the connection breaks; err says how
	err     error
}

// session opens one and waits for the first sign of life.
func (c *client) session(ctx context.Context, wait time.Duration) (*session, error) {
	conn, release, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	s := &session{conn: conn, release: release, wait: wait, answers: make(chan string, 1), lost: make(chan struct{})}
	go s.read()
	err = s.write("zIDSESSION\x00")
	if err == nil {
		err = s.ping(ctx)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// read passes answers on until the connection breaks. An answer that nobody
// asked for breaks it too.
func (s *session) read() {
	defer close(s.lost)
	r := bufio.NewReaderSize(io.LimitReader(s.conn, 1<<62), 256)
	for {
		b, err := r.ReadSlice(0)
		if err != nil {
			s.err = fmt.Errorf("connection to clamd lost: %w", err)
			return
		}
		select {
		case s.answers <- string(b):
		default:
			s.err = fmt.Errorf("clamd says unasked %.80q", b)
			return
		}
	}
}

func (s *session) write(text string) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.wait)); err != nil {
		return err
	}
	_, err := io.WriteString(s.conn, text)
	return err
}

// ping asks for a sign of life.
func (s *session) ping(ctx context.Context) error {
	if err := s.write("zPING\x00"); err != nil {
		return fmt.Errorf("clamd PING: %w", err)
	}
	t := time.NewTimer(s.wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return fmt.Errorf("clamd does not answer PING within %v", s.wait)
	case <-s.lost:
		return s.err
	case a := <-s.answers:
		number, pong, _ := strings.Cut(a, ": ")
		if !digits(number) || pong != "PONG\x00" {
			return fmt.Errorf("clamd answers PING with %.80q", a)
		}
		return nil
	}
}

// close ends the session and its reader.
func (s *session) close() {
	s.release()
	<-s.lost
}
