// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/mail"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const (
	kib int64 = 1 << 10
	mib int64 = 1 << 20
	gib int64 = 1 << 30
	tib int64 = 1 << 40
)

var sizePattern = regexp.MustCompile(`^([0-9]{1,18}) ?([A-Za-z]*)$`)

// parseSize reads a whole number of B, KiB, MiB, GiB or TiB.
func parseSize(text string) (int64, error) {
	m := sizePattern.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is no size; write for example 2000MiB", text)
	}
	unit, ok := map[string]int64{"B": 1, "KiB": kib, "MiB": mib, "GiB": gib, "TiB": tib}[m[2]]
	if !ok {
		return 0, fmt.Errorf("%q has no unit that is known here: B, KiB, MiB, GiB, TiB", text)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s is too large", text)
	}
	return n * unit, nil
}

// showSize is the form in which limits are told.
func showSize(n int64) string {
	switch {
	case n%tib == 0:
		return fmt.Sprintf("%d TiB", n/tib)
	case n%gib == 0:
		return fmt.Sprintf("%d GiB", n/gib)
	case n%mib == 0:
		return fmt.Sprintf("%d MiB", n/mib)
	case n%kib == 0:
		return fmt.Sprintf("%d KiB", n/kib)
	}
	return fmt.Sprintf("%d bytes", n)
}

// sizeBetween bounds a size, whyMost says who cannot do more.
func sizeBetween(least, most int64, whyMost string) func(string) (int64, error) {
	return func(text string) (int64, error) {
		n, err := parseSize(text)
		switch {
		case err != nil:
			return 0, err
		case n > most:
			return 0, fmt.Errorf("%s is over %s%s", text, showSize(most), whyMost)
		case n < least:
			return 0, fmt.Errorf("%s is under %s", text, showSize(least))
		}
		return n, nil
	}
}

// durationBetween reads a duration such as 90s, 2m or 72h.
func durationBetween(least, most time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return 0, fmt.Errorf("%q is no duration; write for example 90s, 2m or 72h", text)
		case d > most:
			return 0, fmt.Errorf("%s is over %s", text, showDuration(most))
		case d < least:
			return 0, fmt.Errorf("%s is under %s", text, showDuration(least))
		}
		return d, nil
	}
}

// showDuration leaves out the zeros that time.Duration writes.
func showDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// orOff reads the word off as the zero value.
func orOff[T any](parse func(string) (T, error)) func(string) (T, error) {
	return func(text string) (T, error) {
		if text == "off" {
			var off T
			return off, nil
		}
		v, err := parse(text)
		if err != nil {
			err = fmt.Errorf("%w (or off)", err)
		}
		return v, err
	}
}

func intBetween(least, most int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%q is no whole number from %d to %d", text, least, most)
		}
		return n, nil
	}
}

// parseListen reads HOST:PORT where HOST is an address, localhost or nothing.
func parseListen(text string) (string, error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("%q is no address to listen on; write for example 127.0.0.1:8080", text)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", fmt.Errorf("%q is no port", port)
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return "", fmt.Errorf("%q is neither an IP address nor localhost", host)
	}
	return text, nil
}

// parseHostPort reads HOST:PORT of another server.
func parseHostPort(text string) (host string, err error) {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || strings.ContainsAny(host, " /@") {
		return "", fmt.Errorf("%q is no HOST:PORT", text)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%q is no port", port)
	}
	return host, nil
}

// loopback says whether what is sent to host stays on this machine.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// parseAddress reads one mail address without a name (RFC 5322 addr-spec).
func parseAddress(text string) (string, error) {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Name != "" || a.Address != text {
		return "", fmt.Errorf("%q is no mail address", text)
	}
	return a.Address, nil
}

// parseMailbox reads one mail address with or without a name.
func parseMailbox(text string) (string, error) {
	if _, err := mail.ParseAddress(text); err != nil {
		return "", fmt.Errorf("%q is neither a mail address nor a name with one: write Name <name@example.org>", text)
	}
	return text, nil
}

func parseZone(text string) (*time.Location, error) {
	zone, err := time.LoadLocation(text)
	if err != nil || strings.EqualFold(text, "local") {
		return nil, fmt.Errorf("%q is no time zone; write for example Europe/Berlin", text)
	}
	return zone, nil
}

// parseNumberPattern reads the pattern that finds member numbers in names.
func parseNumberPattern(text string) (*regexp.Regexp, error) {
	p, err := regexp.Compile(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no regular expression: %w", text, err)
	case p.MatchString(""):
		return nil, fmt.Errorf("%q matches where nothing is", text)
	case p.NumSubexp() > 1:
		return nil, errors.New("the pattern has more than one group; the number is its one group, or the whole match")
	}
	return p, nil
}
