// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"encoding/binary"
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/net/html"
)

// The help page (K1) needs no sign-in, speaks German and English, names this
// installation's own address, and every page leads to it.
func TestHelpPage(t *testing.T) {
	w := newWorld(t)
	host := strings.TrimPrefix(w.url, prefix)
	name, port, _ := strings.Cut(host, ":")
	de := w.get("/hilfe").want(t, 200, `<html lang="de">`, "Netzlaufwerk verbinden", w.url+"/dav/", `\\`+name+"@"+port+`\dav`, "WebClient",
		"FileSizeLimitInBytes", "BasicAuthLevel", "FileAttributesLimitInBytes", "50.000.000", "Nextcloud", "Finder", "davfs2", "gio mount dav://"+host,
		"webdav://"+host, "rclone config create --obscure", "an_KVBbg", "1 MiB", "Telefon 0123", `href="/hilfe/grosse-dateien.reg"`)
	en := w.get("/hilfe?lang=en").want(t, 200, `<html lang="en">`, "Map network drive", w.url+"/dav/", "50,000,000")
	w.get("/hilfe", "Accept-Language: en-GB").want(t, 200, "Map network drive")
	w.get("/hilfe?lang=de", "Accept-Language: en-GB").want(t, 200, "Netzlaufwerk verbinden")
	for _, p := range []answer{de, en} {
		csp := p.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") || strings.Contains(p.body, "<script") || strings.Contains(p.body, "{{") {
			t.Errorf("policy %q", csp)
		}
	}
	if n, m := len(outline(t, de.body)), len(outline(t, en.body)); n != m || n < 20 {
		t.Errorf("%d headings, terms and anchors in German, %d in English", n, m)
	}
	for _, path := range []string{"/postfach/0815", "/anmelden", "/hilfe"} {
		w.get(path).want(t, 200, `href="/hilfe?lang=de"`)
	}
	w.do("GET", "/dav/", "", "Accept: text/html").want(t, 401, `href="/hilfe?lang=de"`) // who cannot sign in needs it most
	if a := w.do("POST", "/hilfe", ""); a.StatusCode != 405 || a.Header.Get("Allow") != "GET" {
		t.Errorf("POST: %d, Allow %q", a.StatusCode, a.Header.Get("Allow"))
	}
}

// outline is what both languages must share: the elements in their order, with
// ids, links and codes; every link within the page leads somewhere.
func outline(t *testing.T, page string) (all []string) {
	t.Helper()
	ids, links := map[string]bool{}, []string{}
	z := html.NewTokenizer(strings.NewReader(page))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if kind != html.StartTagToken {
			continue
		}
		tag := z.Token()
		all = append(all, tag.Data)
		for _, a := range tag.Attr {
			switch {
			case a.Key == "id":
				ids[a.Val] = true
			case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
				links = append(links, a.Val[1:])
			}
		}
	}
	for _, l := range links {
		if !ids[l] {
			t.Errorf("nothing has the id %q", l)
		}
	}
	return all
}

// The file that lifts the limit of 50 MB is what Windows' registry editor
// writes and reads: UTF-16LE with a byte order mark, lines ending in CR LF.
func TestRegistryFiles(t *testing.T) {
	w := newWorld(t)
	for path, value := range map[string]string{
		"/hilfe/grosse-dateien.reg": `"FileSizeLimitInBytes"=dword:ffffffff`,
		"/hilfe/grosse-ordner.reg":  `"FileAttributesLimitInBytes"=dword:01312d00`, // 20,000,000
	} {
		a := w.do("GET", path, "").want(t, 200)
		h := a.Header
		if h.Get("Content-Type") != "text/x-ms-regedit" || !regexp.MustCompile(`^attachment; filename="[a-z-]+\.reg"$`).MatchString(h.Get("Content-Disposition")) ||
			h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
		b := []byte(a.body)
		if len(b)%2 != 0 || b[0] != 0xff || b[1] != 0xfe {
			t.Fatalf("%s: no UTF-16LE with byte order mark: % x", path, b[:8])
		}
		var units []uint16
		for ; len(b) > 0; b = b[2:] {
			units = append(units, binary.LittleEndian.Uint16(b))
		}
		want := "\ufeffWindows Registry Editor Version 5.00\r\n\r\n" +
			`[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\WebClient\Parameters]` + "\r\n" + value + "\r\n\r\n"
		if got := string(utf16.Decode(units)); got != want {
			t.Errorf("%s holds %q, want %q", path, got, want)
		}
		w.do("HEAD", path, "").want(t, 200)
	}
	w.do("GET", "/hilfe/anderes.reg", "").want(t, 404)
}
