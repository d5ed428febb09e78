// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// bucket is the one that the demo's contents lie in.
type bucket struct {
	address   string // HOST:PORT
	user, key string
	client    *minio.Client
}

// Names in the demo's MinIO.
const (
	bucketName   = "postfach"
	bucketPrefix = "kasse"
)

// startBucket starts MinIO on files of the demo's own and makes the bucket.
func (in *instance) startBucket(ctx context.Context) error {
	binary := in.o.MinIO
	if binary == "" {
		found, ok := program("minio")
		if !ok {
			return errors.New("there is no program minio; `make demo S3=1` builds it from its public Go module, --minio says where it is")
		}
		binary = found
	}
	b := &bucket{}
	var err error
	if b.address, err = bindable("127.0.0.1:0"); err != nil {
		return err
	}
	keys := filepath.Join(in.o.Dir, "bucket.credentials")
	if err := b.keys(keys); err != nil {
		return err
	}
	if err := b.serve(ctx, in, binary); err != nil {
		return err
	}
	b.client, err = minio.New(b.address, &minio.Options{Creds: credentials.NewStaticV4(b.user, b.key, ""), BucketLookup: minio.BucketLookupPath})
	if err != nil {
		return err
	}
	if err := b.make(ctx); err != nil {
		return err
	}
	in.bucket = b
	in.storage = fmt.Sprintf("s3://%s/%s?endpoint=http://%s&credentials=file:%s\nupload: {spool: spool}", bucketName, bucketPrefix, b.address, url.QueryEscape(keys))
	return nil
}

// make makes the bucket unless it is there. On a busy machine MinIO calls itself
// ready a moment before it takes requests.
func (b *bucket) make(ctx context.Context) error {
	for end := time.Now().Add(time.Minute); ; {
		there, err := b.client.BucketExists(ctx, bucketName)
		if err == nil && !there {
			err = b.client.MakeBucket(ctx, bucketName, minio.MakeBucketOptions{})
		}
		if minio.ToErrorResponse(err).Code != "XMinioServerNotInitialized" || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

var keyLine = regexp.MustCompile(`(?m)^aws_(access_key_id|secret_access_key) = (\S+)$`)

// keys makes access keys at the first start, in the form of AWS's credentials
// files, and reads them at the next.
func (b *bucket) keys(file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		text = fmt.Appendf(nil, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", bucketName, newPassword())
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		return err
	}
	for _, m := range keyLine.FindAllStringSubmatch(string(text), -1) {
		if m[1] == "access_key_id" {
			b.user = m[2]
		} else {
			b.key = m[2]
		}
	}
	if b.user == "" || b.key == "" {
		return fmt.Errorf("%s holds no access keys", file)
	}
	return nil
}

// serve starts MinIO and waits until it answers.
func (b *bucket) serve(ctx context.Context, in *instance, program string) error {
	log, err := os.OpenFile(filepath.Join(in.o.Dir, "minio.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	in.closers = append(in.closers, func() { _ = log.Close() })
	data := filepath.Join(in.o.Dir, "minio")
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, "server", "--quiet", "--address", b.address, "--certs-dir", filepath.Join(in.scratch, "certs"), data)
	cmd.Env = []string{"HOME=" + in.scratch, "PATH=/usr/bin:/bin", "MINIO_ROOT_USER=" + b.user, "MINIO_ROOT_PASSWORD=" + b.key,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=on"} // CI_CD: on the disk of the system too
	cmd.Stdout, cmd.Stderr = log, log
	c, err := spawn(cmd)
	if err != nil {
		return err
	}
	in.closers = append(in.closers, c.end)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.Get("http://" + b.address + "/minio/health/ready")
		if err == nil {
			_, _ = io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-c.done:
			return errors.New("it ended at once; see " + log.Name())
		case <-ctx.Done():
			return fmt.Errorf("it does not answer; see %s: %w", log.Name(), ctx.Err())
		}
	}
}

// tell lists the bucket: one prefix for each member, with its folders. Without a
// bucket there is nothing to tell.
func (b *bucket) tell(ctx context.Context, say func(format string, args ...any)) error {
	if b == nil {
		return nil
	}
	count, size := map[string]int{}, map[string]int64{}
	for o := range b.client.ListObjects(ctx, bucketName, minio.ListObjectsOptions{Prefix: bucketPrefix + "/", Recursive: true}) {
		if o.Err != nil {
			return o.Err
		}
		folder := o.Key[:strings.LastIndex(o.Key, "/")+1]
		if !strings.HasPrefix(o.Key, bucketPrefix+"/.") && !strings.HasSuffix(o.Key, ".json") { // those are the server's own
			count[folder]++
			size[folder] += o.Size
		}
	}
	var folders []string
	for f := range count {
		folders = append(folders, f)
	}
	slices.Sort(folders)
	var text bytes.Buffer
	for _, f := range folders {
		fmt.Fprintf(&text, "  s3://%s/%-30s %3d objects %8d bytes\n", bucketName, f, count[f], size[f])
	}
	say(`The bucket has one prefix for each member with its folders. The folder in a key is where that version was uploaded: a
document that is moved, taken over or released keeps its key. The catalog is in PostgreSQL.
%s`, text.String())
	return nil
}
