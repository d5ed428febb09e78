// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"filippo.io/age"
)

// Backup is the series of snapshots of an SQLite catalog.
type Backup struct {
	To         Place  // Kind "" for none, "dir" or "s3"
	Bucket     Bucket // of Kind "s3"
	Every      time.Duration
	Count      int    // snapshots that are kept
	Days       int    // days of each of which the last one is kept
	Months     int    // months likewise
	Recipients string // public keys of age, one a line; "" for no encryption
}

const exampleBackup = "dir:/backup/postfach"

// backup reads where snapshots go. Without the group there are none.
func (l *loader) backup(top *section) {
	s := top.sub("backup")
	defer s.done()
	b := &l.c.Backup
	b.To = value(s, "to", Place{}, func(text string) (p Place, err error) {
		b.Bucket, p, err = l.backupPlace(text)
		return p, err
	})
	b.Every = value(s, "every", 5*time.Minute, durationBetween(time.Second, 24*time.Hour))
	keep := s.sub("keep")
	defer keep.done()
	b.Count = value(keep, "count", 24, intBetween(1, 10000))
	b.Days = value(keep, "days", 31, intBetween(0, 3660))
	b.Months = value(keep, "months", 13, intBetween(0, 1200))
	var given []string
	for _, i := range s.list("encrypt_to") {
		given = append(given, i.text)
	}
	if len(given) > 0 {
		var err error
		if b.Recipients, err = l.recipients(given); err != nil {
			s.fault("encrypt_to", "%v", err)
		}
	}
	if !top.given("backup") {
		return
	}
	switch {
	case l.c.Catalog.Kind == "postgres":
		top.fault("backup", "is for a catalog in SQLite; PostgreSQL is backed up by its server's own means (docs/postgresql.md)")
	case !s.given("to"):
		s.required("to", exampleBackup)
	case b.To.Kind == "dir" && l.c.Storage.Kind == "dir" && within(b.To.Path, l.c.Storage.Path):
		s.fault("to", "%s lies inside the storage, which holds nothing but contents", b.To.Path)
	}
}

// backupPlace reads dir:PATH or s3://….
func (l *loader) backupPlace(text string) (b Bucket, p Place, err error) {
	if !strings.HasPrefix(text, "s3:") {
		p, err = l.place("dir", text, exampleBackup+" or "+exampleBucket)
		return b, p, err
	}
	if b, p, err = l.bucket(text); err == nil && b.Retention != "" {
		err = errors.New("retention= is for contents; give the bucket of the backups a rule of its own")
	}
	return b, p, err
}

// ParseBackupPlace reads a place of backups as the key backup.to has it, with
// the access keys by getenv, for commands that name one.
func ParseBackupPlace(text string, getenv func(string) string) (Bucket, Place, error) {
	here, err := os.Getwd()
	if err != nil {
		return Bucket{}, Place{}, err
	}
	l := &loader{reader: &reader{}, dir: here, getenv: getenv}
	b, p, err := l.backupPlace(text)
	for _, f := range l.faults {
		err = errors.Join(err, fmt.Errorf("%s: %s", f.Key, f.Text))
	}
	return b, p, err
}

// ParseRecipients reads public keys of age, or the names of files of them, for
// commands that name some.
func ParseRecipients(given []string) (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return (&loader{reader: &reader{}, dir: here}).recipients(given)
}

// recipients gives public keys, one a line.
func (l *loader) recipients(given []string) (string, error) {
	var lines []string
	for _, g := range given {
		if strings.HasPrefix(g, "AGE-SECRET-KEY-") {
			return "", errors.New("holds a secret key; give the public one, which begins with age1")
		}
		if strings.HasPrefix(g, "age1") {
			lines = append(lines, g)
			continue
		}
		text, _, err := readFile(l.resolve(g))
		if err != nil {
			return "", errors.New(plainError(err))
		}
		lines = append(lines, strings.TrimSpace(string(text)))
	}
	all := strings.Join(lines, "\n") + "\n"
	if strings.Contains(all, "AGE-SECRET-KEY-") {
		return "", errors.New("names a file with a secret key; give one of public keys, which begin with age1")
	}
	to, err := age.ParseRecipients(strings.NewReader(all))
	if err != nil {
		return "", err
	}
	if _, err := age.Encrypt(io.Discard, to...); err != nil { // not every kind goes with every other
		return "", err
	}
	return all, nil
}
