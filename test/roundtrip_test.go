// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postfach/scan/scantest"
	"postfach/test/world"
)

// digest is the Repr-Digest header of a body (RFC 9530).
func digest(body string) string {
	sum := sha256.Sum256([]byte(body))
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}

// TestRoundTrip is the purpose of the product: K5, K6, K8, K9, L32.
func TestRoundTrip(t *testing.T) {
	w := whole(t, world.Everybody())
	list := "Nr;Name;Fehler\r\n1;Müller;Geburtsdatum fehlt\r\n"

	// A list in the outbox is a draft: the member sees nothing of it (D13).
	w.Put(t, "bert", "/dav/0815/Postausgang/Korrekturliste.csv", list)
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "GET", Path: "/dav/0815/Postausgang/Korrekturliste.csv", Want: 404},
		{As: "anna", Method: "GET", Path: "/dav/0815/Korrekturliste.csv", Want: 404},
	})

	// Release, mail to the clerk, download.
	w.Move(t, "bert", "/dav/0815/Postausgang/Korrekturliste.csv", "/dav/0815/Korrekturliste.csv", 201)
	mails := w.WaitMails(t, "anna@example.org", 1)
	if !strings.Contains(mails[0].Text, w.URL+"/postfach/0815") {
		t.Errorf("the mail does not hold the link of the mailbox:\n%s", mails[0].Text)
	}
	if strings.Contains(mails[0].Raw, "Korrekturliste") {
		t.Errorf("the mail names the file:\n%s", mails[0].Raw)
	}
	got := w.Get(t, "anna", "/dav/Korrekturliste.csv") // layout direct: her mailbox is the root
	if string(got.Body) != list {
		t.Errorf("downloaded %q, want %q", got.Body, list)
	}
	if got.Header.Get("Repr-Digest") != digest(list) {
		t.Errorf("Repr-Digest %q, want %q", got.Header.Get("Repr-Digest"), digest(list))
	}

	// The corrected list goes back, the caseworkers are told, bytes are identical.
	corrected := strings.Replace(list, "Geburtsdatum fehlt", "1.2.1970", 1)
	a := w.Do(t, world.Exchange{As: "anna", Method: "PUT", Path: "/dav/an_KVBbg/Korrekturliste.csv", Body: corrected,
		Header: map[string]string{"Repr-Digest": digest(corrected)}, Want: 201})
	if a.Header.Get("Repr-Digest") != digest(corrected) || a.Header.Get("ETag") == "" {
		t.Errorf("answer to the upload: %v", a.Header)
	}
	w.WaitMails(t, "bert@example.org", 1)
	if got := w.Get(t, "bert", "/dav/0815/an_KVBbg/Korrekturliste.csv"); string(got.Body) != corrected {
		t.Errorf("the caseworker reads %q", got.Body)
	}
	w.Move(t, "bert", "/dav/0815/an_KVBbg/Korrekturliste.csv", "/dav/0815/KVBBG-SB-Posteingang/Korrekturliste.csv", 201)
	taken := w.Get(t, "bert", "/dav/0815/KVBBG-SB-Posteingang/Korrekturliste.csv")
	if string(taken.Body) != corrected || taken.Header.Get("ETag") != a.Header.Get("ETag") {
		t.Errorf("after the take-over: %q, ETag %q, want %q", taken.Body, taken.Header.Get("ETag"), a.Header.Get("ETag"))
	}
	w.Do(t, world.Exchange{As: "emil", Method: "GET", Path: "/dav/0815/Korrekturliste.csv", Want: 404}) // A12
}

// TestInfectedUploadIsRefused: K4, I1.
func TestInfectedUploadIsRefused(t *testing.T) {
	w := whole(t, world.Everybody())
	eicar := string(scantest.EICAR())
	w.Put(t, "anna", "/dav/an_KVBbg/sauber.txt", "alles gut")
	places := map[string]string{
		"/dav/an_KVBbg/neu.txt":               "anna",
		"/dav/an_KVBbg/sauber.txt":            "anna", // the clean version stays
		"/dav/0815/Postausgang/Schreiben.txt": "bert",
	}
	for path, who := range places {
		a := w.Do(t, world.Exchange{As: who, Method: "PUT", Path: path, Body: eicar, Want: 415})
		for _, part := range []string{"<", "error", "message"} {
			if !bytes.Contains(a.Body, []byte(part)) {
				t.Errorf("%s: the error body lacks %q:\n%s", path, part, a.Body)
			}
		}
		if a.Header.Get("OC-ErrorString") == "" {
			t.Errorf("%s: no OC-ErrorString", path)
		}
	}
	w.Play(t, []world.Exchange{
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/neu.txt", Want: 404},
		{As: "anna", Method: "GET", Path: "/dav/an_KVBbg/sauber.txt", Want: 200, Contains: "alles gut"},
		{As: "bert", Method: "GET", Path: "/dav/0815/Postausgang/Schreiben.txt", Want: 404},
	})
	if found := filesWith(t, w.Data, eicar); len(found) > 0 {
		t.Errorf("the virus lies in %q", found)
	}
	sum := hexDigest(eicar)
	records := w.Audit(t)
	n := 0
	for _, r := range records {
		if r.SHA256 == sum && strings.Contains(strings.ToLower(r.Raw), "eicar") {
			n++
		}
	}
	if n != len(places) {
		t.Errorf("%d audit records with digest and signature, want %d", n, len(places))
	}
	// Who it was, the security address finds by the number that its mail gives.
	row := regexp.MustCompile(`(?m)^(\d+) +anna `).FindStringSubmatch(w.CLI("", "account", "list"))
	told := false
	for _, m := range w.WaitMails(t, "sicherheit@kasse.example", 2) {
		told = told || row != nil && strings.Contains(m.Text, "Konto Nr.: "+row[1]+"\n")
		if strings.Contains(m.Raw, "anna") {
			t.Errorf("the mail names the uploader:\n%s", m.Raw)
		}
	}
	if !told {
		t.Errorf("no mail gives anna's number %q", row)
	}
	if m := w.Mails("bert@example.org"); len(m) > 0 && strings.Contains(m[0].Raw, "neue Dokumente") {
		t.Errorf("a notice was sent for an infected upload:\n%s", m[0].Raw)
	}
}

// filesWith lists the files below dir that contain the needle.
func filesWith(t *testing.T, dir, needle string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // a file that goes away while we look is no finding
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(needle)) {
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
