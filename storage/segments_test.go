// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"testing"
	"time"

	client "github.com/minio/minio-go/v7"

	"postfach/storage/storagetest"
	"postfach/test/minio"
)

// The shipped audit log is written once on every storage (issue 3, item 5).
func TestDirSegments(t *testing.T) {
	storagetest.Segments(t, func(t *testing.T) storagetest.Segmented { return openDir(t, t.TempDir(), Options{}) })
}

func TestS3Segments(t *testing.T) {
	server := minio.Start(t, minio.Options{})
	storagetest.Segments(t, func(t *testing.T) storagetest.Segmented { return openS3(t, server, nil) })
	t.Run("the lasting part is locked, the erasable one is not", func(t *testing.T) {
		s := openS3(t, server, func(o *S3Options) { o.Retention = S3Retention{Mode: "governance", For: time.Hour} })
		for _, suffix := range []string{"log", "detail"} {
			if err := s.PutSegment(t.Context(), "leben/000000000001."+suffix, []byte("x"), suffix == "log"); err != nil {
				t.Fatal(err)
			}
			info, err := server.Client(t).StatObject(t.Context(), s.o.Bucket, s.segment("leben/000000000001."+suffix), client.StatObjectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			mode := info.Metadata.Get("X-Amz-Object-Lock-Mode")
			if (mode == "GOVERNANCE") != (suffix == "log") {
				t.Errorf("%s has the lock %q", suffix, mode)
			}
		}
	})
}
