// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Bucket is an S3 storage. Exactly one of AccessKey, CredentialsFile and
// InstanceRole says where the access keys come from.
type Bucket struct {
	Name, Prefix string // the prefix without a slash at either end
	Endpoint     string // http://HOST[:PORT] or https://HOST[:PORT]
	Region       string // "" means the usual one
	PathStyle    bool
	CA           string // PEM file; "" means the system's
	PlainHTTP    bool   // contents may go in plain text beyond loopback

	AccessKey, SecretKey, SessionToken string
	CredentialsFile, Profile           string // Profile "" means default
	InstanceRole                       bool

	Encryption, KMSKey string // "", "s3" or "kms" with a key or the bucket's
	Retention          string // "", "governance" or "compliance"
	RetentionDays      int

	Spool string // folder of this machine for uploads without a verdict
}

// The names that every S3 tool reads.
const (
	envAccessKey    = "AWS_ACCESS_KEY_ID"
	envSecretKey    = "AWS_SECRET_ACCESS_KEY"
	envSessionToken = "AWS_SESSION_TOKEN"
)

const exampleBucket = "s3://postfach/eins?endpoint=https://minio.example.org:9000"

// bucketName is what S3 allows.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// bucket reads s3://BUCKET/PREFIX?endpoint=URL and what may follow.
func (l *loader) bucket(text string) (b Bucket, p Place, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" || u.Fragment != "" {
		return b, p, errors.New("is not of the form s3://BUCKET/PREFIX?endpoint=URL, for example " + exampleBucket)
	}
	if u.User != nil {
		return b, p, fmt.Errorf("holds access keys; give them by %s and %s", envAccessKey, envSecretKey)
	}
	b = Bucket{Name: u.Host, Prefix: strings.Trim(u.Path, "/")}
	if !bucketName.MatchString(b.Name) {
		return b, p, fmt.Errorf("%q is no name of a bucket", b.Name)
	}
	if b.Prefix != "" {
		for step := range strings.SplitSeq(b.Prefix, "/") {
			if step == "" || step == "." || step == ".." || len(b.Prefix) > 200 || strings.ContainsFunc(step, isControl) {
				return b, p, fmt.Errorf("%q is no prefix for keys", b.Prefix)
			}
		}
	}
	q, err := readQuery(u.RawQuery, "endpoint", "region", "path_style", "ca", "plain_http", "credentials", "profile",
		"sse", "kms_key", "retention", "retention_days")
	if err != nil {
		return b, p, err
	}
	if err := errors.Join(l.bucketWhere(&b, q), l.bucketKeys(&b, q), bucketRules(&b, q)); err != nil {
		return b, p, errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return b, Place{Kind: "s3", Path: strings.TrimSuffix(b.Name+"/"+b.Prefix, "/")}, nil
}

// bucketWhere reads which server it is.
func (l *loader) bucketWhere(b *Bucket, q query) error {
	b.Endpoint = strings.TrimSuffix(q["endpoint"], "/")
	e, err := url.Parse(b.Endpoint)
	if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Hostname() == "" || e.Path != "" || e.User != nil || e.RawQuery != "" {
		return fmt.Errorf("endpoint=%q is not of the form https://HOST:PORT", b.Endpoint)
	}
	b.Region = q["region"]
	plain, err := q.choice("plain_http", "refuse", "refuse", "allow")
	if err != nil {
		return err
	}
	if b.PlainHTTP = plain == "allow"; e.Scheme == "http" && !b.PlainHTTP && !loopback(e.Hostname()) {
		return fmt.Errorf("endpoint=%s would send every document in plain text; use https, or say plain_http=allow", b.Endpoint)
	}
	amazon := e.Hostname() == "amazonaws.com" || strings.HasSuffix(e.Hostname(), ".amazonaws.com")
	style, err := q.choice("path_style", fmt.Sprint(!amazon), "true", "false")
	if err != nil {
		return err
	}
	b.PathStyle = style == "true"
	if ca := q["ca"]; ca != "" {
		if e.Scheme != "https" {
			return errors.New("ca= is used for https only")
		}
		b.CA = l.resolve(ca)
		return readableRoots(b.CA)
	}
	return nil
}

// bucketKeys reads where the access keys come from. One way is never tried
// because another failed.
func (l *loader) bucketKeys(b *Bucket, q query) error {
	way := q["credentials"]
	if way == "" {
		way = "env"
	}
	file, isFile := strings.CutPrefix(way, "file:")
	if profile := q["profile"]; profile != "" {
		if !isFile {
			return errors.New("profile= belongs to credentials=file:PATH")
		}
		b.Profile = profile
	}
	switch {
	case isFile && file != "":
		b.CredentialsFile = l.resolve(file)
		if _, err := l.secretFile(b.CredentialsFile); err != nil {
			return errors.New(plainError(err))
		}
	case way == "role":
		b.InstanceRole = true
	case way == "env":
		b.AccessKey, b.SecretKey, b.SessionToken = l.getenv(envAccessKey), l.getenv(envSecretKey), l.getenv(envSessionToken)
		if b.AccessKey == "" || b.SecretKey == "" {
			return fmt.Errorf("there are no access keys; set %s and %s, or say credentials=file:PATH or credentials=role", envAccessKey, envSecretKey)
		}
		if err := acceptable(b.SecretKey, b.AccessKey); err != nil {
			l.add(0, envSecretKey, err.Error())
		}
	default:
		return fmt.Errorf("credentials=%q is none of env, file:PATH, role", way)
	}
	return nil
}

// bucketRules reads what the server does with every object.
func bucketRules(b *Bucket, q query) (err error) {
	sse, err := q.choice("sse", "none", "none", "s3", "kms")
	if err != nil {
		return err
	}
	if sse != "none" {
		b.Encryption = sse
	}
	if b.KMSKey = q["kms_key"]; b.KMSKey != "" && b.Encryption != "kms" {
		return errors.New("kms_key= belongs to sse=kms")
	}
	retention, err := q.choice("retention", "none", "none", "governance", "compliance")
	if err != nil {
		return err
	}
	days := q["retention_days"]
	switch {
	case retention == "none" && days != "":
		return errors.New("retention_days= belongs to retention=")
	case retention == "none":
		return nil
	}
	b.Retention = retention
	if b.RetentionDays, err = intBetween(1, 36500)(days); err != nil {
		return fmt.Errorf("retention_days=%w", err)
	}
	return nil
}

// query is the part of an address behind the question mark.
type query map[string]string

// readQuery reads NAME=VALUE with known names, each at most once.
func readQuery(raw string, known ...string) (query, error) {
	all, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("has something behind the question mark that is no list of NAME=VALUE")
	}
	q := query{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		values := all[name]
		switch {
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("%s= is unknown; known are %s", name, strings.Join(known, ", "))
		case len(values) > 1 || values[0] == "" || strings.ContainsFunc(values[0], isControl):
			return nil, fmt.Errorf("%s= must stand there once, with a value", name)
		}
		q[name] = values[0]
	}
	return q, nil
}

// choice reads one of a few words.
func (q query) choice(name, otherwise string, words ...string) (string, error) {
	v, given := q[name]
	switch {
	case !given:
		return otherwise, nil
	case slices.Contains(words, v):
		return v, nil
	}
	return "", fmt.Errorf("%s=%q is none of %s", name, v, strings.Join(words, ", "))
}
