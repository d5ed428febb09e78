// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"io"
	"slices"
)

// restOf writes the archive of the kept members: an encrypted archive that the
// policy accepts may hold other members, and clamd reports encryption before
// some of its limits (measured), so these are judged once more by themselves.
func restOf(w *zipWalk, entries []zipEntry, keep func(zipEntry) bool) (io.Reader, int64) {
	slices.SortFunc(entries, func(a, b zipEntry) int { return cmp.Compare(a.header, b.header) })
	var parts []io.Reader
	var directory bytes.Buffer
	var offset int64
	count := 0
	for i, e := range entries {
		if !keep(e) {
			continue
		}
		next := w.d.start
		if i+1 < len(entries) {
			next = entries[i+1].header
		}
		parts = append(parts, w.s.section(e.header, next))
		binary.LittleEndian.PutUint32(e.record[42:], uint32(offset))
		directory.Write(e.record)
		offset += next - e.header
		count++
	}
	end := binary.LittleEndian.AppendUint16([]byte("PK\x05\x06\x00\x00\x00\x00"), uint16(min(count, 0xffff)))
	end = binary.LittleEndian.AppendUint16(end, uint16(min(count, 0xffff)))
	end = binary.LittleEndian.AppendUint32(end, uint32(directory.Len()))
	end = binary.LittleEndian.AppendUint32(end, uint32(offset))
	end = append(end, 0, 0)
	directory.Write(end)
	return io.MultiReader(append(parts, &directory)...), offset + int64(directory.Len())
}
