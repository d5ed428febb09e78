// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"postfach/catalog"
	"postfach/mailbox"
	"postfach/scan/scantest"
)

// faulty is a real catalog whose answers to Update get lost.
type faulty struct {
	*catalog.SQLite
	before, after error // instead of the change, and instead of its answer
	blind         bool  // Committed cannot be asked
	panics        bool
	armed         bool
}

var errDown = mailbox.Wrap(mailbox.Unavailable, mailbox.ReasonCatalog, errors.New("connection lost"))

func (f *faulty) Update(ctx context.Context, m mailbox.MemberID, fn func(mailbox.Tx) error) error {
	if !f.armed {
		return f.SQLite.Update(ctx, m, fn)
	}
	if f.before != nil {
		return f.before
	}
	err := f.SQLite.Update(ctx, m, func(tx mailbox.Tx) error {
		err := fn(tx)
		if f.panics {
			panic("in a change")
		}
		return err
	})
	if err == nil {
		return f.after
	}
	return err
}

func (f *faulty) Committed(ctx context.Context, v mailbox.VersionID) (bool, error) {
	if f.blind && f.armed {
		return false, errDown
	}
	return f.SQLite.Committed(ctx, v)
}

// Once a commit was sent its outcome is looked up, never guessed: bytes are
// deleted only when it is known not to be (DESIGN.md section 3).
func TestLostAnswers(t *testing.T) {
	base := newWorld(t, mailbox.Single, nil)
	for name, tc := range map[string]struct {
		faulty faulty
		kind   mailbox.Kind // 0 with reason "" is success, or a fault of ours
		reason string
		stored bool
		blobs  int
	}{
		"committed, answer lost":     {faulty{after: errDown}, 0, "", true, 1},
		"not committed":              {faulty{before: errDown}, mailbox.Unavailable, "catalog", false, 0},
		"committed, nobody can tell": {faulty{after: errDown, blind: true}, mailbox.Unavailable, "outcome", true, 1},
		"gone, nobody can tell":      {faulty{before: errDown, blind: true}, mailbox.Unavailable, "outcome", false, 1},
		"never begun":                {faulty{before: mailbox.E(mailbox.Canceled, "")}, mailbox.Unavailable, "catalog", false, 0},
		"a panic":                    {faulty{panics: true}, mailbox.Internal, "change panicked", false, 0},
		"refused by the rules":       {faulty{before: mailbox.E(mailbox.OverQuota, mailbox.ReasonQuota)}, mailbox.OverQuota, "quota", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := tc.faulty
			f.SQLite = base.catalog
			w := base.on(t).over(&f).scene(t, mailbox.Single)
			before := w.blobCount()
			f.armed = true
			r, err := w.Deliver(ctx, w.clerk, path("/an_KVBbg/a"), upload("1"))
			f.armed = false
			if tc.reason == "" && err != nil || tc.reason != "" && (mailbox.KindOf(err) != tc.kind || !strings.HasPrefix(err.Error(), tc.reason)) {
				t.Fatalf("%v", err)
			}
			if err == nil && r.Entry.ID == 0 {
				t.Error("no receipt")
			}
			if names := w.names(w.clerk, "/an_KVBbg"); (len(names) == 1) != tc.stored {
				t.Errorf("there is %q", names)
			}
			if n := w.blobCount() - before; n != tc.blobs {
				t.Errorf("%d blobs", n)
			}
		})
	}
}

// P68: a client that goes away, or takes too long, leaves nothing.
func TestUploadsThatEnd(t *testing.T) {
	w := newWorld(t, mailbox.Single, func(o *mailbox.Options) { o.MaxUpload = 2 * time.Second }).scene(t, mailbox.Single)
	gone, cancel := context.WithCancel(ctx)
	up := mailbox.Upload{Body: io.MultiReader(strings.NewReader("x"), calling{cancel}), Length: -1, Expected: -1}
	_, err := w.Deliver(gone, w.clerk, path("/an_KVBbg/a"), up)
	if mailbox.KindOf(err) != mailbox.Canceled {
		t.Errorf("gone: %v", err)
	}
	_, err = w.Deliver(ctx, w.clerk, path("/an_KVBbg/a"), mailbox.Upload{Body: dripping{}, Length: -1, Expected: -1})
	w.refused(err, mailbox.Invalid, mailbox.ReasonTooSlow)
	if names := w.names(w.clerk, "/an_KVBbg"); len(names) != 0 || w.blobCount() != 0 {
		t.Errorf("left behind: %q, %d blobs", names, w.blobCount())
	}
}

// calling ends with a call, as a body does whose client has hung up.
type calling struct{ do func() }

func (c calling) Read([]byte) (int, error) { c.do(); return 0, io.EOF }

// dripping never ends and never breaks off.
type dripping struct{}

func (dripping) Read(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return min(len(p), 64), nil
}

// What takes back a placeholder takes back nothing else: not the outbox, when
// the placeholder was returned, and not a document without a lock.
func TestOnlyThePlaceholderIsTakenBack(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.FourEyes)
	w.lock(w.worker, w.at("/Postausgang/a"), mailbox.LockRequest{Exclusive: true, Timeout: time.Second})
	n, err := w.Find(ctx, w.worker, path(w.at("/Postausgang/a")), mailbox.Want{Locks: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Unlock(ctx, w.worker, path(w.at("/Postausgang/a")), n.Locks[0].Token); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Return(ctx, w.reviewer, path(w.at("/Postausgang/a")), "leer"); err != nil {
		t.Fatal(err)
	}
	up := upload(string(scantest.EICAR()))
	up.If = []mailbox.IfList{{Terms: []mailbox.IfTerm{{Not: true, Token: "DAV:no-lock"}}}}
	_, err = w.Deliver(ctx, w.worker, path(w.at("/Postausgang/a")), up)
	w.refused(err, mailbox.Infected, mailbox.ReasonInfected)
	if got := w.names(w.worker, w.at("/")); !slices.Contains(got, "Postausgang") {
		t.Fatalf("the mailbox has %q", got)
	}
	w.put(w.clerk, "/an_KVBbg/leer", "")
	up.Body, up.Length = strings.NewReader(string(scantest.EICAR())), int64(len(scantest.EICAR()))
	_, err = w.Deliver(ctx, w.clerk, path("/an_KVBbg/leer"), up)
	w.refused(err, mailbox.Infected, mailbox.ReasonInfected)
	if got := w.names(w.clerk, "/an_KVBbg"); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// A LOCK never makes a version of a document that came while it looked.
func TestLockLeavesWhatCameMeanwhile(t *testing.T) {
	base := newWorld(t, mailbox.Single, nil)
	var w *scene
	race := &racing{SQLite: base.catalog}
	w = base.over(race).scene(t, mailbox.Single)
	race.meanwhile = func() { base.on(t).put(w.clerk, "/an_KVBbg/a", "Inhalt") }
	_, created, err := w.Lock(ctx, w.clerk, path("/an_KVBbg/a"), mailbox.LockRequest{Exclusive: true})
	if err != nil || created {
		t.Fatalf("created %v, %v", created, err)
	}
	if got := w.read(w.worker, w.at("/an_KVBbg/a")); got != "Inhalt" {
		t.Errorf("the document holds %q", got)
	}
}

// racing runs something once, between the first change and the second.
type racing struct {
	*catalog.SQLite
	meanwhile func()
}

func (r *racing) Update(ctx context.Context, m mailbox.MemberID, fn func(mailbox.Tx) error) error {
	err := r.SQLite.Update(ctx, m, fn)
	if do := r.meanwhile; do != nil && mailbox.KindOf(err) == mailbox.NotFound {
		r.meanwhile = nil
		do()
	}
	return err
}

// Nobody holds a lock longer than 24 h, however often it is refreshed.
func TestLocksEnd(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil).scene(t, mailbox.Single)
	w.put(w.clerk, "/an_KVBbg/a", "1")
	l := w.lock(w.clerk, "/an_KVBbg/a", mailbox.LockRequest{Exclusive: true, Timeout: time.Hour})
	if d := time.Until(l.Expires); d > time.Hour || d < 59*time.Minute {
		t.Errorf("locked for %v", d)
	}
	r, err := w.RefreshLock(ctx, w.clerk, path("/an_KVBbg/a"), with(l.Token), 48*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.RefreshLock(ctx, w.clerk, path("/an_KVBbg/a"), with(l.Token), 48*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if d := time.Until(r.Expires); d > mailbox.MaxLockTime || !again.Expires.Equal(r.Expires) {
		t.Errorf("refreshed for %v, then until %v", d, again.Expires)
	}
}

// Uploads under way reserve: of two that would take the last bytes the second
// is refused before its body, and only then.
func TestUploadsReserveQuota(t *testing.T) {
	w := newWorld(t, mailbox.Single, func(o *mailbox.Options) { o.Quota = 10 }).scene(t, mailbox.Single)
	w.put(w.clerk, "/an_KVBbg/alt", "12")
	r, pipe := io.Pipe()
	first := make(chan error)
	go func() {
		_, err := w.Deliver(ctx, w.clerk, path("/an_KVBbg/a"), mailbox.Upload{Body: r, Length: 5, Expected: -1})
		first <- err
	}()
	if _, err := pipe.Write([]byte("1")); err != nil { // it is being received
		t.Fatal(err)
	}
	unread := func(n int64) error {
		_, err := w.Deliver(ctx, w.clerk, path("/an_KVBbg/neu"), mailbox.Upload{Body: failing{errors.New("read")}, Length: n, Expected: -1})
		return err
	}
	w.refused(unread(4), mailbox.OverQuota, mailbox.ReasonQuota)
	_, err := w.Deliver(ctx, w.clerk, path("/an_KVBbg/b"), mailbox.Upload{Body: strings.NewReader("1234"), Length: -1, Expected: -1})
	w.refused(err, mailbox.OverQuota, mailbox.ReasonQuota) // not announced: as soon as it is too much
	w.put(w.clerk, "/an_KVBbg/c", "123")
	w.refused(unread(1), mailbox.OverQuota, mailbox.ReasonQuota)
	w.put(w.clerk, "/an_KVBbg/alt", "34") // takes the place of as many bytes
	pipe.CloseWithError(errors.New("hung up"))
	if err := <-first; err == nil {
		t.Fatal("a broken upload went through")
	}
	w.put(w.clerk, "/an_KVBbg/b", "12345") // what it had reserved is free again
	w.refused(unread(1), mailbox.OverQuota, mailbox.ReasonQuota)
}

// Superseded versions that the other side never could see give up their bytes
// when room is needed, the oldest first, and what is to be kept stays (DESIGN.md
// section 5).
func TestRoomIsMade(t *testing.T) {
	w := newWorld(t, mailbox.Single, func(o *mailbox.Options) { o.Quota = 10 }).scene(t, mailbox.Single)
	var temps []mailbox.Version
	for _, body := range []string{"1111111111", "2222222222", "3333333333"} {
		temps = append(temps, w.put(w.clerk, "/an_KVBbg/~a.tmp", body).Entry.Version)
		w.remove(w.clerk, "/an_KVBbg/~a.tmp")
	}
	named := func() (n int) {
		for _, v := range temps {
			if ok, err := w.catalog.Committed(ctx, v.ID); err != nil {
				t.Fatal(err)
			} else if ok {
				n++
			}
		}
		return n
	}
	if n := named(); n != 3 {
		t.Fatalf("%d of three named", n)
	}
	e := w.put(w.clerk, "/an_KVBbg/a", "4444444444").Entry // superseded stood at 30
	if n := named(); n != 2 {
		t.Errorf("%d named after the first", n)
	}
	rs := w.records(mailbox.OpPurge)
	if len(rs) != 1 || rs[0].Version != temps[0].ID || rs[0].Person != w.clerk.Person || rs[0].SHA256 != temps[0].SHA256 {
		t.Errorf("%+v", rs)
	}
	w.put(w.clerk, "/an_KVBbg/a", "5555555555") // its first version is superseded, and was seen
	w.put(w.clerk, "/an_KVBbg/a", "6666666666")
	if n := named(); n != 0 {
		t.Errorf("%d named", n)
	}
	w.refused(w.tryPut(w.clerk, "/an_KVBbg/a", "7"), mailbox.OverQuota, mailbox.ReasonQuota)
	w.view(func(r mailbox.Reader) error {
		m, err := r.Member(w.ids[w.number])
		if m.Usage != (mailbox.Usage{Current: 10, Superseded: 20}) {
			t.Errorf("%+v", m.Usage)
		}
		vs, err2 := r.Versions(e.ID)
		for _, v := range vs {
			if v.Purged {
				t.Errorf("a version that was delivered is gone: %+v", v)
			}
		}
		return errors.Join(err, err2)
	})
	w.refused(w.Restore(ctx, mailbox.By{}, temps[0].Entry), mailbox.Conflict, mailbox.ReasonExists)
	w.replays()
}

// What versions_keep keeps stays, and then there is no room.
func TestKeptVersionsStay(t *testing.T) {
	for name, keep := range map[string]mailbox.Keep{"days": {Days: 1}, "count": {Count: 2}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, mailbox.Single, func(o *mailbox.Options) { o.Quota, o.Superseded, o.Keep = 10, 10, keep }).scene(t, mailbox.Single)
			for _, body := range []string{"11111", "22222", "33333"} {
				w.put(w.clerk, "/an_KVBbg/~a.tmp", body)
			}
			w.refused(w.tryPut(w.clerk, "/an_KVBbg/~a.tmp", "44444"), mailbox.OverQuota, mailbox.ReasonQuota)
		})
	}
}
