// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"sync"

	"postfach/mailbox"
)

// flushAt is how many bytes of a multistatus are gathered before they go out.
// A shorter one goes out whole, with its length.
const flushAt = 32 << 10

// buffers is a pool of multistatus buffers.
type buffers struct{ pool sync.Pool }

func newBuffers() *buffers {
	b := &buffers{}
	b.pool.New = func() any {
		s := make([]byte, 0, flushAt+flushAt/4)
		return &s
	}
	return b
}

// multistatus writes a 207 answer (RFC 4918 section 13) as it is made: no tree,
// no reflection, one buffer. Nothing has been sent while sent is false, so a
// fault can still become an error answer.
type multistatus struct {
	w    http.ResponseWriter
	b    []byte
	own  *[]byte
	sent bool
	err  error // of the connection; nothing is written after it
}

const (
	xmlHead = `<?xml version="1.0" encoding="utf-8"?>` + "\n"
	// The prefix D is what Windows insists on (golang/go#11177).
	multistatusHead = xmlHead + `<D:multistatus xmlns:D="DAV:" xmlns:oc="` + nsOC + `">`
	multistatusTail = "</D:multistatus>\n"
	status200       = "<D:status>HTTP/1.1 200 OK</D:status></D:propstat>"
	status404       = "<D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>"
	xmlType         = "application/xml; charset=utf-8" // exactly so for ownCloud (CLIENTS.md 0.1)
)

func (bs *buffers) multistatus(w http.ResponseWriter) *multistatus {
	own := bs.pool.Get().(*[]byte)
	return &multistatus{w: w, own: own, b: append((*own)[:0], multistatusHead...)}
}

// release gives the buffer back. A buffer that grew for one huge resource is
// left to the collector.
func (bs *buffers) release(m *multistatus) {
	if cap(m.b) <= 4*flushAt {
		*m.own = m.b[:0]
		bs.pool.Put(m.own)
	}
	m.b = nil
}

// resource appends the response of one resource according to the plan. top is
// the resource of the request.
func (m *multistatus) resource(p *plan, x *resource, top bool) error {
	b := append(m.b, "<D:response><D:href>"...)
	b = append(b, x.href...)
	b = append(b, "</D:href>"...)
	switch {
	case p.names:
		b = p.appendNames(b, x)
	case p.allprop:
		b = p.appendAll(b, x, top)
	default:
		b = p.appendAsked(b, x)
	}
	m.b = append(b, "</D:response>"...)
	return m.room()
}

// appendAsked writes the properties that were asked for by name.
func (p *plan) appendAsked(b []byte, x *resource) []byte {
	const head = "<D:propstat><D:prop>"
	start := len(b)
	b = append(b, head...)
	var found bool
	var missing [4]uint64 // by position in asked; maxProps is 256
	absent := 0
	for i := range p.asked {
		var has bool
		if a := &p.asked[i]; a.isLive {
			b, has = appendLive(b, a.live, x)
		} else if v, ok := findProp(x.Props, a.name); ok {
			b, has = append(b, v...), true
		}
		if found = found || has; !has {
			missing[i/64] |= 1 << (i % 64)
			absent++
		}
	}
	if found || absent == 0 {
		b = append(append(b, "</D:prop>"...), status200...)
	} else {
		b = b[:start]
	}
	if absent == 0 {
		return b
	}
	b = append(b, head...)
	for i := range p.asked {
		if missing[i/64]&(1<<(i%64)) != 0 {
			b = append(b, p.asked[i].missing...)
		}
	}
	return append(append(b, "</D:prop>"...), status404...)
}

// appendAll writes an allprop answer: never a 404 propstat, but for names that
// include named.
func (p *plan) appendAll(b []byte, x *resource, top bool) []byte {
	set := memberLive
	switch {
	case top:
		set = allLive
	case x.Entry.Parent == 0 && x.Folder:
		set = mailboxLive
	}
	b = append(b, "<D:propstat><D:prop>"...)
	for _, l := range set {
		b, _ = appendLive(b, l, x)
	}
	if !top && len(x.Locks) > 0 {
		b, _ = appendLive(b, lockDiscovery, x)
	}
	for i := range x.Props {
		b = append(b, x.Props[i].XML...)
	}
	b = append(append(b, "</D:prop>"...), status200...)
	return p.appendIncluded(b, x, set)
}

// appendIncluded answers the include of an allprop: what is already there is
// not said twice.
func (p *plan) appendIncluded(b []byte, x *resource, set []live) []byte {
	var rest plan
	for _, a := range p.asked {
		known := false
		for _, l := range set {
			known = known || a.isLive && a.live == l
		}
		if _, dead := findProp(x.Props, a.name); !known && !dead {
			rest.asked = append(rest.asked, a)
		}
	}
	if len(rest.asked) == 0 {
		return b
	}
	return rest.appendAsked(b, x)
}

// appendNames writes a propname answer.
func (p *plan) appendNames(b []byte, x *resource) []byte {
	b = append(b, "<D:propstat><D:prop>"...)
	var scratch [2048]byte
	for _, l := range allLive {
		if _, has := appendLive(scratch[:0], l, x); has {
			b = append(append(append(b, "<D:"...), liveElements[l]...), "/>"...)
		}
	}
	for i := range x.Props {
		b = append(appendName(b, xml.Name{Space: x.Props[i].Space, Local: x.Props[i].Local}), "/>"...)
	}
	return append(append(b, "</D:prop>"...), status200...)
}

// room sends the buffer when it is full.
func (m *multistatus) room() error {
	if len(m.b) < flushAt {
		return nil
	}
	m.send()
	return m.err
}

func (m *multistatus) send() {
	if !m.sent {
		m.sent = true
		m.w.Header().Set("Content-Type", xmlType)
		m.w.WriteHeader(http.StatusMultiStatus)
	}
	if m.err == nil {
		if _, err := m.w.Write(m.b); err != nil {
			m.err = &mailbox.Error{Kind: mailbox.Canceled, Err: err}
		}
	}
	m.b = m.b[:0]
}

// end sends what is left. An answer that fits into the buffer has a length and
// so keeps clear of chunked coding.
func (m *multistatus) end() error {
	m.b = append(m.b, multistatusTail...)
	if !m.sent {
		m.w.Header().Set("Content-Length", strconv.Itoa(len(m.b)))
	}
	m.send()
	return m.err
}
