// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// TestDavfs2Mount: check 19, a real mount with Debian's davfs2. Files are
// reached by path: with kernels of today davfs2 1.6.1 cannot list folders,
// whatever the server.
func TestDavfs2Mount(t *testing.T) {
	long(t)
	if _, err := os.Stat("/dev/fuse"); err != nil {
		t.Skip("no /dev/fuse on this machine, so nothing can be mounted by davfs2; test/replays/davfs2-create.txt replays its requests")
	}
	if os.Getuid() != 0 {
		t.Skip("mounting needs root; test/replays/davfs2-create.txt replays its requests")
	}
	w := whole(t, world.Everybody())
	rec := newRecorder(t, w, httptest.NewServer)
	mnt := mountDavfs(t, rec, "anna")
	in := filepath.Join(mnt, "an_KVBbg")

	q := filepath.Join(in, "q ü.txt")
	must(t, os.WriteFile(q, []byte("hi\n"), 0o644))
	eventually(t, "the file is on the server", func() bool { return serves(w, "bert", "/dav/0815/an_KVBbg/q%20%C3%BC.txt", "hi\n") })
	asked := rec.take()
	if put := asked.by("PUT"); len(put) != 1 || put[0].status != 204 || put[0].header.Get("If") == "" || put[0].header.Get("If-Match") == "" {
		t.Errorf("want LOCK, HEAD, PUT with If and If-Match, UNLOCK:\n%s", asked)
	}
	if l := asked.by("LOCK"); len(l) == 0 || l[0].status != 201 {
		t.Errorf("no lock:\n%s", asked)
	}
	f, err := os.OpenFile(q, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("x\n")
	must(t, err)
	must(t, f.Close())
	eventually(t, "the longer file is on the server", func() bool { return serves(w, "bert", "/dav/0815/an_KVBbg/q%20%C3%BC.txt", "hi\nx\n") })
	eventually(t, "the lock is given back", func() bool {
		return !strings.Contains(w.Propfind(t, "anna", "/dav/an_KVBbg/q%20%C3%BC.txt", "0")[0].Prop("lockdiscovery"), "activelock")
	})
	r := filepath.Join(in, "r.txt")
	must(t, os.Rename(q, r))
	if got := readFile(t, r); got != "hi\nx\n" {
		t.Errorf("renamed: %q", got)
	}
	must(t, os.Mkdir(filepath.Join(in, "Ordner"), 0o755))
	must(t, os.Rename(r, filepath.Join(in, "Ordner", "r.txt")))
	must(t, os.Remove(filepath.Join(in, "Ordner", "r.txt")))
	must(t, os.Remove(filepath.Join(in, "Ordner")))
	if got := w.Names(t, "anna", "/dav/an_KVBbg/"); len(got) > 0 {
		t.Errorf("left on the server: %q", got)
	}
	w.Put(t, "anna", "/dav/an_KVBbg/von%20nebenan.txt", "anderswo geschrieben")
	eventually(t, "what others put there is read", func() bool {
		b, err := os.ReadFile(filepath.Join(in, "von nebenan.txt"))
		return err == nil && string(b) == "anderswo geschrieben"
	})
	// The quota of the mailbox, 10 GiB; davfs2 counts in blocks, and a few too little.
	out, err := exec.Command("df", "--block-size=1M", "--output=size,avail", mnt).CombinedOutput()
	if f := strings.Fields(string(out)); err != nil || len(f) < 2 || f[len(f)-2] != "10240" || f[len(f)-1] != "10240" {
		t.Errorf("df: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(mnt, "verboten.txt"), []byte("x"), 0o644); err == nil {
		t.Error("a file could be made where only the authority writes")
	}
	// An infected file is reported to the program that writes it only by davfs2's
	// log; what matters is that it is not there.
	_ = os.WriteFile(filepath.Join(in, "Viren.txt"), scantest.EICAR(), 0o644)
	eventually(t, "the infected upload was refused", func() bool {
		for _, a := range rec.take().by("PUT") {
			if a.status == 415 {
				return true
			}
		}
		return false
	})
	w.Do(t, world.Exchange{As: "bert", Method: "GET", Path: "/dav/0815/an_KVBbg/Viren.txt", Want: 404})
}

// mountDavfs mounts the WebDAV root of somebody.
func mountDavfs(t *testing.T, rec *recorder, login string) string {
	t.Helper()
	dir := t.TempDir()
	mnt := filepath.Join(dir, "mnt")
	must(t, os.Mkdir(mnt, 0o755))
	writeFile(t, filepath.Join(dir, "secrets"), rec.URL+"/dav/ "+login+" "+world.Password+"\n")
	writeFile(t, filepath.Join(dir, "dav.conf"), "secrets "+filepath.Join(dir, "secrets")+"\nask_auth 0\ndelay_upload 0\ngui_optimize 0\ndir_refresh 1\nfile_refresh 1\n")
	if out, err := command(t, "mount", "-t", "davfs", "-o", "conf="+filepath.Join(dir, "dav.conf"), rec.URL+"/dav/", mnt).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if out, err := exec.CommandContext(ctx, "umount", mnt).CombinedOutput(); err != nil {
			t.Errorf("umount: %v\n%s", err, out)
			_ = exec.Command("umount", "-l", mnt).Run()
		}
	})
	return mnt
}

// command is one that cannot hang for ever, nor leave its children's pipes open.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

func serves(w *world.World, login, path, content string) bool {
	a, err := w.Send(world.Exchange{As: login, Method: "GET", Path: path})
	return err == nil && a.Status == 200 && string(a.Body) == content
}
