// SPDX-License-Identifier: Apache-2.0

package rebuild

import (
	"math"
	"testing"

	"postfach/mailbox"
)

var folders = mailbox.FolderNames{ToAuthority: "an_KVBbg", CaseworkerInbox: "KVBBG-SB-Posteingang", Outbox: "Postausgang"}

// found is a storage with a log and one imported content.
func found(more ...mailbox.Record) Found {
	v := mailbox.NewVersionID()
	records := append([]mailbox.Record{
		{Operation: mailbox.OpMemberAdd, Member: 1, Entry: 1, Detail: mailbox.Detail{Name: "0815 Stadt Musterhausen"}},
		{Operation: mailbox.OpImport, Member: 1, Entry: 20, Place: mailbox.CaseworkerInbox, Version: v, SHA256: [32]byte{7},
			Detail: mailbox.Detail{Path: "/KVBBG-SB-Posteingang/alt.txt", Size: 3}},
	}, more...)
	for i := range records {
		records[i].Sequence, records[i].Result = int64(i+1), "ok"
	}
	return Found{Records: records, Folders: folders, IDs: 1000, Blobs: []Blob{{Key: mailbox.BlobKey{Member: "0815", Folder: "KVBBG-SB-Posteingang", Version: v},
		Size: 3, About: mailbox.Description{Entry: 20, SHA256: [32]byte{7}}}}}
}

// TestImported: what came from another system is as certain as an upload, once
// only, and the member's (K13).
func TestImported(t *testing.T) {
	p := Make(found())
	if len(p.Entries) != 1 || len(p.Versions) != 1 {
		t.Fatalf("%+v, %+v", p.Entries, p.Versions)
	}
	if e := p.Entries[0]; e.ID != 20 || e.Fate != InView || e.New || e.Side != mailbox.MemberSide || p.Versions[0].Side != mailbox.MemberSide {
		t.Errorf("%+v", e)
	}
}

// TestReplacesNothing: an entry of which nothing is left is not named as the one
// that another has replaced.
func TestReplacesNothing(t *testing.T) {
	p := Make(found(
		mailbox.Record{Operation: mailbox.OpCreate, Member: 1, Entry: 21, Detail: mailbox.Detail{Path: "/KVBBG-SB-Posteingang/neu.txt"}},
		mailbox.Record{Operation: mailbox.OpRename, Member: 1, Entry: 20, Detail: mailbox.Detail{Path: "/KVBBG-SB-Posteingang/alt.txt",
			Target: "/KVBBG-SB-Posteingang/neu.txt", Replaced: 21}}))
	if len(p.Entries) != 1 || p.Entries[0].ID != 20 || p.Entries[0].Replaces != 0 {
		t.Errorf("%+v", p.Entries)
	}
}

// TestDoubtfulEnd: where the end of the log is not known nothing is certain.
func TestDoubtfulEnd(t *testing.T) {
	f := found()
	f.Gap = math.MaxInt64
	if p := Make(f); len(p.Entries) != 1 || p.Entries[0].Fate != Doubtful {
		t.Errorf("%+v", p.Entries)
	}
}

// TestClosing: a member closes when the log says so; where that was erased it is
// named.
func TestClosing(t *testing.T) {
	set := func(text string) mailbox.Record {
		return mailbox.Record{Operation: mailbox.OpMemberClose, Member: 1, Detail: mailbox.Detail{Text: text}}
	}
	closed := set(`name "Amt, open", open -> name "Amt, open", successor 0, closed on 2026-12-30T23:00:00Z`)
	for _, tc := range []struct {
		records []mailbox.Record
		on      string
		unclear bool
	}{
		{nil, "0001-01-01 00:00:00", false}, {[]mailbox.Record{closed}, "2026-12-30 23:00:00", false},
		{[]mailbox.Record{closed, set("x, open")}, "0001-01-01 00:00:00", false}, {[]mailbox.Record{closed, set("")}, "0001-01-01 00:00:00", true},
	} {
		m := Make(found(tc.records...)).Members[0]
		if on := m.ClosedOn.UTC().Format("2006-01-02 15:04:05"); on != tc.on || m.Unclear != tc.unclear {
			t.Errorf("closes on %s, unclear %t; want %s, %t", on, m.Unclear, tc.on, tc.unclear)
		}
	}
}
