// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"postfach/config"
	"postfach/janitor"
	"postfach/mailbox"
	"postfach/segment"
	"postfach/storage"
)

// blobStore is what commands and server need of a storage.
type blobStore interface {
	mailbox.Blobs
	janitor.Storage
	segment.Store
	Verify(ctx context.Context, key mailbox.BlobKey) (sum [32]byte, size int64, err error)
	Describe(ctx context.Context, key mailbox.BlobKey) (mailbox.Description, error)
	Standing(ctx context.Context) ([]byte, error)
	SetStanding(ctx context.Context, text []byte) error
	StagingDir() string
	Notes() []string
	Close() error
}

var (
	_ blobStore = (*storage.Dir)(nil)
	_ blobStore = (*storage.S3)(nil)
)

// openStorage opens the storage that is configured, with the part of it that
// keeps chunks. A bucket is not asked whether it is there.
func openStorage(c config.Config) (blobStore, mailbox.Chunks, error) {
	o := storage.Options{ReserveFree: c.StorageReserve}
	if c.Storage.Kind == "s3" {
		s, err := openBucket(c.Bucket, o)
		if err != nil {
			return nil, nil, fmt.Errorf("storage: %w", err)
		}
		return s, s.Chunks(), nil
	}
	d, err := storage.OpenDir(c.Storage.Path, o)
	if err != nil {
		return nil, nil, fmt.Errorf("storage: %w", err)
	}
	return d, d.Chunks(), nil
}

func openBucket(b config.Bucket, o storage.Options) (*storage.S3, error) {
	all, err := bucketOptions(b, o)
	if err != nil {
		return nil, err
	}
	return storage.OpenS3(all)
}

func bucketOptions(b config.Bucket, o storage.Options) (storage.S3Options, error) {
	roots, err := readRoots(b.CA)
	if err != nil {
		return storage.S3Options{}, err
	}
	return storage.S3Options{Options: o, Endpoint: b.Endpoint, Roots: roots, Region: b.Region, PathStyle: b.PathStyle,
		Bucket: b.Name, Prefix: b.Prefix, Spool: b.Spool,
		Credentials: storage.S3Credentials{AccessKey: b.AccessKey, SecretKey: b.SecretKey, SessionToken: b.SessionToken,
			File: b.CredentialsFile, Profile: b.Profile, InstanceRole: b.InstanceRole},
		Encryption: storage.S3Encryption{Mode: b.Encryption, KeyID: b.KMSKey},
		Retention:  storage.S3Retention{Mode: b.Retention, For: time.Duration(b.RetentionDays) * 24 * time.Hour}}, nil
}
