// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	_ "time/tzdata" // authority.timezone must not depend on the machine
)

// maxFile bounds every file that is read here, in bytes.
const maxFile = 128 << 10

// Load reads the configuration file and, through getenv, the secrets. The
// error is of type Faults and holds everything that is wrong.
func Load(path string, getenv func(string) string) (Config, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Config{}, Faults{{File: path, Text: err.Error()}}
	}
	text, mode, err := readFile(abs)
	if err != nil {
		return Config{}, Faults{{File: path, Text: plainError(err)}}
	}
	l := &loader{reader: &reader{file: path}, dir: filepath.Dir(abs), getenv: getenv}
	if mode&0o002 != 0 {
		l.add(0, "", "everybody on this machine may change this file; chmod o-w")
	}
	return l.load(text)
}

// loader fills a Config from one file.
type loader struct {
	*reader
	dir    string // of the file; relative paths begin here
	getenv func(string) string
	c      Config
}

func (l *loader) load(text []byte) (Config, error) {
	m, err := document(text)
	if err != nil {
		line, why := yamlFault(err)
		l.add(line, "", why)
		return Config{}, l.faults.sorted()
	}
	l.c.File = l.file
	top := l.section("", 1, m)
	l.doors(top)
	l.authority(top.sub("authority"))
	l.folders(top.sub("folders"))
	l.names(top.sub("names"))
	l.places(top)
	l.scan(top.sub("scan"))
	l.notify(top.sub("notify"))
	l.rules(top)
	l.upload(top.sub("upload"))
	l.clients(top.sub("clients"))
	l.upkeep(top)
	l.oidc(top)
	l.backup(top)
	l.log(top.sub("log"))
	top.done()
	if len(l.faults) > 0 {
		return Config{}, l.faults.sorted()
	}
	return l.c, nil
}

// path reads the name of a file or folder, relative to the configuration.
func (l *loader) path(s *section, key string) string {
	return value(s, key, "", func(text string) (string, error) { return l.resolve(text), nil })
}

func (l *loader) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(l.dir, path)
}

// roots reads the name of a file of certificates.
func (l *loader) roots(s *section, key string) string {
	path := l.path(s, key)
	if path == "" {
		return ""
	}
	if err := readableRoots(path); err != nil {
		s.fault(key, "%v", err)
	}
	return path
}

// readableRoots says what is wrong with a file of certificates.
func readableRoots(path string) error {
	text, _, err := readFile(path)
	switch {
	case err != nil:
		return errors.New(plainError(err))
	case !x509.NewCertPool().AppendCertsFromPEM(text):
		return fmt.Errorf("%s holds no certificate in PEM form", path)
	}
	return nil
}

// secretFile reads a file that only we should be able to read.
func (l *loader) secretFile(path string) ([]byte, error) {
	text, mode, err := readFile(path)
	if err == nil && mode&0o004 != 0 {
		l.c.exposed = append(l.c.exposed, path)
	}
	return text, err
}

// readFile reads a regular file of at most maxFile bytes.
func readFile(path string) ([]byte, os.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, io.LimitReader(f, maxFile+1)); err != nil {
		return nil, 0, err
	}
	if b.Len() > maxFile {
		return nil, 0, fmt.Errorf("%s is over %s", path, showSize(maxFile))
	}
	return b.Bytes(), info.Mode(), nil
}

// plainError leaves out the name of the system call.
func plainError(err error) string {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return err.Error()
}
