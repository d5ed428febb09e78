// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"strings"
	"testing"
	"time"

	"postfach/test/world"
)

// goneElsewhere: a folder goes from the clerk's view while somebody has put
// something new into its copy on the desk, directly or in a folder within. What
// the server never had stays on the desk, or goes to the server.
//
// owncloudcmd 2.11 is at fault in the folders within: of folders removed on the
// server it forgets what is new there (discovery.cpp, processFileFinalize: the
// job of a removed folder is not connected to subJobFinished, so that
// _childModified ends there), says "Job within a removed directory? This should
// not happen!" and removes all of it. No answer of a server can tell it
// otherwise, short of not removing the folder; it is in docs/desktop-clients.md.
// That it does so here, and nowhere else, is asserted too.
func goneElsewhere(both eachDesk) {
	for _, g := range []struct {
		how    string
		folder string // on the desk
		act    func(t *testing.T, d *desk, box string)
	}{
		{"removed on another desk", "an_KVBbg/Ordner", func(t *testing.T, d *desk, box string) {
			d.w.Do(t, world.Exchange{As: d.login, Method: "DELETE", Path: "/dav/an_KVBbg/Ordner", Want: 204})
		}},
		{"removed by the authority", "Bescheide", func(t *testing.T, d *desk, box string) {
			d.w.Do(t, world.Exchange{As: "bert", Method: "DELETE", Path: box + "/Bescheide", Want: 204})
		}},
		{"recalled", "Bescheide", func(t *testing.T, d *desk, box string) {
			d.w.Move(t, "bert", box+"/Bescheide", box+"/Postausgang/Bescheide", 201)
		}},
		{"removed after it was taken over, as by retention", "KVBBG-SB-Posteingang/Akte", func(t *testing.T, d *desk, box string) {
			d.w.Do(t, world.Exchange{As: "bert", Method: "DELETE", Path: box + "/KVBBG-SB-Posteingang/Akte", Want: 204})
		}},
	} {
		for _, within := range []string{"", "tief/"} {
			both(g.how+", new in "+g.folder+"/"+within, func(t *testing.T, d *desk, number string) {
				treeBeforeHarm(t, d, "/dav/"+number)
				at := g.folder + "/" + within + "neu.csv"
				d.write(at, "4;5;6")
				g.act(t, d, "/dav/"+number)
				harmless(t, d, at, d.vendor == owncloud && within != "")
				if top, _, _ := strings.Cut(at, "/"); top == "an_KVBbg" && d.has(at) && served(t, d.w, d.login, "/dav/")[at] == "" {
					t.Errorf("not on the server: %v", served(t, d.w, d.login, "/dav/"))
				}
			})
		}
	}
}

// movedElsewhere: what a caseworker takes over or gives back moves on the desk,
// with what is new in it, however deep; given back, it goes to the server.
func movedElsewhere(both eachDesk) {
	for from, to := range map[string]string{"an_KVBbg/Ordner": "KVBBG-SB-Posteingang/Ordner", "KVBBG-SB-Posteingang/Akte": "an_KVBbg/Akte"} {
		for _, within := range []string{"", "tief/"} {
			both("moved to "+to+", new in "+from+"/"+within, func(t *testing.T, d *desk, number string) {
				box := "/dav/" + number
				treeBeforeHarm(t, d, box)
				d.write(from+"/"+within+"neu.csv", "4;5;6")
				d.w.Move(t, "bert", box+"/"+from, box+"/"+to, 201)
				d.try()
				harmless(t, d, to+"/"+within+"neu.csv", false)
				if strings.HasPrefix(to, "an_KVBbg") && served(t, d.w, d.login, "/dav/")[to+"/"+within+"neu.csv"] == "" {
					t.Errorf("not on the server: %v", served(t, d.w, d.login, "/dav/"))
				}
			})
		}
	}
}

// treeBeforeHarm fills a mailbox and the desk, each folder with one within. What
// only the authority may write to can be written to on the desk all the same.
func treeBeforeHarm(t *testing.T, d *desk, box string) {
	t.Helper()
	d.env = []string{"OWNCLOUD_BLACKLIST_TIME_MAX=25"}
	d.write("an_KVBbg/bleibt.csv", "bleibt") // nextcloudcmd waits for an answer before it removes everything
	for _, folder := range []string{"an_KVBbg/Ordner", "an_KVBbg/Akte"} {
		d.write(folder+"/alt.csv", "1")
		d.write(folder+"/tief/alt.csv", "1;2;3")
	}
	d.sync()
	d.w.Move(t, "bert", box+"/an_KVBbg/Akte", box+"/KVBBG-SB-Posteingang/Akte", 201)
	providedFolders(t, d, box, ".")
	must(t, os.Chmod(d.path("KVBBG-SB-Posteingang/Akte"), 0o700))
	must(t, os.Chmod(d.path("KVBBG-SB-Posteingang/Akte/tief"), 0o700))
}

// providedFolders are the authority's, two of them, on the desk too.
func providedFolders(t *testing.T, d *desk, box, rel string) {
	t.Helper()
	for _, folder := range []string{"/Bescheide", "/Bescheide/tief"} {
		d.w.Do(t, world.Exchange{As: "bert", Method: "MKCOL", Path: box + folder, Want: 201})
		d.w.Put(t, "bert", box+folder+"/Bescheid.txt", "Bescheid "+folder)
	}
	d.sync()
	d.sync()
	must(t, os.Chmod(d.path(rel+"/Bescheide"), 0o700))
	must(t, os.Chmod(d.path(rel+"/Bescheide/tief"), 0o700))
}

// harmless: the next runs leave a file on the desk that the server does not
// have; or take it away, where that is the client's known fault.
func harmless(t *testing.T, d *desk, at string, fault bool) {
	t.Helper()
	for range 3 {
		r := d.try()
		if here := d.has(at) && d.read(at) == "4;5;6"; here == fault {
			t.Fatalf("%s is on the desk: %t\n%s%s", at, here, r.requests, tail(r.out))
		}
	}
}

// roleChanges: an account that was clerk of two members is data centre of one from
// now on, which hides most of its mailbox. As long as something of the other is
// on the desk no client asks its person whether really everything is to go;
// nextcloudcmd would wait for the answer for ever.
func roleChanges(o *office, both eachDesk) {
	for _, within := range []string{"", "tief/"} {
		both("hidden from another role, new in Bescheide/"+within, func(t *testing.T, d *desk, number string) {
			other, _ := o.clerk(t)
			d.login = "rolle-" + d.login
			o.AddAccount(world.Account{Login: d.login, Role: "clerk", Member: number, Flags: []string{"--layout", "members"}})
			o.CLI("", "account", "grant", d.login, "--role", "clerk", "--member", other)
			d.sync()
			d.write(memberFolder(t, d, other)+"/an_KVBbg/bleibt.txt", "bleibt")
			rel := memberFolder(t, d, number)
			providedFolders(t, d, "/dav/"+number, rel)
			at := rel + "/Bescheide/" + within + "neu.csv"
			d.write(at, "4;5;6")
			o.CLI("", "account", "grant", d.login, "--role", "datacentre", "--member", number)
			o.CLI("", "account", "revoke", d.login, "--role", "clerk", "--member", number)
			time.Sleep(noticed)
			if on := served(t, d.w, d.login, "/dav/"); len(on) == 0 || on[rel+"/Bescheide/Bescheid.txt"] != "" {
				t.Fatalf("the role hides nothing: %v", on)
			}
			harmless(t, d, at, d.vendor == owncloud && within != "")
		})
	}
}
