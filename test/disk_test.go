// SPDX-License-Identifier: Apache-2.0

package test

import (
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	_ "modernc.org/sqlite" // holds the lock

	"postfach/test/world"
)

// smallDisk mounts a file system in memory; only root may.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	long(t)
	dir := t.TempDir()
	if os.Getuid() != 0 {
		t.Skip("mounting a small disk needs root")
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting is not allowed here: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// fill writes until the disk takes no byte more, and leaves `leave` bytes.
func fill(t *testing.T, dir string, leave int64) (empty func()) {
	t.Helper()
	name := filepath.Join(dir, "fuellung")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, size := range []int{1 << 20, 1 << 12, 1} {
		for err = nil; err == nil; {
			var k int
			k, err = f.Write(make([]byte, size))
			n += int64(k)
		}
	}
	if leave > 0 {
		if err := f.Truncate(max(0, n-leave)); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil || int64(st.Bavail)*st.Bsize > leave+1<<20 {
		t.Fatalf("the disk is not full: %d bytes free, %v", int64(st.Bavail)*st.Bsize, err)
	}
	return func() { os.Remove(name) }
}

// TestFullDisk: uploads are refused cleanly, sign-in and reading go on, and
// nothing needs to be done afterwards (item 13).
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "size=256m,mode=0700")
	o := world.Everybody()
	o.Data = filepath.Join(dir, "data")
	w := whole(t, o)
	w.Put(t, "anna", "/dav/an_KVBbg/da.txt", "da")
	stored := len(blobs(t, w))

	for _, name := range []string{"wholly", "almost", "wholly again"} {
		leave := int64(0)
		if name == "almost" {
			leave = 120 << 20 // less than an upload must leave free
		}
		empty := fill(t, dir, leave)
		for _, size := range []int{4 << 20, 8 << 20} {
			a := w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/neu.bin", Body: strings.Repeat("x", size)})
			if a.Status != 503 && a.Status != 507 {
				t.Errorf("%s full, %d bytes: %d, want 503 or 507\n%.300s", name, size, a.Status, a.Body)
			}
		}
		if a := w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/da.txt"}); a.Status != 200 {
			t.Errorf("%s full, reading: %d\n%s", name, a.Status, w.Log())
		}
		w.Play(t, []world.Exchange{
			{As: "anna", Method: "PROPFIND", Path: "/dav/an_KVBbg/", Header: depth1, Want: 207},
			{As: "emil", Method: "PROPFIND", Path: "/dav/", Header: depth1, Want: 207}, // signs in for the first time
			{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/neu.bin", Want: 404},
		})
		if n := len(blobs(t, w)); n != stored {
			t.Errorf("%s full: %d files in the storage, want %d", name, n, stored)
		}
		empty()
		eventually(t, "uploads are taken when there is room again", func() bool {
			a, err := w.Send(world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/danach-" + name[:6], Body: name})
			return err == nil && a.Status/100 == 2
		})
		stored++
	}
	w.Kill()
	w.Serve()
	w.Get(t, "anna", "/dav/an_KVBbg/danach-wholly")
	w.CLI("", "audit", "replay", "--verify")
}

// TestReadOnlyStorage: the disk of the blobs turns read-only under the server;
// uploads are refused, reading goes on, writing comes back with the disk.
func TestReadOnlyStorage(t *testing.T) {
	dir := smallDisk(t, "size=256m,mode=0700")
	o := world.Everybody()
	o.Stopped = true
	w := whole(t, o)
	settings := readFile(t, w.Config)
	writeFile(t, w.Config, strings.Replace(settings, "storage: dir:"+w.Data+"/blobs", "storage: dir:"+dir+"/blobs", 1))
	w.Serve()
	w.Put(t, "anna", "/dav/an_KVBbg/da.txt", "da")
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skipf("cannot make the disk read-only: %v", err)
	}
	for _, size := range []int{10, 4 << 20} {
		a := w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/neu.bin", Body: strings.Repeat("x", size)})
		if a.Status != 503 && a.Status != 507 {
			t.Errorf("%d bytes onto a read-only disk: %d\n%.300s", size, a.Status, a.Body)
		}
	}
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/da.txt", Want: 200, Contains: "da"},
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/neu.bin", Want: 404},
	})
	if err := syscall.Mount("", dir, "", syscall.MS_REMOUNT, "size=256m"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "uploads are taken when the disk can be written again", func() bool {
		a, err := w.Send(world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/danach", Body: "x"})
		return err == nil && a.Status == 201
	})
}

// TestUnwritableCatalog: where the audit record of a reading cannot be written,
// nothing is read, nothing is changed, and nothing needs to be done afterwards
// (I3). Somebody else holds the catalog's write lock.
func TestUnwritableCatalog(t *testing.T) {
	w := whole(t, world.Everybody())
	const f = "/dav/an_KVBbg/da.txt"
	w.Put(t, "anna", f, "Inhalt")
	ctx := t.Context()
	db, err := sql.Open("sqlite", filepath.Join(w.Data, "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	holder, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	eventually(t, "the lock is ours", func() bool {
		_, err := holder.ExecContext(ctx, "BEGIN IMMEDIATE")
		return err == nil
	})
	var refused sync.WaitGroup
	for _, x := range []world.Exchange{ // at once: each waits some seconds for the lock
		{As: "anna", Method: "GET", Path: f},
		{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/neu.txt", Body: "x"},
		{As: "anna", Method: "DELETE", Path: f},
	} {
		refused.Go(func() {
			a, err := w.Send(x)
			if err != nil || a.Status != 503 || a.Header.Get("Retry-After") == "" || strings.Contains(string(a.Body), "Inhalt") {
				t.Errorf("%s: %d %v %v %s", x.Method, a.Status, err, a.Header, a.Body)
			}
		})
	}
	refused.Wait()
	if _, err := holder.ExecContext(ctx, "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "reading is recorded again", func() bool {
		a, err := w.Send(world.Exchange{As: "anna", Method: "GET", Path: f})
		return err == nil && a.Status == 200 && string(a.Body) == "Inhalt"
	})
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/neu.txt", Want: 404})
	if err := w.Stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	reads := 0
	for _, r := range w.Audit(t) {
		if r.Operation == "read" {
			reads++
		}
	}
	if reads != 1 {
		t.Errorf("%d records of reading, want the one that was", reads)
	}
	w.CLI("", "audit", "replay", "--verify")
}

// TestShutdownLetsUploadsFinish (item 13).
func TestShutdownLetsUploadsFinish(t *testing.T) {
	w := whole(t, world.Everybody())
	pr, pw := io.Pipe()
	r, err := w.Request("anna", "PUT", "/dav/an_KVBbg/unterwegs", pr)
	if err != nil {
		t.Fatal(err)
	}
	status := make(chan int, 1)
	go func() {
		resp, err := w.Client().Do(r)
		if err != nil {
			status <- 0
			return
		}
		resp.Body.Close()
		status <- resp.StatusCode
	}()
	first := strings.Repeat("erste Hälfte ", 1<<20) // more than sockets hold: the server is reading it
	io.WriteString(pw, first)
	stopped := make(chan error, 1)
	go func() { stopped <- w.Stop() }()
	eventually(t, "new connections are refused or not served", func() bool { return w.ReadyStatus() != 200 })
	io.WriteString(pw, "zweite Hälfte")
	pw.Close()
	if got := <-status; got != 201 {
		t.Errorf("the upload under way was answered %d, want 201", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("the server ended with %v", err)
	}
	w.Serve()
	if got := w.Get(t, "anna", "/dav/an_KVBbg/unterwegs"); string(got.Body) != first+"zweite Hälfte" {
		t.Errorf("stored %d bytes that are not what was sent", len(got.Body))
	}
}
