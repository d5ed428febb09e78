// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"io"
	"time"
)

// BeginUpload makes room for an upload in chunks. total is what the client
// announces in bytes, -1 for nothing. Kind Unsupported where this installation
// keeps no chunks, Exists when the account has one of this name, TooLarge,
// Unavailable when the account or the installation has too much under way.
func (s *Service) BeginUpload(ctx context.Context, a Actor, name string, total int64) error {
	u, err := s.upload(&a, name)
	if err != nil {
		return err
	}
	if err := s.scanner.Ready(); err != nil { // before somebody sends 2 GiB for nothing
		return err
	}
	if total > s.o.MaxSize {
		return s.tooLarge()
	}
	s.uploads.forget(a.Account) // other nodes take chunks too: count anew
	h, err := s.holds(ctx, a.Account)
	if err != nil {
		return err
	}
	if err := h.begin(name, max(total, 0)); err != nil {
		return err
	}
	if err := s.o.Chunks.Begin(ctx, u); err != nil {
		s.uploads.forget(a.Account)
		return err
	}
	s.uploads.fresh(u)
	return nil
}

// PutChunk stores one chunk; length is what was announced in bytes, -1 for
// nothing. created is false when it takes the place of one of its number.
func (s *Service) PutChunk(ctx context.Context, a Actor, name string, number uint64, body io.Reader, length int64) (created bool, err error) {
	u, err := s.upload(&a, name)
	if err != nil {
		return false, err
	}
	h, err := s.holds(ctx, a.Account)
	if err != nil {
		return false, err
	}
	if err := h.fits(name, max(length, 0), s.o.MaxSize); err != nil { // told before the first byte
		return false, err
	}
	m := &metered{body: body, held: h, upload: name, max: s.o.MaxSize}
	_, replaced, err := s.o.Chunks.Put(ctx, u, number, length, m)
	if m.refused != nil {
		err = m.refused
	}
	if err != nil || replaced { // what it held, or replaced, counts no more
		s.uploads.forget(a.Account)
	}
	if err == nil {
		h.stored(name)
		return !replaced, nil
	}
	if _, ours := asError(err); !ours {
		err = broken(ctx, err)
	}
	return false, err
}

// Uploads lists what the account has under way.
func (s *Service) Uploads(ctx context.Context, a Actor) ([]UploadState, error) {
	if _, err := s.upload(&a, "-"); err != nil {
		return nil, err
	}
	return s.o.Chunks.Uploads(ctx, a.Account)
}

// UploadChunks lists the chunks of one upload, so that a client can go on with
// it.
func (s *Service) UploadChunks(ctx context.Context, a Actor, name string) ([]Chunk, error) {
	u, err := s.upload(&a, name)
	if err != nil {
		return nil, err
	}
	return s.o.Chunks.List(ctx, u)
}

// DropUpload gives an upload up.
func (s *Service) DropUpload(ctx context.Context, a Actor, name string) error {
	u, err := s.upload(&a, name)
	if err != nil {
		return err
	}
	s.uploads.forget(a.Account)
	return s.o.Chunks.Remove(ctx, u)
}

// DropChunk gives one chunk up.
func (s *Service) DropChunk(ctx context.Context, a Actor, name string, number uint64) error {
	u, err := s.upload(&a, name)
	if err != nil {
		return err
	}
	s.uploads.forget(a.Account)
	return s.o.Chunks.RemoveChunk(ctx, u, number)
}

// ExpireUploads removes what nobody has gone on with for UploadExpires, and
// says how many uploads those were.
func (s *Service) ExpireUploads(ctx context.Context) (int, error) {
	if s.o.Chunks == nil {
		return 0, nil
	}
	var before time.Time
	err := s.catalog.View(ctx, func(r Reader) error { before = r.Now().Add(-UploadExpires); return nil })
	if err != nil {
		return 0, err
	}
	return s.o.Chunks.Expire(ctx, before)
}

// upload checks who asks for it and what it is called.
func (s *Service) upload(a *Actor, name string) (ChunkedUpload, error) {
	u := ChunkedUpload{Account: a.Account, Name: name}
	switch {
	case s.o.Chunks == nil:
		return u, E(Unsupported, ReasonUnsupported)
	case len(a.fileGrants(s.o.Now())) == 0:
		return u, E(Forbidden, ReasonNoGrant)
	}
	return u, CheckUploadName(name)
}

// holds is what an account's uploads hold. It is counted from the storage now
// and then, since other nodes take chunks too.
func (s *Service) holds(ctx context.Context, a AccountID) (*held, error) {
	if h := s.uploads.known(a); h != nil {
		return h, nil
	}
	states, err := s.o.Chunks.Uploads(ctx, a)
	if err != nil {
		return nil, err
	}
	return s.uploads.learn(a, states), nil
}

// TakesChunks says whether uploads may arrive in chunks here.
func (s *Service) TakesChunks() bool { return s.o.Chunks != nil }

// MayDeliver says whether a document of size bytes (-1 for unknown) would be
// taken at a path, as far as that can be said before its bytes are there.
func (s *Service) MayDeliver(ctx context.Context, a Actor, p Path, size int64) error {
	if size > s.o.MaxSize {
		return s.tooLarge()
	}
	return s.catalog.View(ctx, func(r Reader) error {
		_, err := s.planPut(r, &a, p, Conditions{}, max(size, 0))
		return err
	})
}
