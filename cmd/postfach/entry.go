// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"strings"
	"time"

	"postfach/catalog"
	"postfach/mailbox"
)

type entryCmd struct {
	List    entryList    `cmd:"" help:"List a mailbox, or what was removed from it."`
	History entryHistory `cmd:"" help:"List all versions of an entry, with those of the entries that it replaced."`
	Restore entryRestore `cmd:"" help:"Bring a removed entry back to where it was."`
	Return  entryReturn  `cmd:"" help:"Send a document in the outbox back to its author, as a reviewer."`
}

// people names persons by their number, each looked up once.
type people struct {
	q     *catalog.Inquiry
	names map[mailbox.PersonID]string
}

func newPeople(q *catalog.Inquiry) *people {
	return &people{q: q, names: map[mailbox.PersonID]string{0: ""}}
}

// name of a person; its number where nobody knows it.
func (p *people) name(id mailbox.PersonID) string {
	name, known := p.names[id]
	if known {
		return name
	}
	name = "person " + strconv.FormatInt(int64(id), 10)
	if found, err := p.q.Person(id); err == nil {
		name = found.Name
	}
	p.names[id] = name
	return name
}

type entryList struct {
	Member    string `arg:"" help:"Member number."`
	Path      string `default:"/" placeholder:"PATH" help:"Folder inside the mailbox, such as /an_KVBbg."`
	Recursive bool   `short:"r" help:"With everything below."`
	Removed   bool   `help:"What is out of view: removed, or replaced by an arriving document."`
	JSON      bool   `name:"json" help:"One JSON object a line."`
}

// entryRow is an entry as it is listed.
type entryRow struct {
	ID       mailbox.EntryID `json:"id"`
	Path     string          `json:"path"`
	Folder   bool            `json:"folder"`
	Size     int64           `json:"size"` // bytes
	SHA256   string          `json:"sha256,omitempty"`
	Version  string          `json:"version,omitempty"`
	Person   string          `json:"person,omitempty"`
	Modified time.Time       `json:"modified"`
	Removed  time.Time       `json:"removed,omitzero"`
	TakenBy  string          `json:"taken_over_by,omitempty"`
	TakenAt  time.Time       `json:"taken_over,omitzero"`
}

func (c *entryList) Run(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	zone := a.cfg.Authority.Timezone
	head := []string{"ENTRY", "PATH", "SIZE", "BY", "MODIFIED"}
	if c.Removed {
		head = append(head, "OUT OF VIEW SINCE")
	}
	l := newListing(e, c.JSON, head, func(r entryRow) []string {
		size := bytesOf(r.Size)
		if r.Folder {
			size = "folder"
		}
		cells := []string{strconv.FormatInt(int64(r.ID), 10), r.Path, size, r.Person, moment(r.Modified, zone)}
		if c.Removed {
			cells = append(cells, moment(r.Removed, zone))
		}
		return cells
	})
	err = a.catalog.Inquire(e.ctx, func(q *catalog.Inquiry) error {
		m, err := memberOf(q, c.Member)
		if err != nil {
			return err
		}
		who := newPeople(q)
		see := func(path string, x mailbox.Entry) error { return l.add(entryRowOf(who, path, x)) }
		if c.Removed {
			return listRemoved(q, m, c.Path, see)
		}
		top, path, err := walk(q, m, c.Path)
		if err != nil {
			return err
		}
		return listBelow(q, top, path, c.Recursive, see)
	})
	if err != nil {
		return err
	}
	return l.end()
}

func entryRowOf(who *people, path string, x mailbox.Entry) entryRow {
	row := entryRow{ID: x.ID, Path: path, Folder: x.Folder, Person: who.name(x.Person), Modified: x.Modified, Removed: x.Removed,
		TakenBy: who.name(x.TakenBy), TakenAt: x.TakenAt}
	if !x.Folder {
		row.Size, row.SHA256, row.Version, row.Person = x.Version.Size, x.Version.SHA256Hex(), x.Version.ID.String(), who.name(x.Version.Person)
	}
	return row
}

// memberOf finds a member for a command.
func memberOf(r mailbox.Reader, number string) (mailbox.Member, error) {
	m, err := r.MemberByNumber(number)
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
		err = &wrongOrder{"there is no member " + strconv.Quote(number)}
	}
	return m, err
}

// walk finds an entry in view by its path inside a mailbox, and gives the path
// in the spelling of the catalog.
func walk(r mailbox.Reader, m mailbox.Member, path string) (mailbox.Entry, string, error) {
	e, err := r.Entry(m.Folders[mailbox.Root])
	spelled := ""
	for _, name := range mailbox.ParsePath(path).Segments() {
		if err != nil {
			break
		}
		if e, err = r.Child(e.ID, mailbox.NameKey(name)); err == nil {
			spelled += "/" + e.Name
		}
	}
	if err != nil && mailbox.KindOf(err) == mailbox.NotFound {
		err = &wrongOrder{"there is nothing in view at " + path + " of member " + m.Number}
	}
	return e, spelled, err
}

// listBelow gives what stands in a folder, and below when deep; of a file, it.
func listBelow(r mailbox.Reader, top mailbox.Entry, path string, deep bool, see func(path string, x mailbox.Entry) error) error {
	if !top.Folder {
		return see(path, top)
	}
	const page = 1000
	for after := ""; ; {
		children, err := r.Children(top.ID, after, page, nil)
		if err != nil {
			return err
		}
		for _, x := range children {
			at := path + "/" + x.Name
			if err := see(at, x); err != nil {
				return err
			}
			if x.Folder && deep {
				if err := listBelow(r, x, at, true, see); err != nil {
					return err
				}
			}
		}
		if len(children) < page {
			return nil
		}
		after = mailbox.NameKey(children[len(children)-1].Name)
	}
}

// listRemoved gives what went out of view below a folder, the latest first.
func listRemoved(q *catalog.Inquiry, m mailbox.Member, below string, see func(path string, x mailbox.Entry) error) error {
	gone, err := q.Removed(m.ID)
	if err != nil {
		return err
	}
	prefix := strings.TrimSuffix(mailbox.NameKey(mailbox.ParsePath(below).String()), "/") + "/"
	for _, x := range gone {
		path, err := mailbox.PathOf(q, x)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(mailbox.NameKey(path), prefix) {
			continue
		}
		if err := see(path, x); err != nil {
			return err
		}
	}
	return nil
}

type entryRestore struct {
	ID mailbox.EntryID `arg:"" help:"Number of the entry, from entry list --removed."`
	ordered
}

func (c *entryRestore) Run(e *env) error {
	a, by, err := c.open(e)
	if err != nil {
		return err
	}
	defer a.done(e)
	if err := a.service.Restore(e.ctx, by, c.ID); err != nil {
		return err
	}
	path := ""
	err = a.catalog.View(e.ctx, func(r mailbox.Reader) error {
		x, err := r.Entry(c.ID)
		if err == nil {
			path, err = mailbox.PathOf(r, x)
		}
		return err
	})
	if err != nil {
		return err
	}
	e.say("entry %d is back at %s", c.ID, path)
	return nil
}
