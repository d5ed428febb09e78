// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"bytes"
	"context"
	"crypto/md5"  //nolint:gosec // clients announce it; never a decision of ours
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"hash/adler32"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Upload is the body of a document with what the client said about it.
type Upload struct {
	Body     io.Reader
	Length   int64     // bytes announced; -1 for unknown
	Expected int64     // bytes announced by X-Expected-Entity-Length; -1 for unknown
	Digests  []Digest  // that the body must have
	Modified time.Time // of the content; zero for now
	// Checksums asks for SHA-1 and MD5 beside SHA-256, for clients that compare.
	Checksums bool
	Conditions
}

// Digest is what a client announced: Algorithm is "sha-256", "sha-512",
// "sha-1", "md5" or "adler32".
type Digest struct {
	Algorithm string
	Sum       []byte
}

var hashes = map[string]func() hash.Hash{
	"sha-256": sha256.New, "sha-512": sha512.New, "sha-1": sha1.New, "md5": md5.New,
	"adler32": func() hash.Hash { return adler32.New() },
}

// KnownDigest says whether an announced digest of this algorithm is verified.
func KnownDigest(algorithm string) bool { return hashes[algorithm] != nil }

// digester computes several digests over one stream, beside the writing.
type digester struct {
	byName map[string]hash.Hash
	all    io.Writer
}

func newDigester(up Upload) *digester {
	d := &digester{byName: map[string]hash.Hash{"sha-256": sha256.New()}}
	names := make([]string, 0, 4)
	for _, g := range up.Digests {
		names = append(names, g.Algorithm)
	}
	if up.Checksums {
		names = append(names, "sha-1", "md5")
	}
	for _, n := range names {
		if d.byName[n] == nil && hashes[n] != nil {
			d.byName[n] = hashes[n]()
		}
	}
	ws := make([]io.Writer, 0, len(d.byName))
	for _, h := range d.byName {
		ws = append(ws, h)
	}
	d.all = io.MultiWriter(ws...)
	return d
}

func (d *digester) sum(name string) []byte {
	if h := d.byName[name]; h != nil {
		return h.Sum(nil)
	}
	return nil
}

// verify compares with what the client announced: kind Invalid.
func (d *digester) verify(announced []Digest) error {
	for _, g := range announced {
		if !bytes.Equal(d.sum(g.Algorithm), g.Sum) {
			return E(Invalid, ReasonDigest, strings.ToUpper(g.Algorithm))
		}
	}
	return nil
}

const chunk = 256 << 10

var chunks = sync.Pool{New: func() any { b := make([]byte, chunk); return &b }}

// received is a complete body: staged, measured, not judged yet.
type received struct {
	content Content
	size    int64
	digests *digester
}

// receive takes the body into staging. It uses constant memory whatever the
// size, and leaves the staging to the caller.
func (s *Service) receive(ctx context.Context, up Upload, staged Staged, grow func(int64) error) (received, error) {
	r := received{digests: newDigester(up)}
	n, err := s.pump(ctx, up, staged, grow, r.digests.all)
	if err != nil {
		return r, err
	}
	r.size = n
	if up.Length >= 0 && n != up.Length || up.Expected >= 0 && n != up.Expected {
		return r, E(Invalid, ReasonLength)
	}
	if err := r.digests.verify(up.Digests); err != nil {
		return r, err
	}
	if r.content, err = staged.Seal(); err != nil {
		return r, err
	}
	if r.content.Size() != n {
		return r, Wrap(Internal, ReasonInternal, errors.New("staging holds another number of bytes than were received"))
	}
	return r, nil
}

// pump copies the body to the staging while another goroutine hashes it; a body
// that fits one chunk is hashed in place.
func (s *Service) pump(ctx context.Context, up Upload, staged io.Writer, grow func(int64) error, digests io.Writer) (int64, error) {
	h := hashing{digests: digests}
	defer h.stop()
	var total int64
	for {
		buf := chunks.Get().(*[]byte)
		n, err := fill(ctx, up.Body, *buf)
		total += int64(n)
		if e := s.fits(total, grow); e != nil {
			chunks.Put(buf)
			return total, e
		}
		_, e := staged.Write((*buf)[:n])
		h.add(buf, n, err == nil)
		switch {
		case e != nil:
			return total, e
		case err == io.EOF: // exactly: a body that broke off is another error, even wrapped
			return total, nil
		case err != nil:
			return total, broken(ctx, err)
		}
	}
}

// fill reads until buf is full, the body says why not, or ctx ends, however
// slowly the body drips. Unlike io.ReadFull it keeps the body's own error: a
// server body that broke off ends in io.ErrUnexpectedEOF, which must not look
// like an end.
func fill(ctx context.Context, r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		if err = ctx.Err(); err != nil {
			break
		}
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// hashing feeds the digests from a goroutine of its own, so that a second core
// hashes while the first one writes.
type hashing struct {
	digests io.Writer
	full    chan hashChunk
	done    chan struct{}
}

type hashChunk struct {
	buf *[]byte
	n   int
}

// add hashes n bytes of buf and then returns it to the pool; more says that
// other chunks follow.
func (h *hashing) add(buf *[]byte, n int, more bool) {
	if h.full == nil && !more {
		_, _ = h.digests.Write((*buf)[:n])
		chunks.Put(buf)
		return
	}
	if h.full == nil {
		h.full, h.done = make(chan hashChunk, 3), make(chan struct{})
		go func() {
			defer close(h.done)
			for c := range h.full {
				_, _ = h.digests.Write((*c.buf)[:c.n])
				chunks.Put(c.buf)
			}
		}()
	}
	h.full <- hashChunk{buf, n}
}

// stop waits until everything is hashed.
func (h *hashing) stop() {
	if h.full != nil {
		close(h.full)
		<-h.done
	}
}

// fits refuses a body that is over the limit, the budget or the quota.
func (s *Service) fits(total int64, grow func(int64) error) error {
	if total > s.o.MaxSize {
		return s.tooLarge()
	}
	return grow(total)
}

func (s *Service) tooLarge() error {
	return E(TooLarge, ReasonTooLarge, strconv.FormatInt(s.o.MaxSize>>20, 10)+" MiB")
}

// broken is a body that ended early: the client went away, or was too slow.
func broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ended(context.Cause(ctx), err)
	}
	return Wrap(Invalid, ReasonBroken, err)
}

// ended is an upload whose context did, for this cause.
func ended(cause, err error) error {
	if errors.Is(cause, context.DeadlineExceeded) {
		return Wrap(Invalid, ReasonTooSlow, err)
	}
	return Wrap(Canceled, ReasonBroken, err)
}
