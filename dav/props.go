// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"time"

	"postfach/mailbox"
)

// live is a property that we compute (RFC 4918 section 15, RFC 4331).
type live int

const (
	resourceType live = iota
	creationDate
	displayName
	contentLength
	contentTypeProp
	entityTag
	lastModified
	lockDiscovery
	supportedLock
	quotaAvailable
	quotaUsed
	ocID // those of sync clients (desktop_props.go)
	ocFileID
	ocPermissions
	ocSize
	ocChecksums
	ocFingerprint
)

// liveElements are their local names in namespace DAV:.
var liveElements = [...]string{
	resourceType: "resourcetype", creationDate: "creationdate", displayName: "displayname",
	contentLength: "getcontentlength", contentTypeProp: "getcontenttype", entityTag: "getetag",
	lastModified: "getlastmodified", lockDiscovery: "lockdiscovery", supportedLock: "supportedlock",
	quotaAvailable: "quota-available-bytes", quotaUsed: "quota-used-bytes",
}

// liveNamed finds a live property.
func liveNamed(name xml.Name) (live, bool) {
	if name.Space == nsOC {
		l, ok := ocElements[name.Local]
		return l, ok
	}
	i := slices.Index(liveElements[:], name.Local)
	return live(i), i >= 0 && name.Space == nsDAV
}

// What allprop gives. The resource of the request is told everything; members
// get what listings show, so that Explorer's Depth-1 allprop stays below its
// 1,000,000 bytes; mailboxes below the root get least, since there may be
// thousands (CLIENTS.md 2.1).
var (
	allLive = []live{resourceType, creationDate, displayName, contentLength, contentTypeProp, entityTag,
		lastModified, lockDiscovery, supportedLock, quotaAvailable, quotaUsed}
	memberLive  = []live{resourceType, creationDate, contentLength, contentTypeProp, entityTag, lastModified}
	mailboxLive = []live{resourceType, lastModified}
)

const supportedLocks = "<D:supportedlock>" +
	"<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>" +
	"<D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>" +
	"</D:supportedlock>"

// resource is a node with what the answer says of it beside.
type resource struct {
	*mailbox.Node
	href  []byte // percent-encoded; collections end in a slash
	quota *quota // of collections, when asked for
	locks lockView

	clients *Clients // for their properties; nil where there are none
}

// quota in bytes; available is negative when there is no limit.
type quota struct{ used, available int64 }

// appendLive appends one live property and says whether the resource has it.
func appendLive(b []byte, p live, x *resource) ([]byte, bool) {
	e := &x.Entry
	switch p {
	case resourceType:
		if x.Folder {
			return append(b, "<D:resourcetype><D:collection/></D:resourcetype>"...), true
		}
		return append(b, "<D:resourcetype/>"...), true
	case creationDate:
		if e.Created.IsZero() {
			return b, false
		}
		b = append(b, "<D:creationdate>"...)
		b = appendInstant(b, e.Created)
		return append(b, "</D:creationdate>"...), true
	case displayName:
		if x.Name == "" {
			return b, false
		}
		b = append(b, "<D:displayname>"...)
		b = appendText(b, x.Name)
		return append(b, "</D:displayname>"...), true
	case entityTag:
		if x.ETag == "" {
			return b, false
		}
		b = append(b, "<D:getetag>"...)
		b = append(b, x.ETag...) // quotes and hexadecimal digits: nothing to escape
		return append(b, "</D:getetag>"...), true
	case lastModified:
		if e.Modified.IsZero() {
			return b, false
		}
		b = append(b, "<D:getlastmodified>"...)
		b = appendHTTPDate(b, e.Modified)
		return append(b, "</D:getlastmodified>"...), true
	case lockDiscovery:
		return x.locks.appendDiscovery(b, x), true
	case supportedLock:
		return append(b, supportedLocks...), true
	case contentLength, contentTypeProp:
		return appendContent(b, p, x)
	case quotaAvailable, quotaUsed:
		return appendQuota(b, p, x)
	}
	return appendOC(b, p, x)
}

func appendContent(b []byte, p live, x *resource) ([]byte, bool) {
	if x.Folder {
		return b, false
	}
	if p == contentLength {
		b = append(b, "<D:getcontentlength>"...)
		b = strconv.AppendInt(b, x.Entry.Version.Size, 10)
		return append(b, "</D:getcontentlength>"...), true
	}
	b = append(b, "<D:getcontenttype>"...)
	b = append(b, contentType(x.Name)...)
	return append(b, "</D:getcontenttype>"...), true
}

func appendQuota(b []byte, p live, x *resource) ([]byte, bool) {
	if x.quota == nil {
		return b, false
	}
	if p == quotaUsed {
		b = append(b, "<D:quota-used-bytes>"...)
		b = strconv.AppendInt(b, x.quota.used, 10)
		return append(b, "</D:quota-used-bytes>"...), true
	}
	if x.quota.available < 0 {
		return b, false
	}
	b = append(b, "<D:quota-available-bytes>"...)
	b = strconv.AppendInt(b, x.quota.available, 10)
	return append(b, "</D:quota-available-bytes>"...), true
}

// appendInstant appends t as RFC 3339 in UTC, to the second.
func appendInstant(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
}

func appendHTTPDate(b []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(b, http.TimeFormat)
}

// asked is one property of a PROPFIND with its element for the 404 propstat.
type asked struct {
	name    xml.Name
	live    live
	isLive  bool
	missing string
}

// plan is a PROPFIND made ready for any number of resources.
type plan struct {
	allprop bool
	names   bool // propname
	asked   []asked
	want    mailbox.Want
	quota   bool
}

func newPlan(f propfind) plan {
	p := plan{allprop: f.allprop, names: f.propname}
	p.want.Props = f.allprop || f.propname
	p.want.Locks = f.allprop
	p.quota = f.allprop || f.propname
	for _, name := range f.props {
		a := asked{name: name}
		a.live, a.isLive = liveNamed(name)
		if name.Space == nsDAV {
			a.missing = "<D:" + name.Local + "/>"
		} else {
			a.missing = string(append(appendName(nil, name), "/>"...))
		}
		switch {
		case !a.isLive:
			p.want.Props = true
		case a.live == lockDiscovery:
			p.want.Locks = true
		case a.live == quotaAvailable || a.live == quotaUsed:
			p.quota = true
		case a.live == ocPermissions:
			p.want.Rights = true
		case a.live == ocSize:
			p.want.Sizes = true
		}
		p.asked = append(p.asked, a)
	}
	return p
}

// appendName begins an element of any namespace; the caller closes the tag.
func appendName(b []byte, name xml.Name) []byte {
	if name.Space == "" {
		return append(append(append(b, '<'), name.Local...), ` xmlns=""`...)
	}
	b = append(append(b, "<x:"...), name.Local...)
	return appendAttr(b, "xmlns:x", name.Space)
}

func findProp(props []mailbox.Prop, name xml.Name) (string, bool) {
	for i := range props {
		if props[i].Local == name.Local && props[i].Space == name.Space {
			return props[i].XML, true
		}
	}
	return "", false
}
