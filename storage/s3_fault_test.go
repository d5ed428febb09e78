// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/storage/storagetest"
	"postfach/test/minio"
)

// stall is how long a server may be silent here: long enough for a busy machine
// that runs other tests beside this one.
const stall = 3 * time.Second

// stage is one request of an upload.
type stage struct {
	name   string
	method string
	match  string
	small  bool // of an upload in one request
	body   bool
}

var stages = []stage{
	{"put", "PUT", "/0815/", true, true},
	{"intent", "PUT", "/.open/", false, false},
	{"initiate", "POST", "?uploads=", false, false},
	{"part", "PUT", "partNumber=2", false, true},
	{"description", "PUT", ".json", false, true},
	{"complete", "POST", "?uploadId=", false, true},
}

// breakage is what happens to it.
type breakage struct {
	name   string
	fault  minio.Fault
	heals  bool // happening once it is overcome
	answer bool // the server did its part, only the answer is lost
}

const (
	strangerOK = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 17\r\n\r\n<p>Willkommen</p>"
	stranger   = "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n"
	busy       = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
	garbage    = "\x00\x01\x02 this is no HTTP\r\n\r\n"
)

var breakages = []breakage{
	{"refused", minio.Fault{Refuse: true}, true, false},
	{"reset in the body", minio.Fault{CutBody: 100}, true, false},
	{"stalled", minio.Fault{Stall: true}, true, false},
	{"busy", minio.Fault{Instead: busy}, true, false},
	{"answer cut", minio.Fault{CutReply: 20}, true, true},
	{"answer lost", minio.Fault{CutReply: -1}, true, true},
	{"answer stalls", minio.Fault{StallReply: -1}, true, true},
	{"answer is garbage", minio.Fault{Reply: garbage}, true, true},
	{"answer is a stranger's", minio.Fault{Reply: strangerOK}, false, true},
	{"another server refuses", minio.Fault{Instead: stranger}, false, false},
	{"another server accepts", minio.Fault{Instead: strangerOK}, false, false},
}

// TestS3Faults breaks every request of an upload in every way, once and for
// good (I2, I6; issue 3, item 4). Whatever happens: the answer is true, its kind
// Unavailable; nothing half-done can be read; and when the janitor has been
// there, nothing is left of an upload that was not acknowledged.
func TestS3Faults(t *testing.T) {
	server := minio.Start(t, minio.Options{})
	before := runtime.NumGoroutine()
	t.Run("all", func(t *testing.T) {
		var wg sync.WaitGroup
		at := make(chan struct{}, 24) // most of the time they wait
		for _, st := range stages {
			for _, br := range breakages {
				for _, times := range []int{1, 0} {
					if br.fault.CutBody > 0 && !st.body {
						continue
					}
					at <- struct{}{}
					wg.Go(func() {
						defer func() { <-at }()
						t.Run(fmt.Sprintf("%s/%s/times=%d", st.name, br.name, times), func(t *testing.T) {
							broken(t, server, st, br, times)
						})
					})
				}
			}
		}
		wg.Wait()
	})
	eventually(t, "every goroutine has ended", func() bool { return runtime.NumGoroutine() <= before+2 })
}

func broken(t *testing.T, server *minio.Server, st stage, br breakage, times int) {
	p := minio.StartProxy(t, server)
	s := openS3(t, server, func(o *S3Options) { o.Endpoint, o.Stall = p.Endpoint, stall })
	size := int64(3*minPart + 5)
	if st.small {
		size = 100 << 10
	}
	key, body := storagetest.Key(), storagetest.Bytes(size, 1)
	f := br.fault
	f.Method, f.Match, f.Times = st.method, st.match, times
	p.Set(f)

	u, err := s.Stage(t.Context(), key, -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = io.Copy(u, bytes.NewReader(body)); err == nil {
		if _, err = u.Seal(); err == nil {
			err = u.Publish(t.Context(), storagetest.Describe(body))
		}
	}
	if errDiscard := u.Discard(); errDiscard != nil {
		t.Error(errDiscard)
	}
	outcome(t, s, key, body, err)
	mustHold := times == 1 && br.heals || br.answer && st.name != "part" && st.name != "initiate"
	if mustHold && err != nil {
		t.Errorf("not overcome: %v", err)
	}
	if times == 0 && !br.answer && err == nil {
		t.Error("acknowledged although the request never arrived")
	}
	if times == 0 && st.name == "part" && err == nil {
		t.Error("acknowledged without a part's answer")
	}
	p.Set()
	afterwards(t, s, p, key, body, err)
}

// outcome checks that the answer to the uploader is true.
func outcome(t *testing.T, s inBucket, key mailbox.BlobKey, body []byte, err error) {
	t.Helper()
	direct := openS3(t, s.server, func(o *S3Options) { o.Bucket = s.bucket })
	switch {
	case err == nil:
		if got := storagetest.Get(t, direct, key, 0, -1); !bytes.Equal(got, body) {
			t.Errorf("acknowledged %d bytes, %d others are there", len(body), len(got))
		}
		if about, err := direct.Describe(t.Context(), key); err != nil || about != storagetest.Describe(body) {
			t.Errorf("description %+v, %v", about, err)
		}
	case mailbox.KindOf(err) != mailbox.Unavailable:
		t.Errorf("kind %d: %v", mailbox.KindOf(err), err)
	default:
		r, errOpen := direct.Open(t.Context(), key, 0, -1)
		if errOpen == nil {
			// The answer was lost and could not be looked up. Then all of it is there.
			got, errRead := io.ReadAll(r)
			if errors.Join(errRead, r.Close()) != nil || !bytes.Equal(got, body) {
				t.Errorf("a part of it is there: %d bytes, %v", len(got), errRead)
			}
		} else if mailbox.KindOf(errOpen) != mailbox.NotFound {
			t.Error(errOpen)
		}
	}
}

// afterwards lets the janitor do its work and looks what is left.
func afterwards(t *testing.T, s inBucket, p *minio.Proxy, key mailbox.BlobKey, body []byte, outcome error) {
	t.Helper()
	s.behind.Wait()
	if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Errorf("collect: %v", err)
	}
	if outcome != nil { // no version names it
		if err := s.Remove(t.Context(), key); err != nil && mailbox.KindOf(err) != mailbox.NotFound {
			t.Errorf("remove: %v", err)
		}
		s.empty(t, key)
	} else {
		want := []string{"postfach/eins/" + key.String()}
		if int64(len(body)) > minPart {
			want = append(want, want[0]+".json")
		}
		if keys := s.server.Keys(t, s.bucket); !slices.Equal(keys, want) {
			t.Errorf("keys %q, want %q", keys, want)
		}
		if n := len(s.server.OpenUploads(t, s.bucket, want[0])); n != 0 {
			t.Errorf("%d open uploads", n)
		}
	}
	s.unuse()
	eventually(t, "every connection is closed", func() bool { return p.Open() == 0 })
}

// TestS3OutcomeUnknown: Complete was sent, and then nothing could be asked. The
// upload is refused, and nobody deletes what may be there (DESIGN.md section 3).
func TestS3OutcomeUnknown(t *testing.T) {
	t.Parallel()
	server := minio.Start(t, minio.Options{})
	p := minio.StartProxy(t, server)
	s := openS3(t, server, func(o *S3Options) { o.Endpoint, o.Stall = p.Endpoint, stall })
	for name, faults := range map[string][]minio.Fault{
		"answer lost":     {{Method: "POST", Match: "?uploadId=", CutReply: -1}, {Method: "HEAD", Refuse: true}},
		"gone altogether": {{Method: "POST", Match: "?uploadId=", CutReply: -1, Times: 1}, {Method: "POST", Refuse: true}, {Method: "HEAD", Refuse: true}, {Method: "DELETE", Refuse: true}},
	} {
		t.Run(name, func(t *testing.T) {
			key, body := storagetest.Key(), storagetest.Bytes(2*minPart+5, 1)
			u, _ := storagetest.Seal(t, s, key, body, -1)
			if err := u.(*s3Upload).parts.wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.Set(faults...)
			if err := u.Publish(t.Context(), storagetest.Describe(body)); mailbox.KindOf(err) != mailbox.Unavailable {
				t.Fatalf("published: %v", err)
			}
			if err := u.Discard(); err != nil {
				t.Error(err)
			}
			p.Set()
			s.behind.Wait()
			if got := storagetest.Get(t, s, key, 0, -1); !bytes.Equal(got, body) {
				t.Error("the error path deleted it, or a part of it")
			}
			if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
			if got := storagetest.Get(t, s, key, 0, -1); !bytes.Equal(got, body) {
				t.Error("Collect deleted it")
			}
			if err := s.Remove(t.Context(), key); err != nil { // as the janitor does, since no version names it
				t.Error(err)
			}
			s.empty(t, key)
		})
	}
}

// TestS3CompleteStillRunning: asked after a lost answer, the bucket does not have
// the object yet; the abort that follows finds that Complete has taken the
// upload, so it is asked again.
func TestS3CompleteStillRunning(t *testing.T) {
	t.Parallel()
	server := minio.Start(t, minio.Options{})
	p := minio.StartProxy(t, server)
	s := openS3(t, server, func(o *S3Options) { o.Endpoint, o.Stall = p.Endpoint, stall })
	key, body := storagetest.Key(), storagetest.Bytes(2*minPart+5, 1)
	u, _ := storagetest.Seal(t, s, key, body, -1)
	notYet := "HTTP/1.1 404 Not Found\r\nX-Amz-Request-Id: 1\r\nContent-Length: 0\r\n\r\n"
	p.Set(minio.Fault{Method: "POST", Match: "?uploadId=", CutReply: -1}, minio.Fault{Method: "HEAD", Instead: notYet, Times: 1})
	if err := u.Publish(t.Context(), storagetest.Describe(body)); err != nil {
		t.Errorf("published: %v", err)
	}
	outcome(t, s, key, body, nil)
}

// TestS3KnownAbsent: Complete never arrived, which is certain after an abort;
// nothing is left even before the janitor comes.
func TestS3KnownAbsent(t *testing.T) {
	t.Parallel()
	server := minio.Start(t, minio.Options{})
	p := minio.StartProxy(t, server)
	s := openS3(t, server, func(o *S3Options) { o.Endpoint, o.Stall = p.Endpoint, stall })
	key, body := storagetest.Key(), storagetest.Bytes(2*minPart+5, 1)
	u, _ := storagetest.Seal(t, s, key, body, -1)
	p.Set(minio.Fault{Method: "POST", Match: "?uploadId=", Refuse: true})
	if err := u.Publish(t.Context(), storagetest.Describe(body)); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Fatalf("published: %v", err)
	}
	if err := u.Discard(); err != nil {
		t.Error(err)
	}
	s.behind.Wait()
	s.empty(t, key)
}

// TestS3AbortFails: what could not be tidied up is remembered in the bucket, and
// Collect finds it.
func TestS3AbortFails(t *testing.T) {
	t.Parallel()
	server := minio.Start(t, minio.Options{})
	p := minio.StartProxy(t, server)
	s := openS3(t, server, func(o *S3Options) { o.Endpoint, o.Stall = p.Endpoint, stall })
	key := storagetest.Key()
	u, _ := storagetest.Seal(t, s, key, storagetest.Bytes(2*minPart+5, 1), -1)
	if err := u.(*s3Upload).parts.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Set(minio.Fault{Method: "DELETE", Match: "?uploadId=", Refuse: true})
	if err := u.Discard(); err != nil {
		t.Error(err)
	}
	s.behind.Wait()
	p.Set()
	if n := len(server.OpenUploads(t, s.bucket, "postfach/eins/"+key.String())); n != 1 {
		t.Fatalf("%d open uploads: this test tests nothing", n)
	}
	if n, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("collected %d, %v", n, err)
	}
	s.empty(t, key)
}

// TestS3ReadFaults: a read that breaks is an error, never a short content, and
// never NotFound because of what someone on the way says.
func TestS3ReadFaults(t *testing.T) {
	t.Parallel()
	server := minio.Start(t, minio.Options{})
	p := minio.StartProxy(t, server)
	s := openS3(t, server, func(o *S3Options) { o.Endpoint, o.Stall = p.Endpoint, stall })
	key, body := storagetest.Key(), storagetest.Bytes(4<<20, 1)
	storagetest.Put(t, s, key, body)
	whole := "HTTP/1.1 200 OK\r\nEtag: \"1\"\r\nLast-Modified: Mon, 02 Mar 2026 10:00:00 GMT\r\nContent-Length: 5\r\n\r\nhallo"
	for name, f := range map[string]minio.Fault{
		"refused":         {Refuse: true},
		"cut in the body": {CutReply: 1 << 20},
		"cut before":      {CutReply: -1},
		"stalls":          {StallReply: 1 << 20},
		"stalls before":   {StallReply: -1},
		"busy":            {Instead: busy},
		"garbage":         {Reply: garbage},
		"a stranger":      {Instead: stranger},
		"stranger's 200":  {Reply: strangerOK},
		"not the range":   {Reply: whole},
	} {
		t.Run(name, func(t *testing.T) {
			f.Method = "GET"
			p.Set(f)
			defer p.Set()
			r, err := s.Open(t.Context(), key, 1, 3<<20)
			if err == nil {
				var got []byte
				got, err = io.ReadAll(r)
				if !bytes.HasPrefix(body[1:], got) {
					t.Errorf("other bytes: %d", len(got))
				}
				_ = r.Close()
			}
			if mailbox.KindOf(err) != mailbox.Unavailable {
				t.Errorf("kind %d: %v", mailbox.KindOf(err), err)
			}
			if _, _, err := s.Verify(t.Context(), key); name != "not the range" && mailbox.KindOf(err) != mailbox.Unavailable {
				t.Errorf("verify: %v", err)
			}
		})
	}
	// Once only, and before the first byte, it is overcome.
	p.Set(minio.Fault{Method: "GET", CutReply: -1, Times: 2})
	if got := storagetest.Get(t, s, key, 5, 100); !bytes.Equal(got, body[5:105]) {
		t.Error("other bytes")
	}
}

// TestS3ServerDies: kill -9 of the server in the middle of an upload. Whatever
// was acknowledged is there afterwards (I2), nothing else, and the storage
// works again by itself.
func TestS3ServerDies(t *testing.T) {
	t.Parallel()
	server := minio.Start(t, minio.Options{})
	s := openS3(t, server, func(o *S3Options) { o.Stall = stall })
	kept, body := storagetest.Key(), storagetest.Bytes(2*minPart+5, 1)
	storagetest.Put(t, s, kept, body)
	s.behind.Wait()
	key := storagetest.Key()
	u := begin(t, s, key, body)
	eventually(t, "an open upload", func() bool {
		return len(server.OpenUploads(t, s.bucket, "postfach/eins/"+key.String())) == 1
	})
	server.Kill()
	if _, err := u.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := u.Publish(t.Context(), storagetest.Describe(body)); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("published in a dead server: %v", err)
	}
	if err := u.Discard(); err != nil {
		t.Error(err)
	}
	if err := s.Ready(t.Context()); mailbox.KindOf(err) != mailbox.Unavailable {
		t.Errorf("ready: %v", err)
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready again", func() bool { return s.Ready(t.Context()) == nil })
	s.behind.Wait()
	if _, err := s.Collect(t.Context(), time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if got := storagetest.Get(t, s, kept, 0, -1); !bytes.Equal(got, body) {
		t.Error("an acknowledged blob is lost")
	}
	if err := s.Remove(t.Context(), kept); err != nil {
		t.Error(err)
	}
	s.empty(t, key)
}

// TestS3ReadyTellsTheTruth: within seconds, about a server that is silent.
func TestS3ReadyTellsTheTruth(t *testing.T) {
	t.Parallel()
	server := minio.Start(t, minio.Options{})
	p := minio.StartProxy(t, server)
	s := openS3(t, server, func(o *S3Options) { o.Endpoint = p.Endpoint })
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Requests()
	for range 50 {
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(p.Requests()); n > 1 {
		t.Errorf("%d questions within a moment", n)
	}
	for name, f := range map[string]minio.Fault{"silent": {Stall: true}, "refused": {Refuse: true}, "stranger": {Instead: stranger}} {
		p.Set(f)
		eventually(t, name, func() bool { return mailbox.KindOf(s.Ready(t.Context())) == mailbox.Unavailable })
		p.Set()
		eventually(t, "ready after "+name, func() bool { return s.Ready(t.Context()) == nil })
	}
}
