// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"regexp"
	"testing"

	"postfach/mailbox"
)

// Clean is only the exact reply (I1); "could not look inside" is
// neither clean nor a virus.
func TestParseReply(t *testing.T) {
	type want struct {
		outcome mailbox.Outcome
		reason  mailbox.Reason
		name    string
	}
	for _, tc := range []struct {
		cmd   command
		reply string
		want  want // zero for an error
	}{
		{inStream, "stream: OK\x00", want{outcome: mailbox.Clean}},
		{fildes, "fd[11]: OK\x00", want{outcome: mailbox.Clean}},
		{inStream, "fd[11]: OK\x00", want{}},
		{fildes, "stream: OK\x00", want{}},
		{fildes, "fd[]: OK\x00", want{}},
		{fildes, "fd[1x]: OK\x00", want{}},
		{fildes, "fd[1]: x: OK\x00", want{}},
		{inStream, "stream: OK", want{}},
		{inStream, "stream: OK\n", want{}},
		{inStream, "stream: OK\x00\x00", want{}},
		{inStream, "stream: OK\x00stream: OK\x00", want{}},
		{inStream, " stream: OK\x00", want{}},
		{inStream, "stream: ok\x00", want{}},
		{inStream, "stream: OK \x00", want{}},
		{inStream, "1: stream: OK\x00", want{}},
		{inStream, "", want{}},
		{inStream, "\x00", want{}},
		{inStream, "stream: \x00", want{}},
		{inStream, "stream:  FOUND\x00", want{}},
		{inStream, "stream: a\x1bb FOUND\x00", want{}},
		{inStream, "stream: Can't allocate memory ERROR\x00", want{}},
		{inStream, "INSTREAM size limit exceeded. ERROR\x00", want{}},
		{inStream, "stream: Win.Test.EICAR_HDB-1 FOUND\x00", want{mailbox.Malicious, "", "Win.Test.EICAR_HDB-1"}},
		{inStream, "stream: Name(44d88612fea8a8f36de82e1278abb02f:68) FOUND\x00",
			want{mailbox.Malicious, "", "Name(44d88612fea8a8f36de82e1278abb02f:68)"}},
		{inStream, "stream: OK FOUND\x00", want{mailbox.Malicious, "", "OK"}},
		{inStream, "stream: Postfach.Probe.UNOFFICIAL FOUND\x00", want{mailbox.Malicious, "", "Postfach.Probe.UNOFFICIAL"}},
		{inStream, "stream: Heuristics.OLE2.ContainsMacros.VBA FOUND\x00",
			want{mailbox.Malicious, "", "Heuristics.OLE2.ContainsMacros.VBA"}},
		{inStream, "stream: Heuristics.Limits.Exceeded.MaxScanSize FOUND\x00",
			want{mailbox.Unjudgeable, mailbox.ReasonScanLimits, "Heuristics.Limits.Exceeded.MaxScanSize"}},
		{inStream, "stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND\x00",
			want{mailbox.Unjudgeable, mailbox.ReasonScanTime, "Heuristics.Limits.Exceeded.MaxScanTime"}},
		{inStream, "stream: Heuristics.XZ.DicSizeLimit FOUND\x00",
			want{mailbox.Unjudgeable, mailbox.ReasonScanLimits, "Heuristics.XZ.DicSizeLimit"}},
		{inStream, "stream: Heuristics.Encrypted.Zip FOUND\x00",
			want{mailbox.Unjudgeable, mailbox.ReasonEncryptedArchive, "Heuristics.Encrypted.Zip"}},
		{fildes, "fd[9]: Heuristics.Encrypted.PDF FOUND\x00",
			want{mailbox.Unjudgeable, mailbox.ReasonEncryptedDocument, "Heuristics.Encrypted.PDF"}},
		{inStream, "stream: Postfach.Unscannable.Encrypted.Office.UNOFFICIAL FOUND\x00",
			want{mailbox.Unjudgeable, mailbox.ReasonEncryptedDocument, "Postfach.Unscannable.Encrypted.Office.UNOFFICIAL"}},
		{inStream, "stream: Postfach.Unscannable.Structure.Zip64.UNOFFICIAL FOUND\x00",
			want{mailbox.Unjudgeable, mailbox.ReasonArchiveStructure, "Postfach.Unscannable.Structure.Zip64.UNOFFICIAL"}},
		{inStream, "stream: Postfach.Unscannable.Method.Rar.UNOFFICIAL FOUND\x00",
			want{mailbox.Unjudgeable, mailbox.ReasonArchiveMethod, "Postfach.Unscannable.Method.Rar.UNOFFICIAL"}},
	} {
		v, err := parseReply(tc.cmd, []byte(tc.reply))
		if (err != nil) != (tc.want == want{}) || (want{v.Outcome, v.Reason, v.Signature}) != tc.want {
			t.Errorf("%q: %+v, %v", tc.reply, v, err)
		}
	}
}

// Whatever clamd says, only the exact form is clean, and an error is never a
// verdict.
func FuzzParseReply(f *testing.F) {
	for _, s := range []string{"stream: OK\x00", "fd[3]: OK\x00", "stream: X FOUND\x00", "x ERROR\x00"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	exact := map[command]*regexp.Regexp{
		inStream: regexp.MustCompile(`\Astream: OK\x00\z`), fildes: regexp.MustCompile(`\Afd\[[0-9]+\]: OK\x00\z`),
	}
	f.Fuzz(func(t *testing.T, s string, stream bool) {
		cmd := fildes
		if stream {
			cmd = inStream
		}
		v, err := parseReply(cmd, []byte(s))
		if got := err == nil && v.Outcome == mailbox.Clean; got != exact[cmd].MatchString(s) {
			t.Fatalf("%q: clean = %v", s, got)
		}
		if (err != nil) != (v.Outcome == mailbox.NoVerdict) {
			t.Fatalf("%q: %+v with %v", s, v, err)
		}
	})
}
