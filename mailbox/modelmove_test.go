// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"maps"
	"slices"

	"postfach/mailbox"
)

// MOVE and COPY of the model.

// pairs of places between which something moves, and what that is.
func pair(role mailbox.Role, from, to mailbox.Place, returned bool) string {
	switch {
	case role == mailbox.Reviewer && from == mailbox.Outbox && to == mailbox.Outbox && returned:
		return "return"
	case from == to:
		return "rename"
	case from == mailbox.ToAuthority && to == mailbox.CaseworkerInbox:
		return "take"
	case from == mailbox.CaseworkerInbox && to == mailbox.ToAuthority:
		return "give"
	case from == mailbox.Outbox && to == mailbox.Root:
		return "release"
	case from == mailbox.Root && to == mailbox.Outbox:
		return "recall"
	}
	return ""
}

func (m *model) move(a *mailbox.Actor, from, to string) mailbox.Kind {
	role := a.Grants[0].Role
	src, dst := m.look(role.Side(), from), m.look(role.Side(), to)
	if src.found() && m.fixed(src.at) || dst.found() && m.fixed(dst.at) || dst.unseen {
		return mailbox.Forbidden
	}
	returned := m.place(dst.at) == mailbox.Outbox && (m.inReturned(dst.at) || m.fixed(dst.at) && len(dst.rest) > 1 && dst.rest[0] == returnedName)
	what := pair(role, m.place(src.at), m.place(dst.at), returned)
	folder, ours := src.found() && src.at.folder, !src.found() || src.at.side == role.Side()
	if what == "release" && folder || !m.may(role, m.place(src.at), what, folder, ours) || what == "return" && m.inReturned(src.at) {
		return mailbox.Forbidden
	}
	if !src.found() {
		return mailbox.NotFound
	}
	x := src.at
	if k := m.mayGo(a, x, dst, what); k != good {
		return k
	}
	if what == "release" && m.policy == mailbox.FourEyes {
		if x.now().authors[a.Person] {
			return mailbox.Forbidden
		}
		if !x.now().read[a.Person] {
			return mailbox.UnreadRelease
		}
	}
	m.carry(x, dst, what, role.Side())
	return good
}

// mayGo checks what moves along, where to, and what stands there.
func (m *model) mayGo(a *mailbox.Actor, x *thing, dst look, what string) mailbox.Kind {
	role, k := a.Grants[0].Role, good
	x.each(func(b *thing) {
		if b != x && m.seesAll(role.Side(), b) && !m.may(role, m.place(b), what, b.folder || what == "rename", b.side == role.Side()) {
			k = mailbox.Forbidden
		}
	})
	if k != good {
		return k
	}
	for at := dst.at; at != nil; at = at.up {
		if at == x && (x.folder || dst.found()) {
			return mailbox.Forbidden
		}
	}
	if !dst.found() {
		firstReturn := what == "return" && len(dst.rest) == 2 && m.fixed(dst.at)
		if !firstReturn && (len(dst.rest) > 1 || !dst.at.folder) {
			return mailbox.ParentMissing
		}
	} else {
		for at := x; at != nil; at = at.up {
			if at == dst.at {
				return mailbox.Forbidden
			}
		}
		docs := !x.folder && !dst.at.folder
		switch {
		case what == "rename":
			dst.at.each(func(b *thing) {
				if !m.can(a, b, "remove") && !(docs && m.can(a, b, "replace")) {
					k = mailbox.Forbidden
				}
			})
		case !docs && what == "return":
			k = mailbox.Forbidden
		case !docs:
			k = mailbox.Conflict
		}
	}
	if k == good && what == "release" && m.inReturned(x) {
		k = mailbox.Conflict
	}
	if k == good && what == "give" && dst.found() {
		k = mailbox.Precondition
	}
	return k
}

// carry moves x to where dst leads.
func (m *model) carry(x *thing, dst look, what string, side mailbox.Side) {
	if what == "take" { // what the caseworker does not see stays out of the inbox
		var gone []*thing
		x.each(func(b *thing) {
			if !m.seesAll(side, b) {
				gone = append(gone, b)
			}
		})
		for _, b := range gone {
			m.detach(b)
		}
	}
	m.leave(x)
	up, name := dst.at, ""
	var old *thing
	switch {
	case dst.found():
		old, up, name = dst.at, dst.at.up, dst.at.name
		m.leaveIfCleared(x, old)
		m.detach(old)
	case len(dst.rest) == 2:
		up = &thing{folder: true, side: side, below: map[string]*thing{}}
		m.attach(up, dst.at, returnedName)
		name = dst.rest[1]
	default:
		name = dst.rest[0]
	}
	m.detach(x)
	m.attach(x, up, name)
	x.each(func(b *thing) {
		if b.folder {
			return
		}
		if m.place(b) == mailbox.Outbox {
			for _, e := range b.history {
				e.outbox = true
			}
		}
		if what == "take" || what == "release" {
			b.now().released = true
		}
		m.seen(b)
	})
	if !x.folder && m.place(x) == mailbox.Outbox {
		m.inherit(x, old)
	}
}

// leaveIfCleared notes the name of a document that goes for a folder.
func (m *model) leaveIfCleared(x, old *thing) {
	if x.folder || old.folder {
		m.leave(old)
	}
}

func (m *model) inherit(x, old *thing) {
	from := m.bore(x.up, x.name, x)
	if old != nil && !old.folder {
		from = nil
		if !old.now().released {
			from = []*edition{old.now()}
		}
	}
	for _, e := range from {
		maps.Copy(x.now().authors, e.authors)
	}
}

func (m *model) copy(a *mailbox.Actor, from, to string) mailbox.Kind {
	role := a.Grants[0].Role
	src, dst := m.look(role.Side(), from), m.look(role.Side(), to)
	if src.found() && m.fixed(src.at) || dst.found() && m.fixed(dst.at) || dst.unseen {
		return mailbox.Forbidden
	}
	p, q := m.place(src.at), m.place(dst.at)
	way := pair("", p, q, false)
	create := m.may(role, q, "create", false, true)
	if src.found() && src.at.folder {
		create = create && m.may(role, q, "mkcol", true, true)
	}
	if !m.may(role, p, "read", false, false) || !create || way == "take" || way == "give" || way == "release" {
		return mailbox.Forbidden
	}
	if !src.found() {
		return mailbox.NotFound
	}
	x := src.at
	for at := dst.at; at != nil; at = at.up {
		if at == x && (x.folder || dst.found()) {
			return mailbox.Forbidden
		}
	}
	if !dst.found() && (len(dst.rest) > 1 || !dst.at.folder) {
		return mailbox.ParentMissing
	}
	up, name := dst.at, ""
	if !dst.found() {
		name = dst.rest[0]
	} else {
		for at := x; at != nil; at = at.up {
			if at == dst.at {
				return mailbox.Forbidden
			}
		}
		allowed, docs := true, !x.folder && !dst.at.folder
		dst.at.each(func(b *thing) {
			allowed = allowed && m.can(a, b, map[bool]string{true: "replace", false: "remove"}[docs])
		})
		if !allowed {
			return mailbox.Forbidden
		}
		if docs {
			m.edit(dst.at, a, x.now().bytes, []*edition{x.now()})
			return good
		}
		up, name = dst.at.up, dst.at.name
		m.leave(dst.at)
		m.detach(dst.at)
	}
	m.duplicate(a, x, up, name)
	return good
}

// duplicate copies x as far as the actor sees it.
func (m *model) duplicate(a *mailbox.Actor, x, up *thing, name string) {
	side := a.Grants[0].Role.Side()
	if !x.folder {
		m.edit(m.file(side, up, name), a, x.now().bytes, append(m.boreOutbox(up, name), x.now()))
		return
	}
	kids := maps.Clone(x.below)
	d := &thing{folder: true, side: side, below: map[string]*thing{}}
	m.attach(d, up, name)
	for _, n := range slices.Sorted(maps.Keys(kids)) {
		if m.sees(side, kids[n]) && kids[n] != d {
			m.duplicate(a, kids[n], d, n)
		}
	}
}

func (m *model) boreOutbox(up *thing, name string) []*edition {
	if m.place(&thing{up: up, name: name}) != mailbox.Outbox {
		return nil
	}
	return m.bore(up, name, nil)
}
