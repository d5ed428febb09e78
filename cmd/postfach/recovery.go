// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postfach/backup"
)

// beginning looks before the doors open whether this is the catalog of the
// storage, and says what a restore has left undone. checked is false when the
// storage cannot be asked at the moment; nothing can be uploaded then either.
func (a *app) beginning(ctx context.Context) (checked bool, err error) {
	err = a.checkStanding(ctx)
	if wrong, ok := errors.AsType[*wrongOrder](err); ok {
		return false, wrong
	}
	if checked = err == nil; !checked {
		a.log.ErrorContext(ctx, "whether this catalog is that of the storage is not known yet", "err", err)
	}
	life, err := a.catalog.Life(ctx)
	if err != nil {
		return checked, err
	}
	if !life.Held.IsZero() {
		a.log.WarnContext(ctx, "mails are held since the catalog was restored: postfach notice release", "since", life.Held)
	}
	return checked, nil
}

// behind is how old the last backup may be: one may fail, and making it takes
// its time.
func behind(every time.Duration) time.Duration { return 2*every + time.Minute }

// newRecovery is the continuous backup, with what alarms look at
// (deploy/alerts.yaml).
func newRecovery(a *app, r *prometheus.Registry) ([]func(context.Context), error) {
	series, err := a.newSeries()
	if err != nil {
		return nil, err
	}
	gauge := func(name, help string, read func() float64) {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
	}
	gauge("postfach_notices_held_seconds", "How long mails have been held since a restore; 0 when they are not.", func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), checkTime)
		defer cancel()
		life, err := a.catalog.Life(ctx)
		switch {
		case err != nil:
			return -1
		case life.Held.IsZero():
			return 0
		}
		return time.Since(life.Held).Seconds()
	})
	if series == nil {
		return nil, nil
	}
	started := time.Now()
	gauge("postfach_backup_age_seconds", "How old the state is that the last good backup holds; without any, since the start.", func() float64 {
		if last := series.Last(); !last.IsZero() {
			return time.Since(last).Seconds()
		}
		return time.Since(started).Seconds()
	})
	gauge("postfach_backup_every_seconds", "How often a backup is to be made.", func() float64 { return series.Every.Seconds() })
	return []func(context.Context){series.Run}, nil
}

// checkRecovery says how old the last backup is, and what a restore has left
// undone.
func (a *app) checkRecovery(ctx context.Context) []finding {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	var all []finding
	if a.catalog != nil {
		switch life, err := a.catalog.Life(ctx); {
		case err != nil:
			all = append(all, found("restore", gradeCritical, explain(err)))
		case !life.Held.IsZero():
			all = append(all, a.checkHeld(ctx, life.Held))
		}
	}
	if a.catalog != nil && a.blobs != nil {
		if err := a.checkStanding(ctx); err != nil {
			all = append(all, found("restore", gradeCritical, explain(err)))
		}
	}
	if a.cfg.Backup.To.Kind == "" {
		return all
	}
	return append(all, a.checkBackup(ctx))
}

// checkHeld also says whether releasing mails would leave somebody untold.
func (a *app) checkHeld(ctx context.Context, since time.Time) finding {
	untold, err := a.catalog.Untold(ctx)
	if err != nil {
		return found("restore", gradeCritical, explain(err))
	}
	var notes []string
	if n := len(untold); n > 0 {
		notes = append(notes, fmt.Sprintf("%d deliveries and alerts from before have no mail yet: notice release --dry-run names them", n))
	}
	return found("restore", gradeWarning, fmt.Sprintf("mails are held since %s: postfach notice release",
		moment(since, a.cfg.Authority.Timezone)), notes...)
}

func (a *app) checkBackup(ctx context.Context) finding {
	const part = "backup"
	b := a.cfg.Backup
	place, err := openPlace(b.To, b.Bucket)
	if err != nil {
		return found(part, gradeWarning, explain(err))
	}
	made, err := backup.Snapshots(ctx, place)
	switch to := where("", b.To); {
	case err != nil:
		return found(part, gradeWarning, to+": "+explain(err))
	case len(made) == 0:
		return found(part, gradeWarning, to+" holds no backup")
	case time.Since(made[0].At) > behind(b.Every):
		return found(part, gradeWarning, fmt.Sprintf("the last one in %s is of %s", to, moment(made[0].At, a.cfg.Authority.Timezone)))
	default:
		return found(part, gradeOK, fmt.Sprintf("%s, %d snapshots, the last of %s", to, len(made), moment(made[0].At, a.cfg.Authority.Timezone)))
	}
}
