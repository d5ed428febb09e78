// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"encoding/xml"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/webdav"

	"postfach/mailbox"
)

// nsWin32 is where Explorer keeps the times and attributes of files.
const nsWin32 = "urn:schemas-microsoft-com:"

// modifiedAlias stands for DAV:getlastmodified on the way through x/net/webdav,
// which would refuse it as protected; newer rclone sets it.
var modifiedAlias = xml.Name{Space: "urn:postfach:dav", Local: "getlastmodified"}

var lastModifiedName = xml.Name{Space: nsDAV, Local: "getlastmodified"}

// proppatch sets and removes properties (RFC 4918 section 9.2): all or none,
// and 207 with 403 inside where the right is missing, which Explorer survives
// and a plain 403 not (CLIENTS.md 2.1). x/net/webdav has the sequence, the rule
// for protected properties and the answer; we read the body, since its parser
// is not bounded, and the mailbox decides.
func (q *request) proppatch() error {
	c, err := q.places.conditions(q.Request)
	if err != nil {
		return err
	}
	ps, err := readPropertyUpdate(q.Body)
	if err != nil {
		return err
	}
	op := &operation{patch: func([]webdav.Proppatch) ([]webdav.Propstat, error) {
		return q.patch(ps, c)
	}}
	return q.throughXNet(op, io.NopCloser(strings.NewReader(rewrite(ps))))
}

// rewrite makes the body anew for x/net/webdav: names only, since the values
// are kept from our own reading.
func rewrite(ps []patch) string {
	b := []byte(`<D:propertyupdate xmlns:D="DAV:">`)
	for _, p := range ps {
		verb, name := "set", p.name
		if p.remove {
			verb = "remove"
		}
		if name == lastModifiedName && !p.remove {
			name = modifiedAlias
		}
		b = append(append(append(b, "<D:"...), verb...), "><D:prop>"...)
		b = append(appendName(b, name), "/></D:prop></D:"...)
		b = append(append(b, verb...), '>')
	}
	return string(append(b, "</D:propertyupdate>"...))
}

// patch carries the instructions out. It is called when none of them names a
// protected property that x/net/webdav knows.
func (q *request) patch(ps []patch, c mailbox.Conditions) ([]webdav.Propstat, error) {
	refused := func(p patch) bool {
		return p.name.Space == nsDAV && p.name != lastModifiedName || isLiveOC(p.name) || p.name.Space == mailbox.ReturnReason.Space
	}
	if slices.ContainsFunc(ps, refused) {
		return split(ps, refused, webdav.Propstat{Status: http.StatusForbidden,
			XMLError: `<D:cannot-modify-protected-property xmlns:D="DAV:"/>`}), nil
	}
	ch := mailbox.PropertyChange{Conditions: c}
	unreadable := func(p patch) bool { return apply(&ch, p) != nil }
	if i := slices.IndexFunc(ps, unreadable); i >= 0 {
		bad := ps[i].name
		return split(ps, func(p patch) bool { return p.name == bad }, webdav.Propstat{Status: http.StatusConflict}), nil
	}
	_, err := q.h.mailbox.SetProperties(q.Context(), q.actor, q.path, ch)
	status := http.StatusOK
	if err != nil && mailbox.KindOf(err) == mailbox.Forbidden {
		q.h.mailbox.Refused(q.actor, q.Method, bounded(q.decoded), err)
		status, err = http.StatusForbidden, nil
	}
	all := func(patch) bool { return true }
	return split(ps, all, webdav.Propstat{Status: status}), err
}

// apply adds one instruction to a change. A later one for the same name takes
// the place of an earlier one. What Windows says about times other than the
// last change is acknowledged and not kept: the mailbox has its own, and
// listings must stay short.
func apply(ch *mailbox.PropertyChange, p patch) error {
	same := func(o mailbox.Prop) bool { return o.Space == p.name.Space && o.Local == p.name.Local }
	prop := mailbox.Prop{Space: p.name.Space, Local: p.name.Local, XML: p.xml}
	switch {
	case p.name == lastModifiedName && !p.remove, p.name == xml.Name{Space: nsWin32, Local: "Win32LastModifiedTime"} && !p.remove:
		t, err := http.ParseTime(p.text)
		if err != nil || t.Year() < 1601 || t.After(time.Unix(1<<33, 0)) {
			return malformed(p.name.Local)
		}
		ch.Modified = t.UTC()
		return nil
	case p.name.Space == nsWin32 && (p.name.Local == "Win32CreationTime" || p.name.Local == "Win32LastAccessTime" || p.name.Local == "Win32LastModifiedTime"):
		return nil
	}
	ch.Set, ch.Remove = slices.DeleteFunc(ch.Set, same), slices.DeleteFunc(ch.Remove, same)
	if p.remove || p.name == (xml.Name{Space: nsWin32, Local: "Win32FileAttributes"}) && plainAttributes(p.text) {
		ch.Remove = append(ch.Remove, prop)
	} else {
		ch.Set = append(ch.Set, prop)
	}
	return nil
}

// plainAttributes says that a file is neither hidden, system nor read-only:
// what every file is unless somebody says otherwise.
func plainAttributes(s string) bool {
	switch s {
	case "00000000", "00000020", "00000080":
		return true
	}
	return false
}

// split gives the properties for which in holds the status of first, and all
// others 424 (RFC 4918 section 9.2.1).
func split(ps []patch, in func(patch) bool, first webdav.Propstat) []webdav.Propstat {
	rest := webdav.Propstat{Status: http.StatusFailedDependency}
	seen := map[xml.Name]bool{}
	for _, p := range ps {
		if seen[p.name] {
			continue
		}
		seen[p.name] = true
		if in(p) {
			first.Props = append(first.Props, webdav.Property{XMLName: p.name})
		} else {
			rest.Props = append(rest.Props, webdav.Property{XMLName: p.name})
		}
	}
	if len(rest.Props) == 0 {
		return []webdav.Propstat{first}
	}
	return []webdav.Propstat{first, rest}
}
