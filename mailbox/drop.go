// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// A data centre's an_KVBbg is its own subfolder there, made when it first
// delivers (DESIGN.md section 6). It is known by Entry.Drop, so clerks may
// rename it or file it into another folder.

// walkDrop follows names from the mailbox root in a data centre's view.
func (s *Service) walkDrop(r Reader, t *spot, names []string) error {
	if NameKey(names[0]) != s.folders[ToAuthority] {
		t.rest = names
		return nil
	}
	if names[0] != s.o.Folders.ToAuthority {
		twin, err := s.fixedFolder(r, t, ToAuthority, false)
		t.rest, t.twin = names, &twin
		return err
	}
	way, err := s.wayToDrop(r, t)
	if err != nil {
		return err
	}
	t.chain = append(t.chain, way...)
	return s.descend(r, t, names[1:])
}

// wayToDrop is the chain from an_KVBbg down to the data centre's own folder, or
// an_KVBbg alone when there is none (noDrop).
func (s *Service) wayToDrop(r Reader, t *spot) ([]Entry, error) {
	e, err := r.DropFolder(t.member.ID, t.actor.Account)
	t.noDrop = KindOf(err) == NotFound
	if err != nil && !t.noDrop {
		return nil, err
	}
	top, err := s.fixedFolder(r, t, ToAuthority, t.noDrop)
	if err != nil || t.noDrop {
		return []Entry{top}, err
	}
	way := []Entry{e}
	for way[0].Parent != top.ID {
		up, err := r.Entry(way[0].Parent)
		if err != nil {
			return nil, err
		}
		way = slices.Insert(way, 0, up)
	}
	return slices.Insert(way, 0, top), nil
}

// dropState is what the ETags of a data centre's view depend on: its own folder
// and what it sees there, nothing else (I5).
func (s *Service) dropState(r Reader, t *spot) (string, error) {
	h := sha256.New()
	err := s.hashDrop(r, t, h)
	return hex.EncodeToString(h.Sum(nil)[:12]), err
}

func (s *Service) hashDrop(r Reader, t *spot, h hash.Hash) error {
	e, err := r.DropFolder(t.member.ID, t.actor.Account)
	if err != nil {
		if KindOf(err) == NotFound {
			return nil
		}
		return err
	}
	after := ""
	for {
		entries, err := r.Children(e.ID, after, pageSize, nil)
		if err != nil {
			return err
		}
		for i := range entries {
			if c := &entries[i]; t.sees(c) {
				_ = binary.Write(h, binary.BigEndian, int64(c.ID)) // a hash never fails
				h.Write(c.Version.ID[:])
				h.Write([]byte(c.Name + "\x00"))
			}
		}
		if len(entries) < pageSize {
			return nil
		}
		after = NameKey(entries[len(entries)-1].Name)
	}
}

// makeDrop makes a data centre's own folder in an_KVBbg, named after the
// account, and lets the chain end there.
func (s *Service) makeDrop(tx Tx, t *spot, change int64) error {
	name, err := freeName(tx, t.entry().ID, dropName(t.actor.Login))
	if err != nil {
		return err
	}
	e := t.newEntry(Version{}, change)
	e.Name, e.Folder, e.Drop = name, true, t.actor.Account
	if err := tx.InsertEntry(&e); err != nil {
		return err
	}
	t.chain, t.noDrop = join(t.chain, e), false
	rec := s.record(t.actor, OpMakeFolder, ok).about(tx, t, Datacentre, &e, "/"+s.o.Folders.ToAuthority+"/"+name)
	return tx.Audit(rec)
}

// dropName makes a folder's name of a login: one that names may have and that
// nobody hides.
func dropName(login string) string {
	name := strings.Map(func(c rune) rune {
		if CheckName("x"+string(c)+"x") != nil {
			return ' '
		}
		return c
	}, login)
	name = strings.TrimRight(strings.Join(strings.Fields(name), " "), ". ")
	if Hidden(name) || CheckName(name) != nil {
		name = strings.TrimRight("Rechenzentrum "+strings.TrimLeft(name, "~$._"), ". ")
	}
	if Hidden(name) || len(name) > MaxName/2 || CheckName(name) != nil {
		return "Rechenzentrum"
	}
	return name
}

// freeName is name, or name with what tells it from those that exist.
func freeName(r Reader, folder EntryID, name string) (string, error) {
	for i, try := 1, name; ; i++ {
		_, err := r.Child(folder, NameKey(try))
		if err != nil {
			if KindOf(err) == NotFound {
				err = nil
			}
			return try, err
		}
		if try = name + " (Rechenzentrum)"; i > 1 {
			try = fmt.Sprintf("%s (Rechenzentrum %d)", name, i)
		}
	}
}

// forgetDrops makes ordinary folders of data centres' own ones that leave
// an_KVBbg, or its view, inside another folder: coming back they must not stand
// beside those that were made meanwhile.
func forgetDrops(tx Tx, below []Entry) error {
	for i := range below {
		if below[i].Drop == 0 {
			continue
		}
		below[i].Drop = 0
		if err := tx.UpdateEntry(below[i]); err != nil {
			return err
		}
	}
	return nil
}
