// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"postfach/segment"
)

// newKeepers are the workers that look after the stock: the audit log goes into
// the storage.
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
	return []func(context.Context){shipper.Run}, nil
}
