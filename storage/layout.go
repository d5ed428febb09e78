// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"postfach/mailbox"
)

// The tree of a Dir:
//
//	postfach-storage                        the marker
//	.catalog                                how far the catalog has come, see Standing
//	.staging/                               uploads without a verdict, where they need a name
//	.audit/                                 the shipped audit log, see segments.go
//	<member>/<folder>/<xx>/<version id>     blobs; xx = the id's last two hex digits
const (
	markerName  = "postfach-storage"
	stagingName = ".staging"
	lostFound   = "lost+found" // every ext file system has one
	layoutLine  = "postfach-storage 1"
	markerText  = layoutLine + "\n" +
		"Postfach keeps the contents of its mailboxes in this folder. Do not add, change or remove anything here.\n" +
		"Postfach bewahrt in diesem Ordner die Inhalte seiner Postfächer auf. Bitte hier nichts anlegen, ändern oder löschen.\n"
)

const (
	dirMode  = 0o700
	fileMode = 0o400
)

// location gives the folder and the name of a blob below the root.
func location(k mailbox.BlobKey) (folder, name string, err error) {
	if k.Version.IsZero() || !segment(k.Member) || !segment(k.Folder) || reserved(k.Member) {
		return "", "", fault("%q is no key", k.String())
	}
	name = k.Version.String()
	return k.Member + "/" + k.Folder + "/" + name[len(name)-2:], name, nil
}

// segment says whether s is one step of a path on this system.
func segment(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= 255 && !strings.ContainsAny(s, "/\x00")
}

// reserved names at the top are not member numbers.
func reserved(s string) bool {
	return strings.HasPrefix(s, ".") || s == markerName || s == lostFound
}

// claim makes sure that the tree below root is ours, and makes an empty one so.
func claim(root *os.Root) error {
	marked, err := claimed(root)
	if marked || err != nil {
		return err
	}
	if errEmpty := mustBeEmpty(root); errEmpty != nil {
		// Another process may have claimed it in the meantime.
		if marked, err := claimed(root); marked || err != nil {
			return err
		}
		return errEmpty
	}
	return mark(root)
}

// claimed says whether there is a marker; an error, that it is not for us.
func claimed(root *os.Root) (bool, error) {
	text, err := root.ReadFile(markerName)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, readable(root.Name(), string(text))
}

func readable(where, text string) error {
	line, _, _ := strings.Cut(text, "\n")
	switch {
	case line == layoutLine:
		return nil
	case strings.HasPrefix(line, markerName+" "):
		return fmt.Errorf("storage %s has the format %q, this program knows %q only", where, line, layoutLine)
	}
	return fmt.Errorf("storage %s: its file %s is not a marker of Postfach", where, markerName)
}

// mustBeEmpty refuses a folder that something else lives in.
func mustBeEmpty(root *os.Root) error {
	f, err := root.Open(".")
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(64)
		for _, n := range names {
			if n != stagingName && n != lostFound && !strings.HasPrefix(n, "."+markerName) {
				return fmt.Errorf("storage %s is neither empty nor a storage of Postfach: it holds %q and no file %s",
					root.Name(), n, markerName)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// mark writes the marker in one step. Two processes may do so at once: they
// write the same text.
func mark(root *os.Root) error {
	temp := "." + markerName + "-" + uuid.NewString()
	f, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	_, err = f.WriteString(markerText)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = root.Rename(temp, markerName)
	}
	if err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return syncDir(root, ".")
}

func syncDir(root *os.Root, name string) error {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// makeDurably is os.MkdirAll that survives a power cut.
func makeDurably(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeDurably(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// keyOf is the inverse of location: rel is member/folder/xx/id.
func keyOf(rel string) (mailbox.BlobKey, bool) {
	parts := strings.Split(rel, "/")
	if len(parts) != 4 {
		return mailbox.BlobKey{}, false
	}
	id, err := mailbox.ParseVersionID(parts[3])
	if err != nil {
		return mailbox.BlobKey{}, false
	}
	k := mailbox.BlobKey{Member: parts[0], Folder: parts[1], Version: id}
	folder, name, err := location(k)
	return k, err == nil && path.Join(folder, name) == rel
}
