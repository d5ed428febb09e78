// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// TestDesktopRestore: after a restore of an older backup no client deletes what
// the backup does not know: the data fingerprint is another one, and what was
// newer on the desks survives there and comes back to the server (P63).
func TestDesktopRestore(t *testing.T) {
	identity, recipient := ageKeys(t)
	for name, way := range map[string]struct {
		backup  func(w *world.World, file string)
		restore func(w *world.World, file string)
	}{
		"encrypted, by the command": {
			func(w *world.World, file string) { w.CLI("", "backup", file, "--encrypt-to", recipient) },
			func(w *world.World, file string) { w.CLI("", "restore", "--from", file, "--identity", identity) },
		},
		"a copy put into its place": {
			func(w *world.World, file string) { w.CLI("", "backup", file) },
			func(w *world.World, file string) {
				b, err := os.ReadFile(file)
				must(t, err)
				must(t, os.WriteFile(filepath.Join(w.Data, "catalog.db"), b, 0o600))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := whole(t, world.Everybody())
			file := filepath.Join(t.TempDir(), "sicherung")
			restoredUnderDesks(t, w, func() { way.backup(w, file) }, func() { way.restore(w, file) })
		})
	}
}

// restoredUnderDesks works on the desks of both clients after a backup, and
// looks for all of it after the restore.
func restoredUnderDesks(t *testing.T, w *world.World, backup, restore func()) {
	t.Helper()
	var desks []*desk
	for _, v := range vendors {
		d := newDesk(t, w, v, "anna")
		d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25"}
		desks = append(desks, d)
	}
	desks[0].write("an_KVBbg/alt.txt", "alt")
	desks[0].write("an_KVBbg/geändert.txt", "erste Fassung")
	desks[0].sync()
	desks[1].sync()
	backup()
	time.Sleep(1100 * time.Millisecond) // the clients compare whole seconds
	newer := map[string]string{"nach der Sicherung.txt": "neu", "Ordner/tief.txt": "auch neu"}
	for name, content := range newer {
		desks[0].write("an_KVBbg/"+name, content)
	}
	desks[0].write("an_KVBbg/geändert.txt", "zweite Fassung")
	desks[0].sync()
	desks[1].sync()
	newer["alt.txt"] = "alt"
	loseCatalog(t, w)
	restore()
	w.Serve()
	for range 2 {
		for _, d := range desks {
			d.try()
			for name, want := range newer {
				if !d.has("an_KVBbg/"+name) || d.read("an_KVBbg/"+name) != want {
					t.Fatalf("%s lost %s: %v", d.vendor, name, d.tree())
				}
			}
		}
	}
	for _, d := range desks { // under its name, or as a conflict copy
		found := false
		for name := range d.tree() {
			found = found || !strings.HasSuffix(name, "/") && d.read(name) == "zweite Fassung"
		}
		if !found {
			t.Errorf("%s lost the second version: %v", d.vendor, d.tree())
		}
	}
	for name := range newer {
		if on := served(t, w, "anna", "/dav/"); on["an_KVBbg/"+name] == "" {
			t.Errorf("the server did not get %s back: %v", name, on)
		}
	}
}
