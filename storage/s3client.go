// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"postfach/mailbox"
)

const (
	tries       = 3
	dialLimit   = 5 * time.Second
	wireBuffer  = 64 << 10
	crossPause  = 20 * time.Millisecond
	idleHandoff = 5 * time.Second // idle connections end this much before they would count as stalled
)

// clients gives two clients over one set of connections: one repeats requests,
// all of which it can repeat byte for byte; the other asks once.
func (o S3Options) clients() (repeats, once *minio.Core, unuse func(), err error) {
	where, err := url.Parse(o.Endpoint)
	switch {
	case err != nil:
		return nil, nil, nil, fmt.Errorf("endpoint: %w", err)
	case where.Scheme != "http" && where.Scheme != "https" || where.Host == "" || where.Path != "" && where.Path != "/" ||
		where.User != nil || where.RawQuery != "" || where.Fragment != "":
		return nil, nil, nil, fmt.Errorf("endpoint %q is not of the form https://HOST[:PORT]", where.Redacted())
	case o.Bucket == "":
		return nil, nil, nil, errors.New("no bucket")
	}
	access, err := o.Credentials.provider()
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := o.Retention.mode(); err != nil {
		return nil, nil, nil, err
	}
	transport := o.transport()
	lookup := minio.BucketLookupDNS
	if o.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client := func(tries int) (*minio.Core, error) {
		return minio.NewCore(where.Host, &minio.Options{Creds: access, Secure: where.Scheme == "https", Transport: transport,
			Region: o.Region, BucketLookup: lookup, MaxRetries: tries})
	}
	if repeats, err = client(tries); err != nil {
		return nil, nil, nil, err
	}
	if once, err = client(1); err != nil {
		return nil, nil, nil, err
	}
	return repeats, once, transport.CloseIdleConnections, nil
}

func (c S3Credentials) provider() (*credentials.Credentials, error) {
	ways := 0
	for _, given := range []bool{c.AccessKey != "" || c.SecretKey != "", c.File != "", c.InstanceRole} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return nil, fmt.Errorf("access keys come in %d ways, not in one", ways)
	case c.InstanceRole:
		return credentials.NewIAM(""), nil
	case c.File != "":
		return credentials.NewFileAWSCredentials(c.File, c.Profile), nil
	case c.AccessKey == "" || c.SecretKey == "":
		return nil, errors.New("an access key without its secret, or the other way round")
	}
	return credentials.NewStaticV4(c.AccessKey, c.SecretKey, c.SessionToken), nil
}

// transport speaks HTTP/1.1, a connection for each request under way, and goes
// through no proxy: contents and credentials take the way that was configured.
func (o S3Options) transport() *http.Transport {
	dialer := &net.Dialer{Timeout: dialLimit, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &restless{Conn: c, limit: o.Stall}, nil
		},
		TLSClientConfig:       &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   2 * dialLimit,
		MaxIdleConns:          2 * o.AllInFlight,
		MaxIdleConnsPerHost:   2 * o.AllInFlight,
		IdleConnTimeout:       max(o.Stall-idleHandoff, o.Stall/2),
		ExpectContinueTimeout: time.Second,
		DisableCompression:    true,
		WriteBufferSize:       wireBuffer,
		ReadBufferSize:        wireBuffer,
	}
}

// restless is a connection that fails when nothing moves in either direction
// for a time. A deadline for a whole request could not tell a large body from
// a dead server.
type restless struct {
	net.Conn
	limit time.Duration
}

func (c *restless) Read(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

func (c *restless) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.limit)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Codes of S3 that mean something to us.
const (
	codeNoKey     = "NoSuchKey"
	codeNoUpload  = "NoSuchUpload"
	codeBadRange  = "InvalidRange"
	codeDenied    = "AccessDenied"
	codeDiskFull  = "XMinioStorageFull"
	codeQuotaFull = "QuotaExceeded"
)

// s3Code is what the server called a fault; "" when no S3 server has spoken.
func s3Code(err error) string {
	e, ok := errors.AsType[minio.ErrorResponse](err)
	if !ok || e.RequestID == "" {
		return ""
	}
	return e.Code
}

// absent says whether an S3 server, and not something on the way to it, said
// that there is no such object or upload.
func absent(err error) bool {
	code := s3Code(err)
	return code == codeNoKey || code == codeNoUpload
}

// trouble makes a refusal of whatever went wrong on the way to the bucket or
// in it.
func trouble(op string, err error) error {
	switch code := s3Code(err); {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return mailbox.Wrap(mailbox.Canceled, "", fmt.Errorf("%s: %w", op, err))
	case code == codeNoKey:
		return mailbox.Wrap(mailbox.NotFound, "", fmt.Errorf("%s: %w", op, err))
	case code == codeDiskFull || code == codeQuotaFull:
		return full(op, err)
	case code != "":
		return refusal(op, fmt.Errorf("%s: %w", code, err))
	case errors.Is(err, io.EOF):
		return refusal(op, io.ErrUnexpectedEOF)
	}
	return refusal(op, err)
}
