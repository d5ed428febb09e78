// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"postfach/mailbox"
	"postfach/scan/scantest"
	"postfach/storage"
)

var ctx = context.Background()

func path(s string) mailbox.Path { return mailbox.ParsePath(s) }

// K5, K8, K28: the round trip, byte for byte, with its deliveries.
func TestADocumentGoesRound(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk, caseworker := w.actor(1, mailbox.Clerk, "0815"), w.actor(2, mailbox.Caseworker, "")
	out := w.put(caseworker, "/0815/Postausgang/Fehlerliste März.csv", "a;b\n")
	if got := w.names(clerk, "/Postausgang"); len(got) != 0 {
		t.Fatalf("the member sees drafts: %v", got)
	}
	if ds := w.deliveries(out.Entry.ID); len(ds) != 0 {
		t.Fatalf("a draft under single is a delivery: %+v", ds)
	}
	moved := w.move(caseworker, "/0815/Postausgang/Fehlerliste März.csv", "/0815/Fehlerliste März.csv")
	if !moved.Created || moved.Entry.ID != out.Entry.ID || moved.ETag != out.ETag {
		t.Fatalf("a release keeps id and ETag and is created: %+v", moved)
	}
	if got := w.read(clerk, "/Fehlerliste März.csv"); got != "a;b\n" {
		t.Fatalf("read %q", got)
	}
	ds := w.deliveries(out.Entry.ID)
	if len(ds) != 1 || ds[0].Direction != mailbox.ToMember || ds[0].Fetched.IsZero() {
		t.Fatalf("one fetched delivery to the member wanted: %+v", ds)
	}
	up := w.put(clerk, "/an_KVBbg/Fehlerliste März.csv", "a;c\n")
	if ds := w.deliveries(up.Entry.ID); len(ds) != 1 || ds[0].Direction != mailbox.ToTheAuth {
		t.Fatalf("one delivery to the authority wanted: %+v", ds)
	}
	w.move(caseworker, "/0815/an_KVBbg/Fehlerliste März.csv", "/0815/KVBBG-SB-Posteingang/Fehlerliste März.csv")
	if got := w.read(caseworker, "/0815/KVBBG-SB-Posteingang/Fehlerliste März.csv"); got != "a;c\n" {
		t.Fatalf("read %q", got)
	}
	n, err := w.Find(ctx, clerk, path("/KVBBG-SB-Posteingang/Fehlerliste März.csv"), mailbox.Want{})
	if err != nil || n.Entry.TakenBy != caseworker.Person || n.Entry.TakenAt.IsZero() {
		t.Fatalf("the clerk sees that and when it was taken over: %+v %v", n.Entry, err)
	}
}

// P49, L33: the same name submitted and taken over three times.
func TestTakenOverThreeTimes(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk, caseworker := w.actor(1, mailbox.Clerk, "0815"), w.actor(2, mailbox.Caseworker, "")
	var last mailbox.Moved
	for i, body := range []string{"eins", "zwei", "drei"} {
		w.put(clerk, "/an_KVBbg/Liste.csv", body)
		last = w.move(caseworker, "/0815/an_KVBbg/Liste.csv", "/0815/KVBBG-SB-Posteingang/Liste.csv")
		if last.Created != (i == 0) {
			t.Fatalf("take-over %d: created is %v", i, last.Created)
		}
	}
	var got []string
	w.view(func(r mailbox.Reader) error {
		vs, err := r.Versions(last.Entry.ID)
		for _, v := range vs {
			got = append(got, v.SHA256Hex())
			body, err := w.blobs.Open(ctx, v.Blob, 0, -1)
			if err != nil {
				return err
			}
			all, _ := io.ReadAll(body)
			body.Close()
			if sum(string(all)) != v.SHA256Hex() {
				t.Errorf("version %s: the bytes are others", v.ID)
			}
		}
		return err
	})
	if want := []string{sum("drei"), sum("zwei"), sum("eins")}; !slices.Equal(got, want) {
		t.Fatalf("history %v, want %v", got, want)
	}
}

// I7, L17: the same bytes again are no new version and no delivery; after the
// take-over they are a delivery that names its twin.
func TestRepeatedUpload(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk, caseworker := w.actor(1, mailbox.Clerk, "0815"), w.actor(2, mailbox.Caseworker, "")
	first := w.put(clerk, "/an_KVBbg/Liste.csv", "x")
	again := w.put(clerk, "/an_KVBbg/Liste.csv", "x")
	if !again.Repeated || again.ETag != first.ETag || len(w.deliveries(first.Entry.ID)) != 1 {
		t.Fatalf("%+v", again)
	}
	if n := w.blobCount(); n != 1 {
		t.Fatalf("%d blobs after a repetition", n)
	}
	w.move(caseworker, "/0815/an_KVBbg/Liste.csv", "/0815/KVBBG-SB-Posteingang/Liste.csv")
	third := w.put(clerk, "/an_KVBbg/Liste.csv", "x")
	ds := w.deliveries(third.Entry.ID)
	if third.Repeated || len(ds) != 1 || ds[0].Twin != first.Entry.Version.ID {
		t.Fatalf("%+v %+v", third, ds)
	}
}

func (w *world) blobCount() (n int) {
	err := w.blobs.Walk(ctx, func(storage.BlobInfo) error { n++; return nil })
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// K4, I1: an infected upload leaves nothing but its record and its alarm.
func TestInfectedLeavesNothing(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk := w.actor(1, mailbox.Clerk, "0815")
	for _, prefix := range []int{0, 300 << 10, 1<<20 + 5} { // in memory, over two chunks, spooled
		body := strings.Repeat(" ", prefix) + string(scantest.EICAR())
		_, err := w.Deliver(ctx, clerk, path("/an_KVBbg/böse.txt"), upload(body))
		w.refused(err, mailbox.Infected, mailbox.ReasonInfected)
	}
	if names := w.names(clerk, "/an_KVBbg"); len(names) != 0 || w.blobCount() != 0 {
		t.Fatalf("left behind: %v, %d blobs", names, w.blobCount())
	}
	w.placeholderGoes(clerk, upload(string(scantest.EICAR())), mailbox.Infected)
}

// What is too large, told beforehand or not, or finds no room takes its
// placeholder along too; one without the lock's token does not.
func TestPlaceholderOfRefused(t *testing.T) {
	w := newWorld(t, mailbox.Single, func(o *mailbox.Options) { o.Quota = 1 << 20 })
	clerk := w.actor(1, mailbox.Clerk, "0815")
	w.placeholderGoes(clerk, upload(strings.Repeat("x", 2<<20+1)), mailbox.TooLarge)
	unknown := upload(strings.Repeat("x", 2<<20+1))
	unknown.Length = -1
	w.placeholderGoes(clerk, unknown, mailbox.OverQuota)
	w.placeholderGoes(clerk, upload(strings.Repeat("x", 1<<20+1)), mailbox.OverQuota)
	w.put(clerk, "/an_KVBbg/leer.txt", "")
	_, err := w.Deliver(ctx, clerk, path("/an_KVBbg/leer.txt"), upload(strings.Repeat("x", 2<<20+1)))
	w.refused(err, mailbox.TooLarge, mailbox.ReasonTooLarge)
	if names := w.names(clerk, "/an_KVBbg"); len(names) != 1 {
		t.Fatalf("an empty document without a lock went: %v", names)
	}
}

// placeholderGoes: an empty file under the client's own lock goes with the
// content that was meant for it (CLIENTS.md 2.1).
func (w *world) placeholderGoes(clerk mailbox.Actor, up mailbox.Upload, kind mailbox.Kind) {
	w.t.Helper()
	l, created, err := w.Lock(ctx, clerk, path("/an_KVBbg/neu.txt"), mailbox.LockRequest{Exclusive: true})
	if err != nil || !created {
		w.t.Fatal(created, err)
	}
	up.If = []mailbox.IfList{{Terms: []mailbox.IfTerm{{Token: l.Token}}}}
	if _, err = w.Deliver(ctx, clerk, path("/an_KVBbg/neu.txt"), up); mailbox.KindOf(err) != kind {
		w.t.Fatalf("%v, want kind %v", err, kind)
	}
	if names := w.names(clerk, "/an_KVBbg"); len(names) != 0 {
		w.t.Fatalf("the placeholder stayed: %v", names)
	}
}

// A body that breaks off, lies about its length or digest leaves nothing.
func TestBrokenUploads(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	clerk := w.actor(1, mailbox.Clerk, "0815")
	off := errors.New("connection reset")
	for name, up := range map[string]mailbox.Upload{
		"short":         {Body: strings.NewReader("abc"), Length: 4, Expected: -1},
		"expected":      {Body: strings.NewReader("abc"), Length: -1, Expected: 11},
		"digest":        {Body: strings.NewReader("abc"), Length: 3, Expected: -1, Digests: []mailbox.Digest{{Algorithm: "sha-256", Sum: make([]byte, 32)}}},
		"chunked break": {Body: io.MultiReader(strings.NewReader("abc"), failing{io.ErrUnexpectedEOF}), Length: -1, Expected: -1},
		"later break":   {Body: io.MultiReader(strings.NewReader(strings.Repeat("x", 600<<10)), failing{io.ErrUnexpectedEOF}), Length: -1, Expected: -1},
		"reset":         {Body: io.MultiReader(strings.NewReader(strings.Repeat("x", 1<<20+3)), failing{off}), Length: -1, Expected: -1},
	} {
		_, err := w.Deliver(ctx, clerk, path("/an_KVBbg/"+name), up)
		if mailbox.KindOf(err) != mailbox.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := w.Deliver(ctx, clerk, path("/an_KVBbg/groß"), mailbox.Upload{Body: strings.NewReader(strings.Repeat("x", 2<<20+1)), Length: -1, Expected: -1})
	w.refused(err, mailbox.TooLarge, mailbox.ReasonTooLarge)
	_, err = w.Deliver(ctx, clerk, path("/an_KVBbg/groß"), mailbox.Upload{Body: failing{off}, Length: 2<<20 + 1, Expected: -1})
	w.refused(err, mailbox.TooLarge, mailbox.ReasonTooLarge)
	if names := w.names(clerk, "/an_KVBbg"); len(names) != 0 || w.blobCount() != 0 {
		t.Fatalf("left behind: %v, %d blobs", names, w.blobCount())
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
