// SPDX-License-Identifier: Apache-2.0

package config

import "time"

// upkeep reads what the server does for its stock by itself.
func (l *loader) upkeep(top *section) {
	u := &l.c.Upkeep
	u.AuditSegments = value(top, "audit_segments", 20*time.Second, durationBetween(time.Second, 30*time.Second))
	s := top.sub("scrub")
	defer s.done()
	u.Scrub.Every = value(s, "every", 24*time.Hour, orOff(durationBetween(time.Minute, 90*24*time.Hour)))
	u.Scrub.Sample = value(s, "sample", 5, intBetween(1, 100))
	u.Scrub.Rate = value(s, "rate", 8*mib, sizeBetween(64*kib, 10*gib, ""))
}
