// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// notify reads the mail settings.
func (l *loader) notify(s *section) {
	defer s.done()
	n := &l.c.Notify
	n.SMTP = value(s, "smtp", SMTP{}, parseSMTP)
	if !s.given("smtp") {
		s.required("smtp", "smtp://postfach@mail.example.org:587?tls=required")
	}
	n.SMTP.Password = l.smtpPassword(s, n.SMTP)
	n.CA = l.roots(s, "ca")
	n.From = value(s, "from", "", parseMailbox)
	if !s.given("from") {
		s.required("from", "Postfach <postfach@example.org>")
	}
	n.Quiet = value(s, "quiet", 2*time.Minute, durationBetween(0, 24*time.Hour))
	n.AtMost = value(s, "at_most", max(15*time.Minute, n.Quiet), durationBetween(0, 7*24*time.Hour))
	if n.AtMost < n.Quiet {
		s.fault("at_most", "%s is less than notify.quiet, %s", showDuration(n.AtMost), showDuration(n.Quiet))
	}
	n.StaffAddress = value(s, "staff_address", "", parseAddress)
	if !s.given("staff_address") {
		s.required("staff_address", "sachbearbeitung@example.org")
	}
	n.OperatorAddress = cmp.Or(value(s, "operator_address", "", parseAddress), l.c.Authority.SecurityAddress)
	n.Templates = l.path(s, "templates")
	if n.Templates != "" {
		if info, err := os.Stat(n.Templates); err != nil {
			s.fault("templates", "%s", plainError(err))
		} else if !info.IsDir() {
			s.fault("templates", "%s is no folder", n.Templates)
		}
	}
	n.Rate = value(s, "rate", 60, orOff(intBetween(1, 100000)))
}

// parseSMTP reads smtp://USER@HOST:PORT?tls=required, implicit or none.
func parseSMTP(text string) (SMTP, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "smtp" || u.Hostname() == "" || u.Opaque != "" {
		return SMTP{}, errors.New("is not of the form smtp://USER@HOST:PORT?tls=required")
	}
	if _, has := u.User.Password(); has {
		return SMTP{}, fmt.Errorf("holds a password; give it by %s or %s", envPassword, envPasswordFile)
	}
	if strings.Trim(u.Path, "/") != "" || u.Fragment != "" {
		return SMTP{}, errors.New("must end after host, port and ?tls=")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(query["tls"]) > 1 || len(query) > 1 || len(query) == 1 && query["tls"] == nil {
		return SMTP{}, errors.New("may hold ?tls= once and nothing else")
	}
	r := SMTP{Host: u.Hostname(), User: u.User.Username(), TLS: "required"}
	if given := query["tls"]; given != nil {
		r.TLS = given[0]
	}
	ports := map[string]int{"required": 587, "implicit": 465, "none": 25}
	if r.Port = ports[r.TLS]; r.Port == 0 {
		return SMTP{}, fmt.Errorf("tls=%q is none of required, implicit, none", r.TLS)
	}
	if u.Port() != "" {
		if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
			return SMTP{}, fmt.Errorf("%q is no port", u.Port())
		} else {
			r.Port = int(n)
		}
	}
	if strings.ContainsFunc(r.Host+r.User, isControl) || strings.Contains(r.Host, " ") {
		return SMTP{}, errors.New("host or user holds a character that neither may have")
	}
	if r.TLS == "none" && !loopback(r.Host) {
		return SMTP{}, fmt.Errorf("tls=none sends mails in plain text to %s; it is for a relay on this machine only", r.Host)
	}
	return r, nil
}
