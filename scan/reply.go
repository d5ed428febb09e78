// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"fmt"
	"strings"

	"postfach/mailbox"
)

// Names under which clamd and our own signatures say that they could not look
// inside. Everything else that is FOUND is malicious, Postfach.Probe in a
// user's file too: nobody has a reason to upload the marker of our self-test.
const (
	limitPrefix     = "Heuristics.Limits.Exceeded."
	scanTimeName    = "Heuristics.Limits.Exceeded.MaxScanTime"
	encryptedPrefix = "Heuristics.Encrypted."
	encryptedPDF    = "Heuristics.Encrypted.PDF"
	dictionaryName  = "Heuristics.XZ.DicSizeLimit"
	ownPrefix       = "Postfach.Unscannable."
	ownEncrypted    = "Postfach.Unscannable.Encrypted."
	ownStructure    = "Postfach.Unscannable.Structure."
	probeName       = "Postfach.Probe"
)

// command is one of clamd's two ways to take a content.
type command int

const (
	inStream command = iota // the bytes over the connection
	fildes                  // an open descriptor
)

// maxReply bounds what is read of clamd's answer, in bytes; its longest
// ordinary answer is a signature name.
const maxReply = 4096

// parseReply reads clamd's complete answer to cmd, ending NUL included. Clean
// is only the exact form; every answer that is neither clean nor a finding is
// an error (I1).
func parseReply(cmd command, b []byte) (mailbox.Verdict, error) {
	body, ok := strings.CutSuffix(string(b), "\x00")
	if !ok || strings.ContainsRune(body, 0) {
		return mailbox.Verdict{}, fmt.Errorf("clamd's answer is cut off or malformed: %.80q", b)
	}
	rest, ok := cutSubject(cmd, body)
	if !ok {
		return mailbox.Verdict{}, fmt.Errorf("clamd answers %.200q", body)
	}
	if rest == "OK" {
		return mailbox.Verdict{Outcome: mailbox.Clean}, nil
	}
	name, ok := strings.CutSuffix(rest, " FOUND")
	if !ok || !orderlyName(name) {
		return mailbox.Verdict{}, fmt.Errorf("clamd answers %.200q", body)
	}
	return classify(name), nil
}

// cutSubject takes "stream: " or "fd[<digits>]: " off the front.
func cutSubject(cmd command, s string) (string, bool) {
	if cmd == inStream {
		return strings.CutPrefix(s, "stream: ")
	}
	s, ok := strings.CutPrefix(s, "fd[")
	if !ok {
		return "", false
	}
	digits, rest, ok := strings.Cut(s, "]: ")
	if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	return rest, true
}

// orderlyName says whether a signature name is fit for logs and people.
func orderlyName(s string) bool {
	if s == "" || len(s) > 512 {
		return false
	}
	for _, r := range s {
		if r < 0x20 || r > 0x7e {
			return false
		}
	}
	return true
}

// classify tells a finding from "could not look inside". clamd appends
// .UNOFFICIAL to names of signatures that ClamAV did not sign.
func classify(name string) mailbox.Verdict {
	unjudgeable := func(r mailbox.Reason) mailbox.Verdict {
		return mailbox.Verdict{Outcome: mailbox.Unjudgeable, Signature: name, Reason: r}
	}
	switch {
	case name == scanTimeName:
		return unjudgeable(mailbox.ReasonScanTime)
	case strings.HasPrefix(name, limitPrefix), name == dictionaryName:
		return unjudgeable(mailbox.ReasonScanLimits)
	case name == encryptedPDF, strings.HasPrefix(name, ownEncrypted):
		return unjudgeable(mailbox.ReasonEncryptedDocument)
	case strings.HasPrefix(name, encryptedPrefix):
		return unjudgeable(mailbox.ReasonEncryptedArchive)
	case strings.HasPrefix(name, ownStructure):
		return unjudgeable(mailbox.ReasonArchiveStructure)
	case strings.HasPrefix(name, ownPrefix):
		return unjudgeable(mailbox.ReasonArchiveMethod)
	}
	return mailbox.Verdict{Outcome: mailbox.Malicious, Signature: name}
}

// isProbe says whether a verdict is our own marker's.
func isProbe(v mailbox.Verdict) bool {
	return v.Outcome == mailbox.Malicious &&
		(v.Signature == probeName || strings.HasPrefix(v.Signature, probeName+"."))
}
