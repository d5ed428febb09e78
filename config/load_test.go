// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// base is the least configuration that loads; a test changes lines of it.
const base = `url: https://austausch.example.org
authority:
  name: Beispielkasse
  service_contact: Telefon 1
  security_address: sicherheit@example.org
catalog: sqlite:data/catalog.db
storage: dir:data/blobs
notify:
  smtp: smtp://relay.example.org
  from: postfach@example.org
  staff_address: team@example.org
`

func show(c Config) string { return strings.ReplaceAll(fmt.Sprintf("%+v", c), " ", "\n") }

// write makes a configuration file and gives its path.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "postfach.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestDefaults(t *testing.T) {
	path := write(t, base)
	c, err := Load(path, env())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"listen", c.Listen, "127.0.0.1:8080"}, {"metrics", c.MetricsListen, "127.0.0.1:9090"},
		{"url", c.URL, "https://austausch.example.org"}, {"short", c.Authority.Short, "Beispielkasse"},
		{"language", c.Authority.Language, "de"}, {"zone", c.Authority.Timezone.String(), "Europe/Berlin"},
		{"folders", c.Folders, Folders{"an_KVBbg", "KVBBG-SB-Posteingang", "Postausgang", "Zurückgewiesen"}},
		{"catalog", c.Catalog, Place{"sqlite", filepath.Join(dir, "data/catalog.db")}},
		{"storage", c.Storage, Place{"dir", filepath.Join(dir, "data/blobs")}},
		{"clamd", c.Scan.Clamd, "unix:/run/clamav/clamd.ctl"}, {"max_size", c.Scan.MaxSize, int64(2000 << 20)},
		{"age", c.Scan.SignaturesMaxAge, 72 * time.Hour}, {"own", c.Scan.OwnSignatures, true},
		{"encrypted", c.Scan.Encrypted, Encrypted{}}, {"plain", c.Scan.PlainTCP, false},
		{"smtp", c.Notify.SMTP, SMTP{Host: "relay.example.org", Port: 587, TLS: "required"}},
		{"quiet", c.Notify.Quiet, 2 * time.Minute}, {"at most", c.Notify.AtMost, 15 * time.Minute},
		{"operator", c.Notify.OperatorAddress, "sicherheit@example.org"},
		{"release", c.Release, "single"}, {"door", c.ReleaseDoor, "any"}, {"machine", c.ReleaseMachine, "refuse"},
		{"quota", c.Quota, Quota{10 << 30, 20 << 30}}, {"duration", c.Upload.MaxDuration, 12 * time.Hour},
		{"log", c.Log, Log{Level: "info", Format: "json"}}, {"weakenings", len(c.Weakenings()), 0},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, tc.got, tc.want)
		}
	}
}

// change replaces or adds lines of base: "notify.from: x" or "release: x" or
// whole blocks that begin a new key.
func change(old, replacement string) string {
	if old == "" {
		return base + replacement + "\n"
	}
	if !strings.Contains(base, old) {
		panic(old)
	}
	return strings.Replace(base, old, replacement, 1)
}

const (
	urlLine  = "url: https://austausch.example.org"
	smtpLine = "smtp: smtp://relay.example.org"
)

// Each refusal names its line and its key (issue 2, item 4).
func TestRefusals(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		// the form of the file
		{"", "relase: single", "12: relase: unknown key; known here: audit_segments, authority, backup, catalog"},
		{"", "scan: {max_sise: 1MiB}", "12: scan.max_sise: unknown key; known here: ca, clamd"},
		{"", "scan: {encrypted: {files: refuse}}", "12: scan.encrypted.files: unknown key"},
		{"", "release: single\nrelease: four-eyes", "13: release: is given twice, first in line 12"},
		{"", "release:", "12: release: has no value; remove the line"},
		{"  name: Beispielkasse", "  name:", "3: authority.name: has no value; give one, for example name: "},
		{"", "release: ''", "12: release: is empty"},
		{"", "release: [single]", "12: release: must be a single value, this is a list"},
		{"", "release: {a: b}", "12: release: must be a single value, this is a group of keys"},
		{"", "release: &x single", "12: release: must be a single value, this is a reference"},
		{"", "release: !!str single", "12: release: must be a single value, this is a value with a tag"},
		{"", "scan: on", "12: scan: must be a group of keys, this is a single value"},
		{"", "trusted_proxies: 10.0.0.1", "12: trusted_proxies: must be a list"},
		{"", "trusted_proxies: [[a]]", "12: trusted_proxies: must hold single values, this is a list"},
		{"", "? [a, b]\n: c", "13: found an invalid key"},
		{"", "  indented: wrongly", "12: "},
		{"", "---\nrelease: single", ": the file holds more than one document"},
		{"name: Beispielkasse", "name: \"Beispiel\\nBcc: x@example.org\"", "3: authority.name: holds a line break"},
		// doors
		{urlLine, "#", "1: url: is missing, for example url: https://"},
		{urlLine, "url: http://austausch.example.org", "1: url: http://austausch.example.org would send passwords in plain text"},
		{urlLine, "url: ftp://austausch.example.org", "1: url: \"ftp://austausch.example.org\" does not begin with https://"},
		{urlLine, "url: austausch.example.org", "1: url: "},
		{urlLine, "url: https://a.example.org/postfach", "1: url: \"https://a.example.org/postfach\" must end after the host name"},
		{urlLine, "url: https://me@a.example.org", "1: url: "},
		{urlLine, "url: https://a.example.org?x=1", "1: url: "},
		{"", "listen: 0.0.0.0:8080", "12: listen: 0.0.0.0:8080 takes passwords in plain text"},
		{"", "listen: :8080", "12: listen: :8080 takes passwords in plain text"},
		{"", "listen: '[::]:8080'", "12: listen: [::]:8080 takes passwords in plain text"},
		{"", "listen: 8080", "12: listen: \"8080\" is no address to listen on"},
		{"", "listen: example.org:80", "12: listen: \"example.org\" is neither an IP address nor localhost"},
		{"", "listen: 127.0.0.1:99999", "12: listen: \"99999\" is no port"},
		{"", "metrics_listen: 127.0.0.1:8080", "12: metrics_listen: is the same as listen"},
		{"", "trusted_proxies: [10.0.0.1, 0.0.0.0/0]", "12: trusted_proxies: 0.0.0.0/0 trusts everybody"},
		{"", "trusted_proxies:\n  - 10.0.0.1\n  - proxy", "14: trusted_proxies: \"proxy\" is neither"},
		{"", "trusted_proxies: []", "12: trusted_proxies: holds nothing"},
		{"", "tls: {cert: missing.pem}", "12: tls.key: is missing"},
		{"", "tls: {cert: missing.pem, key: missing.pem}", "12: tls.cert: "},
		{"", "tls: {cert: postfach.yaml, key: postfach.yaml}", "12: tls.cert: certificate and key cannot be used"},
		{"", "shutdown: 5", "12: shutdown: \"5\" is no duration"},
		// authority
		{"  name: Beispielkasse\n", "", "2: authority.name: is missing"},
		{"  security_address: sicherheit@example.org\n", "", "2: authority.security_address: is missing"},
		{"security_address: sicherheit@example.org", "security_address: wir", "5: authority.security_address: \"wir\" is no mail address"},
		{"  name: Beispielkasse", "  name: x\n  language: fr", "4: authority.language: \"fr\" is none of de, en"},
		{"  name: Beispielkasse", "  name: x\n  timezone: Berlin", "4: authority.timezone: \"Berlin\" is no time zone"},
		{"  name: Beispielkasse", "  name: x\n  timezone: Local", "4: authority.timezone: \"Local\" is no time zone"},
		// folders and names
		{"", "folders:\n  outbox: AN_kvbbg", "13: folders.outbox: \"AN_kvbbg\" is the same as folders.to_authority"},
		{"", "folders: {outbox: Root}", "12: folders.outbox: \"Root\" is the same as the word for the root"},
		{"", "folders: {outbox: a/b}", "12: folders.outbox: \"a/b\" holds one of"},
		{"", "folders: {outbox: v1.0}", "12: folders.outbox: \"v1.0\" holds one of"},
		{"", "folders: {outbox: ' x'}", "12: folders.outbox: \" x\" begins or ends with a space"},
		{"", "folders: {outbox: lpt1}", "12: folders.outbox: \"lpt1\" is a reserved name"},
		{"", "names: {member_number: '('}", "12: names.member_number: \"(\" is no regular expression"},
		{"", "names: {member_number: '[0-9]*'}", "12: names.member_number: \"[0-9]*\" matches where nothing is"},
		{"", "names: {member_number: '(0)(1)'}", "12: names.member_number: the pattern has more than one group"},
		// places
		{"catalog: sqlite:data/catalog.db\n", "", "1: catalog: is missing"},
		{"catalog: sqlite:data/catalog.db", "catalog: data/catalog.db", "6: catalog: \"data/catalog.db\" is not of the form sqlite:PATH"},
		{"catalog: sqlite:data/catalog.db", "catalog: sqlite:data/blobs/catalog.db", "6: catalog: "},
		{"storage: dir:data/blobs", "storage: s3://host/bucket", "7: storage: endpoint=\"\" is not of the form"},
		{"storage: dir:data/blobs", "storage: 'dir:'", "7: storage: \"dir:\" is not of the form dir:PATH"},
		{"", "storage_reserve: 1KiB", "12: storage_reserve: 1KiB is under 1 MiB"},
		// scan
		{"", "scan:\n  max_size: 3000MiB", "13: scan.max_size: 3000MiB is over 2000 MiB, clamd cannot scan more"},
		{"", "scan:\n  max_size: 2000MB", "13: scan.max_size: \"2000MB\" has no unit that is known here"},
		{"", "scan:\n  max_size: 2000", "13: scan.max_size: \"2000\" has no unit"},
		{"", "scan:\n  max_size: -1MiB", "13: scan.max_size: \"-1MiB\" is no size"},
		{"", "scan:\n  max_size: 99999999999TiB", "13: scan.max_size: 99999999999TiB is too large"},
		{"", "scan:\n  max_size: off", "13: scan.max_size: \"off\" is no size"},
		{"", "scan: {clamd: off}", "12: scan.clamd: \"off\" is none of unix:PATH"},
		{"", "scan: {clamd: 'unix:clamd.ctl'}", "12: scan.clamd: "},
		{"", "scan: {clamd: 'tcp:10.0.0.9:3310'}", "12: scan.clamd: tcp:10.0.0.9:3310 would send every document in plain text"},
		{"", "scan: {clamd: 'tls:host'}", "12: scan.clamd: \"host\" is no HOST:PORT"},
		{"", "scan: {ca: postfach.yaml}", "12: scan.ca: "},
		{"", "scan: {signatures_max_age: 1000h}", "12: scan.signatures_max_age: 1000h is over 720h (or off)"},
		{"", "scan: {signatures_max_age: 0s}", "12: scan.signatures_max_age: 0s is under 1h (or off)"},
		{"", "scan: {own_signatures: maybe}", "12: scan.own_signatures: \"maybe\" is none of on, off"},
		{"", "scan: {encrypted: {archives: yes}}", "12: scan.encrypted.archives: \"yes\" is none of refuse, accept"},
		{"", "scan: {timeout: 1s}", "12: scan.timeout: 1s is under 10s"},
		{"", "scan: {concurrent: 0}", "12: scan.concurrent: \"0\" is no whole number from 1 to 1000"},
		// notify
		{"  " + smtpLine + "\n", "", "8: notify.smtp: is missing"},
		{smtpLine, "smtp: smtp://relay.example.org?tls=none", "9: notify.smtp: tls=none sends mails in plain text to relay.example.org"},
		{smtpLine, "smtp: smtp://relay.example.org?tls=maybe", "9: notify.smtp: tls=\"maybe\" is none of"},
		{smtpLine, "smtp: smtp://relay.example.org?tls=required&tls=none", "9: notify.smtp: may hold ?tls= once"},
		{smtpLine, "smtp: smtp://relay.example.org?starttls=no", "9: notify.smtp: may hold ?tls= once"},
		{smtpLine, "smtp: smtps://relay.example.org", "9: notify.smtp: is not of the form smtp://"},
		{smtpLine, "smtp: smtp://relay.example.org:0", "9: notify.smtp: \"0\" is no port"},
		{smtpLine, "smtp: smtp://me:geheim@relay.example.org", "9: notify.smtp: holds a password; give it by POSTFACH_SMTP_PASSWORD"},
		{smtpLine, "smtp: smtp://me@relay.example.org", "9: notify.smtp: user \"me\" has no password; set POSTFACH_SMTP_PASSWORD"},
		{"from: postfach@example.org", "from: Postfach", "10: notify.from: "},
		{"staff_address: team@example.org", "staff_address: Team <team@example.org>", "11: notify.staff_address: "},
		{"staff_address: team@example.org", "staff_address: team@example.org\n  at_most: 1m", "12: notify.at_most: 1m is less than notify.quiet, 2m"},
		{"staff_address: team@example.org", "staff_address: team@example.org\n  templates: nowhere", "12: notify.templates: "},
		{"staff_address: team@example.org", "staff_address: team@example.org\n  rate: 0", "12: notify.rate: "},
		// rules and limits
		{"", "release: nobody", "12: release: \"nobody\" is none of single, four-eyes"},
		{"", "release_door: dav", "12: release_door: "},
		{"", "release_machine: always", "12: release_machine: "},
		{"", "quota: 10GiB", "12: quota: must be a group of keys"},
		{"", "quota: {current: 0MiB}", "12: quota.current: 0MiB is under 1 MiB (or off)"},
		{"", "versions_keep: {days: -1}", "12: versions_keep.days: "},
		{"", "audit_segments: 31s", "12: audit_segments: 31s is over 30s"},
		{"", "audit_segments: off", "12: audit_segments: "},
		{"", "scrub: {every: 1s}", "12: scrub.every: 1s is under 1m"},
		{"", "scrub: {sample: 0}", "12: scrub.sample: "},
		{"", "scrub: {rate: 1KiB}", "12: scrub.rate: "},
		{"", "upload: {max_duration: 1s}", "12: upload.max_duration: 1s is under 1m"},
		{"", "upload: {spool_max: 1GiB}", "12: upload.spool_max: 1 GiB is less than one document of scan.max_size, 2000 MiB"},
		{"", "upload: {per_account: 1GiB}", "12: upload.per_account: 1 GiB is less than one document"},
		{"", "upload: {per_account: 99GiB}", "12: upload.per_account: 99 GiB is over upload.spool_max, 64 GiB"},
		{"", "log: {level: loud}", "12: log.level: "},
		{"", "log: {syslog: udp:127.0.0.1:514}", "12: log.syslog: \"udp:127.0.0.1:514\" is none of unix:PATH, tls:HOST:PORT, tcp:HOST:PORT"},
		{"", "log: {syslog: tcp:192.0.2.1:601}", "12: log.syslog: tcp:192.0.2.1:601 would send the log in plain text"},
		{"", "log: {syslog: unix:log}", "12: log.syslog: \"unix:log\" needs the whole path"},
		{"", "log: {ca: postfach.yaml}", "12: log.ca: "},
	} {
		t.Run(tc.new, func(t *testing.T) {
			path := write(t, change(tc.old, tc.new))
			_, err := Load(path, env())
			if err == nil {
				t.Fatal("loaded")
			}
			if want := path + ":" + strings.TrimPrefix(tc.want, ":"); !strings.Contains(err.Error(), want) {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}

// All faults come at once, by line.
func TestAllFaultsAtOnce(t *testing.T) {
	path := write(t, "listen: 0.0.0.0:80\nurl: http://a.example.org\nscan:\n  max_size: 3000MiB\n  encrypted: {archives: no}\nextra: 1\n")
	_, err := Load(path, env())
	faults, ok := errors.AsType[Faults](err)
	if !ok {
		t.Fatalf("%T", err)
	}
	var got []string
	for _, f := range faults {
		got = append(got, fmt.Sprintf("%d %s", f.Line, f.Key))
	}
	want := "1 listen|1 authority.name|1 authority.service_contact|1 authority.security_address|1 catalog|1 storage|" +
		"1 notify.smtp|1 notify.from|1 notify.staff_address|2 url|4 scan.max_size|5 scan.encrypted.archives|6 extra"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
}

func TestAccepted(t *testing.T) {
	for _, tc := range []struct {
		old, new string
		ok       func(Config) bool
	}{
		{urlLine, "url: http://localhost:8080/", func(c Config) bool { return c.URL == "http://localhost:8080" }},
		{urlLine, "url: http://127.0.0.1:8080", func(c Config) bool { return c.URL == "http://127.0.0.1:8080" }},
		{"", "listen: 127.0.0.1:0\nmetrics_listen: 127.0.0.1:0", func(c Config) bool { return c.Listen == c.MetricsListen }},
		{"", "listen: 0.0.0.0:8080\ntrusted_proxies: [10.0.0.7, 'fd00::/8', 10.1.2.3/16]", func(c Config) bool {
			return fmt.Sprint(c.TrustedProxies) == "[10.0.0.7/32 fd00::/8 10.1.0.0/16]"
		}},
		{"", "metrics_listen: off", func(c Config) bool { return c.MetricsListen == "" }},
		{"", "scan: {clamd: 'tcp:127.0.0.1:3310'}", func(c Config) bool { return c.Scan.Clamd == "tcp:127.0.0.1:3310" }},
		{"", "scan: {clamd: 'tcp:10.0.0.9:3310', plain_tcp: allow}", func(c Config) bool { return c.Scan.PlainTCP }},
		{"", "scan: {clamd: 'tls:scan.example.org:3310', signatures_max_age: off, own_signatures: off}", func(c Config) bool {
			return c.Scan.SignaturesMaxAge == 0 && !c.Scan.OwnSignatures
		}},
		{"", "scan: {max_size: 100 MiB}", func(c Config) bool { return c.Scan.MaxSize == 100<<20 }},
		{"", "quota: {current: off}", func(c Config) bool { return c.Quota == Quota{} }},
		{"", "quota: {current: 1GiB}", func(c Config) bool { return c.Quota == Quota{1 << 30, 2 << 30} }},
		{"", "names: {member_number: '(?:^|[^0-9])(0[0-9]{3})'}", func(c Config) bool {
			return c.Names.MemberNumber.FindStringSubmatch("Liste 0816.csv")[1] == "0816"
		}},
		{"", "folders: {outbox: \"Ausga\\u0308nge\"}", func(c Config) bool { return c.Folders.Outbox == "Ausgänge" }},
		{"", "upload: {spool_max: 3GiB}", func(c Config) bool { return c.Upload.PerAccount == 2000<<20 }},
		{smtpLine, "smtp: smtp://127.0.0.1:2525?tls=none", func(c Config) bool {
			return c.Notify.SMTP == SMTP{Host: "127.0.0.1", Port: 2525, TLS: "none"}
		}},
		{smtpLine, "smtp: smtp://relay.example.org?tls=implicit\n  rate: off", func(c Config) bool {
			return c.Notify.SMTP.Port == 465 && c.Notify.Rate == 0
		}},
		{"name: Beispielkasse", "name: |\n    Beispielkasse", func(c Config) bool { return c.Authority.Name == "Beispielkasse" }},
		{"name: Beispielkasse", "name: 0815", func(c Config) bool { return c.Authority.Name == "0815" }},
	} {
		t.Run(tc.new, func(t *testing.T) {
			c, err := Load(write(t, change(tc.old, tc.new)), env())
			if err != nil {
				t.Fatal(err)
			}
			if !tc.ok(c) {
				t.Errorf("%+v", c)
			}
		})
	}
}

// Secrets come from the environment or a file, and default ones are refused (P35).
func TestSecrets(t *testing.T) {
	withUser := change(smtpLine, "smtp: smtp://me@relay.example.org")
	good := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(good, []byte("Wiesel-Pfad-39\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		text string
		env  []string
		want string // "" for success
	}{
		{withUser, []string{envPassword, "Wiesel-Pfad-39"}, ""},
		{withUser, []string{envPasswordFile, good}, ""},
		{withUser, []string{envPassword, "x1", envPasswordFile, good}, "POSTFACH_SMTP_PASSWORD: is set beside"},
		{withUser, []string{envPassword, "changeme"}, "POSTFACH_SMTP_PASSWORD: is a password that stands in examples"},
		{withUser, []string{envPassword, "  "}, "POSTFACH_SMTP_PASSWORD: is empty"},
		{withUser, []string{envPassword, "ME"}, "POSTFACH_SMTP_PASSWORD: is the same as the user name"},
		{withUser, []string{envPassword, "a\r\nRCPT"}, "POSTFACH_SMTP_PASSWORD: holds a line break"},
		{withUser, []string{envPasswordFile, "missing"}, "POSTFACH_SMTP_PASSWORD_FILE: "},
		{withUser, []string{envPasswordFile, "/dev/zero"}, "POSTFACH_SMTP_PASSWORD_FILE: /dev/zero is no file"},
		{base, []string{envPassword, "Wiesel-Pfad-39"}, "9: notify.smtp: names no user"},
	} {
		c, err := Load(write(t, tc.text), env(tc.env...))
		switch {
		case tc.want == "" && err != nil:
			t.Errorf("%v: %v", tc.env, err)
		case tc.want == "" && c.Notify.SMTP.Password != "Wiesel-Pfad-39":
			t.Errorf("%v: password %q", tc.env, c.Notify.SMTP.Password)
		case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%v: %v, want %s", tc.env, err, tc.want)
		case err != nil && strings.Contains(err.Error(), "Wiesel"):
			t.Errorf("the password is in the text: %v", err)
		}
	}
}

func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, &about, &about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "postfach.yaml")
	text := base + "listen: :443\ntls: {cert: cert.pem, key: key.pem}\nscan: {clamd: 'tls:s.example.org:3310', ca: cert.pem}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, env())
	if err != nil {
		t.Fatal(err)
	}
	if c.TLS.Key != filepath.Join(dir, "key.pem") || c.Scan.CA != filepath.Join(dir, "cert.pem") || len(c.Weakenings()) != 0 {
		t.Errorf("%+v, %v", c, c.Weakenings())
	}
	if err := os.Chmod(filepath.Join(dir, "key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	if c, err = Load(path, env()); err != nil || len(c.Weakenings()) != 1 {
		t.Errorf("a key that all can read: %v, %v", c.Weakenings(), err)
	}
}

// Each setting that protects less is said, in both languages (P62).
func TestWeakenings(t *testing.T) {
	for _, tc := range []struct{ old, new, want string }{
		{"", "scan: {own_signatures: off}", "scan.own_signatures"},
		{"", "scan: {signatures_max_age: off}", "scan.signatures_max_age: off"},
		{"", "scan: {signatures_max_age: 200h}", "scan.signatures_max_age: 200h"},
		{"", "scan: {plain_tcp: allow}", "scan.plain_tcp"},
		{"", "scan: {encrypted: {archives: accept}}", "scan.encrypted.archives"},
		{"", "scan: {encrypted: {documents: accept}}", "scan.encrypted.documents"},
		{smtpLine, "smtp: smtp://localhost?tls=none", "notify.smtp"},
		{urlLine, "url: http://localhost:8080", "url: http://localhost:8080"},
		{"", "listen: :80\ntrusted_proxies: [10.0.0.1]", "listen: :80"},
		{"", "metrics_listen: :9090", "metrics_listen: :9090"},
		{"", "release_machine: direct", "release_machine"},
	} {
		var sentences []string
		for _, language := range []string{"de", "en"} {
			text := strings.Replace(change(tc.old, tc.new), "authority:\n", "authority:\n  language: "+language+"\n", 1)
			c, err := Load(write(t, text), env())
			if err != nil {
				t.Errorf("%s: %v", tc.new, err)
				continue
			}
			said := c.Weakenings()
			if len(said) != 1 || !strings.HasPrefix(said[0], tc.want) {
				t.Errorf("%s: %q", tc.new, said)
				continue
			}
			sentences = append(sentences, said[0])
		}
		if len(sentences) == 2 && sentences[0] == sentences[1] {
			t.Errorf("%s: one language for both: %s", tc.new, sentences[0])
		}
	}
}

func TestFileItself(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml"), env()); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("missing: %v", err)
	}
	if _, err := Load(t.TempDir(), env()); err == nil || !strings.Contains(err.Error(), "is no file") {
		t.Errorf("folder: %v", err)
	}
	if _, err := Load(write(t, base+strings.Repeat("#\n", 1<<17)), env()); err == nil || !strings.Contains(err.Error(), "is over 128 KiB") {
		t.Errorf("large: %v", err)
	}
	path := write(t, base)
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, env()); err == nil || !strings.Contains(err.Error(), "everybody on this machine may change this file") {
		t.Errorf("writable: %v", err)
	}
}

// FuzzLoad: whatever the file holds, there are either faults with lines of
// the file, or settings that keep the promises of this package.
func FuzzLoad(f *testing.F) {
	f.Add(base)
	f.Add(change("", "scan: {max_size: 3000MiB, clamd: 'tcp:h:1'}"))
	f.Add(change(urlLine, "url: http://localhost"))
	f.Add("a: &x [*x]\n? b\n: - c\n<<: {}\n")
	if text, err := os.ReadFile(examplePath); err == nil {
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := &loader{reader: &reader{file: "f"}, dir: "/nowhere", getenv: noenv}
		c, err := l.load([]byte(text))
		if err != nil {
			faults, ok := errors.AsType[Faults](err)
			if !ok || len(faults) == 0 {
				t.Fatalf("%T %v", err, err)
			}
			for _, fault := range faults {
				if fault.Line < 0 || fault.Line > strings.Count(strings.ReplaceAll(text, "\r", "\n"), "\n")+2 || fault.Text == "" {
					t.Fatalf("%+v in a file of %d lines", fault, strings.Count(text, "\n")+1)
				}
			}
			return
		}
		if c.Scan.MaxSize > maxScan || c.Scan.MaxSize < 1 || c.Upload.SpoolMax < c.Scan.MaxSize || c.Notify.AtMost < c.Notify.Quiet {
			t.Fatalf("%+v", c)
		}
		if !strings.HasPrefix(c.URL, "https://") && !strings.HasPrefix(c.URL, "http://") || strings.ContainsAny(c.URL, "\r\n") {
			t.Fatalf("url %q", c.URL)
		}
		if c.Notify.SMTP.TLS == "none" && !loopback(c.Notify.SMTP.Host) {
			t.Fatalf("%+v", c.Notify.SMTP)
		}
	})
}

// A hostile depth ends in a fault, not in the end of the process.
func TestDeepNesting(t *testing.T) {
	for _, opener := range []string{"[", "{a: ", "- ", "? ", "a: ", "&a ", "!t "} {
		for _, times := range []int{900, 30_000} {
			if _, err := Load(write(t, strings.Repeat(opener, times)), env()); err == nil {
				t.Errorf("%d times %q loaded", times, opener)
			}
		}
	}
}
