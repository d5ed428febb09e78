// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// maxScan is the most that clamd can look at with some room left below its
// 2 GiB-1 in bytes.
const maxScan = 2000 * mib

// scan reads the scanner gate. Nothing here switches it off (P62).
func (l *loader) scan(s *section) {
	defer s.done()
	c := &l.c.Scan
	c.Clamd = value(s, "clamd", "unix:/run/clamav/clamd.ctl", parseClamd)
	c.CA = l.roots(s, "ca")
	c.PlainTCP = s.choice("plain_tcp", "refuse", "allow") == "allow"
	c.MaxSize = value(s, "max_size", maxScan, sizeBetween(kib, maxScan, ", clamd cannot scan more"))
	c.SignaturesMaxAge = value(s, "signatures_max_age", 72*time.Hour, orOff(durationBetween(time.Hour, 30*24*time.Hour)))
	c.OwnSignatures = s.choice("own_signatures", "on", "off") == "on"
	c.Timeout = value(s, "timeout", 15*time.Minute, durationBetween(10*time.Second, 2*time.Hour))
	c.Concurrent = value(s, "concurrent", 10, intBetween(1, 1000))
	e := s.sub("encrypted")
	defer e.done()
	c.Encrypted.AcceptArchives = e.choice("archives", "refuse", "accept") == "accept"
	c.Encrypted.AcceptDocuments = e.choice("documents", "refuse", "accept") == "accept"

	kind, rest, _ := strings.Cut(c.Clamd, ":")
	if kind == "tcp" && !c.PlainTCP {
		if host, err := parseHostPort(rest); err == nil && !loopback(host) {
			s.fault("clamd", "%s would send every document in plain text; use tls:HOST:PORT, or say plain_tcp: allow", c.Clamd)
		}
	}
	if c.CA != "" && kind != "tls" {
		s.fault("ca", "is used for clamd: tls:HOST:PORT only")
	}
}

// parseClamd checks unix:PATH, tls:HOST:PORT or tcp:HOST:PORT.
func parseClamd(text string) (string, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch kind {
	case "unix":
		if !filepath.IsAbs(rest) {
			return "", fmt.Errorf("%q needs the whole path of the socket, such as unix:/run/clamav/clamd.ctl", text)
		}
		return text, nil
	case "tcp", "tls":
		_, err := parseHostPort(rest)
		return text, err
	}
	return "", fmt.Errorf("%q is none of unix:PATH, tls:HOST:PORT, tcp:HOST:PORT", text)
}

// rules reads what governs releases and room.
func (l *loader) rules(top *section) {
	l.c.Release = top.choice("release", "single", "four-eyes")
	l.c.ReleaseDoor = top.choice("release_door", "any", "web")
	l.c.ReleaseMachine = top.choice("release_machine", "refuse", "direct")

	room := orOff(sizeBetween(mib, 1024*tib, ""))
	q := top.sub("quota")
	defer q.done()
	l.c.Quota.Current = value(q, "current", 10*gib, room)
	l.c.Quota.Superseded = value(q, "superseded", 2*l.c.Quota.Current, room)

	k := top.sub("versions_keep")
	defer k.done()
	l.c.VersionsKeep = VersionsKeep{
		Days:  value(k, "days", 30, intBetween(0, 36500)),
		Count: value(k, "count", 5, intBetween(0, 1000)),
	}
}

// upload reads what may be under way at a time.
func (l *loader) upload(s *section) {
	defer s.done()
	u := &l.c.Upload
	u.MaxDuration = value(s, "max_duration", 12*time.Hour, durationBetween(time.Minute, 7*24*time.Hour))
	u.Memory = value(s, "memory", 64*mib, sizeBetween(mib, tib, ""))
	u.SpoolMax = value(s, "spool_max", 64*gib, sizeBetween(mib, 1024*tib, ""))
	l.c.Bucket.Spool = l.path(s, "spool")
	switch kind := l.c.Storage.Kind; {
	case kind == "s3" && !s.given("spool"):
		s.required("spool", "/var/lib/postfach/spool")
	case kind == "dir" && s.given("spool"):
		s.fault("spool", "is used with storage: s3:// only; a folder keeps its uploads itself")
	}
	most := l.c.Scan.MaxSize
	u.PerAccount = value(s, "per_account", max(u.SpoolMax/2, min(u.SpoolMax, most)), sizeBetween(mib, 1024*tib, ""))
	switch {
	case u.SpoolMax < most:
		s.fault("spool_max", "%s is less than one document of scan.max_size, %s", showSize(u.SpoolMax), showSize(most))
	case u.PerAccount < most:
		s.fault("per_account", "%s is less than one document of scan.max_size, %s", showSize(u.PerAccount), showSize(most))
	case u.PerAccount > u.SpoolMax:
		s.fault("per_account", "%s is over upload.spool_max, %s", showSize(u.PerAccount), showSize(u.SpoolMax))
	}
}

func (l *loader) log(s *section) {
	defer s.done()
	l.c.Log = Log{
		Level:  s.choice("level", "info", "debug", "warn", "error"),
		Format: s.choice("format", "json", "text"),
		Syslog: value(s, "syslog", "", parseSyslog),
		CA:     l.roots(s, "ca"),
	}
	if l.c.Log.CA != "" && !strings.HasPrefix(l.c.Log.Syslog, "tls:") {
		s.fault("ca", "is used for syslog: tls:HOST:PORT only")
	}
}

// parseSyslog checks unix:PATH, tls:HOST:PORT or, on this machine, tcp:HOST:PORT.
func parseSyslog(text string) (string, error) {
	kind, rest, _ := strings.Cut(text, ":")
	switch kind {
	case "unix":
		if !filepath.IsAbs(rest) {
			return "", fmt.Errorf("%q needs the whole path of the socket, such as unix:/dev/log", text)
		}
		return text, nil
	case "tls", "tcp":
		host, err := parseHostPort(rest)
		if err == nil && kind == "tcp" && !loopback(host) {
			err = fmt.Errorf("%s would send the log in plain text; use tls:HOST:PORT", text)
		}
		return text, err
	}
	return "", fmt.Errorf("%q is none of unix:PATH, tls:HOST:PORT, tcp:HOST:PORT", text)
}
