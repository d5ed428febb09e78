// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"postfach/mailbox"
)

// each calls fn for every object below prefix, in the order of their keys.
func (s *S3) each(ctx context.Context, prefix string, fn func(minio.ObjectInfo) error) error {
	if err := given(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for info := range s.core.ListObjectsIter(ctx, s.o.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true}) {
		if info.Err != nil {
			return listed(info.Err)
		}
		if err := fn(info); err != nil {
			return err
		}
	}
	return given(ctx)
}

// listed is the error of a listing; an absent bucket is no absent blob.
func listed(err error) error { return notStored("storage: list", err) }

// Walk calls fn for every blob, in the order of their keys, and stops at its
// first error. Blobs that come or go meanwhile may be told or not.
func (s *S3) Walk(ctx context.Context, fn func(BlobInfo) error) error {
	return s.each(ctx, s.o.Prefix, func(info minio.ObjectInfo) error {
		key, ok := s.blobKey(info.Key)
		if !ok {
			return nil
		}
		return fn(BlobInfo{Key: key, Size: info.Size, ModTime: info.LastModified})
	})
}

// Strays gives the keys below the prefix that are neither blobs nor anything
// else that belongs there, at most limit of them.
func (s *S3) Strays(ctx context.Context, limit int) ([]string, error) {
	var found []string
	enough := errors.New("enough")
	err := s.each(ctx, s.o.Prefix, func(info minio.ObjectInfo) error {
		_, blob := s.blobKey(info.Key)
		_, beside := s.blobKey(strings.TrimSuffix(info.Key, besideSuffix))
		_, _, intent := s.intended(info.Key)
		if blob || beside || intent || info.Key == s.o.Prefix+standingName || strings.HasPrefix(info.Key, s.o.Prefix+chunksName+"/") ||
			strings.HasPrefix(info.Key, s.segment("")) {
			return nil
		}
		if found = append(found, strings.TrimPrefix(info.Key, s.o.Prefix)); len(found) >= limit {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return found, err
}

// stat asks about a blob.
func (s *S3) stat(ctx context.Context, key mailbox.BlobKey) (object string, info minio.ObjectInfo, meta map[string]string, err error) {
	if err := given(ctx); err != nil {
		return "", info, nil, err
	}
	if object, err = s.object(key); err != nil {
		return "", info, nil, err
	}
	info, err = s.core.StatObject(ctx, s.o.Bucket, object, minio.StatObjectOptions{})
	if err != nil {
		return "", info, nil, trouble("storage: "+key.String(), err)
	}
	return object, info, lowerMeta(info.UserMetadata), nil
}

// Remove destroys a blob with its description. Kind NotFound when there is
// none. In a bucket with object lock the bytes stay until their time is over,
// hidden under the key.
func (s *S3) Remove(ctx context.Context, key mailbox.BlobKey) error {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	object, info, meta, err := s.stat(ctx, key)
	if err != nil {
		return err
	}
	if err := s.drop(ctx, object, info.VersionID); err != nil {
		return notStored("storage: remove "+key.String(), err)
	}
	if meta[metaBeside] == "" {
		return nil
	}
	// From here on the blob is gone; Collect finds a description without one.
	_ = s.dropCurrent(ctx, object+besideSuffix)
	return nil
}

// Verify reads a blob and gives its digest and size in bytes. Kind NotFound
// when there is none.
func (s *S3) Verify(ctx context.Context, key mailbox.BlobKey) (sum [32]byte, size int64, err error) {
	r, err := s.Open(ctx, key, 0, -1)
	if err != nil {
		return sum, 0, err
	}
	h := sha256.New()
	size, err = io.Copy(h, r)
	if err := errors.Join(err, r.Close()); err != nil {
		return sum, size, trouble("storage: verify "+key.String(), err)
	}
	return [32]byte(h.Sum(nil)), size, nil
}

// Describe gives the description that was stored with a blob. Kind NotFound
// when there is no such blob; Unsupported when it has no description.
func (s *S3) Describe(ctx context.Context, key mailbox.BlobKey) (mailbox.Description, error) {
	object, _, meta, err := s.stat(ctx, key)
	if err != nil {
		return mailbox.Description{}, err
	}
	var d mailbox.Description
	switch {
	case meta[metaFormat] != "":
		d, err = decodeMeta(meta)
	case meta[metaBeside] != "":
		var text []byte
		if text, err = s.readBeside(ctx, object); err == nil {
			d, err = decode(text)
		} else if mailbox.KindOf(err) != mailbox.NotFound {
			return mailbox.Description{}, err
		} else {
			err = mailbox.Wrap(mailbox.Unsupported, "", err)
		}
	default:
		err = mailbox.Wrap(mailbox.Unsupported, "", fmt.Errorf("storage: %s has no description", key))
	}
	if err != nil && mailbox.KindOf(err) == mailbox.Internal {
		err = fault("description of %s: %w", key, err)
	}
	return d, err
}

func (s *S3) readBeside(ctx context.Context, object string) ([]byte, error) {
	body, _, _, err := s.core.GetObject(ctx, s.o.Bucket, object+besideSuffix, minio.GetObjectOptions{})
	if err != nil {
		return nil, trouble("storage: description", err)
	}
	text, err := io.ReadAll(io.LimitReader(body, 64<<10))
	return text, trouble("storage: description", errors.Join(err, body.Close()))
}

// Collect removes what crashed and broken uploads left and was last touched
// before the given time: files in the spool, uploads in parts that are still
// open, and descriptions without a blob. It says how many that were.
func (s *S3) Collect(ctx context.Context, before time.Time) (removed int, err error) {
	for _, collect := range []func(context.Context, time.Time) (int, error){
		s.spool.sweep, s.collectIntents, s.collectOpen, s.collectBeside,
	} {
		n, err := collect(ctx, before)
		removed += n
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// collectIntents aborts the uploads that intents tell of.
func (s *S3) collectIntents(ctx context.Context, before time.Time) (removed int, err error) {
	err = s.each(ctx, s.o.Prefix+openFolder, func(info minio.ObjectInfo) error {
		object, key, ok := s.intended(info.Key)
		if !ok || !old(key, info.LastModified, before) {
			return nil
		}
		n, err := s.abortAll(ctx, object, before)
		removed += n
		if err != nil {
			return err
		}
		return listed(s.dropCurrent(ctx, info.Key))
	})
	return removed, err
}

// old says whether both the node that made the key and the bucket think that
// something is from before a time.
func old(key mailbox.BlobKey, touched, before time.Time) bool {
	return key.Version.Time().Before(before) && touched.Before(before)
}

// collectOpen aborts open uploads that a listing tells of; it is the second net
// under collectIntents, where the server lists more than single keys.
func (s *S3) collectOpen(ctx context.Context, before time.Time) (removed int, err error) {
	return s.abortListed(ctx, s.o.Prefix, func(u minio.ObjectMultipartInfo) bool {
		key, ok := s.blobKey(u.Key)
		return ok && old(key, u.Initiated, before)
	})
}

// abortAll aborts the open uploads to one key that were begun before a time,
// all of them when it is zero.
func (s *S3) abortAll(ctx context.Context, object string, before time.Time) (aborted int, err error) {
	return s.abortListed(ctx, object, func(u minio.ObjectMultipartInfo) bool {
		return u.Key == object && (before.IsZero() || u.Initiated.Before(before))
	})
}

// abortListed aborts the listed uploads that doomed says.
func (s *S3) abortListed(ctx context.Context, prefix string, doomed func(minio.ObjectMultipartInfo) bool) (aborted int, err error) {
	keyMarker, idMarker := "", ""
	for {
		list, err := s.core.ListMultipartUploads(ctx, s.o.Bucket, prefix, keyMarker, idMarker, "", 1000)
		if err != nil {
			return aborted, listed(err)
		}
		for _, u := range list.Uploads {
			if !doomed(u) {
				continue
			}
			err := s.core.AbortMultipartUpload(ctx, s.o.Bucket, u.Key, u.UploadID)
			if err != nil && !absent(err) {
				return aborted, listed(err)
			}
			aborted++
		}
		if !list.IsTruncated || list.NextKeyMarker == keyMarker && list.NextUploadIDMarker == idMarker {
			return aborted, nil
		}
		keyMarker, idMarker = list.NextKeyMarker, list.NextUploadIDMarker
	}
}

// collectBeside removes descriptions whose blob never came or is gone.
func (s *S3) collectBeside(ctx context.Context, before time.Time) (removed int, err error) {
	last := ""
	err = s.each(ctx, s.o.Prefix, func(info minio.ObjectInfo) error {
		object, isBeside := strings.CutSuffix(info.Key, besideSuffix)
		previous := last
		last = info.Key
		key, ok := s.blobKey(object)
		if !isBeside || !ok || previous == object || !old(key, info.LastModified, before) {
			return nil
		}
		_, err := s.core.StatObject(ctx, s.o.Bucket, object, minio.StatObjectOptions{})
		if err == nil {
			return nil
		}
		if !absent(err) {
			return listed(err)
		}
		if err := s.dropCurrent(ctx, info.Key); err != nil {
			return listed(err)
		}
		removed++
		return nil
	})
	return removed, err
}
