// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/minio"
	"postfach/test/world"
)

// bucketNodes starts two servers over one PostgreSQL database and one bucket,
// each with a spool of its own.
func bucketNodes(t *testing.T, o world.Options) (all nodes, server *minio.Server, bucket string) {
	t.Helper()
	long(t)
	s, server := database.Get(t), minio.Start(t, minio.Options{})
	bucket = server.Bucket(t, false)
	settings := o.Settings
	spool := func() string { return settings + "\nupload: {spool: " + t.TempDir() + "}" }
	o.Catalog, o.Storage, o.Settings = s.URL(s.Database(t)), "s3://"+bucket+"/kasse?endpoint="+server.Endpoint, spool()
	o.Env = append(o.Env, "AWS_ACCESS_KEY_ID="+server.AccessKey, "AWS_SECRET_ACCESS_KEY="+server.SecretKey)
	a := world.Start(t, o)
	o.Scanner, o.Members, o.Accounts, o.Settings = a.Scanner, nil, nil, spool()
	return nodes{a, world.Start(t, o)}, server, bucket
}

const chunksOf = "/remote.php/dav/uploads/anna/"

// joins is the MOVE that makes a document of the chunks of an upload.
func joins(upload, to string, want int) world.Exchange {
	return world.Exchange{As: "anna", Method: "MOVE", Path: chunksOf + upload + "/.file", Want: want,
		Header: map[string]string{"Destination": "/remote.php/dav/files/anna/an_KVBbg/" + to}}
}

// TestNodesChunks: an upload in chunks that begins at one node goes on and is
// joined at another, is scanned as a whole there (I1), is joined once though
// both are asked (I7), and survives the node that took its chunks (I2, K11).
func TestNodesChunks(t *testing.T) {
	n, server, bucket := bucketNodes(t, world.Everybody())
	a, b := n[0], n[1]
	put := func(w *world.World, path, body string) {
		w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: chunksOf + path, Body: body, Want: 201})
	}
	begin := func(w *world.World, upload string) {
		w.Do(t, world.Exchange{As: "anna", Method: "MKCOL", Path: chunksOf + upload, Want: 201})
	}
	first, second := strings.Repeat("erster Teil ", 100_000), strings.Repeat("zweiter Teil ", 100_000)
	begin(a, "1")
	put(a, "1/00001", first)
	put(b, "1/00002", second)
	if got := b.Propfind(t, "anna", chunksOf+"1", "1"); len(got) != 3 {
		t.Errorf("%d resources at the other node, want the upload and its two chunks", len(got))
	}
	a.Kill() // the chunks it took are in the bucket
	b.Do(t, joins("1", "groß.txt", 201))
	a.Serve()
	if got := a.Get(t, "bert", "/dav/0815/an_KVBbg/groß.txt"); string(got.Body) != first+second {
		t.Errorf("%d bytes, want %d", len(got.Body), len(first+second))
	}

	// Both nodes are asked to join: the document is there once, with one version.
	begin(b, "2")
	put(a, "2/1", "ein")
	put(b, "2/2", "mal")
	var both sync.WaitGroup
	status := make([]int, len(n))
	for i, w := range n {
		both.Go(func() {
			if got, err := w.Send(joins("2", "einmal.txt", 0)); err == nil {
				status[i] = got.Status
			}
		})
	}
	both.Wait()
	if status[0] != 201 && status[1] != 201 {
		t.Errorf("joined at both nodes: %v", status)
	}
	for _, s := range status { // the later one finds it done, or nothing left to join
		if s/100 != 2 && s != http.StatusNotFound && s != http.StatusConflict {
			t.Errorf("joined at both nodes: %v", status)
		}
	}
	created := 0
	for _, r := range a.Audit(t) {
		if strings.HasSuffix(r.Path, "/einmal.txt") && (r.Operation == "create" || r.Operation == "replace") {
			created++
		}
	}
	if got := b.Get(t, "anna", "/dav/an_KVBbg/einmal.txt"); string(got.Body) != "einmal" || created != 1 {
		t.Errorf("%q, %d versions", got.Body, created)
	}

	// A signature over the border of two chunks that came to two nodes.
	eicar := string(scantest.EICAR())
	begin(a, "3")
	put(a, "3/1", eicar[:30])
	put(b, "3/2", eicar[30:])
	b.Do(t, joins("3", "virus.txt", 415))
	a.Do(t, joins("3", "virus.txt", 404))
	for _, key := range server.Keys(t, bucket) {
		if strings.Contains(key, ".chunks/") {
			t.Errorf("left behind: %s", key)
		}
	}
	a.CLI("", "audit", "replay", "--verify")
	if out := a.CLI("", "storage", "verify"); !strings.Contains(out, "0 missing or different") {
		t.Error(out)
	}
}

// TestNodesJanitor: what a killed node left in the bucket is removed when it is
// older than any upload can be, its chunks with which nobody goes on too, by
// whichever nodes sweep, and nothing else ever: no document, and nothing of an upload that another node has under way.
func TestNodesJanitor(t *testing.T) {
	long(t)
	clock := filepath.Join(t.TempDir(), "clock")
	writeFile(t, clock, "0s")
	o := world.Everybody()
	o.Binary, o.Env = clockBinary.get(t), []string{"POSTFACH_TESTCLOCK=" + clock}
	n, server, bucket := bucketNodes(t, o)
	a, b := n[0], n[1]
	a.Put(t, "anna", "/dav/an_KVBbg/bleibt.txt", "bleibt")
	keys := func(part string) (keys []string) {
		for _, key := range server.Keys(t, bucket) {
			if strings.Contains(key, part) {
				keys = append(keys, key)
			}
		}
		return keys
	}
	open := func() []string { return keys("/.open/") }
	b.Do(t, world.Exchange{As: "anna", Method: "MKCOL", Path: chunksOf + "9", Want: 201})
	b.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: chunksOf + "9/1", Body: "nie verbunden", Want: 201})
	chunks := len(keys(".chunks/"))
	if chunks == 0 {
		t.Error("no chunk is in the bucket")
	}
	// slow begins an upload larger than a part that ends when its body may.
	slow := func(w *world.World, name string) (release func(), done chan int) {
		hold := make(chan struct{})
		done = make(chan int, 1)
		q, err := w.Request("anna", "PUT", "/dav/an_KVBbg/"+name, &slowBody{size: 20 << 20, hold: hold})
		must(t, err)
		go func() {
			resp, err := w.Client().Do(q)
			if err != nil {
				done <- 0
				return
			}
			resp.Body.Close()
			done <- resp.StatusCode
		}()
		return sync.OnceFunc(func() { close(hold) }), done
	}
	release, done := slow(b, "verloren.bin")
	defer release()
	eventually(t, "the upload has begun in the bucket", func() bool { return len(open()) == 1 })
	b.Kill()
	release()
	<-done
	b.Serve()
	release, done = slow(b, "unterwegs.bin")
	defer release()
	eventually(t, "the second upload has begun in the bucket", func() bool { return len(open()) == 2 })
	sweep := func() {
		var all sync.WaitGroup
		for _, w := range n {
			all.Go(func() {
				if out, err := w.Try("", "storage", "collect"); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		all.Wait()
	}
	sweep()
	if got := open(); len(got) != 2 {
		t.Errorf("after a sweep among young uploads: %q", got)
	}
	if got := keys(".chunks/"); len(got) != chunks {
		t.Errorf("after a sweep among young chunks: %q", got)
	}
	release()
	if status := <-done; status != 201 {
		t.Errorf("the upload that was under way: %d", status)
	}
	must(t, os.WriteFile(clock, []byte("25h"), 0o600))
	sweep()
	must(t, os.WriteFile(clock, []byte("0s"), 0o600))
	if got := open(); len(got) != 0 {
		t.Errorf("what the killed node left is still there: %q", got)
	}
	if got := keys(".chunks/"); len(got) != 0 {
		t.Errorf("chunks of the killed node, with which nobody goes on, are still there: %q", got)
	}
	a.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/verloren.bin", Want: 404})
	b.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/bleibt.txt", Want: 200, Contains: "bleibt"})
	if out := a.CLI("", "storage", "verify"); !strings.Contains(out, "2 versions in 2 blobs") || !strings.Contains(out, "0 missing or different") {
		t.Error(out)
	}
}

// TestNodesRevocation: whatever access is taken away, no node grants it to a
// request that begins five seconds later, though it has just been used there
// (ASVS 7.4.2, 8.3.2).
func TestNodesRevocation(t *testing.T) {
	a, b := twoNodes(t)
	a.AddAccount(world.Account{Login: "fritz", Role: "clerk", Member: "0815"})
	var app struct{ ID, Password any }
	must(t, json.Unmarshal([]byte(a.CLI("", "account", "app-password", "carla", "--name", "Skript", "--json")), &app))
	program := fmt.Sprintf("carla:%v", app.Password)
	uses := []world.Exchange{
		{As: "anna", Method: "PROPFIND", Header: depth1, Path: "/dav/an_KVBbg/", Want: 207},  // account disabled
		{As: "bert", Method: "PROPFIND", Header: depth1, Path: "/dav/0815/", Want: 207},      // role ended
		{As: program, Method: "PROPFIND", Header: depth1, Path: "/dav/0815/", Want: 207},     // app password revoked
		{As: "fritz", Method: "PROPFIND", Header: depth1, Path: "/dav/an_KVBbg/", Want: 207}, // password changed
	}
	for _, w := range []*world.World{a, b} {
		w.Play(t, uses)
		w.Play(t, uses) // out of what the node remembers
	}
	a.CLI("", "account", "disable", "anna")
	b.CLI("", "account", "revoke", "bert", "--role", "caseworker", "--member", "all")
	a.CLI("", "account", "app-password", "carla", "--revoke", fmt.Sprint(app.ID))
	b.CLI("ein-anderes-Kennwort-43\n", "account", "password", "fritz", "--password-stdin")
	time.Sleep(5 * time.Second)
	refused := []int{401, 403, 401, 401}
	for i := range uses {
		uses[i].Want = refused[i]
	}
	for _, w := range []*world.World{a, b} {
		w.Play(t, uses)
		w.Do(t, world.Exchange{As: "fritz:ein-anderes-Kennwort-43", Method: "PROPFIND", Header: depth1, Path: "/dav/an_KVBbg/", Want: 207})
		w.Do(t, world.Exchange{As: "carla", Method: "PROPFIND", Header: depth1, Path: "/dav/0815/", Want: 207})
	}
}
