// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"postfach/mailbox"
)

// retryAfter is promised with every refusal for want of a verdict: a gate that
// was red takes uploads again within five seconds of clamd's return.
const retryAfter = 5 * time.Second

// Encrypted says which contents are taken although nobody can look inside.
// What is refused is the sane default.
type Encrypted struct {
	AcceptArchives  bool
	AcceptDocuments bool
}

// ProbeMemory remembers the daily probes across restarts; the catalog has it.
type ProbeMemory interface {
	// LastProbe gives the zero time when the probe was never remembered.
	LastProbe(ctx context.Context, name string) (time.Time, error)
	Remember(ctx context.Context, name string, at time.Time) error
}

// Options of a Gate. Only Address is necessary.
type Options struct {
	Address  Address
	PlainTCP bool        // allow contents in plain text beyond loopback (P31)
	TLS      *tls.Config // for tls: addresses; nil means the system's roots

	MaxSize          int64         // bytes; 0 means 2000 MiB, the most clamd can do
	SignaturesMaxAge time.Duration // 0 means 72 h; below 0: off, an unknown date is fine too
	NoOwnSignatures  bool          // run without deploy/postfach.ndb; said at every start
	Encrypted        Encrypted
	Concurrent       int            // scans at once; 0 means 10, clamd's default MaxThreads
	Limit            time.Duration  // for one verdict after the last byte; 0 means 15 min, over clamd's MaxScanTime
	Zone             *time.Location // clamd's local time, for the signature date; nil means time.Local

	// StagingDir is where uploads are spooled. Descriptor passing is tried from
	// there; "" switches it off.
	StagingDir string
	Memory     ProbeMemory // nil remembers within the process only
	// OnSignatures is called when the signatures have passed half of
	// SignaturesMaxAge and daily from then on; tooOld says that uploads are
	// refused by now. Called from Run, one call at a time; may be nil.
	OnSignatures func(date time.Time, tooOld bool)
	Log          *slog.Logger     // nil discards
	Now          func() time.Time // nil means time.Now
}

// maxSize is the most that clamd can look at, in bytes: MaxFileSize ends at
// 2 GiB-1, and some room is left below it.
const maxSize = 2000 << 20

// Gate refuses whatever clamd cannot judge, and everything while clamd cannot
// be believed. It is red until Run has probed clamd.
type Gate struct {
	opt    Options
	clamd  *client
	all    *semaphore.Weighted // scans at once
	large  *semaphore.Weighted // of them with spooled contents, so that small ones find a place
	state  state
	kick   chan struct{} // asks Run to look at clamd now
	memory ProbeMemory
	rhythm rhythm
	warned warning // only Run's goroutine touches it
	said   bool    // that descriptors do not pass; likewise
}

var _ mailbox.Scanner = (*Gate)(nil)

// NewGate checks the options; it does not talk to clamd yet.
func NewGate(o Options) (*Gate, error) {
	if o.Address.Path == "" {
		return nil, errors.New("scan: no clamd address")
	}
	if o.Address.Exposed() && !o.PlainTCP {
		return nil, errExposed
	}
	if o.MaxSize == 0 {
		o.MaxSize = maxSize
	}
	if o.MaxSize < 1 || o.MaxSize > maxSize {
		return nil, fmt.Errorf("scan: max_size %d bytes, but clamd judges 1 to %d", o.MaxSize, int64(maxSize))
	}
	if o.SignaturesMaxAge == 0 {
		o.SignaturesMaxAge = 72 * time.Hour
	}
	if o.Concurrent <= 0 {
		o.Concurrent = 10
	}
	if o.Limit <= 0 {
		o.Limit = 15 * time.Minute
	}
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	g := &Gate{
		opt:    o,
		clamd:  newClient(o.Address, o.TLS, o.Limit),
		all:    semaphore.NewWeighted(int64(o.Concurrent)),
		large:  semaphore.NewWeighted(int64(max(1, o.Concurrent-max(1, o.Concurrent/4)))),
		kick:   make(chan struct{}, 1),
		rhythm: ordinaryRhythm(),
	}
	g.memory = o.Memory
	if g.memory == nil {
		g.memory = newForgetful()
	}
	g.state.problem = Problem{Code: Unprobed}
	return g, nil
}

// Ready is nil when an upload could be judged now.
func (g *Gate) Ready() error {
	if err := g.state.red(); err != nil {
		return unavailable(err)
	}
	return nil
}

// Scan judges c: its size, the structure of its outermost archive, then its
// bytes by clamd. Errors are kind Unavailable, or Canceled when ctx was.
func (g *Gate) Scan(ctx context.Context, c mailbox.Content) (mailbox.Verdict, error) {
	generation, life, err := g.state.begin()
	if err != nil {
		return mailbox.Verdict{}, unavailable(err)
	}
	defer g.state.end()
	during, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	v, err := g.judge(during, c)
	if err == nil && g.state.current() != generation {
		// Another clamd than the one that was probed may have answered.
		err = errors.New("clamd was restarted during the scan")
	}
	switch {
	case err == nil:
		v.Engine, v.Database = g.state.names()
		return v, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return mailbox.Verdict{}, mailbox.Wrap(mailbox.Canceled, "", ctx.Err())
	}
	g.look()
	return mailbox.Verdict{}, unavailable(err)
}

func (g *Gate) judge(ctx context.Context, c mailbox.Content) (mailbox.Verdict, error) {
	if c.Size() > g.opt.MaxSize {
		return mailbox.Verdict{Outcome: mailbox.Unjudgeable, Reason: mailbox.ReasonScanLimits}, nil
	}
	release, err := g.place(ctx, c)
	if err != nil {
		return mailbox.Verdict{}, err
	}
	defer release()
	found, err := inspect(ctx, c, c.Size())
	if err != nil {
		return mailbox.Verdict{}, &sourceError{err}
	}
	if found.reason != "" && !found.encrypted() {
		return g.refuse(ctx, found), nil
	}
	v, err := g.ask(ctx, c)
	if err != nil {
		return mailbox.Verdict{}, err
	}
	return g.apply(ctx, v, found)
}

// refuse makes the verdict of a finding of our own.
func (g *Gate) refuse(ctx context.Context, f finding) mailbox.Verdict {
	g.opt.Log.InfoContext(ctx, "upload cannot be judged", "reason", string(f.reason), "detail", f.detail)
	return mailbox.Verdict{Outcome: mailbox.Unjudgeable, Reason: f.reason, Signature: f.signature()}
}

// apply brings together what clamd and the gate saw, and the policy on
// encrypted contents. A virus comes first; then every way of not having looked
// inside. Clean by policy needs three things: the policy accepts the kind, the
// gate itself saw that the upload is encrypted at its outermost level (clamd
// reports encryption deep inside before some of its limits), and whatever is
// not encrypted in it is clean by itself.
func (g *Gate) apply(ctx context.Context, v mailbox.Verdict, found finding) (mailbox.Verdict, error) {
	if v.Outcome == mailbox.Clean && found.reason == "" || v.Outcome == mailbox.Malicious {
		return v, nil
	}
	if v.Outcome == mailbox.Clean {
		// Encrypted in a way that clamd does not notice; it looked at the rest.
		if g.accepts(found.reason) {
			return v, nil
		}
		return g.refuse(ctx, found), nil
	}
	if !g.accepts(v.Reason) || v.Reason != found.reason && !(found.pdf && v.Signature == encryptedPDF) {
		return v, nil
	}
	switch {
	case found.whole, found.pdf:
		return mailbox.Verdict{Outcome: mailbox.Clean}, nil
	case found.rest != nil:
		r, size := found.rest()
		return g.clamd.stream(ctx, r, size)
	}
	return v, nil
}

func (g *Gate) accepts(r mailbox.Reason) bool {
	switch r {
	case mailbox.ReasonEncryptedArchive:
		return g.opt.Encrypted.AcceptArchives
	case mailbox.ReasonEncryptedDocument:
		return g.opt.Encrypted.AcceptDocuments
	}
	return false
}

// place waits for a scanner thread. Only complete contents come here, so a slow
// sender never holds one; and large contents never hold all of them.
func (g *Gate) place(ctx context.Context, c mailbox.Content) (release func(), err error) {
	large := c.Bytes() == nil
	if large {
		if err := g.large.Acquire(ctx, 1); err != nil {
			return nil, fmt.Errorf("wait for a scanner thread: %w", err)
		}
	}
	if err := g.all.Acquire(ctx, 1); err != nil {
		if large {
			g.large.Release(1)
		}
		return nil, fmt.Errorf("wait for a scanner thread: %w", err)
	}
	return func() {
		g.all.Release(1)
		if large {
			g.large.Release(1)
		}
	}, nil
}

// ask hands the bytes to clamd in the cheapest way that works.
func (g *Gate) ask(ctx context.Context, c mailbox.Content) (mailbox.Verdict, error) {
	if b := c.Bytes(); b != nil || c.Size() == 0 {
		if int64(len(b)) != c.Size() {
			return mailbox.Verdict{}, fmt.Errorf("content of %d bytes announces %d", len(b), c.Size())
		}
		return g.clamd.bytes(ctx, b)
	}
	if g.state.descriptors() {
		f, err := c.Open()
		if err != nil {
			return mailbox.Verdict{}, &sourceError{err}
		}
		if f != nil {
			defer f.Close()
			return g.clamd.descriptor(ctx, f, c.Size())
		}
	}
	return g.clamd.stream(ctx, io.NewSectionReader(c, 0, c.Size()+1), c.Size())
}

// look asks Run to look at clamd without waiting for its next turn.
func (g *Gate) look() {
	select {
	case g.kick <- struct{}{}:
	default:
	}
}

func unavailable(cause error) *mailbox.Error {
	return &mailbox.Error{
		Kind: mailbox.Unavailable, Reason: mailbox.ReasonScanner, RetryAfter: retryAfter, Err: cause,
	}
}
