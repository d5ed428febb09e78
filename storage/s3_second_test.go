// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"os"
	"testing"

	"postfach/mailbox"
	"postfach/storage/storagetest"
	"postfach/test/minio"
)

// TestS3Second runs the suites against versitygw, which shares no code with
// MinIO. It belongs to the long series: POSTFACH_S3_SECOND=1.
func TestS3Second(t *testing.T) {
	if os.Getenv("POSTFACH_S3_SECOND") == "" {
		t.Skip("long series: POSTFACH_S3_SECOND=1")
	}
	server := minio.StartVersity(t)
	t.Run("conforms", func(t *testing.T) {
		storagetest.Blobs(t, func(t *testing.T) mailbox.Blobs { return openS3(t, server, nil) })
	})
	t.Run("inventory", func(t *testing.T) {
		storagetest.Inventories(t, func(t *testing.T) storagetest.Inventory { return inventory(openS3(t, server, nil)) })
	})
	t.Run("chunks conform", func(t *testing.T) {
		storagetest.Chunks(t, func(t *testing.T) mailbox.Chunks { return openS3(t, server, nil).Chunks() })
	})
	for name, run := range map[string]func(*testing.T, *minio.Server){
		"keys": s3Keys, "parts": s3PartsBefore, "discarded": s3Discarded, "one GET": s3OneGet, "other bytes": s3OtherBytes, "killed": s3Killed, "chunks": s3Chunks,
	} {
		t.Run(name, func(t *testing.T) { run(t, server) })
	}
	t.Run("answers lost", func(t *testing.T) {
		for _, st := range stages {
			for _, br := range breakages {
				if br.name == "answer lost" || br.name == "refused" {
					t.Run(st.name+"/"+br.name, func(t *testing.T) { broken(t, server, st, br, 1) })
				}
			}
		}
	})
}
