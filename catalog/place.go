// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"
	"os"

	"postfach/catalog/sqlite"
)

// Clear makes room for a catalog at path: what an empty one left there goes. A
// catalog with anything in it is ErrNotEmpty, one that is in use an error too.
func Clear(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		if _, err := os.Lstat(path + "-wal"); err == nil {
			return fmt.Errorf("%s-wal lies there without its catalog: it may hold its latest changes; put it elsewhere", path)
		}
		return nil
	} else if err != nil {
		return err
	}
	c, err := sqlite.Open(path, sqlite.Options{})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	err = empty(c, path)
	if err == nil {
		// Only who is alone may leave WAL mode; that takes -wal and -shm along.
		mode := ""
		err = c.Query("PRAGMA journal_mode=DELETE", func(r *sqlite.Row) error { mode = r.Text(0); return nil })
		if err != nil || mode != "delete" {
			err = errors.Join(fmt.Errorf("%s is in use: stop the server first", path), err)
		}
	}
	if err = errors.Join(err, c.Close()); err != nil {
		return err
	}
	return errors.Join(os.Remove(path), syncFolder(path))
}

func empty(c *sqlite.Conn, path string) error {
	var tables []string
	err := c.Query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'settings'",
		func(r *sqlite.Row) error { tables = append(tables, r.Text(0)); return nil })
	for _, t := range tables {
		if err != nil {
			break
		}
		err = c.Query("SELECT 1 FROM \""+t+"\" LIMIT 1", func(*sqlite.Row) error {
			return fmt.Errorf("%s: %w: table %s has rows", path, ErrNotEmpty, t)
		})
	}
	return err
}

// Place gives a closed catalog its place, where none may be.
func Place(from, path string) error {
	if _, err := os.Lstat(from + "-wal"); err == nil {
		return fmt.Errorf("%s is still open", from)
	}
	_ = os.Remove(from + "-reserve")
	if err := os.Link(from, path); err != nil { // never replaces
		return err
	}
	return errors.Join(os.Remove(from), syncFolder(path))
}
