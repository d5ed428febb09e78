// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"strings"
	"time"

	"postfach/catalog/sqlite"
	"postfach/mailbox"
)

const (
	selectMembersPage = "SELECT " + memberColumns + " FROM members m WHERE m.number > $1 ORDER BY m.number LIMIT $2"

	// selectTree walks a whole mailbox, what was removed too. gone counts what
	// was removed above an entry.
	selectTree = `WITH RECURSIVE tree (id, path, gone) AS (
			SELECT root, '', 0 FROM members WHERE id = $1
			UNION ALL SELECT e.id, t.path || '/' || e.name, t.gone FROM tree t JOIN entries e
				ON e.parent = t.id AND e.removed = 0
			UNION ALL SELECT e.id, t.path || '/' || e.name, t.gone + 1 FROM tree t JOIN entries e
				ON e.parent = t.id AND e.removed <> 0)
		SELECT t.path, t.gone, ` + entryColumns + ` FROM tree t CROSS JOIN entries e
			LEFT JOIN versions v ON v.row = e.version
		WHERE e.id = t.id AND e.parent IS NOT NULL AND CASE WHEN $2 THEN e.removed <> 0 ELSE t.gone = 0 END
		ORDER BY t.path, t.id`
	selectUp = "SELECT parent, name, removed FROM entries WHERE id = $1"

	selectNames = "SELECT id, name FROM persons WHERE id IN (SELECT value FROM json_each($1))"
)

// ListMembers pages through members by number, after the given one, at most
// limit.
func (s *SQLite) ListMembers(ctx context.Context, after string, limit int) (all []mailbox.Member, err error) {
	err = s.read(ctx, func(r *reader) error {
		return r.each(selectMembersPage, func(row *sqlite.Row) error {
			all = append(all, scanMember(row))
			return nil
		}, after, int64(limit))
	})
	return all, err
}

// EntryFilter chooses the entries of one mailbox.
type EntryFilter struct {
	Member  mailbox.MemberID
	Removed bool // those that were removed, instead of those in view
}

// ListedEntry is an entry with its place in the mailbox.
type ListedEntry struct {
	mailbox.Entry
	Path string // from the mailbox root, with a leading slash; of a removed entry, where it was
	Gone bool   // it or a folder above it was removed
}

// ListEntries calls each for the entries of a mailbox by path, without its
// root. each must be quick: it holds a view open.
func (s *SQLite) ListEntries(ctx context.Context, f EntryFilter, each func(ListedEntry) error) error {
	return s.read(ctx, func(r *reader) error {
		return r.each(selectTree, func(row *sqlite.Row) error {
			return each(ListedEntry{Path: row.Text(0), Gone: row.Bool(1), Entry: scanEntry(row, 2)})
		}, int64(f.Member), f.Removed)
	})
}

// FindEntry gives one entry with its path.
func (s *SQLite) FindEntry(ctx context.Context, id mailbox.EntryID) (e ListedEntry, err error) {
	err = s.read(ctx, func(r *reader) error {
		if e.Entry, err = r.Entry(id); err != nil {
			return err
		}
		e.Path, e.Gone, err = r.path(id)
		return err
	})
	return e, err
}

// path walks from an entry to its root.
func (r *reader) path(id mailbox.EntryID) (path string, gone bool, err error) {
	for id != 0 {
		var name string
		var removed time.Time
		found, err := r.one(selectUp, func(row *sqlite.Row) {
			id, name, removed = mailbox.EntryID(row.Int(0)), row.Text(1), row.Time(2)
		}, int64(id))
		if err != nil || !found {
			return "", false, err
		}
		gone = gone || !removed.IsZero()
		if id != 0 {
			path = "/" + name + path
		}
	}
	if !strings.HasPrefix(path, "/") {
		path = "/"
	}
	return path, gone, nil
}

// PersonNames gives the names of persons; unknown ones are absent.
func (s *SQLite) PersonNames(ctx context.Context, ids []mailbox.PersonID) (map[mailbox.PersonID]string, error) {
	names := make(map[mailbox.PersonID]string, len(ids))
	err := s.read(ctx, func(r *reader) error {
		return r.each(selectNames, func(row *sqlite.Row) error {
			names[mailbox.PersonID(row.Int(0))] = row.Text(1)
			return nil
		}, list(ids))
	})
	return names, err
}
