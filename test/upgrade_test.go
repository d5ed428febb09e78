// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/test/world"
)

// builds are the programs of an upgrade: that of the commit before, this one,
// and one with another migration.
type builds struct{ old, this, newer string }

func buildAll(t *testing.T) (b builds) {
	t.Helper()
	long(t)
	dir := t.TempDir()
	b.this = os.Getenv(world.BinaryVariable)
	b.old, b.newer = filepath.Join(dir, "old"), filepath.Join(dir, "newer")
	top, err := filepath.Abs("..")
	must(t, err)
	tree := filepath.Join(dir, "tree")
	must(t, os.Mkdir(tree, 0o700))
	unpack := fmt.Sprintf("set -o pipefail; git -C '%s' archive HEAD~1 | tar -x -C '%s'", top, tree)
	if out, err := exec.Command("git", "-C", top, "rev-parse", "--verify", "--quiet", "HEAD~1").CombinedOutput(); err != nil {
		t.Logf("no commit before this one, as in a shallow clone (%v %s): the same tree as another version", err, out)
		tree = top
	} else if out, err := exec.Command("bash", "-c", unpack).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", unpack, err, out)
	}
	build(t, tree, b.old, "-X main.version=before")

	// One migration more: a column and a table that this program does not know.
	overlay := map[string]string{}
	for _, folder := range []string{"catalog/migrations", "catalog/migrations/postgres"} {
		files, err := filepath.Glob(filepath.Join(top, folder, "*.sql"))
		must(t, err)
		var last int
		_, err = fmt.Sscanf(filepath.Base(files[len(files)-1]), "%04d_", &last)
		must(t, err)
		script := filepath.Join(dir, strings.ReplaceAll(folder, "/", "-")+".sql")
		writeFile(t, script, "ALTER TABLE entries ADD COLUMN tomorrow INTEGER; CREATE TABLE tomorrow (id INTEGER PRIMARY KEY);")
		overlay[filepath.Join(top, folder, fmt.Sprintf("%04d_tomorrow.sql", last+1))] = script
	}
	replace, err := json.Marshal(map[string]any{"Replace": overlay})
	must(t, err)
	writeFile(t, filepath.Join(dir, "overlay.json"), string(replace))
	build(t, top, b.newer, "-X main.version=tomorrow", "-overlay", filepath.Join(dir, "overlay.json"))
	return b
}

func build(t *testing.T, tree, to, ldflags string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append(append([]string{"build", "-trimpath", "-ldflags", ldflags, "-o", to}, args...), "./cmd/postfach")...)
	cmd.Dir, cmd.Env = tree, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// work is uploads by several clients through whatever node takes them.
type work struct {
	t     *testing.T
	nodes nodes
	stop  chan struct{}
	all   sync.WaitGroup

	mu      sync.Mutex
	kept    map[string]string // acknowledged: path → content
	refused int               // no node took it
	busy    int               // a node that is starting said so
	unknown int               // the answer never came
}

func startWork(t *testing.T, all nodes) *work {
	w := &work{t: t, nodes: all, stop: make(chan struct{}), kept: map[string]string{}}
	for id := range 4 {
		w.all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-w.stop:
					return
				case <-time.After(5 * time.Millisecond):
					w.put(i+id, fmt.Sprintf("/dav/an_KVBbg/%d-%d.txt", id, i), fmt.Sprintf("client %d document %d", id, i))
				}
			}
		})
	}
	return w
}

// put does what a balancer does: a node that takes no connection is left out.
func (w *work) put(first int, path, body string) {
	for k := range w.nodes {
		got, err := w.nodes[(first+k)%len(w.nodes)].Send(world.Exchange{As: "anna", Method: "PUT", Path: path, Body: body})
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			continue
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		switch {
		case err != nil:
			w.unknown++
		case got.Status == http.StatusServiceUnavailable:
			w.busy++
		case got.Status == http.StatusCreated:
			w.kept[path] = body
		default:
			w.t.Errorf("PUT %s: %d\n%s", path, got.Status, got.Body)
		}
		return
	}
	w.mu.Lock()
	w.refused++
	w.mu.Unlock()
}

func (w *work) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.kept)
}

// more waits until n further uploads are acknowledged.
func (w *work) more(n int) {
	w.t.Helper()
	to := w.count() + n
	eventually(w.t, "uploads go on", func() bool { return w.count() >= to })
}

// end stops and compares by every node.
func (w *work) end() {
	w.t.Helper()
	close(w.stop)
	w.all.Wait()
	for path, body := range w.kept {
		for _, node := range w.nodes {
			if got := node.Get(w.t, "anna", path); string(got.Body) != body {
				w.t.Errorf("%s: %q", path, got.Body)
			}
		}
	}
	w.t.Logf("%d acknowledged, %d without an answer, %d at a node that was starting, %d that no node took", len(w.kept), w.unknown, w.busy, w.refused)
}

// replace stops a node while an upload to it is under way, which it finishes,
// and starts another program in its place.
func (w *work) replace(node *world.World, binary string) {
	w.t.Helper()
	hold, sent := make(chan struct{}), make(chan struct{})
	const size = 16 << 20 // more than sockets hold: once it is sent the server is reading it
	path := fmt.Sprintf("/dav/an_KVBbg/unterwegs-%d.bin", w.count())
	q, err := node.Request("anna", "PUT", path, &slowBody{size: size, hold: hold, sent: func() { close(sent) }})
	must(w.t, err)
	done := make(chan string, 1)
	go func() {
		resp, err := node.Client().Do(q)
		if err != nil {
			done <- err.Error()
			return
		}
		resp.Body.Close()
		done <- resp.Status
	}()
	<-sent
	stopped := make(chan error, 1)
	go func() { stopped <- node.Stop() }()
	eventually(w.t, "the node takes nothing new", func() bool { return node.ReadyStatus() != http.StatusOK })
	close(hold)
	if err := <-stopped; err != nil {
		w.t.Errorf("the node did not end well: %v\n%s", err, node.Log())
	}
	if status := <-done; !strings.HasPrefix(status, "201") {
		w.t.Errorf("an upload that was under way at the stop: %s", status)
	}
	node.Use(binary)
	node.Serve()
	if got := node.Get(w.t, "anna", path); len(got.Body) != size {
		w.t.Errorf("%d bytes of the upload that was under way", len(got.Body))
	}
	w.more(20)
}

// refusesOlder: the tables of a newer program are left alone by an older one,
// which says why.
func refusesOlder(t *testing.T, node *world.World, older string) {
	t.Helper()
	must(t, node.Stop())
	node.Use(older)
	out, err := node.Try("", "serve")
	if err == nil || !strings.Contains(out, "a newer Postfach has written this catalog") {
		t.Errorf("an older program on newer tables: %v\n%s", err, out)
	}
}

// TestUpgrade: from the commit before to this one and on to a program with
// another migration.
func TestUpgrade(t *testing.T) {
	b := buildAll(t)
	t.Run("two nodes", func(t *testing.T) { upgradeNodes(t, b) })
	t.Run("SQLite", func(t *testing.T) { upgradeSQLite(t, b) })
}

// upgradeNodes: two nodes are replaced one after the other, by this
// program and then by one with a migration more, under uploads: none that was
// acknowledged is lost, one under way is finished, an upload in chunks goes on
// at the other program, and nobody can go back behind the migration (K11).
func upgradeNodes(t *testing.T, b builds) {
	s := database.Get(t)
	o := world.Everybody()
	o.Catalog, o.Data, o.Binary = s.URL(s.Database(t)), t.TempDir(), b.old
	first := world.Start(t, o)
	o.Scanner, o.Members, o.Accounts = first.Scanner, nil, nil
	n := nodes{first, world.Start(t, o)}
	w := startWork(t, n)
	w.more(20)
	n[0].Do(t, world.Exchange{As: "anna", Method: "MKCOL", Path: chunksOf + "1", Want: 201})
	n[0].Do(t, world.Exchange{As: "anna", Method: "PUT", Path: chunksOf + "1/1", Body: "alt ", Want: 201})
	w.replace(n[1], b.this)
	n[1].Do(t, world.Exchange{As: "anna", Method: "PUT", Path: chunksOf + "1/2", Body: "und neu", Want: 201})
	n[1].Do(t, joins("1", "beides.txt", 201))
	n[0].Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/beides.txt", Want: 200, Contains: "alt und neu"})
	for _, next := range []string{b.this, b.newer} {
		for _, node := range n {
			w.replace(node, next)
		}
	}
	w.end()
	n[0].CLI("", "audit", "replay", "--verify")
	refusesOlder(t, n[1], b.this)
}

// upgradeSQLite: likewise one node with its own files, which is away for
// the time of a restart.
func upgradeSQLite(t *testing.T, b builds) {
	o := world.Everybody()
	o.Binary = b.old
	node := world.Start(t, o)
	w := startWork(t, nodes{node})
	w.more(20)
	w.replace(node, b.this)
	w.replace(node, b.newer)
	w.end()
	node.CLI("", "audit", "replay", "--verify")
	refusesOlder(t, node, b.this)
}
