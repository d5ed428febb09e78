// SPDX-License-Identifier: Apache-2.0

package config

import (
	"testing"
	"time"
)

// What an authority's scripts write and rely on, as it was agreed.
const agreed = `listen: 127.0.0.1:8080
metrics_listen: 127.0.0.1:9090
url: https://austausch.example.org        # public base, used in links
# tls: {cert: FILE, key: FILE}
trusted_proxies: [10.0.0.0/8]
authority: {name: Versorgungskasse Beispielland, short: VKB, language: de, timezone: Europe/Berlin, service_contact: Telefon 1, security_address: s@example.org}
folders: {to_authority: an_KVBbg, caseworker_inbox: KVBBG-SB-Posteingang, outbox: Postausgang}
catalog: sqlite:/var/lib/postfach/catalog.db
storage: dir:/var/lib/postfach/blobs
scan: {clamd: unix:/run/clamav/clamd.ctl, max_size: 2000MiB, signatures_max_age: 72h, encrypted: {archives: refuse, documents: refuse}}
notify: {smtp: smtp://user@host:587?tls=required, from: postfach@example.org, quiet: 2m, at_most: 15m, staff_address: team@example.org}
release: single                            # or four-eyes
`

// TestAgreedConfiguration: it loads as it stands, weakens nothing, and means
// what it says.
func TestAgreedConfiguration(t *testing.T) {
	c, err := Load(write(t, agreed), env(envPassword, "Wiesel-Pfad-39"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Weakenings()) != 0 {
		t.Errorf("it weakens: %q", c.Weakenings())
	}
	for what, ok := range map[string]bool{
		"listen": c.Listen == "127.0.0.1:8080" && c.MetricsListen == "127.0.0.1:9090", "url": c.URL == "https://austausch.example.org",
		"folders": c.Folders.ToAuthority == "an_KVBbg" && c.Folders.CaseworkerInbox == "KVBBG-SB-Posteingang" && c.Folders.Outbox == "Postausgang",
		"catalog": c.Catalog == Place{"sqlite", "/var/lib/postfach/catalog.db"}, "storage": c.Storage == Place{"dir", "/var/lib/postfach/blobs"},
		"scan":    c.Scan.MaxSize == 2000<<20 && c.Scan.SignaturesMaxAge == 72*time.Hour && c.Scan.Encrypted == Encrypted{} && c.Scan.OwnSignatures,
		"relay":   c.Notify.SMTP == SMTP{User: "user", Password: "Wiesel-Pfad-39", Host: "host", Port: 587, TLS: "required"},
		"timing":  c.Notify.Quiet == 2*time.Minute && c.Notify.AtMost == 15*time.Minute,
		"release": c.Release == "single", "proxies": len(c.TrustedProxies) == 1 && c.TrustedProxies[0].String() == "10.0.0.0/8",
	} {
		if !ok {
			t.Errorf("%s: %+v", what, c)
		}
	}
}
