// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

const exampleStorage = "dir:/var/lib/postfach/blobs"

// storage reads dir:PATH or s3://….
func (l *loader) storage(text string) (p Place, err error) {
	if strings.HasPrefix(text, "s3:") {
		l.c.Bucket, p, err = l.bucket(text)
		return p, err
	}
	return l.place("dir", text, exampleStorage+" or "+exampleBucket)
}

// ParseStorage reads a storage as the key storage has it, with access keys from
// the environment. Relative paths begin in the working folder. The spool of a
// bucket stays empty: it has a key of its own.
func ParseStorage(text string, getenv func(string) string) (Place, Bucket, error) {
	here, err := os.Getwd()
	if err != nil {
		return Place{}, Bucket{}, err
	}
	l := &loader{reader: &reader{}, dir: here, getenv: getenv}
	p, err := l.storage(text)
	for _, f := range l.faults {
		err = errors.Join(err, fmt.Errorf("%s: %s", f.Key, f.Text))
	}
	return p, l.c.Bucket, err
}
