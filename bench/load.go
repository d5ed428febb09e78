// SPDX-License-Identifier: Apache-2.0

// Package bench measures Postfach beside Apache mod_dav, rclone and the floors
// of the machine, in one run and interleaved, and prints the ratios that
// matter. Nothing of the product lives here and nothing of it imports this.
package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Server is one WebDAV folder under load.
type Server struct {
	Base     string // URL ending in a slash
	User     string
	Password string
}

// Result of one measurement. Fields that do not apply are zero.
type Result struct {
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate,omitempty"` // requests per second
	P50     float64 `json:"p50_ms,omitempty"`
	P99     float64 `json:"p99_ms,omitempty"`
	TTFB    float64 `json:"ttfb_s,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
	Entries int     `json:"entries,omitempty"`
	CPU     float64 `json:"cpu_s,omitempty"`    // of the server's process tree
	Peak    float64 `json:"peak_mib,omitempty"` // its largest resident set
	Failed  int     `json:"failed,omitempty"`
	Error   string  `json:"error,omitempty"`
}

const sixProps = `<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/>` +
	`<D:getlastmodified/><D:getetag/><D:getcontenttype/><D:displayname/></D:prop></D:propfind>`

// connection is a client that owns exactly one keep-alive connection.
func connection() *http.Client {
	return &http.Client{
		Transport: &http.Transport{MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1, DisableCompression: true,
			WriteBufferSize: 64 << 10, ReadBufferSize: 256 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func (s Server) request(method, path string, body io.Reader) *http.Request {
	r, err := http.NewRequest(method, s.Base+path, body)
	if err != nil {
		panic(err) // our own constant paths
	}
	r.SetBasicAuth(s.User, s.Password)
	return r
}

// do sends a request and gives the status and the bytes of the body.
func do(c *http.Client, r *http.Request, w io.Writer, buf []byte) (int, int64, error) {
	resp, err := c.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer resp.Body.Close()
	n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{resp.Body}, buf)
	return resp.StatusCode, n, err
}

func one(r *http.Request, want int) Result {
	start := time.Now()
	status, n, err := do(connection(), r, io.Discard, make([]byte, 1<<20))
	res := Result{Seconds: time.Since(start).Seconds(), Bytes: n}
	if err != nil || status/100 != want/100 {
		res.Failed, res.Error = 1, fmt.Sprint("status ", status, " ", err)
	}
	return res
}

// Put sends a file of the disk.
func (s Server) Put(path, file string) Result {
	f, err := os.Open(file)
	if err != nil {
		return Result{Failed: 1, Error: err.Error()}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Result{Failed: 1, Error: err.Error()}
	}
	r := s.request("PUT", path, f)
	r.ContentLength = info.Size()
	return one(r, 200)
}

// Get reads a file to its end.
func (s Server) Get(path string) Result { return one(s.request("GET", path, nil), 200) }

// Make makes a folder, and is content with one that exists.
func (s Server) Make(path string) { one(s.request("MKCOL", path, nil), 200) }

// Remove removes a file or folder, and is content where there is none.
func (s Server) Remove(path string) { one(s.request("DELETE", path, nil), 200) }

// Small puts n files of size bytes, all different, over c connections.
func (s Server) Small(folder string, n, c, size int) Result {
	return many(n, c, func(i int) *http.Request { return s.document(folder, i, size) }, 2)
}

// document is the request that puts the i-th of them.
func (s Server) document(folder string, i, size int) *http.Request {
	body := make([]byte, size)
	rand.NewChaCha8([32]byte{1}).Read(body[copy(body, fmt.Sprintf("%s %08d ", folder, i)):])
	return s.request("PUT", fmt.Sprintf("%s/f%05d.txt", folder, i), bytes.NewReader(body))
}

// Move moves n files of Small into another folder, one after the other.
func (s Server) Move(from, to string, n int) Result {
	return many(n, 1, func(i int) *http.Request {
		r := s.request("MOVE", fmt.Sprintf("%s/f%05d.txt", from, i), nil)
		r.Header.Set("Destination", fmt.Sprintf("%s%s/f%05d.txt", s.Base, to, i))
		return r
	}, 2)
}

func (s Server) propfind(path string) *http.Request {
	r := s.request("PROPFIND", path, strings.NewReader(sixProps))
	r.Header.Set("Depth", "1")
	r.Header.Set("Content-Type", "application/xml; charset=utf-8")
	return r
}

var closing = regexp.MustCompile(`(?i)</([a-z0-9_]+:)?response>`)

// Propfind lists a folder once with six properties.
func (s Server) Propfind(path string) Result {
	var first time.Time
	r := s.propfind(path)
	r = r.WithContext(httptrace.WithClientTrace(context.Background(),
		&httptrace.ClientTrace{GotFirstResponseByte: func() { first = time.Now() }}))
	var out bytes.Buffer
	start := time.Now()
	status, n, err := do(connection(), r, &out, make([]byte, 1<<20))
	res := Result{Seconds: time.Since(start).Seconds(), TTFB: first.Sub(start).Seconds(), Bytes: n,
		Entries: len(closing.FindAll(out.Bytes(), -1))}
	if err != nil || status != 207 {
		res.Failed, res.Error = 1, fmt.Sprint("status ", status, " ", err)
	}
	return res
}

// Propfinds lists a folder n times over c connections.
func (s Server) Propfinds(path string, n, c int) Result {
	return many(n, c, func(int) *http.Request { return s.propfind(path) }, 2)
}

// many runs n requests over c connections and sums up their latencies.
func many(n, c int, request func(i int) *http.Request, class int) Result {
	latency := make([]time.Duration, n)
	work := make(chan int, n)
	for i := range n {
		work <- i
	}
	close(work)
	var mu sync.Mutex
	var res Result
	var wg sync.WaitGroup
	start := time.Now()
	for range c {
		wg.Go(func() {
			client, buf := connection(), make([]byte, 256<<10)
			for i := range work {
				r := request(i)
				t := time.Now()
				status, b, err := do(client, r, io.Discard, buf)
				latency[i] = time.Since(t)
				mu.Lock()
				res.Bytes += b
				if err != nil || status/100 != class {
					res.Failed++
					res.Error = fmt.Sprint("status ", status, " ", err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	res.Seconds = time.Since(start).Seconds()
	res.Rate = float64(n) / res.Seconds
	slices.Sort(latency)
	res.P50, res.P99 = milliseconds(latency[n/2]), milliseconds(latency[n*99/100])
	return res
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
