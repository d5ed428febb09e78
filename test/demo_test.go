// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postfach/test/porttest"
	"postfach/test/world"
)

// TestTour plays `make tour`: every step as it should, K4, K5, K6, D13.
func TestTour(t *testing.T) {
	long(t)
	cmd := exec.CommandContext(t.Context(), os.Getenv(world.BinaryVariable), "demo", "--tour")
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil || !regexp.MustCompile(`All \d+ steps went as they should`).Match(out) {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, part := range []string{"EICAR", "Korrekturliste", "404", "audit"} {
		if !bytes.Contains(bytes.ToLower(out), []byte(strings.ToLower(part))) {
			t.Errorf("the tour does not speak of %s", part)
		}
	}
}

// demoRun is a demo that was started; its output may be read while it runs.
type demoRun struct {
	t      *testing.T
	cmd    *exec.Cmd
	exited chan struct{} // closed when the program has ended; err says how
	err    error
	mu     sync.Mutex
	out    bytes.Buffer
}

func (d *demoRun) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.Write(p)
}

func (d *demoRun) said() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.out.String()
}

func startDemo(t *testing.T, dir, listen, mail string, more ...string) *demoRun {
	t.Helper()
	return runDemo(t, exec.Command(os.Getenv(world.BinaryVariable), append([]string{"demo", "--own-signatures", "--dir", dir, "--listen", listen, "--mail-listen", mail}, more...)...))
}

// runDemo waits until the demo of a command is there.
func runDemo(t *testing.T, cmd *exec.Cmd) *demoRun {
	t.Helper()
	d := &demoRun{t: t, cmd: cmd}
	d.cmd.Stdout, d.cmd.Stderr = d, d
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.exited = make(chan struct{})
	go func() {
		defer close(d.exited)
		d.err = d.cmd.Wait()
	}()
	t.Cleanup(func() { d.cmd.Process.Kill(); <-d.exited })
	for end := time.Now().Add(3 * time.Minute); !strings.Contains(d.said(), "Ctrl-C"); {
		select {
		case <-d.exited:
			t.Fatalf("the demo ended at once: %v\n%s", d.err, d.said())
		case <-time.After(100 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatalf("the demo is not ready:\n%s", d.said())
		}
	}
	return d
}

func (d *demoRun) end() {
	d.t.Helper()
	d.cmd.Process.Signal(syscall.SIGINT)
	if <-d.exited; d.err != nil {
		d.t.Errorf("the demo ended with %v\n%s", d.err, d.said())
	}
}

// TestDemo: what `make demo` prints can be pasted and works, and a second
// start takes the same data in seconds (item 1).
func TestDemo(t *testing.T) {
	long(t)
	dir := filepath.Join(t.TempDir(), "demo")
	listen, mail := porttest.Free(t), porttest.Free(t)
	d := startDemo(t, dir, listen, mail)
	first := d.said()
	pasteAll(t, first, listen)
	for _, part := range []string{"cadaver ", "net use ", "http://" + mail, "(single)", "(four-eyes)", "signature file of our own",
		"caseworker (", "reviewer (", "clerk (", "data centre (", "administrator of", "registrar (", "auditor (", "operator ("} {
		if !strings.Contains(first, part) {
			t.Errorf("the demo does not print %q:\n%s", part, first)
		}
	}
	eventually(t, "the mails can be read in the browser", func() bool {
		r, err := http.Get("http://" + mail + "/")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		var b bytes.Buffer
		b.ReadFrom(r.Body)
		return r.StatusCode == 200 && strings.Contains(b.String(), "@")
	})
	d.end()

	start := time.Now()
	d = startDemo(t, dir, listen, mail)
	t.Logf("second start: %s", time.Since(start))
	accounts := regexp.MustCompile(`(?m)^anna +\S+`)
	if a, b := accounts.FindString(first), accounts.FindString(d.said()); a == "" || a != b {
		t.Errorf("the second demo has other accounts: %q, %q", a, b)
	}
	d.end()
}

// pasteAll runs every line that the demo prints for a shell as it stands, and
// looks for the sample lists where everybody may see some.
func pasteAll(t *testing.T, guide, listen string) {
	t.Helper()
	home := t.TempDir()
	paste := func(line, stdin string) string {
		t.Helper()
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir, cmd.Env, cmd.Stdin = home, append(os.Environ(), "HOME="+home), strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	}
	password := regexp.MustCompile(`(?m)^anna +(\S+)`).FindStringSubmatch(guide)
	if password == nil {
		t.Fatalf("no password of anna:\n%s", guide)
	}
	writeFile(t, filepath.Join(home, ".netrc"), "machine 127.0.0.1\nlogin anna\npassword "+password[1]+"\n")
	pasted := map[string]int{}
	for _, l := range regexp.MustCompile(`(?m)^  ((curl|cadaver|rclone|\S*postfach) .+)$`).FindAllStringSubmatch(guide, -1) {
		tool := filepath.Base(l[2])
		pasted[tool]++
		line, want := l[1], ""
		switch tool {
		case "curl":
			line = "curl -sS --fail-with-body" + strings.TrimPrefix(line, "curl")
		case "cadaver":
			want = "Jahresmeldung 2025.csv"
		case "rclone":
			want = "Korrekturliste März 2026.csv"
		default:
			want = "take-over"
		}
		if out := paste(line, "ls an_KVBbg\nls KVBBG-SB-Posteingang\nquit\n"); !strings.Contains(out, want) {
			t.Errorf("%s: no %q in\n%s", line, want, out)
		}
	}
	if pasted["curl"] < 3 || pasted["cadaver"] != 1 || pasted["rclone"] != 1 || len(pasted) != 4 {
		t.Errorf("lines to paste: %v\n%s", pasted, guide)
	}
	for login, places := range map[string][]string{"anna": {"", "an_KVBbg/", "KVBBG-SB-Posteingang/"}, "emil": {"", "an_KVBbg/"},
		"bert": {"0815/Postausgang/", "4711/Postausgang/"}} {
		password := regexp.MustCompile(`(?m)^` + login + ` +(\S+)`).FindStringSubmatch(guide)
		for _, place := range places {
			if page := paste("curl -sS --fail-with-body -u "+login+":"+password[1]+" http://"+listen+"/dav/"+place, ""); !strings.Contains(page, ".csv") {
				t.Errorf("%s sees no list in %q", login, place)
			}
		}
	}
}

// TestDemoInstallsClamd: as root and without clamd it calls apt-get for Debian's
// package, with fresh lists where the old ones are of no use, starts no service
// by that, and goes on. The scanner is hidden in a mount namespace; an apt-get
// of the test brings it back.
func TestDemoInstallsClamd(t *testing.T) {
	long(t)
	if os.Getuid() != 0 {
		t.Skip("hiding the scanner needs root")
	}
	if out, err := exec.Command("unshare", "-m", "mount", "--bind", "/dev/null", "/dev/null").CombinedOutput(); err != nil {
		t.Skipf("no mount namespace here: %s", out)
	}
	dir := t.TempDir()
	log, apt := filepath.Join(dir, "log"), filepath.Join(dir, "apt-get")
	writeFile(t, log, "")
	writeFile(t, apt, `#!/bin/sh
[ -e /usr/sbin/policy-rc.d ] || echo "services would be started" >>"$LOG"
echo "$*" >>"$LOG"
case "$*" in
*install*) grep -q update "$LOG" || exit 100; for p in $HIDDEN; do umount "$p" || exit 1; done ;;
esac
`)
	if err := os.Chmod(apt, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := os.Stat("/usr/sbin/policy-rc.d")
	before := err == nil
	script := `set -e
export HIDDEN=
for p in /usr/sbin/clamd /usr/local/sbin/clamd; do [ ! -e "$p" ] || { mount --bind /dev/null "$p"; HIDDEN="$HIDDEN $p"; }; done
exec "$0" "$@"`
	cmd := exec.Command("unshare", "-m", "sh", "-c", script, os.Getenv(world.BinaryVariable), "demo", "--own-signatures",
		"--dir", filepath.Join(dir, "demo"), "--listen", porttest.Free(t), "--mail-listen", porttest.Free(t))
	cmd.Env = append(os.Environ(), "LOG="+log, "PATH="+dir+":"+os.Getenv("PATH"))
	d := runDemo(t, cmd)
	d.end()
	calls := strings.Split(strings.TrimSpace(readFile(t, log)), "\n")
	if len(calls) != 3 || !strings.Contains(calls[0], "install -y --no-install-recommends clamav-daemon") || !strings.HasSuffix(calls[1], " update") || !strings.Contains(calls[2], "clamav-daemon") {
		t.Errorf("apt-get was called with %q", calls)
	}
	if !strings.Contains(d.said(), "Installing Debian's clamav-daemon") {
		t.Errorf("nothing was said:\n%s", d.said())
	}
	if _, err := os.Stat("/usr/sbin/policy-rc.d"); (err == nil) != before {
		t.Error("the policy that keeps services from starting was left")
	}
}

// TestDemoWithoutClamd: without root and without clamd it explains what to do
// and does not run unscanned. The scanner is hidden in a mount namespace.
func TestDemoWithoutClamd(t *testing.T) {
	long(t)
	if os.Getuid() != 0 {
		t.Skip("hiding the scanner needs root")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "postfach") // where nobody may go too
	b, err := os.ReadFile(os.Getenv(world.BinaryVariable))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, b, 0o755); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != "/" && d != os.TempDir(); d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	script := `set -e
for p in /usr/sbin/clamd /usr/local/sbin/clamd "$(command -v clamd || true)"; do [ ! -e "$p" ] || mount --bind /dev/null "$p"; done
exec setpriv --reuid=65534 --regid=65534 --clear-groups "$0" demo --dir /tmp/does-not-come-to-be --listen 127.0.0.1:0 --mail-listen 127.0.0.1:0`
	cmd := exec.CommandContext(t.Context(), "unshare", "-m", "sh", "-c", script, binary)
	cmd.Dir = "/"
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("it ran without a scanner:\n%s", out)
	}
	if bytes.Contains(out, []byte("unshare:")) || bytes.Contains(out, []byte("mount:")) {
		t.Skipf("no mount namespace here: %s", out)
	}
	if !bytes.Contains(out, []byte("apt-get install")) || !bytes.Contains(out, []byte("clamav-daemon")) {
		t.Errorf("no word about what to do:\n%s", out)
	}
}
