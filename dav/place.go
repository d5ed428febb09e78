// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"net"
	"net/url"
	"strings"

	"postfach/mailbox"
	"postfach/reply"
)

// places turns URLs into mailbox paths and back.
type places struct {
	prefix string   // of the WebDAV root, without the trailing slash: "/dav"
	others []string // other prefixes of the same tree
	host   string   // of the public address, lower case, without port; may be empty
}

// decode reads the escaped path of a URL, exactly once. An encoded slash would
// name another place after decoding than before, so it is refused.
func (p places) decode(escaped string) (string, error) {
	for i := 0; i+2 < len(escaped); i++ {
		if escaped[i] == '%' && escaped[i+1] == '2' && (escaped[i+2]|0x20) == 'f' {
			return "", mailbox.E(mailbox.NameRefused, mailbox.ReasonNameCharacter)
		}
	}
	s, err := url.PathUnescape(escaped)
	if err != nil {
		return "", mailbox.E(mailbox.Invalid, mailbox.ReasonMalformed, "URL")
	}
	return s, nil
}

// below cuts a prefix off a decoded URL path. "/davX" is not below "/dav".
func (p places) below(decoded string) (string, bool) {
	if rest, ok := cutRoot(decoded, p.prefix); ok {
		return rest, true
	}
	for _, prefix := range p.others {
		if rest, ok := cutRoot(decoded, prefix); ok {
			return rest, true
		}
	}
	return "", false
}

func cutRoot(decoded, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(decoded, prefix)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	return rest, true
}

// reference reads an absolute URL or an absolute path as it stands in
// Destination and in the tags of If. foreign means another server, or a part of
// this one that is not the WebDAV root. Ports and schemes are not compared: a
// proxy in front may use its own (CLIENTS.md section 4, row 27).
func (p places) reference(ref, requestHost string) (path mailbox.Path, foreign bool, err error) {
	rest := ref
	if i := strings.Index(ref, "://"); i >= 0 && !strings.HasPrefix(ref, "/") {
		scheme, authority := strings.ToLower(ref[:i]), ref[i+3:]
		if scheme != "http" && scheme != "https" {
			return mailbox.Path{}, true, nil
		}
		rest = "/"
		if j := strings.IndexAny(authority, "/?#"); j >= 0 {
			authority, rest = authority[:j], authority[j:]
		}
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			authority = authority[at+1:]
		}
		if h := hostname(authority); h == "" || h != hostname(requestHost) && h != p.host {
			return mailbox.Path{}, true, nil
		}
	}
	if !strings.HasPrefix(rest, "/") || strings.ContainsAny(rest, "?#") {
		return mailbox.Path{}, false, mailbox.E(mailbox.Invalid, mailbox.ReasonMalformed, "URL")
	}
	decoded, err := p.decode(rest)
	if err != nil {
		return mailbox.Path{}, false, err
	}
	inside, ok := p.below(decoded)
	if !ok {
		return mailbox.Path{}, true, nil
	}
	return mailbox.ParsePath(inside), false, nil
}

// destination reads the Destination header of COPY and MOVE (RFC 4918 section
// 10.3). Missing is kind Invalid, another server is answered 502.
func (p places) destination(header, requestHost string) (mailbox.Path, error) {
	if header == "" || len(header) > maxReference {
		return mailbox.Path{}, mailbox.E(mailbox.Invalid, mailbox.ReasonMalformed, "Destination")
	}
	path, foreign, err := p.reference(header, requestHost)
	if foreign {
		return path, reply.WithStatus(502, mailbox.E(mailbox.Invalid, mailbox.ReasonForeignHost))
	}
	return path, err
}

// maxReference bounds a URL in a header, in bytes: a path of 1,024 bytes, all
// percent-encoded, with room for the host.
const maxReference = 4096

// hostname is the host of an authority, lower case, without port, brackets and
// trailing dot.
func hostname(authority string) string {
	h := authority
	if host, _, err := net.SplitHostPort(authority); err == nil {
		h = host
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(h, "[]"), "."))
}

// hrefSafe marks the bytes that stand for themselves in an href: unreserved
// characters and those delimiters that no client is known to misread. Ampersand
// and apostrophe are encoded, so that an href needs no XML escaping.
var hrefSafe = func() (t [256]bool) {
	for c := range 256 {
		t[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("-._~!$()*,:=@/", byte(c)) >= 0 && c < 0x80
	}
	return t
}()

// appendHref percent-encodes a decoded path once.
func appendHref(dst []byte, path string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(path) {
		if c := path[i]; hrefSafe[c] {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}
