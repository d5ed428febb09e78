// SPDX-License-Identifier: Apache-2.0

// Package catalog keeps names, versions, people, locks, deliveries, notices
// and the audit log in SQL. It implements what packages mailbox, auth, notify
// and scan declare, and the questions of the command line. No rule about who
// may do what lives here, no bytes of documents, and no protocol.
//
// The statements hold to what SQLite and PostgreSQL have in common where that
// costs nothing: numbered parameters, ON CONFLICT, RETURNING.
package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"time"

	"postfach/catalog/sqlite"
	"postfach/mailbox"
)

var _ mailbox.Catalog = (*SQLite)(nil)

// Options of OpenSQLite; the zero value is sane.
type Options struct {
	Now         func() time.Time // nil means time.Now
	Log         *slog.Logger     // nil discards
	BusyTimeout time.Duration    // how long to wait for another process's transaction; 0 means 10 s
	Returned    string           // the outbox's folder of returned documents; "" means Zurückgewiesen
	Readers     int              // connections for reading; 0 means 4, or twice the processors if that is more

	// Restored is the detail of the audit record when the file turns out to be
	// a snapshot that begins a new life: who put it there, and from where.
	Restored mailbox.Detail
}

// SQLite is the embedded catalog: one file in WAL mode, one writer, several
// readers. Other processes may use the same file on the same machine; it must
// not lie on a network file system. Safe for concurrent use.
type SQLite struct {
	tables
	o       Options // without gaps
	path    string
	readers chan *sqlite.Conn
	jobs    chan *job
	writer  *writer
	reserve reserve
	revived bool

	closing sync.RWMutex // held for reading while a job is handed over
	closed  bool
}

// OpenSQLite opens the catalog at path, makes the file (mode 0600) and brings
// the schema up to date. A catalog that a newer Postfach has written, and a
// file that is none, are refused.
func OpenSQLite(path string, o Options) (*SQLite, error) {
	if o.Now == nil {
		o.Now = clock()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.BusyTimeout == 0 {
		o.BusyTimeout = 10 * time.Second
	}
	if o.Returned == "" {
		o.Returned = "Zurückgewiesen"
	}
	if o.Readers == 0 {
		o.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if err := createFile(path); err != nil {
		return nil, fmt.Errorf("catalog: %w", err)
	}
	s := &SQLite{o: o, path: path, reserve: reserve{path: path + "-reserve"}}
	s.tables = tables{s}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("catalog %s: %w", path, err)
	}
	return s, nil
}

// Revived says whether the file was a snapshot when it was opened here, which
// has begun its new life with that.
func (s *SQLite) Revived() bool { return s.revived }

func (s *SQLite) open() error {
	o := s.o
	w, err := openWriter(s.path, o)
	if err != nil {
		return err
	}
	if err := migrate(w.conn, o.Log); err != nil {
		return errors.Join(err, w.conn.Close())
	}
	if s.revived, err = revive(w.conn, o); err != nil {
		return errors.Join(err, w.conn.Close())
	}
	s.readers = make(chan *sqlite.Conn, s.o.Readers)
	for range s.o.Readers {
		r, err := openReader(s.path, o)
		if err != nil {
			close(s.readers)
			for r := range s.readers {
				err = errors.Join(err, r.Close())
			}
			return errors.Join(err, w.conn.Close())
		}
		s.readers <- r
	}
	s.jobs = make(chan *job, queueLength)
	s.writer = w
	s.reserve.take()
	go w.run(s.jobs)
	return nil
}

// createFile makes the file before the library does, so that nobody else can
// read it; the library gives its log and index the same mode.
func createFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), syncFolder(path))
}

// Cache sizes are in KiB when negative. The log is carried over into the file
// every walPages pages of 4 KiB and cut down to walKept bytes afterwards.
const (
	writerCache = -8_000
	readerCache = -2_000 // what is not in it, the kernel has
	walPages    = 4_000
	walKept     = 64 << 20
)

func openConn(path string, o Options, readOnly bool, cache int) (*sqlite.Conn, error) {
	c, err := sqlite.Open(path, sqlite.Options{BusyTimeout: o.BusyTimeout})
	if err != nil {
		return nil, err
	}
	// journal_mode is kept in the file, so only the first opening changes it.
	pragmas := fmt.Sprintf(`PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=1;
		PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=0; PRAGMA cache_size=%d;
		PRAGMA wal_autocheckpoint=%d; PRAGMA journal_size_limit=%d; PRAGMA query_only=%t`,
		cache, walPages, walKept, readOnly)
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		err := c.Script(pragmas)
		if err == nil {
			return c, nil
		}
		// The library does not wait by itself where several open a new file at
		// once, or the last one closes it, since it cannot tell who goes first.
		if !sqlite.Busy(err) || time.Since(began) > o.BusyTimeout {
			return nil, errors.Join(err, c.Close())
		}
	}
}

func openReader(path string, o Options) (*sqlite.Conn, error) {
	return openConn(path, o, true, readerCache)
}

// Close lets running changes end, carries the log over and closes the file.
// Further calls of the other methods are kind Unavailable.
func (s *SQLite) Close() error {
	s.closing.Lock()
	if s.closed {
		s.closing.Unlock()
		return nil
	}
	s.closed = true
	close(s.jobs)
	s.closing.Unlock()
	<-s.writer.done
	var err error
	for range s.o.Readers { // each comes back when its View ends
		err = errors.Join(err, (<-s.readers).Close())
	}
	close(s.readers)
	return errors.Join(err, s.writer.conn.Close())
}

var errClosed = mailbox.Wrap(mailbox.Unavailable, mailbox.ReasonCatalog, errors.New("catalog is closed"))

// read lends a connection to fn, inside one read transaction.
func (s *SQLite) read(ctx context.Context, fn func(*reader) error) error {
	var c *sqlite.Conn
	select {
	case c = <-s.readers:
	default:
		select {
		case c = <-s.readers:
		case <-ctx.Done():
			return canceled(ctx)
		}
	}
	if c == nil { // the channel is closed
		return errClosed
	}
	defer func() { s.readers <- c }()
	if _, err := c.Exec("BEGIN"); err != nil {
		return unavailable(err)
	}
	defer s.endRead(c)
	return fn(&reader{c: lite{c}, ctx: ctx, at: moment(s.o.Now), returned: s.o.Returned})
}

// endRead gives the view up; there is nothing to keep.
func (s *SQLite) endRead(c *sqlite.Conn) {
	if _, err := c.Exec("ROLLBACK"); err != nil && c.InTransaction() {
		s.o.Log.Error("catalog view does not end", "err", err)
	}
}

// moment is the clock's time as the catalog keeps times.
func moment(now func() time.Time) time.Time { return now().UTC().Truncate(time.Microsecond) }

// canceled is for a change or reading that was not begun, or is not gone on
// with: kind Canceled where the client has gone, Unavailable where the time that
// it was given is over, since then somebody waits for an answer.
func canceled(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		return mailbox.Wrap(mailbox.Unavailable, mailbox.ReasonCatalog, cause)
	}
	return mailbox.Wrap(mailbox.Canceled, "", cause)
}
