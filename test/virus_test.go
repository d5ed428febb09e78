// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// TestVirusByEveryPath: whichever way bytes can come in, an infected file is
// refused with a German reason, nothing of it is in the bucket, no clerk and no
// caseworker gets a mail, and the audit log has it (K4, I1).
func TestVirusByEveryPath(t *testing.T) {
	w, server, bucket := inBucket(t)
	w.AddAccount(world.Account{Login: "skript", Role: "caseworker", Flags: []string{"--kind", "machine"}})
	eicar := string(scantest.EICAR())
	large := strings.Repeat("0123456789abcdef", 17<<20/16) + eicar // goes in parts
	w.Put(t, "anna", "/dav/an_KVBbg/sauber.txt", "sauber")
	w.WaitMails(t, "bert@example.org", 1)
	locked := w.Do(t, world.Exchange{As: "anna", Method: "LOCK", Path: "/dav/an_KVBbg/v10.txt", Body: lockBody, Want: 201})
	mails, keys := len(w.AllMails()), stored(server.Keys(t, bucket))

	const files = "/remote.php/dav/files/anna/an_KVBbg/"
	put := func(as, path, body string) world.Exchange {
		return world.Exchange{As: as, Method: "PUT", Path: path, Body: body, Want: 415, Contains: "Virenscanner"}
	}
	ways := []world.Exchange{
		put("anna", "/dav/an_KVBbg/v1.txt", eicar), put("anna", "/dav/an_KVBbg/v2.txt", large),
		put("anna", "/dav/an_KVBbg/sauber.txt", eicar), put("anna", "/dav/0815/an_KVBbg/v3.txt", eicar),
		put("anna", files+"v4.txt", eicar), put("anna", "/remote.php/webdav/an_KVBbg/v5.txt", eicar),
		put("dora", "/dav/0815/an_KVBbg/v6.txt", eicar), put("bert", "/dav/0815/Postausgang/v7.txt", eicar),
		put("bert", "/dav/0815/v8.txt", eicar), put("skript", "/dav/0815/Postausgang/v9.txt", eicar),
	}
	w.Play(t, ways)
	// Over a placeholder and a lock, as Explorer and Office do.
	x := put("anna", "/dav/an_KVBbg/v10.txt", eicar)
	x.Header = map[string]string{"If": "(" + locked.Header.Get("Lock-Token") + ")"}
	w.Do(t, x)
	// In chunks, the signature over their border.
	w.Do(t, world.Exchange{As: "anna", Method: "MKCOL", Path: chunksOf + "7", Want: 201})
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: chunksOf + "7/1", Body: eicar[:30], Want: 201})
	w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: chunksOf + "7/2", Body: eicar[30:], Want: 201})
	chunks := joins("7", "v11.txt", 415)
	chunks.Contains = "Virenscanner"
	w.Do(t, chunks)
	// From another system.
	tree := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(tree, "0815/files/an_KVBbg"), 0o700))
	writeFile(t, filepath.Join(tree, "0815/files/an_KVBbg/v12.txt"), eicar)
	report := filepath.Join(t.TempDir(), "report.csv")
	if out, err := w.Try("", "import", "--from", tree, "--report", report); err == nil || !strings.Contains(readFile(t, report), "Virenscanner") {
		t.Errorf("import: %v %s", err, out)
	}

	if left := stored(server.Keys(t, bucket)); strings.Join(left, " ") != strings.Join(keys, " ") {
		t.Errorf("in the bucket: %q, before: %q", left, keys)
	}
	found, sums := 0, map[string]bool{hexDigest(eicar): true, hexDigest(large): true}
	for _, r := range w.Audit(t) {
		if r.Operation == "refused-upload" && sums[r.SHA256] && strings.Contains(strings.ToLower(r.Raw), "eicar") {
			found++
		}
	}
	if want := len(ways) + 3; found != want {
		t.Errorf("%d records with digest and signature, not %d", found, want)
	}
	// A notice would have come by now: that of an upload that came later is there.
	w.Put(t, "anna", "/dav/an_KVBbg/danach.txt", "danach")
	eventually(t, "the notice of a clean upload", func() bool {
		return strings.Contains(fmt.Sprint(subjects(w.AllMails()[mails:])), "Neue Einreichungen")
	})
	notices := 0
	for _, m := range w.AllMails()[mails:] {
		if strings.Contains(m.Subject, "nicht angenommen") || strings.Contains(m.Subject, "abgewiesen") {
			continue // to who tried, and to who looks after security
		}
		if notices++; notices > 1 || m.To[0] != "bert@example.org" {
			t.Errorf("a mail to %s: %s", m.To, m.Subject)
		}
	}
}

// stored are the keys of contents among all.
func stored(keys []string) (all []string) {
	for _, key := range keys {
		if !strings.HasPrefix(key, "kasse/.audit") && key != "kasse/.catalog" {
			all = append(all, key)
		}
	}
	return all
}

func subjects(mails []world.Mail) (all []string) {
	for _, m := range mails {
		all = append(all, m.Subject)
	}
	return all
}
