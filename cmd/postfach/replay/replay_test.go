// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"strings"
	"testing"

	"postfach/mailbox"
)

var (
	first  = mailbox.VersionID{1}
	second = mailbox.VersionID{2}
)

// story is a log in which every operation that changes the tree occurs.
func story() []mailbox.Record {
	file := func(op mailbox.Operation, id mailbox.EntryID, v mailbox.VersionID, path, target string) mailbox.Record {
		return mailbox.Record{Operation: op, Member: 1, Entry: id, Version: v, SHA256: [32]byte(append(v[:], make([]byte, 16)...)), Result: "ok",
			Detail: mailbox.Detail{Path: path, Target: target, Size: int64(v[0])}}
	}
	folder := func(op mailbox.Operation, id mailbox.EntryID, path, target string) mailbox.Record {
		r := file(op, id, mailbox.VersionID{}, path, target)
		r.Detail.Folder, r.Detail.Size = true, 0
		return r
	}
	all := []mailbox.Record{
		{Operation: mailbox.OpMemberAdd, Member: 1, Entry: 1, Result: "ok", Detail: mailbox.Detail{Name: "0815 Stadt Musterhausen"}},
		file(mailbox.OpCreate, 10, first, "/an_KVBbg/Liste.csv", ""),
		file(mailbox.OpReplace, 10, second, "/an_KVBbg/Liste.csv", ""),
		file(mailbox.OpTakeOver, 10, second, "/an_KVBbg/Liste.csv", "/KVBBG-SB-Posteingang/Liste.csv"),
		file(mailbox.OpCreate, 11, mailbox.VersionID{3}, "/an_KVBbg/Liste.csv", ""),
		file(mailbox.OpTakeOver, 11, mailbox.VersionID{3}, "/an_KVBbg/Liste.csv", "/KVBBG-SB-Posteingang/Liste.csv"), // gives way
		folder(mailbox.OpMakeFolder, 12, "/an_KVBbg/Ordner", ""),
		file(mailbox.OpCreate, 13, mailbox.VersionID{4}, "/an_KVBbg/Ordner/a.txt", ""),
		file(mailbox.OpCopy, 14, mailbox.VersionID{5}, "/an_KVBbg/Ordner/a.txt", "/an_KVBbg/b.txt"),
		folder(mailbox.OpRename, 12, "/an_KVBbg/Ordner", "/an_KVBbg/Mappe"),
		folder(mailbox.OpRemove, 12, "/an_KVBbg/Mappe", ""),
		folder(mailbox.OpRestore, 12, "/an_KVBbg/Mappe", ""),
		file(mailbox.OpCreate, 15, mailbox.VersionID{6}, "/Postausgang/Bescheid.pdf", ""),
		folder(mailbox.OpMakeFolder, 16, "/Postausgang/Zurückgewiesen", ""),
		file(mailbox.OpReturn, 15, mailbox.VersionID{6}, "/Postausgang/Bescheid.pdf", "/Postausgang/Zurückgewiesen/Bescheid.pdf"),
		file(mailbox.OpReplace, 15, mailbox.VersionID{7}, "/Postausgang/Bescheid.pdf", ""), // comes back
		file(mailbox.OpRelease, 15, mailbox.VersionID{7}, "/Postausgang/Bescheid.pdf", "/Bescheid.pdf"),
		file(mailbox.OpRecall, 15, mailbox.VersionID{7}, "/Bescheid.pdf", ""),
		file(opPurge, 10, first, "", ""),
		{Operation: mailbox.OpRead, Member: 1, Entry: 13, Result: "ok"},
		{Operation: mailbox.OpRefused, Member: 1, Entry: 13, Result: "forbidden"},
	}
	for i := range all {
		all[i].Sequence = int64(i + 1)
	}
	return all
}

func play(t *testing.T, records []mailbox.Record) State {
	t.Helper()
	l := NewLog()
	for _, r := range records {
		l.Apply(r)
	}
	for _, f := range l.Faults() {
		t.Error(f)
	}
	return l.State()
}

// TestReplay: the log alone gives tree and digests (D8).
func TestReplay(t *testing.T) {
	s := play(t, story())
	want := map[mailbox.EntryID]string{10: "", 11: "/KVBBG-SB-Posteingang/Liste.csv", 12: "/an_KVBbg/Mappe", 13: "/an_KVBbg/Mappe/a.txt",
		14: "/an_KVBbg/b.txt", 15: "", 16: "/Postausgang/Zurückgewiesen"}
	if len(s.Entries) != len(want) {
		t.Errorf("%d entries, want %d", len(s.Entries), len(want))
	}
	for id, path := range want {
		if got := s.Entries[id].Path; got != path {
			t.Errorf("entry %d at %q, want %q", id, got, path)
		}
	}
	if len(s.Versions) != 7 || s.Versions[second].Size != 2 || s.Members[1] != "0815" {
		t.Errorf("%d versions, %v", len(s.Versions), s.Members)
	}
	if d := Compare(s, play(t, story())); len(d) != 0 {
		t.Errorf("the same log differs from itself: %q", d)
	}
}

// TestCompareFinds: whatever one changes behind the log's back is told.
func TestCompareFinds(t *testing.T) {
	for name, change := range map[string]func(*State){
		"moved":    func(s *State) { e := s.Entries[14]; e.Path = "/an_KVBbg/c.txt"; s.Entries[14] = e },
		"hidden":   func(s *State) { e := s.Entries[14]; e.Path = ""; s.Entries[14] = e },
		"shown":    func(s *State) { e := s.Entries[10]; e.Path = "/x"; s.Entries[10] = e },
		"deleted":  func(s *State) { delete(s.Entries, 14) },
		"smuggled": func(s *State) { s.Entries[99] = Entry{Member: 1, Path: "/y"} },
		"older":    func(s *State) { e := s.Entries[11]; e.Version = second; s.Entries[11] = e },
		"digest":   func(s *State) { v := s.Versions[first]; v.SHA256[0]++; s.Versions[first] = v },
		"size":     func(s *State) { v := s.Versions[first]; v.Size++; s.Versions[first] = v },
		"purged":   func(s *State) { v := s.Versions[second]; v.Purged = true; s.Versions[second] = v },
		"lost":     func(s *State) { delete(s.Versions, first) },
		"renumber": func(s *State) { s.Members[1] = "0816" },
	} {
		catalog := play(t, story())
		change(&catalog)
		if d := Compare(play(t, story()), catalog); len(d) != 1 {
			t.Errorf("%s: %q, want one difference", name, d)
		}
	}
}

// TestLogFaults: a log from which a record is missing does not fit together.
func TestLogFaults(t *testing.T) {
	whole := story()
	complete := play(t, whole)
	for i, r := range whole {
		if r.Result != "ok" || r.Operation == mailbox.OpRead {
			continue
		}
		l := NewLog()
		for j, r := range whole {
			if j != i {
				l.Apply(r)
			}
		}
		// That a document was returned leaves no trace once it came back.
		if len(l.Faults()) == 0 && len(Compare(l.State(), complete)) == 0 && r.Operation != mailbox.OpReturn {
			t.Errorf("nobody misses record %d (%s)", r.Sequence, r.Operation)
		}
	}
	gapless := NewLog()
	gapless.Gapless = true
	gapless.Apply(whole[0])
	gapless.Apply(whole[2])
	if f := strings.Join(gapless.Faults(), " "); !strings.Contains(f, "records 2 to 2 are missing") {
		t.Errorf("a gap: %q", f)
	}
	l := NewLog()
	l.Apply(whole[1])
	l.Apply(whole[1])
	again := whole[18]
	again.Sequence = 100
	l.Apply(again)
	l.Apply(again)
	if f := strings.Join(l.Faults(), " "); !strings.Contains(f, "is the current one") || !strings.Contains(f, "comes after") || !strings.Contains(f, "was stored before") {
		t.Errorf("a repeated record: %q", f)
	}
}

// FuzzApply: whatever records say, a tree stays a tree.
func FuzzApply(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	ops := []mailbox.Operation{mailbox.OpCreate, mailbox.OpMakeFolder, mailbox.OpRename, mailbox.OpRemove, mailbox.OpRestore, mailbox.OpRecall}
	paths := []string{"/a", "/a/b", "/a/b/c", "/b", "", "//", "/b/a"}
	f.Fuzz(func(t *testing.T, script []byte) {
		l := NewLog()
		for i := 0; i+2 < len(script); i += 3 {
			path := paths[int(script[i+2])%len(paths)]
			l.Apply(mailbox.Record{Sequence: int64(i + 1), Operation: ops[int(script[i])%len(ops)], Member: 1, Result: "ok",
				Entry: mailbox.EntryID(script[i+1]%8 + 1), Version: mailbox.VersionID{byte(i)},
				Detail: mailbox.Detail{Path: path, Target: path, Folder: script[i+1]%2 == 0}})
		}
		seen := map[string]mailbox.EntryID{}
		for id, e := range l.State().Entries {
			if other, twice := seen[e.Path]; twice && e.Path != "" {
				t.Fatalf("entries %d and %d stand at %q", id, other, e.Path)
			}
			seen[e.Path] = id
		}
	})
}
