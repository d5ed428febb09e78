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
	if relay.Host == "" { // notify.smtp itself is wrong; say that first
		return ""
	}
	name, password, ok := l.secret(envPassword, envPasswordFile)
	wanted := relay.User != ""
	switch {
	case !ok:
		return ""
	case !wanted && name != "":
		s.fault("smtp", "names no user, but there is a password in the environment: write smtp://USER@HOST")
		return ""
	case !wanted:
		return ""
	case name == "":
		s.fault("smtp", "user %q has no password; set %s or %s", relay.User, envPassword, envPasswordFile)
		return ""
	}
	if err := acceptable(password, relay.User); err != nil {
		l.add(0, name, err.Error())
	}
	return password
}

// secret reads a secret from one of two environment variables, the second of
// which names a file, and says from which; name is "" when neither is set. ok is
// false after a fault.
func (l *loader) secret(direct, file string) (name, text string, ok bool) {
	value, path := l.getenv(direct), l.getenv(file)
	switch {
	case value != "" && path != "":
		l.add(0, direct, "is set beside "+file+"; keep one of them")
		return "", "", false
	case value != "":
		return direct, value, true
	case path == "":
		return "", "", true
	}
	content, err := l.secretFile(l.resolve(path))
	if err != nil {
		l.add(0, file, plainError(err))
		return "", "", false
	}
	return file, strings.TrimRight(string(content), "\r\n"), true
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
