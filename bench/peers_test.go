// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postfach/test/porttest"
)

// target is a server that takes part.
type target struct {
	name    string
	server  Server
	tree    Tree
	startup float64 // seconds until it answered
	idle    float64 // MiB resident after the first request
	anon    float64 // of it anonymous
}

const (
	benchUser     = "bench"
	benchPassword = "bench-Kennwort-1234"
)

// start runs a peer until the benchmark ends.
func start(t testing.TB, name, url string, cmd *exec.Cmd) *target {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		cmd.Wait()
	})
	g := &target{name: name, server: Server{url, benchUser, benchPassword}, tree: Tree{cmd.Process.Pid}}
	for end := began.Add(30 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if r, err := http.Get(url); err == nil {
			r.Body.Close()
			break
		}
		if time.Now().After(end) {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("%s does not answer:\n%s", name, said)
		}
	}
	g.startup = time.Since(began).Seconds()
	g.rest()
	return g
}

// rest makes one request, waits and notes the memory of an idle server.
func (g *target) rest() {
	g.server.Propfind("")
	time.Sleep(3 * time.Second)
	g.idle, g.anon = g.tree.Memory("VmRSS"), g.tree.Memory("RssAnon")
}

// apache is Debian's mod_dav on the event MPM, as its own defaults tune it.
func apache(t testing.TB) *target {
	t.Helper()
	dir := t.TempDir()
	files := filepath.Join(dir, "dav")
	sum := sha1.Sum([]byte(benchPassword))
	write(t, filepath.Join(dir, "users"), benchUser+":{SHA}"+base64.StdEncoding.EncodeToString(sum[:])+"\n")
	listen := porttest.Free(t)
	var conf strings.Builder
	for _, m := range []string{"mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "dav", "dav_fs", "mime"} {
		fmt.Fprintf(&conf, "LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", m, m)
	}
	fmt.Fprintf(&conf, `ServerName localhost
Listen %s
PidFile %[2]s/pid
ErrorLog %[2]s/error.log
User www-data
Group www-data
TypesConfig /dev/null
DocumentRoot %[2]s
DavLockDB %[2]s/locks
KeepAlive On
MaxKeepAliveRequests 0
<Directory %[2]s/dav>
Dav On
AuthType Basic
AuthName bench
AuthUserFile %[2]s/users
Require valid-user
</Directory>
`, listen, dir)
	write(t, filepath.Join(dir, "httpd.conf"), conf.String())
	if err := os.Mkdir(files, 0o755); err != nil {
		t.Fatal(err)
	}
	own(t, dir, files)
	return start(t, "apache", "http://"+listen+"/dav/", exec.Command("/usr/sbin/apache2", "-f", filepath.Join(dir, "httpd.conf"), "-DFOREGROUND"))
}

// own gives the folders to Apache's user, and lets it pass the temporary ones.
func own(t testing.TB, dirs ...string) {
	t.Helper()
	u, err := user.Lookup("www-data")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, d := range dirs {
		if err := os.Chown(d, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	for d := filepath.Dir(dirs[0]); d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
}

func rclone(t testing.TB) *target {
	t.Helper()
	dir, listen := t.TempDir(), porttest.Free(t)
	return start(t, "rclone", "http://"+listen+"/", exec.Command("rclone", "--config", "/dev/null", "serve", "webdav", dir,
		"--addr", listen, "--user", benchUser, "--pass", benchPassword))
}

func write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
