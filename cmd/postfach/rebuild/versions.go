// SPDX-License-Identifier: Apache-2.0

package rebuild

import (
	"slices"
	"strconv"

	"postfach/mailbox"
)

func number[ID ~int64](id ID) string { return strconv.FormatInt(int64(id), 10) }

// versions rebuilds the versions of the entries: those of the log in their
// order, then what the log does not know.
func (b *builder) versions() {
	purged := b.log.State().Versions
	for _, id := range b.order {
		r := b.made[id]
		if b.byID[r.Member] == nil || b.at[r.Entry] == nil {
			continue
		}
		b.p.Versions = append(b.p.Versions, b.version(r, purged[id].Purged))
	}
	for i := range b.p.Entries {
		e := &b.p.Entries[i]
		if !e.New {
			continue
		}
		x := b.blobs[e.Version.ID]
		b.p.Versions = append(b.p.Versions, Version{Unknown: e.Place == mailbox.Outbox, Version: mailbox.Version{ID: x.Key.Version, Entry: e.ID,
			Blob: x.Key, Size: x.Size, SHA256: x.About.SHA256, Person: x.About.Person, Side: e.Side, Time: x.Key.Version.Time(),
			Engine: x.About.Engine, Database: x.About.Database, Seen: true}})
	}
	// An entry whose current version the log does not tell holds nothing.
	known := make(map[mailbox.VersionID]bool)
	for _, v := range b.p.Versions {
		known[v.ID] = true
	}
	b.p.Entries = slices.DeleteFunc(b.p.Entries, func(e Entry) bool {
		nothing := !e.Folder && !known[e.Version.ID]
		if nothing {
			delete(b.at, e.ID)
		}
		return nothing
	})
	for i := range b.p.Entries {
		if e := &b.p.Entries[i]; b.at[e.Replaces] == nil {
			e.Replaces = 0
		}
	}
}

// version rebuilds one of the log.
func (b *builder) version(r mailbox.Record, purged bool) Version {
	e := b.at[r.Entry]
	v := Version{Taken: b.taken[r.Version], Version: mailbox.Version{ID: r.Version, Entry: r.Entry, Size: r.Detail.Size, SHA256: r.SHA256,
		Account: r.Account, Person: r.Person, Side: sideOf(r), Time: r.Time, Seen: true, Purged: purged}}
	if v.Side == mailbox.NoSide {
		v.Side = e.Side
	}
	draft := e.Place == mailbox.Outbox
	v.Unknown = draft
	v.Outbox = b.released[r.Version] && !draft
	v.Blob = mailbox.BlobKey{Member: b.byID[r.Member].Number, Folder: b.f.Folders.Of(r.Place), Version: r.Version}
	x, there := b.blobOf(r)
	if there {
		v.Blob, v.Engine, v.Database = x.Key, x.About.Engine, x.About.Database
		if r.Detail == (mailbox.Detail{}) { // erased
			v.Size = x.Size
		}
	}
	v.Lost = !purged && (!there || x.Wrong != "" || x.Size != v.Size)
	return v
}
