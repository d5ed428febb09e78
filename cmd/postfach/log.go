// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"

	"postfach/config"
	"postfach/syslog"
)

func newLogger(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "text" {
		return slog.New(slog.NewTextHandler(w, o))
	}
	return slog.New(slog.NewJSONHandler(w, o))
}

// serverLog is newLogger and, where one is configured, a collector that gets
// every line too. Call flush when nothing more is logged.
func serverLog(c config.Log, w io.Writer) (log *slog.Logger, flush func(), err error) {
	log = newLogger(c, w)
	if c.Syslog == "" {
		return log, func() {}, nil
	}
	address, err := syslog.ParseAddress(c.Syslog)
	if err != nil {
		return nil, nil, err
	}
	o := syslog.Options{Address: address, Next: log.Handler()}
	if c.CA != "" {
		roots, err := readRoots(c.CA)
		if err != nil {
			return nil, nil, err
		}
		o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	h := syslog.New(o)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.Run(ctx)
	}()
	return slog.New(h), func() { stop(); <-done }, nil
}
