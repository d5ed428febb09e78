// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"postfach/mailbox"
)

// S3Options say where a bucket is and how it is used. Endpoint, Bucket and
// Spool are required; the other zero values work with a plain bucket.
//
// The access keys must allow s3:ListBucket, GetObject, PutObject, DeleteObject,
// AbortMultipartUpload and ListBucketMultipartUploads; where the bucket keeps
// versions also DeleteObjectVersion, with Retention also PutObjectRetention.
// Without ListBucket a server says "denied" instead of "absent".
type S3Options struct {
	Options // of the spool

	Endpoint  string         // http://HOST[:PORT] or https://HOST[:PORT]
	Roots     *x509.CertPool // of https; nil means the system's
	Region    string         // "" means us-east-1
	PathStyle bool           // the bucket stands in the path, not in the host name
	Bucket    string
	Prefix    string // of every key, without a slash at either end; "" for none

	Credentials S3Credentials
	Encryption  S3Encryption
	Retention   S3Retention

	// Spool is a folder of this machine for uploads without a verdict.
	Spool string
	// PartSize is the size in bytes from which an upload goes in parts, and of
	// each part; below 5 MiB means 16 MiB. Uploads of more than 10,000 parts
	// get larger ones where their size was announced, and are refused
	// otherwise.
	PartSize int64
	// PartsInFlight bounds the parts under way, for one upload and for all; 0
	// means 4 and 32.
	PartsInFlight, AllInFlight int
	// Stall is how long a connection may stand still; 0 means 20 s.
	Stall time.Duration
}

// S3Credentials say where access keys come from: exactly one of its ways.
type S3Credentials struct {
	AccessKey, SecretKey, SessionToken string // as they are
	File, Profile                      string // an AWS credentials file; profile "" means default
	InstanceRole                       bool   // from the machine, container or cluster (EC2, ECS, EKS)
}

// S3Encryption is what the server is asked to do with every object.
type S3Encryption struct {
	Mode  string // "", "s3" (the server's key) or "kms"
	KeyID string // of kms; "" means the bucket's
}

// S3Retention locks every blob against deletion, in a bucket with object lock. A
// bucket that locks by a rule of its own needs it too: servers then want
// checksums, which are sent only with it.
type S3Retention struct {
	Mode string        // "", "governance" or "compliance"
	For  time.Duration // from the upload on
}

const (
	minPart       = 5 << 20 // S3 allows smaller ones at the end only
	maxParts      = 10000
	maxPart       = 5 << 30
	defaultPart   = 16 << 20
	defaultRegion = "us-east-1"
	readyLimit    = 3 * time.Second
	readyAge      = time.Second
	// commandLimit bounds requests without a body, with their repetitions.
	commandLimit = 30 * time.Second
	// finishLimit bounds what goes on although nobody waits for it any more:
	// making a blob of what was uploaded, and tidying up.
	finishLimit = 2 * time.Minute
)

func (o S3Options) withDefaults() S3Options {
	o.Options = o.Options.withDefaults()
	if o.PartSize < minPart {
		o.PartSize = defaultPart
	}
	// What goes in parts lies in a file.
	o.MemoryMax = min(o.MemoryMax, o.PartSize)
	o.PartsInFlight = positive(o.PartsInFlight, 4)
	o.AllInFlight = positive(o.AllInFlight, 32)
	if o.Stall <= 0 {
		o.Stall = 20 * time.Second
	}
	if o.Region == "" {
		o.Region = defaultRegion
	}
	if o.Prefix = strings.Trim(o.Prefix, "/"); o.Prefix != "" {
		o.Prefix += "/"
	}
	return o
}

func positive(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// S3 is a storage in a bucket. Any number of nodes may use one bucket and
// prefix at a time. Its methods may be called at the same time.
//
// Keys below the prefix:
//
//	<member>/<folder>/<version id>           blobs
//	<member>/<folder>/<version id>.json      descriptions that do not fit into metadata
//	.open/<member>/<folder>/<version id>     an upload in parts is under way
//	.chunks/<account>/<upload>/…             see S3Chunks
//	.audit/<life>/<number>.log and .detail  the shipped audit log, see segments.go
//	.catalog                                 see Standing
type S3 struct {
	o      S3Options
	core   *minio.Core // repeats
	once   *minio.Core // does not
	sse    encrypt.ServerSide
	spool  *spool
	slots  chan struct{} // parts under way
	unuse  func()        // closes idle connections
	behind sync.WaitGroup
	copies sync.Pool // of *[]byte, copyBuffer long

	mu     sync.Mutex
	asked  time.Time // when the bucket last answered, or did not
	answer error
	asking chan struct{} // closed when the answer is there; nil while nobody asks
}

var _ mailbox.Blobs = (*S3)(nil)

// OpenS3 opens the storage. It does not connect: Ready says whether the bucket
// can be reached.
func OpenS3(o S3Options) (*S3, error) {
	o = o.withDefaults()
	s := &S3{o: o, slots: make(chan struct{}, o.AllInFlight)}
	var err error
	if s.sse, err = o.Encryption.serverSide(); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if s.core, s.once, s.unuse, err = o.clients(); err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if s.spool, err = openSpool(o.Spool, o.Options); err != nil {
		return nil, fmt.Errorf("storage: spool: %w", err)
	}
	// Without success here, the first upload that comes tries again.
	_ = s.spool.prepare()
	return s, nil
}

// Close waits for the tidying up after uploads, and gives up the spool. Blobs
// that are being read go on.
func (s *S3) Close() error {
	s.behind.Wait()
	s.unuse()
	return s.spool.close()
}

// StagingDir is where uploads lie without a verdict; a scanner that is handed
// descriptors must be able to read files from there.
func (s *S3) StagingDir() string { return filepath.Join(s.o.Spool, stagingName) }

// Notes says in plain sentences what the spool's file system does worse than
// ext4 or XFS would; nothing of it endangers a blob.
func (s *S3) Notes() []string {
	s.spool.mu.Lock()
	defer s.spool.mu.Unlock()
	if !s.spool.probed || s.spool.can.nameless {
		return nil
	}
	return []string{"The spool folder's file system has no nameless files; uploads without a verdict lie in " +
		stagingName + " under names, and a crash leaves them there until they are collected."}
}

// object gives the key in the bucket of a blob.
func (s *S3) object(key mailbox.BlobKey) (string, error) {
	if _, _, err := location(key); err != nil {
		return "", err
	}
	return s.o.Prefix + key.String(), nil
}

const (
	besideSuffix = ".json"
	openFolder   = ".open/"
)

// blobKey is the inverse of object.
func (s *S3) blobKey(object string) (mailbox.BlobKey, bool) {
	rel, ok := strings.CutPrefix(object, s.o.Prefix)
	parts := strings.Split(rel, "/")
	if !ok || len(parts) != 3 {
		return mailbox.BlobKey{}, false
	}
	id, err := mailbox.ParseVersionID(parts[2])
	if err != nil {
		return mailbox.BlobKey{}, false
	}
	key := mailbox.BlobKey{Member: parts[0], Folder: parts[1], Version: id}
	again, err := s.object(key)
	return key, err == nil && again == object
}

// intent is the key of the object that says that an upload in parts to object
// is under way. MinIO lists open uploads of one key only, so without it nobody
// would find what a killed node left.
func (s *S3) intent(object string) string {
	return s.o.Prefix + openFolder + strings.TrimPrefix(object, s.o.Prefix)
}

// intended is the inverse of intent.
func (s *S3) intended(intent string) (object string, key mailbox.BlobKey, ok bool) {
	rel, ok := strings.CutPrefix(intent, s.o.Prefix+openFolder)
	if !ok {
		return "", key, false
	}
	object = s.o.Prefix + rel
	key, ok = s.blobKey(object)
	return object, key, ok
}

// Stage begins an upload. Kind Unavailable when the spool has no room for size
// bytes (-1: unknown) beside what other uploads announced, TooLarge when the
// bucket could not hold them in one object.
func (s *S3) Stage(ctx context.Context, key mailbox.BlobKey, size int64) (mailbox.Staged, error) {
	object, err := s.object(key)
	if err != nil {
		return nil, err
	}
	part := max(s.o.PartSize, (size+maxParts-1)/maxParts)
	if part > maxPart {
		return nil, mailbox.Wrap(mailbox.TooLarge, mailbox.ReasonTooLarge, fmt.Errorf("storage: %d bytes in one object", size))
	}
	staged, err := s.spool.stage(ctx, size)
	if err != nil {
		return nil, err
	}
	return &s3Upload{staged: staged, s3: s, key: key, object: object, mark: newMark(), part: part, ctx: context.WithoutCancel(ctx)}, nil
}

// Ready says whether an upload could be stored now: the bucket answers within
// 3 s and the spool has room. An answer serves for a second.
func (s *S3) Ready(ctx context.Context) error {
	if err := given(ctx); err != nil {
		return err
	}
	if err := s.spool.prepare(); err != nil {
		return err
	}
	if err := s.spool.room(); err != nil {
		return err
	}
	s.mu.Lock()
	asking := s.asking
	if asking == nil {
		if time.Since(s.asked) < readyAge {
			defer s.mu.Unlock()
			return s.answer
		}
		asking = make(chan struct{})
		s.asking = asking
		s.behind.Go(func() { s.ask(asking) })
	}
	s.mu.Unlock()
	select {
	case <-asking:
	case <-ctx.Done():
		return given(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer
}

// ask looks for the bucket and leaves the answer.
func (s *S3) ask(asking chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	there, err := s.once.BucketExists(ctx, s.o.Bucket)
	switch {
	case err != nil:
		err = trouble("storage: bucket "+s.o.Bucket, err)
	case !there:
		err = refusal("storage", fmt.Errorf("there is no bucket %q", s.o.Bucket))
	}
	s.mu.Lock()
	s.answer, s.asked, s.asking = err, time.Now(), nil
	s.mu.Unlock()
	close(asking)
}

// tidy runs f in the background and gives a channel that is closed after it.
func (s *S3) tidy(f func(context.Context)) <-chan struct{} {
	done := make(chan struct{})
	s.behind.Go(func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), finishLimit)
		defer cancel()
		f(ctx)
	})
	return done
}

func (e S3Encryption) serverSide() (encrypt.ServerSide, error) {
	switch e.Mode {
	case "":
		return nil, nil
	case "s3":
		return encrypt.NewSSE(), nil
	case "kms":
		return encrypt.NewSSEKMS(e.KeyID, nil)
	}
	return nil, fmt.Errorf("server-side encryption %q is neither s3 nor kms", e.Mode)
}

func (r S3Retention) mode() (minio.RetentionMode, error) {
	switch r.Mode {
	case "":
		return "", nil
	case "governance", "compliance":
		if r.For <= 0 {
			return "", errors.New("retention without a time")
		}
		return minio.RetentionMode(strings.ToUpper(r.Mode)), nil
	}
	return "", fmt.Errorf("retention %q is neither governance nor compliance", r.Mode)
}
