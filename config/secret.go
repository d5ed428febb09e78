// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Environment variables of secrets. The file wins nothing over the variable:
// both at once are refused.
const (
	envPassword     = "POSTFACH_SMTP_PASSWORD"
	envPasswordFile = "POSTFACH_SMTP_PASSWORD_FILE"
)

// usual are passwords that stand in examples and manuals (P35).
var usual = []string{
	"password", "passwort", "kennwort", "secret", "geheim", "changeme", "change-me", "change_me", "changeit", "default",
	"admin", "root", "test", "test1234", "demo", "example", "beispiel", "postfach", "smtp", "mail", "user", "guest",
	"123456", "12345678", "123456789", "1234567890", "qwertz", "qwerty", "xxx", "xxxx", "xxxxxxxx", "todo", "none",
}

// smtpPassword reads the password that belongs to the user of notify.smtp.
func (l *loader) smtpPassword(s *section, relay SMTP) string {
	direct, file := l.getenv(envPassword), l.getenv(envPasswordFile)
	wanted := relay.User != ""
	switch {
	case relay.Host == "": // notify.smtp itself is wrong; say that first
		return ""
	case direct != "" && file != "":
		l.add(0, envPassword, "is set beside "+envPasswordFile+"; keep one of them")
		return ""
	case !wanted && (direct != "" || file != ""):
		s.fault("smtp", "names no user, but there is a password in the environment: write smtp://USER@HOST")
		return ""
	case !wanted:
		return ""
	case direct == "" && file == "":
		s.fault("smtp", "user %q has no password; set %s or %s", relay.User, envPassword, envPasswordFile)
		return ""
	}
	name, password := envPassword, direct
	if file != "" {
		name = envPasswordFile
		text, err := l.secretFile(l.resolve(file))
		if err != nil {
			l.add(0, name, plainError(err))
			return ""
		}
		password = strings.TrimRight(string(text), "\r\n")
	}
	if err := acceptable(password, relay.User); err != nil {
		l.add(0, name, err.Error())
	}
	return password
}

// acceptable refuses secrets that are none. It never shows them.
func acceptable(password, user string) error {
	low := strings.ToLower(strings.TrimSpace(password))
	switch {
	case low == "":
		return errors.New("is empty")
	case strings.ContainsFunc(password, isControl):
		return errors.New("holds a line break or another control character")
	case slices.Contains(usual, low):
		return errors.New("is a password that stands in examples; choose another")
	case low == strings.ToLower(user):
		return fmt.Errorf("is the same as the user name %q", user)
	}
	return nil
}
