// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
)

// Recipients are those who can read a snapshot (age-encryption.org/v1); the zero
// value encrypts nothing.
type Recipients struct{ all []age.Recipient }

// ParseRecipients reads public keys, one a line, with # for remarks, as age and
// age-keygen write them.
func ParseRecipients(text string) (Recipients, error) {
	all, err := age.ParseRecipients(strings.NewReader(text))
	if err != nil {
		return Recipients{}, err
	}
	r := Recipients{all}
	// Not every kind of key goes together with every other.
	if _, err := r.seal(io.Discard); err != nil {
		return Recipients{}, err
	}
	return r, nil
}

// Encrypt says whether there is anybody to encrypt for.
func (r Recipients) Encrypt() bool { return len(r.all) > 0 }

// Count says how many there are.
func (r Recipients) Count() int { return len(r.all) }

func (r Recipients) seal(w io.Writer) (io.WriteCloser, error) {
	if !r.Encrypt() {
		return open{w}, nil
	}
	return age.Encrypt(w, r.all...)
}

// open encrypts nothing.
type open struct{ io.Writer }

func (open) Close() error { return nil }

// What snapshots begin with.
const (
	magicAge    = "age-encryption.org/v1\n"
	magicSQLite = "SQLite format 3\x00"
)

// ErrSealed is the error of Read when a snapshot is encrypted and no identity
// was given.
var ErrSealed = errors.New("the backup is encrypted: give the file with the secret key by --identity")

// Read gives the plain text of a snapshot. identities is the content of a file
// of secret keys (age-keygen), "" for none. An encrypted snapshot that was cut
// short or altered ends in an error, not early.
func Read(r io.Reader, identities string) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	begin, err := b.Peek(len(magicAge))
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case bytes.HasPrefix(begin, []byte(magicSQLite)):
		return b, nil
	case string(begin) != magicAge:
		return nil, errors.New("this is no backup of a catalog")
	case identities == "":
		return nil, ErrSealed
	}
	keys, err := age.ParseIdentities(strings.NewReader(identities))
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return age.Decrypt(b, keys...)
}
