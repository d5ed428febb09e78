// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"postfach/catalog"
	"postfach/cmd/postfach/replay"
	"postfach/mailbox"
)

type auditReplay struct {
	Verify bool `help:"Also read every stored version and compare it with the SHA-256 in the log."`
}

// Help says what agreement means.
func (auditReplay) Help() string {
	return `Plays all records from the first to the last and so rebuilds members, folders, documents, their places and all versions with their SHA-256. Whatever differs from the catalog is told, and so is a record that is missing, does not follow from those before it, or whose detail was altered. Exit code 1 when anything is told.`
}

func (c *auditReplay) Run(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	log := replay.NewLog()
	_, log.Gapless = a.catalog.(*catalog.SQLite) // it takes back the number of what it takes back
	have := replay.NewState()
	var faults []string
	var records int
	var keys map[mailbox.VersionID]mailbox.BlobKey
	// One view of both: the server may go on meanwhile.
	err = a.catalog.Inquire(e.ctx, func(q *catalog.Inquiry) error {
		err := q.Records(catalog.RecordQuery{}, func(r catalog.Logged) error {
			records++
			if !r.Intact {
				faults = append(faults, "record "+number(r.Sequence)+": its detail is not the one that it was written with")
			}
			log.Apply(r.Record)
			return nil
		})
		if err != nil {
			return err
		}
		keys, err = readState(q, have)
		return err
	})
	if err != nil {
		return err
	}
	said := log.State()
	faults = slices.Concat(faults, log.Faults(), replay.Compare(said, have))
	for _, f := range faults {
		e.say("%s", f)
	}
	e.say("%d records: %d members, %d entries, %d versions by the log; %d differences from the catalog",
		records, len(said.Members), len(said.Entries), len(said.Versions), len(faults))
	bad := len(faults) > 0
	if c.Verify {
		wrong, err := a.verifyBlobs(e, said.Versions, keys)
		if err != nil {
			return err
		}
		bad = bad || wrong > 0
	}
	if bad {
		return foundWrong
	}
	return nil
}

// readState says what the catalog has, and where the bytes of versions lie.
func readState(q *catalog.Inquiry, s replay.State) (map[mailbox.VersionID]mailbox.BlobKey, error) {
	fixed := make(map[mailbox.EntryID]bool)
	boxes, err := q.Mailboxes(nil)
	if err != nil {
		return nil, err
	}
	for _, b := range boxes {
		s.Members[b.Member.ID] = b.Member.Number
		for _, id := range b.Member.Folders {
			fixed[id] = true
		}
	}
	entries := make(map[mailbox.EntryID]mailbox.Entry)
	err = q.EachEntry(0, func(x mailbox.Entry) error {
		entries[x.ID] = x
		return nil
	})
	if err != nil {
		return nil, err
	}
	for id, x := range entries {
		if !fixed[id] {
			s.Entries[id] = replay.Entry{Member: x.Member, Path: pathInView(entries, x), Folder: x.Folder, Version: x.Version.ID}
		}
	}
	keys := make(map[mailbox.VersionID]mailbox.BlobKey)
	err = q.EachVersion(0, func(v mailbox.Version) error {
		s.Versions[v.ID] = replay.Version{Entry: v.Entry, SHA256: v.SHA256, Size: v.Size, Purged: v.Purged}
		if !v.Purged {
			keys[v.ID] = v.Blob
		}
		return nil
	})
	return keys, err
}

// pathInView is where an entry stands; "" when it or a folder above it is out
// of view.
func pathInView(entries map[mailbox.EntryID]mailbox.Entry, x mailbox.Entry) string {
	path := ""
	for ; x.Parent != 0; x = entries[x.Parent] {
		if !x.Removed.IsZero() || x.ID == 0 {
			return ""
		}
		path = "/" + x.Name + path
	}
	return path
}
