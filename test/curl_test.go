// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postfach/test/world"
)

// TestCurlTogether: check 24: of two uploads to one name at the same time both
// are whole, and the last one stays; a client that dies in the middle leaves
// what was there.
func TestCurlTogether(t *testing.T) {
	w := whole(t, world.Everybody())
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	for i, f := range files {
		writeFile(t, f, strings.Repeat(string(rune('a'+i)), 3_000_000+i))
	}
	const path = "/dav/an_KVBbg/gemeinsam.bin"
	for range 5 {
		var wg sync.WaitGroup
		codes := make([]string, len(files))
		for i, f := range files {
			wg.Go(func() {
				out, err := exec.Command("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-u", "anna:"+world.Password, "-T", f, w.URL+path).Output()
				codes[i] = fmt.Sprint(string(out), err)
			})
		}
		wg.Wait()
		for _, c := range codes {
			if c != "201<nil>" && c != "204<nil>" {
				t.Errorf("answers %q", codes)
			}
		}
		if got := string(w.Get(t, "anna", path).Body); got != readFile(t, files[0]) && got != readFile(t, files[1]) {
			t.Fatalf("torn: %d bytes", len(got))
		}
	}
	before := string(w.Get(t, "anna", path).Body)
	rec := newRecorder(t, w, httptest.NewServer)
	begun := make(chan struct{}, 8)
	rec.cut(func(*http.Request) bool { begun <- struct{}{}; return false })
	slow := exec.Command("curl", "-sS", "--limit-rate", "20k", "-u", "anna:"+world.Password, "-T", files[0], rec.URL+path)
	must(t, slow.Start())
	<-begun
	time.Sleep(500 * time.Millisecond) // of the minutes that it takes
	must(t, slow.Process.Kill())
	_ = slow.Wait()
	if string(w.Get(t, "anna", path).Body) != before {
		t.Error("a client that died has changed the document")
	}
	a := w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: path, Body: "danach", Want: 204})
	if a.Header.Get("ETag") == "" {
		t.Error("nothing may be in the way afterwards")
	}
}

// TestLoginFlowByCurl: check 25: without credentials a sync client reads Basic
// and nothing else, so it goes by the login flow: a page to open, a question
// that is answered once, and an app password that nextcloudcmd works with.
func TestLoginFlowByCurl(t *testing.T) {
	w := whole(t, world.Everybody())
	curl := func(args ...string) (string, string) {
		t.Helper()
		out, err := command(t, "curl", append([]string{"-sS", "-w", "\n%{http_code}"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl %q: %v\n%s", args, err, out)
		}
		text := string(out)
		at := strings.LastIndexByte(text, '\n')
		return text[:at], text[at+1:]
	}
	head, code := curl("-i", "-X", "PROPFIND", "-H", "Depth: 0", w.URL+"/remote.php/webdav/")
	if n := strings.Count(strings.ToLower(head), "www-authenticate:"); code != "401" || n != 1 || !strings.Contains(head, "Basic realm=") {
		t.Errorf("%s, %d challenges:\n%s", code, n, head)
	}
	var begun struct {
		Poll  struct{ Token, Endpoint string }
		Login string
	}
	body, _ := curl("-X", "POST", w.URL+"/index.php/login/v2")
	must(t, json.Unmarshal([]byte(body), &begun))
	poll := func() (string, string) {
		return curl("--data-urlencode", "token="+begun.Poll.Token, begun.Poll.Endpoint)
	}
	if _, code := poll(); code != "404" {
		t.Errorf("before anybody has allowed it: %s", code)
	}
	if page, code := curl(begun.Login); code != "200" || !strings.Contains(page, "<form") {
		t.Errorf("page: %s\n%s", code, page)
	}
	if page, code := curl("-H", "Origin: "+w.URL, "--data-urlencode", "login=anna", "--data-urlencode", "password="+world.Password,
		"--data-urlencode", "name=Notebook Büro", begun.Login); code != "200" {
		t.Fatalf("allowing: %s\n%s", code, page)
	}
	var got struct{ Server, LoginName, AppPassword string }
	body, code = poll()
	must(t, json.Unmarshal([]byte(body), &got))
	if code != "200" || got.Server != w.URL || got.LoginName != "anna" || got.AppPassword == "" {
		t.Fatalf("%s %+v", code, got)
	}
	if _, code := poll(); code != "404" {
		t.Errorf("asked a second time: %s", code)
	}
	d := newDesk(t, w, nextcloud, "anna:"+got.AppPassword)
	d.write("an_KVBbg/vom Notebook.txt", "Inhalt")
	d.sync()
	if string(w.Get(t, "bert", "/dav/0815/an_KVBbg/vom%20Notebook.txt").Body) != "Inhalt" {
		t.Error("nothing has arrived")
	}
}
