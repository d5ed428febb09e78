// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"time"

	"postfach/mailbox"
)

const (
	leaveName = `INSERT INTO former_names (entry, parent, name_key, time) VALUES ($1, $2, $3, $4)
		ON CONFLICT (entry) DO UPDATE SET parent = $2, name_key = $3, time = $4`
	selectFormer = selectEntries + `JOIN former_names f ON f.entry = e.id
		WHERE f.parent = $1 AND f.name_key = $2 AND f.time >= $3 ORDER BY f.entry`
	selectReplacedBy = selectEntries + "WHERE e.replaces = $1 AND e.replaces IS NOT NULL ORDER BY e.id DESC LIMIT 1"

	// selectPurgeable leaves alone what a copy still needs. $2 is the time before
	// which, $3 how many replaced versions of a document in view stay.
	selectPurgeable = "SELECT " + versionColumns + ` FROM versions v JOIN entries e ON e.id = v.entry
		WHERE v.member = $1 AND v.seen = 0 AND v.side = 1 AND v.purged = 0 AND v.time < $2
			AND (e.removed <> 0 OR e.version <> v.row
				AND (SELECT count(*) FROM versions n WHERE n.entry = v.entry AND n.row > v.row AND n.row <> e.version) >= $3)
			AND NOT EXISTS (SELECT 1 FROM versions c WHERE c.blob_version = v.id AND c.purged = 0)
		ORDER BY v.row LIMIT $4`
	purgeVersion  = "UPDATE versions SET purged = 1 WHERE id = $1"
	selectVersRow = "SELECT row FROM versions WHERE id = $1"
)

// LeaveName remembers the name that a document in the outbox bears until now.
func (t *tx) LeaveName(e mailbox.Entry) error {
	return t.later(leaveName, int64(e.ID), int64(e.Parent), mailbox.NameKey(e.Name), t.at)
}

// Former gives the entries that last bore a name in a folder.
func (r *reader) Former(parent mailbox.EntryID, key string, since time.Time) ([]mailbox.Entry, error) {
	return r.entries(selectFormer, nil, int64(parent), key, since)
}

// ReplacedBy finds the entry that names id as the one it replaced.
func (r *reader) ReplacedBy(id mailbox.EntryID) (mailbox.Entry, error) {
	return r.entry(selectReplacedBy, "entry that replaced", id, int64(id))
}

// AddAuthors makes more people authors of a version.
func (t *tx) AddAuthors(v mailbox.VersionID, people []mailbox.PersonID) error {
	found, err := t.one(selectVersRow, func(tuple) {}, v[:])
	if err != nil {
		return err
	}
	if !found {
		return notFound("version", v)
	}
	for _, p := range people {
		if err := t.later(insertAuthor, v[:], int64(p)); err != nil {
			return err
		}
	}
	return nil
}

// Purgeable gives versions whose bytes could be given up, oldest first.
func (r *reader) Purgeable(m mailbox.MemberID, before time.Time, keep, limit int) ([]mailbox.Version, error) {
	var all []mailbox.Version
	err := r.each(selectPurgeable, func(row tuple) error {
		all = append(all, scanVersion(row, 0))
		return nil
	}, int64(m), before, int64(keep), int64(limit))
	return all, err
}

// Purge gives up the bytes of a version: nothing names its blob any more.
func (t *tx) Purge(v mailbox.VersionID) error { return t.change("version", v, purgeVersion, v[:]) }
