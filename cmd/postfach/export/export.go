// SPDX-License-Identifier: Apache-2.0

// Package export writes mailboxes as plain folders with a list of everything
// and digests that sha256sum checks (P29), so that what was exchanged can be
// read without Postfach. It knows no catalog: whoever calls says what to write
// and where the bytes come from.
package export

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postfach/cmd/postfach/sheet"
	"postfach/mailbox"
)

// State is what a version is to its mailbox.
type State int

const (
	Current State = iota // stands in its folder
	Earlier              // a newer version took its place
	Removed              // out of view
)

// History is the folder for what is not current; no member number is like it.
const History = "_history"

// Names of the two files beside the folders.
const (
	Manifest = "manifest.csv"
	Sums     = "SHA256SUMS"
)

// Document is one version to write.
type Document struct {
	Number   string // of the member
	Path     string // inside the mailbox, with a leading slash
	Place    mailbox.Place
	Entry    mailbox.EntryID
	Version  mailbox.Version
	State    State
	Modified time.Time // of the content
	Person   string    // who uploaded it
}

// Options of an export.
type Options struct {
	// Open reads the bytes of a stored version.
	Open     func(ctx context.Context, key mailbox.BlobKey) (io.ReadCloser, error)
	Zone     *time.Location // of the times in the manifest; nil means UTC
	Language string         // of its head: "en", else German
}

// Writer writes an export, document by document, in constant memory.
type Writer struct {
	o     Options
	root  *os.Root
	sums  *bufio.Writer
	file  *os.File // of sums
	list  *sheet.Writer
	Files int
	Bytes int64
}

// ErrNotEmpty says that the target holds something already.
var ErrNotEmpty = errors.New("the target holds something already; give an empty or new folder")

// heads of the manifest's columns.
var heads = map[string][]string{
	"de": {"Datei", "Mitgliedsnummer", "Pfad im Postfach", "Stand", "Byte", "SHA-256", "Geändert", "Hochgeladen", "Von", "Seite", "Eintrag", "Fassung", "Geprüft durch", "Signaturen"},
	"en": {"File", "Member number", "Path in the mailbox", "State", "Bytes", "SHA-256", "Changed", "Uploaded", "By", "Side", "Entry", "Version", "Scanned by", "Signatures"},
}

var words = map[string]struct {
	states [3]string
	sides  [3]string
}{
	"de": {[3]string{"aktuell", "frühere Fassung", "entfernt"}, [3]string{"", "Mitglied", "Kasse"}},
	"en": {[3]string{"current", "earlier version", "removed"}, [3]string{"", "member", "authority"}},
}

// New begins an export into a folder that is empty or does not exist. Nothing
// is written outside it, whatever links appear there meanwhile.
func New(dir string, o Options) (*Writer, error) {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Language != "en" {
		o.Language = "de"
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	w := &Writer{o: o, root: root}
	if err := w.begin(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return w, nil
}

func (w *Writer) begin() error {
	d, err := w.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	if _, err := d.Readdirnames(1); !errors.Is(err, io.EOF) {
		return errors.Join(ErrNotEmpty, err)
	}
	if w.file, err = w.create(Sums); err != nil {
		return err
	}
	w.sums = bufio.NewWriter(w.file)
	list, err := w.create(Manifest)
	if err != nil {
		return errors.Join(err, w.file.Close())
	}
	w.list, err = sheet.New(list, heads[w.o.Language]...)
	return err
}

func (w *Writer) create(name string) (*os.File, error) {
	return w.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
}

// Folder makes a folder, so that an empty one is there too.
func (w *Writer) Folder(number, inside string) error {
	return w.root.MkdirAll(path.Join(number, local(inside)), 0o700)
}

// local is a path inside a mailbox as one below the mailbox's folder. It never
// leads out: what no name can be was refused when the document came.
func local(inside string) string { return strings.TrimPrefix(path.Clean("/"+inside), "/") }

// Add writes one document. The bytes must be those that were scanned: kind
// Internal, and no file stays, when they are not; what is missing is NotFound.
func (w *Writer) Add(ctx context.Context, d Document) error {
	name := d.file()
	if err := w.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	if err := w.copy(ctx, name, d); err != nil {
		return err
	}
	w.Files++
	w.Bytes += d.Version.Size
	if _, err := w.sums.WriteString(SumLine(d.Version.SHA256, name)); err != nil {
		return err
	}
	lang := words[w.o.Language]
	when := func(t time.Time) string { return t.In(w.o.Zone).Format(time.RFC3339) }
	v := d.Version
	w.list.Add(name, d.Number, d.Path, lang.states[d.State], strconv.FormatInt(v.Size, 10), v.SHA256Hex(), when(d.Modified), when(v.Time),
		d.Person, lang.sides[v.Side], strconv.FormatInt(int64(d.Entry), 10), v.ID.String(), v.Engine, v.Database)
	return nil
}

var extension = regexp.MustCompile(`^\.[A-Za-z0-9]{1,8}$`)

// file is where a document goes below the target. Earlier versions share their
// name, so they go by number.
func (d Document) file() string {
	if d.State == Current {
		return path.Join(d.Number, local(d.Path))
	}
	ext := path.Ext(d.Path)
	if !extension.MatchString(ext) {
		ext = ""
	}
	return path.Join(History, d.Number, strconv.FormatInt(int64(d.Entry), 10), d.Version.ID.String()+ext)
}

func (w *Writer) copy(ctx context.Context, name string, d Document) error {
	body, err := w.o.Open(ctx, d.Version.Blob)
	if err != nil {
		return err
	}
	defer body.Close()
	f, err := w.create(name)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), bound{ctx, body})
	if err == nil && ([32]byte(h.Sum(nil)) != d.Version.SHA256 || n != d.Version.Size) {
		err = mailbox.Wrap(mailbox.Internal, mailbox.ReasonInternal, fmt.Errorf("the stored bytes of version %s are not those that were scanned", d.Version.ID))
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = w.root.Chtimes(name, d.Modified, d.Modified)
	}
	if err != nil {
		return errors.Join(err, w.root.Remove(name))
	}
	return nil
}

// bound is a reader that ends with its context.
type bound struct {
	ctx context.Context
	r   io.Reader
}

func (b bound) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.r.Read(p)
}

// escapes of names in a list for sha256sum -c.
var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)

// SumLine is one line that sha256sum -c reads. A name with a backslash or a
// line break is escaped, and the line says so by a leading backslash (GNU
// coreutils manual, section md5sum invocation).
func SumLine(sum [32]byte, name string) string {
	line := hex.EncodeToString(sum[:]) + "  "
	if escaped := escapes.Replace(name); escaped != name {
		return `\` + line + escaped + "\n"
	}
	return line + name + "\n"
}

// Close completes the manifest and the digests, that of the manifest last, and
// waits until everything is on the disk.
func (w *Writer) Close() error {
	err := w.list.Close()
	if err == nil {
		err = w.sumManifest()
	}
	err = errors.Join(err, w.sums.Flush(), unix.Syncfs(int(w.file.Fd())))
	return errors.Join(err, w.file.Close(), w.root.Close())
}

func (w *Writer) sumManifest() error {
	f, err := w.root.Open(Manifest)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	_, err = w.sums.WriteString(SumLine([32]byte(h.Sum(nil)), Manifest))
	return err
}
