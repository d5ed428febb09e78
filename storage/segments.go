// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"strings"

	"github.com/minio/minio-go/v7"

	"postfach/mailbox"
)

// auditName is the folder, at the top, of the shipped audit log:
//
//	.audit/<life of the catalog>/<number, 12 digits>.log and .detail
//
// Objects there are written once, small, and named by nobody in the catalog.
const auditName = ".audit"

// maxSegment bounds one of them, in bytes.
const maxSegment = 64 << 20

var segmentName = regexp.MustCompile(`^[a-z0-9]{1,64}/[0-9]{12}\.(log|detail)$`)

func checkSegment(ctx context.Context, name string, size int) error {
	if !segmentName.MatchString(name) || size > maxSegment {
		return fault("%q of %d bytes is no segment", name, size)
	}
	return given(ctx)
}

func segmentExists(name string, err error) error {
	return mailbox.Wrap(mailbox.Exists, "", fmt.Errorf("storage: segment %s: %w", name, err))
}

// PutSegment writes a part of the shipped audit log, durable on return. Kind
// Exists when there is one of that name. A folder locks nothing, so lasting
// changes nothing here.
func (d *Dir) PutSegment(ctx context.Context, name string, data []byte, lasting bool) error {
	if err := checkSegment(ctx, name, len(data)); err != nil {
		return err
	}
	if err := d.room(); err != nil {
		return err
	}
	file, err := d.scratch()
	if err != nil {
		return err
	}
	defer file.close() //nolint:errcheck // the segment has its own name, or there is none
	if _, err := file.Write(data); err != nil {
		return refusal("storage: write segment", err)
	}
	if err := file.f.Sync(); err != nil {
		return refusal("storage: sync segment", err)
	}
	folder, err := d.folders.open(auditName + "/" + path.Dir(name))
	if err != nil {
		return refusal("storage: folder of segments", err)
	}
	defer folder.Close()
	if err := file.link(folder, path.Base(name)); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return segmentExists(name, err)
		}
		return refusal("storage: segment "+name, err)
	}
	return refusal("storage: sync folder of segments", folder.Sync())
}

// Segment reads a part of the shipped audit log. Kind NotFound when there is no
// such one.
func (d *Dir) Segment(ctx context.Context, name string) ([]byte, error) {
	if err := checkSegment(ctx, name, 0); err != nil {
		return nil, err
	}
	f, err := d.root.Open(auditName + "/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, mailbox.Wrap(mailbox.NotFound, "", fmt.Errorf("storage: segment %s: %w", name, err))
	}
	if err != nil {
		return nil, refusal("storage: segment "+name, err)
	}
	defer f.Close()
	data, err := readSegment(f)
	return data, refusal("storage: segment "+name, err)
}

// readSegment reads a whole one.
func readSegment(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSegment+1))
	if err == nil && len(data) > maxSegment {
		err = fmt.Errorf("over %d bytes", maxSegment)
	}
	return data, err
}

// Segments calls fn with the name of every part of the shipped audit log, and
// of whatever else lies there.
func (d *Dir) Segments(ctx context.Context, fn func(name string) error) error {
	err := fs.WalkDir(d.root.FS(), auditName, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if err := given(ctx); err != nil {
			return err
		}
		return fn(strings.TrimPrefix(p, auditName+"/"))
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return refusal("storage: segments", err)
}

func (s *S3) segment(name string) string { return s.o.Prefix + auditName + "/" + name }

// PutSegment writes a part of the shipped audit log. Kind Exists when there is
// one of that name. A lasting one is locked for the retention time.
func (s *S3) PutSegment(ctx context.Context, name string, data []byte, lasting bool) error {
	if err := checkSegment(ctx, name, len(data)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, finishLimit)
	defer cancel()
	_, err := s.put(ctx, s.segment(name), bytes.NewReader(data), int64(len(data)), sha256.Sum256(data),
		s.settings(map[string]string{metaMark: newMark()}, lasting))
	if errors.Is(err, errInUse) {
		return segmentExists(name, err)
	}
	return err
}

// Segment reads a part of the shipped audit log. Kind NotFound when there is no
// such one.
func (s *S3) Segment(ctx context.Context, name string) ([]byte, error) {
	if err := checkSegment(ctx, name, 0); err != nil {
		return nil, err
	}
	body, _, _, err := s.core.GetObject(ctx, s.o.Bucket, s.segment(name), minio.GetObjectOptions{})
	if err != nil {
		return nil, trouble("storage: segment "+name, err)
	}
	data, err := readSegment(body)
	return data, trouble("storage: segment "+name, errors.Join(err, body.Close()))
}

// Segments calls fn with the name of every part of the shipped audit log, and
// of whatever else lies there.
func (s *S3) Segments(ctx context.Context, fn func(name string) error) error {
	return s.each(ctx, s.segment(""), func(info minio.ObjectInfo) error {
		return fn(strings.TrimPrefix(info.Key, s.segment("")))
	})
}
