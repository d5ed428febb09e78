// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"
	"errors"

	"postfach/mailbox"
	"postfach/segment"
)

// Rebuilding fills an empty catalog with what a storage tells of a lost one. It
// keeps the ids that the lost one gave.
type Rebuilding struct{ t *tx }

const (
	rebuildRecord = `INSERT INTO audit (sequence, time, person, account, role, member, operation, place, entry, version, sha256,
			result, request_id, digest)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`
	rebuildDetail = "INSERT INTO audit_detail (sequence, salt, detail) VALUES ($1, $2, $3)"
	rebuildMember = `INSERT INTO members (id, number, name, policy, closed_on, quota, root, to_authority, caseworker_inbox, outbox, change, recovering)
		VALUES ($1, $2, $3, '', $4, 0, $5, $6, $7, $8, $9, 1)`
	rebuildEntry = `INSERT INTO entries (id, member, parent, place, folder, name, name_key, side, account, person, created,
			modified, removed, taken_by, taken_at, drop_account, replaces, change_authority, change_member)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, $16, $17, $17)`
	rebuildVersion = `INSERT INTO versions (id, entry, member, blob_member, blob_folder, blob_version, size, sha256,
			account, person, side, time, engine, database, seen, in_outbox, taken, purged)
		SELECT $1, e.id, e.member, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17 FROM entries e WHERE e.id = $2`
	rebuildAuthor  = "INSERT INTO version_authors (version, person) SELECT row, $2 FROM versions WHERE id = $1"
	rebuildCurrent = "UPDATE entries SET version = (SELECT row FROM versions WHERE id = $2) WHERE id = $1"
)

// Rebuild runs fn over an empty catalog, all or nothing, and begins its new
// life: ids go on behind behind and everything that was given, sync clients are
// told, mails are held. decided runs after that, for the records of what was
// decided. instance is the lost installation's, "" where nobody knows it.
func (s *SQLite) Rebuild(ctx context.Context, instance string, behind int64, detail mailbox.Detail, fn, decided func(*Rebuilding) error) error {
	return s.write(ctx, holdAccounts(), func(t *tx) error {
		b := &Rebuilding{t}
		if err := t.later("PRAGMA defer_foreign_keys = 1"); err != nil {
			return err
		}
		if instance != "" {
			if err := t.later(putSetting, instanceID, instance); err != nil {
				return err
			}
		}
		if err := fn(b); err != nil {
			return err
		}
		if err := errors.Join(t.raise(liteWords(), behind), t.revive(liteWords(), detail)); err != nil {
			return err
		}
		// Nothing in the storage is swept away that the lost catalog may have named.
		if err := t.later(putNumber, restoredFrom, int64(1)); err != nil {
			return err
		}
		return decided(b)
	})
}

// Record stores a record of the lost log, with its number.
func (b *Rebuilding) Record(r segment.Record) error {
	var sha []byte
	if r.SHA256 != [32]byte{} {
		sha = r.SHA256[:]
	}
	err := b.t.later(rebuildRecord, r.Sequence, r.Time, int64(r.Person), int64(r.Account), string(r.Role), int64(r.Member), string(r.Operation),
		int64(r.Place), int64(r.Entry), versionRef(r.Version), sha, r.Result, r.RequestID, r.Digest[:])
	if err != nil || r.Salt == nil {
		return err
	}
	return b.t.later(rebuildDetail, r.Sequence, r.Salt, string(r.Text))
}

// changeOf is a change number that no earlier life of a mailbox has come to.
func (b *Rebuilding) changeOf() int64 { return b.t.at.Unix() }

// Member stores a mailbox with its fixed folders, which waits for confirmation.
func (b *Rebuilding) Member(m mailbox.Member, names mailbox.FolderNames) error {
	f := m.Folders
	err := b.t.later(rebuildMember, int64(m.ID), m.Number, m.Name, m.ClosedOn, int64(f[mailbox.Root]), int64(f[mailbox.ToAuthority]),
		int64(f[mailbox.CaseworkerInbox]), int64(f[mailbox.Outbox]), b.changeOf())
	for _, p := range mailbox.Places {
		if err != nil {
			return err
		}
		e := mailbox.Entry{ID: f[p], Member: m.ID, Place: p, Folder: true, Side: mailbox.AuthoritySide, Created: b.t.at, Modified: b.t.at}
		if p != mailbox.Root {
			e.Parent, e.Name = f[mailbox.Root], names.Of(p)
		}
		err = b.Entry(e)
	}
	return err
}

// Entry stores an entry without its version.
func (b *Rebuilding) Entry(e mailbox.Entry) error {
	return b.t.later(rebuildEntry, int64(e.ID), int64(e.Member), ref(e.Parent), int64(e.Place), e.Folder, e.Name, mailbox.NameKey(e.Name),
		int64(e.Side), int64(e.Account), int64(e.Person), e.Created, e.Modified.UnixMicro(), e.Removed, int64(e.TakenBy), e.TakenAt,
		ref(e.Replaces), b.changeOf())
}

// Version stores a version of an entry. An unknown one has an author whom
// nobody knows any more.
func (b *Rebuilding) Version(v mailbox.Version, taken, outbox, unknown bool) error {
	var blob []byte
	if v.Blob.Version != v.ID {
		blob = versionRef(v.Blob.Version)
	}
	err := b.t.later(rebuildVersion, v.ID[:], int64(v.Entry), v.Blob.Member, v.Blob.Folder, blob, v.Size, v.SHA256[:], int64(v.Account),
		int64(v.Person), int64(v.Side), v.Time, v.Engine, v.Database, v.Seen, outbox, taken, v.Purged)
	if err == nil && unknown {
		err = b.t.later(rebuildAuthor, v.ID[:], int64(mailbox.UnknownPerson))
	}
	return err
}

// Current makes a stored version the current one of an entry.
func (b *Rebuilding) Current(e mailbox.EntryID, v mailbox.VersionID) error {
	return b.t.later(rebuildCurrent, int64(e), v[:])
}

// Usage counts what the member side's versions take.
func (b *Rebuilding) Usage(m mailbox.MemberID, u mailbox.Usage) error {
	return b.t.later(addUsage, int64(m), u.Current, u.Superseded)
}

// Audit writes a record of the new life.
func (b *Rebuilding) Audit(r mailbox.Record) error { return b.t.Audit(r) }
