// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"postfach/catalog/sqlite"
	"postfach/mailbox"
)

const (
	queueLength = 256
	batchJobs   = 64 // changes in one transaction
)

// job is one change that waits for the writer.
type job struct {
	ctx   context.Context
	fn    func(*tx) error
	taken atomic.Bool // by the writer, or given up by the caller
	done  chan error
	err   error // of fn: nil, or a refusal, until the transaction ends
}

// writer is the only connection that writes. Whoever holds it takes the changes
// that wait, runs them in one transaction, each in a savepoint of its own, and
// answers all after one commit, so that many changes share one fsync. Where
// nobody holds it, the caller of a change does: two goroutine switches less, a
// third of the time of a small change. Else a goroutine of its own does.
type writer struct {
	held sync.Mutex // guards conn and what follows but the atomics
	conn *sqlite.Conn
	o    Options
	done chan struct{}
	dead error // the connection is in a state that we do not understand

	written int64 // rows changed up to the last commit

	// doubt says that the last commit failed: its frames may stand in the log
	// and come alive in a recovery, until another commit overwrites them.
	doubt     atomic.Bool
	committed atomic.Int64 // when a commit last succeeded, by the monotonic clock of begun
	begun     time.Time
}

func openWriter(path string, o Options) (*writer, error) {
	c, err := openConn(path, o, false, writerCache)
	if err != nil {
		return nil, err
	}
	return &writer{conn: c, o: o, done: make(chan struct{}), begun: time.Now()}, nil
}

// write hands fn to the writer and waits for the commit. On a full disk it
// gives up the reserve and tries once more. There is one writer, so everything
// is held, whatever the hold.
func (s *SQLite) write(ctx context.Context, _ hold, fn func(*tx) error) error {
	began := time.Now()
	err := s.writeOnce(ctx, fn)
	if full(err) && s.reserve.give(began) {
		err = s.writeOnce(ctx, fn)
	}
	if err == nil && s.reserve.gone.Load() {
		s.reserve.take()
	}
	return err
}

// writeOnce waits for the commit of one attempt. A context that ends before fn
// has begun takes it back; afterwards the outcome is waited for.
func (s *SQLite) writeOnce(ctx context.Context, fn func(*tx) error) error {
	j := &job{ctx: ctx, fn: fn, done: make(chan error, 1)}
	if ran, err := s.inPlace(j); ran || err != nil {
		return err
	}
	if err := s.enqueue(ctx, j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return canceled(ctx)
		}
		return <-j.done
	}
}

// inPlace runs the change in the caller's goroutine if the writer is free and
// nothing waits for it.
func (s *SQLite) inPlace(j *job) (ran bool, err error) {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return false, errClosed
	}
	w := s.writer
	if len(s.jobs) > 0 || !w.held.TryLock() {
		return false, nil
	}
	defer w.held.Unlock()
	w.batch(j, s.jobs)
	return true, <-j.done
}

func (s *SQLite) enqueue(ctx context.Context, j *job) error {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return errClosed
	}
	select {
	case s.jobs <- j:
		return nil
	case <-ctx.Done():
		return canceled(ctx)
	}
}

func (w *writer) run(jobs <-chan *job) {
	defer close(w.done)
	for j := range jobs {
		w.held.Lock()
		w.batch(j, jobs)
		w.held.Unlock()
	}
}

// batch runs first and whatever waits behind it in one transaction. Changes
// that arrive while the batch runs join it, up to batchJobs.
func (w *writer) batch(first *job, jobs <-chan *job) {
	var ran []*job
	open := false // a transaction is open
	for j := first; ; {
		if w.start(j) {
			if err := w.begin(&open); err != nil {
				w.refuse(jobs, err)
				j.done <- err
				return
			} else if w.step(j, len(ran) > 0, &open) {
				ran = append(ran, j)
			} else if !open && len(ran) > 0 {
				w.fail(ran, j.err) // the database gave up the whole transaction
				ran = nil
			}
		}
		if len(ran) >= batchJobs {
			break
		}
		var more bool
		select {
		case j, more = <-jobs:
		default:
		}
		if !more {
			break
		}
	}
	if open {
		w.commit(ran)
	}
}

// start claims a job; a change whose caller has gone is not begun.
func (w *writer) start(j *job) bool {
	if !j.taken.CompareAndSwap(false, true) {
		return false
	}
	if j.ctx.Err() != nil {
		j.done <- canceled(j.ctx)
		return false
	}
	return true
}

func (w *writer) begin(open *bool) error {
	if w.dead != nil {
		return unavailable(w.dead)
	}
	if *open {
		return nil
	}
	if _, err := w.conn.Exec("BEGIN IMMEDIATE"); err != nil {
		return unavailable(err)
	}
	*open = true
	return nil
}

// refuse answers everything that waits by now. Otherwise each would wait in
// turn for the lock that another process holds.
func (w *writer) refuse(jobs <-chan *job, err error) {
	for {
		select {
		case j, ok := <-jobs:
			if !ok {
				return
			}
			if w.start(j) {
				j.done <- err
			}
		default: // somebody else may have taken what stood there
			return
		}
	}
}

// step runs one change and says whether its answer waits for the commit. One
// that fails is undone; its refusal may rest on changes before it, so that it is
// not told before they stand. open becomes false when a failure took the whole
// transaction along; then it is told at once, as is that of a first change.
func (w *writer) step(j *job, shared bool, open *bool) (waits bool) {
	if shared { // nothing to protect from the first one
		if _, err := w.conn.Exec("SAVEPOINT change"); err != nil {
			j.err = unavailable(err)
			j.done <- j.err
			*open = w.alive()
			return false
		}
	}
	j.err = w.call(j)
	if j.err == nil && w.alive() {
		if !shared {
			return true
		}
		_, err := w.conn.Exec("RELEASE change")
		if err == nil {
			return true
		}
		j.err = unavailable(err)
	}
	if j.err == nil {
		j.err = unavailable(errRolledBack)
	}
	w.undo(shared)
	if *open = w.alive() && w.dead == nil; *open {
		return true
	}
	j.done <- j.err
	return false
}

var errRolledBack = errors.New("the database has rolled the transaction back")

// alive says whether the transaction is still open: on a full disk the library
// rolls it back by itself.
func (w *writer) alive() bool { return w.conn.InTransaction() }

// call runs the change of a job.
func (w *writer) call(j *job) error {
	t := &tx{reader: reader{c: lite{w.conn}, ctx: context.WithoutCancel(j.ctx), at: moment(w.o.Now), returned: w.o.Returned}}
	return runChange(w.o.Log, t, j.fn)
}

// runChange runs fn; a panic in it is a fault of that change alone.
func runChange(log *slog.Logger, t *tx, fn func(*tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("change panicked", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("change panicked: %v", p)
		}
	}()
	if err := fn(t); err != nil {
		return err
	}
	return t.finish()
}

// undo takes back the running change: its savepoint, or the transaction when
// it is the only one in it.
func (w *writer) undo(shared bool) {
	if !w.alive() {
		return
	}
	if shared {
		if err := w.conn.Script("ROLLBACK TO change; RELEASE change"); err == nil {
			return
		}
	}
	if _, err := w.conn.Exec("ROLLBACK"); err != nil && w.alive() {
		w.dead = err
		w.o.Log.Error("catalog writer stopped", "err", err)
	}
}

// commit makes the changes durable and answers their callers.
func (w *writer) commit(ran []*job) {
	if err := w.conn.Commit(); err != nil {
		w.doubt.Store(true)
		w.undo(false)
		w.o.Log.Error("catalog commit failed", "err", err, "changes", len(ran))
		w.fail(ran, unavailable(err))
		return
	}
	if total := w.conn.TotalChanges(); total != w.written { // else nothing was put on the disk
		w.written = total
		w.doubt.Store(false)
		w.committed.Store(int64(time.Since(w.begun)))
	}
	for _, j := range ran {
		j.done <- j.err // that of a refusal
	}
}

func (w *writer) fail(ran []*job, err error) {
	for _, j := range ran {
		j.done <- mailbox.Wrap(mailbox.Unavailable, mailbox.ReasonCatalog, err)
	}
}
