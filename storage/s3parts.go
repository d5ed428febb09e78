// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"postfach/mailbox"
)

// parts is the upload in parts of one spool file. Workers come as parts become
// complete and go when there is nothing to send.
type parts struct {
	s3     *S3
	object string
	mark   string
	size   int64 // bytes of every part but the last
	file   *os.File

	ctx    context.Context // of everything until complete
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	offered int64 // bytes that may be sent
	next    int   // index of the next part
	workers int
	id      string               // of the upload, "" before it was begun
	astray  bool                 // the bucket may hold an upload that we have no id of
	intent  string               // version of the intent object, where there are versions
	marked  bool                 // the intent object may be there
	sent    []minio.CompletePart // by index
	err     error                // the first; nothing is sent after it
}

func newParts(u *s3Upload, file *os.File) *parts {
	ctx, cancel := context.WithCancel(u.ctx)
	return &parts{s3: u.s3, object: u.object, mark: u.mark, size: u.part, file: file, ctx: ctx, cancel: cancel}
}

// offer says that the first n bytes of the file are complete.
func (m *parts) offer(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.offered = n
	m.hire()
}

// hire starts a worker for every waiting part, as far as they may be many; one
// alone begins the upload. m.mu is held.
func (m *parts) hire() {
	for waiting := m.next; m.err == nil && int64(waiting)*m.size < m.offered; waiting++ {
		if m.workers >= m.s3.o.PartsInFlight || m.id == "" && m.workers > 0 {
			return
		}
		m.workers++
		m.work.Go(m.run)
	}
}

// run is one worker.
func (m *parts) run() {
	err := m.begin()
	for err == nil {
		index, n := m.take()
		if n == 0 {
			return
		}
		err = m.send(index, n)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.workers--
	if m.err == nil {
		m.err = err
	}
	m.cancel() // nobody can use the other parts any more
}

// take gives the next part; n is 0 when there is none, and the worker is gone.
func (m *parts) take() (index int, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := int64(m.next) * m.size
	if m.err != nil || at >= m.offered {
		m.workers--
		return 0, 0
	}
	index = m.next
	m.next++
	m.sent = append(m.sent, minio.CompletePart{})
	return index, min(m.size, m.offered-at)
}

// fault is the first error, nil as long as all goes well.
func (m *parts) fault() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// begin makes the intent and the upload, unless that has been done.
func (m *parts) begin() error {
	m.mu.Lock()
	begun := m.id != ""
	m.marked = true
	m.mu.Unlock()
	if begun {
		return nil
	}
	done, err := m.s3.put(m.ctx, m.s3.intent(m.object), newBody(nil), 0, sha256.Sum256(nil),
		m.s3.settings(map[string]string{metaMark: m.mark}, false))
	if err != nil {
		return err
	}
	id, err := m.initiate()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.intent = done.VersionID
	if m.id = id; err == nil {
		m.hire()
	}
	return err
}

// initiate begins the upload. A repetition begins another one, so a lost answer
// is remembered.
func (m *parts) initiate() (id string, err error) {
	meta := besideMeta(m.mark)
	if m.s3.locks() {
		meta["x-amz-checksum-algorithm"] = "SHA256"
	}
	for try := range tries {
		if id, err = m.s3.once.NewMultipartUpload(m.ctx, m.s3.o.Bucket, m.object, m.s3.settings(meta, true)); err == nil && id != "" {
			return id, nil
		}
		if err == nil {
			err = errors.New("an answer without an upload id")
		}
		m.mu.Lock()
		m.astray = true
		m.mu.Unlock()
		select {
		case <-time.After(minio.DefaultRetryUnit << try):
		case <-m.ctx.Done():
			return "", trouble("storage: begin "+m.object, m.ctx.Err())
		}
	}
	return "", trouble("storage: begin "+m.object, err)
}

// send uploads one part from the spool. It is hashed first, so that the server
// refuses other bytes than these, over TLS too.
func (m *parts) send(index int, n int64) error {
	select {
	case m.s3.slots <- struct{}{}:
		defer func() { <-m.s3.slots }()
	case <-m.ctx.Done():
		return trouble("storage", m.ctx.Err())
	}
	section := io.NewSectionReader(m.file, int64(index)*m.size, n)
	h := sha256.New()
	if _, err := io.Copy(h, section); err != nil {
		return refusal("storage: read spool", err)
	}
	sum := h.Sum(nil)
	o := minio.PutObjectPartOptions{Sha256Hex: hex.EncodeToString(sum), DisableContentSha256: true}
	check := ""
	if m.s3.locks() {
		check = base64.StdEncoding.EncodeToString(sum)
		o.CustomHeader = http.Header{checksumHeader: {check}}
	}
	part, err := m.s3.core.PutObjectPart(m.ctx, m.s3.o.Bucket, m.object, m.id, index+1, section, n, o)
	if err == nil && part.ETag == "" {
		err = errors.New("an answer that is none of S3")
	}
	if err != nil {
		return notStored(fmt.Sprintf("storage: part %d of %s", index+1, m.object), err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent[index] = minio.CompletePart{PartNumber: index + 1, ETag: part.ETag, ChecksumSHA256: check}
	return nil
}

// wait returns when every part that was offered has arrived.
func (m *parts) wait(ctx context.Context) error {
	idle := make(chan struct{})
	go func() {
		m.work.Wait()
		close(idle)
	}()
	select {
	case <-idle:
		return m.fault()
	case <-ctx.Done():
		return given(ctx)
	}
}

// complete makes the object, with its description beside it first. An answer
// that was lost is looked up, never guessed.
func (m *parts) complete(ctx context.Context, d mailbox.Description) error {
	beside, err := m.s3.putBeside(ctx, m.object, d, m.mark)
	if err != nil {
		return err
	}
	var o minio.PutObjectOptions
	o.SetMatchETagExcept("*")
	var done minio.UploadInfo
	err = patiently(ctx, func() (err error) {
		done, err = m.s3.core.CompleteMultipartUpload(ctx, m.s3.o.Bucket, m.object, m.id, m.sent, o)
		return err
	})
	if err == nil && done.ETag == "" {
		err = errors.New("an answer that is none of S3")
	}
	if err != nil {
		err = m.resolve(ctx, d.Size, err, beside.VersionID)
	}
	if err == nil {
		m.s3.tidy(func(ctx context.Context) { m.end(ctx, false) })
	}
	return err
}

// resolve finds out what became of Complete. As long as that is not certain,
// nothing is deleted: it is left to Collect, and an object to the janitor.
func (m *parts) resolve(ctx context.Context, size int64, cause error, beside string) error {
	op := "storage: complete " + m.object
	for aborted := false; ; aborted = true {
		what, _, err := m.s3.look(ctx, m.object, size, m.mark)
		switch {
		case err != nil:
			return trouble(op, errors.Join(cause, err))
		case what == ours:
			return nil
		case what == foreign:
			return fault("%s: %w: %w", m.object, errInUse, cause)
		case aborted:
			_ = m.s3.drop(ctx, m.object+besideSuffix, beside) // else Collect does
			return notStored(op, cause)
		}
		// It is not there, and after an abort it will not come: a Complete that is
		// still under way has either taken the upload before, so that the next
		// look sees it, or finds none. Servers do not say which it was.
		err = m.s3.core.AbortMultipartUpload(ctx, m.s3.o.Bucket, m.object, m.id)
		if err != nil && !absent(err) {
			return trouble(op, errors.Join(cause, err))
		}
	}
}

// abandon stops the workers and tidies up after them in the background.
func (m *parts) abandon() <-chan struct{} {
	m.cancel()
	return m.s3.tidy(func(ctx context.Context) {
		m.work.Wait()
		m.end(ctx, true)
	})
}

// end takes back what the upload left in the bucket: open uploads, and the
// intent once nothing else can be there. An abort does nothing to an upload
// that Complete has taken, so it needs no certainty about that.
func (m *parts) end(ctx context.Context, abort bool) {
	m.cancel()
	_ = m.file.Close() // read only
	m.mu.Lock()
	id, astray, marked, intent := m.id, m.astray, m.marked, m.intent
	m.mu.Unlock()
	clean := !astray
	if abort && id != "" {
		err := m.s3.core.AbortMultipartUpload(ctx, m.s3.o.Bucket, m.object, id)
		clean = clean && (err == nil || absent(err))
	}
	if astray {
		// What was begun without our knowing is there now, or comes later.
		_, _ = m.s3.abortAll(ctx, m.object, time.Time{})
	}
	if clean && marked {
		_ = m.s3.drop(ctx, m.s3.intent(m.object), intent) // else Collect does
	}
}
