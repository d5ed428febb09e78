// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"postfach/mailbox"
)

// S3Chunks keeps the chunks of uploads in the bucket, so that each of several
// nodes has those that came to another. Keys below the prefix:
//
//	.chunks/<account>/<upload>/begun
//	.chunks/<account>/<upload>/<number, 20 digits>
type S3Chunks struct{ s *S3 }

var _ mailbox.Chunks = (*S3Chunks)(nil)

// begunName ends the key that says that an upload exists. It sorts behind the
// chunks.
const begunName = "begun"

// Chunks gives the part of the storage that keeps chunks.
func (s *S3) Chunks() *S3Chunks { return &S3Chunks{s} }

func (c *S3Chunks) account(a mailbox.AccountID) string {
	return c.s.o.Prefix + chunksName + "/" + strconv.FormatInt(int64(a), 10) + "/"
}

// upload gives what the keys of an upload begin with.
func (c *S3Chunks) upload(ctx context.Context, u mailbox.ChunkedUpload) (string, error) {
	if err := mailbox.CheckUploadName(u.Name); err != nil {
		return "", fault("upload %q: %w", u.Name, err)
	}
	return c.account(u.Account) + u.Name + "/", given(ctx)
}

// noUpload is the error for an upload or a chunk that is not there.
func noUpload(key string) error {
	return mailbox.Wrap(mailbox.NotFound, mailbox.ReasonNotFound, fmt.Errorf("storage: no %s", key))
}

// there is an error of kind NotFound when a key is not in the bucket.
func (c *S3Chunks) there(ctx context.Context, key string) error {
	_, err := c.s.core.StatObject(ctx, c.s.o.Bucket, key, minio.StatObjectOptions{})
	if absent(err) {
		return noUpload(key)
	}
	return trouble("storage: chunks", err)
}

// Begin makes an empty upload.
func (c *S3Chunks) Begin(ctx context.Context, u mailbox.ChunkedUpload) error {
	folder, err := c.upload(ctx, u)
	if err != nil {
		return err
	}
	_, err = c.s.put(ctx, folder+begunName, newBody(nil), 0, sha256.Sum256(nil), c.s.settings(map[string]string{metaMark: newMark()}, false))
	if errors.Is(err, errInUse) {
		return mailbox.Wrap(mailbox.Exists, mailbox.ReasonExists, err)
	}
	return err
}

// Put stores one chunk. It waits in the spool until its body has ended, so that
// a slow client takes no connection to the bucket, and a broken one none at all.
func (c *S3Chunks) Put(ctx context.Context, u mailbox.ChunkedUpload, number uint64, size int64, body io.Reader) (n int64, replaced bool, err error) {
	folder, err := c.upload(ctx, u)
	if err != nil {
		return 0, false, err
	}
	if err := c.there(ctx, folder+begunName); err != nil {
		return 0, false, err
	}
	st, err := c.s.spool.stage(ctx, size)
	if err != nil {
		return 0, false, err
	}
	defer st.Discard() //nolint:errcheck // the spool only; nothing names it
	h, from := sha256.New(), &source{Reader: body}
	n, err = io.Copy(io.MultiWriter(h, st), from)
	if from.err != nil {
		return n, false, from.err
	}
	if err != nil {
		return n, false, err
	}
	content, err := st.Seal()
	if err != nil {
		return n, false, err
	}
	replaced, err = c.send(ctx, folder+chunkName(number), content, h.Sum(nil))
	return n, replaced, err
}

// send puts a chunk in the place of an earlier one.
func (c *S3Chunks) send(ctx context.Context, key string, content mailbox.Content, sum []byte) (replaced bool, err error) {
	n := content.Size()
	if n > maxPart {
		return false, mailbox.Wrap(mailbox.TooLarge, mailbox.ReasonTooLarge, fmt.Errorf("storage: %d bytes in one chunk", n))
	}
	err = c.there(ctx, key)
	if replaced = err == nil; !replaced && mailbox.KindOf(err) != mailbox.NotFound {
		return false, err
	}
	err = patiently(ctx, func() error {
		done, err := c.s.core.PutObject(ctx, c.s.o.Bucket, key, io.NewSectionReader(content, 0, n), n, "", hex.EncodeToString(sum),
			c.s.settings(nil, false))
		if err == nil && done.ETag == "" {
			err = errors.New("an answer that is none of S3")
		}
		return err
	})
	if err != nil {
		return false, notStored("storage: put chunk", err)
	}
	return replaced, nil
}

// chunked is one upload as a listing tells it.
type chunked struct {
	account string
	name    string
	begun   bool
	changed time.Time
	chunks  []mailbox.Chunk
	bytes   int64
}

// each calls fn for every upload below a prefix, begun or not.
func (c *S3Chunks) each(ctx context.Context, prefix string, fn func(chunked) error) error {
	var now chunked
	flush := func() error {
		if now.name == "" {
			return nil
		}
		return fn(now)
	}
	err := c.s.each(ctx, prefix, func(info minio.ObjectInfo) error {
		steps := strings.Split(strings.TrimPrefix(info.Key, c.s.o.Prefix+chunksName+"/"), "/")
		if len(steps) != 3 {
			return nil
		}
		if steps[0] != now.account || steps[1] != now.name {
			if err := flush(); err != nil {
				return err
			}
			now = chunked{account: steps[0], name: steps[1]}
		}
		if info.LastModified.After(now.changed) {
			now.changed = info.LastModified
		}
		if steps[2] == begunName {
			now.begun = true
		} else if number, err := strconv.ParseUint(steps[2], 10, 64); err == nil {
			now.chunks = append(now.chunks, mailbox.Chunk{Number: number, Size: info.Size, Changed: info.LastModified})
			now.bytes += info.Size
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// List gives the chunks of an upload by number.
func (c *S3Chunks) List(ctx context.Context, u mailbox.ChunkedUpload) ([]mailbox.Chunk, error) {
	folder, err := c.upload(ctx, u)
	if err != nil {
		return nil, err
	}
	var got chunked
	if err := c.each(ctx, folder, func(x chunked) error { got = x; return nil }); err != nil {
		return nil, err
	}
	if !got.begun {
		return nil, noUpload(folder)
	}
	return got.chunks, nil // keys sort as numbers do
}

// Uploads gives those of an account.
func (c *S3Chunks) Uploads(ctx context.Context, a mailbox.AccountID) ([]mailbox.UploadState, error) {
	var all []mailbox.UploadState
	err := c.each(ctx, c.account(a), func(x chunked) error {
		if x.begun {
			all = append(all, mailbox.UploadState{Name: x.name, Chunks: len(x.chunks), Bytes: x.bytes, Changed: x.changed})
		}
		return nil
	})
	return all, err
}

// Open reads a chunk from its beginning.
func (c *S3Chunks) Open(ctx context.Context, u mailbox.ChunkedUpload, number uint64) (io.ReadCloser, error) {
	folder, err := c.upload(ctx, u)
	if err != nil {
		return nil, err
	}
	key := folder + chunkName(number)
	body, _, _, err := c.s.core.GetObject(ctx, c.s.o.Bucket, key, minio.GetObjectOptions{})
	if absent(err) {
		return nil, noUpload(key)
	}
	if err != nil {
		return nil, trouble("storage: open chunk", err)
	}
	return &s3Reader{body: body, s3: c.s, what: key}, nil
}

// RemoveChunk takes one chunk away.
func (c *S3Chunks) RemoveChunk(ctx context.Context, u mailbox.ChunkedUpload, number uint64) error {
	folder, err := c.upload(ctx, u)
	if err != nil {
		return err
	}
	key := folder + chunkName(number)
	if err := c.there(ctx, key); err != nil {
		return err
	}
	return notStored("storage: remove chunk", c.s.dropCurrent(ctx, key))
}

// Remove takes an upload away with all its chunks. What says that it exists
// goes first, so that it is gone at once; a chunk that was just on its way is
// left to Expire.
func (c *S3Chunks) Remove(ctx context.Context, u mailbox.ChunkedUpload) error {
	folder, err := c.upload(ctx, u)
	if err != nil {
		return err
	}
	if err := c.there(ctx, folder+begunName); err != nil {
		return err
	}
	return c.remove(ctx, folder)
}

func (c *S3Chunks) remove(ctx context.Context, folder string) error {
	if err := c.s.dropCurrent(ctx, folder+begunName); err != nil {
		return notStored("storage: remove upload", err)
	}
	return c.s.each(ctx, folder, func(info minio.ObjectInfo) error {
		return notStored("storage: remove upload", c.s.dropCurrent(ctx, info.Key))
	})
}

// Expire removes the uploads in which nothing has changed since before, and
// what is left of others that were being removed.
func (c *S3Chunks) Expire(ctx context.Context, before time.Time) (removed int, err error) {
	err = c.each(ctx, c.s.o.Prefix+chunksName+"/", func(x chunked) error {
		if !x.changed.Before(before) {
			return nil
		}
		if x.begun {
			removed++
		}
		return c.remove(ctx, c.s.o.Prefix+chunksName+"/"+x.account+"/"+x.name+"/")
	})
	return removed, err
}
