// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Assemble joins the chunks of an upload and delivers the whole as one
// document, through the same gate as any other (I1): the chunks are only where
// its bytes come from. Whoever asks again, because an answer was lost, is told
// what became of it and makes no second version. Kind NotFound when there is no
// such upload, Invalid when its chunks are not up.Expected bytes.
func (s *Service) Assemble(ctx context.Context, a Actor, name string, to Path, up Upload) (Receipt, error) {
	u, err := s.upload(&a, name)
	if err != nil {
		return Receipt{}, err
	}
	w := s.uploads.assembly(u)
	select { // one at a time: a client that has lost patience asks again
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return Receipt{}, Wrap(Canceled, ReasonBroken, ctx.Err())
	}
	defer func() { <-w.turn }()
	if w.done && w.to == to.String() {
		return w.receipt, nil
	}
	// All bytes are here: a client that loses patience with a slow scanner must
	// find the document when it comes back, or it would never arrive. Deliver
	// bounds the time.
	got, err := s.join(context.WithoutCancel(ctx), a, u, to, up)
	if err != nil {
		s.uploads.fresh(u) // nothing to remember, whatever names clients try
		return got, err
	}
	w.done, w.to, w.receipt = true, to.String(), got
	s.uploads.remember(u, w)
	return got, nil
}

// assembly is the joining of one upload, remembered for a while.
type assembly struct {
	turn    chan struct{} // held by who joins; guards what follows
	done    bool
	to      string
	receipt Receipt
	asked   time.Time // last; guarded by uploads.mu
}

// assemblyKept is how long a result is remembered for who asks again.
const assemblyKept = 15 * time.Minute

func (s *Service) join(ctx context.Context, a Actor, u ChunkedUpload, to Path, up Upload) (Receipt, error) {
	chunks, err := s.o.Chunks.List(ctx, u)
	if err != nil {
		return Receipt{}, err
	}
	up.Length = 0
	for _, c := range chunks {
		up.Length += c.Size
	}
	if up.Expected >= 0 && up.Length != up.Expected {
		return Receipt{}, E(Invalid, ReasonLength)
	}
	body := &joined{ctx: ctx, from: s.o.Chunks, upload: u, rest: chunks}
	defer body.close()
	up.Body = body
	got, err := s.Deliver(ctx, a, to, up)
	if body.err != nil { // the storage's word, not the client's fault
		err = body.err
	}
	if err == nil || useless(err) {
		s.dropUpload(ctx, u)
	}
	return got, err
}

// useless says that the chunks will never become a document, whatever the
// client does: they are given up at once.
func useless(err error) bool {
	switch KindOf(err) {
	case Infected, Unscannable, TooLarge:
		return true
	}
	e, ok := asError(err)
	return ok && e.Reason == ReasonDigest
}

// dropUpload removes what is not needed any more; what stays behind expires.
func (s *Service) dropUpload(ctx context.Context, u ChunkedUpload) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitLimit)
	defer cancel()
	if err := s.o.Chunks.Remove(ctx, u); err != nil && KindOf(err) != NotFound {
		s.o.Log.WarnContext(ctx, "chunks stay until they expire", "upload", u.Name, "err", err)
	}
	s.uploads.forget(u.Account)
}

// joined reads chunks one after another, as one body.
type joined struct {
	ctx    context.Context // of the request that reads
	from   Chunks
	upload ChunkedUpload
	rest   []Chunk
	open   io.ReadCloser
	left   int64 // bytes of the open chunk
	err    error // of the storage
}

// Read gives the next bytes. A chunk that is not what was listed is an error:
// somebody has replaced it meanwhile.
func (j *joined) Read(p []byte) (int, error) {
	for {
		if j.open == nil {
			if len(j.rest) == 0 {
				return 0, io.EOF
			}
			if err := j.next(); err != nil {
				return 0, j.fail(err)
			}
		}
		n, err := j.open.Read(p)
		j.left -= int64(n)
		switch {
		case j.left < 0 || err == io.EOF && j.left > 0:
			return 0, j.fail(&Error{Kind: Conflict, Reason: ReasonLength, Err: errors.New("a chunk changed while it was read")})
		case err != nil && err != io.EOF:
			return n, j.fail(fmt.Errorf("read chunk: %w", err))
		case err == io.EOF:
			j.close()
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (j *joined) next() (err error) {
	c := j.rest[0]
	j.rest = j.rest[1:]
	j.open, err = j.from.Open(j.ctx, j.upload, c.Number)
	j.left = c.Size
	return err
}

// fail notes an error that is no fault of the client: kind Unavailable where
// it has none.
func (j *joined) fail(err error) error {
	j.err = err
	if _, ours := asError(err); !ours {
		j.err = &Error{Kind: Unavailable, Reason: ReasonStorage, RetryAfter: 10 * time.Second, Err: err}
	}
	return j.err
}

func (j *joined) close() {
	if j.open != nil {
		_ = j.open.Close() // only read
		j.open = nil
	}
}
