// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/text/unicode/norm"

	"postfach/mailbox"
	"postfach/reply"
)

// originKey names what was taken over: where it stood, with its digest or nil.
func originKey(origin string, sum []byte) [16]byte {
	h := sha256.New()
	_, _ = io.WriteString(h, origin+"\x00") // a hash does not fail
	_, _ = h.Write(sum)
	return [16]byte(h.Sum(nil))
}

// folder takes over what stands in a folder; at is its path in the mailbox.
func (i *importer) folder(origin, at string) error {
	entries, err := fs.ReadDir(i.files, origin)
	if err != nil {
		i.refuse(origin, at, 0, err)
		return nil
	}
	if len(entries) == 0 && at != "" {
		return i.empty(origin, at)
	}
	for _, d := range entries {
		if err := i.e.ctx.Err(); err != nil {
			return err
		}
		from, to := origin+"/"+d.Name(), at+"/"+norm.NFC.String(d.Name())
		switch {
		case d.IsDir():
			err = i.folder(from, to)
		case d.Type().IsRegular():
			err = i.file(from, to)
		default:
			i.report.refuse(refused{Origin: from, Number: i.number, Path: to,
				De: "Das ist keine gewöhnliche Datei, sondern eine Verknüpfung oder ein Gerät.", En: "This is no plain file but a link or a device."})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// empty makes a folder that holds nothing. Other refusals than a missing part
// go to the report.
func (i *importer) empty(origin, at string) error {
	if i.dry {
		return nil
	}
	err := i.patiently(func() error { return i.a.service.ImportFolder(i.e.ctx, i.by, i.number, mailbox.ParsePath(at)) })
	return i.judge(origin, at, 0, err)
}

// file takes one document over, unless that was done before.
func (i *importer) file(origin, at string) error {
	in := mailbox.Arrival{Member: i.number, Path: mailbox.ParsePath(at), Origin: origin}
	stands, err := i.stands(in.Path)
	if err != nil {
		return err
	}
	size := int64(0)
	if stands != nil || i.before[originKey(origin, nil)] {
		sum, n, err := i.digest(origin)
		if err != nil {
			i.refuse(origin, at, n, err)
			return nil
		}
		size = n
		if i.before[originKey(origin, sum[:])] || stands != nil && stands.Version.SHA256 == sum {
			i.count.known++
			return nil
		}
		if stands != nil && i.before[originKey(origin, stands.Version.SHA256[:])] {
			in.Over = stands.Version.SHA256 // changed there, and not here
		}
	}
	tried := false
	err = i.patiently(func() (err error) {
		if tried { // whether it took place after all, the answer may not have said
			if done, n, err := i.arrived(in); done || err != nil {
				size = n
				return err
			}
		}
		tried = true
		size, err = i.send(in)
		return err
	})
	if err == nil {
		i.count.taken++
		i.bytes += size
	}
	return i.judge(origin, at, size, err)
}

// arrived says whether what stands at the document's place is its content, and
// how many bytes that has.
func (i *importer) arrived(in mailbox.Arrival) (bool, int64, error) {
	stands, err := i.stands(in.Path)
	if err != nil || stands == nil {
		return false, 0, err
	}
	sum, n, err := i.digest(in.Origin)
	return err == nil && stands.Version.SHA256 == sum, n, err
}

// send delivers one document through the gate.
func (i *importer) send(in mailbox.Arrival) (size int64, err error) {
	f, info, err := i.open(in.Origin)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	in.Upload = mailbox.Upload{Body: f, Length: info.Size(), Expected: -1, Modified: info.ModTime().Truncate(time.Microsecond)}
	if i.dry {
		return info.Size(), i.a.service.CheckImport(i.e.ctx, i.by, in)
	}
	_, err = i.a.service.Import(i.e.ctx, i.by, in)
	return info.Size(), err
}

// open opens a plain file of the tree. What has become a link or a pipe since
// it was listed is refused, and never waited for.
func (i *importer) open(name string) (*os.File, fs.FileInfo, error) {
	f, err := i.tree.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a plain file")}
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func (i *importer) digest(name string) (sum [32]byte, n int64, err error) {
	f, _, err := i.open(name)
	if err != nil {
		return sum, 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err = io.Copy(h, f)
	return [32]byte(h.Sum(nil)), n, err
}

// stands finds the document in view at a path of the mailbox; nil for none.
func (i *importer) stands(p mailbox.Path) (*mailbox.Entry, error) {
	var found *mailbox.Entry
	err := i.a.catalog.View(i.e.ctx, func(r mailbox.Reader) error {
		m, err := r.MemberByNumber(i.number)
		if err != nil {
			return err
		}
		x, _, err := walk(r, m, p.String())
		if _, absent := errors.AsType[*wrongOrder](err); absent {
			return nil
		}
		if err == nil && !x.Folder {
			found = &x
		}
		return err
	})
	return found, err
}

// judge tells a refusal of this document from the end of the import: what is
// out of reach, or broken in the catalog, is no fault of the document.
func (i *importer) judge(origin, at string, size int64, err error) error {
	if err == nil {
		return nil
	}
	ours, known := errors.AsType[*mailbox.Error](err)
	_, unread := errors.AsType[*fs.PathError](err)
	switch {
	case i.e.ctx.Err() != nil:
		return i.e.ctx.Err()
	case known && ours.Kind != mailbox.Unavailable && ours.Kind != mailbox.Internal && ours.Kind != mailbox.Canceled, !known && unread:
		i.refuse(origin, at, size, err)
		return nil
	}
	return err
}

// refuse reports one document with the sentence that an uploader would read.
func (i *importer) refuse(origin, at string, size int64, err error) {
	x := refused{Origin: origin, Number: i.number, Path: at, Size: size}
	if _, ours := errors.AsType[*mailbox.Error](err); ours {
		x.De, x.En = reply.Sentence("de", err), reply.Sentence("en", err)
	} else {
		x.De, x.En = "Die Datei lässt sich nicht lesen: "+err.Error(), "The file cannot be read: "+err.Error()
	}
	i.report.refuse(x)
}
