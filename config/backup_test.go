// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

// TestBackup: where snapshots go, how often, and for whom they are encrypted
// (L16, P35).
func TestBackup(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	public, secret := filepath.Join(dir, "b.pub"), filepath.Join(dir, "b.key")
	for path, text := range map[string]string{public: "# wir\n" + key.Recipient().String() + "\n", secret: key.String() + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func(group string) (Config, error) { return Load(write(t, base+group), keys) }
	c, err := load("backup: {to: dir:/backup, encrypt_to: [" + public + "]}\n")
	if err != nil {
		t.Fatal(err)
	}
	b := c.Backup
	if b.To != (Place{"dir", "/backup"}) || b.Every != 5*time.Minute || b.Count != 24 || b.Days != 31 || b.Months != 13 ||
		!strings.Contains(b.Recipients, key.Recipient().String()) || len(c.Weakenings()) != 0 {
		t.Errorf("%+v, %v", b, c.Weakenings())
	}
	c, err = load("backup: {to: \"s3://sicherung/eins?endpoint=https://s3.example.org\", every: 1m, keep: {count: 3, days: 0}, encrypt_to: [" + key.Recipient().String() + "]}\n")
	if err != nil || c.Backup.Bucket.Name != "sicherung" || c.Backup.Bucket.Prefix != "eins" || c.Bucket.Name != "" || c.Backup.Count != 3 {
		t.Errorf("%+v, %v", c.Backup, err)
	}
	if c, err = load("backup: {to: dir:/backup}\n"); err != nil || len(c.Weakenings()) != 1 {
		t.Errorf("in plain text: %v, %v", c.Weakenings(), err)
	}
	if c, err = load(""); err != nil || c.Backup.To.Kind != "" {
		t.Errorf("without: %+v, %v", c.Backup, err)
	}
	for group, want := range map[string]string{
		"backup: {every: 5m}":                                                                              "backup.to: is missing",
		"backup: {to: dir:data/blobs/backup}":                                                              "lies inside the storage",
		"backup: {to: /backup}":                                                                            "is not of the form dir:PATH",
		"backup: {to: dir:/b, every: 48h}":                                                                 "is over 24h",
		"backup: {to: dir:/b, keep: {count: 0}}":                                                           "backup.keep.count",
		"backup: {to: dir:/b, keep: {weeks: 1}}":                                                           "unknown key",
		"backup: {to: dir:/b, encrypt_to: [" + secret + "]}":                                               "names a file with a secret key",
		"backup: {to: dir:/b, encrypt_to: [" + key.String() + "]}":                                         "holds a secret key",
		"backup: {to: dir:/b, encrypt_to: [age1qqq]}":                                                      "backup.encrypt_to",
		"backup: {to: dir:/b, encrypt_to: [missing.pub]}":                                                  "no such file",
		"backup: {to: \"s3://b?endpoint=https://s3.example.org\"}":                                         "is no name of a bucket",
		"backup: {to: \"s3://bbb?endpoint=https://s3.example.org&retention=governance&retention_days=3\"}": "a rule of its own",
	} {
		_, err := load(group + "\n")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", group, err, want)
		}
		if err != nil && strings.Contains(err.Error(), key.String()) {
			t.Errorf("shows a secret key: %v", err)
		}
	}
	_, err = Load(write(t, inDatabase("postgres://me@127.0.0.1/postfach")+"backup: {to: dir:/b}\n"), keys)
	if err == nil || !strings.Contains(err.Error(), "docs/postgresql.md") {
		t.Errorf("with PostgreSQL: %v", err)
	}
}
