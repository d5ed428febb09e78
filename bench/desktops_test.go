// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// BenchmarkDesktops lets real clients fetch a mailbox of 5,000 files for the first
// time, and come again when nothing has changed: Nextcloud's and ownCloud's
// clients, rclone, and davfs2 where it can be mounted; the latter two beside
// Debian's Apache mod_dav. `make bench` calls it.
func BenchmarkDesktops(b *testing.B) {
	for b.Loop() {
		r := &run{t: b, size: sizes(), dir: b.TempDir(), figures: figures{}}
		r.scanner = scantest.Start(b, scantest.Options{})
		ours, metrics := r.desk()
		both := []*target{ours, apache(b)}
		for _, g := range both {
			r.fill(g)
		}
		r.size.repetitions = min(r.size.repetitions, 2) // each takes minutes
		for i := range r.size.repetitions {
			for _, c := range syncers() {
				for k := range both {
					if g := both[(k+i)%2]; g == ours || !c.dialect {
						r.syncs(c, g, metrics)
					}
				}
			}
			dir := b.TempDir()
			_, transaction, err := DurableFiles(dir, 200, 4<<10)
			if err != nil {
				b.Fatal(err)
			}
			r.figures.add("floor", "transaction", transaction)
			r.mounted(both[i%2])
			r.mounted(both[(i+1)%2])
		}
		table{"desktops", fmt.Sprintf("A first sync of %d files", filesIn(r.size)), r.size, r.syncLines(), r.figures}.
			publish(b, os.Getenv("POSTFACH_RESULTS"))
	}
}

// filesIn is how many files the mailbox holds, a hundred in a folder.
func filesIn(s size) int {
	if s.list < 5000 { // BENCH=quick
		return 200
	}
	return 5000
}

// fill gives a server the files, of 4 KiB each.
func (r *run) fill(g *target) {
	r.t.Helper()
	for i := range filesIn(r.size) / 100 {
		folder := fmt.Sprintf("d%02d", i)
		g.server.Make(folder + "/")
		if res := g.server.Small(folder, 100, 4, 4<<10); res.Failed > 0 {
			r.t.Fatalf("%s: %+v", g.name, res)
		}
	}
}

// desk is the built binary with an ordinary configuration, and its metrics' address.
func (r *run) desk() (*target, string) {
	r.t.Helper()
	w := world.Start(r.t, world.Options{Scanner: r.scanner, Data: filepath.Join(r.dir, "data"), Quiet: time.Minute, AtMost: 5 * time.Minute,
		Members: []world.Member{world.Musterhausen}, Accounts: []world.Account{{Login: benchUser, Password: benchPassword, Role: "clerk", Member: "0815"}}})
	g := &target{name: "postfach", server: Server{w.URL + "/dav/an_KVBbg/", benchUser, benchPassword}, tree: Tree{w.PID()}}
	return g, w.Metrics
}

// syncer is a client that brings a folder down.
type syncer struct {
	name    string
	dialect bool    // speaks to no plain WebDAV server
	idle    float64 // requests of a run without changes that it may make
	command func(ctx context.Context, s Server, home, to string) *exec.Cmd
}

func syncers() []syncer {
	root := func(s Server) string { return strings.TrimSuffix(s.Base, "/dav/an_KVBbg/") }
	return []syncer{
		{"nextcloudcmd", true, 4, func(ctx context.Context, s Server, _, to string) *exec.Cmd {
			return exec.CommandContext(ctx, "nextcloudcmd", "--non-interactive", "--max-sync-retries", "1", "-u", s.User, "-p", s.Password, to, root(s))
		}},
		{"owncloudcmd", true, 3, func(ctx context.Context, s Server, home, to string) *exec.Cmd {
			return exec.CommandContext(ctx, "owncloudcmd", "--non-interactive", "--exclude", filepath.Join(home, "exclude"), "-u", s.User, "-p", s.Password, to, root(s))
		}},
		{"rclone", false, 0, func(ctx context.Context, s Server, _, to string) *exec.Cmd {
			hidden, _ := exec.CommandContext(ctx, "rclone", "--config", "/dev/null", "obscure", s.Password).Output()
			return exec.CommandContext(ctx, "rclone", "--config", "/dev/null", "sync",
				fmt.Sprintf(":webdav,vendor=other,url='%s',user=%s,pass='%s':", s.Base, s.User, strings.TrimSpace(string(hidden))), to)
		}},
	}
}

// syncs measures a first run of a client and one without changes.
func (r *run) syncs(c syncer, g *target, metrics string) {
	r.t.Helper()
	home, to := r.t.TempDir(), r.t.TempDir()
	write(r.t, filepath.Join(home, "exclude"), "*.~tmp\n")
	for _, test := range []string{"first sync", "no change"} {
		ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Minute)
		cmd := c.command(ctx, g.server, home, to)
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_CACHE_HOME="+home, "LC_ALL=C.UTF-8")
		before := requests(metrics)
		res := g.tree.Measure(func() Result {
			start := time.Now()
			out, err := cmd.CombinedOutput()
			if err != nil {
				r.t.Fatalf("%s: %v\n%s", c.name, err, out[max(0, len(out)-2000):])
			}
			return Result{Seconds: time.Since(start).Seconds()}
		})
		cancel()
		if g.name == "postfach" {
			res.Entries = requests(metrics) - before
		}
		r.figures.add(g.name, c.name+", "+test, res)
	}
	found := 0
	_ = filepath.WalkDir(to, func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".txt") {
			found++
		}
		return err
	})
	if found != filesIn(r.size) {
		r.t.Fatalf("%s from %s: %d files", c.name, g.name, found)
	}
}

// requests is how many the server has answered.
func requests(metrics string) (sum int) {
	answer, err := http.Get(metrics + "/metrics")
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	b, _ := io.ReadAll(answer.Body)
	for _, m := range regexp.MustCompile(`(?m)^postfach_http_requests_total\{.*\} (\d+)`).FindAllSubmatch(b, -1) {
		n, _ := strconv.Atoi(string(m[1]))
		sum += n
	}
	return sum
}

// mounted reads all files by their names through davfs2, with an empty cache. With
// kernels of today davfs2 1.6.1 lists no folders of any server.
func (r *run) mounted(g *target) {
	r.t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		return
	}
	dir := r.t.TempDir()
	at, cache := filepath.Join(dir, "mnt"), filepath.Join("/var/cache/davfs2", filepath.Base(filepath.Dir(dir))+filepath.Base(dir))
	for _, d := range []string{at, cache} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			r.t.Fatal(err)
		}
	}
	defer os.RemoveAll(cache)
	os.Chmod(cache, 0o777) // davfs2 has a user of its own
	write(r.t, filepath.Join(dir, "secrets"), fmt.Sprintf("%s %s %s\n", g.server.Base, g.server.User, g.server.Password))
	write(r.t, filepath.Join(dir, "dav.conf"), fmt.Sprintf("secrets %s/secrets\nask_auth 0\ncache_dir %s\n", dir, cache))
	os.Chmod(filepath.Join(dir, "secrets"), 0o600)
	if out, err := exec.Command("mount", "-t", "davfs", "-o", "conf="+filepath.Join(dir, "dav.conf"), g.server.Base, at).CombinedOutput(); err != nil {
		r.t.Logf("davfs2 cannot be mounted here: %v %s", err, out)
		return
	}
	defer exec.Command("umount", at).Run()
	r.figures.add(g.name, "davfs2, first read", g.tree.Measure(func() (res Result) {
		start := time.Now()
		for i := range filesIn(r.size) {
			b, err := os.ReadFile(filepath.Join(at, fmt.Sprintf("d%02d/f%05d.txt", i/100, i%100)))
			if err != nil || len(b) != 4<<10 {
				res.Failed, res.Error = res.Failed+1, fmt.Sprint(len(b), err)
			}
		}
		res.Seconds = time.Since(start).Seconds()
		return res
	}))
}

// syncLines hold the runs without changes to their requests, and our time and CPU
// to Apache's where a client speaks to it.
func (r *run) syncLines() (all []line) {
	f := r.figures
	for _, c := range syncers() {
		if c.idle > 0 {
			n := f.median("postfach", c.name+", no change", func(r Result) float64 { return float64(r.Entries) })
			all = append(all, line{c.name + ", requests of a run without changes", n, 1, "", false, c.idle})
			n = f.median("postfach", c.name+", first sync", func(r Result) float64 { return float64(r.Entries) })
			all = append(all, line{c.name + ", requests of the first sync, per file", n / float64(filesIn(r.size)), 1, "", false, 1.2})
		}
	}
	for _, test := range []string{"rclone, first sync", "rclone, no change"} {
		all = append(all, line{test + " against Apache", f.median("postfach", test, seconds), f.median("apache", test, seconds), "s", false, 1.2})
	}
	// One after the other, each read waits for its record in the audit log.
	if test := "davfs2, first read"; len(f["postfach "+test]) > 0 {
		records := float64(filesIn(r.size)) / f.median("floor", "transaction", rate)
		all = append(all, line{test + " against Apache and a durable transaction for each file", f.median("postfach", test, seconds),
			f.median("apache", test, seconds) + records, "s", false, 1.2})
	}
	return all
}
