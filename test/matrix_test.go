// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"fmt"
	"net/url"
	"testing"

	"postfach/mailbox"
	"postfach/test/world"
)

// places of a mailbox as the paths that everybody may use.
var placePath = map[mailbox.Place]string{
	mailbox.Root: "/dav/0815/", mailbox.ToAuthority: "/dav/0815/an_KVBbg/",
	mailbox.CaseworkerInbox: "/dav/0815/KVBBG-SB-Posteingang/", mailbox.Outbox: "/dav/0815/Postausgang/",
}

var roleLogin = map[mailbox.Role]string{
	mailbox.Clerk: "anna", mailbox.Caseworker: "bert", mailbox.Reviewer: "carla", mailbox.Datacentre: "dora",
}

// matrix walks DESIGN.md section 2 through HTTP and compares every answer with
// what package mailbox says of the same case (issue 2, item 5).
type matrix struct {
	t      *testing.T
	w      *world.World
	policy mailbox.ReleasePolicy
	n      int // numbers the fixtures
	asked  int
}

// TestRightsMatrix: K18, K19, K23, A9, D11, D13, P5, P37.
func TestRightsMatrix(t *testing.T) {
	for _, policy := range []mailbox.ReleasePolicy{mailbox.Single, mailbox.FourEyes} {
		t.Run(string(policy), func(t *testing.T) {
			o := world.Everybody()
			o.Release = string(policy)
			o.Accounts = append(o.Accounts, world.Account{Login: "frida", Role: "clerk", Member: "0816", Flags: []string{"--layout", "members"}})
			m := &matrix{t: t, w: whole(t, o), policy: policy}
			for role := range roleLogin {
				for _, place := range mailbox.Places {
					m.files(role, place)
					m.folders(role, place)
					m.creation(role, place)
					for _, to := range mailbox.Places {
						m.transfer(role, place, to)
					}
				}
			}
			m.fixedFolders()
			m.betweenMailboxes()
			t.Logf("%d requests judged", m.asked)
		})
	}
}

func (m *matrix) name(suffix string) string {
	m.n++
	return fmt.Sprintf("Fall%04d%s", m.n, suffix)
}

// file makes a document at a place, by whoever can, and says how role names it.
func (m *matrix) file(role mailbox.Role, place mailbox.Place) string {
	m.t.Helper()
	name := m.name(".txt")
	switch place {
	case mailbox.ToAuthority:
		who := "anna"
		if role == mailbox.Datacentre {
			who = "dora"
		}
		m.w.Put(m.t, who, placePath[place]+name, name)
	case mailbox.CaseworkerInbox:
		m.w.Put(m.t, "anna", placePath[mailbox.ToAuthority]+name, name)
		m.w.Move(m.t, "bert", placePath[mailbox.ToAuthority]+name, placePath[place]+name, 201)
	case mailbox.Outbox:
		m.w.Put(m.t, "bert", placePath[place]+name, name)
		m.w.Get(m.t, "carla", placePath[place]+name) // four eyes: read before release
	case mailbox.Root:
		m.w.Put(m.t, "bert", placePath[mailbox.Outbox]+name, name)
		who := "bert"
		if m.policy == mailbox.FourEyes {
			who = "carla"
			m.w.Get(m.t, "carla", placePath[mailbox.Outbox]+name)
		}
		m.w.Move(m.t, who, placePath[mailbox.Outbox]+name, placePath[place]+name, 201)
	}
	return placePath[place] + name
}

// folder makes a folder at a place; "" where a role cannot be shown one.
func (m *matrix) folder(role mailbox.Role, place mailbox.Place) string {
	m.t.Helper()
	who := "bert"
	if place == mailbox.ToAuthority {
		if role == mailbox.Datacentre {
			return ""
		}
		who = "anna"
	}
	path := placePath[place] + m.name("") + "/"
	m.w.Do(m.t, world.Exchange{As: who, Method: "MKCOL", Path: path, Want: 201})
	return path
}

func (m *matrix) object(role mailbox.Role, place mailbox.Place, folder bool) mailbox.Case {
	c := mailbox.Case{Role: role, Place: place, Policy: m.policy, Folder: folder}
	creator := mailbox.AuthoritySide
	if place == mailbox.ToAuthority || place == mailbox.CaseworkerInbox && !folder {
		creator = mailbox.MemberSide
	}
	c.OwnSide = role.Side() == creator
	c.Own = role == mailbox.Datacentre && place == mailbox.ToAuthority ||
		role == mailbox.Clerk && place == mailbox.ToAuthority || role == mailbox.Caseworker && creator == mailbox.AuthoritySide
	return c
}

// ask sends one request and compares: reading what is not visible is 404,
// every other missing right 403.
func (m *matrix) ask(c mailbox.Case, right mailbox.Right, x world.Exchange, granted ...int) {
	m.t.Helper()
	m.asked++
	x.As = roleLogin[c.Role]
	want := granted
	switch {
	case (right == mailbox.ToRead || right == mailbox.ToList) && !c.May(mailbox.ToList):
		want = []int{404}
	case !c.May(right):
		want = []int{403}
	}
	a := m.w.Do(m.t, x)
	for _, s := range want {
		if a.Status == s {
			return
		}
	}
	m.t.Errorf("%s at place %d (folder %t), %s, %s %s %v: status %d, want %d\n%.300s",
		c.Role, c.Place, c.Folder, right, x.Method, x.Path, x.Header, a.Status, want, a.Body)
}

func (m *matrix) files(role mailbox.Role, place mailbox.Place) {
	m.t.Helper()
	c := m.object(role, place, false)
	f := m.file(role, place)
	m.ask(c, mailbox.ToList, world.Exchange{Method: "PROPFIND", Path: f, Header: depth0}, 207)
	m.ask(c, mailbox.ToRead, world.Exchange{Method: "GET", Path: f}, 200)
	m.ask(c, mailbox.ToList, world.Exchange{Method: "HEAD", Path: f}, 200) // tells what a listing tells
	m.ask(c, mailbox.ToReplace, world.Exchange{Method: "PUT", Path: f, Body: "neu " + f}, 204)
	m.proppatch(c, m.file(role, place))
	m.ask(c, mailbox.ToLock, world.Exchange{Method: "LOCK", Path: m.file(role, place), Body: lockBody}, 200)
	m.ask(c, mailbox.ToRemove, world.Exchange{Method: "DELETE", Path: f}, 204)
}

func (m *matrix) folders(role mailbox.Role, place mailbox.Place) {
	m.t.Helper()
	f := m.folder(role, place)
	if f == "" {
		return
	}
	c := m.object(role, place, true)
	m.ask(c, mailbox.ToList, world.Exchange{Method: "PROPFIND", Path: f, Header: depth1}, 207)
	m.ask(c, mailbox.ToLock, world.Exchange{Method: "LOCK", Path: m.folder(role, place), Body: lockBody}, 200)
	m.proppatch(c, f)
	m.ask(c, mailbox.ToRename, world.Exchange{Method: "MOVE", Path: f, Header: destination(placePath[place] + m.name("") + "/")}, 201)
	m.ask(c, mailbox.ToRemoveFolder, world.Exchange{Method: "DELETE", Path: m.folder(role, place)}, 204)
	m.ask(c, mailbox.ToMakeFolder, world.Exchange{Method: "MKCOL", Path: m.folder(role, place) + "darin/"}, 201)
}

func (m *matrix) creation(role mailbox.Role, place mailbox.Place) {
	m.t.Helper()
	c := m.object(role, place, false)
	m.ask(c, mailbox.ToCreate, world.Exchange{Method: "PUT", Path: placePath[place] + m.name(".txt"), Body: "neu"}, 201)
	m.ask(c, mailbox.ToCreate, world.Exchange{Method: "LOCK", Path: placePath[place] + m.name(".txt"), Body: lockBody}, 201)
	m.ask(c, mailbox.ToMakeFolder, world.Exchange{Method: "MKCOL", Path: placePath[place] + m.name("") + "/"}, 201)
}

// proppatch is answered 207 with 403 inside where the right is missing.
func (m *matrix) proppatch(c mailbox.Case, path string) {
	m.t.Helper()
	m.asked++
	a := m.w.Do(m.t, world.Exchange{As: roleLogin[c.Role], Method: "PROPPATCH", Path: path, Body: proppatchBody})
	allowed := a.Status == 207 && bytes.Contains(a.Body, []byte("HTTP/1.1 200"))
	refused := a.Status == 403 && !c.May(mailbox.ToList) || a.Status == 207 && bytes.Contains(a.Body, []byte("HTTP/1.1 403"))
	if want := c.May(mailbox.ToSetProperties); want && !allowed || !want && !refused {
		m.t.Errorf("%s at place %d: PROPPATCH %s: status %d, allowed should be %t\n%.400s", c.Role, c.Place, path, a.Status, want, a.Body)
	}
}

// transfer asks for MOVE and COPY of a document between two places.
func (m *matrix) transfer(role mailbox.Role, from, to mailbox.Place) {
	m.t.Helper()
	source, target := m.object(role, from, false), m.object(role, to, false)
	target.Own, target.OwnSide = true, true // what arrives is the role's own
	right, possible := mailbox.MoveRight(role, from, to, false)
	m.pair("MOVE", role, from, to, possible && source.May(right))
	m.pair("COPY", role, from, to, mailbox.CopyAllowed(from, to) && source.May(mailbox.ToRead) && target.May(mailbox.ToCreate))
	if to != mailbox.Outbox {
		return
	}
	right, possible = mailbox.MoveRight(role, from, to, true)
	returned := "/dav/0815/Postausgang/" + url.PathEscape("Zurückgewiesen") + "/"
	if role == mailbox.Reviewer && from == mailbox.Outbox && possible && source.May(right) {
		m.asked++
		m.w.Move(m.t, "carla", m.file(role, from), returned+m.name(".txt"), 201)
	}
}

func (m *matrix) pair(method string, role mailbox.Role, from, to mailbox.Place, allowed bool) {
	m.t.Helper()
	m.asked++
	path, target := m.file(role, from), placePath[to]+m.name(".txt")
	a := m.w.Do(m.t, world.Exchange{As: roleLogin[role], Method: method, Path: path, Header: destination(target)})
	want := 403
	if allowed {
		want = 201
	}
	if a.Status != want {
		m.t.Errorf("%s: %s %s → %s: status %d, want %d\n%.300s", role, method, path, target, a.Status, want, a.Body)
	}
}

// fixedFolders: nobody removes, renames, recreates or locks them (K18).
func (m *matrix) fixedFolders() {
	m.t.Helper()
	for _, login := range roleLogin {
		for place, path := range placePath {
			m.w.Play(m.t, []world.Exchange{
				{As: login, Method: "DELETE", Path: path, Want: 403},
				{As: login, Method: "MOVE", Path: path, Header: destination("/dav/0815/an_KVBbg/anders/"), Want: 403},
				{As: login, Method: "MOVE", Path: path, Header: destination("/dav/0815/Anders/"), Want: 403},
				{As: login, Method: "MKCOL", Path: path, Want: 403},
			})
			m.asked += 6
			a := m.w.Do(m.t, world.Exchange{As: login, Method: "PUT", Path: path[:len(path)-1], Body: "x"})
			if a.Status != 403 && a.Status != 405 && a.Status != 409 {
				m.t.Errorf("%s: PUT onto fixed place %d: %d", login, place, a.Status)
			}
			if a := m.w.Do(m.t, world.Exchange{As: login, Method: "LOCK", Path: path, Body: lockBody}); a.Status != 403 {
				m.t.Errorf("%s: LOCK of fixed place %d: %d", login, place, a.Status)
			}
		}
	}
	m.w.Play(m.t, []world.Exchange{ // a folder is never released as one (L12)
		{As: "bert", Method: "MKCOL", Path: "/dav/0815/Postausgang/Ordner/", Want: 201},
		{As: "bert", Method: "MOVE", Path: "/dav/0815/Postausgang/Ordner/", Header: destination("/dav/0815/Ordner/"), Want: 403},
		{As: "carla", Method: "MOVE", Path: "/dav/0815/Postausgang/Ordner/", Header: destination("/dav/0815/Ordner/"), Want: 403},
	})
}

// betweenMailboxes: MOVE and COPY between mailboxes are 403 for everyone, and
// another member's mailbox does not exist (A12, I5).
func (m *matrix) betweenMailboxes() {
	m.t.Helper()
	for role, login := range roleLogin {
		for _, place := range mailbox.Places {
			for _, method := range []string{"MOVE", "COPY"} {
				m.asked++
				m.w.Play(m.t, []world.Exchange{{As: login, Method: method, Path: m.file(role, place),
					Header: destination("/dav/0816/an_KVBbg/" + m.name(".txt")), Want: 403}})
			}
		}
	}
	f := m.file(mailbox.Clerk, mailbox.ToAuthority)
	for _, path := range []string{f, "/dav/0815/", "/dav/0815/an_KVBbg/", "/dav/0815/an_KVBbg/gibt-es-nicht", "/dav/9999/"} {
		// emil's own mailbox is his root, so that 0815 is only a name that is absent there
		m.stranger("emil", path, "/dav/an_KVBbg/gestohlen", 404)
		m.stranger("frida", path, "/dav/0816/an_KVBbg/gestohlen", 403)
	}
}

// stranger tries everything on a place that does not exist for it.
func (m *matrix) stranger(login, path, own string, copied int) {
	m.t.Helper()
	m.w.Play(m.t, []world.Exchange{
		{As: login, Method: "GET", Path: path, Want: 404},
		{As: login, Method: "HEAD", Path: path, Want: 404},
		{As: login, Method: "PROPFIND", Path: path, Header: depth0, Want: 404},
		{As: login, Method: "PUT", Path: path, Body: "x", Want: 403},
		{As: login, Method: "DELETE", Path: path, Want: 403},
		{As: login, Method: "MKCOL", Path: path, Want: 403},
		{As: login, Method: "PROPPATCH", Path: path, Body: proppatchBody, Contains: "403"},
		{As: login, Method: "LOCK", Path: path, Body: lockBody, Want: 403},
		{As: login, Method: "MOVE", Path: path, Header: destination(own), Want: 403},
		{As: login, Method: "COPY", Path: path, Header: destination(own), Want: copied},
	})
	m.asked += 10
}

// TestRolesWithoutFiles: registrar, auditor, operator and a member's
// administrator touch no file and learn no name (A22).
func TestRolesWithoutFiles(t *testing.T) {
	o := world.Everybody()
	for _, role := range []string{"registrar", "auditor", "operator"} {
		o.Accounts = append(o.Accounts, world.Account{Login: role, Role: role})
	}
	o.Accounts = append(o.Accounts, world.Account{Login: "adam", Role: "administrator", Member: "0815"})
	w := whole(t, o)
	w.Put(t, "anna", "/dav/an_KVBbg/geheim.txt", "geheim")
	for _, login := range []string{"registrar", "auditor", "operator", "adam"} {
		for _, path := range []string{"/dav/", "/dav/0815/", "/dav/0815/an_KVBbg/", "/dav/0815/an_KVBbg/geheim.txt", "/dav/an_KVBbg/geheim.txt"} {
			for _, method := range []string{"GET", "HEAD", "PROPFIND", "PUT", "DELETE", "MKCOL", "PROPPATCH", "LOCK", "MOVE", "COPY"} {
				a := w.Do(t, world.Exchange{As: login, Method: method, Path: path, Body: bodyOf[method], Header: map[string]string{"Depth": "0", "Destination": "/dav/0815/an_KVBbg/x"}})
				inside := method == "PROPPATCH" && a.Status == 207 && bytes.Contains(a.Body, []byte("HTTP/1.1 403"))
				if a.Status != 403 && !inside || method != "PROPPATCH" && bytes.Contains(a.Body, []byte("geheim")) {
					t.Errorf("%s: %s %s: %d %s", login, method, path, a.Status, a.Body)
				}
			}
		}
	}
}

// bodyOf is a well-formed body for the methods that want one.
var bodyOf = map[string]string{"PROPPATCH": proppatchBody, "LOCK": lockBody, "PUT": "x"}

const proppatchBody = `<?xml version="1.0" encoding="utf-8"?><D:propertyupdate xmlns:D="DAV:" xmlns:t="urn:test"><D:set><D:prop><t:farbe>blau</t:farbe></D:prop></D:set></D:propertyupdate>`

var (
	depth0 = map[string]string{"Depth": "0"}
	depth1 = map[string]string{"Depth": "1"}
)

func destination(path string) map[string]string { return map[string]string{"Destination": path} }
