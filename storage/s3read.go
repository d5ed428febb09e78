// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"

	"postfach/mailbox"
)

// copyBuffer is what a copy from the bucket takes at a time, in bytes.
const copyBuffer = 256 << 10

// Open reads n bytes from offset (n < 0: to the end) by exactly one GET. The
// context counts as long as the reading goes on. Kind NotFound when there is
// no such blob, RangeUnsatisfiable when offset lies beyond its end.
func (s *S3) Open(ctx context.Context, key mailbox.BlobKey, offset, n int64) (io.ReadCloser, error) {
	if err := given(ctx); err != nil {
		return nil, err
	}
	object, err := s.object(key)
	if err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, beyond(key, offset, -1)
	}
	if n == 0 {
		return s.nothing(ctx, key, object, offset)
	}
	var o minio.GetObjectOptions
	part := offset > 0 || n > 0
	if part {
		end := int64(0) // to the end
		if n > 0 {
			end = offset + n - 1
		}
		if err := o.SetRange(offset, end); err != nil {
			return nil, fault("range %d+%d: %w", offset, n, err)
		}
	}
	body, _, header, err := s.core.GetObject(ctx, s.o.Bucket, object, o)
	if s3Code(err) == codeBadRange {
		return s.nothing(ctx, key, object, offset) // no byte lies there; perhaps just behind the end
	}
	if err != nil {
		return nil, trouble("storage: open "+key.String(), err)
	}
	if part && !answersRange(header, offset) {
		return nil, errors.Join(refusal("storage: open "+key.String(), errors.New("the answer is not the range asked for")), body.Close())
	}
	return &s3Reader{body: body, s3: s, what: key.String(), size: wholeSize(header)}, nil
}

// wholeSize is the length of the object behind an answer; -1 where it does not
// say.
func wholeSize(h http.Header) int64 {
	text := h.Get("Content-Length")
	if r := h.Get("Content-Range"); r != "" {
		_, text, _ = strings.Cut(r, "/")
	}
	size, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return size
}

// answersRange says whether the answer begins where it should; a server that
// does not know ranges sends everything.
func answersRange(h http.Header, offset int64) bool {
	return strings.HasPrefix(h.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset))
}

func beyond(key mailbox.BlobKey, offset, size int64) error {
	return mailbox.Wrap(mailbox.RangeUnsatisfiable, "", fmt.Errorf("storage: offset %d in %s of %d bytes", offset, key, size))
}

// nothing is a read of no bytes: S3 has no such range, so the size decides.
func (s *S3) nothing(ctx context.Context, key mailbox.BlobKey, object string, offset int64) (io.ReadCloser, error) {
	info, err := s.core.StatObject(ctx, s.o.Bucket, object, minio.StatObjectOptions{})
	if err != nil {
		return nil, trouble("storage: open "+key.String(), err)
	}
	if offset > info.Size {
		return nil, beyond(key, offset, info.Size)
	}
	return io.NopCloser(bytes.NewReader(nil)), nil
}

// s3Reader is the body of one GET. A body that ends early is an error.
type s3Reader struct {
	body io.ReadCloser
	s3   *S3
	what string
	size int64 // of the whole blob; -1 for unknown
}

// BlobSize is the length of the whole blob in bytes.
func (r *s3Reader) BlobSize() (int64, bool) { return r.size, r.size >= 0 }

func (r *s3Reader) Read(p []byte) (int, error) {
	n, err := r.body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = trouble("storage: read "+r.what, err)
	}
	return n, err
}

// WriteTo copies in large steps, which past the buffer of the connection are
// read without another copy.
func (r *s3Reader) WriteTo(w io.Writer) (int64, error) {
	buf := r.s3.lend()
	defer r.s3.copies.Put(buf)
	return io.CopyBuffer(onlyWriter{w}, onlyReader{r}, *buf)
}

func (r *s3Reader) Close() error { return r.body.Close() }

func (s *S3) lend() *[]byte {
	if buf, ok := s.copies.Get().(*[]byte); ok {
		return buf
	}
	buf := make([]byte, copyBuffer)
	return &buf
}

// Without these, io.CopyBuffer would not use its buffer.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)
