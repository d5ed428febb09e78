// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// standing is what the catalog leaves in the storage of how far it has come, so
// that another or an older one is not taken for it: that would give ids anew
// that others know already (I6), and delete as unnamed what it does not know.
type standing struct {
	Format      int       `json:"format"` // 1
	Instance    string    `json:"instance"`
	Fingerprint string    `json:"fingerprint"`
	Records     int64     `json:"records"` // last number of an audit record
	Time        time.Time `json:"time"`
}

// standingEvery is how often it is renewed: an older catalog of less than this
// may go unnoticed.
const standingEvery = time.Minute

func parseStanding(text []byte) (s standing, err error) {
	if err = json.Unmarshal(text, &s); err == nil && s.Format != 1 {
		err = fmt.Errorf("standing of format %d", s.Format)
	}
	return s, err
}

// checkStanding refuses a catalog that the storage knows a later state of. An
// error of kind Unavailable says that it could not be found out.
func (a *app) checkStanding(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	text, err := a.blobs.Standing(ctx)
	if err != nil || text == nil {
		return err
	}
	before, err := parseStanding(text)
	if err != nil {
		return &wrongOrder{fmt.Sprintf("the storage %s says of its catalog what this program cannot read; a newer one wrote it", a.cfg.Storage.Path)}
	}
	now, err := a.catalog.Standing(ctx)
	if err != nil {
		return err
	}
	const then = "To begin again from a backup: postfach restore. If this catalog was restored by other means or is meant: postfach restore --here."
	switch {
	case before.Instance != now.Instance:
		return &wrongOrder{fmt.Sprintf("the storage %s holds the documents of another catalog. %s", a.cfg.Storage.Path, then)}
	case before.Records > now.Records:
		return &wrongOrder{fmt.Sprintf("the catalog is older than the storage %s: it ends with audit record %d, on %s it had %d. %s",
			a.cfg.Storage.Path, now.Records, moment(before.Time, a.cfg.Authority.Timezone), before.Records, then)}
	}
	return nil
}

// noteStanding leaves in the storage how far the catalog has come. Whatever puts
// another catalog in front of a storage on purpose has to call it.
func (a *app) noteStanding(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	now, err := a.catalog.Standing(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(standing{1, now.Instance, now.Fingerprint, now.Records, time.Now().UTC()})
	if err != nil {
		return err
	}
	return a.blobs.SetStanding(ctx, text)
}

// keepStanding renews it until ctx ends and once more then. Where it could not
// be checked at the start, that comes first; end is called when the catalog is
// the wrong one.
func (a *app) keepStanding(checked bool, end func(error)) func(context.Context) {
	var noted int64 // records at the last time; 0 for none
	tell := func(ctx context.Context) {
		now, err := a.catalog.Standing(ctx)
		if err == nil && now.Records == noted && noted > 0 {
			return
		}
		if err == nil {
			err = a.noteStanding(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.log.WarnContext(ctx, "standing of the catalog not stored", "err", err)
			return
		}
		noted = now.Records
	}
	return func(ctx context.Context) {
		for wait := time.Duration(0); ; wait = standingEvery {
			select {
			case <-ctx.Done():
				if checked {
					tell(context.WithoutCancel(ctx))
				}
				return
			case <-time.After(wait):
			}
			if !checked {
				err := a.checkStanding(ctx)
				if _, wrong := err.(*wrongOrder); wrong {
					end(err)
					return
				}
				checked = err == nil
			}
			if checked {
				tell(ctx)
			}
		}
	}
}

// lost says between which times the catalog does not know what it once named.
func (a *app) lost(ctx context.Context) (from, until time.Time, err error) {
	l, err := a.catalog.Life(ctx)
	if err != nil || l.Known.IsZero() {
		return time.Time{}, time.Time{}, err
	}
	return l.Known, l.Restored, nil
}
