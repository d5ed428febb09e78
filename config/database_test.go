// SPDX-License-Identifier: Apache-2.0

package config

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inDatabase is base with a PostgreSQL catalog.
func inDatabase(address string) string {
	return strings.Replace(base, "catalog: sqlite:data/catalog.db", "catalog: "+address, 1)
}

// TestDatabase: what leaves this machine is encrypted and the server known,
// without anybody having to say so (P31).
func TestDatabase(t *testing.T) {
	for address, want := range map[string]Database{
		"postgres://me@db.example.org/postfach":                      {URL: "postgres://me@db.example.org:5432/postfach?sslmode=verify-full"},
		"postgresql://me@db.example.org:5433/postfach":               {URL: "postgres://me@db.example.org:5433/postfach?sslmode=verify-full"},
		"postgres://me@127.0.0.1/postfach":                           {URL: "postgres://me@127.0.0.1:5432/postfach?sslmode=disable"},
		"postgres://me@[::1]:6000/postfach?connections=40":           {URL: "postgres://me@[::1]:6000/postfach?sslmode=disable", Conns: 40},
		"postgres://me@localhost/postfach?sslmode=verify-full":       {URL: "postgres://me@localhost:5432/postfach?sslmode=verify-full"},
		"postgres://me@/postfach?host=/run/postgresql":               {URL: "postgres://me@/postfach?host=%2Frun%2Fpostgresql&sslmode=disable"},
		"postgres://me@10.0.0.7/a%20b?sslmode=verify-full":           {URL: "postgres://me@10.0.0.7:5432/a%20b?sslmode=verify-full"},
		"postgres://ober%40haus@db.example.org/x?connections=2":      {URL: "postgres://ober%40haus@db.example.org:5432/x?sslmode=verify-full", Conns: 2},
		"postgres://me@db.example.org/postfach?sslmode=verify-full&": {URL: "postgres://me@db.example.org:5432/postfach?sslmode=verify-full"},
	} {
		c, err := Load(write(t, inDatabase(address)), env())
		if err != nil {
			t.Errorf("%s: %v", address, err)
		} else if c.Database != want || c.Catalog.Kind != "postgres" || c.Catalog.Path == "" {
			t.Errorf("%s: %+v, %+v", address, c.Catalog, c.Database)
		}
	}
}

func TestDatabaseRefused(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"postgres:db":                                  "is not of the form",
		"postgres://db.example.org/x":                  "is not of the form",
		"postgres://me@db.example.org":                 "is not of the form",
		"postgres://me@a,b/x":                          "is not of the form",
		"postgres://me:geheim@db.example.org/x":        "holds a password; give it by POSTFACH_CATALOG_PASSWORD",
		"postgres://me@/x":                             "names no HOST",
		"postgres://me@db/x?host=/run/postgresql":      "keep one of them",
		"postgres://me@/x?host=db":                     "is no folder of a socket",
		"postgres://me@db/x?sslmode=disable":           "would send everything to db in plain text",
		"postgres://me@db/x?sslmode=require":           "does not look who answers",
		"postgres://me@127.0.0.1/x?sslmode=prefer":     "does not look who answers",
		"postgres://me@db/x?sslmode=verify-ca":         "every server that some authority knows",
		"postgres://me@db/x?sslmode=off":               "is none of verify-full",
		"postgres://me@db/x?sslrootcert=missing":       "missing: no such file",
		"postgres://me@db/x?sslcert=a":                 "belong together",
		"postgres://me@localhost/x?sslrootcert=" + key: "is used with TLS only",
		"postgres://me@db/x?sslrootcert=" + key:        "holds no certificate",
		"postgres://me@db/x?options=-cfsync=off":       "options= is unknown",
		"postgres://me@db/x?connections=1":             "connections=",
		"postgres://me@db:0/x":                         "is no port",
	} {
		_, err := Load(write(t, inDatabase(address)), env())
		if err == nil || !strings.Contains(err.Error(), "6: catalog: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}

// TestDatabasePassword: it comes by environment or file, for the file and for
// commands that name a second catalog, and is never shown (P35).
func TestDatabasePassword(t *testing.T) {
	const address = "postgres://me@db.example.org/postfach"
	good := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(good, []byte("Wiesel-Pfad-39\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		env  []string
		want string // "" for success
	}{
		{[]string{envCatalogPassword, "Wiesel-Pfad-39"}, ""},
		{[]string{envCatalogPasswordFile, good}, ""},
		{[]string{envCatalogPassword, "a", envCatalogPasswordFile, good}, "POSTFACH_CATALOG_PASSWORD: is set beside"},
		{[]string{envCatalogPassword, "postfach"}, "POSTFACH_CATALOG_PASSWORD: is a password that stands in examples"},
		{[]string{envCatalogPassword, "me"}, "is the same as the user name"},
		{[]string{envCatalogPasswordFile, "missing"}, "POSTFACH_CATALOG_PASSWORD_FILE: "},
	} {
		c, err := Load(write(t, inDatabase(address)), env(tc.env...))
		_, other, errOther := ParseCatalog(address, env(tc.env...))
		switch {
		case tc.want == "" && (err != nil || c.Database.Password != "Wiesel-Pfad-39" || errOther != nil || other != c.Database):
			t.Errorf("%v: %v, %v", tc.env, err, errOther)
		case tc.want == "" && strings.Contains(c.Database.URL+c.Catalog.Path, "Wiesel"):
			t.Errorf("the password is in %s", c.Database.URL)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%v: %v, want %s", tc.env, err, tc.want)
		case tc.want != "" && (errOther == nil || !strings.Contains(errOther.Error(), tc.want)):
			t.Errorf("%v: %v, want %s", tc.env, errOther, tc.want)
		}
	}
}

// FuzzParseCatalog: whatever is accepted has no password in it, says how it is
// encrypted, and leaves this machine only for a server that shows who it is.
func FuzzParseCatalog(f *testing.F) {
	for _, text := range []string{"sqlite:a", "postgres://me@db.example.org/x", "postgres://me@[::1]/x?sslmode=disable",
		"postgres://me@/x?host=/run", "postgres://a:b@c/d", "postgres://me@127.1/x", "postgres://me@db/x?sslmode=disable&sslmode=verify-full"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, d, err := ParseCatalog(text, env())
		if err != nil || p.Kind == "sqlite" {
			return
		}
		u, err := url.Parse(d.URL)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, d.URL, err)
		}
		_, password := u.User.Password()
		near := u.Host == "" || loopback(u.Hostname())
		if mode := u.Query()["sslmode"]; password || len(mode) != 1 || mode[0] != "verify-full" && mode[0] != "verify-ca" && !(near && mode[0] == "disable") {
			t.Fatalf("%q became %q", text, d.URL)
		}
		again, d2, err := ParseCatalog(d.URL, env())
		if err != nil || again != p || d2.URL != d.URL {
			t.Fatalf("%q became %q, then %q (%v)", text, d.URL, d2.URL, err)
		}
	})
}
