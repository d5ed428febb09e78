// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// configure writes the configuration; ports are new at each start.
func (in *instance) configure() error {
	listen, err := bindable(in.o.Listen)
	if err != nil {
		return fmt.Errorf("doors: %w; give another address with --listen", err)
	}
	metrics, err := bindable("127.0.0.1:0")
	if err != nil {
		return err
	}
	in.url = "http://" + listen
	in.config = filepath.Join(in.o.Dir, "postfach.yaml")
	return os.WriteFile(in.config, fmt.Appendf(nil, `# Written by postfach demo at each start; changes here are lost.
listen: %s
metrics_listen: %s
url: %s
authority:
  name: Versorgungskasse Beispielland
  short: VKB
  language: de
  timezone: Europe/Berlin
  service_contact: Servicetelefon 0123 456789, service@kasse.example
  security_address: sicherheit@kasse.example
catalog: %s
storage: %s
scan:
  clamd: unix:%s
  max_size: 2000MiB
  signatures_max_age: %s
notify:
  smtp: smtp://%s?tls=none
  from: Versorgungskasse Beispielland <postfach@kasse.example>
  quiet: %s
  at_most: 60s
  staff_address: sachbearbeitung@kasse.example
release: single
`, listen, metrics, in.url, in.catalog, in.storage, in.socket(), in.signs.maxAge, in.smtp, in.quiet), 0o600)
}

// bindable gives an address on loopback that nobody listens on; port 0 means any.
func bindable(address string) (string, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", errors.New("the demo has no TLS and listens on loopback only")
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
