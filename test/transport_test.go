// SPDX-License-Identifier: Apache-2.0

package test

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"postfach/test/world"
)

// elsewhere is an address of this machine that is not loopback.
func elsewhere(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			return n.IP.String()
		}
	}
	t.Skip("this machine has no address but loopback")
	return ""
}

// TestPlainHTTPElsewhere: without TLS, passwords are taken on loopback and from
// trusted proxies that were reached by TLS, and nowhere else, whatever headers a
// stranger writes (K3, issue 2, item 4).
func TestPlainHTTPElsewhere(t *testing.T) {
	long(t)
	host := elsewhere(t)
	for proxies, want := range map[string]int{"198.51.100.0/24": 403, host + "/32": 200} {
		o := world.Everybody()
		o.Stopped, o.Settings = true, "trusted_proxies: ["+proxies+"]"
		w := whole(t, o)
		listen := strings.TrimPrefix(w.URL, "http://")
		_, port, _ := net.SplitHostPort(listen)
		// the first line, before metrics_listen
		writeFile(t, w.Config, strings.Replace(readFile(t, w.Config), "listen: "+listen, "listen: 0.0.0.0:"+port, 1))
		w.Serve()
		ask := func(host, proto string) int {
			t.Helper()
			r, err := http.NewRequest("PROPFIND", "http://"+net.JoinHostPort(host, port)+"/dav/", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Depth", "0")
			if proto != "" {
				r.Header.Set("X-Forwarded-Proto", proto)
			}
			r.SetBasicAuth("anna", world.Password)
			a, err := w.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			a.Body.Close()
			if a.StatusCode == 207 {
				return 200
			}
			return a.StatusCode
		}
		if got := ask("127.0.0.1", ""); got != 200 {
			t.Errorf("%s trusted, from loopback: %d", proxies, got)
		}
		if got := ask(host, "https"); got != want {
			t.Errorf("%s trusted, from elsewhere: %d, want %d", proxies, got, want)
		}
		if got := ask(host, "http"); got != 403 {
			t.Errorf("%s trusted, by plain HTTP before the proxy: %d, want 403", proxies, got)
		}
	}
}
