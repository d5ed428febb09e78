// SPDX-License-Identifier: Apache-2.0

// Package rebuild decides what a catalog would have to say about a storage whose
// catalog is lost, from the keys and descriptions of the contents and from what
// the storage has of the audit log. It is pure; package main brings what was
// found and stores what was decided.
//
// The rule is: what is not certain goes out of view. Certain is where the log
// says that an entry is in view, what it holds, and the storage has just that.
package rebuild

import (
	"slices"
	"strings"
	"time"

	"postfach/cmd/postfach/replay"
	"postfach/mailbox"
)

// Blob is a content in the storage.
type Blob struct {
	Key   mailbox.BlobKey
	Size  int64               // bytes
	About mailbox.Description // zero where there is none
	Wrong string              // what was found when its bytes were read; "" for nothing
}

// Found is all that a storage has.
type Found struct {
	Blobs   []Blob
	Records []mailbox.Record // of the audit log, in their order
	Gap     int64            // the log is not whole before this sequence; 0 for whole
	Folders mailbox.FolderNames
	IDs     int64 // where new ids begin
}

// Fate of an entry.
type Fate string

const (
	InView   Fate = "in view"
	Removed  Fate = "removed"  // by the log
	Draft    Fate = "draft"    // was being prepared for the member; goes out of view
	Doubtful Fate = "doubtful" // goes out of view
)

// Entry is an entry as it is rebuilt.
type Entry struct {
	mailbox.Entry
	Fate    Fate
	Path    string // where it stands, or stood when it was last in view
	Reasons []string
	New     bool // the log does not know it
}

// Version is a version as it is rebuilt.
type Version struct {
	mailbox.Version
	Taken   bool // was taken over
	Outbox  bool // is or was in the outbox, and released
	Unknown bool // has an author whom nobody knows any more
	Lost    bool // the storage does not have its bytes
}

// Member is a mailbox as it is rebuilt.
type Member struct {
	mailbox.Member
	New     bool // the log does not know it
	Unclear bool // it was closed or opened again, but when it closes is not known any more
}

// Plan is what is to be stored.
type Plan struct {
	Members  []Member
	Entries  []Entry // folders before what stands in them
	Versions []Version
	LogEnds  time.Time // zero where there is no log
	Highest  int64     // of the ids of entries and persons in descriptions and log
}

// Make decides.
func Make(f Found) *Plan {
	b := &builder{f: f, p: &Plan{}, log: replay.NewLog(),
		last: make(map[mailbox.EntryID]mailbox.Record), replaces: make(map[mailbox.EntryID]mailbox.EntryID), made: make(map[mailbox.VersionID]mailbox.Record), taken: make(map[mailbox.VersionID]bool),
		released: make(map[mailbox.VersionID]bool), takenBy: make(map[mailbox.EntryID]mailbox.Record),
		names: make(map[mailbox.MemberID]string), closes: make(map[mailbox.MemberID]mailbox.Record), roots: make(map[mailbox.MemberID]mailbox.EntryID), blobs: make(map[mailbox.VersionID]Blob),
		byNumber: make(map[string]*Member), byID: make(map[mailbox.MemberID]*Member), at: make(map[mailbox.EntryID]*Entry),
		next: f.IDs}
	for _, r := range f.Records {
		b.record(r)
	}
	for _, x := range f.Blobs {
		b.blobs[x.Key.Version] = x
		b.highest(int64(x.About.Entry), int64(x.About.Person))
	}
	b.members()
	b.known()
	b.unknown()
	b.versions()
	return b.p
}

type builder struct {
	f        Found
	p        *Plan
	log      *replay.Log
	last     map[mailbox.EntryID]mailbox.Record // the last change of an entry
	replaces map[mailbox.EntryID]mailbox.EntryID
	made     map[mailbox.VersionID]mailbox.Record
	taken    map[mailbox.VersionID]bool
	released map[mailbox.VersionID]bool
	takenBy  map[mailbox.EntryID]mailbox.Record
	names    map[mailbox.MemberID]string
	closes   map[mailbox.MemberID]mailbox.Record
	roots    map[mailbox.MemberID]mailbox.EntryID
	blobs    map[mailbox.VersionID]Blob
	byNumber map[string]*Member
	byID     map[mailbox.MemberID]*Member
	at       map[mailbox.EntryID]*Entry
	next     int64
	order    []mailbox.VersionID // as the log made them
}

func (b *builder) id() mailbox.EntryID { b.next++; return mailbox.EntryID(b.next) }

func (b *builder) highest(ids ...int64) {
	for _, id := range ids {
		b.p.Highest = max(b.p.Highest, id)
	}
}

// record takes in what a record says beside the tree.
func (b *builder) record(r mailbox.Record) {
	b.log.Apply(r)
	b.p.LogEnds = r.Time
	b.highest(int64(r.Entry), int64(r.Person), int64(r.Account), int64(r.Member))
	if r.Result != "ok" {
		return
	}
	switch r.Operation {
	case mailbox.OpMemberAdd:
		_, name, _ := strings.Cut(r.Detail.Name, " ")
		b.names[r.Member], b.roots[r.Member] = name, r.Entry
		return
	case mailbox.OpMemberClose:
		b.closes[r.Member] = r
		return
	case mailbox.OpCreate, mailbox.OpReplace, mailbox.OpImport, mailbox.OpCopy:
		if !r.Version.IsZero() {
			if _, twice := b.made[r.Version]; !twice {
				b.order = append(b.order, r.Version)
			}
			b.made[r.Version] = r
		}
	case mailbox.OpTakeOver:
		b.taken[r.Version], b.takenBy[r.Entry] = true, r
	case mailbox.OpGiveBack:
		delete(b.takenBy, r.Entry)
	case mailbox.OpRelease:
		b.released[r.Version] = true
	case mailbox.OpRename, mailbox.OpReturn, mailbox.OpRecall, mailbox.OpRemove, mailbox.OpRestore, mailbox.OpMakeFolder, mailbox.OpPurge:
	default:
		return
	}
	b.last[r.Entry] = r
	if r.Detail.Replaced != 0 {
		b.replaces[r.Entry] = mailbox.EntryID(r.Detail.Replaced)
	}
}

// members finds the mailboxes: those of the log, and those that contents lie
// in.
func (b *builder) members() {
	add := func(m Member) {
		m.Recovering = true
		for _, p := range mailbox.Places {
			if m.Folders[p] == 0 {
				m.Folders[p] = b.id()
			}
		}
		b.p.Members = append(b.p.Members, m)
	}
	seen := make(map[string]bool)
	for id, number := range b.log.State().Members {
		if number == "" || seen[number] {
			continue // its detail is gone; its contents say the number
		}
		seen[number] = true
		m := Member{Member: mailbox.Member{ID: id, Number: number, Name: b.names[id]}}
		m.Folders[mailbox.Root] = b.roots[id]
		if r, there := b.closes[id]; there {
			on, ok := mailbox.ClosedOn(r)
			m.ClosedOn, m.Unclear = on, !ok
		}
		add(m)
	}
	for _, x := range b.f.Blobs {
		if number := x.Key.Member; !seen[number] {
			seen[number] = true
			b.next++
			add(Member{Member: mailbox.Member{ID: mailbox.MemberID(b.next), Number: number, Name: number}, New: true})
		}
	}
	slices.SortFunc(b.p.Members, func(x, y Member) int { return strings.Compare(x.Number, y.Number) })
	for i := range b.p.Members {
		m := &b.p.Members[i]
		if m.Name == "" {
			m.Name = m.Number
		}
		b.byNumber[m.Number], b.byID[m.ID] = m, m
	}
}

// place of a fixed folder.
func (b *builder) place(fixed string) (mailbox.Place, bool) {
	if fixed == "" {
		return mailbox.Root, true
	}
	for _, p := range mailbox.Places[1:] {
		if mailbox.NameKey(b.f.Folders.Of(p)) == mailbox.NameKey(fixed) {
			return p, true
		}
	}
	return 0, false
}

// known rebuilds the entries of the log.
func (b *builder) known() {
	for _, n := range b.log.Nodes() {
		m := b.byID[n.Member]
		if m == nil {
			continue // contents of it become entries of their own
		}
		e := Entry{Entry: mailbox.Entry{ID: n.ID, Member: n.Member, Parent: n.Parent, Folder: n.Folder, Name: n.Name}, Path: n.Path}
		if v := n.Version; !v.IsZero() {
			e.Version.ID = v
		}
		b.judge(&e, n, m)
		b.p.Entries = append(b.p.Entries, e)
	}
	for i := range b.p.Entries {
		e := &b.p.Entries[i]
		b.at[e.ID] = e
		if up := b.at[e.Parent]; up != nil && e.Fate == InView && up.Fate == Doubtful {
			e.Fate, e.Reasons = Doubtful, append(e.Reasons, "its folder is doubtful")
		}
	}
	for i := range b.p.Entries {
		if e := &b.p.Entries[i]; b.at[b.replaces[e.ID]] != nil {
			e.Replaces = b.replaces[e.ID]
		}
	}
}

// judge finds the fate of an entry of the log.
func (b *builder) judge(e *Entry, n replay.Node, m *Member) {
	doubt := func(why string) { e.Reasons = append(e.Reasons, why) }
	place, ok := b.place(n.Fixed)
	if !n.Placed || !ok {
		doubt("the log does not say where it stood")
		place, e.Parent = mailbox.ToAuthority, 0
		if e.Name == "" {
			e.Name = b.nameOf(e)
		}
	}
	e.Place = place
	if e.Parent == 0 {
		e.Parent = m.Folders[place]
	}
	if first, there := b.made[e.Version.ID]; there {
		e.Account, e.Person, e.Side, e.Created, e.Modified = first.Account, first.Person, sideOf(first), first.Time, first.Time
	}
	if e.Side == mailbox.NoSide {
		e.Side = mailbox.AuthoritySide
		if place == mailbox.ToAuthority {
			e.Side = mailbox.MemberSide
		}
	}
	if t, there := b.takenBy[e.ID]; there && place == mailbox.CaseworkerInbox {
		e.TakenBy, e.TakenAt = t.Person, t.Time
	}
	if n.Faulty {
		doubt("records about it do not fit those before them")
	}
	if b.last[e.ID].Sequence < b.f.Gap {
		doubt("a part of the log is missing after its last record")
	}
	if !e.Folder {
		if why := b.content(e.Version.ID); why != "" {
			doubt(why)
		}
	}
	switch {
	case n.Path == "":
		e.Fate = Removed
		if n.Removed {
			e.Removed = b.last[e.ID].Time
		}
	case len(e.Reasons) > 0:
		e.Fate = Doubtful
	case place == mailbox.Outbox && !e.Folder:
		e.Fate = Draft
	default:
		e.Fate = InView
	}
}

// sideOf is whose work a version of the log is. What was imported has no role:
// it is the authority's only where a draft or its release would stand.
func sideOf(r mailbox.Record) mailbox.Side {
	switch {
	case r.Operation != mailbox.OpImport:
		return r.Role.Side()
	case r.Place == mailbox.ToAuthority || r.Place == mailbox.CaseworkerInbox:
		return mailbox.MemberSide
	}
	return mailbox.AuthoritySide
}

// nameOf is what the description says that a content was called; its id where
// it says nothing.
func (b *builder) nameOf(e *Entry) string {
	about := b.blobs[e.Version.ID].About
	if i := strings.LastIndexByte(about.Path, '/'); i >= 0 && about.Path[i+1:] != "" {
		return about.Path[i+1:]
	}
	if e.Folder {
		return "Ordner"
	}
	return e.Version.ID.String()
}

// blobOf finds where the bytes of a version of the log lie: a copy shares the
// blob of what it was copied from.
func (b *builder) blobOf(r mailbox.Record) (Blob, bool) {
	if x, ok := b.blobs[r.Version]; ok {
		return x, true
	}
	if r.Operation != mailbox.OpCopy {
		return Blob{}, false
	}
	for _, id := range slices.Backward(b.order) {
		src := b.made[id]
		if x, ok := b.blobs[id]; ok && src.Member == r.Member && src.SHA256 == r.SHA256 && src.Detail.Size == r.Detail.Size && src.Sequence < r.Sequence {
			return x, true
		}
	}
	return Blob{}, false
}

// content says what is wrong with the bytes of a version of the log.
func (b *builder) content(v mailbox.VersionID) string {
	r, ok := b.made[v]
	if !ok {
		return "the log does not say what it held"
	}
	x, ok := b.blobOf(r)
	switch {
	case !ok:
		return "its bytes are not in the storage"
	case x.Wrong != "":
		return x.Wrong
	case r.Detail.Size != x.Size && r.Detail != (mailbox.Detail{}):
		return "its bytes have another length than the log says"
	case x.About.SHA256 != [32]byte{} && x.About.SHA256 != r.SHA256:
		return "its description has another SHA-256 than the log"
	}
	return ""
}

// unknown makes an entry for every content that the log does not know.
func (b *builder) unknown() {
	taken := make(map[string]bool)
	for _, e := range b.p.Entries {
		if e.Fate == InView {
			taken[number(e.Member)+mailbox.NameKey(e.Path)] = true
		}
	}
	for _, x := range b.f.Blobs {
		if r, known := b.made[x.Key.Version]; known && b.byID[r.Member] != nil {
			continue
		}
		m := b.byNumber[x.Key.Member]
		place, ok := b.place(strings.TrimPrefix(x.Key.Folder, "root"))
		e := Entry{Entry: mailbox.Entry{Member: m.ID, Place: place, Side: mailbox.AuthoritySide, Person: x.About.Person,
			Created: x.Key.Version.Time(), Modified: x.Key.Version.Time()}, Fate: Doubtful, New: true}
		e.Version.ID = x.Key.Version
		if !ok {
			e.Place = mailbox.ToAuthority
			e.Reasons = append(e.Reasons, "its folder "+x.Key.Folder+" is none of the configuration")
		}
		if e.Place == mailbox.ToAuthority {
			e.Side = mailbox.MemberSide
		}
		e.Parent, e.Name = m.Folders[e.Place], b.nameOf(&e)
		if len(b.f.Records) == 0 {
			e.Reasons = append(e.Reasons, "there is no log: whether it was removed, taken over or released is not known")
		} else {
			e.Reasons = append(e.Reasons, "the log does not know it")
		}
		if e.Place == mailbox.Outbox {
			e.Reasons = append(e.Reasons, "it was being prepared for the member")
		}
		if x.About.SHA256 == [32]byte{} {
			e.Reasons = append(e.Reasons, "it has no description")
		}
		if x.Wrong != "" {
			e.Reasons = append(e.Reasons, x.Wrong)
		}
		if e.ID = x.About.Entry; e.ID == 0 || b.at[e.ID] != nil || b.isFixed(e.ID) {
			e.ID = b.id()
		}
		prefix := "/"
		if e.Place != mailbox.Root {
			prefix += b.f.Folders.Of(e.Place) + "/"
		}
		if taken[number(m.ID)+mailbox.NameKey(prefix+e.Name)] {
			e.Name = x.Key.Version.String() + " " + e.Name
		}
		e.Path = prefix + e.Name
		b.p.Entries = append(b.p.Entries, e)
		b.at[e.ID] = &e
	}
}

func (b *builder) isFixed(id mailbox.EntryID) bool {
	return slices.ContainsFunc(b.p.Members, func(m Member) bool { return slices.Contains(m.Folders[:], id) })
}
