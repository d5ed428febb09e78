// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postfach/mailbox"
	"postfach/reply"
)

// Uploads in chunks (CLIENTS.md 1.6, Nextcloud's chunking v1 "NG" and v2):
// MKCOL makes an upload, PUT brings its chunks, PROPFIND says what is there
// already, MOVE of ".file" joins them, DELETE gives up. Nothing here can be
// read.
const assembled = ".file"

// chunkPath is where in /remote.php/dav/uploads/<login>/ a request leads.
type chunkPath struct {
	upload string // "" for the list of uploads
	chunk  string // "" for the upload itself
}

func readChunkPath(inside string) (chunkPath, error) {
	parts := strings.Split(strings.Trim(inside, "/"), "/")
	p := chunkPath{upload: parts[0]}
	switch {
	case len(parts) == 1:
	case len(parts) == 2:
		p.chunk = parts[1]
	default:
		return p, mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound)
	}
	return p, nil
}

// chunkNumber reads the name of a chunk: an index or an offset, perhaps with
// the offset of its end (rclone).
func chunkNumber(name string) (uint64, error) {
	first, last, both := strings.Cut(name, "-")
	n, err := strconv.ParseUint(first, 10, 63)
	if err == nil && both {
		_, err = strconv.ParseUint(last, 10, 63)
	}
	if err != nil || len(name) > 41 || !allDigits(first) || both && !allDigits(last) {
		return 0, malformed("chunk " + strconv.Quote(bounded(name)))
	}
	return n, nil
}

// chunks serves the uploads of the account.
func (q *request) chunks(inside string) error {
	p, err := readChunkPath(inside)
	if err != nil {
		return err
	}
	var serve func(chunkPath) error
	switch q.Method {
	case http.MethodOptions:
		return q.options()
	case "PROPFIND":
		serve = q.listChunks
	case "MKCOL":
		serve = q.beginUpload
	case http.MethodPut:
		serve = q.putChunk
	case "MOVE":
		serve = q.assemble
	case http.MethodDelete:
		serve = q.dropChunks
	default:
		return q.notHere()
	}
	return serve(p)
}

// notHere is 405 for what uploads do not have.
func (q *request) notHere() error {
	q.w.Header().Set("Allow", "OPTIONS, PROPFIND, MKCOL, PUT, MOVE, DELETE")
	return reply.WithStatus(http.StatusMethodNotAllowed, mailbox.E(mailbox.Unsupported, mailbox.ReasonMethod))
}

// beginUpload serves MKCOL. Version 2 says beforehand where the file will go,
// so what would be refused at the end is refused before its first chunk.
func (q *request) beginUpload(p chunkPath) error {
	if p.upload == "" || p.chunk != "" {
		return q.notHere()
	}
	if q.hasBody() {
		return reply.WithStatus(http.StatusUnsupportedMediaType, mailbox.E(mailbox.Unsupported, mailbox.ReasonUnsupported))
	}
	total, err := q.total()
	if err != nil {
		return err
	}
	if d := q.Header.Get("Destination"); d != "" {
		to, err := q.places.destination(d, q.Host)
		if err != nil {
			return err
		}
		if err := q.h.mailbox.MayDeliver(q.Context(), q.actor, to, total); err != nil {
			return err
		}
	}
	if err := q.h.mailbox.BeginUpload(q.Context(), q.actor, p.upload, total); err != nil {
		return err
	}
	q.created(true)
	return nil
}

// total is the length that the client announces for the whole file, -1 for
// none.
func (q *request) total() (int64, error) {
	for _, name := range []string{"OC-Total-Length", "OC-Total-File-Length"} {
		v := q.Header.Get(name)
		if v == "" {
			continue
		}
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return 0, malformed(name)
		}
		return n, nil
	}
	return -1, nil
}

func (q *request) putChunk(p chunkPath) error {
	if p.chunk == "" || p.chunk == assembled {
		return q.notHere()
	}
	number, err := chunkNumber(p.chunk)
	if err != nil {
		return err
	}
	if q.Header.Get("Content-Range") != "" {
		return mailbox.E(mailbox.Invalid, mailbox.ReasonContentRange)
	}
	created, err := q.h.mailbox.PutChunk(q.Context(), q.actor, p.upload, number, q.Body, q.ContentLength)
	if err == nil {
		q.created(created)
	}
	return err
}

// assemble serves MOVE: it answers as a PUT of the whole would.
func (q *request) assemble(p chunkPath) error {
	if p.chunk != assembled {
		return q.notHere()
	}
	to, err := q.places.destination(q.Header.Get("Destination"), q.Host)
	if err != nil {
		return err
	}
	up := mailbox.Upload{Checksums: true, Modified: parseMtime(q.Header.Get("X-OC-Mtime"))}
	if up.Conditions, err = q.places.conditions(q.Request); err != nil {
		return err
	}
	if up.Expected, err = q.total(); err != nil {
		return err
	}
	if up.Digests, err = digests(q.Header); err != nil {
		return err
	}
	got, err := q.h.mailbox.Assemble(q.Context(), q.actor, p.upload, to, up)
	if err != nil {
		return err
	}
	q.stored(&got, !up.Modified.IsZero())
	return nil
}

func (q *request) dropChunks(p chunkPath) (err error) {
	switch p.chunk {
	case assembled:
		return q.notHere()
	case "":
		if p.upload == "" {
			return q.notHere()
		}
		err = q.h.mailbox.DropUpload(q.Context(), q.actor, p.upload)
	default:
		var number uint64
		if number, err = chunkNumber(p.chunk); err == nil {
			err = q.h.mailbox.DropChunk(q.Context(), q.actor, p.upload, number)
		}
	}
	if err == nil {
		q.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// listChunks serves PROPFIND: the account's uploads, or the chunks of one, with
// their sizes.
func (q *request) listChunks(p chunkPath) error {
	if p.chunk != "" {
		return mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound)
	}
	d, plan, err := q.readPlan()
	if err != nil {
		return err
	}
	nodes, err := q.chunkNodes(p)
	if err != nil {
		return err
	}
	out := q.h.buffers.multistatus(q.w)
	defer q.h.buffers.release(out)
	base := append(appendHref(nil, strings.TrimRight(q.decoded, "/")), '/')
	top := resource{Node: &mailbox.Node{Folder: true, Name: p.upload, Size: -1, Entry: mailbox.Entry{Modified: q.h.born}}, href: base}
	if err := out.resource(&plan, &top, true); err != nil {
		return err
	}
	if d == 0 {
		nodes = nil
	}
	for i := range nodes {
		href := appendHref(base[:len(base):len(base)], nodes[i].Name)
		if nodes[i].Folder {
			href = append(href, '/')
		}
		if err := out.resource(&plan, &resource{Node: &nodes[i], href: href}, false); err != nil {
			return err
		}
	}
	return out.end()
}

// chunkNodes describes uploads or chunks as resources.
func (q *request) chunkNodes(p chunkPath) ([]mailbox.Node, error) {
	if p.upload == "" {
		all, err := q.h.mailbox.Uploads(q.Context(), q.actor)
		nodes := make([]mailbox.Node, 0, len(all))
		for _, u := range all {
			nodes = append(nodes, mailbox.Node{Folder: true, Name: u.Name, Size: u.Bytes, Entry: mailbox.Entry{Modified: u.Changed}})
		}
		return nodes, err
	}
	all, err := q.h.mailbox.UploadChunks(q.Context(), q.actor, p.upload)
	nodes := make([]mailbox.Node, 0, len(all))
	for _, c := range all {
		nodes = append(nodes, mailbox.Node{Name: fmt.Sprintf("%016d", c.Number), ETag: chunkTag(c),
			Entry: mailbox.Entry{Modified: c.Changed, Version: mailbox.Version{Size: c.Size}}})
	}
	return nodes, err
}

func chunkTag(c mailbox.Chunk) string {
	return fmt.Sprintf(`"%d-%d-%d"`, c.Number, c.Size, c.Changed.UnixNano()/int64(time.Microsecond))
}
