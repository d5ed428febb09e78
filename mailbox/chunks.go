// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"context"
	"io"
	"time"
)

// ChunkedUpload names an upload that arrives in chunks. Clients choose the
// name, so it counts within its account only.
type ChunkedUpload struct {
	Account AccountID
	Name    string // see CheckUploadName
}

// Chunk is one piece of an upload, never readable through a door.
type Chunk struct {
	Number  uint64 // chunks are joined in this order: an index or an offset
	Size    int64  // bytes
	Changed time.Time
}

// UploadState is what one upload holds so far.
type UploadState struct {
	Name    string
	Chunks  int
	Bytes   int64
	Changed time.Time // when its last chunk came, or it began
}

// Chunks keeps the chunks of uploads until they are joined, given up or too
// old. Implementations pass storagetest.Chunks. A storage that several nodes
// share shows each of them the chunks of all. Kind NotFound means that the
// upload, or the chunk, is not there; kind Unavailable that the storage is down
// or full.
type Chunks interface {
	// Begin makes an empty upload; kind Exists when there is one of the name.
	Begin(ctx context.Context, u ChunkedUpload) error
	// Put stores a chunk in one step, in the place of an earlier one of its
	// number. It reads body to its end and gives the bytes that it had; size is
	// what was announced, -1 for unknown. An error of body is given back as it
	// is. On nil the chunk survives a power cut.
	Put(ctx context.Context, u ChunkedUpload, number uint64, size int64, body io.Reader) (n int64, replaced bool, err error)
	// List gives the chunks of an upload by number.
	List(ctx context.Context, u ChunkedUpload) ([]Chunk, error)
	// Uploads gives those of an account.
	Uploads(ctx context.Context, a AccountID) ([]UploadState, error)
	// Open reads a chunk from its beginning.
	Open(ctx context.Context, u ChunkedUpload, number uint64) (io.ReadCloser, error)
	// RemoveChunk takes one chunk away.
	RemoveChunk(ctx context.Context, u ChunkedUpload, number uint64) error
	// Remove takes an upload away with all its chunks.
	Remove(ctx context.Context, u ChunkedUpload) error
	// Expire removes the uploads of all accounts in which nothing has changed
	// since before, and says how many those were.
	Expire(ctx context.Context, before time.Time) (removed int, err error)
}

// Bounds of uploads in chunks.
const (
	MaxChunks     = 10_000         // of one upload, as Nextcloud has it
	MaxUploads    = 64             // of one account at a time
	UploadExpires = 24 * time.Hour // after the last chunk
)

// CheckUploadName refuses what cannot be the name of an upload: kind
// NameRefused unless it is 1 to 64 letters, digits, hyphens and underscores.
func CheckUploadName(name string) error {
	if name == "" || len(name) > 64 {
		return E(NameRefused, ReasonNameCharacter)
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return E(NameRefused, ReasonNameCharacter)
		}
	}
	return nil
}
