// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"postfach/mailbox"
)

// sink is a ResponseWriter that remembers how it was written to.
type sink struct {
	header http.Header
	bytes.Buffer
	writes []int
	keep   bool
}

func (s *sink) Header() http.Header { return s.header }
func (s *sink) WriteHeader(int)     {}
func (s *sink) Write(p []byte) (int, error) {
	s.writes = append(s.writes, len(p))
	if s.keep {
		s.Buffer.Write(p)
	}
	return len(p), nil
}

// sixProps is the question of a listing as most clients put it.
const sixProps = `<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/><getetag/><getcontenttype/><displayname/></prop></propfind>`

func files(n int) []mailbox.Node {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	nodes := make([]mailbox.Node, n)
	for i := range nodes {
		v := mailbox.Version{ID: mailbox.NewVersionID(), Size: int64(i) * 1000}
		nodes[i] = mailbox.Node{Name: fmt.Sprintf("Korrekturliste %05d.csv", i), ETag: v.ETag(),
			Entry: mailbox.Entry{ID: mailbox.EntryID(i + 10), Parent: 3, Created: at, Modified: at.Add(time.Duration(i) * time.Second), Version: v}}
	}
	return nodes
}

func write(tb testing.TB, bs *buffers, w http.ResponseWriter, body string, nodes []mailbox.Node) {
	f, err := readPropfind(strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	p := newPlan(f)
	l := &listing{plan: &p, out: bs.multistatus(w), begun: true}
	defer bs.release(l.out)
	l.href = append(l.href, "/dav/0815/"...)
	l.base = len(l.href)
	for _, n := range nodes {
		if err := l.add(n); err != nil {
			tb.Fatal(err)
		}
	}
	if err := l.out.end(); err != nil {
		tb.Fatal(err)
	}
}

// A long listing goes out in pieces from the beginning, a short one whole and
// with its length.
func TestMultistatusIsStreamed(t *testing.T) {
	s := &sink{header: http.Header{}, keep: true}
	write(t, newBuffers(), s, sixProps, files(2000))
	if len(s.writes) < 20 || s.writes[0] > flushAt+flushAt/4 || s.header.Get("Content-Length") != "" {
		t.Errorf("%d writes, the first of %d bytes; %v", len(s.writes), s.writes[0], s.header)
	}
	var m struct {
		Responses []struct {
			Href string `xml:"DAV: href"`
			Stat []struct {
				Status string `xml:"DAV: status"`
			} `xml:"DAV: propstat"`
		} `xml:"DAV: response"`
	}
	if err := xml.Unmarshal(s.Bytes(), &m); err != nil || len(m.Responses) != 2000 {
		t.Fatalf("%d responses, %v", len(m.Responses), err)
	}
	for _, r := range m.Responses { // sync clients keep only the last 200 propstat
		if len(r.Stat) != 1 || r.Stat[0].Status != "HTTP/1.1 200 OK" {
			t.Fatalf("%+v", r)
		}
	}
	s = &sink{header: http.Header{}}
	write(t, newBuffers(), s, sixProps, files(10))
	if len(s.writes) != 1 || s.header.Get("Content-Length") != fmt.Sprint(s.writes[0]) {
		t.Errorf("%v %v", s.writes, s.header)
	}
}

// Issue 2, item 5: Explorer refuses replies over 1,000,000 bytes.
func TestThousandsOfMailboxesFit(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	nodes := make([]mailbox.Node, 3000)
	for i := range nodes {
		m := mailbox.Member{Number: fmt.Sprintf("%04d", i), Name: "Verbandsgemeinde Märkische Höhe"}
		nodes[i] = mailbox.Node{Name: mailbox.MailboxName(m), Folder: true, Fixed: true, ETag: `"1z-3k-5"`, Number: m.Number,
			Entry: mailbox.Entry{ID: mailbox.EntryID(i + 1), Folder: true, Created: at, Modified: at}}
	}
	s := &sink{header: http.Header{}}
	write(t, newBuffers(), s, "", nodes)
	total := 0
	for _, n := range s.writes {
		total += n
	}
	if total >= 1_000_000 {
		t.Errorf("%d bytes for %d mailboxes", total, len(nodes))
	}
	t.Logf("%d bytes for %d mailboxes, %d each", total, len(nodes), total/len(nodes))
}

func TestHumanSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 Byte", 999: "999 Byte", 1000: "1,0 kB", 999_949: "999,9 kB", 999_950: "1,0 MB", 2_000_000_000: "2,0 GB"} {
		if got := humanSize(n, pageTexts["de"]); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if got := humanSize(684, pageTexts["en"]); got != "684 bytes" {
		t.Error(got)
	}
}

func TestContentType(t *testing.T) {
	for name, want := range map[string]string{"a.CSV": "text/csv", "a.pdf": "application/pdf", "a.html": octets, "a.svg": octets, "a": octets, "a.": octets, ".csv": "text/csv", "a.x/y": octets} {
		if got := contentType(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestDisposition(t *testing.T) {
	for name, want := range map[string]string{
		"a b.csv":  `attachment; filename="a b.csv"`,
		"a\"\r\nb": `attachment; filename="a___b"; filename*=UTF-8''a%22%0D%0Ab`,
		"Ü.pdf":    `attachment; filename="_.pdf"; filename*=UTF-8''%C3%9C.pdf`,
	} {
		if got := disposition(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func BenchmarkMultistatus(b *testing.B) {
	bs := newBuffers()
	for _, c := range []struct {
		name, body string
		n          int
	}{{"10 six", sixProps, 10}, {"10000 six", sixProps, 10000}, {"10000 allprop", "", 10000}} {
		nodes := files(c.n)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			s := &sink{header: http.Header{}}
			for b.Loop() {
				s.writes = s.writes[:0]
				write(b, bs, s, c.body, nodes)
			}
			total := 0
			for _, n := range s.writes {
				total += n
			}
			b.ReportMetric(float64(total)/float64(c.n), "B/entry")
		})
	}
}
