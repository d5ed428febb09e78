// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"postfach/mailbox"
	"postfach/scan/scantest"
	"postfach/storage"
)

// chunked is a world whose service takes chunks, with the storage of chunks as
// another node sees it.
type chunked struct {
	*world
	other mailbox.Chunks
	clerk mailbox.Actor
}

func newChunked(t *testing.T, change func(*mailbox.Options)) *chunked {
	t.Helper()
	dir := t.TempDir()
	open := func() mailbox.Chunks {
		d, err := storage.OpenDir(dir, storage.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		return d.Chunks()
	}
	c := &chunked{other: open()}
	c.world = newWorld(t, mailbox.Single, func(o *mailbox.Options) {
		o.Chunks = open()
		if change != nil {
			change(o)
		}
	})
	c.clerk = c.actor(1, mailbox.Clerk, "0815")
	return c
}

func (c *chunked) begin(name string) {
	c.t.Helper()
	if err := c.BeginUpload(context.Background(), c.clerk, name, -1); err != nil {
		c.t.Fatalf("begin %s: %v", name, err)
	}
}

func (c *chunked) chunk(name string, number uint64, body string) {
	c.t.Helper()
	if _, err := c.PutChunk(context.Background(), c.clerk, name, number, strings.NewReader(body), int64(len(body))); err != nil {
		c.t.Fatalf("chunk %d: %v", number, err)
	}
}

func (c *chunked) assemble(name, to string, up mailbox.Upload) (mailbox.Receipt, error) {
	return c.Assemble(context.Background(), c.clerk, name, mailbox.ParsePath(to), up)
}

// whole is what a client says of the whole file.
func whole(body string) mailbox.Upload {
	s := sha1.Sum([]byte(body))
	return mailbox.Upload{Expected: int64(len(body)), Checksums: true, Modified: time.Unix(1_600_000_000, 0).UTC(),
		Digests: []mailbox.Digest{{Algorithm: "sha-1", Sum: s[:]}}}
}

var anyLength = mailbox.Upload{Expected: -1}

func (c *chunked) gone(name string) {
	c.t.Helper()
	if _, err := c.UploadChunks(context.Background(), c.clerk, name); mailbox.KindOf(err) != mailbox.NotFound {
		c.t.Errorf("upload %s is still there: %v", name, err)
	}
}

func (c *chunked) versions(e mailbox.EntryID) (n int) {
	c.view(func(r mailbox.Reader) error {
		vs, err := r.Versions(e)
		n = len(vs)
		return err
	})
	return n
}

// CLIENTS.md 1.6: chunks are joined by number, whatever order and node they
// came by, and the whole is a document like any other.
func TestAssemble(t *testing.T) {
	c := newChunked(t, nil)
	var body strings.Builder
	parts := map[uint64]string{}
	for i := range 12 { // 10 after 9, not after 1
		p := strings.Repeat(fmt.Sprintf("part %d;", i), 7000+i)
		parts[uint64(i)] = p
		body.WriteString(p)
	}
	c.begin("1")
	order := rand.New(rand.NewPCG(1, 2)).Perm(12)
	for _, i := range order {
		if i%3 == 0 { // another node took it
			if _, _, err := c.other.Put(t.Context(), mailbox.ChunkedUpload{Account: c.clerk.Account, Name: "1"}, uint64(i), -1, strings.NewReader(parts[uint64(i)])); err != nil {
				t.Fatal(err)
			}
			continue
		}
		c.chunk("1", uint64(i), parts[uint64(i)])
	}
	if list, err := c.UploadChunks(t.Context(), c.clerk, "1"); err != nil || len(list) != 12 {
		t.Fatalf("%v %v", list, err)
	}
	if got := c.names(c.clerk, "/an_KVBbg"); len(got) != 0 {
		t.Errorf("chunks show before they are joined: %v", got)
	}
	r, err := c.assemble("1", "/an_KVBbg/Liste.csv", whole(body.String()))
	if err != nil || !r.Created || r.Entry.Version.Size != int64(body.Len()) || r.Entry.Modified.Unix() != 1_600_000_000 || len(r.Entry.Version.MD5) != 16 {
		t.Fatalf("%+v %v", r, err)
	}
	if c.read(c.clerk, "/an_KVBbg/Liste.csv") != body.String() {
		t.Error("the bytes came back different")
	}
	c.gone("1")
	// Over an existing document it is a new version, under the client's condition.
	c.begin("2")
	c.chunk("2", 0, "new")
	bad := anyLength
	bad.IfMatch = mailbox.ETags{Present: true, Tags: []string{`"bad"`}}
	_, err = c.assemble("2", "/an_KVBbg/Liste.csv", bad)
	c.refused(err, mailbox.Precondition, mailbox.ReasonCondition)
	good := anyLength
	good.IfMatch = mailbox.ETags{Present: true, Tags: []string{r.ETag}}
	if r, err = c.assemble("2", "/an_KVBbg/Liste.csv", good); err != nil || r.Created || c.versions(r.Entry.ID) != 2 {
		t.Errorf("%+v %v", r, err)
	}
}

// I1: no chunk is judged alone, and a signature over a border is found. Nothing
// of it remains but the record.
func TestAssembleInfected(t *testing.T) {
	c := newChunked(t, nil)
	e := string(scantest.EICAR())
	for cut := 1; cut < len(e); cut += 13 {
		name := fmt.Sprint("cut", cut)
		c.begin(name)
		c.chunk(name, 0, e[:cut])
		c.chunk(name, uint64(cut), e[cut:])
		_, err := c.assemble(name, "/an_KVBbg/harmlos.txt", anyLength)
		c.refused(err, mailbox.Infected, mailbox.ReasonInfected)
		c.gone(name)
	}
	if got := c.names(c.clerk, "/an_KVBbg"); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// A client that lost the answer asks again, at once, later, or after the node
// has forgotten; there is one version all the same (I7).
func TestAssembleAgain(t *testing.T) {
	c := newChunked(t, nil)
	c.begin("1")
	c.chunk("1", 0, "Inhalt")
	var all [4]mailbox.Receipt
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			var err error
			if all[i], err = c.assemble("1", "/an_KVBbg/a.txt", whole("Inhalt")); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
	wg.Wait()
	for _, r := range all {
		if !r.Created || r.ETag != all[0].ETag || r.ETag == "" {
			t.Errorf("another answer: %+v", r)
		}
	}
	if n := c.versions(all[0].Entry.ID); n != 1 {
		t.Errorf("%d versions", n)
	}
	// Another target is another upload, of which there is none.
	_, err := c.assemble("1", "/an_KVBbg/b.txt", whole("Inhalt"))
	c.refused(err, mailbox.NotFound, mailbox.ReasonNotFound)
	// The node died after the commit and before it took the chunks away.
	u := mailbox.ChunkedUpload{Account: c.clerk.Account, Name: "2"}
	if err := c.other.Begin(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.other.Put(t.Context(), u, 0, -1, strings.NewReader("Inhalt")); err != nil {
		t.Fatal(err)
	}
	r, err := c.assemble("2", "/an_KVBbg/a.txt", whole("Inhalt"))
	if err != nil || !r.Repeated || r.ETag != all[0].ETag || c.versions(r.Entry.ID) != 1 {
		t.Errorf("%+v %v", r, err)
	}
	c.gone("2")
	// A new upload under an old name is a new one.
	c.begin("1")
	c.chunk("1", 0, "anders")
	if r, err := c.assemble("1", "/an_KVBbg/a.txt", whole("anders")); err != nil || r.ETag == all[0].ETag || c.versions(r.Entry.ID) != 2 {
		t.Errorf("%+v %v", r, err)
	}
}

// What is missing can be brought later; what is wrong is given up.
func TestAssembleIncomplete(t *testing.T) {
	c := newChunked(t, nil)
	c.begin("1")
	c.chunk("1", 0, "ab")
	_, err := c.assemble("1", "/an_KVBbg/a.txt", whole("abcd"))
	c.refused(err, mailbox.Invalid, mailbox.ReasonLength)
	c.chunk("1", 2, "cd")
	if r, err := c.assemble("1", "/an_KVBbg/a.txt", whole("abcd")); err != nil || r.Entry.Version.Size != 4 {
		t.Errorf("%+v %v", r, err)
	}
	c.begin("2")
	c.chunk("2", 0, "falsch")
	up := whole("anders")
	_, err = c.assemble("2", "/an_KVBbg/b.txt", up)
	c.refused(err, mailbox.Invalid, mailbox.ReasonDigest)
	c.gone("2")
	// Where the actor may not write, the chunks stay: the next try may name
	// another place.
	c.begin("3")
	c.chunk("3", 0, "x")
	_, err = c.assemble("3", "/Postausgang/x.txt", anyLength)
	c.refused(err, mailbox.Forbidden, mailbox.ReasonOtherSide)
	if _, err = c.assemble("3", "/an_KVBbg/x.txt", anyLength); err != nil {
		t.Error(err)
	}
	if _, err := c.assemble("4", "/an_KVBbg/y.txt", anyLength); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("%v", err)
	}
}

// A chunk that is replaced while the whole is read must not become half of two
// files.
func TestAssembleWhileChanged(t *testing.T) {
	c := newChunked(t, nil)
	c.begin("1")
	c.chunk("1", 0, strings.Repeat("a", 600_000))
	c.chunk("1", 1, strings.Repeat("b", 600_000))
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		u := mailbox.ChunkedUpload{Account: c.clerk.Account, Name: "1"}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			n := 500_000 + i%3*100_000
			_, _, _ = c.other.Put(context.Background(), u, 1, -1, strings.NewReader(strings.Repeat("c", n)))
		}
	})
	r, err := c.assemble("1", "/an_KVBbg/a.txt", anyLength)
	close(stop)
	wg.Wait()
	switch {
	case err == nil:
		if got := c.read(c.clerk, "/an_KVBbg/a.txt"); int64(len(got)) != r.Entry.Version.Size || strings.Trim(got[600_000:], "b") != "" && strings.Trim(got[600_000:], "c") != "" {
			t.Error("a mixture was stored")
		}
	case mailbox.KindOf(err) != mailbox.Conflict && mailbox.KindOf(err) != mailbox.NotFound:
		t.Errorf("%v", err)
	}
}

// DESIGN.md section 3: chunks count in the account's budget, whole and one by
// one, and who has none of it is told before the first byte.
func TestUploadBudget(t *testing.T) {
	c := newChunked(t, func(o *mailbox.Options) { o.PerAccount, o.Spool = 5<<20, 8<<20 })
	ctx := t.Context()
	c.refused(c.BeginUpload(ctx, c.clerk, "0", 3<<20), mailbox.TooLarge, mailbox.ReasonTooLarge)
	megabyte := strings.Repeat("x", 1<<20)
	for i := range 2 {
		c.begin(fmt.Sprint(i))
		c.chunk(fmt.Sprint(i), 0, megabyte)
		c.chunk(fmt.Sprint(i), 1, megabyte)
	}
	put := func(name string, number uint64, body string, length int64) error {
		_, err := c.PutChunk(ctx, c.clerk, name, number, strings.NewReader(body), length)
		return err
	}
	c.refused(put("0", 2, "y", 1), mailbox.TooLarge, mailbox.ReasonTooLarge) // 2 MiB is the limit of one document
	c.begin("2")
	c.chunk("2", 0, megabyte)
	c.refused(put("2", 1, "y", 1), mailbox.Unavailable, mailbox.ReasonStaging)
	c.refused(put("2", 1, "y", -1), mailbox.Unavailable, mailbox.ReasonStaging)
	c.refused(c.BeginUpload(ctx, c.clerk, "3", 1), mailbox.Unavailable, mailbox.ReasonStaging)
	if list, err := c.UploadChunks(ctx, c.clerk, "2"); err != nil || len(list) != 1 {
		t.Errorf("a refused chunk is there: %v %v", list, err)
	}
	// The same number again takes no more room for ever.
	for range 5 {
		if err := c.DropChunk(ctx, c.clerk, "2", 0); err != nil {
			t.Fatal(err)
		}
		c.chunk("2", 0, megabyte)
	}
	if err := c.DropUpload(ctx, c.clerk, "0"); err != nil {
		t.Fatal(err)
	}
	c.chunk("2", 1, megabyte)
	// Another account has a budget of its own, within that of all.
	other := c.actor(2, mailbox.Clerk, "4711")
	if err := c.BeginUpload(ctx, other, "1", -1); err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutChunk(ctx, other, "1", 0, strings.NewReader(megabyte), -1); err != nil {
		t.Fatal(err)
	}
	if all, err := c.Uploads(ctx, other); err != nil || len(all) != 1 || all[0].Bytes != 1<<20 {
		t.Errorf("%+v %v", all, err)
	}
}

// Uploads and chunks are bounded in number, and a broken body holds nothing.
func TestUploadBounds(t *testing.T) {
	c := newChunked(t, nil)
	ctx := t.Context()
	for i := range mailbox.MaxUploads {
		c.begin(fmt.Sprint(i))
	}
	c.refused(c.BeginUpload(ctx, c.clerk, "one-more", -1), mailbox.Unavailable, mailbox.ReasonStaging)
	c.refused(c.BeginUpload(ctx, c.clerk, "7", -1), mailbox.Exists, mailbox.ReasonExists)
	c.refused(c.BeginUpload(ctx, c.clerk, "../x", -1), mailbox.NameRefused, mailbox.ReasonNameCharacter)
	for range 3 {
		_, err := c.PutChunk(ctx, c.clerk, "7", 1, iotest.TimeoutReader(bytes.NewReader(make([]byte, 1<<20))), 2<<20)
		c.refused(err, mailbox.Invalid, mailbox.ReasonBroken)
	}
	c.chunk("7", 1, strings.Repeat("x", 2<<20)) // the whole room of one document
	if _, err := c.PutChunk(ctx, c.clerk, "nobody", 1, strings.NewReader("x"), 1); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("%v", err)
	}
	nobody := c.actor(3, mailbox.Auditor, "")
	c.refused(c.BeginUpload(ctx, nobody, "1", -1), mailbox.Forbidden, mailbox.ReasonNoGrant)
	if n, err := c.ExpireUploads(ctx); err != nil || n != 0 {
		t.Errorf("%d young uploads expired, %v", n, err)
	}
}

// An installation whose storage keeps no chunks says so.
func TestNoChunks(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	a := w.actor(1, mailbox.Clerk, "0815")
	w.refused(w.BeginUpload(t.Context(), a, "1", -1), mailbox.Unsupported, mailbox.ReasonUnsupported)
	if n, err := w.ExpireUploads(t.Context()); w.TakesChunks() || n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}
