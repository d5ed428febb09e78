// SPDX-License-Identifier: Apache-2.0

package test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postfach/test/world"
)

// The desktop clients' commands: nextcloudcmd 3.7 and owncloudcmd 2.11 of
// Debian (CLIENTS.md section 6).
const (
	nextcloud = "nextcloudcmd"
	owncloud  = "owncloudcmd"
)

var vendors = []string{nextcloud, owncloud}

// asked is a request that a client made, with its answer.
type asked struct {
	method, path string // path decoded
	query        string
	status       int
	header       http.Header
	took         time.Duration // until it was answered
}

func (a asked) String() string { return fmt.Sprintf("%s %s → %d", a.method, a.path, a.status) }

// recorder stands between a client and the server, and writes down what passes.
type recorder struct {
	*httptest.Server
	mu  sync.Mutex
	all []asked
	// stop, when set, ends the connection instead of passing a request on.
	stop func(*http.Request) bool
	// half, when set, ends the connection in the middle of the answer.
	half func(*http.Request) bool
}

func newRecorder(t *testing.T, w *world.World, start func(http.Handler) *httptest.Server) *recorder {
	t.Helper()
	to, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) }}
	rec := &recorder{}
	rec.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec.mu.Lock()
		stop, half := rec.stop, rec.half
		rec.mu.Unlock()
		if stop != nil && stop(r) {
			panic(http.ErrAbortHandler)
		}
		// Else an answer that comes before the proxy has seen the end of the
		// request's body is cut off (golang/go#40747).
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			panic(err)
		}
		if half != nil && half(r) {
			answer := httptest.NewRecorder()
			proxy.ServeHTTP(answer, r)
			sendHalf(w, answer)
		}
		a := asked{method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, header: r.Header.Clone()}
		seen, begun := &statusWriter{ResponseWriter: w}, time.Now()
		proxy.ServeHTTP(seen, r)
		a.status, a.took = seen.status, time.Since(begun)
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.all = append(rec.all, a)
	}))
	t.Cleanup(rec.Close)
	return rec
}

// sendHalf gives the first half of an answer and ends the connection.
func sendHalf(w http.ResponseWriter, answer *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), answer.Header())
	w.Header().Del("Content-Length")
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (s *statusWriter) WriteHeader(code int) { s.status = code; s.ResponseWriter.WriteHeader(code) }

func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// take gives what has passed since it was last called.
func (r *recorder) take() requests {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

func (r *recorder) cut(stop func(*http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop = stop
}

type requests []asked

// by gives the requests of a method.
func (rs requests) by(method string) requests {
	return slices.DeleteFunc(slices.Clone(rs), func(a asked) bool { return a.method != method })
}

// to gives those whose path ends so.
func (rs requests) to(suffix string) requests {
	return slices.DeleteFunc(slices.Clone(rs), func(a asked) bool { return !strings.HasSuffix(a.path, suffix) })
}

func (rs requests) String() string {
	var b strings.Builder
	for _, a := range rs {
		b.WriteString(a.String() + "\n")
	}
	return b.String()
}

func (r *recorder) shorten(half func(*http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.half = half
}

// desk is somebody's computer with one of the clients on it.
type desk struct {
	t      *testing.T
	w      *world.World
	vendor string
	login  string // or login:password
	root   string // the folder that is kept in step
	home   string
	server string // address that the client is given
	rec    *recorder
	extra  []string      // options of the client
	hangs  bool          // the client may hang when the server goes away (CLIENTS.md section 7): it is ended after 30 s
	limit  time.Duration // of one run; 0 means three minutes
	env    []string
}

// newDesk gives somebody a computer; the requests of its client are recorded.
func newDesk(t *testing.T, w *world.World, vendor, login string) *desk {
	t.Helper()
	d := &desk{t: t, w: w, vendor: vendor, login: login, root: t.TempDir(), home: t.TempDir()}
	d.rec = newRecorder(t, w, httptest.NewServer)
	d.server = d.rec.URL
	writeFile(t, filepath.Join(d.home, "exclude"), "*.~tmp\n")
	return d
}

// deskRun is what became of one run of a client.
type deskRun struct {
	code int
	out  string
	requests
}

// try runs the client once. A client that hangs is a fault of ours.
func (d *desk) try() deskRun {
	d.t.Helper()
	login, password, other := strings.Cut(d.login, ":")
	if !other {
		password = world.Password
	}
	args := []string{"--non-interactive"}
	if d.vendor == nextcloud {
		args = append(args, "--max-sync-retries", "1")
	} else {
		args = append(args, "--exclude", filepath.Join(d.home, "exclude"))
	}
	args = append(append(args, d.extra...), "-u", login, "-p", password, d.root, d.server)
	limit := cmp.Or(d.limit, 5*time.Minute)
	if d.hangs {
		limit = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, d.vendor, args...)
	cmd.Env = append(os.Environ(), "HOME="+d.home, "XDG_CONFIG_HOME="+d.home, "XDG_CACHE_HOME="+d.home, "LC_ALL=C.UTF-8", "QT_LOGGING_RULES=")
	cmd.Env = append(cmd.Env, d.env...)
	d.rec.take()
	out, err := cmd.CombinedOutput()
	r := deskRun{out: string(out), requests: d.rec.take()}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		r.code = exit.ExitCode()
	} else if err != nil {
		d.t.Fatalf("%s: %v", d.vendor, err)
	}
	if ctx.Err() != nil && !d.hangs {
		d.t.Fatalf("%s hangs after\n%s", d.vendor, r.requests)
	}
	return r
}

// sync is try that must succeed.
func (d *desk) sync() deskRun {
	d.t.Helper()
	r := d.try()
	if r.code != 0 {
		d.t.Fatalf("%s: code %d\n%s%s", d.vendor, r.code, r.requests, tail(r.out))
	}
	return r
}

func tail(s string) string {
	lines := strings.Split(s, "\n")
	return strings.Join(lines[max(0, len(lines)-25):], "\n")
}

// path is a file of the desk.
func (d *desk) path(name string) string { return filepath.Join(d.root, filepath.FromSlash(name)) }

// write puts a file on the desk, in folders that need not be there.
func (d *desk) write(name, content string) {
	d.t.Helper()
	if err := os.MkdirAll(filepath.Dir(d.path(name)), 0o700); err != nil {
		d.t.Fatal(err)
	}
	writeFile(d.t, d.path(name), content)
}

func (d *desk) read(name string) string { d.t.Helper(); return readFile(d.t, d.path(name)) }

func (d *desk) has(name string) bool {
	_, err := os.Lstat(d.path(name))
	return err == nil
}

// unfinished is the name of a download that has not come to its end.
var unfinished = regexp.MustCompile(`^\..+\.~[0-9a-f]+$`)

// tree is what lies on the desk: names with the digests of their contents,
// folders with "/". What clients keep for themselves is left out.
func (d *desk) tree() map[string]string {
	d.t.Helper()
	return treeOf(d.t, d.root)
}

func treeOf(t *testing.T, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(root, path)
		switch {
		case err != nil || rel == ".":
			return err
		case strings.HasPrefix(e.Name(), ".sync_") || strings.HasPrefix(e.Name(), "._sync_") || strings.HasPrefix(e.Name(), ".owncloudsync"), unfinished.MatchString(e.Name()):
			return nil
		case e.IsDir():
			found[rel+"/"] = ""
			return nil
		}
		b, err := os.ReadFile(path)
		found[rel] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// served is what the server shows to somebody below a WebDAV path, in the form
// of tree.
func served(t *testing.T, w *world.World, login, path string) map[string]string {
	t.Helper()
	found := map[string]string{}
	var walk func(path, rel string)
	walk = func(path, rel string) {
		for _, r := range w.Propfind(t, login, path, "1")[1:] {
			names := strings.Split(strings.Trim(r.Path, "/"), "/")
			name := rel + names[len(names)-1]
			if r.Folder() {
				found[name+"/"] = ""
				walk(r.Href, name+"/")
				continue
			}
			found[name] = fmt.Sprintf("%x", sha256.Sum256(w.Get(t, login, r.Href).Body))
		}
	}
	walk(path, "")
	return found
}

// treeDifferences between two trees, as sentences.
func treeDifferences(got, want map[string]string) (all []string) {
	for name, sum := range want {
		if g, ok := got[name]; !ok {
			all = append(all, name+" is missing")
		} else if g != sum {
			all = append(all, name+" is different")
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			all = append(all, name+" is too much")
		}
	}
	slices.Sort(all)
	return all
}

// same fails unless two trees are equal.
func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if d := treeDifferences(got, want); len(d) > 0 {
		t.Errorf("%s:\n%s", what, strings.Join(d, "\n"))
	}
}

// office is a world for the desktops, in which each test gets a mailbox of its
// own.
type office struct {
	*world.World
	mu   sync.Mutex
	next int
}

func newOffice(t *testing.T, o world.Options) *office {
	t.Helper()
	o.Members = append(o.Members, world.Musterhausen)
	o.Accounts = append(o.Accounts, world.Account{Login: "bert", Role: "caseworker"})
	return &office{World: whole(t, o)}
}

// clerk makes a member with one clerk, and gives its number and the login.
func (o *office) clerk(t *testing.T) (number, login string) {
	t.Helper()
	o.mu.Lock()
	o.next++
	n := o.next
	o.mu.Unlock()
	number, login = fmt.Sprintf("1%03d", n), fmt.Sprintf("clerk%d", n)
	o.AddMember(world.Member{Number: number, Name: fmt.Sprintf("Amt %d", n)})
	o.AddAccount(world.Account{Login: login, Role: "clerk", Member: number, Flags: []string{"--language", "de"}})
	return number, login
}

// each runs a test with either client, on a mailbox of its own.
func (o *office) each(t *testing.T, name string, test func(t *testing.T, d *desk, number string)) {
	for _, v := range vendors {
		t.Run(name+"/"+v, func(t *testing.T) {
			t.Parallel()
			number, login := o.clerk(t)
			test(t, newDesk(t, o.World, v, login), number)
		})
	}
}

func inodeOf(t *testing.T, name string) uint64 {
	t.Helper()
	s, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return s.Sys().(*syscall.Stat_t).Ino
}
