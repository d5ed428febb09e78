// SPDX-License-Identifier: Apache-2.0

package test

import (
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// TestDesktopRestoreCommand: after postfach restore of an older, encrypted
// backup, files that are newer than it survive on the desks of both clients and
// come back to the server (P63).
func TestDesktopRestoreCommand(t *testing.T) {
	t.Parallel()
	identity, recipient := ageKeys(t)
	w := whole(t, world.Everybody())
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
	file := t.TempDir() + "/catalog.db.age"
	w.CLI("", "backup", file, "--encrypt-to", recipient)
	time.Sleep(1100 * time.Millisecond) // the clients compare whole seconds
	desks[0].write("an_KVBbg/nach der Sicherung.txt", "neu")
	desks[0].write("an_KVBbg/Ordner/tief.txt", "auch neu")
	desks[0].write("an_KVBbg/geändert.txt", "zweite Fassung")
	desks[0].sync()
	desks[1].sync()
	loseCatalog(t, w)
	w.CLI("", "restore", "--from", file, "--identity", identity)
	w.Serve()
	for range 2 {
		for _, d := range desks {
			d.try()
			for name, want := range map[string]string{"alt.txt": "alt", "nach der Sicherung.txt": "neu", "Ordner/tief.txt": "auch neu"} {
				if !d.has("an_KVBbg/"+name) || d.read("an_KVBbg/"+name) != want {
					t.Fatalf("%s lost %s: %v", d.vendor, name, d.tree())
				}
			}
		}
	}
	for _, d := range desks {
		found := false
		for name := range d.tree() {
			found = found || !strings.HasSuffix(name, "/") && d.read(name) == "zweite Fassung"
		}
		if !found {
			t.Errorf("%s lost the second version: %v", d.vendor, d.tree())
		}
	}
	on := served(t, w, "anna", "/dav/")
	if on["an_KVBbg/nach der Sicherung.txt"] == "" || on["an_KVBbg/Ordner/tief.txt"] == "" {
		t.Errorf("the server did not get everything back: %v", on)
	}
}
