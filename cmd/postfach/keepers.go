// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"postfach/scrub"
	"postfach/segment"
)

// newKeepers are the workers that look after the stock: the audit log goes into
// the storage, and what lies there is read again.
func newKeepers(ctx context.Context, a *app, registry *prometheus.Registry) ([]func(context.Context), error) {
	known, err := a.catalog.Identity(ctx)
	if err != nil {
		return nil, err
	}
	shipper := &segment.Shipper{Catalog: a.catalog, Store: a.blobs, Life: known.Fingerprint, Instance: known.Instance,
		Every: a.cfg.Upkeep.AuditSegments, Log: a.log}
	gauge := gaugesIn(registry)
	gauge("postfach_audit_unshipped_seconds", "Age of the oldest audit record that the storage does not have yet.", func(ctx context.Context) (float64, error) {
		lag, err := shipper.Lag(ctx)
		return lag.Seconds(), err
	})
	gauge("postfach_storage_damaged", "Stored contents that are missing, differ or cannot be read, as far as they were read again.", func(ctx context.Context) (float64, error) {
		r, err := scrub.Known(ctx, a.catalog)
		return float64(len(r.Damaged)), err
	})
	gauge("postfach_scrub_finished_seconds", "When a round of reading stored contents again last ended (Unix time); 0 for never.", func(ctx context.Context) (float64, error) {
		r, err := scrub.Known(ctx, a.catalog)
		if err != nil || r.Finished.IsZero() {
			return 0, err
		}
		return float64(r.Finished.Unix()), nil
	})
	set := a.cfg.Upkeep.Scrub
	scrubber := &scrub.Scrubber{Checker: scrub.Checker{Catalog: a.catalog, Storage: a.blobs, Rate: set.Rate},
		Every: set.Every, Sample: set.Sample, Log: a.log}
	return []func(context.Context){shipper.Run, scrubber.Run}, nil
}
