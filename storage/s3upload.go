// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"postfach/mailbox"
)

// discardWait is how long Discard waits for the bucket to be tidy. The tidying
// goes on without it.
const discardWait = 2 * time.Second

// s3Upload is one upload on its way into a bucket. As soon as it is larger than
// a part, its parts go from the spool to the bucket while the body still
// arrives and while it is scanned; nobody can read them there. Only Publish
// makes an object.
type s3Upload struct {
	*staged
	s3     *S3
	key    mailbox.BlobKey
	object string
	mark   string
	part   int64           // bytes of a part
	parts  *parts          // nil as long as one request will do
	ctx    context.Context // values of the upload's, never canceled
	tried  bool            // Publish has sent something
	over   bool            // Discard or a successful Publish was here
}

var _ mailbox.Staged = (*s3Upload)(nil)

// Write takes the next bytes. Kind Unavailable when the spool is full or the
// bucket does not take the parts; nothing of the upload can be used then.
func (u *s3Upload) Write(p []byte) (int, error) {
	if u.parts != nil {
		if err := u.parts.fault(); err != nil {
			return 0, err
		}
	}
	n, err := u.staged.Write(p)
	if err == nil && u.size > u.part {
		err = u.send(u.size / u.part * u.part)
	}
	return n, err
}

// send lets the parts go that are complete in the first n bytes.
func (u *s3Upload) send(n int64) error {
	if u.size > maxParts*u.part {
		return mailbox.Wrap(mailbox.TooLarge, mailbox.ReasonTooLarge,
			errors.New("storage: more parts than an object may have; announce the size"))
	}
	if u.parts == nil {
		file, err := u.file.reopen()
		if err != nil {
			return refusal("storage: open spool", err)
		}
		u.parts = newParts(u, file)
	}
	u.parts.offer(n)
	return nil
}

// Seal ends the writing.
func (u *s3Upload) Seal() (mailbox.Content, error) {
	c, err := u.staged.Seal()
	if err == nil && u.parts != nil {
		u.parts.offer(u.size)
	}
	return c, err
}

// Publish makes an object of the bytes; on return it is as durable as the
// bucket makes objects. Kind Internal when the key is in use already (I6) or d
// speaks of another size, Unavailable when the bucket did not take it or did
// not say so. Whether the caller gives up counts until the bytes are on their
// way under their key.
func (u *s3Upload) Publish(ctx context.Context, d mailbox.Description) error {
	if u.tried {
		return fault("%s was published, or tried to be, before", u.key)
	}
	if err := u.publishable(ctx, d); err != nil {
		return err
	}
	if u.parts != nil {
		if err := u.parts.wait(ctx); err != nil {
			return err
		}
	}
	u.tried = true
	ctx, cancel := context.WithTimeout(u.ctx, finishLimit)
	defer cancel()
	var err error
	if u.parts != nil {
		err = u.parts.complete(ctx, d)
	} else {
		err = u.publishWhole(ctx, d)
	}
	if err == nil {
		u.over = true
		_ = u.staged.Discard() // the spool only; the blob is there
	}
	return err
}

// publishWhole puts the content in one request.
func (u *s3Upload) publishWhole(ctx context.Context, d mailbox.Description) error {
	meta, fits := encodeMeta(d, u.mark)
	if !fits {
		if _, err := u.s3.putBeside(ctx, u.object, d, u.mark); err != nil {
			return err
		}
		meta = besideMeta(u.mark)
	}
	// A sealed content can be read at any place as often as wanted, and refuses
	// to be read once its memory serves another upload.
	body := io.NewSectionReader(u.content, 0, u.size)
	_, err := u.s3.put(ctx, u.object, body, u.size, d.SHA256, u.s3.settings(meta, true))
	return err
}

// Discard frees whatever is held, here and in the bucket; after Publish it does
// nothing. When the bucket does not answer, the tidying goes on in the
// background, and what it could not do is left to Collect.
func (u *s3Upload) Discard() error {
	if u.over {
		return nil
	}
	u.over = true
	err := u.staged.Discard()
	if u.parts == nil {
		return err
	}
	wait := time.NewTimer(discardWait)
	defer wait.Stop()
	select {
	case <-u.parts.abandon():
	case <-wait.C:
	}
	return err
}

func newBody(text []byte) io.ReadSeeker { return bytes.NewReader(text) }
