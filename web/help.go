// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"embed"
	"encoding/binary"
	"html/template"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"

	"postfach/mailbox"
)

// HelpPath is the page that says how to connect a drive or a program. It needs
// no sign-in and never moves: letters and pages name it.
const HelpPath = "/hilfe"

// Files of settings for Windows that the page offers.
const (
	pathFileLimit   = HelpPath + "/grosse-dateien.reg"
	pathFolderLimit = HelpPath + "/grosse-ordner.reg"
)

// The page in both languages. Its texts are long, so they are files.
//
//go:embed help/*.html
var helpFiles embed.FS

var helpTemplates = template.Must(template.ParseFS(helpFiles, "help/*.html"))

// helpTitle is the heading of the page.
var helpTitle = map[string]string{"de": "Hilfe: Postfach verbinden", "en": "Help: connecting your mailbox"}

// connection is what the page is filled with: this installation's address in
// the spelling of each program.
type connection struct {
	URL      string // public base
	Dav      string // https://host/dav/
	UNC      string // \\host@SSL\dav; "" where Windows has no such form
	Gnome    string // davs://host/dav/
	KDE      string // webdavs://host/dav/
	Upload   string // name of the folder that members upload into
	MaxSize  string // largest file, with unit; "" if not told
	Secure   bool   // https
	FileReg  string // path of the file that lifts the limit of files
	OtherReg string // path of the file that lifts the limit of folders
}

func newConnection(base, upload string, maxSize int64) (connection, error) {
	u, err := url.Parse(base)
	if err != nil {
		return connection{}, err
	}
	c := connection{URL: base, Dav: base + "/dav/", UNC: uncPath(u), Gnome: "dav://" + u.Host + "/dav/", KDE: "webdav://" + u.Host + "/dav/",
		Upload: upload, Secure: u.Scheme == "https", FileReg: pathFileLimit, OtherReg: pathFolderLimit}
	if c.Secure {
		c.Gnome, c.KDE = "davs://"+u.Host+"/dav/", "webdavs://"+u.Host+"/dav/"
	}
	if maxSize > 0 {
		c.MaxSize = strconv.FormatInt(maxSize>>20, 10) + " MiB"
	}
	return c, nil
}

// uncPath writes the address as Windows knows servers: host, @SSL for https,
// @ and the port where it is not the usual one. IPv6 addresses have a spelling
// of their own there that few would recognise; they get none.
func uncPath(u *url.URL) string {
	host := u.Hostname()
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		return ""
	}
	if u.Scheme == "https" {
		host += "@SSL"
	}
	if p := u.Port(); p != "" {
		host += "@" + p
	}
	return `\\` + host + `\dav`
}

// help shows the page, in the language that the reader chose or prefers.
func (h *Handler) help(w http.ResponseWriter, r *http.Request) {
	lang := r.URL.Query().Get("lang")
	if helpTitle[lang] == "" {
		lang = h.reply.Language(r, "")
	}
	var b bytes.Buffer
	if err := helpTemplates.ExecuteTemplate(&b, lang+".html", h.connection); err != nil { // constant templates over plain values
		h.reply.Fail(w, r, lang, err)
		return
	}
	w.Header().Set("Vary", "Accept-Language")
	w.Header().Set("Cache-Control", "no-cache")
	h.reply.Page(w, r, http.StatusOK, lang, helpTitle[lang], template.HTML(b.String()))
}

// registry are the values that the files set. WebClient reads both as 32 bits
// and takes 50,000,000 and 1,000,000 bytes where they are absent.
var registry = map[string]struct {
	name  string
	value uint32
}{
	pathFileLimit:   {"FileSizeLimitInBytes", 0xffffffff},
	pathFolderLimit: {"FileAttributesLimitInBytes", 20_000_000},
}

// registryFile offers a file that Windows adds to its registry when it is
// opened. The form is that of Registry Editor 5.00: UTF-16, little-endian, with
// a byte order mark, lines ending in CR LF.
func (h *Handler) registryFile(w http.ResponseWriter, r *http.Request) {
	set, ok := registry[r.URL.Path]
	if !ok {
		h.reply.Fail(w, r, "", mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound))
		return
	}
	value := strconv.FormatUint(uint64(set.value), 16)
	body := utf16File("Windows Registry Editor Version 5.00", "",
		`[HKEY_LOCAL_MACHINE\SYSTEM\CurrentControlSet\Services\WebClient\Parameters]`,
		`"`+set.name+`"=dword:`+strings.Repeat("0", 8-len(value))+value, "")
	header := w.Header()
	header.Set("Content-Type", "text/x-ms-regedit")
	header.Set("Content-Disposition", `attachment; filename="`+r.URL.Path[len(HelpPath)+1:]+`"`)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may have gone
	}
}

func utf16File(lines ...string) []byte {
	out := []byte{0xff, 0xfe}
	for _, c := range utf16.Encode([]rune(strings.Join(lines, "\r\n") + "\r\n")) {
		out = binary.LittleEndian.AppendUint16(out, c)
	}
	return out
}
