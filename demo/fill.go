// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

// lists are invented; so are all persons, members and numbers in them.
//
//go:embed lists/*.csv
var lists embed.FS

// act is one request of somebody.
type act struct {
	as, method, path string // path is not encoded
	list             string // body of a PUT
	to               string // Destination of a MOVE
	want             int    // status
}

// sampleActs fill the mailboxes by the ways that people use: everything in
// them was scanned, recorded and told.
func sampleActs() []act {
	const draft, errata = "/dav/4711/Postausgang/", "Fehlerliste Jahresmeldung 2025.csv"
	return []act{
		{as: "bert", method: "PUT", path: "/dav/0815/Korrekturliste März 2026.csv", list: "korrekturliste", want: 201},
		{as: "bert", method: "PUT", path: "/dav/0815/Postausgang/Fehlerliste April 2026 (Entwurf).csv", list: "fehlerliste", want: 201},
		{as: "anna", method: "PUT", path: "/dav/an_KVBbg/Jahresmeldung 2025.csv", list: "jahresmeldung", want: 201},
		{as: "anna", method: "PUT", path: "/dav/an_KVBbg/Änderungen Februar 2026.csv", list: "aenderungen", want: 201},
		{as: "bert", method: "MOVE", path: "/dav/0815/an_KVBbg/Änderungen Februar 2026.csv", to: "/dav/0815/KVBBG-SB-Posteingang/Änderungen Februar 2026.csv", want: 201},
		{as: "bert", method: "PUT", path: draft + errata, list: "fehlerliste", want: 201},
		{as: "carla", method: "GET", path: draft + errata, want: 200},
		{as: "carla", method: "MOVE", path: draft + errata, to: "/dav/4711/" + errata, want: 201},
		{as: "bert", method: "PUT", path: draft + "Korrekturliste April 2026.csv", list: "korrekturliste", want: 201},
		{as: "emil", method: "PUT", path: "/dav/an_KVBbg/Jahresmeldung 2025.csv", list: "jahresmeldung", want: 201},
	}
}

// sampleFile is there to be uploaded by the lines that the guide prints.
func (in *instance) sampleFile() string { return filepath.Join(in.o.Dir, "Liste.csv") }

func (in *instance) writeSampleFile() error {
	b, err := lists.ReadFile("lists/fehlerliste.csv")
	if err != nil {
		return err
	}
	return os.WriteFile(in.sampleFile(), b, 0o600)
}

func (in *instance) fill(ctx context.Context) error {
	for _, a := range sampleActs() {
		got, err := in.do(ctx, a)
		if err != nil {
			return err
		}
		if got != a.want && got != http.StatusNoContent { // 204: a start that broke off had come so far
			return fmt.Errorf("%s %s as %s: status %d, want %d", a.method, a.path, a.as, got, a.want)
		}
	}
	return nil
}

// do makes the request and reads the answer to its end.
func (in *instance) do(ctx context.Context, a act) (status int, err error) {
	var body io.Reader
	if a.list != "" {
		b, err := lists.ReadFile("lists/" + a.list + ".csv")
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, a.method, in.url+encode(a.path), body)
	if err != nil {
		return 0, err
	}
	r.SetBasicAuth(a.as, in.passwords[a.as])
	if a.to != "" {
		r.Header.Set("Destination", in.url+encode(a.to))
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func encode(path string) string { return (&url.URL{Path: path}).EscapedPath() }
