// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Database is a PostgreSQL catalog.
type Database struct {
	URL      string // postgres://USER@HOST:PORT/NAME?sslmode=… and all that belongs to it, but no password
	Password string // "" for a server that knows us by the socket or a certificate
	Conns    int    // connections at most; 0 means the usual number
}

// Environment variables of the password.
const (
	envCatalogPassword     = "POSTFACH_CATALOG_PASSWORD"
	envCatalogPasswordFile = "POSTFACH_CATALOG_PASSWORD_FILE"
)

const (
	exampleCatalog  = "sqlite:/var/lib/postfach/catalog.db"
	exampleDatabase = "postgres://postfach@db.example.org/postfach"
)

// ParseCatalog reads the place of a catalog as the key catalog has it, and its
// password by getenv, for commands that name a second one.
func ParseCatalog(text string, getenv func(string) string) (Place, Database, error) {
	here, err := os.Getwd()
	if err != nil {
		return Place{}, Database{}, err
	}
	l := &loader{reader: &reader{}, dir: here, getenv: getenv}
	p, err := l.catalog(text)
	for _, f := range l.faults {
		err = errors.Join(err, fmt.Errorf("%s: %s", f.Key, f.Text))
	}
	return p, l.c.Database, err
}

// catalog reads sqlite:PATH or postgres://….
func (l *loader) catalog(text string) (Place, error) {
	if strings.HasPrefix(text, "postgres:") || strings.HasPrefix(text, "postgresql:") {
		return l.database(text)
	}
	return l.place("sqlite", text, exampleCatalog+" or "+exampleDatabase)
}

// database reads postgres://USER@HOST:PORT/NAME?…; without HOST, the parameter
// host is the folder of the server's socket.
func (l *loader) database(text string) (Place, error) {
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Fragment != "" || u.User == nil || u.User.Username() == "" ||
		strings.Trim(u.Path, "/") == "" || strings.Contains(u.Host, ",") {
		return Place{}, errors.New("is not of the form postgres://USER@HOST:PORT/DATABASE, for example " + exampleDatabase)
	}
	if _, given := u.User.Password(); given {
		return Place{}, fmt.Errorf("holds a password; give it by %s or %s", envCatalogPassword, envCatalogPasswordFile)
	}
	q, err := readQuery(u.RawQuery, "host", "sslmode", "sslrootcert", "sslcert", "sslkey", "connections")
	if err != nil {
		return Place{}, err
	}
	d := Database{}
	if n, given := q["connections"]; given {
		if d.Conns, err = intBetween(2, 1000)(n); err != nil {
			return Place{}, fmt.Errorf("connections=%w", err)
		}
	}
	where, err := databaseHost(u, q)
	if err != nil {
		return Place{}, err
	}
	if err := l.databaseTLS(u, q); err != nil {
		return Place{}, err
	}
	user := u.User.Username()
	name, password, _ := l.secret(envCatalogPassword, envCatalogPasswordFile)
	if name != "" {
		if err := acceptable(password, user); err != nil {
			l.add(0, name, err.Error())
		}
	}
	delete(q, "connections")
	rest := url.Values{}
	for name, value := range q {
		rest.Set(name, value)
	}
	u.Scheme, u.RawQuery = "postgres", rest.Encode()
	d.URL, d.Password = u.String(), password
	l.c.Database = d
	return Place{Kind: "postgres", Path: user + "@" + where + "/" + strings.Trim(u.Path, "/")}, nil
}

// databaseHost says where the server is, for people.
func databaseHost(u *url.URL, q query) (string, error) {
	socket, given := q["host"]
	switch {
	case given && u.Host != "":
		return "", errors.New("has a HOST and host=; keep one of them")
	case given && !filepath.IsAbs(socket):
		return "", fmt.Errorf("host=%q is no folder of a socket; write the name of a server behind the @", socket)
	case given:
		return socket, nil
	case u.Hostname() == "":
		return "", errors.New("names no HOST; for a socket, add ?host=/run/postgresql")
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "5432")
	}
	if _, err := parseHostPort(u.Host); err != nil {
		return "", err
	}
	return u.Host, nil
}

// databaseTLS sees to it that what leaves this machine is encrypted, and that
// the server has shown who it is (P31). The mode always stands in the address,
// so that no variable of the environment decides it.
func (l *loader) databaseTLS(u *url.URL, q query) error {
	near := q["host"] != "" || loopback(u.Hostname())
	mode := q["sslmode"]
	if mode == "" {
		mode = "verify-full"
		if near {
			mode = "disable"
		}
	}
	switch {
	case mode == "verify-full", mode == "verify-ca" && q["sslrootcert"] != "", mode == "disable" && near:
	case mode == "verify-ca":
		return errors.New("sslmode=verify-ca accepts every server that some authority knows; name yours by sslrootcert=, or write verify-full")
	case mode == "disable":
		return fmt.Errorf("sslmode=disable would send everything to %s in plain text; write verify-full", u.Hostname())
	case mode == "require" || mode == "prefer" || mode == "allow":
		return fmt.Errorf("sslmode=%s does not look who answers; write verify-full", mode)
	default:
		return fmt.Errorf("sslmode=%q is none of verify-full, verify-ca, disable", mode)
	}
	q["sslmode"] = mode
	if (q["sslcert"] == "") != (q["sslkey"] == "") {
		return errors.New("sslcert= and sslkey= belong together")
	}
	for _, name := range []string{"sslrootcert", "sslcert", "sslkey"} {
		file := q[name]
		if file == "" {
			continue
		}
		if mode == "disable" {
			return fmt.Errorf("%s= is used with TLS only; add sslmode=verify-full", name)
		}
		file = l.resolve(file)
		var err error
		if name == "sslkey" {
			_, err = l.secretFile(file)
		} else {
			err = readableRoots(file)
		}
		if err != nil {
			return errors.New(plainError(err))
		}
		q[name] = file
	}
	return nil
}
