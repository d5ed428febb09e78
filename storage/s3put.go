// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/minio/minio-go/v7"

	"postfach/mailbox"
)

// checksumHeader is what S3 wants to see before it locks an object. That bodies
// are compared with their digests does not need it: the signature covers them.
const checksumHeader = "X-Amz-Checksum-Sha256"

// locks says whether blobs are locked.
func (s *S3) locks() bool { return s.o.Retention.Mode != "" }

// errInUse is the cause of an error about a key that somebody else has.
var errInUse = errors.New("the key is in use")

// settings are how an object is stored. A blob or a description is locked for
// the retention time, an intent is not.
func (s *S3) settings(meta map[string]string, locked bool) minio.PutObjectOptions {
	o := minio.PutObjectOptions{UserMetadata: meta, ServerSideEncryption: s.sse, DisableContentSha256: true}
	if mode, _ := s.o.Retention.mode(); locked && mode != "" { // OpenS3 has checked it
		o.Mode, o.RetainUntilDate = mode, time.Now().Add(s.o.Retention.For)
	}
	return o
}

// put makes an object of a body in one request and never replaces one. The
// server refuses other bytes than those with the digest sum. Kind Internal
// when the key is in use. The body can be read from its beginning as often as
// the request is repeated.
func (s *S3) put(ctx context.Context, object string, body io.ReadSeeker, size int64, sum [32]byte, o minio.PutObjectOptions) (minio.UploadInfo, error) {
	mark := o.UserMetadata[metaMark]
	if s.locks() {
		o.UserMetadata[checksumHeader] = base64.StdEncoding.EncodeToString(sum[:])
	}
	o.SetMatchETagExcept("*")
	var done minio.UploadInfo
	err := patiently(ctx, func() (err error) {
		done, err = s.core.PutObject(ctx, s.o.Bucket, object, body, size, "", hex.EncodeToString(sum[:]), o)
		return err
	})
	if err == nil && done.ETag != "" {
		return done, nil
	}
	if err == nil {
		err = errors.New("an answer that is none of S3")
	}
	// Perhaps only the answer was lost; a repeated request then even finds the
	// key in use, by itself.
	switch what, version, errLook := s.look(ctx, object, size, mark); {
	case errLook != nil:
		return done, trouble("storage: put "+object, errors.Join(err, errLook))
	case what == ours:
		done.VersionID = version
		return done, nil
	case what == foreign:
		return done, fault("%s: %w: %w", object, errInUse, err)
	}
	return done, notStored("storage: put "+object, err)
}

// patiently asks again when a new key crossed the deletion of the last object
// of its folder: MinIO clears the folder away and calls that a lack of rights,
// or a missing key. A real lack of rights is only told a little later.
func patiently(ctx context.Context, make func() error) error {
	for try := range tries {
		err := make()
		if code := s3Code(err); code != codeDenied && code != codeNoKey {
			return err
		}
		select {
		case <-time.After(crossPause << try):
		case <-ctx.Done():
			return err
		}
	}
	return make()
}

// notStored is the error of an object that is known not to be there; absence is
// nothing that the caller asked about.
func notStored(op string, err error) error {
	if err == nil {
		return nil
	}
	err = trouble(op, err)
	if mailbox.KindOf(err) == mailbox.NotFound {
		return refusal(op, errors.Unwrap(err))
	}
	return err
}

// fate of an object whose making had no clear answer.
type fate int

const (
	missing fate = iota
	ours
	foreign
)

// look finds out whether the upload with this mark made the object.
func (s *S3) look(ctx context.Context, object string, size int64, mark string) (what fate, version string, err error) {
	info, err := s.core.StatObject(ctx, s.o.Bucket, object, minio.StatObjectOptions{})
	switch {
	case absent(err):
		return missing, "", nil
	case err != nil:
		return missing, "", fmt.Errorf("whether it is there: %w", err)
	case info.Size == size && lowerMeta(info.UserMetadata)[metaMark] == mark:
		return ours, info.VersionID, nil
	}
	return foreign, "", nil
}

// putBeside stores a description as an object of its own, beside the blob.
func (s *S3) putBeside(ctx context.Context, object string, d mailbox.Description, mark string) (minio.UploadInfo, error) {
	text, _, err := encode(d)
	if err != nil {
		return minio.UploadInfo{}, fault("describe %s: %w", object, err)
	}
	o := s.settings(map[string]string{metaMark: mark}, true)
	o.ContentType = "application/json"
	return s.put(ctx, object+besideSuffix, newBody(text), int64(len(text)), sha256.Sum256(text), o)
}

// drop deletes an object. Where the bucket keeps versions it deletes the given
// one; one that is locked stays until its time is over, hidden.
func (s *S3) drop(ctx context.Context, object, version string) error {
	err := s.core.RemoveObject(ctx, s.o.Bucket, object, minio.RemoveObjectOptions{VersionID: version})
	if version != "" && locked(err) {
		err = s.core.RemoveObject(ctx, s.o.Bucket, object, minio.RemoveObjectOptions{})
	}
	if absent(err) {
		return nil
	}
	return err
}

// dropCurrent deletes an object, where there are versions the one that counts.
func (s *S3) dropCurrent(ctx context.Context, object string) error {
	info, err := s.core.StatObject(ctx, s.o.Bucket, object, minio.StatObjectOptions{})
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.drop(ctx, object, info.VersionID)
}

// locked says whether a version may not be deleted, or not yet: AWS, MinIO and
// others have their own words for it.
func locked(err error) bool {
	switch s3Code(err) {
	case codeDenied, "InvalidRequest", "ObjectLocked":
		return true
	}
	return false
}
