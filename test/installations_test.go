// SPDX-License-Identifier: Apache-2.0

package test

import (
	"strings"
	"testing"

	"postfach/test/minio"
	"postfach/test/world"
)

// TestTwoInstallations: two installations share nothing but the machine: each
// has its database, its bucket and its keys. The same logins and member numbers
// are other people and other members there, and a server whose catalog and
// storage belong to different ones does not start (P26).
func TestTwoInstallations(t *testing.T) {
	long(t)
	db, server := database.Get(t), minio.Start(t, minio.Options{})
	start := func(password string) (w *world.World, bucket string) {
		o := world.Everybody()
		for i := range o.Accounts {
			o.Accounts[i].Password = password
		}
		bucket = server.Bucket(t, false)
		o.Catalog, o.Storage = db.URL(db.Database(t)), "s3://"+bucket+"/kasse?endpoint="+server.Endpoint
		o.Settings = "upload: {spool: " + t.TempDir() + "}"
		o.Env = []string{"AWS_ACCESS_KEY_ID=" + server.AccessKey, "AWS_SECRET_ACCESS_KEY=" + server.SecretKey}
		return world.Start(t, o), bucket
	}
	const key, otherKey = "Kennwort-der-ersten-1", "Kennwort-der-zweiten-2"
	one, bucket := start(key)
	two, otherBucket := start(otherKey)
	const path = "/dav/an_KVBbg/Prüfliste.csv"
	one.Do(t, world.Exchange{As: "anna:" + key, Method: "PUT", Path: path, Body: "der ersten", Want: 201})
	two.Play(t, []world.Exchange{
		{As: "anna:" + key, Method: "GET", Path: path, Want: 401},
		{As: "anna:" + otherKey, Method: "GET", Path: path, Want: 404},
		{As: "bert:" + otherKey, Method: "GET", Path: "/dav/0815/an_KVBbg/Prüfliste.csv", Want: 404},
		{As: "anna:" + otherKey, Method: "PUT", Path: path, Body: "der zweiten", Want: 201},
	})
	one.Do(t, world.Exchange{As: "anna:" + key, Method: "GET", Path: path, Want: 200, Contains: "der ersten"})
	two.CLI("", "account", "disable", "anna")
	one.Do(t, world.Exchange{As: "anna:" + key, Method: "GET", Path: path, Want: 200})
	for w, b := range map[*world.World]string{one: bucket, two: otherBucket} {
		if n := len(stored(server.Keys(t, b))); n != 1 {
			t.Errorf("%d contents in the bucket of an installation", n)
		}
		if out := w.CLI("", "audit", "replay", "--verify"); !strings.Contains(out, "1 versions in 1 blobs") || !strings.Contains(out, "0 missing") {
			t.Error(out)
		}
	}
	for _, w := range []*world.World{one, two} {
		must(t, w.Stop())
	}
	writeFile(t, one.Config, strings.Replace(readFile(t, one.Config), bucket, otherBucket, 1))
	one.Launch()
	refusedStart(t, one, "holds the documents of another catalog")
	if out, err := one.Try("", "storage", "collect"); err == nil {
		t.Errorf("swept the storage of another installation: %s", out)
	}
}
