// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	goclamd "github.com/dutchcoders/go-clamd"

	"postfach/mailbox"
	"postfach/scan/scantest"
)

// The proof of the deviation (README, docs/scanner.md): for an upload that
// broke off before its infected part, go-clamd says OK, our client nothing.
func TestGoClamdCallsBrokenStreamClean(t *testing.T) {
	d := scantest.Start(t, scantest.Options{})
	broken := func() io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("harmless ", 10_000)), failing{errors.New("the client has gone")})
	}
	abort := make(chan bool)
	defer close(abort)
	answers, err := goclamd.NewClamd(strings.Replace(d.Address, ":", "://", 1)).ScanStream(broken(), abort)
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for a := range answers {
		said += a.Status
	}
	if said != goclamd.RES_OK {
		t.Errorf("go-clamd says %q now; the deviation's reason is gone", said)
	}
	v, err := testClient(t, d.Address).stream(t.Context(), broken(), 100_000)
	if err == nil || v.Outcome != mailbox.NoVerdict {
		t.Errorf("our client says %+v, %v", v, err)
	}
}

// postfach check gets a second opinion, and neither hangs nor panics.
func TestDiagnose(t *testing.T) {
	d := scantest.Start(t, scantest.Options{TCP: true})
	for _, a := range []string{d.Address, d.TCPAddress} {
		got, err := Diagnose(t.Context(), address(t, a))
		if err != nil || !strings.HasPrefix(got.Version, "ClamAV ") || !got.TestFileFound || got.Threads == "" {
			t.Errorf("%s: %+v, %v", a, got, err)
		}
	}
	p := scantest.StartProxy(t, d, "tcp")
	p.Set(scantest.Fault{CutReply: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // go-clamd hangs here
	defer cancel()
	if got, err := Diagnose(ctx, address(t, p.Address)); err == nil || got.TestFileFound {
		t.Errorf("through a broken connection: %+v, %v", got, err)
	}
	if _, err := Diagnose(t.Context(), address(t, "unix:/nowhere/clamd.ctl")); err == nil {
		t.Error("no clamd, no error")
	}
}
