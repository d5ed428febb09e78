// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"slices"

	"time"

	"postfach/mailbox"
)

const (
	entryColumns = `e.id, e.member, e.parent, e.place, e.folder, e.name, e.side, e.account, e.person, e.created,
		e.modified, e.removed, e.taken_by, e.taken_at, e.drop_account, e.replaces, e.change_authority, e.change_member,
		` + versionColumns
	entryWidth = 18 // without the version

	selectEntries = "SELECT " + entryColumns + " FROM entries e LEFT JOIN versions v ON v.row = e.version "

	selectEntry    = selectEntries + "WHERE e.id = $1"
	selectChild    = selectEntries + "WHERE e.parent = $1 AND e.name_key = $2 AND e.removed = 0"
	selectChildren = selectEntries + `WHERE e.parent = $1 AND e.name_key > $2 AND e.removed = 0
		ORDER BY e.name_key LIMIT $3`
	selectDropFolder = selectEntries + `WHERE e.member = $1 AND e.drop_account = $2 AND e.drop_account <> 0
		AND e.removed = 0 AND e.place = $3 ORDER BY e.id LIMIT 1`

	// below lists what is in view below $1; within also holds $1 and what was
	// removed. An index serves each part.
	below = `WITH RECURSIVE below (id, depth) AS (
			SELECT id, 1 FROM entries WHERE parent = $1 AND removed = 0
			UNION ALL SELECT e.id, b.depth + 1 FROM below b JOIN entries e ON e.parent = b.id AND e.removed = 0) `
	within = `(WITH RECURSIVE within (id) AS (SELECT CAST($1 AS BIGINT)
			UNION ALL SELECT e.id FROM within w JOIN entries e ON e.parent = w.id AND e.removed = 0
			UNION ALL SELECT e.id FROM within w JOIN entries e ON e.parent = w.id AND e.removed <> 0)
			SELECT id FROM within)`
	selectSubtree = below + "SELECT " + entryColumns + ` FROM below b CROSS JOIN entries e
		LEFT JOIN versions v ON v.row = e.version WHERE e.id = b.id ORDER BY b.depth, b.id LIMIT $2`

	insertEntry = `INSERT INTO entries (member, parent, place, folder, name, name_key, side, account, person, created,
			modified, removed, taken_by, taken_at, drop_account, replaces, change_authority, change_member, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
			(SELECT row FROM versions WHERE id = $19))
		ON CONFLICT DO NOTHING RETURNING id, version IS NULL`
	updateEntry = `UPDATE entries SET parent = $2, place = $3, folder = $4, name = $5, name_key = $6, side = $7,
			account = $8, person = $9, created = $10, modified = $11, removed = $12, taken_by = $13, taken_at = $14,
			drop_account = $15, replaces = $16, change_authority = $17, change_member = $18,
			version = (SELECT row FROM versions WHERE id = $19)
		WHERE id = $1 AND (CAST($12 AS BIGINT) <> 0 OR NOT EXISTS
			(SELECT 1 FROM entries o WHERE o.parent = $2 AND o.name_key = $6 AND o.removed = 0 AND o.id <> $1))
		RETURNING id, version IS NULL`
	touch = `UPDATE entries SET change_authority = CASE WHEN $3 <> 0 THEN $2 ELSE change_authority END,
			change_member = CASE WHEN $4 <> 0 THEN $2 ELSE change_member END
		WHERE id IN ($1, $5, $6, $7)` // as deep as most documents stand

	setPlace        = "UPDATE entries SET place = $2 WHERE id IN " + within
	markOutboxTree  = "UPDATE versions SET in_outbox = 1 WHERE in_outbox = 0 AND entry IN " + within
	markOutboxEntry = "UPDATE versions SET in_outbox = 1 WHERE entry = $1 AND in_outbox = 0"
	markTakenTree   = `UPDATE versions SET taken = 1 WHERE taken = 0 AND row IN
		(SELECT version FROM entries WHERE removed = 0 AND id IN ` + within + ")"
	markTakenEntry = "UPDATE versions SET taken = 1 WHERE id = $1 AND taken = 0"
)

// scanEntry reads entryColumns, from column i on.
func scanEntry(r tuple, i int) mailbox.Entry {
	e := mailbox.Entry{
		ID: mailbox.EntryID(r.Int(i)), Member: mailbox.MemberID(r.Int(i + 1)), Parent: mailbox.EntryID(r.Int(i + 2)),
		Place: mailbox.Place(r.Int(i + 3)), Folder: r.Bool(i + 4), Name: r.Text(i + 5), Side: mailbox.Side(r.Int(i + 6)),
		Account: mailbox.AccountID(r.Int(i + 7)), Person: mailbox.PersonID(r.Int(i + 8)), Created: r.Time(i + 9),
		Modified: time.UnixMicro(r.Int(i + 10)).UTC(), Removed: r.Time(i + 11),
		TakenBy: mailbox.PersonID(r.Int(i + 12)), TakenAt: r.Time(i + 13), Drop: mailbox.AccountID(r.Int(i + 14)),
		Replaces: mailbox.EntryID(r.Int(i + 15)), ChangeAuthority: r.Int(i + 16), ChangeMember: r.Int(i + 17),
	}
	if !e.Folder && !r.Null(i+entryWidth) {
		e.Version = scanVersion(r, i+entryWidth)
	}
	return e
}

func (r *reader) entry(sql, what string, id any, args ...any) (e mailbox.Entry, err error) {
	found, err := r.one(sql, func(row tuple) { e = scanEntry(row, 0) }, args...)
	if err == nil && !found {
		err = notFound(what, id)
	}
	return e, err
}

func (r *reader) entries(sql string, into []mailbox.Entry, args ...any) ([]mailbox.Entry, error) {
	all := into[:0]
	err := r.ask(r.c.Pass, sql, func(row tuple) error {
		all = append(all, scanEntry(row, 0))
		return nil
	}, args...)
	return all, err
}

// Entry finds an entry whether in view or not.
func (r *reader) Entry(id mailbox.EntryID) (mailbox.Entry, error) {
	return r.entry(selectEntry, "entry", id, int64(id))
}

// Child finds the entry in view by its name key.
func (r *reader) Child(parent mailbox.EntryID, key string) (mailbox.Entry, error) {
	return r.entry(selectChild, "entry below", parent, int64(parent), key)
}

// Children pages through what is in view in a folder.
func (r *reader) Children(parent mailbox.EntryID, after string, limit int, into []mailbox.Entry) ([]mailbox.Entry, error) {
	return r.entries(selectChildren, into, int64(parent), after, int64(limit))
}

// DropFolder finds a data centre's own folder.
func (r *reader) DropFolder(m mailbox.MemberID, account mailbox.AccountID) (mailbox.Entry, error) {
	return r.entry(selectDropFolder, "drop folder of account", account, int64(m), int64(account), int64(mailbox.ToAuthority))
}

// Subtree gives what is in view below top, parents first.
func (r *reader) Subtree(top mailbox.EntryID, limit int) ([]mailbox.Entry, error) {
	return r.entries(selectSubtree, nil, int64(top), int64(limit))
}

// entryValues are the arguments $2 to $19 of updateEntry, $2 to $19 of
// insertEntry.
func entryValues(first int64, e *mailbox.Entry) []any {
	return []any{
		first, ref(e.Parent), int64(e.Place), e.Folder, e.Name, mailbox.NameKey(e.Name), int64(e.Side), int64(e.Account),
		int64(e.Person), e.Created, e.Modified, e.Removed, int64(e.TakenBy), e.TakenAt, int64(e.Drop), ref(e.Replaces),
		e.ChangeAuthority, e.ChangeMember, versionRef(e.Version.ID),
	}
}

// InsertEntry stores e and sets its id.
func (t *tx) InsertEntry(e *mailbox.Entry) error {
	open := false
	found, err := t.one(insertEntry, func(r tuple) { e.ID, open = mailbox.EntryID(r.Int(0)), r.Bool(1) },
		entryValues(int64(e.Member), e)...)
	if err == nil && !found {
		err = t.twin(e)
	}
	if err != nil {
		return err
	}
	t.await(*e, open)
	return nil
}

// UpdateEntry stores all of e but its id and member.
func (t *tx) UpdateEntry(e mailbox.Entry) error {
	open := false
	found, err := t.one(updateEntry, func(r tuple) { open = r.Bool(1) }, entryValues(int64(e.ID), &e)...)
	if err == nil && !found {
		err = t.twin(&e)
	}
	if err != nil {
		return err
	}
	t.await(e, open)
	if e.Folder {
		return nil
	}
	switch e.Place {
	case mailbox.Outbox:
		err = t.later(markOutboxEntry, int64(e.ID))
	case mailbox.CaseworkerInbox: // a file comes here by take-over only
		err = t.later(markTakenEntry, versionRef(e.Version.ID))
	}
	return err
}

// await remembers a current version that InsertVersion has not stored yet.
func (t *tx) await(e mailbox.Entry, open bool) {
	if e.Version.ID.IsZero() || !open {
		delete(t.pending, e.ID)
		return
	}
	if t.pending == nil {
		t.pending = map[mailbox.EntryID]mailbox.VersionID{}
	}
	t.pending[e.ID] = e.Version.ID
}

// twin says why e could not be stored under its name: kind Twin with the
// spelling that exists, or there is no such entry.
func (t *tx) twin(e *mailbox.Entry) error {
	other, err := t.Child(e.Parent, mailbox.NameKey(e.Name))
	switch {
	case err == nil && other.ID != e.ID:
		return mailbox.E(mailbox.Twin, mailbox.ReasonTwin, other.Name)
	case err == nil || mailbox.KindOf(err) == mailbox.NotFound:
		return notFound("entry", e.ID)
	}
	return err
}

// Touch stores the change number at folders.
func (t *tx) Touch(folders []mailbox.EntryID, change int64, authority, member bool) error {
	for some := range slices.Chunk(folders, 4) {
		var ids [4]int64
		for i := range ids {
			ids[i] = int64(some[min(i, len(some)-1)])
		}
		if err := t.later(touch, ids[0], change, authority, member, ids[1], ids[2], ids[3]); err != nil {
			return err
		}
	}
	return nil
}

// SetPlace moves a whole subtree to another place, what was removed in it too.
func (t *tx) SetPlace(top mailbox.EntryID, p mailbox.Place) error {
	if err := t.change("entry", top, setPlace, int64(top), int64(p)); err != nil {
		return err
	}
	var err error
	switch p {
	case mailbox.Outbox:
		err = t.later(markOutboxTree, int64(top))
	case mailbox.CaseworkerInbox:
		err = t.later(markTakenTree, int64(top))
	}
	return err
}
