// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"fmt"
	"path/filepath"
	"testing"

	"postfach/scan/scantest"
	"postfach/test/faultproxy"
	"postfach/test/minio"
	"postfach/test/world"
)

// house is a whole Postfach with an injector in front of everything that it
// depends on.
type house struct {
	*world.World
	name    string
	proxies map[string]*faultproxy.Proxy // by the name of what is behind
	witness *witness
	post    *post
	rest    level // of goroutines and descriptors when nothing happens
	next    int   // number of the next case, for names
	kept    map[string]string
}

// The houses' dependencies.
const (
	clamd    = "clamd"
	bucket   = "s3"
	postgres = "postgres"
	relay    = "smtp"
)

// embedded is the embedded default: SQLite, a folder, and clamd on a Unix
// socket, which is handed descriptors of what is spooled.
func embedded(t *testing.T) *house {
	t.Helper()
	long(t)
	scanner := scantest.Start(t, scantest.Options{})
	h := newHouse("embedded", scanner)
	h.proxies[clamd] = faultproxy.Start(t, scanner.Address,
		faultproxy.Options{Listen: "unix:" + filepath.Join(t.TempDir(), "clamd.ctl"), Ended: h.witness.note})
	h.start(t, scanner, world.Options{})
	return h
}

// spread is the installation of several machines: PostgreSQL, MinIO, and clamd
// by TCP, which is sent everything.
func spread(t *testing.T) *house {
	t.Helper()
	long(t)
	scanner := scantest.Start(t, scantest.Options{})
	h := newHouse("spread", scanner)
	h.proxies[clamd] = faultproxy.Start(t, scanner.Address, faultproxy.Options{Ended: h.witness.note})
	db, s3 := database.Get(t), minio.Start(t, minio.Options{})
	h.proxies[postgres] = faultproxy.Start(t, fmt.Sprint("tcp:127.0.0.1:", db.Port), faultproxy.Options{})
	h.proxies[bucket] = faultproxy.Start(t, "tcp:"+s3.Address, faultproxy.Options{})
	h.start(t, scanner, world.Options{
		Catalog:  fmt.Sprintf("postgres://postfach@%s/%s?sslmode=disable", h.proxies[postgres].HostPort(), db.Database(t)),
		Storage:  fmt.Sprintf("s3://%s/kasse?endpoint=http://%s", s3.Bucket(t, false), h.proxies[bucket].HostPort()),
		Settings: "upload: {spool: " + t.TempDir() + "}",
		Env:      []string{"AWS_ACCESS_KEY_ID=" + s3.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s3.SecretKey},
	})
	return h
}

func newHouse(name string, scanner *scantest.Clamd) *house {
	return &house{name: name, proxies: map[string]*faultproxy.Proxy{}, witness: newWitness(), post: &post{times: map[string]int{}}, kept: map[string]string{}}
}

func (h *house) start(t *testing.T, scanner *scantest.Clamd, o world.Options) {
	t.Helper()
	o.Members, o.Accounts = world.Cast()
	o.Scanner, o.Gate = scanner, h.proxies[clamd].Address
	o.Relay = func(smtp string) string {
		h.proxies[relay] = faultproxy.Start(t, "tcp:"+smtp, faultproxy.Options{Ended: h.post.note})
		return h.proxies[relay].HostPort()
	}
	h.World = world.Start(t, o)
	h.warm(t)
}

// warm does everything once, so that what is kept open is open.
func (h *house) warm(t *testing.T) {
	t.Helper()
	d := h.prepare(t)
	for _, o := range h.work(d) {
		if s := h.try(o); s.fault() != "" || !s.done() {
			t.Fatalf("without any fault: %s", s)
		}
	}
	h.WaitMails(t, "bert@example.org", 1)
	h.WaitMails(t, "anna@example.org", 1)
	h.rest = h.calm(t, level{})
}
