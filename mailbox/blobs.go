// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"io"
	"os"
	"time"
)

// BlobKey names stored bytes: <member number>/<folder>/<version id>. Folder is
// the configured name of the place where the version was uploaded, or "root".
// A key is never reused (I6) and never holds a file name.
type BlobKey struct {
	Member  string
	Folder  string
	Version VersionID
}

func (k BlobKey) String() string { return k.Member + "/" + k.Folder + "/" + k.Version.String() }

// Description is stored beside the bytes, so that a storage alone can say what
// it holds. Names go in as base64url, since object metadata is ASCII.
type Description struct {
	Entry    EntryID
	Path     string // inside the mailbox, NFC
	SHA256   [32]byte
	Size     int64 // bytes
	Person   PersonID
	Time     time.Time
	Engine   string // the scanner that called it clean
	Database string // its signature version
}

// Content is a complete, unchanging upload that is not readable by anyone yet.
type Content interface {
	io.ReaderAt
	Size() int64 // bytes
	// Bytes is the whole content when it is held in memory, else nil.
	Bytes() []byte
	// Open gives a fresh read-only descriptor of the spool file; nil, nil when
	// the content is in memory. The caller closes it.
	Open() (*os.File, error)
}

// Staged takes the bytes of one upload. Write until the end, Seal, judge the
// Content, then Publish or Discard. Discard does nothing after Publish, so
// callers defer it.
type Staged interface {
	io.Writer
	// Seal ends the writing: everything is complete, on its way to the disk and
	// closed for writing by us. No Write may follow.
	Seal() (Content, error)
	// Publish makes the bytes durable under their key; on return they survive a
	// power cut and are still unreferenced. Kind Unavailable when the storage
	// is down or full.
	Publish(ctx context.Context, d Description) error
	// Discard frees whatever was staged.
	Discard() error
}

// Blobs is what the mailbox needs of a storage. Implementations pass
// storagetest.
type Blobs interface {
	// Stage begins an upload of size bytes (-1: unknown). Kind Unavailable when
	// there is no room.
	Stage(ctx context.Context, key BlobKey, size int64) (Staged, error)
	// Open reads n bytes from offset (n < 0: to the end). Kind NotFound when
	// there is no such blob. A directory storage returns an *os.File positioned
	// at offset, so that a door may use sendfile. What comes back may tell the
	// length of the whole blob, by Stat or by BlobSize() (bytes int64, known bool).
	Open(ctx context.Context, key BlobKey, offset, n int64) (io.ReadCloser, error)
	// Remove deletes a blob that no version names; kind NotFound when there is
	// none.
	Remove(ctx context.Context, key BlobKey) error
	// Ready says whether an upload could be stored now.
	Ready(ctx context.Context) error
}

// Outcome is what a scanner says of a content.
type Outcome int

const (
	NoVerdict   Outcome = iota // the zero value is never clean
	Clean                      // looked inside everything, found nothing
	Malicious                  // a signature matched
	Unjudgeable                // could not look inside: limits, encryption, structure
)

// Reasons of Unjudgeable contents.
const (
	ReasonEncryptedArchive  Reason = "encrypted-archive"
	ReasonEncryptedDocument Reason = "encrypted-document"
	ReasonScanLimits        Reason = "scan-limits"       // size, files, recursion
	ReasonScanTime          Reason = "scan-time"         // took longer than allowed
	ReasonArchiveStructure  Reason = "archive-structure" // not an orderly archive
	ReasonArchiveMethod     Reason = "archive-method"    // packed in a way the scanner does not unpack
)

// Verdict is the scanner's word over exactly the bytes of one Content.
type Verdict struct {
	Outcome   Outcome
	Signature string // of Malicious, and of Unjudgeable where the scanner gave one
	Reason    Reason // of Unjudgeable
	Engine    string // for example "ClamAV 1.4.6"
	Database  string // signature version and date as the scanner gives them
}

// Scanner judges contents. An error is always kind Unavailable (or Canceled):
// no verdict is never a clean verdict (I1).
type Scanner interface {
	Scan(ctx context.Context, c Content) (Verdict, error)
	// Ready is nil when an upload could be judged now.
	Ready() error
}
