// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postfach/mailbox"
)

// pageRows bounds an HTML listing; beyond it a WebDAV client is the better way
// to look.
const pageRows = 5000

// row is one line of an HTML listing.
type row struct {
	Name, Href  string
	Folder      bool
	Size        string // with unit; "" for folders
	Changed     string // local time
	ChangedInst string // RFC 3339, for machines
	Large       bool   // larger than Windows' network drives open as delivered
	Void        bool   // a file without a byte
	Reason      string // of its return by a reviewer
}

type pageText struct {
	Caption, Name, Size, Changed, Up, Empty, More, Folder, Root, ByNumber, NoneListed string
	Hint, Large, Void, More50, Reason                                                 string
	decimal, bytes, date                                                              string
}

var pageTexts = map[string]pageText{
	"de": {Caption: "Inhalt dieses Ordners", Name: "Name", Size: "Größe", Changed: "Geändert", Up: "Eine Ebene höher",
		Empty: "Dieser Ordner ist leer.", More: "Es werden nur die ersten 5000 Einträge gezeigt. Bitte öffnen Sie größere Ordner mit einem Netzlaufwerk oder Programm; wie das geht, steht unter „Hilfe“.",
		Folder: "Ordner", Root: "Postfächer", Reason: "Grund der Zurückweisung:",
		ByNumber: "Jedes Postfach, auf das Sie Zugriff haben, lässt sich auch über seine Nummer öffnen. Hängen Sie sie an diese Adresse an, zum Beispiel so:",
		Hint:     "Hinweis", Large: "Ein Windows-Netzlaufwerk öffnet ab Werk keine Datei über 50 MB. Hier im Browser lässt sie sich herunterladen.",
		Void: "Eine Datei in diesem Ordner ist leer (0 Byte). Wurde sie gerade über ein Netzlaufwerk hochgeladen, ist ihr Inhalt nicht angekommen; Windows sendet ab Werk keine Datei über 50 MB.", More50: "Was Sie tun können",
		NoneListed: "Es sind zu viele Postfächer, um sie alle zu zeigen. Hier stehen nur die, für die Sie zuständig sind.", decimal: ",", bytes: " Byte", date: "02.01.2006 15:04"},
	"en": {Caption: "Content of this folder", Name: "Name", Size: "Size", Changed: "Changed", Up: "One level up",
		Empty: "This folder is empty.", More: "Only the first 5000 entries are shown. Please open larger folders with a network drive or a program; “Help” says how.",
		Folder: "folder", Root: "Mailboxes", Reason: "Reason of the return:",
		ByNumber: "Every mailbox to which you have access can be opened by its number too. Append it to this address, for example:",
		Hint:     "note", Large: "By default, a network drive of Windows opens no file over 50 MB. You can download it here in the browser.",
		Void: "A file in this folder is empty (0 bytes). If it was just uploaded by a network drive, its content has not arrived; by default, Windows sends no file over 50 MB.", More50: "What you can do",
		NoneListed: "There are too many mailboxes to show them all. Only those that you are responsible for stand here.", decimal: ".", bytes: " bytes", date: "2 Jan 2006 15:04"},
}

var pageTemplate = template.Must(template.New("listing").Parse(
	`{{with .Up}}<p><a href="{{.}}">{{$.T.Up}}</a></p>
{{end}}{{if .Rows}}<table>
<caption>{{.T.Caption}}</caption>
<thead><tr><th scope="col">{{.T.Name}}</th><th scope="col" class="n">{{.T.Size}}</th><th scope="col" class="n">{{.T.Changed}}</th></tr></thead>
<tbody>
{{range .Rows}}<tr><th scope="row"><a href="{{.Href}}"{{if not .Folder}} download{{end}}>{{.Name}}{{if .Folder}}/{{end}}</a>{{with .Reason}}<br><small>{{$.T.Reason}} {{.}}</small>{{end}}</th>` +
		`<td class="n">{{if .Folder}}{{$.T.Folder}}{{else}}{{.Size}}{{if .Large}} <a href="#large">{{$.T.Hint}}</a>{{end}}{{if .Void}} <a href="#void">{{$.T.Hint}}</a>{{end}}{{end}}</td>` +
		`<td class="n"><time datetime="{{.ChangedInst}}">{{.Changed}}</time></td></tr>
{{end}}</tbody>
</table>{{if .Large}}<p class="note" id="large">{{.T.Large}}{{with .Help}} <a href="{{.}}">{{$.T.More50}}</a>{{end}}</p>
{{end}}{{if .Void}}<p class="note" id="void">{{.T.Void}}{{with .Help}} <a href="{{.}}">{{$.T.More50}}</a>{{end}}</p>
{{end}}{{else if .Root}}<p>{{.T.NoneListed}}</p>{{else}}<p>{{.T.Empty}}</p>{{end}}{{if .Cut}}<p>{{.T.More}}</p>{{end}}
{{with .Root}}<p>{{$.T.ByNumber}} <code>{{.}}0815/</code></p>{{end}}`))

var errEnough = errors.New("enough rows")

// page answers GET on a folder with a listing for browsers: the link of a
// notice leads here.
func (q *request) page() error {
	lang := q.language()
	text := pageTexts[lang]
	title, base := "", ""
	var rows []row
	cut, large, void := false, false, false
	err := q.h.mailbox.List(q.Context(), q.actor, q.path, mailbox.Want{Props: true}, func(n mailbox.Node) error {
		switch {
		case base == "":
			title = n.Name
			base = strings.TrimRight(q.decoded, "/") + "/"
			return nil
		case len(rows) == pageRows:
			cut = true
			return errEnough
		}
		r := q.row(&n, base, text)
		rows = append(rows, r)
		large, void = large || r.Large, void || r.Void
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	root := ""
	if title == "" { // over several mailboxes, of which not all may be listed
		title, root = text.Root, string(appendHref(nil, base))
	}
	up := ""
	if !q.path.IsRoot() {
		parent := strings.TrimRight(base, "/")
		up = string(appendHref(nil, parent[:strings.LastIndexByte(parent, '/')+1]))
	}
	var body strings.Builder
	if err := pageTemplate.Execute(&body, map[string]any{"T": text, "Rows": rows, "Up": up, "Cut": cut, "Root": root,
		"Large": large, "Void": void, "Help": q.h.largeHelp}); err != nil {
		return err
	}
	q.w.Header().Set("Cache-Control", "private, no-store")
	q.h.reply.Page(q.w, q.Request, http.StatusOK, lang, title, template.HTML(body.String()))
	return nil
}

func (q *request) row(n *mailbox.Node, base string, text pageText) row {
	href := appendHref(nil, base+n.Name)
	if n.Folder {
		href = append(href, '/')
	}
	r := row{Name: n.Name, Href: string(href), Folder: n.Folder, Reason: n.ReturnedWith()}
	if !n.Folder {
		size := n.Entry.Version.Size
		r.Size, r.Large, r.Void = humanSize(size, text), size > windowsLimit, size == 0
	}
	if m := n.Entry.Modified; !m.IsZero() {
		r.Changed = m.In(q.h.zone).Format(text.date)
		r.ChangedInst = m.UTC().Format(time.RFC3339)
	}
	return r
}

// humanSize writes bytes with at most one decimal, in units of 1,000 as
// browsers do.
func humanSize(n int64, text pageText) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + text.bytes
	}
	f := float64(n)
	for _, unit := range []string{"kB", "MB", "GB", "TB"} {
		f /= 1000
		if f < 999.95 || unit == "TB" {
			return strings.Replace(strconv.FormatFloat(f, 'f', 1, 64), ".", text.decimal, 1) + " " + unit
		}
	}
	return ""
}

// pageHead answers HEAD on a folder.
func (q *request) pageHead() error {
	q.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	q.w.Header().Set("Cache-Control", "private, no-store")
	q.w.WriteHeader(http.StatusOK)
	return nil
}
