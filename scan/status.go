// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"context"
	"sync"
	"time"
)

// Code names what is wrong with the scanner; Problem.Text has the sentences.
type Code string

const (
	Unprobed          Code = "unprobed"           // the gate has just been started
	Unreachable       Code = "unreachable"        // no connection, no answer, or a nonsense answer
	TestFileMissed    Code = "test-file-missed"   // EICAR was not found
	EncryptedPassed   Code = "encrypted-passed"   // clamd calls encrypted contents clean
	RecursionPassed   Code = "recursion-passed"   // clamd calls an archive clean that it did not read to the bottom
	OwnMissing        Code = "own-signatures"     // deploy/postfach.ndb is not loaded
	StreamTooShort    Code = "stream-max-length"  // StreamMaxLength is below max_size
	MemberPassed      Code = "member-limit"       // a member over the limit was called clean
	EndUnread         Code = "end-unread"         // the end of a file of max_size was not looked at
	SignaturesOld     Code = "signatures-old"     // older than signatures_max_age
	SignaturesUnknown Code = "signatures-unknown" // clamd names no signature date
)

// Problem is why uploads are refused.
type Problem struct {
	Code   Code
	Detail string // in English, for the log
}

// Status of the gate, for /readyz?verbose, metrics and postfach check.
type Status struct {
	Ready        bool
	Problem      Problem // zero when Ready
	Engine       string  // "ClamAV 1.4.6"
	Database     string  // version and date of the official signatures as clamd gives them
	DatabaseDate time.Time
	HalfAge      bool      // the signatures have passed half of the allowed age
	Descriptors  bool      // spooled uploads go to clamd by descriptor
	LastProbe    time.Time // the last self-test that passed
	LastLimits   time.Time // the last daily probe that passed, in this process
	Restarts     int       // connections to clamd that were lost since the start
	Active       int       // uploads that are being judged or wait for it
}

// state is what Run finds out and Scan obeys.
type state struct {
	mu         sync.Mutex
	problem    Problem // of the self-test and the connection
	limits     Problem // of the daily probes; stays until they pass
	age        Problem // of the signature date
	generation int     // rises with every lost connection
	life       context.Context
	endLife    context.CancelFunc // of the connection: ends what still waits for a verdict
	version    version
	halfAge    bool
	fds        bool
	lastProbe  time.Time
	lastLimits time.Time
	active     int
}

// Status is a snapshot.
func (g *Gate) Status() Status {
	s := &g.state
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.worst()
	return Status{
		Ready: p.Code == "", Problem: p,
		Engine: s.version.Engine, Database: s.version.Database, DatabaseDate: s.version.Date,
		HalfAge: s.halfAge, Descriptors: s.fds, LastProbe: s.lastProbe, LastLimits: s.lastLimits,
		Restarts: s.generation, Active: s.active,
	}
}

func (s *state) worst() Problem {
	for _, p := range []Problem{s.problem, s.limits, s.age} {
		if p.Code != "" {
			return p
		}
	}
	return Problem{}
}

// red gives the problem, or nil.
func (s *state) red() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.worst(); p.Code != "" {
		return p
	}
	return nil
}

// lose notes that the connection to the clamd that was probed is gone. Call it
// through with.
func (s *state) lose() {
	s.generation++
	if s.endLife != nil {
		s.endLife()
	}
	s.life, s.endLife = nil, nil
}

// begin counts a scan in, unless the gate is red. The life ends when the
// connection is lost: no verdict that comes later counts, so nobody needs to
// wait for it.
func (s *state) begin() (generation int, life context.Context, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.worst(); p.Code != "" {
		return 0, nil, p
	}
	if s.life == nil {
		s.life, s.endLife = context.WithCancel(context.Background())
	}
	s.active++
	return s.generation, s.life, nil
}

func (s *state) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active--
}

// with changes the state; it reports whether readiness changed and to what.
func (s *state) with(change func(*state)) (before, after Problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before = s.worst()
	change(s)
	return before, s.worst()
}

func (s *state) current() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.generation
}

func (s *state) names() (engine, database string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version.Engine, s.version.Database
}

func (s *state) descriptors() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fds
}

func (s *state) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active == 0
}

func (s *state) failedLimits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limits.Code != ""
}
