// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"maps"
	"slices"
	"strings"

	"postfach/mailbox"
)

// A second opinion on the rules: a mailbox in memory that knows DESIGN.md
// section 2 and nothing of the code (P48). rules_test.go plays both.

// thing is a file or folder of the model.
type thing struct {
	name    string
	folder  bool
	side    mailbox.Side
	up      *thing
	below   map[string]*thing
	history []*edition // files; the current one last
	entry   mailbox.EntryID
}

// edition is a version of the model.
type edition struct {
	bytes    string
	account  mailbox.AccountID
	authors  map[mailbox.PersonID]bool
	released bool // delivered, taken over or released
	outbox   bool // is or was in the outbox
	read     map[mailbox.PersonID]bool
	seq      int
}

func (x *thing) now() *edition { return x.history[len(x.history)-1] }

// model of one mailbox.
type model struct {
	root   *thing
	policy mailbox.ReleasePolicy
	all    []*thing // files that ever were
	former map[*thing]*leaving
	seq    int
}

// leaving is the last name that a document in the outbox had and lost.
type leaving struct {
	up   *thing
	name string
}

var fixedNames = []string{"", "an_KVBbg", "KVBBG-SB-Posteingang", "Postausgang"}

const returnedName = "Zurückgewiesen"

func newModel(policy mailbox.ReleasePolicy) *model {
	m := &model{policy: policy, former: map[*thing]*leaving{}, root: &thing{folder: true, below: map[string]*thing{}}}
	for _, n := range fixedNames[1:] {
		m.root.below[n] = &thing{name: n, folder: true, up: m.root, below: map[string]*thing{}}
	}
	return m
}

func (m *model) fixed(x *thing) bool {
	return x == m.root || x.up == m.root && slices.Contains(fixedNames[1:], x.name)
}

// place of a thing, by the names above it.
func (m *model) place(x *thing) mailbox.Place {
	for ; x.up != nil; x = x.up {
		if x.up == m.root {
			return mailbox.Place(max(slices.Index(fixedNames, x.name), 0))
		}
	}
	return mailbox.Root
}

func (m *model) sees(side mailbox.Side, x *thing) bool {
	p := m.place(x)
	if m.fixed(x) {
		return true
	}
	if side == mailbox.MemberSide && p == mailbox.Outbox {
		return false
	}
	owner := mailbox.AuthoritySide
	if p == mailbox.ToAuthority {
		owner = mailbox.MemberSide
	}
	return side == owner || !mailbox.Hidden(x.name)
}

func (m *model) seesAll(side mailbox.Side, x *thing) bool {
	for ; x != nil; x = x.up {
		if !m.sees(side, x) {
			return false
		}
	}
	return true
}

// look is where a path leads somebody.
type look struct {
	at     *thing   // the last that is there
	rest   []string // what is not
	unseen bool     // rest is one name, and it is taken
}

func (m *model) look(side mailbox.Side, path string) look {
	l := look{at: m.root}
	names := strings.FieldsFunc(path, func(c rune) bool { return c == '/' })
	for i, n := range names {
		next := l.at.below[n]
		if next == nil || !m.sees(side, next) {
			l.rest, l.unseen = names[i:], next != nil && i == len(names)-1
			return l
		}
		l.at = next
	}
	return l
}

func (l look) found() bool { return len(l.rest) == 0 }

// may is the table of DESIGN.md section 2, for the third time.
func (m *model) may(role mailbox.Role, p mailbox.Place, what string, folder, ours bool) bool {
	four, rights := m.policy == mailbox.FourEyes, "read"
	switch {
	case role == mailbox.Clerk && p == mailbox.Outbox:
		rights = ""
	case role == mailbox.Clerk && p == mailbox.ToAuthority:
		rights += " create mkcol"
		if ours {
			rights += " replace rename remove"
		}
	case role == mailbox.Reviewer && p == mailbox.Outbox && !folder:
		rights += " return"
		if four {
			rights += " release"
		}
	case role == mailbox.Caseworker && p == mailbox.Root:
		rights += " remove recall mkcol"
		if folder || !four {
			rights += " rename"
		}
		if !four {
			rights += " create replace"
		}
	case role == mailbox.Caseworker && p == mailbox.ToAuthority:
		rights += " take"
	case role == mailbox.Caseworker && p == mailbox.CaseworkerInbox:
		rights += " mkcol rename remove give"
	case role == mailbox.Caseworker && p == mailbox.Outbox:
		rights += " create replace rename remove mkcol"
		if !four && !folder {
			rights += " release"
		}
	}
	return slices.Contains(strings.Fields(rights), what)
}

func (m *model) can(a *mailbox.Actor, x *thing, what string) bool {
	role := a.Grants[0].Role
	return m.may(role, m.place(x), what, x.folder, x.side == role.Side())
}

// each walks a thing and all below it, parents first.
func (x *thing) each(fn func(*thing)) {
	fn(x)
	for _, n := range slices.Sorted(maps.Keys(x.below)) {
		x.below[n].each(fn)
	}
}

func (m *model) inReturned(x *thing) bool {
	for ; x != nil && x.up != nil; x = x.up {
		if x.name == returnedName && m.place(x) == mailbox.Outbox && m.fixed(x.up) {
			return true
		}
	}
	return false
}

const good mailbox.Kind = -1

func (m *model) put(a *mailbox.Actor, path, bytes string) mailbox.Kind {
	side := a.Grants[0].Role.Side()
	l := m.look(side, path)
	switch {
	case l.found() && !l.at.folder && !m.can(a, l.at, "replace"),
		(!l.found() || l.at.folder) && !m.may(a.Grants[0].Role, m.place(l.at), "create", false, true), l.unseen:
		return mailbox.Forbidden
	case l.found() && l.at.folder:
		return mailbox.Conflict
	case len(l.rest) > 1 || !l.found() && !l.at.folder:
		return mailbox.ParentMissing
	}
	if l.found() {
		if e := l.at.now(); e.account == a.Account && e.bytes == bytes {
			return good // repeated
		}
		m.edit(l.at, a, bytes, nil)
		return good
	}
	if back := l.at.below[returnedName]; back != nil && m.place(l.at) == mailbox.Outbox && m.fixed(l.at) && back.below[l.rest[0]] != nil && !back.below[l.rest[0]].folder {
		x := back.below[l.rest[0]]
		m.detach(x)
		m.attach(x, l.at, l.rest[0])
		m.edit(x, a, bytes, nil)
		return good
	}
	x := m.file(side, l.at, l.rest[0])
	m.edit(x, a, bytes, m.bore(l.at, l.rest[0], nil))
	return good
}

func (m *model) file(side mailbox.Side, up *thing, name string) *thing {
	x := &thing{name: name, side: side}
	m.all = append(m.all, x)
	m.attach(x, up, name)
	return x
}

// bore gives the unreleased editions of what last bore a name in the outbox.
func (m *model) bore(up *thing, name string, but *thing) (all []*edition) {
	for x, l := range m.former {
		if x != but && l.up == up && l.name == name && !x.now().released {
			all = append(all, x.now())
		}
	}
	return all
}

// edit gives x a new edition that goes on from others.
func (m *model) edit(x *thing, a *mailbox.Actor, bytes string, from []*edition) {
	m.seq++
	e := &edition{bytes: bytes, account: a.Account, authors: map[mailbox.PersonID]bool{a.Person: true}, read: map[mailbox.PersonID]bool{}, seq: m.seq}
	if m.place(x) == mailbox.Outbox {
		e.outbox = true
		if len(x.history) > 0 && !x.now().released {
			from = append(from, x.now())
		}
		for _, f := range m.all {
			for _, o := range f.history {
				if o.outbox && o.bytes == bytes && bytes != "" {
					from = append(from, o)
				}
			}
		}
	}
	for _, f := range from {
		maps.Copy(e.authors, f.authors)
	}
	x.history = append(x.history, e)
	m.seen(x)
}

// seen marks what the other side sees now.
func (m *model) seen(x *thing) {
	p := m.place(x)
	if p == mailbox.ToAuthority && m.seesAll(mailbox.AuthoritySide, x) || p == mailbox.Root && m.seesAll(mailbox.MemberSide, x) {
		x.now().released = true
	}
}

func (m *model) attach(x *thing, up *thing, name string) {
	x.up, x.name = up, name
	up.below[name] = x
}

func (m *model) detach(x *thing) { delete(x.up.below, x.name) }

func (m *model) leave(x *thing) {
	if !x.folder && m.place(x) == mailbox.Outbox && !mailbox.Hidden(x.name) {
		m.former[x] = &leaving{x.up, x.name}
	}
}

func (m *model) mkcol(a *mailbox.Actor, path string) mailbox.Kind {
	side := a.Grants[0].Role.Side()
	l := m.look(side, path)
	switch {
	case l.found() && m.fixed(l.at), !m.may(a.Grants[0].Role, m.place(l.at), "mkcol", true, true), l.unseen:
		return mailbox.Forbidden
	case l.found():
		return mailbox.Exists
	case len(l.rest) > 1 || !l.at.folder:
		return mailbox.ParentMissing
	}
	m.attach(&thing{folder: true, side: side, below: map[string]*thing{}}, l.at, l.rest[0])
	return good
}

func (m *model) remove(a *mailbox.Actor, path string) mailbox.Kind {
	l := m.look(a.Grants[0].Role.Side(), path)
	if l.found() && m.fixed(l.at) || !l.found() && !m.may(a.Grants[0].Role, m.place(l.at), "remove", false, true) {
		return mailbox.Forbidden
	}
	if !l.found() {
		return mailbox.NotFound
	}
	allowed := true
	l.at.each(func(x *thing) { allowed = allowed && m.can(a, x, "remove") })
	if !allowed {
		return mailbox.Forbidden
	}
	m.leave(l.at)
	m.detach(l.at)
	return good
}
