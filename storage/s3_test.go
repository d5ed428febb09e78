// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"testing"

	"postfach/mailbox"
	"postfach/storage/storagetest"
	"postfach/test/minio"
)

// inBucket is a storage in a bucket of its own.
type inBucket struct {
	*S3
	server *minio.Server
	bucket string
}

func s3Options(t testing.TB, server *minio.Server, bucket string) S3Options {
	t.Helper()
	return S3Options{Endpoint: server.Endpoint, Roots: server.Roots, PathStyle: true, Bucket: bucket, Prefix: "postfach/eins",
		Credentials: S3Credentials{AccessKey: server.AccessKey, SecretKey: server.SecretKey},
		Spool:       t.TempDir(), PartSize: minPart}
}

func openS3(t testing.TB, server *minio.Server, change func(*S3Options)) inBucket {
	t.Helper()
	o := s3Options(t, server, "")
	if change != nil {
		change(&o)
	}
	if o.Bucket == "" {
		o.Bucket = server.Bucket(t, o.Retention.Mode != "")
	}
	s, err := OpenS3(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return inBucket{s, server, o.Bucket}
}

// TestS3 runs what needs a healthy server.
func TestS3(t *testing.T) {
	server := minio.Start(t, minio.Options{})
	t.Run("conforms", func(t *testing.T) {
		storagetest.Blobs(t, func(t *testing.T) mailbox.Blobs { return openS3(t, server, nil) })
	})
}
