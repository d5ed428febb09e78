// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"fmt"
	"time"

	"postfach/mailbox"
)

const (
	versionColumns = `v.id, v.entry, v.blob_member, v.blob_folder, v.blob_version, v.size, v.sha256, v.sha1, v.md5,
		v.account, v.person, v.side, v.time, v.engine, v.database, v.seen, v.purged`

	selectVersion = "SELECT " + versionColumns + " FROM versions v WHERE v.id = $1"
	// selectVersions goes from an entry to the one it replaced and so on; the
	// bound only keeps a circle, which there never is, from turning for ever.
	selectVersions = `WITH RECURSIVE chain (entry, depth) AS (SELECT CAST($1 AS BIGINT), 0
			UNION ALL SELECT e.replaces, c.depth + 1 FROM chain c JOIN entries e ON e.id = c.entry
				WHERE e.replaces IS NOT NULL AND c.depth < 100000)
		SELECT ` + versionColumns + ` FROM chain c JOIN versions v ON v.entry = c.entry ORDER BY c.depth, v.row DESC`
	selectAuthors = `SELECT person FROM versions WHERE id = $1
		UNION SELECT a.person FROM version_authors a JOIN versions v ON v.row = a.version WHERE v.id = $1`
	selectOutboxTwins   = "SELECT id FROM versions WHERE member = $1 AND sha256 = $2 AND in_outbox = 1 ORDER BY row"
	selectTakenOverTwin = `SELECT id FROM versions WHERE member = $1 AND sha256 = $2 AND taken = 1
		ORDER BY row DESC LIMIT 1`
	versionExists = "SELECT 1 FROM versions WHERE id = $1 AND purged = 0"

	insertVersion = `INSERT INTO versions (id, entry, member, blob_member, blob_folder, blob_version, size, sha256, sha1,
			md5, account, person, side, time, engine, database, seen, in_outbox)
		SELECT $1, e.id, e.member, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
				CASE WHEN e.place = $17 THEN 1 ELSE 0 END
			FROM entries e WHERE e.id = $2
		RETURNING row`
	insertAuthor = `INSERT INTO version_authors (version, person)
		SELECT row, $2 FROM versions WHERE id = $1 ON CONFLICT DO NOTHING`
	nameVersion = "UPDATE entries SET version = (SELECT row FROM versions WHERE id = $2) WHERE id = $1"
	setSeen     = "UPDATE versions SET seen = 1 WHERE id = $1"
)

// scanVersion reads versionColumns, from column i on.
func scanVersion(r tuple, i int) mailbox.Version {
	v := mailbox.Version{
		Entry: mailbox.EntryID(r.Int(i + 1)), Size: r.Int(i + 5), SHA1: r.Bytes(i + 7), MD5: r.Bytes(i + 8),
		Account: mailbox.AccountID(r.Int(i + 9)), Person: mailbox.PersonID(r.Int(i + 10)), Side: mailbox.Side(r.Int(i + 11)),
		Time: r.Time(i + 12), Engine: r.Same(i + 13), Database: r.Same(i + 14), Seen: r.Bool(i + 15),
		Purged: r.Bool(i + 16),
	}
	v.ID, v.SHA256 = r.UUID(i), r.Sum(i+6)
	v.Blob = mailbox.BlobKey{Member: r.Same(i + 2), Folder: r.Same(i + 3), Version: v.ID}
	if !r.Null(i + 4) { // else its own
		v.Blob.Version = r.UUID(i + 4)
	}
	return v
}

// Version finds a version by id.
func (r *reader) Version(id mailbox.VersionID) (v mailbox.Version, err error) {
	found, err := r.one(selectVersion, func(row tuple) { v = scanVersion(row, 0) }, id[:])
	if err == nil && !found {
		err = notFound("version", id)
	}
	return v, err
}

// Versions gives the history of an entry, newest first, then that of the entry
// it replaced and so on.
func (r *reader) Versions(id mailbox.EntryID) ([]mailbox.Version, error) {
	var all []mailbox.Version
	err := r.each(selectVersions, func(row tuple) error {
		all = append(all, scanVersion(row, 0))
		return nil
	}, int64(id))
	return all, err
}

// Authors gives everybody whose work a version is.
func (r *reader) Authors(id mailbox.VersionID) ([]mailbox.PersonID, error) {
	var all []mailbox.PersonID
	err := r.each(selectAuthors, func(row tuple) error {
		all = append(all, mailbox.PersonID(row.Int(0)))
		return nil
	}, id[:])
	if err == nil && all == nil {
		err = notFound("version", id)
	}
	return all, err
}

// OutboxTwins gives the versions with these bytes that are or were in this
// mailbox's outbox, oldest first.
func (r *reader) OutboxTwins(m mailbox.MemberID, sha [32]byte) ([]mailbox.VersionID, error) {
	var all []mailbox.VersionID
	err := r.each(selectOutboxTwins, func(row tuple) error {
		all = append(all, row.UUID(0))
		return nil
	}, int64(m), sha[:])
	return all, err
}

// TakenOverTwin gives the newest version with these bytes that was taken over.
func (r *reader) TakenOverTwin(m mailbox.MemberID, sha [32]byte) (id mailbox.VersionID, err error) {
	found, err := r.one(selectTakenOverTwin, func(row tuple) { id = row.UUID(0) }, int64(m), sha[:])
	if err == nil && !found {
		err = notFound("taken-over twin in mailbox", m)
	}
	return id, err
}

// Committed looks up the outcome of an upload.
func (s tables) Committed(ctx context.Context, v mailbox.VersionID) (found bool, err error) {
	if err := s.settle(ctx); err != nil {
		return false, err
	}
	err = s.read(ctx, func(r *reader) error {
		found, err = r.one(versionExists, func(tuple) {}, v[:])
		return err
	})
	return found, err
}

// settle ends the doubt about a commit that failed: its frames may stand in the
// log and come alive in a recovery, until another commit overwrites them.
func (s *SQLite) settle(ctx context.Context) error {
	if !s.writer.doubt.Load() {
		return nil
	}
	return s.beat(ctx)
}

// InsertVersion stores v with its authors. The age of its id is judged by the
// id alone: oldest comes from the catalog's clock.
func (t *tx) InsertVersion(v mailbox.Version, authors []mailbox.PersonID, oldest time.Time) error {
	if v.ID.Time().Before(oldest) {
		return mailbox.Wrap(mailbox.Unavailable, mailbox.ReasonTooSlow,
			fmt.Errorf("version %s began at %s, before %s", v.ID, v.ID.Time(), oldest))
	}
	var blob []byte
	if v.Blob.Version != v.ID {
		blob = v.Blob.Version[:]
	}
	args := []any{v.ID[:], int64(v.Entry), v.Blob.Member, v.Blob.Folder, blob, v.Size, v.SHA256[:], v.SHA1, v.MD5, int64(v.Account),
		int64(v.Person), int64(v.Side), v.Time, v.Engine, v.Database, v.Seen, int64(mailbox.Outbox)}
	awaited := t.pending[v.Entry] == v.ID // its entry was stored by this very change
	if err := t.insertVersion(awaited, v.Entry, args); err != nil {
		return err
	}
	for _, p := range authors {
		if p == v.Person { // stands in the version itself
			continue
		}
		if err := t.later(insertAuthor, v.ID[:], int64(p)); err != nil {
			return err
		}
	}
	if !awaited {
		return nil
	}
	delete(t.pending, v.Entry)
	t.stored = v.ID
	return t.later(nameVersion, int64(v.Entry), v.ID[:])
}

// insertVersion waits for the answer unless the entry is known to be there.
func (t *tx) insertVersion(known bool, e mailbox.EntryID, args []any) error {
	if known {
		return t.later(insertVersion, args...)
	}
	found, err := t.one(insertVersion, func(tuple) {}, args...)
	if err == nil && !found {
		err = notFound("entry", e)
	}
	return err
}

// SetSeen marks a version as delivered, taken over or released.
func (t *tx) SetSeen(v mailbox.VersionID) error {
	if v == t.stored { // it is certainly there
		return t.later(setSeen, v[:])
	}
	return t.change("version", v, setSeen, v[:])
}
