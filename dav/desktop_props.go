// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"encoding/hex"
	"encoding/xml"
	"slices"
	"strconv"

	"postfach/mailbox"
)

// nsOC is the namespace of ownCloud's properties; Nextcloud uses it too.
const nsOC = "http://owncloud.org/ns"

// ocElements are the local names of the live properties in nsOC. What else
// clients ask for there and in Nextcloud's namespace we do not have.
var ocElements = map[string]live{
	"id": ocID, "fileid": ocFileID, "permissions": ocPermissions, "size": ocSize, "checksums": ocChecksums,
	"data-fingerprint": ocFingerprint,
}

// isLiveOC says whether we compute the property, so that nobody may set it.
func isLiveOC(name xml.Name) bool {
	_, ok := ocElements[name.Local]
	return ok && name.Space == nsOC
}

// appendID appends oc:id: eight digits or more, then the installation.
func (c *Clients) appendID(b []byte, id mailbox.EntryID) []byte {
	n := strconv.FormatInt(int64(id), 10)
	for range 8 - len(n) {
		b = append(b, '0')
	}
	return append(append(b, n...), c.Instance...)
}

// appendOC appends one property of nsOC and says whether the resource has it.
func appendOC(b []byte, p live, x *resource) ([]byte, bool) {
	if x.clients == nil {
		return b, false
	}
	e := &x.Entry
	switch p {
	case ocID:
		b = x.clients.appendID(append(b, "<oc:id>"...), e.ID)
		return append(b, "</oc:id>"...), true
	case ocFileID:
		b = strconv.AppendInt(append(b, "<oc:fileid>"...), int64(e.ID), 10)
		return append(b, "</oc:fileid>"...), true
	case ocPermissions:
		b = appendLetters(append(b, "<oc:permissions>"...), x.Node)
		return append(b, "</oc:permissions>"...), true
	case ocSize:
		n := x.Size
		if !x.Folder {
			n = e.Version.Size
		}
		if n < 0 {
			return b, false
		}
		b = strconv.AppendInt(append(b, "<oc:size>"...), n, 10)
		return append(b, "</oc:size>"...), true
	case ocChecksums:
		return appendChecksums(b, &e.Version)
	case ocFingerprint:
		if !x.Folder || x.clients.Fingerprint == "" {
			return b, false
		}
		b = append(append(b, "<oc:data-fingerprint>"...), x.clients.Fingerprint...)
		return append(b, "</oc:data-fingerprint>"...), true
	}
	return b, false
}

// appendChecksums gives those that rclone and the desktops compare, where they
// were computed.
func appendChecksums(b []byte, v *mailbox.Version) ([]byte, bool) {
	if len(v.SHA1) == 0 && len(v.MD5) == 0 {
		return b, false
	}
	b = append(b, "<oc:checksums><oc:checksum>"...)
	if len(v.SHA1) > 0 {
		b = hex.AppendEncode(append(b, "SHA1:"...), v.SHA1)
	}
	if len(v.MD5) > 0 {
		if len(v.SHA1) > 0 {
			b = append(b, ' ')
		}
		b = hex.AppendEncode(append(b, "MD5:"...), v.MD5)
	}
	return append(b, "</oc:checksum></oc:checksums>"...), true
}

// appendLetters writes rights as sync clients know them (CLIENTS.md 1.5):
// G readable, D deletable, N renameable, V moveable, W writable, C and K files
// and folders may be made inside.
func appendLetters(b []byte, n *mailbox.Node) []byte {
	r := n.Rights
	if n.Folder || r.Has(mailbox.ToRead) {
		b = append(b, 'G')
	}
	remove := mailbox.ToRemove
	if n.Folder {
		remove = mailbox.ToRemoveFolder
	}
	if r.Has(remove) {
		b = append(b, 'D')
	}
	if r.Has(mailbox.ToRename) {
		b = append(b, 'N')
	}
	if !n.Fixed && slices.ContainsFunc(moves, r.Has) {
		b = append(b, 'V')
	}
	if !n.Folder {
		if r.Has(mailbox.ToReplace) {
			b = append(b, 'W')
		}
		return b
	}
	// A file comes into the caseworker inbox by taking it over, which a desktop
	// does by moving it there; whoever may give back may take over.
	if r.Has(mailbox.ToCreate) || n.Entry.Place == mailbox.CaseworkerInbox && r.Has(mailbox.ToGiveBack) {
		b = append(b, 'C')
	}
	if r.Has(mailbox.ToMakeFolder) {
		b = append(b, 'K')
	}
	return b
}

// moves are the rights that let something leave its folder. Releasing and
// returning by a second person is not among them: tidying up on a desktop must
// not be a release.
var moves = []mailbox.Right{mailbox.ToRename, mailbox.ToTakeOver, mailbox.ToGiveBack, mailbox.ToRecall}
