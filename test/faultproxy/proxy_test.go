// SPDX-License-Identifier: Apache-2.0

package faultproxy

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// echo answers with what it is sent, and tells what arrived of each connection.
func echo(t *testing.T, network, address string) (at string, arrived chan string) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	arrived = make(chan string, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var all bytes.Buffer
				_, _ = io.Copy(c, io.TeeReader(c, &all))
				arrived <- all.String()
			}()
		}
	}()
	return network + ":" + l.Addr().String(), arrived
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	network, address, _ := strings.Cut(p.Address, ":")
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// say sends and gives everything that comes back.
func say(t *testing.T, p *Proxy, text string) (string, error) {
	t.Helper()
	c, err := net.Dial("tcp", p.HostPort())
	if err != nil {
		return "", err // already reset
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, errSent := io.WriteString(c, text) // may be cut before its end
	errEnd := c.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(c)
	return string(b), errors.Join(errSent, errEnd, err)
}

// next waits for what arrived of a connection.
func next(t *testing.T, arrived <-chan string) string {
	t.Helper()
	select {
	case got := <-arrived:
		return got
	case <-time.After(time.Minute):
		t.Fatal("nobody was called")
		return ""
	}
}

// Every fault does what it says, to the byte, and Set ends it. A reset may
// destroy what was on its way; where the end is orderly, not a byte is missing.
func TestFaultsToTheByte(t *testing.T) {
	at, arrived := echo(t, "tcp", "127.0.0.1:0")
	p := Start(t, at, Options{})
	const text = "zwölf Zeichen"
	for name, c := range map[string]struct {
		f             Fault
		arrives, back string
		broken        bool
	}{
		"nothing":         {Fault{}, text, text, false},
		"closed up":       {Fault{CutUp: 3, Orderly: true}, text[:3], "", false},
		"no byte up":      {Fault{CutUp: -1, Orderly: true}, "", "", false},
		"no byte down":    {Fault{CutDown: -1, Orderly: true}, text, "", false},
		"closed at end":   {Fault{CutDown: int64(len(text)), Orderly: true}, text, text, false},
		"ours, closed":    {Fault{Match: "zw", CutDown: 1, Orderly: true}, text, text[:1], false},
		"reset":           {Fault{Reset: true}, "", "", true},
		"cut up":          {Fault{CutUp: 3}, text[:3], text[:3], true},
		"cut up at once":  {Fault{CutUp: -1}, "", "", true},
		"cut down":        {Fault{CutDown: 5}, text, text[:5], true},
		"cut at the end":  {Fault{CutDown: int64(len(text))}, text, text, true},
		"closed":          {Fault{CutDown: 5, Orderly: true}, text, text[:5], false},
		"garbage":         {Fault{Garbage: "Unsinn"}, text, "Unsinn", false},
		"slow":            {Fault{Rate: 200}, text, text, false},
		"somebody else's": {Fault{Match: "zwölf Ziegen", Reset: true}, text, text, false},
		"ours":            {Fault{Match: "zw", CutDown: 1}, text, text[:1], true},
	} {
		p.Set(c.f)
		back, err := say(t, p, text)
		if name == "closed up" && strings.HasPrefix(text[:3], back) {
			back = "" // the answer to what arrived may still come through
		}
		if !strings.HasPrefix(c.back, back) || !c.broken && back != c.back || (err != nil) != c.broken {
			t.Errorf("%s: %q, %v", name, back, err)
		}
		if hit := p.Hits() > 0; hit != (name != "nothing" && name != "somebody else's") {
			t.Errorf("%s: %d hits", name, p.Hits())
		}
		if name == "reset" {
			continue // nobody was called
		}
		if got := next(t, arrived); !strings.HasPrefix(c.arrives, got) || !c.broken && got != c.arrives {
			t.Errorf("%s: %q arrived", name, got)
		}
	}
	p.Set(Fault{Refuse: true})
	if c, err := net.Dial("tcp", p.HostPort()); err == nil {
		t.Error("a closed door let somebody in")
		c.Close()
	} else if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Error(err)
	}
	p.Set(Fault{Times: 1, Reset: true, Match: "z"})
	if back, err := say(t, p, text); err == nil {
		t.Errorf("the first was to be reset: %q", back)
	}
	if back, err := say(t, p, text); err != nil || back != text {
		t.Errorf("the second: %q, %v", back, err)
	}
}

// What stalls goes on where it stopped; an open connection is concerned too.
func TestStallHeals(t *testing.T) {
	at, _ := echo(t, "tcp", "127.0.0.1:0")
	p := Start(t, at, Options{})
	c := dial(t, p)
	b := make([]byte, 8)
	exchange := func(text string) {
		t.Helper()
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	exchange("vorher--")
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	p.Set(Fault{StallDown: 3})
	exchange("nachher-")
	if n, err := io.ReadFull(c, b[:3]); err != nil || string(b[:n]) != "nac" {
		t.Fatalf("%q, %v", b[:n], err)
	}
	_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := c.Read(b); err == nil {
		t.Errorf("%q came through", b[:n])
	}
	p.Set(Fault{})
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := io.ReadFull(c, b[:5]); err != nil || string(b[:n]) != "hher-" {
		t.Errorf("%q, %v", b[:n], err)
	}
	if p.Open() != 1 {
		t.Errorf("%d connections are open", p.Open())
	}
}

// Descriptors pass over Unix sockets, with the byte that they came with.
func TestDescriptorsPass(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "server"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan Exchange, 1)
	p := Start(t, "unix:"+l.Addr().String(), Options{Listen: "unix:" + filepath.Join(dir, "proxy"), Ended: func(e Exchange) { ended <- e }})
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("Inhalt"); err != nil {
		t.Fatal(err)
	}
	c := dial(t, p)
	if _, _, err := c.(*net.UnixConn).WriteMsgUnix([]byte("!"), syscall.UnixRights(int(f.Fd())), nil); err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	b, rights := make([]byte, 8), make([]byte, 64)
	n, oobn, _, _, err := server.(*net.UnixConn).ReadMsgUnix(b, rights)
	if err != nil {
		t.Fatal(err)
	}
	files := descriptors(rights[:oobn])
	if string(b[:n]) != "!" || len(files) != 1 || string(content(files[0])) != "Inhalt" {
		t.Errorf("%q with %d descriptors", b[:n], len(files))
	}
	closeAll(files)
	server.Close()
	c.Close()
	if e := <-ended; string(e.Up) != "!" || len(e.Files) != 1 || string(e.Files[0]) != "Inhalt" {
		t.Errorf("%+v", e)
	}
}
