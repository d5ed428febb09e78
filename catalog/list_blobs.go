// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"context"

	"postfach/catalog/sqlite"
	"postfach/mailbox"
)

// NamedBlob is a blob that the catalog knows.
type NamedBlob struct {
	Key     mailbox.BlobKey
	Size    int64 // bytes
	SHA256  [32]byte
	Version mailbox.VersionID // one that it belongs to; copies share a blob
	Entry   mailbox.EntryID
}

const (
	selectBlobs = `SELECT v.row, v.id, v.blob_member, v.blob_folder, coalesce(v.blob_version, v.id), v.size, v.sha256, v.entry
		FROM versions v
		WHERE v.row > $1 AND (v.blob_version IS NULL OR NOT EXISTS (SELECT 1 FROM versions o WHERE o.id = v.blob_version))
		ORDER BY v.row LIMIT $2`
	blobNamed = `SELECT EXISTS (SELECT 1 FROM versions WHERE id = $1) OR
		EXISTS (SELECT 1 FROM versions WHERE blob_version = $1 AND blob_version IS NOT NULL)`
	blobPage = 500
)

// ListBlobs calls each for every blob that a version needs. The catalog is not
// held meanwhile, so each may take its time; versions that arrive later come
// last.
func (s *SQLite) ListBlobs(ctx context.Context, each func(NamedBlob) error) error {
	for after, more := int64(0), true; more; {
		var page []NamedBlob
		err := s.read(ctx, func(r *reader) error {
			return r.each(selectBlobs, func(row *sqlite.Row) error {
				b := NamedBlob{
					Key:  mailbox.BlobKey{Member: row.Same(2), Folder: row.Same(3)},
					Size: row.Int(5), Entry: mailbox.EntryID(row.Int(7)),
				}
				after = row.Int(0)
				row.Into(1, b.Version[:])
				row.Into(4, b.Key.Version[:])
				row.Into(6, b.SHA256[:])
				page = append(page, b)
				return nil
			}, after, int64(blobPage))
		})
		if err != nil {
			return err
		}
		for _, b := range page {
			if err := each(b); err != nil {
				return err
			}
		}
		more = len(page) == blobPage
	}
	return nil
}

// BlobNamed says whether any version needs the blob with this id. Like
// Committed, it first settles a commit whose outcome is unknown.
func (s *SQLite) BlobNamed(ctx context.Context, v mailbox.VersionID) (named bool, err error) {
	if err := s.settle(ctx); err != nil {
		return false, err
	}
	err = s.read(ctx, func(r *reader) error {
		_, err := r.one(blobNamed, func(row *sqlite.Row) { named = row.Bool(0) }, v[:])
		return err
	})
	return named, err
}
