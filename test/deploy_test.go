// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"os/exec"
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
	for _, subject := range []string{"scanner_ready", "signatures_age", "notices_oldest", "node_filesystem", "backup", "pg_stat_archiver"} { // P64 at the last
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
		"ExecStart=/usr/local/bin/postfach serve --config",
		"ReadWritePaths=/var/lib/postfach -/backup/postfach\n"} { // as docs/recovery.md has backup.to
		if !strings.Contains(unit, want) {
			t.Errorf("the unit lacks %q", want)
		}
	}
}

// TestServiceUnitIsUnderstood by systemd itself, where it is installed: an
// unknown or misspelt setting would be ignored at the start, and the service
// would run without it. Likewise the monthly drill (P67).
func TestServiceUnitIsUnderstood(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here")
	}
	binary, err := os.Executable() // one that is there, in the place of ours
	if err != nil {
		t.Fatal(err)
	}
	verify := func(what, file, text string, wrong bool) {
		t.Helper()
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "postfach-drill.service"), readFile(t, "../deploy/postfach-drill.service"))
		writeFile(t, filepath.Join(dir, file), text)
		out, err := exec.Command(analyze, "verify", "--man=no", filepath.Join(dir, file)).CombinedOutput()
		if bad := err != nil || strings.Contains(string(out), "Unknown") || strings.Contains(string(out), "ignoring"); bad != wrong {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
	unit := readFile(t, "../deploy/postfach.service")
	verify("the unit", "postfach.service", strings.Replace(unit, "ExecStart=/usr/local/bin/postfach", "ExecStart="+binary, 1), false)
	verify("a misspelt one", "postfach.service", strings.Replace(unit, "ProtectSystem=", "ProtectSistem=", 1), true)
	timer := readFile(t, "../deploy/postfach-drill.timer")
	verify("the drill", "postfach-drill.service", readFile(t, "../deploy/postfach-drill.service"), false)
	verify("its timer", "postfach-drill.timer", timer, false)
	verify("a misspelt timer", "postfach-drill.timer", strings.Replace(timer, "OnCalendar=monthly", "OnCalendar=monatlich", 1), true)
}
