// SPDX-License-Identifier: Apache-2.0

package dav_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"postfach/mailbox"
)

// A returned document says why, to whoever lists it in a browser or by
// PROPFIND; no client can say something else in the reviewer's name (D12).
func TestReturnedDocumentSaysWhy(t *testing.T) {
	w := newWorld(t)
	const at = "/dav/0816/Postausgang/Zurückgewiesen/"
	w.want(t, 201, "bert", "PUT", "/dav/0816/Postausgang/Liste.csv", "eins")
	w.want(t, 200, "rita", "GET", "/dav/0816/Postausgang/Liste.csv", "")
	r := httptest.NewRequest("GET", "/", nil)
	r.SetBasicAuth("rita", password)
	r.RemoteAddr = "127.0.0.1:4711"
	rita, err := w.signIn.Authenticate(context.Background(), r)
	must(t, err)
	if _, err := w.mailbox.Return(context.Background(), rita, mailbox.ParsePath("/0816/Postausgang/Liste.csv"),
		"Spalte <3> fehlt in der Übersicht"); err != nil {
		t.Fatal(err)
	}
	page := w.want(t, 200, "bert", "GET", at, "").body
	if !strings.Contains(page, "Grund der Zurückweisung: Spalte &lt;3&gt; fehlt in der Übersicht") {
		t.Errorf("the listing does not say why: %s", page)
	}
	forged := `<D:propertyupdate xmlns:D="DAV:" xmlns:P="urn:postfach:document"><D:set><D:prop><P:return-reason>nichts</P:return-reason></D:prop></D:set></D:propertyupdate>`
	if a := w.want(t, 207, "bert", "PROPPATCH", at+"Liste.csv", forged); !strings.Contains(a.body, "cannot-modify-protected-property") {
		t.Errorf("a client sets the reason: %s", a.body)
	}
	if a := w.want(t, 207, "bert", "PROPFIND", at+"Liste.csv", "", "Depth: 0"); !strings.Contains(a.body, "Spalte &lt;3&gt; fehlt") {
		t.Errorf("PROPFIND does not say why: %s", a.body)
	}
}
