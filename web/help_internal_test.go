// SPDX-License-Identifier: Apache-2.0

package web

import "testing"

// The address as Windows, GNOME and KDE spell it.
func TestConnectionSpellings(t *testing.T) {
	for base, want := range map[string]connection{
		"https://austausch.example.org":      {UNC: `\\austausch.example.org@SSL\dav`, Gnome: "davs://austausch.example.org/dav/", KDE: "webdavs://austausch.example.org/dav/"},
		"https://austausch.example.org:8443": {UNC: `\\austausch.example.org@SSL@8443\dav`, Gnome: "davs://austausch.example.org:8443/dav/", KDE: "webdavs://austausch.example.org:8443/dav/"},
		"http://localhost:8080":              {UNC: `\\localhost@8080\dav`, Gnome: "dav://localhost:8080/dav/", KDE: "webdav://localhost:8080/dav/"},
		"http://127.0.0.1":                   {UNC: `\\127.0.0.1\dav`, Gnome: "dav://127.0.0.1/dav/", KDE: "webdav://127.0.0.1/dav/"},
		"https://[2001:db8::1]":              {UNC: "", Gnome: "davs://[2001:db8::1]/dav/", KDE: "webdavs://[2001:db8::1]/dav/"},
	} {
		got, err := newConnection(base, "an_KVBbg", 5<<30)
		if err != nil || got.UNC != want.UNC || got.Gnome != want.Gnome || got.KDE != want.KDE || got.Dav != base+"/dav/" || got.MaxSize != "5120 MiB" {
			t.Errorf("%s: %+v, %v", base, got, err)
		}
	}
}
