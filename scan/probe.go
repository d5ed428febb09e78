// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"time"

	"postfach/mailbox"
)

// probe is the self-test before ready, well under two seconds: we trust no
// clamd.conf. It gives the first problem, or none.
func (g *Gate) probe(ctx context.Context) Problem {
	if err := g.askVersion(ctx); err != nil {
		return Problem{Unreachable, err.Error()}
	}
	if p := g.probeSamples(ctx); p.Code != "" {
		return p
	}
	if p := g.probeStreamLimit(ctx); p.Code != "" {
		return p
	}
	return g.probeDescriptors(ctx)
}

// probeSamples scans small contents whose verdict is known.
func (g *Gate) probeSamples(ctx context.Context) Problem {
	is := func(r mailbox.Reason) func(mailbox.Verdict) bool {
		return func(v mailbox.Verdict) bool { return v.Outcome == mailbox.Unjudgeable && v.Reason == r }
	}
	for _, sample := range []struct {
		code    Code
		content []byte
		want    func(mailbox.Verdict) bool
		skip    bool
	}{
		{TestFileMissed, testFile(), func(v mailbox.Verdict) bool { return v.Outcome == mailbox.Malicious }, false},
		{EncryptedPassed, encryptedZip(), is(mailbox.ReasonEncryptedArchive), false},
		{EncryptedPassed, encryptedPDFSample(), is(mailbox.ReasonEncryptedDocument), false},
		{RecursionPassed, nestedZip(), is(mailbox.ReasonScanLimits), false},
		{OwnMissing, []byte(marker()), isProbe, g.opt.NoOwnSignatures},
	} {
		if sample.skip {
			continue
		}
		v, err := g.clamd.bytes(ctx, sample.content)
		if err != nil {
			return Problem{Unreachable, err.Error()}
		}
		if !sample.want(v) {
			return Problem{sample.code, describe(v)}
		}
	}
	return Problem{}
}

// streamWait is how long clamd gets to object to a chunk that is too long; it
// objects at once (measured).
const streamWait = 200 * time.Millisecond

// probeStreamLimit announces one chunk of max_size without sending it: an
// immediate answer means that StreamMaxLength is too small. A later question on
// another connection is answered first, so that a busy clamd has seen ours.
func (g *Gate) probeStreamLimit(ctx context.Context) Problem {
	conn, release, err := g.clamd.open(ctx)
	if err != nil {
		return Problem{Unreachable, err.Error()}
	}
	defer release()
	announce := binary.BigEndian.AppendUint32([]byte("zINSTREAM\x00"), uint32(g.opt.MaxSize))
	if err := g.clamd.write(conn, announce); err != nil {
		return Problem{Unreachable, err.Error()}
	}
	if err := g.clamd.ping(ctx); err != nil {
		return Problem{Unreachable, err.Error()}
	}
	if err := conn.SetReadDeadline(time.Now().Add(streamWait)); err != nil {
		return Problem{Unreachable, err.Error()}
	}
	b, err := readReply(conn)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() && len(b) == 0 {
		return Problem{}
	}
	if ctx.Err() != nil {
		return Problem{Unreachable, ctx.Err().Error()}
	}
	return Problem{StreamTooShort, fmt.Sprintf("announced %d bytes, clamd answers %.80q", g.opt.MaxSize, b)}
}

// probeDescriptors finds out whether clamd can read what we spool. If not (for
// example because of AppArmor), the bytes go over the connection instead; that
// is slower, not less safe, and is said in the log.
func (g *Gate) probeDescriptors(ctx context.Context) Problem {
	works := false
	if g.opt.StagingDir != "" && g.opt.Address.Network == "unix" {
		v, err := g.passTestFile(ctx)
		if err != nil && ctx.Err() == nil { // a connection may break; a refusal is one twice
			v, err = g.passTestFile(ctx)
		}
		if err == nil && v.Outcome != mailbox.Malicious {
			return Problem{TestFileMissed, "by descriptor: " + describe(v)}
		}
		if ctx.Err() != nil {
			return Problem{Unreachable, ctx.Err().Error()}
		}
		if works = err == nil; !works && !g.said {
			g.said = true
			g.opt.Log.WarnContext(ctx, "clamd cannot read the staging folder by descriptor, so the bytes are sent (see deploy/apparmor)", "err", err)
		}
	}
	g.state.with(func(s *state) { s.fds = works })
	return Problem{}
}

// passTestFile passes the test file from the staging folder, once nameless and
// once as a read-only named file; a storage may spool either way.
func (g *Gate) passTestFile(ctx context.Context) (mailbox.Verdict, error) {
	var v mailbox.Verdict
	for _, nameless := range []bool{true, false} {
		err := withSpool(g.opt.StagingDir, nameless, func(w *os.File) error {
			_, err := w.Write(testFile())
			return err
		}, func(r *os.File) (err error) {
			v, err = g.clamd.descriptor(ctx, r, int64(len(testFile())))
			return err
		})
		if err != nil || v.Outcome != mailbox.Malicious {
			return v, err
		}
	}
	return v, nil
}

// describe a verdict for the log.
func describe(v mailbox.Verdict) string {
	switch v.Outcome {
	case mailbox.Clean:
		return "clamd says OK"
	case mailbox.Unjudgeable, mailbox.Malicious:
		return "clamd says " + v.Signature
	}
	return "clamd says nothing"
}
