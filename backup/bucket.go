// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

var _ Place = (*Bucket)(nil)

// Bucket is a place in an S3 server.
type Bucket struct {
	Core       *minio.Core
	Name       string
	Prefix     string             // of every key, "" or with a slash at its end
	Encryption encrypt.ServerSide // nil for the bucket's own
}

// partSize is that of every part but the last, in bytes: 10,000 of them make
// 320 GB. One part is held in memory.
const partSize = 32 << 20

// tidyLimit bounds giving up an upload that nobody waits for any more.
const tidyLimit = 30 * time.Second

// Put sends the file in parts, and makes an object of them when all are there.
// Each has its MD5, which servers ask for where the bucket locks by a rule.
func (b *Bucket) Put(ctx context.Context, name string, write func(io.Writer) error) (err error) {
	key := b.Prefix + name
	if _, err := b.Core.StatObject(ctx, b.Name, key, minio.StatObjectOptions{}); err == nil {
		return fmt.Errorf("%s: %w", key, fs.ErrExist)
	}
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", ServerSideEncryption: b.Encryption}
	id, err := b.Core.NewMultipartUpload(ctx, b.Name, key, o)
	if err != nil {
		return err
	}
	p := &partWriter{b: b, ctx: ctx, key: key, id: id, buf: make([]byte, 0, partSize)}
	defer func() {
		if err == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyLimit)
		defer cancel()
		_ = b.Core.AbortMultipartUpload(ctx, b.Name, key, id) // else Tidy, or the server's own rule
	}()
	if err := write(p); err != nil {
		return err
	}
	if err := p.flush(); err != nil { // of an empty file, one empty part
		return err
	}
	done := minio.PutObjectOptions{}
	done.SetMatchETagExcept("*")
	_, err = b.Core.CompleteMultipartUpload(ctx, b.Name, key, id, p.sent, done)
	return err
}

// partWriter sends a part whenever one is full.
type partWriter struct {
	b       *Bucket
	ctx     context.Context
	key, id string
	buf     []byte
	sent    []minio.CompletePart
}

func (p *partWriter) Write(data []byte) (n int, err error) {
	for len(data) > 0 {
		if len(p.buf) == cap(p.buf) {
			if err := p.flush(); err != nil {
				return n, err
			}
		}
		k := min(len(data), cap(p.buf)-len(p.buf))
		p.buf = append(p.buf, data[:k]...)
		n, data = n+k, data[k:]
	}
	return n, nil
}

func (p *partWriter) flush() error {
	sum, check := sha256.Sum256(p.buf), md5.Sum(p.buf) // #nosec G401: beside the signed SHA-256
	part, err := p.b.Core.PutObjectPart(p.ctx, p.b.Name, p.key, p.id, len(p.sent)+1, bytes.NewReader(p.buf), int64(len(p.buf)),
		minio.PutObjectPartOptions{Sha256Hex: hex.EncodeToString(sum[:]), Md5Base64: base64.StdEncoding.EncodeToString(check[:]), SSE: p.b.Encryption})
	if err != nil {
		return err
	}
	p.sent = append(p.sent, minio.CompletePart{PartNumber: part.PartNumber, ETag: part.ETag})
	p.buf = p.buf[:0]
	return nil
}

// Get reads an object.
func (b *Bucket) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	body, _, _, err := b.Core.GetObject(ctx, b.Name, b.Prefix+name, minio.GetObjectOptions{})
	if e, ok := errors.AsType[minio.ErrorResponse](err); ok && e.Code == "NoSuchKey" {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return body, err
}

// List gives the objects below the prefix.
func (b *Bucket) List(ctx context.Context) ([]File, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all []File
	for info := range b.Core.ListObjectsIter(ctx, b.Name, minio.ListObjectsOptions{Prefix: b.Prefix}) {
		if info.Err != nil {
			return nil, info.Err
		}
		all = append(all, File{Name: strings.TrimPrefix(info.Key, b.Prefix), Size: info.Size})
	}
	return all, nil
}

// Remove deletes an object; where the bucket keeps versions, for the eye.
func (b *Bucket) Remove(ctx context.Context, name string) error {
	return b.Core.RemoveObject(ctx, b.Name, b.Prefix+name, minio.RemoveObjectOptions{})
}

// Tidy gives up uploads that a killed process left, where the server lists them.
func (b *Bucket) Tidy(ctx context.Context) error {
	list, err := b.Core.ListMultipartUploads(ctx, b.Name, b.Prefix, "", "", "", 1000)
	if err != nil {
		return err
	}
	for _, u := range list.Uploads {
		if namePattern.MatchString(strings.TrimPrefix(u.Key, b.Prefix)) && time.Since(u.Initiated) > 24*time.Hour {
			err = errors.Join(err, b.Core.AbortMultipartUpload(ctx, b.Name, u.Key, u.UploadID))
		}
	}
	return err
}
