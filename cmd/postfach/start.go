// SPDX-License-Identifier: Apache-2.0

package main

import "net"

type serveCmd struct{}

// Help tells what the server opens and how it ends.
func (serveCmd) Help() string {
	return `Opens the doors on listen, metrics on metrics_listen, and runs the scanner gate, the mail worker and the janitor. Every weakened setting is said at the start. SIGTERM or SIGINT lets uploads finish for the time of the setting shutdown; a second signal ends at once.`
}

func (serveCmd) Run(e *env) error {
	cfg, err := e.configuration()
	if err != nil {
		return err
	}
	log, flush, err := serverLog(cfg.Log, e.stderr)
	if err != nil {
		return err
	}
	defer flush()
	return serve(e.ctx, cfg, log, func(a net.Addr) {
		log.Info("doors open", "listen", a.String(), "url", cfg.URL, "version", buildVersion())
	})
}
