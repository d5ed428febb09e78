// SPDX-License-Identifier: Apache-2.0

package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// maxPending bounds the statements that wait to be sent.
const maxPending = 256

// fetchRows is how many rows of a Stream are in memory at a time.
const fetchRows = 500

// Conn is one connection. Only Interrupt may be called from another goroutine.
type Conn struct {
	pg      *pgconn.PgConn
	lent    *pgxpool.Conn
	limit   time.Duration
	rewrite func(string) string
	stmts   map[string]*stmt
	streams int // that run
	named   int // statements that were prepared
	rounds  *atomic.Int64

	pending []request
	args    []byte // encoded arguments of pending
	free    []*result

	fault   error // the first of this transaction
	broken  bool
	stopped atomic.Bool
}

// stmt is a prepared statement.
type stmt struct {
	sql  string
	desc *pgconn.StatementDescription
	same []string // the last text of each column, for Same
}

// request is a statement on its way: a prepared one, or a text.
type request struct {
	s      *stmt
	text   string // when s is nil
	params [][]byte
	oids   []uint32 // of params, for a text

	scan func(*Row) error // of Ahead
	rows *result          // for scan
}

// inBinary is the format code of all arguments and results.
var inBinary = []int16{1}

func newConn(pg *pgconn.PgConn, o Options, rounds *atomic.Int64) *Conn {
	c := &Conn{pg: pg, rounds: rounds, limit: o.Limit, rewrite: o.Rewrite, stmts: map[string]*stmt{}}
	if c.rewrite == nil {
		c.rewrite = func(sql string) string { return sql }
	}
	return c
}

// Fault is the first error of the database since Get or the last transaction
// began. After one, the transaction can only be rolled back.
func (c *Conn) Fault() error { return c.fault }

// Patient sets another limit for the answer to one statement, until Release.
func (c *Conn) Patient(limit time.Duration) { c.limit = limit }

// Broken says that the connection is gone.
func (c *Conn) Broken() bool { return c.broken || c.pg.IsClosed() }

// note remembers what went wrong, and says where.
func (c *Conn) note(err error, sql string) error {
	err = &Error{SQL: sql, err: err}
	if c.fault == nil {
		c.fault = err
	}
	switch Code(err) {
	case "", "25006", "0A000":
		// No answer; a server that has become a standby; a plan of before a
		// migration: another connection may do better.
		c.broken = true
	}
	return err
}

// prepare gives the cached statement. The texts are constants of the program,
// so the cache is bounded.
func (c *Conn) prepare(sql string) (*stmt, error) {
	if s, ok := c.stmts[sql]; ok {
		return s, nil
	}
	if err := c.arm(); err != nil {
		return nil, err
	}
	c.named++
	name := "s" + strconv.Itoa(c.named)
	if sql == commit {
		name = commit
	}
	desc, err := c.pg.Prepare(context.Background(), name, c.rewrite(sql), nil)
	if err != nil {
		return nil, c.note(err, sql)
	}
	for i, f := range desc.Fields {
		if !known(f.DataTypeOID) {
			return nil, fmt.Errorf("postgres: column %d of %q is of a type that is not read here; cast it", i+1, sql)
		}
	}
	s := &stmt{sql: sql, desc: desc, same: make([]string, len(desc.Fields))}
	c.stmts[sql] = s
	return s, nil
}

// arm bounds the time until the next answer.
func (c *Conn) arm() error {
	_ = c.pg.Conn().SetDeadline(time.Now().Add(c.limit))
	if c.stopped.Load() {
		c.broken = true
		return errInterrupted
	}
	return nil
}

var errInterrupted = errors.New("postgres: interrupted")

// queue encodes the arguments of a statement and lets it wait for the next
// flush.
func (c *Conn) queue(r request, oids []uint32, sql string, args []any) error {
	if len(oids) > len(args) {
		return fmt.Errorf("postgres: no argument for $%d in %q", len(args)+1, sql)
	}
	for i, oid := range oids {
		from := len(c.args)
		var null bool
		var err error
		if c.args, null, err = encode(c.args, oid, args[i]); err != nil {
			return fmt.Errorf("postgres: argument %d of %q: %w", i+1, sql, err)
		}
		var p []byte
		if !null {
			p = c.args[from:len(c.args):len(c.args)]
			if p == nil {
				p = []byte{}
			}
		}
		r.params = append(r.params, p)
	}
	c.pending = append(c.pending, r)
	return nil
}

// add lets a statement wait for the next flush.
func (c *Conn) add(sql string, args []any) (*stmt, error) {
	s, err := c.prepare(sql)
	if err != nil {
		return nil, err
	}
	return s, c.queue(request{s: s}, s.desc.ParamOIDs, sql, args)
}

// Later sends a statement with the next one whose answer is wanted. Its error
// is that one's.
func (c *Conn) Later(sql string, args ...any) error {
	if _, err := c.add(sql, args); err != nil {
		return err
	}
	if len(c.pending) < maxPending {
		return nil
	}
	_, _, err := c.flush(nil)
	return err
}

// Ahead is Query for an answer that is wanted only with that of the next
// statement, with which it is sent: scan is called before that one's, or never
// when the database refuses. scan must not run other statements.
func (c *Conn) Ahead(sql string, scan func(*Row) error, args ...any) error {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	return c.queue(request{s: s, scan: scan}, s.desc.ParamOIDs, sql, args)
}

// Exec runs a statement and gives the number of rows it changed; rows that it
// returns are dropped.
func (c *Conn) Exec(sql string, args ...any) (int64, error) {
	if _, err := c.add(sql, args); err != nil {
		return 0, err
	}
	_, n, err := c.flush(nil)
	return n, err
}

// Query runs a statement and calls scan for each row until it gives an error,
// which Query returns. The rows are in memory by then, so scan may run other
// statements. Arguments are int64, bool, string, []byte, time.Time (stored as
// microseconds; the zero time as 0) or nil.
func (c *Conn) Query(sql string, scan func(*Row) error, args ...any) error {
	s, err := c.add(sql, args)
	if err != nil {
		return err
	}
	rows := c.room()
	defer c.keep(rows)
	if _, _, err := c.flush(rows); err != nil {
		return err
	}
	return rows.each(s.same, scan)
}

// Pass is Query where scan runs no other statements: it is called while further
// rows are on their way, which then need no memory. Rows that were handed out
// count only if Pass gives no error.
func (c *Conn) Pass(sql string, scan func(*Row) error, args ...any) error {
	s, err := c.add(sql, args)
	if err != nil {
		return err
	}
	to := passing{scan: scan, row: Row{same: s.same}}
	if _, _, err := c.flush(&to); err != nil {
		return err
	}
	return to.err
}

// Stream is Query for results of any length: only some rows are in memory at a
// time. It needs a transaction.
func (c *Conn) Stream(sql string, scan func(*Row) error, args ...any) error {
	s, err := c.prepare(sql)
	if err != nil {
		return err
	}
	c.streams++
	defer func() { c.streams-- }()
	cursor := "stream" + strconv.Itoa(c.streams)
	declare := request{text: "DECLARE " + cursor + " NO SCROLL CURSOR FOR " + c.rewrite(sql), oids: s.desc.ParamOIDs}
	if err := c.queue(declare, s.desc.ParamOIDs, sql, args); err != nil {
		return err
	}
	rows := c.room()
	defer c.keep(rows)
	for {
		c.pending = append(c.pending, request{text: "FETCH " + strconv.Itoa(fetchRows) + " FROM " + cursor})
		if _, _, err := c.flush(rows); err != nil {
			return err
		}
		if err := rows.each(s.same, scan); err != nil {
			c.pending = append(c.pending, request{text: "CLOSE " + cursor})
			return err
		}
		if rows.len() < fetchRows {
			c.pending = append(c.pending, request{text: "CLOSE " + cursor})
			return nil
		}
	}
}

// flush sends what waits, in one message, and reads all answers; the rows of
// the last go to rows, unless that is nil.
func (c *Conn) flush(rows sink) (tag string, changed int64, err error) {
	sent := c.pending
	c.pending = nil
	defer func() {
		clear(sent) // keeps nobody's values
		c.pending, c.args = sent[:0], c.args[:0]
	}()
	if err := c.arm(); err != nil {
		return "", 0, c.note(err, sent[len(sent)-1].sql())
	}
	c.rounds.Add(1)
	p := c.pg.StartPipeline(context.Background())
	for i := range sent {
		if r := &sent[i]; r.s != nil {
			p.SendQueryStatement(r.s.desc, r.params, inBinary, inBinary)
		} else {
			p.SendQueryParams(r.text, r.params, r.oids, inBinary, inBinary)
		}
	}
	if err := p.Sync(); err != nil {
		return "", 0, c.note(err, sent[0].sql())
	}
	failed := 0
	for ; failed < len(sent); failed++ {
		var into sink
		if failed == len(sent)-1 {
			into = rows
		}
		if r := &sent[failed]; r.scan != nil {
			r.rows = c.room()
			into = r.rows
		}
		if tag, changed, err = answer(p, into); err != nil {
			break
		}
	}
	if closed := p.Close(); err == nil {
		err, failed = closed, len(sent)-1
	}
	if err != nil {
		return "", 0, c.note(err, sent[failed].sql())
	}
	return tag, changed, c.tell(sent)
}

// tell hands out what was asked ahead.
func (c *Conn) tell(sent []request) error {
	for i := range sent {
		r := &sent[i]
		if r.scan == nil {
			continue
		}
		err := r.rows.each(r.s.same, r.scan)
		c.keep(r.rows)
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *request) sql() string {
	if r.s != nil {
		return r.s.sql
	}
	return r.text
}

// answer reads the answer to one statement.
func answer(p *pgconn.Pipeline, rows sink) (string, int64, error) {
	got, err := p.GetResults()
	if err != nil {
		return "", 0, err
	}
	r, ok := got.(*pgconn.ResultReader)
	if !ok {
		return "", 0, fmt.Errorf("postgres: unexpected answer %T", got)
	}
	if rows != nil {
		rows.reset()
		for r.NextRow() {
			rows.add(r.Values())
		}
	}
	tag, err := r.Close()
	return tag.String(), tag.RowsAffected(), err
}

// Script runs statements without arguments, separated by semicolons.
func (c *Conn) Script(sql string) error {
	if err := c.arm(); err != nil {
		return err
	}
	if err := c.pg.Exec(context.Background(), sql).Close(); err != nil {
		return c.note(err, sql)
	}
	return nil
}

const commit = "COMMIT"

// Begin starts a transaction with the given BEGIN statement, sent with the
// next statement.
func (c *Conn) Begin(sql string) error {
	c.fault = nil
	return c.Later(sql)
}

// Commit ends the transaction. When known is false, the answer was lost and the
// transaction may stand; else it stands exactly if there is no error.
func (c *Conn) Commit() (known bool, err error) {
	s, err := c.prepare(commit)
	if err != nil {
		return true, err
	}
	c.pending = append(c.pending, request{s: s})
	tag, _, err := c.flush(nil)
	if err != nil {
		return refused(err), err
	}
	if tag != commit {
		c.fault = fmt.Errorf("postgres: COMMIT was answered with %s", tag)
		return true, c.fault
	}
	return true, nil
}

// Rollback gives the transaction up.
func (c *Conn) Rollback() {
	c.pending, c.args = c.pending[:0], c.args[:0]
	if c.Broken() || c.pg.TxStatus() == 'I' { // BEGIN was not even sent
		return
	}
	fault := c.fault
	_ = c.Script("ROLLBACK")
	c.fault = fault
}
