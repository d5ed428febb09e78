// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net"
	"strings"
	"time"
)

// longAge is where signatures_max_age is said to be long.
const longAge = 7 * 24 * time.Hour

// Weakenings are the settings that protect less than the usual ones, a
// sentence each in the authority's language. They are said at every start and
// by every check (P62).
func (c Config) Weakenings() []string {
	var said []string
	say := func(when bool, de, en string) {
		if !when {
			return
		}
		if c.Authority.Language == "en" {
			de = en
		}
		said = append(said, de)
	}
	c.scanWeakenings(say)
	c.wireWeakenings(say)
	say(c.ReleaseMachine == "direct",
		"release_machine: direct – Programmkonten dürfen ohne zweite Person in das Wurzelverzeichnis schreiben.",
		"release_machine: direct – machine accounts may write into the root without a second person.")
	say(c.Backup.To.Kind != "" && c.Backup.Recipients == "",
		"backup: ohne encrypt_to – Sicherungen des Katalogs mit allen Namen liegen unverschlüsselt.",
		"backup: without encrypt_to – backups of the catalog with all names lie there in plain text.")
	for _, path := range c.exposed {
		say(true,
			fmt.Sprintf("%s – diese geheime Datei kann auf diesem Rechner jeder lesen.", path),
			fmt.Sprintf("%s – everybody on this machine can read this secret file.", path))
	}
	return said
}

func (c Config) scanWeakenings(say func(when bool, de, en string)) {
	s := c.Scan
	say(!s.OwnSignatures,
		"scan.own_signatures: off – die eigenen Signaturen (postfach.ndb) werden nicht verlangt; manche Archive gelten als geprüft, in die clamd nicht hineinsehen konnte.",
		"scan.own_signatures: off – our own signatures (postfach.ndb) are not required; some archives count as scanned that clamd could not look into.")
	say(s.SignaturesMaxAge == 0,
		"scan.signatures_max_age: off – das Alter der Virensignaturen wird nicht geprüft.",
		"scan.signatures_max_age: off – the age of the virus signatures is not checked.")
	say(s.SignaturesMaxAge > longAge,
		fmt.Sprintf("scan.signatures_max_age: %s – Virensignaturen dürfen älter als eine Woche sein.", showDuration(s.SignaturesMaxAge)),
		fmt.Sprintf("scan.signatures_max_age: %s – virus signatures may be older than a week.", showDuration(s.SignaturesMaxAge)))
	say(s.Encrypted.AcceptArchives,
		"scan.encrypted.archives: accept – verschlüsselte Archive werden angenommen, ohne dass jemand hineinsehen konnte.",
		"scan.encrypted.archives: accept – encrypted archives are accepted although nobody could look into them.")
	say(s.Encrypted.AcceptDocuments,
		"scan.encrypted.documents: accept – verschlüsselte Dokumente werden angenommen, ohne dass jemand hineinsehen konnte.",
		"scan.encrypted.documents: accept – encrypted documents are accepted although nobody could look into them.")
	say(s.PlainTCP,
		"scan.plain_tcp: allow – Inhalte dürfen unverschlüsselt zum Virenscanner gehen.",
		"scan.plain_tcp: allow – contents may go to the scanner in plain text.")
}

// wireWeakenings are those of the ways to and from the server (P31).
func (c Config) wireWeakenings(say func(when bool, de, en string)) {
	say(c.Notify.SMTP.TLS == "none",
		"notify.smtp: tls=none – E-Mails gehen unverschlüsselt an das Relay auf diesem Rechner.",
		"notify.smtp: tls=none – mails go in plain text to the relay on this machine.")
	say(c.Bucket.PlainHTTP,
		"storage: plain_http=allow – Inhalte dürfen unverschlüsselt zum S3-Speicher gehen.",
		"storage: plain_http=allow – contents may go to the S3 storage in plain text.")
	say(strings.HasPrefix(c.URL, "http://"),
		fmt.Sprintf("url: %s – ohne TLS, nur von diesem Rechner aus zu gebrauchen.", c.URL),
		fmt.Sprintf("url: %s – without TLS, for use from this machine only.", c.URL))
	host, _, _ := net.SplitHostPort(c.Listen)
	say(c.TLS.Cert == "" && !loopback(host),
		fmt.Sprintf("listen: %s – die Strecke zwischen Proxy und Postfach ist unverschlüsselt.", c.Listen),
		fmt.Sprintf("listen: %s – the way between the proxy and Postfach is in plain text.", c.Listen))
	host, _, _ = net.SplitHostPort(c.MetricsListen)
	say(c.MetricsListen != "" && !loopback(host),
		fmt.Sprintf("metrics_listen: %s – Messwerte sind ohne Anmeldung von anderen Rechnern aus lesbar.", c.MetricsListen),
		fmt.Sprintf("metrics_listen: %s – metrics can be read from other machines without sign-in.", c.MetricsListen))
}
