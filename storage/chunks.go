// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"postfach/mailbox"
)

// chunksName is the folder, at the top of a Dir, of uploads in chunks:
//
//	.chunks/<account>/<upload>/<number, 20 digits>
//
// A file there whose name begins with a dot is a chunk that is being written.
const chunksName = ".chunks"

// Chunks keeps the chunks of uploads in a Dir, where several processes may
// share them. Nothing here is a blob, and nothing here is read but to be joined.
type Chunks struct{ dir *Dir }

var _ mailbox.Chunks = (*Chunks)(nil)

// Chunks gives the part of the storage that keeps chunks.
func (d *Dir) Chunks() *Chunks { return &Chunks{dir: d} }

func accountFolder(a mailbox.AccountID) string {
	return chunksName + "/" + strconv.FormatInt(int64(a), 10)
}

// uploadFolder gives the folder of an upload; names are letters, digits,
// hyphens and underscores, so they are safe here.
func uploadFolder(u mailbox.ChunkedUpload) (string, error) {
	if err := mailbox.CheckUploadName(u.Name); err != nil {
		return "", fault("upload %q: %w", u.Name, err)
	}
	return accountFolder(u.Account) + "/" + u.Name, nil
}

func chunkName(number uint64) string { return fmt.Sprintf("%020d", number) }

// chunkFault gives an error of the file system the kind that it means.
func chunkFault(op string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return mailbox.Wrap(mailbox.NotFound, mailbox.ReasonNotFound, fmt.Errorf("storage: %s: %w", op, err))
	}
	return refusal("storage: "+op, err)
}

// Begin makes an empty upload.
func (c *Chunks) Begin(ctx context.Context, u mailbox.ChunkedUpload) error {
	folder, err := uploadFolder(u)
	if err == nil {
		err = given(ctx)
	}
	if err != nil {
		return err
	}
	for range 3 { // Expire may take the account's empty folder away in between
		if err = c.dir.root.MkdirAll(accountFolder(u.Account), dirMode); err != nil {
			break
		}
		err = c.dir.root.Mkdir(folder, dirMode)
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return mailbox.Wrap(mailbox.Exists, mailbox.ReasonExists, err)
	}
	return refusal("storage: begin upload", err)
}

// Put stores one chunk.
func (c *Chunks) Put(ctx context.Context, u mailbox.ChunkedUpload, number uint64, size int64, body io.Reader) (n int64, replaced bool, err error) {
	folder, err := uploadFolder(u)
	if err != nil {
		return 0, false, err
	}
	if err := given(ctx); err != nil {
		return 0, false, err
	}
	c.dir.promised.Add(max(size, 0))
	defer c.dir.promised.Add(-max(size, 0))
	if err := c.dir.room(); err != nil {
		return 0, false, err
	}
	temp := folder + "/." + uuid.NewString()
	f, err := c.dir.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return 0, false, chunkFault("put chunk", err)
	}
	n, err = c.write(f, body)
	if err == nil {
		replaced, err = c.settle(temp, folder+"/"+chunkName(number))
	}
	if err != nil {
		_ = c.dir.root.Remove(temp) // else it goes with its upload
	}
	return n, replaced, err
}

// source tells a fault of the body from one of the disk.
type source struct {
	io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// write copies a body into a file and brings it to the disk: a chunk is joined
// perhaps after a power cut, and not every client says what the whole must be.
func (c *Chunks) write(f *os.File, body io.Reader) (int64, error) {
	from := &source{Reader: body}
	n, err := io.Copy(f, from)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if from.err != nil {
		return n, from.err
	}
	return n, refusal("storage: write chunk", err)
}

// settle gives a chunk its name.
func (c *Chunks) settle(temp, name string) (replaced bool, err error) {
	_, err = c.dir.root.Lstat(name)
	replaced = err == nil
	if err := c.dir.root.Rename(temp, name); err != nil {
		return false, chunkFault("put chunk", err)
	}
	return replaced, chunkFault("put chunk", syncDir(c.dir.root, path.Dir(name)))
}

// List gives the chunks of an upload by number.
func (c *Chunks) List(ctx context.Context, u mailbox.ChunkedUpload) ([]mailbox.Chunk, error) {
	folder, err := uploadFolder(u)
	if err != nil {
		return nil, err
	}
	chunks, _, err := c.list(ctx, folder)
	return chunks, err
}

// list also gives when the folder last changed.
func (c *Chunks) list(ctx context.Context, folder string) (chunks []mailbox.Chunk, changed time.Time, err error) {
	if err := given(ctx); err != nil {
		return nil, changed, err
	}
	entries, changed, err := c.read(folder)
	if err != nil {
		return nil, changed, err
	}
	for _, e := range entries {
		number, errName := strconv.ParseUint(e.Name(), 10, 64)
		if errName != nil {
			continue // being written
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, changed, refusal("storage: list chunks", err)
		}
		chunks = append(chunks, mailbox.Chunk{Number: number, Size: info.Size(), Changed: info.ModTime()})
	}
	slices.SortFunc(chunks, func(a, b mailbox.Chunk) int { return cmp.Compare(a.Number, b.Number) })
	return chunks, changed, nil
}

// read gives what lies in a folder and when that last changed.
func (c *Chunks) read(folder string) ([]fs.DirEntry, time.Time, error) {
	f, err := c.dir.root.Open(folder)
	if err != nil {
		return nil, time.Time{}, chunkFault("list uploads", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, refusal("storage: list uploads", err)
	}
	entries, err := f.ReadDir(-1)
	return entries, info.ModTime(), refusal("storage: list uploads", err)
}

// Uploads gives those of an account.
func (c *Chunks) Uploads(ctx context.Context, a mailbox.AccountID) ([]mailbox.UploadState, error) {
	entries, _, err := c.read(accountFolder(a))
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []mailbox.UploadState
	for _, e := range entries {
		chunks, changed, err := c.list(ctx, accountFolder(a)+"/"+e.Name())
		if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		u := mailbox.UploadState{Name: e.Name(), Chunks: len(chunks), Changed: changed}
		for _, k := range chunks {
			u.Bytes += k.Size
		}
		all = append(all, u)
	}
	return all, nil
}

// Open reads a chunk from its beginning.
func (c *Chunks) Open(ctx context.Context, u mailbox.ChunkedUpload, number uint64) (io.ReadCloser, error) {
	folder, err := uploadFolder(u)
	if err == nil {
		err = given(ctx)
	}
	if err != nil {
		return nil, err
	}
	f, err := c.dir.root.Open(folder + "/" + chunkName(number))
	if err != nil {
		return nil, chunkFault("open chunk", err)
	}
	return f, nil
}

// RemoveChunk takes one chunk away.
func (c *Chunks) RemoveChunk(ctx context.Context, u mailbox.ChunkedUpload, number uint64) error {
	folder, err := uploadFolder(u)
	if err == nil {
		err = given(ctx)
	}
	if err != nil {
		return err
	}
	return chunkFault("remove chunk", c.dir.root.Remove(folder+"/"+chunkName(number)))
}

// Remove takes an upload away with all its chunks. It gets another name first,
// so that it is gone at once and nobody writes into it meanwhile.
func (c *Chunks) Remove(ctx context.Context, u mailbox.ChunkedUpload) error {
	folder, err := uploadFolder(u)
	if err == nil {
		err = given(ctx)
	}
	if err != nil {
		return err
	}
	return c.remove(folder)
}

func (c *Chunks) remove(folder string) error {
	gone := chunksName + "/.gone-" + uuid.NewString()
	if err := c.dir.root.Rename(folder, gone); err != nil {
		return chunkFault("remove upload", err)
	}
	return refusal("storage: remove upload", c.dir.root.RemoveAll(gone))
}

// Expire removes the uploads in which nothing has changed since before, what
// was left of others that were being removed, and accounts without uploads.
func (c *Chunks) Expire(ctx context.Context, before time.Time) (removed int, err error) {
	accounts, _, err := c.read(chunksName)
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, a := range accounts {
		folder := chunksName + "/" + a.Name()
		if a.Name()[0] == '.' {
			if err := c.dir.root.RemoveAll(folder); err != nil {
				return removed, refusal("storage: expire uploads", err)
			}
			continue
		}
		n, err := c.expire(ctx, folder, before)
		removed += n
		if err != nil {
			return removed, err
		}
		_ = c.dir.root.Remove(folder) // succeeds when it is empty
	}
	return removed, nil
}

// expire goes through one account.
func (c *Chunks) expire(ctx context.Context, account string, before time.Time) (removed int, err error) {
	uploads, _, err := c.read(account)
	if err != nil {
		return 0, chunkGone(err)
	}
	for _, u := range uploads {
		chunks, changed, err := c.list(ctx, account+"/"+u.Name())
		for _, k := range chunks {
			if k.Changed.After(changed) {
				changed = k.Changed
			}
		}
		if err == nil && changed.Before(before) {
			err = c.remove(account + "/" + u.Name())
			removed++
		}
		if err := chunkGone(err); err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// chunkGone takes it for no fault that somebody else was quicker.
func chunkGone(err error) error {
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
		return nil
	}
	return err
}
