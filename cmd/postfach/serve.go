// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postfach/auth"
	"postfach/config"
	"postfach/dav"
	"postfach/notify"
	"postfach/reply"
	"postfach/server"
	"postfach/web"
)

// serve is the whole server, wired in order: catalog, storage and gate, the
// rules over them, the workers, the doors. It returns when ctx has ended and
// everything under way is finished or cut off.
func serve(ctx context.Context, cfg config.Config, log *slog.Logger, started func(net.Addr)) error {
	for _, w := range cfg.Weakenings() {
		log.Warn("weakened", "setting", w)
	}
	a, err := open(cfg, log)
	if err != nil {
		return err
	}
	defer func() {
		if err := a.close(); err != nil {
			log.Error("closing", "err", err)
		}
	}()
	checked, err := a.beginning(ctx)
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	registry := prometheus.NewRegistry()
	worker, err := newWorker(cfg, a, registry)
	if err != nil {
		return err
	}
	a.signaturesOld = func(date time.Time, _ bool) {
		if err := worker.SignaturesOld(ctx, a.gate.Status().Database, time.Since(date), cfg.Scan.SignaturesMaxAge); err != nil {
			log.Error("telling that the signatures grow old", "err", err)
		}
	}
	provider, err := newProvider(cfg, log)
	if err != nil {
		return err
	}
	doors, authenticator, err := newDoors(ctx, a, provider)
	if err != nil {
		return err
	}
	registerGauges(registry, a)
	keepers, err := newKeepers(ctx, a, registry)
	if err != nil {
		return err
	}
	recovery, err := newRecovery(a, registry)
	if err != nil {
		return err
	}
	keepers = append(append(keepers, recovery...), a.keepStanding(checked, end))
	checks := []server.Check{
		{Name: "catalog", Ask: a.catalog.Ready},
		{Name: "storage", Ask: a.blobs.Ready},
		{Name: "scanner", Ask: func(context.Context) error { return a.gate.Ready() }},
	}
	if provider != nil {
		checks = append(checks, registerProvider(registry, provider))
		keepers = append(keepers, provider.Run)
	}
	srv, err := server.New(server.Options{Listen: cfg.Listen, MetricsListen: cfg.MetricsListen, Cert: cfg.TLS.Cert, Key: cfg.TLS.Key,
		Shutdown: cfg.Shutdown, Doors: doors, Metrics: registry, Started: started, Log: log,
		Checks: checks})
	if err != nil {
		return err
	}
	workers := append(keepers, func(ctx context.Context) {
		if err := worker.Run(ctx); err != nil {
			log.Error("notices", "err", err)
		}
	}, a.gate.Run, a.service.Run, a.janitor.Run, authenticator.Run, returnPages)
	err = runAll(ctx, srv.Run, workers...)
	if wrong, ok := errors.AsType[*wrongOrder](context.Cause(ctx)); ok {
		return errors.Join(wrong, err)
	}
	return err
}

// runAll runs the server until ctx ends, and the workers until the last
// request is answered: what a request did must still be recorded and scanned.
func runAll(ctx context.Context, srv func(context.Context) error, workers ...func(context.Context)) error {
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var wg sync.WaitGroup
	for _, w := range workers {
		wg.Go(func() { w(behind) })
	}
	err := srv(ctx)
	stop()
	wg.Wait()
	return err
}

func newWorker(cfg config.Config, a *app, registry *prometheus.Registry) (*notify.Worker, error) {
	composer, err := newComposer(cfg)
	if err != nil {
		return nil, err
	}
	sender, err := newSender(cfg)
	if err != nil {
		return nil, err
	}
	outcomes := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "postfach_mails_total", Help: "Attempts to send a mail, by outcome."}, []string{"outcome"})
	registry.MustRegister(outcomes)
	return notify.New(a.catalog, composer, sender, notify.Options{
		Timing: notify.Timing{Quiet: cfg.Notify.Quiet, AtMost: cfg.Notify.AtMost},
		Staff:  cfg.Notify.StaffAddress, Security: cfg.Authority.SecurityAddress, Operator: cfg.Notify.OperatorAddress, Rate: cfg.Notify.Rate, Log: a.log,
		Poll:  min(max(cfg.Notify.Quiet/4, 200*time.Millisecond), 5*time.Second),
		Count: func(outcome string) { outcomes.WithLabelValues(outcome).Inc() },
	})
}

// newDoors are the WebDAV door, the browser's, and the sign-in before both.
func newDoors(ctx context.Context, a *app, p *auth.Provider) (http.Handler, *auth.Authenticator, error) {
	cfg := a.cfg
	authenticator, err := auth.New(ctx, a.catalog, auth.Options{
		Secure:    func(r *http.Request) bool { return auth.IsSecure(r, cfg.TrustedProxies) },
		Address:   func(r *http.Request) netip.Addr { return auth.ClientAddress(r, cfg.TrustedProxies) },
		Strangers: a.service, Provider: p, Log: a.log,
	})
	if err != nil {
		return nil, nil, err
	}
	replies := reply.New(reply.Options{Language: cfg.Authority.Language, Authority: cfg.Authority.Name,
		Contact: cfg.Authority.ServiceContact, Help: web.HelpPath, Bearer: bearerOffer(cfg), Log: a.log})
	public, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, nil, err
	}
	known, err := a.catalog.Identity(ctx)
	if err != nil {
		return nil, nil, err
	}
	door := dav.New(a.service, authenticator, replies, dav.Options{Host: public.Hostname(), Timezone: cfg.Authority.Timezone,
		LargeHelp: web.HelpPath + "#grosse-dateien",
		Clients: dav.Clients{Product: cfg.Clients.Product, Version: cfg.Clients.Version,
			Instance: known.Instance, Fingerprint: known.Fingerprint},
		RequestID: func(r *http.Request) string { return r.Header.Get("X-Request-Id") }, Log: a.log})
	o := web.Options{URL: cfg.URL, Timezone: cfg.Authority.Timezone, Log: a.log,
		Upload: cfg.Folders.ToAuthority, MaxSize: cfg.Scan.MaxSize}
	if p != nil {
		o.Provider = p
	}
	pages, err := web.New(door, authenticator, replies, o)
	return pages, authenticator, err
}

// gaugesIn registers gauges that are read when they are asked for; -1 says that
// they could not be.
func gaugesIn(r *prometheus.Registry) func(name, help string, read func(context.Context) (float64, error)) {
	return func(name, help string, read func(context.Context) (float64, error)) {
		read = server.Bounded(read)
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), checkTime)
			defer cancel()
			v, err := read(ctx)
			if err != nil {
				return -1
			}
			return v
		}))
	}
}

// registerGauges exposes what alarms look at (deploy/alerts.yaml).
func registerGauges(r *prometheus.Registry, a *app) {
	gauge := gaugesIn(r)
	ready := func(ask func(context.Context) error) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			if ask(ctx) != nil {
				return 0, nil
			}
			return 1, nil
		}
	}
	gauge("postfach_catalog_ready", "1 when a change could be committed.", ready(a.catalog.Ready))
	gauge("postfach_storage_ready", "1 when an upload could be stored.", ready(a.blobs.Ready))
	gauge("postfach_scanner_ready", "1 when an upload could be judged.", ready(readyScanner(a.gate)))
	gauge("postfach_signatures_age_seconds", "Age of the scanner's official signatures; -1 when unknown.", func(context.Context) (float64, error) {
		if d := a.gate.Status().DatabaseDate; !d.IsZero() {
			return time.Since(d).Seconds(), nil
		}
		return -1, nil
	})
	gauge("postfach_scans_active", "Uploads that are being judged or wait for it.", func(context.Context) (float64, error) {
		return float64(a.gate.Status().Active), nil
	})
	depth := func(pick func(notify.Depth) float64) func(context.Context) (float64, error) {
		return func(ctx context.Context) (float64, error) {
			d, err := a.catalog.Depth(ctx)
			return pick(d), err
		}
	}
	gauge("postfach_notices_queued", "Mails waiting for the relay.", depth(func(d notify.Depth) float64 { return float64(d.Queued) }))
	gauge("postfach_notices_failed", "Mails that failed for good.", depth(func(d notify.Depth) float64 { return float64(d.Failed) }))
	gauge("postfach_notices_oldest_seconds", "Age of the oldest waiting mail.", depth(func(d notify.Depth) float64 {
		if d.Oldest.IsZero() {
			return 0
		}
		return time.Since(d.Oldest).Seconds()
	}))
}
