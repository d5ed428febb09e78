// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"os"
	"strings"
	"testing"
	"time"

	"postfach/mailbox"
	"postfach/scan/scantest"
)

// Issue 2 item 7: we trust no clamd.conf. Each wrong setting keeps the gate red
// and is named; uploads get 503, never a verdict.
func TestProbeNamesWrongSettings(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    scantest.Options
		want Code
	}{
		{"good", scantest.Options{}, ""},
		{"encryption not reported", scantest.Options{Drop: []string{"AlertEncrypted", "AlertEncryptedArchive", "AlertEncryptedDoc"}}, EncryptedPassed},
		{"encrypted documents not reported", scantest.Options{Drop: []string{"AlertEncrypted", "AlertEncryptedDoc"}}, EncryptedPassed},
		{"limits not reported", scantest.Options{Drop: []string{"AlertExceedsMax"}}, RecursionPassed},
		{"own signatures missing", scantest.Options{NoOwnSignatures: true}, OwnMissing},
		{"stream too short", scantest.Options{StreamMaxLength: 64<<20 - 1}, StreamTooShort},
		{"stream just long enough", scantest.Options{StreamMaxLength: 64 << 20}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := scantest.Start(t, tc.o)
			g := newGate(t, Options{Address: address(t, c.Address)})
			run(t, g)
			s := until(t, g, "probed", func(s Status) bool { return s.Problem.Code != Unprobed })
			if s.Problem.Code != tc.want {
				t.Fatalf("problem %+v, want %q", s.Problem, tc.want)
			}
			v, err := g.Scan(t.Context(), memory("x"))
			if red := tc.want != ""; red != (mailbox.KindOf(err) == mailbox.Unavailable) || red == (v.Outcome == mailbox.Clean) {
				t.Errorf("upload: %+v, %v", v, err)
			}
		})
	}
}

// A clamd that does not know the test file is not ready, whatever else it says.
func TestProbeWantsTestFileFound(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	if err := os.Remove(c.Dir + "/db/eicar.ndb"); err != nil {
		t.Fatal(err)
	}
	if err := c.Restart(); err != nil {
		t.Fatal(err)
	}
	g := newGate(t, Options{Address: address(t, c.Address)})
	run(t, g)
	until(t, g, "missing the test file", func(s Status) bool { return s.Problem.Code == TestFileMissed })
}

// scan.own_signatures: off is the only way without postfach.ndb.
func TestOwnSignaturesOff(t *testing.T) {
	c := scantest.Start(t, scantest.Options{NoOwnSignatures: true})
	g := green(t, Options{Address: address(t, c.Address), NoOwnSignatures: true})
	if problem, err := g.tryLimits(t.Context()); err != nil || problem.Code != "" {
		t.Errorf("daily probe without a marker: %+v, %v", problem, err)
	}
}

// Where clamd cannot get descriptors from the staging folder, the bytes are
// sent; nothing is taken unscanned.
func TestDescriptorsAreProbed(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	for _, dir := range []string{"", t.TempDir() + "/absent"} {
		g := green(t, Options{Address: address(t, c.Address), StagingDir: dir})
		if g.Status().Descriptors {
			t.Errorf("staging %q: descriptors pass", dir)
		}
		v, err := g.Scan(t.Context(), spool(t, append(noise(2<<20), scantest.EICAR()...)))
		if err != nil || v.Outcome != mailbox.Malicious {
			t.Errorf("staging %q: %+v, %v", dir, v, err)
		}
	}
	// Behind a proxy that passes no descriptors, on a unix socket.
	p := scantest.StartProxy(t, c, "unix")
	if g := green(t, Options{Address: address(t, p.Address), StagingDir: t.TempDir()}); g.Status().Descriptors {
		t.Error("descriptors pass through a proxy")
	}
}

// Nothing stays in the staging folder.
func TestProbeLeavesNothing(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	dir := t.TempDir()
	g := green(t, Options{Address: address(t, c.Address), StagingDir: dir})
	if problem, err := g.tryLimits(t.Context()); err != nil || problem.Code != "" {
		t.Errorf("daily probe: %+v, %v", problem, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 || !g.Status().Descriptors {
		t.Errorf("left %v, %v, descriptors %v", left, err, g.Status().Descriptors)
	}
}

// Every problem has a sentence in both languages.
func TestProblemTexts(t *testing.T) {
	for _, c := range []Code{Unprobed, Unreachable, TestFileMissed, EncryptedPassed, RecursionPassed, OwnMissing,
		StreamTooShort, MemberPassed, EndUnread, SignaturesOld, SignaturesUnknown} {
		de, en := Problem{Code: c}.Text("de"), Problem{Code: c}.Text("en")
		if de == en || de == string(c) || en == string(c) || !strings.HasSuffix(strings.TrimRight(de, ")"), ".") && !strings.HasSuffix(de, "?") && !strings.HasSuffix(de, ").") {
			t.Errorf("%s: %q, %q", c, de, en)
		}
	}
}

// P27: signatures older than signatures_max_age, or of unknown age, refuse
// uploads; the operator hears of it at half the age.
func TestSignatureAge(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	p := scantest.StartProxy(t, c, "unix")
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	said := func(age time.Duration) scantest.Fault {
		date := now.Add(-age).Format("Mon Jan _2 15:04:05 2006")
		return scantest.Fault{Match: "VERSION", Reply: "ClamAV 1.4.6/27000/" + date + "\x00"}
	}
	for _, tc := range []struct {
		name   string
		fault  scantest.Fault
		limit  time.Duration
		want   Code
		half   bool
		tooOld bool
	}{
		{"fresh", said(time.Hour), 0, "", false, false},
		{"half", said(37 * time.Hour), 0, "", true, false},
		{"old", said(73 * time.Hour), 0, SignaturesOld, true, true},
		{"old by setting", said(2 * time.Hour), time.Hour, SignaturesOld, true, true},
		{"old but off", said(1000 * time.Hour), -1, "", false, false},
		{"ahead by a zone", said(-12 * time.Hour), 0, "", false, false},
		{"ahead by a year", said(-365 * 24 * time.Hour), 0, SignaturesUnknown, true, true},
		{"unknown", scantest.Fault{Match: "none"}, 0, SignaturesUnknown, true, true},
		{"nonsense", scantest.Fault{Match: "VERSION", Reply: "hello\x00"}, -1, Unreachable, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.Set(tc.fault)
			warned := make(chan bool, 100)
			g, err := NewGate(Options{
				Address: address(t, p.Address), MaxSize: 1 << 20, SignaturesMaxAge: tc.limit, Zone: time.UTC,
				Now:          func() time.Time { return now },
				OnSignatures: func(_ time.Time, tooOld bool) { warned <- tooOld },
			})
			if err != nil {
				t.Fatal(err)
			}
			run(t, g)
			s := until(t, g, "probed", func(s Status) bool { return s.Problem.Code != Unprobed })
			if s.Problem.Code != tc.want || s.HalfAge != tc.half {
				t.Errorf("%+v", s)
			}
			if tc.half {
				if tooOld := <-warned; tooOld != tc.tooOld {
					t.Errorf("the operator is told too old = %v", tooOld)
				}
			}
			if len(warned) != 0 {
				t.Error("the operator is told more than once a day")
			}
		})
	}
}

// Signatures that grow old while nothing else happens turn the gate red.
func TestSignaturesGrowOld(t *testing.T) {
	c := scantest.Start(t, scantest.Options{})
	p := scantest.StartProxy(t, c, "unix")
	clock := &clock{now: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)}
	p.Set(scantest.Fault{Match: "VERSION", Reply: "ClamAV 1.4.6/27000/Tue Mar 10 11:00:00 2026\x00"})
	g := newGate(t, Options{Address: address(t, p.Address), SignaturesMaxAge: 72 * time.Hour, Zone: time.UTC, Now: clock.Now})
	run(t, g)
	until(t, g, "ready", ready)
	clock.add(40 * time.Hour)
	until(t, g, "at half the age", func(s Status) bool { return s.HalfAge && s.Ready })
	clock.add(40 * time.Hour)
	until(t, g, "too old", func(s Status) bool { return s.Problem.Code == SignaturesOld })
	p.Set(scantest.Fault{Match: "VERSION", Reply: "ClamAV 1.4.6/27001/Fri Mar 13 19:00:00 2026\x00"})
	clock.add(6 * time.Minute)
	until(t, g, "fresh again", ready)
}
