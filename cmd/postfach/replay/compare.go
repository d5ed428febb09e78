// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"postfach/mailbox"
)

// Compare says in sentences where a catalog differs from what its log says, in
// the order of members, entries and versions.
func Compare(log, catalog State) []string {
	var d differences
	union(log.Members, catalog.Members, cmp.Compare[mailbox.MemberID], func(id mailbox.MemberID, a, b string, inLog, inCatalog bool) {
		d.check(fmt.Sprintf("member %d", id), inLog, inCatalog, [][3]string{{"number", a, b}})
	})
	union(log.Entries, catalog.Entries, cmp.Compare[mailbox.EntryID], func(id mailbox.EntryID, a, b Entry, inLog, inCatalog bool) {
		d.check(fmt.Sprintf("entry %d", id), inLog, inCatalog, [][3]string{
			{"member", fmt.Sprint(a.Member), fmt.Sprint(b.Member)},
			{"path", place(a), place(b)},
			{"kind", kind(a), kind(b)},
			{"version", a.Version.String(), b.Version.String()},
		})
	})
	union(log.Versions, catalog.Versions, func(a, b mailbox.VersionID) int { return bytes.Compare(a[:], b[:]) }, func(id mailbox.VersionID, a, b Version, inLog, inCatalog bool) {
		d.check("version "+id.String(), inLog, inCatalog, [][3]string{
			{"entry", fmt.Sprint(a.Entry), fmt.Sprint(b.Entry)},
			{"SHA-256", fmt.Sprintf("%x", a.SHA256), fmt.Sprintf("%x", b.SHA256)},
			{"size", fmt.Sprint(a.Size), fmt.Sprint(b.Size)},
			{"content", content(a), content(b)},
		})
	})
	return d.told
}

type differences struct{ told []string }

func (d *differences) check(what string, inLog, inCatalog bool, facts [][3]string) {
	switch {
	case !inCatalog:
		d.told = append(d.told, what+" stands in the log and not in the catalog")
	case !inLog:
		d.told = append(d.told, what+" stands in the catalog and not in the log")
	default:
		for _, f := range facts {
			if f[1] != f[2] {
				d.told = append(d.told, fmt.Sprintf("%s: its %s is %s by the log, %s by the catalog", what, f[0], f[1], f[2]))
			}
		}
	}
}

func place(e Entry) string {
	if e.Path == "" {
		return "out of view"
	}
	return fmt.Sprintf("%q", e.Path)
}

func content(v Version) string {
	if v.Purged {
		return "given up"
	}
	return "kept"
}

func kind(e Entry) string {
	if e.Folder {
		return "folder"
	}
	return "file"
}

// union shows what is not equal in both maps, in the order of keys.
func union[K, V comparable](log, catalog map[K]V, order func(a, b K) int, see func(key K, a, b V, inLog, inCatalog bool)) {
	odd := make(map[K]bool)
	for k, a := range log {
		if b, ok := catalog[k]; !ok || a != b {
			odd[k] = true
		}
	}
	for k := range catalog {
		if _, ok := log[k]; !ok {
			odd[k] = true
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(odd), order) {
		a, inLog := log[k]
		b, inCatalog := catalog[k]
		see(k, a, b, inLog, inCatalog)
	}
}
