// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/google/uuid"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// standingName is where a storage keeps what its catalog says of itself, so that
// an older catalog in its place is noticed.
const standingName = ".catalog"

// maxStanding bounds it, in bytes.
const maxStanding = 4 << 10

// Standing gives what SetStanding stored last; nil for nothing yet.
func (d *Dir) Standing(ctx context.Context) ([]byte, error) {
	if err := given(ctx); err != nil {
		return nil, err
	}
	text, err := d.root.ReadFile(standingName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, refusal("storage: standing", err)
}

// SetStanding replaces it in one step.
func (d *Dir) SetStanding(ctx context.Context, text []byte) error {
	if err := given(ctx); err != nil {
		return err
	}
	if len(text) > maxStanding {
		return fault("standing of %d bytes", len(text))
	}
	temp := standingName + "-" + uuid.NewString()
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return refusal("storage: standing", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = d.root.Rename(temp, standingName)
	}
	if err != nil {
		_ = d.root.Remove(temp)
		return refusal("storage: standing", err)
	}
	return refusal("storage: standing", syncDir(d.root, "."))
}

// Standing gives what SetStanding stored last; nil for nothing yet.
func (s *S3) Standing(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	body, _, _, err := s.core.GetObject(ctx, s.o.Bucket, s.o.Prefix+standingName, minio.GetObjectOptions{})
	if s3Code(err) == codeNoKey {
		return nil, nil
	}
	if err != nil {
		return nil, notStored("storage: standing", err)
	}
	text, err := io.ReadAll(io.LimitReader(body, maxStanding+1))
	return text, notStored("storage: standing", errors.Join(err, body.Close()))
}

// SetStanding replaces it in one step. Where the bucket keeps versions, the one
// before goes.
func (s *S3) SetStanding(ctx context.Context, text []byte) error {
	if len(text) > maxStanding {
		return fault("standing of %d bytes", len(text))
	}
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	object := s.o.Prefix + standingName
	before, err := s.core.StatObject(ctx, s.o.Bucket, object, minio.StatObjectOptions{})
	if err != nil && !absent(err) {
		return notStored("storage: standing", err)
	}
	sum := sha256.Sum256(text)
	o := s.settings(map[string]string{}, false)
	if s.locks() {
		o.UserMetadata[checksumHeader] = base64.StdEncoding.EncodeToString(sum[:])
	}
	done, err := s.core.PutObject(ctx, s.o.Bucket, object, bytes.NewReader(text), int64(len(text)), "", hex.EncodeToString(sum[:]), o)
	if err == nil && done.ETag == "" {
		err = errors.New("an answer that is none of S3")
	}
	if err != nil {
		return notStored("storage: standing", err)
	}
	if before.VersionID != "" && before.VersionID != done.VersionID { // one that is locked stays
		_ = s.core.RemoveObject(ctx, s.o.Bucket, object, minio.RemoveObjectOptions{VersionID: before.VersionID})
	}
	return nil
}

// Client gives the means to keep other things than contents in a bucket: the
// requests, and how they ask the server to encrypt. Spool is not needed.
func Client(o S3Options) (*minio.Core, encrypt.ServerSide, error) {
	o = o.withDefaults()
	sse, err := o.Encryption.serverSide()
	if err != nil {
		return nil, nil, fmt.Errorf("bucket: %w", err)
	}
	core, _, _, err := o.clients()
	if err != nil {
		return nil, nil, fmt.Errorf("bucket: %w", err)
	}
	return core, sse, nil
}
