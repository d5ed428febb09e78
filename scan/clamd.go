// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"postfach/mailbox"
)

// chunkSize of INSTREAM in bytes; larger gains nothing.
const chunkSize = 256 << 10

// client speaks clamd's protocol, one fresh connection a command. go-clamd is
// not used here: it reports a broken stream as clean (docs/scanner.md).
type client struct {
	addr    Address
	tls     *tls.Config   // nil for the system's roots and the host's name
	dial    time.Duration // for the connection
	idle    time.Duration // for one write, and for the answer to a question
	verdict time.Duration // from the last byte to the verdict; over MaxScanTime
	buffers sync.Pool     // *[chunkSize + 4]byte
}

func newClient(a Address, t *tls.Config, verdict time.Duration) *client {
	return &client{
		addr: a, tls: t, dial: 5 * time.Second, idle: 30 * time.Second, verdict: verdict,
		buffers: sync.Pool{New: func() any { return new([chunkSize + 4]byte) }},
	}
}

// open connects. The connection closes when ctx ends; call release when done.
func (c *client) open(ctx context.Context) (conn net.Conn, release func(), err error) {
	dialer := net.Dialer{Timeout: c.dial}
	if c.addr.TLS {
		conf := &tls.Config{MinVersion: tls.VersionTLS12}
		if c.tls != nil {
			conf = c.tls.Clone()
		}
		dctx, cancel := context.WithTimeout(ctx, c.dial) // the handshake too
		defer cancel()
		conn, err = (&tls.Dialer{NetDialer: &dialer, Config: conf}).DialContext(dctx, c.addr.Network, c.addr.Path)
	} else {
		conn, err = dialer.DialContext(ctx, c.addr.Network, c.addr.Path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("connect to clamd: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	return conn, func() { stop(); conn.Close() }, nil
}

// ask sends a command without a body and gives the whole answer.
func (c *client) ask(ctx context.Context, cmd string) (string, error) {
	conn, release, err := c.open(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	if err := conn.SetDeadline(time.Now().Add(c.idle)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, "z"+cmd+"\x00"); err != nil {
		return "", fmt.Errorf("clamd %s: %w", cmd, err)
	}
	b, err := readReply(conn)
	if err != nil {
		return "", fmt.Errorf("clamd %s: %w", cmd, err)
	}
	return string(b), nil
}

// ping is nil when clamd answers.
func (c *client) ping(ctx context.Context) error {
	s, err := c.ask(ctx, "PING")
	if err == nil && s != "PONG\x00" {
		err = fmt.Errorf("clamd answers PING with %.80q", s)
	}
	return err
}

// bytes judges a content held in memory with one gathered write.
func (c *client) bytes(ctx context.Context, b []byte) (mailbox.Verdict, error) {
	conn, release, err := c.open(ctx)
	if err != nil {
		return mailbox.Verdict{}, err
	}
	defer release()
	out := net.Buffers{[]byte("zINSTREAM\x00")}
	for rest := b; len(rest) > 0; {
		n := min(len(rest), chunkSize)
		out = append(out, binary.BigEndian.AppendUint32(nil, uint32(n)), rest[:n])
		rest = rest[n:]
	}
	out = append(out, []byte{0, 0, 0, 0})
	if err := conn.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return mailbox.Verdict{}, err
	}
	_, err = out.WriteTo(conn)
	return c.conclude(conn, inStream, err)
}

// stream judges exactly size bytes of r. An error of r, or another number of
// bytes, closes the connection without the ending chunk, so that clamd never
// judges a part.
func (c *client) stream(ctx context.Context, r io.Reader, size int64) (mailbox.Verdict, error) {
	conn, release, err := c.open(ctx)
	if err != nil {
		return mailbox.Verdict{}, err
	}
	defer release()
	err = c.send(conn, r, size)
	if broken, ok := errors.AsType[*sourceError](err); ok {
		return mailbox.Verdict{}, broken
	}
	return c.conclude(conn, inStream, err)
}

// sourceError says that the content, not clamd, failed.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "read the content for clamd: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// send writes INSTREAM: each chunk with its length in one write.
func (c *client) send(conn net.Conn, r io.Reader, size int64) error {
	buf := c.buffers.Get().(*[chunkSize + 4]byte)
	defer c.buffers.Put(buf)
	if err := c.write(conn, []byte("zINSTREAM\x00")); err != nil {
		return err
	}
	var sent int64
	for {
		n, err := io.ReadFull(r, buf[4:])
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return &sourceError{err}
		}
		if sent += int64(n); sent > size || err != nil && sent != size {
			return &sourceError{fmt.Errorf("%d bytes where %d were announced", sent, size)}
		}
		if n > 0 {
			binary.BigEndian.PutUint32(buf[:4], uint32(n))
			if err := c.write(conn, buf[:4+n]); err != nil {
				return err
			}
		}
		if err != nil {
			return c.write(conn, []byte{0, 0, 0, 0})
		}
	}
}

func (c *client) write(conn net.Conn, b []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
		return err
	}
	_, err := conn.Write(b)
	return err
}

// conclude reads the verdict. After a failed write there may still be an
// answer that says why (for example that the size limit was exceeded), but
// never a clean one: clamd has not got everything.
func (c *client) conclude(conn net.Conn, cmd command, sendErr error) (mailbox.Verdict, error) {
	wait := c.verdict
	if sendErr != nil {
		wait = time.Second
	}
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return mailbox.Verdict{}, errors.Join(sendErr, err)
	}
	b, err := readReply(conn)
	if sendErr != nil {
		if len(b) > 0 {
			return mailbox.Verdict{}, fmt.Errorf("clamd breaks off with %.200q: %w", b, sendErr)
		}
		return mailbox.Verdict{}, fmt.Errorf("send to clamd: %w", sendErr)
	}
	if err != nil {
		return mailbox.Verdict{}, fmt.Errorf("wait for clamd's verdict: %w", err)
	}
	return parseReply(cmd, b)
}

// readReply reads to the end of the connection; an answer counts only when
// clamd has finished it. The bytes read so far come with the error.
func readReply(conn net.Conn) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(conn, maxReply+1))
	switch {
	case err != nil:
		return b, err
	case len(b) == 0:
		return nil, io.ErrUnexpectedEOF
	case len(b) > maxReply:
		return b[:maxReply], fmt.Errorf("answer longer than %d bytes", maxReply)
	}
	return b, nil
}
