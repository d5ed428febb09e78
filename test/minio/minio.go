// SPDX-License-Identifier: Apache-2.0

// Package minio starts real S3 servers for tests, on loopback and a free port:
// MinIO, and versitygw as an independent second one. It knows nothing of
// Postfach, and nothing outside tests may import it.
package minio

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postfach/test/certify"
	"postfach/test/porttest"

	"github.com/google/uuid"
	client "github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

//go:embed versions
var versions string

const (
	accessKey  = "postfach-test"
	secretKey  = "nur-fuer-diesen-Testlauf"
	startLimit = 2 * time.Minute
)

// Options of a server; the zero value speaks plain HTTP and has no keys for
// encryption.
type Options struct {
	TLS bool // with a certificate of its own authority
	KMS bool // server-side encryption works
}

// Server is a running S3 server.
type Server struct {
	Endpoint             string // http://127.0.0.1:PORT or https://
	Address              string // 127.0.0.1:PORT
	AccessKey, SecretKey string
	Roots                *x509.CertPool // nil without TLS

	program string
	args    []string
	env     []string
	probe   string // path that answers when the server is ready

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	output bytes.Buffer
}

// binary is where test/tool.sh has put a program.
func binary(t testing.TB, name string) string {
	t.Helper()
	if testing.Short() {
		t.Skipf("needs %s", name)
	}
	module := ""
	for line := range strings.Lines(versions) {
		if n, m, ok := strings.Cut(strings.TrimSpace(line), " "); ok && n == name {
			module = m
		}
	}
	_, version, _ := strings.Cut(module, "@")
	base := os.Getenv("POSTFACH_TOOLS")
	if base == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		base = filepath.Join(cache, "postfach-tools")
	}
	path := filepath.Join(base, name+"-"+version+"-"+runtime.Version(), name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is not installed; run `bash test/minio/install.sh %s` at the top of the tree (make test does), which builds it once from its public Go module (minio: about five minutes on two cores): %v", name, name, err)
	}
	return path
}

// Program is the path of MinIO, for who starts it in another way.
func Program(t testing.TB) string {
	t.Helper()
	return binary(t, "minio")
}

// Start runs MinIO over an empty folder until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	program := binary(t, "minio")
	dir, address := t.TempDir(), porttest.Free(t)
	s := &Server{program: program, probe: "/minio/health/ready"}
	s.env = []string{"HOME=" + dir, "PATH=/nonexistent", "MINIO_ROOT_USER=" + accessKey, "MINIO_ROOT_PASSWORD=" + secretKey,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=on"}
	if o.KMS {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		s.env = append(s.env, "MINIO_KMS_SECRET_KEY=test-key:"+base64.StdEncoding.EncodeToString(key))
	}
	s.args = []string{"server", "--quiet", "--address", address, "--certs-dir", filepath.Join(dir, "certs"), filepath.Join(dir, "data")}
	s.locate(address, o.TLS)
	if o.TLS {
		authority := certify.New(t)
		pair := authority.Server(t, "127.0.0.1")
		s.Roots = authority.Roots()
		write(t, filepath.Join(dir, "certs", "public.crt"), pair.Certificate)
		write(t, filepath.Join(dir, "certs", "private.key"), pair.Key)
	}
	s.run(t)
	return s
}

func write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, text, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// StartVersity runs versitygw over an empty folder until the test ends. The
// folder's file system must have extended attributes.
func StartVersity(t testing.TB) *Server {
	t.Helper()
	program := binary(t, "versitygw")
	dir, address := t.TempDir(), porttest.Free(t)
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	s := &Server{program: program, probe: "/health", env: []string{"HOME=" + dir, "PATH=/nonexistent"}}
	s.args = []string{"--access", accessKey, "--secret", secretKey, "--port", address, "--health", "/health", "--quiet", "--keep-alive",
		"posix", data}
	s.locate(address, false)
	s.run(t)
	return s
}

func (s *Server) locate(address string, tls bool) {
	s.AccessKey, s.SecretKey, s.Address = accessKey, secretKey, address
	s.Endpoint = "http://" + s.Address
	if tls {
		s.Endpoint = "https://" + s.Address
	}
}

func (s *Server) run(t testing.TB) {
	t.Helper()
	t.Cleanup(s.Kill)
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the server as a power cut would.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	<-s.exited
	s.cmd = nil
}

// Restart runs the server over the same folder again, and returns when it
// answers.
func (s *Server) Restart(ctx context.Context) error {
	s.Kill()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.output.Reset()
	cmd := exec.Command(s.program, s.args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = s.env, &s.output, &s.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, exited := make(chan error), make(chan struct{})
	go func() {
		// The signal at the parent's death belongs to the thread that started
		// the process, so that thread must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.cmd, s.exited = cmd, exited
	return s.await(ctx, exited)
}

func (s *Server) await(ctx context.Context, exited <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	h := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.Roots}}}
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+s.probe, nil)
		if err != nil {
			return err
		}
		if resp, err := h.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-exited:
			return fmt.Errorf("%s ended at once: %s", filepath.Base(s.program), s.output.String())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), fmt.Errorf("%s does not answer", filepath.Base(s.program)))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Client speaks to the server without Postfach.
func (s *Server) Client(t testing.TB) *client.Core {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.Roots}, DisableCompression: true, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := client.NewCore(s.Address, &client.Options{Creds: credentials.NewStaticV4(s.AccessKey, s.SecretKey, ""),
		Secure: s.Roots != nil, Region: "us-east-1", BucketLookup: client.BucketLookupPath, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Bucket makes an empty bucket, with object lock if wanted.
func (s *Server) Bucket(t testing.TB, lock bool) string {
	t.Helper()
	name := "test-" + uuid.NewString()
	for end := time.Now().Add(startLimit); ; time.Sleep(20 * time.Millisecond) {
		err := s.Client(t).MakeBucket(t.Context(), name, client.MakeBucketOptions{ObjectLocking: lock})
		if err == nil {
			return name
		}
		// MinIO may call itself ready a moment before it takes requests.
		if client.ToErrorResponse(err).Code != "XMinioServerNotInitialized" || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// Keys lists a bucket.
func (s *Server) Keys(t testing.TB, bucket string) []string {
	t.Helper()
	var keys []string
	for info := range s.Client(t).ListObjectsIter(t.Context(), bucket, client.ListObjectsOptions{Recursive: true}) {
		if info.Err != nil {
			t.Fatal(info.Err)
		}
		keys = append(keys, info.Key)
	}
	return keys
}

// OpenUploads gives the ids of the uploads in parts to a key, which are neither
// completed nor aborted.
func (s *Server) OpenUploads(t testing.TB, bucket, key string) []string {
	t.Helper()
	list, err := s.Client(t).ListMultipartUploads(t.Context(), bucket, key, "", "", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, u := range list.Uploads {
		if u.Key == key {
			ids = append(ids, u.UploadID)
		}
	}
	return ids
}
