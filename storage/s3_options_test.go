// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	client "github.com/minio/minio-go/v7"

	"postfach/mailbox"
	"postfach/storage/storagetest"
	"postfach/test/minio"
)

// TestS3Encrypted: TLS with a private authority, and encryption by the server.
func TestS3Encrypted(t *testing.T) {
	server := minio.Start(t, minio.Options{TLS: true, KMS: true})
	for _, e := range []struct {
		S3Encryption
		want string
	}{{S3Encryption{}, ""}, {S3Encryption{Mode: "s3"}, "AES256"}, {S3Encryption{Mode: "kms", KeyID: "test-key"}, "aws:kms"}} {
		t.Run("sse="+e.Mode, func(t *testing.T) {
			s := openS3(t, server, func(o *S3Options) { o.Encryption = e.S3Encryption })
			for _, n := range []int64{0, 100, 2*minPart + 5} {
				key, body := storagetest.Key(), storagetest.Bytes(n, 1)
				storagetest.Put(t, s, key, body)
				if got := storagetest.Get(t, s, key, n/2, -1); !bytes.Equal(got, body[n/2:]) {
					t.Errorf("%d bytes: others came back", n)
				}
				info, err := server.Client(t).StatObject(t.Context(), s.bucket, "postfach/eins/"+key.String(), client.StatObjectOptions{})
				if err != nil || info.Metadata.Get("X-Amz-Server-Side-Encryption") != e.want {
					t.Errorf("%d bytes: %v, %v", n, info.Metadata, err)
				}
			}
			everythingElse(t, s)
			s.behind.Wait()
			for _, key := range server.Keys(t, s.bucket) {
				info, err := server.Client(t).StatObject(t.Context(), s.bucket, key, client.StatObjectOptions{})
				if err != nil || info.Metadata.Get("X-Amz-Server-Side-Encryption") != e.want {
					t.Errorf("%s: %v, %v", key, info.Metadata, err)
				}
			}
		})
	}
	stranger := openS3(t, server, func(o *S3Options) { o.Roots = nil })
	if err := stranger.Ready(t.Context()); mailbox.KindOf(err) != mailbox.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("trusts an authority that nobody told it of: %v", err)
	}
}

// everythingElse makes the objects that are no blobs: chunks, segments of the
// audit log, what the catalog says of itself, and an intent.
func everythingElse(t *testing.T, s inBucket) {
	t.Helper()
	u := mailbox.ChunkedUpload{Account: 7, Name: "1"}
	begun := s.Chunks().Begin(t.Context(), u)
	_, _, err := s.Chunks().Put(t.Context(), u, 1, 4, strings.NewReader("Name"))
	err = errors.Join(begun, err, s.PutSegment(t.Context(), "life/000000000001.log", []byte("log"), true),
		s.PutSegment(t.Context(), "life/000000000001.detail", []byte("Name"), false), s.SetStanding(t.Context(), []byte("{}")))
	if err != nil {
		t.Fatal(err)
	}
	intent := begin(t, s, storagetest.Key(), storagetest.Bytes(minPart+1, 1))
	eventually(t, "an intent", func() bool {
		return strings.Contains(strings.Join(s.server.Keys(t, s.bucket), "\n"), "/"+openFolder)
	})
	t.Cleanup(func() { _ = intent.Discard() })
}

// TestS3InstanceRole: access keys that the machine gives are asked for when they
// are needed, and used.
func TestS3InstanceRole(t *testing.T) {
	server := minio.Start(t, minio.Options{})
	asked := make(chan string, 100)
	machine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Authorization")
		_ = json.NewEncoder(w).Encode(map[string]any{"AccessKeyId": server.AccessKey, "SecretAccessKey": server.SecretKey,
			"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	}))
	defer machine.Close()
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", machine.URL)
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "der-Maschine")
	s := openS3(t, server, func(o *S3Options) { o.Credentials = S3Credentials{InstanceRole: true} })
	key := storagetest.Key()
	storagetest.Put(t, s, key, []byte("mit Rolle"))
	if got := storagetest.Get(t, s, key, 0, -1); string(got) != "mit Rolle" {
		t.Errorf("%q", got)
	}
	select {
	case token := <-asked:
		if token != "der-Maschine" {
			t.Errorf("asked with %q", token)
		}
	default:
		t.Error("the machine was never asked")
	}
}

// TestS3OptionsAreChecked: what cannot work is refused before the first upload.
func TestS3OptionsAreChecked(t *testing.T) {
	good := S3Options{Endpoint: "https://127.0.0.1:1", Bucket: "b-b-b", Credentials: S3Credentials{AccessKey: "a", SecretKey: "s"}, Spool: t.TempDir()}
	s, err := OpenS3(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*S3Options){
		"no scheme":        func(o *S3Options) { o.Endpoint = "127.0.0.1:1" },
		"a path":           func(o *S3Options) { o.Endpoint = "https://127.0.0.1/b" },
		"a user":           func(o *S3Options) { o.Endpoint = "https://a:b@127.0.0.1" },
		"no bucket":        func(o *S3Options) { o.Bucket = "" },
		"no keys":          func(o *S3Options) { o.Credentials = S3Credentials{} },
		"half a key":       func(o *S3Options) { o.Credentials.SecretKey = "" },
		"keys in two ways": func(o *S3Options) { o.Credentials.InstanceRole = true },
		"encryption":       func(o *S3Options) { o.Encryption.Mode = "rot13" },
		"retention":        func(o *S3Options) { o.Retention = S3Retention{Mode: "forever", For: time.Hour} },
		"retention time":   func(o *S3Options) { o.Retention.Mode = "compliance" },
		"spool":            func(o *S3Options) { o.Spool = "/dev/null/x" },
	} {
		o := good
		change(&o)
		if s, err := OpenS3(o); err == nil {
			t.Errorf("%s: accepted", name)
			_ = s.Close()
		}
	}
}
