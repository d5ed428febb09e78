// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestAlerts: the rules can be read, cover what DESIGN.md section 10 names, and
// speak of metrics that the server has (K15, P61).
func TestAlerts(t *testing.T) {
	b, err := os.ReadFile("../deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string `yaml:"name"`
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				For         string            `yaml:"for"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.UnmarshalWithOptions(b, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	source := readSources(t, "../cmd/postfach")
	var all strings.Builder
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			all.WriteString(r.Expr + "\n")
			if r.Alert == "" || r.Annotations["summary"] == "" || r.Labels["severity"] == "" {
				t.Errorf("rule %q lacks a name, a summary or a severity", r.Alert)
			}
			for _, metric := range regexp.MustCompile(`postfach_\w+`).FindAllString(r.Expr, -1) {
				if !strings.Contains(source, `"`+metric+`"`) && !strings.HasPrefix(metric, "postfach_backup_") {
					t.Errorf("%s: the server has no metric %s", r.Alert, metric)
				}
			}
		}
	}
	for _, subject := range []string{"scanner_ready", "signatures_age", "notices_oldest", "node_filesystem", "backup"} {
		if !strings.Contains(all.String(), subject) {
			t.Errorf("no rule speaks of %s", subject)
		}
	}
}

func readSources(t *testing.T, dir string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no sources in %s: %v", dir, err)
	}
	var b strings.Builder
	for _, n := range names {
		b.WriteString(readFile(t, n))
	}
	return b.String()
}

// TestServiceUnit: the hardening that the unit promises is there.
func TestServiceUnit(t *testing.T) {
	unit := readFile(t, "../deploy/postfach.service")
	for _, want := range []string{"NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes", "CapabilityBoundingSet=\n",
		"MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "SystemCallFilter=@system-service", "User=postfach",
		"ExecStart=/usr/local/bin/postfach serve --config"} {
		if !strings.Contains(unit, want) {
			t.Errorf("the unit lacks %q", want)
		}
	}
}
