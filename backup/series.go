// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Keep says what stays of a series: the latest Count, and of each of the last
// Days days and Months months (UTC; this one counts) its latest. At least one
// always stays.
type Keep struct{ Count, Days, Months int }

// Series makes a snapshot again and again.
type Series struct {
	Place Place
	From  Source
	To    Recipients
	Every time.Duration // from the begin of one to the begin of the next
	Keep  Keep
	// Check, when set, looks whether the catalog is whole: before the first
	// snapshot and then once a day. Snapshots are made whatever it says.
	Check func(context.Context) error
	// Turned, when set, is told of the first good snapshot, of the first failed
	// one after a good one, and of the first good one after that.
	Turned func(context.Context, Made, error)
	Log    *slog.Logger

	mu   sync.Mutex
	last time.Time // of the last good one
}

// Last says when the last good snapshot was begun; zero for none, or when that
// is not known yet.
func (s *Series) Last() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *Series) good(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = at
}

const (
	shortestPause = time.Second
	longestPause  = time.Minute // after one that failed
	runLimit      = 6 * time.Hour
)

// Run makes snapshots until ctx ends.
func (s *Series) Run(ctx context.Context) {
	if all, err := Snapshots(ctx, s.Place); err == nil && len(all) > 0 {
		s.good(all[0].At)
	}
	var checked time.Time
	wait := time.Until(s.Last().Add(s.Every))
	told := errors.New("nothing was told yet")
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(wait, 0)):
		}
		if s.Check != nil && time.Since(checked) > 24*time.Hour {
			if err := s.Check(ctx); err != nil && ctx.Err() == nil {
				s.Log.ErrorContext(ctx, "before the backup", "err", err)
			}
			checked = time.Now()
		}
		began := time.Now()
		m, err := s.Once(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.Log.ErrorContext(ctx, "backup failed", "err", err)
		} else {
			s.Log.InfoContext(ctx, "backup made", "name", m.Name, "bytes", m.Size, "took", time.Since(began).String())
		}
		if s.Turned != nil && (err == nil) != (told == nil) {
			s.Turned(ctx, m, err)
		}
		told = err
		wait = time.Until(began.Add(s.Every))
		if err != nil {
			wait = min(max(s.Every/5, shortestPause), longestPause)
		}
	}
}

// Once makes a snapshot and afterwards removes what need not be kept. That a
// removal failed is logged; the snapshot is good.
func (s *Series) Once(ctx context.Context) (Made, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	m, err := Make(ctx, s.Place, newName(time.Now(), s.To.Encrypt()), s.From, s.To)
	if err != nil {
		return m, err
	}
	s.good(m.At)
	if err := s.prune(ctx); err != nil {
		s.Log.WarnContext(ctx, "old backups not removed", "err", err)
	}
	return m, nil
}

func (s *Series) prune(ctx context.Context) error {
	all, err := Snapshots(ctx, s.Place)
	if err != nil {
		return err
	}
	err = s.Place.Tidy(ctx)
	for _, doomed := range s.Keep.surplus(all, time.Now()) {
		err = errors.Join(err, s.Place.Remove(ctx, doomed.Name))
	}
	return err
}

// surplus are the snapshots that need not be kept; all is the latest first.
func (k Keep) surplus(all []Stored, now time.Time) []Stored {
	var doomed []Stored
	now = now.UTC()
	oldestDay := now.AddDate(0, 0, -k.Days).Format(time.DateOnly)
	oldestMonth := time.Date(now.Year(), now.Month()-time.Month(k.Months), 1, 0, 0, 0, 0, time.UTC).Format(monthLayout)
	day, month := "", ""
	for i, f := range all {
		d, m := f.At.UTC().Format(time.DateOnly), f.At.UTC().Format(monthLayout)
		kept := i < max(k.Count, 1) || d != day && d > oldestDay || m != month && m > oldestMonth
		day, month = d, m
		if !kept {
			doomed = append(doomed, f)
		}
	}
	return doomed
}

const monthLayout = "2006-01"
