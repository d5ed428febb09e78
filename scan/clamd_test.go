// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/scan/scantest"
	"postfach/test/faultproxy"
)

func testClient(t testing.TB, a string) *client {
	return newClient(address(t, a), nil, 30*time.Second)
}

// noise is reproducible and incompressible.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	r.Read(b)
	return b
}

// Issue 2 item 7: a signature split over any buffer border is found, in memory,
// as a stream and by descriptor.
func TestSignatureOverBorders(t *testing.T) {
	c := testClient(t, scantest.Start(t, scantest.Options{}).Address)
	sign := scantest.EICAR()
	for _, border := range []int{chunkSize, 2 * chunkSize, 1 << 20} {
		for back := 1; back < len(sign); back += 3 {
			b := noise(border + 4096)
			copy(b[border-back:], sign)
			v, err := c.bytes(t.Context(), b)
			if err != nil || v.Outcome != mailbox.Malicious {
				t.Fatalf("in memory, %d before %d: %+v, %v", back, border, v, err)
			}
			v, err = c.stream(t.Context(), bytes.NewReader(b), int64(len(b)))
			if err != nil || v.Outcome != mailbox.Malicious {
				t.Fatalf("stream, %d before %d: %+v, %v", back, border, v, err)
			}
		}
		b := append(noise(border-10), sign...)
		f := spool(t, b)
		if v, err := c.descriptor(t.Context(), f.File, f.size); err != nil || v.Outcome != mailbox.Malicious {
			t.Fatalf("descriptor, border %d: %+v, %v", border, v, err)
		}
	}
}

// torn fails after some bytes, as a broken upload would.
type torn struct{ left int }

func (r *torn) Read(b []byte) (int, error) {
	if r.left == 0 {
		return 0, errors.New("the client has gone")
	}
	n := min(r.left, len(b))
	r.left -= n
	return n, nil
}

// I1: a broken, short or long source never gets a verdict. go-clamd says OK
// here, see TestGoClamdCallsBrokenStreamClean.
func TestBrokenSourceHasNoVerdict(t *testing.T) {
	c := testClient(t, scantest.Start(t, scantest.Options{}).Address)
	for name, r := range map[string]io.Reader{
		"torn at once":         &torn{},
		"torn":                 &torn{left: 100_000},
		"torn at a chunk":      &torn{left: chunkSize},
		"short":                strings.NewReader("short"),
		"long":                 io.LimitReader(zeroReader{}, 300_001),
		"unexpected EOF":       io.MultiReader(strings.NewReader("x"), failing{io.ErrUnexpectedEOF}),
		"announced more, none": strings.NewReader(""),
	} {
		v, err := c.stream(t.Context(), r, 300_000)
		if _, ok := errors.AsType[*sourceError](err); !ok || v != (mailbox.Verdict{}) {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
	if v, err := c.stream(t.Context(), io.LimitReader(zeroReader{}, 300_000), 300_000); err != nil || v.Outcome != mailbox.Clean {
		t.Errorf("whole: %+v, %v", v, err)
	}
}

// What clamd says before it breaks off is in the error, not lost.
func TestSizeLimitIsReadable(t *testing.T) {
	c := testClient(t, scantest.Start(t, scantest.Options{StreamMaxLength: 1 << 20}).Address)
	v, err := c.stream(t.Context(), io.LimitReader(zeroReader{}, 8<<20), 8<<20)
	if err == nil || !strings.Contains(err.Error(), "size limit exceeded") || v != (mailbox.Verdict{}) {
		t.Errorf("%+v, %v", v, err)
	}
}

// DESIGN section 3: size, times and inode are equal before and after, else
// there is no verdict. The daemon's answer is held back while the file changes.
func TestChangedSpoolHasNoVerdict(t *testing.T) {
	d := scantest.Start(t, scantest.Options{})
	p := faultproxy.Start(t, d.Address, faultproxy.Options{Listen: "unix:" + filepath.Join(t.TempDir(), "clamd.ctl")})
	c := testClient(t, p.Address)
	content := noise(5000)
	for name, change := range map[string]func(path string) error{
		"longer":       func(p string) error { return os.Truncate(p, 5001) },
		"other bytes":  func(p string) error { return os.WriteFile(p, noise(5001)[1:], 0) },
		"old time":     func(p string) error { return os.Chtimes(p, time.Unix(1, 0), time.Unix(1, 0)) },
		"other rights": func(p string) error { return os.Chmod(p, 0o600) },
	} {
		f := spool(t, content)
		p.Set(faultproxy.Fault{Match: "zFILDES", StallDown: -1})
		done := make(chan error, 1)
		go func() {
			_, err := c.descriptor(t.Context(), f.File, f.size)
			done <- err
		}()
		for p.Hits() == 0 {
			time.Sleep(time.Millisecond)
		}
		if err := change(f.Name()); err != nil {
			t.Fatal(err)
		}
		p.Set(faultproxy.Fault{})
		err := <-done
		if _, ok := errors.AsType[*sourceError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	f := spool(t, content)
	if _, err := c.descriptor(t.Context(), f.File, f.size+1); err == nil {
		t.Error("a file of another size than announced got a verdict")
	}
	pipe, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer w.Close()
	if _, err := c.descriptor(t.Context(), pipe, 0); err == nil {
		t.Error("a pipe got a verdict")
	}
}

// DESIGN I1: resets at every byte of the exchange, nonsense and silence never
// yield clean.
func TestFaultsNeverYieldClean(t *testing.T) {
	d := scantest.Start(t, scantest.Options{})
	for _, network := range []string{"tcp", "unix"} {
		p := scantest.StartProxy(t, d, network)
		c := testClient(t, p.Address)
		c.idle, c.verdict = 300*time.Millisecond, 300*time.Millisecond
		content := []byte("ordinary")
		exchange := len("zINSTREAM\x00") + 4 + len(content) + 4
		answer := len("stream: OK\x00")
		var faults []scantest.Fault
		for n := 1; n < exchange; n++ {
			faults = append(faults, scantest.Fault{CutSending: n})
		}
		for n := 1; n < answer; n++ {
			faults = append(faults, scantest.Fault{CutReply: n})
		}
		faults = append(faults, scantest.Fault{Refuse: true}, scantest.Fault{CutReply: -1}, scantest.Fault{Stall: true})
		for _, reply := range []string{"stream: OK", "stream: OK\n", "OK\x00", "stream: OK\x00x", "PONG\x00",
			"\x00", "stream: ERROR\x00", strings.Repeat("stream: OK\x00", 1000)} {
			faults = append(faults, scantest.Fault{Reply: reply})
		}
		for _, f := range faults {
			p.Set(f)
			for how, scan := range map[string]func() (mailbox.Verdict, error){
				"bytes": func() (mailbox.Verdict, error) { return c.bytes(t.Context(), content) },
				"stream": func() (mailbox.Verdict, error) {
					return c.stream(t.Context(), bytes.NewReader(content), int64(len(content)))
				},
			} {
				if v, err := scan(); err == nil {
					t.Errorf("%s %s %+v: %+v", network, how, f, v)
				}
			}
		}
		p.Set()
		c.idle, c.verdict = time.Minute, time.Minute
		if v, err := c.bytes(t.Context(), content); err != nil || v.Outcome != mailbox.Clean {
			t.Errorf("%s without a fault: %+v, %v", network, v, err)
		}
	}
}

// A caller that gives up closes the connection; nothing waits for deadlines.
func TestCancelEndsScan(t *testing.T) {
	d := scantest.Start(t, scantest.Options{})
	c := testClient(t, d.Address)
	d.Pause()
	defer d.Continue()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if v, err := c.bytes(ctx, []byte("x")); err == nil || ctx.Err() == nil {
		t.Errorf("%+v, %v", v, err)
	}
}

// Issue 2 item 7: with 20 stalled uploads open, another scan goes on. (Our gate
// never stalls in front of clamd; this is what a foreign client could do.)
func TestStalledSendersDoNotDelay(t *testing.T) {
	d := scantest.Start(t, scantest.Options{MaxThreads: 2})
	c := testClient(t, d.Address)
	for range 20 {
		conn, err := net.Dial("unix", c.addr.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(binary.BigEndian.AppendUint32([]byte("zINSTREAM\x00"), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	v, err := c.bytes(t.Context(), bytes.Repeat([]byte("Musterhausen; "), 70_000))
	if err != nil || v.Outcome != mailbox.Clean {
		t.Errorf("%+v, %v", v, err)
	}
}

func BenchmarkScan(b *testing.B) {
	c := testClient(b, scantest.Start(b, scantest.Options{}).Address)
	for _, size := range []int{16 << 10, 1 << 20} {
		content := noise(size)
		b.Run(fmt.Sprintf("bytes/%dKiB", size>>10), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.bytes(b.Context(), content); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	f := spool(b, noise(16<<20))
	b.Run("descriptor/16MiB", func(b *testing.B) {
		b.SetBytes(f.size)
		for b.Loop() {
			if _, err := c.descriptor(b.Context(), f.File, f.size); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("stream/16MiB", func(b *testing.B) {
		b.SetBytes(f.size)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.stream(b.Context(), io.NewSectionReader(f, 0, f.size), f.size); err != nil {
				b.Fatal(err)
			}
		}
	})
}
