// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"postfach/auth"
	"postfach/catalog"
	"postfach/cmd/postfach/sheet"
	"postfach/mailbox"
)

type importCmd struct {
	From   string `required:"" placeholder:"DIR" help:"Data folder of the ownCloud; it is only read."`
	Map    string `placeholder:"FILE" help:"CSV file: which folder belongs to which member. Without it a folder is called as its member's number."`
	Report string `placeholder:"FILE" help:"CSV file to write what was refused to; it must not exist yet. Without it that is printed."`
	DryRun bool   `help:"Store nothing and scan nothing; say what would be taken and what not."`
	ordered
}

// Help documents the tree, the map and what a second run does.
func (importCmd) Help() string {
	return `Takes from each FOLDER/files below DIR the documents in its root and in the three fixed folders, with their subfolders, into the mailbox of a member. Each goes through the scanner, and names are refused by the same rules as in an upload. It keeps its time; nobody is told by mail, since whoever may see it could do so before. Trash, versions and shares of the ownCloud are left out, and links are never followed.

The map's first line names the columns: Ordner (or folder) and Mitgliedsnummer (or number); an empty number leaves a folder out. Members must exist.

It may be broken off and called again, also while the ownCloud is still in use: what was taken over before is not taken again, whatever has become of it since; what has changed there since becomes a newer version, unless somebody has changed it here too. Drafts in the outbox of a member with four eyes are refused, since their author is not known. Exit code 1 when something was refused.`
}

// mapColumns of the file that says which folder is whose.
var mapColumns = []auth.Column{
	{Key: "folder", Names: []string{"Ordner", "folder", "Benutzer", "user"}, Required: true},
	{Key: "number", Names: []string{"Mitgliedsnummer", "number"}},
}

func (c *importCmd) Run(e *env) error {
	by, err := c.by(e)
	if err != nil {
		return err
	}
	owners, err := c.owners(e)
	if err != nil {
		return err
	}
	tree, err := os.OpenRoot(c.From)
	if err != nil {
		return err
	}
	defer tree.Close()
	report, err := newImportReport(e, c.Report)
	if err != nil {
		return err
	}
	a, err := e.open()
	if err != nil {
		return errors.Join(err, report.end())
	}
	defer a.done(e)
	i := &importer{e: e, a: a, by: by, tree: tree, files: tree.FS(), report: report, dry: c.DryRun}
	err = i.scanned(e.ctx, c.DryRun, func() error { return i.folders(owners) })
	return errors.Join(err, report.end(), i.tell(err))
}

// owners reads the map: the member number of each folder; nil for no map.
func (c *importCmd) owners(e *env) (map[string]string, error) {
	if c.Map == "" {
		return nil, nil
	}
	f, err := e.input(c.Map)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, faults, err := auth.ReadTable(f, mapColumns)
	if err != nil {
		return nil, err
	}
	for _, f := range faults {
		fmt.Fprintf(e.stderr, "%s:%d: %s\n", c.Map, f.Line, plain(f.Error()))
	}
	if len(faults) > 0 {
		return nil, misuse("%d faults in %s; nothing taken over", len(faults), c.Map)
	}
	owners := make(map[string]string, len(rows))
	for _, row := range rows {
		folder := row.Get("folder")
		if _, twice := owners[folder]; twice {
			return nil, misuse("%s:%d: folder %s stands there twice", c.Map, row.Line, folder)
		}
		owners[folder] = row.Get("number")
	}
	return owners, nil
}

// importer takes a tree over, one document after another: memory is bounded by
// the largest folder's names and what was taken over before of one member.
type importer struct {
	e      *env
	a      *app
	by     mailbox.By
	tree   *os.Root
	files  fs.FS
	report *importReport
	dry    bool

	number string            // of the member whose folder is read
	before map[[16]byte]bool // what was taken over before, by originKey
	count  struct{ taken, known, folders int }
	bytes  int64
}

// scanned runs fn with a gate that judges.
func (i *importer) scanned(ctx context.Context, dry bool, fn func() error) error {
	if dry {
		return fn()
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); i.a.gate.Run(ctx) }()
	defer func() { cancel(); <-done }()
	if err := i.patiently(i.a.gate.Ready); err != nil {
		return err
	}
	return fn()
}

// patience with a part that is out of reach, before the import is given up.
const (
	importTries = 12
	importPause = 5 * time.Second
)

// patiently calls fn again while a part is out of reach.
func (i *importer) patiently(fn func() error) error {
	for n := 1; ; n++ {
		err := fn()
		if err == nil || mailbox.KindOf(err) != mailbox.Unavailable || n == importTries {
			return err
		}
		pause := importPause
		if n <= 5 { // the gate is probing, most likely
			pause = 200 * time.Millisecond << n
		}
		select {
		case <-time.After(pause):
		case <-i.e.ctx.Done():
			return i.e.ctx.Err()
		}
	}
}

// folders goes through the users of the ownCloud.
func (i *importer) folders(owners map[string]string) error {
	all, err := fs.ReadDir(i.files, ".")
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, d := range all {
		if !d.IsDir() {
			continue // the ownCloud's own
		}
		if f, err := i.tree.Lstat(d.Name() + "/files"); err != nil || !f.IsDir() {
			continue // likewise
		}
		number, listed := owners[d.Name()], owners == nil
		if owners == nil {
			number = d.Name()
		} else {
			_, listed = owners[d.Name()]
		}
		seen[d.Name()] = true
		if number == "" && listed {
			continue // left out on purpose
		}
		if err := i.mailbox(d.Name(), number); err != nil {
			return err
		}
	}
	for folder, number := range owners {
		if !seen[folder] && number != "" {
			i.report.refuse(refused{Origin: folder, Number: number, De: "Diesen Ordner gibt es nicht.", En: "There is no such folder."})
		}
	}
	return nil
}

// mailbox takes one user's files over.
func (i *importer) mailbox(user, number string) error {
	var member mailbox.Member
	err := i.a.catalog.Inquire(i.e.ctx, func(q *catalog.Inquiry) (err error) {
		member, err = q.MemberByNumber(number)
		return err
	})
	if mailbox.KindOf(err) == mailbox.NotFound && err != nil {
		i.report.refuse(refused{Origin: user, Number: number,
			De: "Zu diesem Ordner gibt es kein Mitglied. Bitte legen Sie es an oder ergänzen Sie die Zuordnung.",
			En: "There is no member for this folder. Please add the member, or complete the map."})
		return nil
	}
	if err != nil {
		return err
	}
	i.number = member.Number
	if i.before, err = i.earlier(member.ID); err != nil {
		return err
	}
	return i.folder(user+"/files", "")
}

// earlier reads from the audit log what was taken over for a member before.
func (i *importer) earlier(m mailbox.MemberID) (map[[16]byte]bool, error) {
	before := map[[16]byte]bool{}
	what := catalog.RecordQuery{Member: m, Operations: []mailbox.Operation{mailbox.OpImport}}
	err := i.a.catalog.Inquire(i.e.ctx, func(q *catalog.Inquiry) error {
		return q.Records(what, func(l catalog.Logged) error {
			before[originKey(l.Detail.Text, nil)] = true
			before[originKey(l.Detail.Text, l.SHA256[:])] = true
			return nil
		})
	})
	return before, err
}

// tell sums up; cause is why the import ended early, nil for not.
func (i *importer) tell(cause error) error {
	verb := "taken over"
	if i.dry {
		verb = "would be taken over"
	}
	i.e.say("%d documents of %s %s, %d were taken over before, %d refused", i.count.taken, bytesOf(i.bytes), verb, i.count.known, i.report.n)
	if cause == nil && i.report.n > 0 {
		return foundWrong
	}
	return nil
}

// importReport says what was not taken over, in both languages.
type importReport struct {
	e   *env
	out *sheet.Writer // nil prints
	n   int
}

// refused is one thing that stays where it is.
type refused struct {
	Origin string // in the ownCloud's data folder
	Number string // of the member
	Path   string // in the mailbox
	Size   int64  // bytes
	De, En string // why
}

func newImportReport(e *env, file string) (*importReport, error) {
	r := &importReport{e: e}
	if file == "" {
		return r, nil
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	r.out, err = sheet.New(f, "Herkunft", "Mitgliedsnummer", "Pfad im Postfach", "Byte", "Grund", "Reason")
	return r, err
}

func (r *importReport) refuse(x refused) {
	r.n++
	if r.out == nil {
		r.e.say("refused: %s: %s", strconv.Quote(x.Origin), x.En)
		return
	}
	r.out.Add(x.Origin, x.Number, x.Path, strconv.FormatInt(x.Size, 10), x.De, x.En)
}

func (r *importReport) end() error {
	if r.out == nil {
		return nil
	}
	return r.out.Close()
}
