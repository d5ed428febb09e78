// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"postfach/test/world"
)

// TestCommandsBesideServer: every command does its work beside a running server
// that is busy with uploads, and disturbs none of them; scripts of the authority
// rely on these very lines.
func TestCommandsBesideServer(t *testing.T) {
	w := whole(t, world.Everybody())
	w.Put(t, "anna", "/dav/an_KVBbg/Liste.csv", "Liste")
	w.Put(t, "bert", "/dav/0815/Postausgang/Entwurf.txt", "Entwurf")
	w.Put(t, "anna", "/dav/an_KVBbg/weg.txt", "weg")
	w.Do(t, world.Exchange{As: "anna", Method: "DELETE", Path: "/dav/an_KVBbg/weg.txt", Want: 204})
	var removed struct{ ID int64 }
	if err := json.Unmarshal([]byte(w.CLI("", "entry", "list", "0815", "--path", "/an_KVBbg", "--removed", "--json")), &removed); err != nil || removed.ID == 0 {
		t.Fatalf("%+v, %v", removed, err)
	}
	members, accounts := w.Dir+"/m.csv", w.Dir+"/a.csv"
	writeFile(t, members, "Mitgliedsnummer;Name\n0820;Amt Import\n")
	writeFile(t, accounts, "Anmeldename;Person;E-Mail;Rolle;Mitgliedsnummer\nimport;Ina Import;ina@example.org;clerk;0820\n")

	var ending atomic.Bool
	uploads := make(chan int)
	go func() {
		n := 0
		for ; !ending.Load(); n++ {
			a, err := w.Send(world.Exchange{As: "emil", Method: "PUT", Path: fmt.Sprintf("/dav/an_KVBbg/f%d", n), Body: fmt.Sprint(n)})
			if err != nil || a.Status != 201 {
				t.Errorf("upload %d beside the commands: %d %v", n, a.Status, err)
			}
		}
		uploads <- n
	}()
	for _, c := range []struct{ stdin, line, want string }{
		{"", "version", "postfach "},
		{"", "check", "scanner"},
		{"", "check --brief", "POSTFACH OK"},
		{"", "check --mail-preview", "Neue Dokumente"},
		{"", "member add 0819 Stadt_Neustadt", "0819"},
		{"", "member import " + members, "1 members added"},
		{"", "member list", "0820"},
		{"", "member rename 0819 Stadt_Altstadt", "Altstadt"},
		{"", "member set 0819 --release four-eyes", "changed"},
		{"", "member show 0819", "four-eyes"},
		{world.Password, "account add nora --person Nora_Neu --email nora@example.org --role clerk --member 0819 --layout direct --password-stdin", "added"},
		{world.Password, "account add gerd --person Gerd_Ganz --email gerd@example.org --role caseworker --member all --layout members --responsible --password-stdin", "added"},
		{world.Password, "account add lauf --person Gerd_Ganz --email gerd@example.org --kind machine --role clerk --member 0819 --password-stdin", "added"},
		{"", "account import " + accounts, "1 accounts added"},
		{"", "account grant nora --role clerk --member 0819 --from 2026-01-01 --until 2099-12-31 --responsible", "is clerk for member 0819"},
		{"", "account list", "nora"},
		{"", "account show nora --json", `"login": "nora"`},
		{"", "account set nora --language en", "changed"},
		{"", "account disable nora", "disabled"},
		{"", "account enable nora", "enabled"},
		{"", "account unlock nora", "unlocked"},
		{"ein anderes Kennwort", "account password nora --password-stdin", "new password"},
		{"", "account revoke lauf --role clerk --member 0819", "is no longer clerk"},
		{"", "entry list 0815 -r", "Liste.csv"},
		{"", "entry history 0815 /an_KVBbg/Liste.csv", "anna Beispiel"},
		{"", fmt.Sprintf("entry restore %d", removed.ID), "weg.txt"},
		{world.Password, "entry return 0815 /Postausgang/Entwurf.txt --as carla --reason Datum --password-stdin", ""},
		{"", "delivery list --new", "Liste.csv"},
		{"", "notice list", "NOTICE"},
		{"", "audit list --limit 5", "RECORD"},
		{"", "audit export", `"operation":"account-add"`},
		{"", "storage verify", "0 missing or different"},
		{"", "storage collect --dry-run", "0 unnamed"},
		{"", "member close 0819 --on 2099-12-31", "closes"},
	} {
		args := strings.Fields(c.line)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "_", " ")
			if strings.HasPrefix(args[i], "/") { // a path
				args[i] = strings.Fields(c.line)[i]
			}
		}
		if out := w.CLI(c.stdin, args...); !strings.Contains(out, c.want) {
			t.Errorf("postfach %s: no %q in\n%s", c.line, c.want, out)
		}
	}
	ending.Store(true)
	if n := <-uploads; n == 0 {
		t.Error("no upload took place beside the commands")
	}
	w.CLI("", "audit", "replay", "--verify")
	w.Do(t, world.Exchange{As: "nora:ein anderes Kennwort", Method: "PUT", Path: "/dav/an_KVBbg/x", Body: "x", Want: 201})
	w.Do(t, world.Exchange{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/weg.txt", Want: 200, Contains: "weg"})
	digests := 0
	for _, r := range w.Audit(t) {
		if r.SHA256 != "" {
			digests++
			if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(r.SHA256) {
				t.Errorf("a digest of the export: %q", r.SHA256)
			}
		}
	}
	if digests == 0 {
		t.Error("no digest in the export")
	}
}
