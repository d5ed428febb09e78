// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// alarm is a rule with the series that set it off. Times are minutes from the
// beginning of the series, one sample a minute in promtool's notation.
type alarm struct {
	name          string
	series        []string
	quiet, firing int
}

// alarms has one for every rule of deploy/alerts.yaml: the fault begins after
// the first samples, or something grows until it is too old.
var alarms = []alarm{
	{"PostfachDown", []string{`up{job="postfach"} 1x5 0x10`}, 5, 8},
	{"PostfachScannerDown", []string{`postfach_scanner_ready 1x5 0x10`}, 5, 8},
	{"PostfachSignaturesOld", []string{`postfach_signatures_age_seconds 129000+60x60`}, 20, 40},
	{"PostfachCatalogDown", []string{`postfach_catalog_ready 1x5 0x10`}, 5, 8},
	{"PostfachStorageDown", []string{`postfach_storage_ready 1x5 0x10`}, 5, 8},
	{"PostfachAuditUnshipped", []string{`postfach_audit_unshipped_seconds 0 30 60 90x10`}, 3, 6},
	{"PostfachContentDamaged", []string{`postfach_storage_damaged 0x5 2x10`}, 5, 7},
	{"PostfachScrubLate", []string{`postfach_scrub_finished_seconds 1x5000`}, 4300, 4400},
	{"PostfachProviderAway", []string{`postfach_oidc_ready 1x5 0x10`}, 9, 12},
	{"PostfachMailsWait", []string{`postfach_notices_oldest_seconds 3300+60x30`}, 5, 12},
	{"PostfachMailsFailed", []string{`postfach_notices_failed 0x5 1x10`}, 5, 9},
	{"PostfachDiskFull", []string{`node_filesystem_avail_bytes{mountpoint="/var/lib/postfach"} 11x5 9x30`,
		`node_filesystem_size_bytes{mountpoint="/var/lib/postfach"} 100x40`}, 14, 20},
	{"PostfachBackupOld", []string{`postfach_backup_finished_seconds 0x2000`}, 1560, 1600},
	{"PostfachBackupBehind", []string{`postfach_backup_age_seconds 0+60x30`, `postfach_backup_every_seconds 300x30`}, 11, 14},
	{"PostfachMailsHeld", []string{`postfach_notices_held_seconds 0+60x70`}, 60, 62},
	{"PostgresArchiveBehind", []string{`pg_stat_archiver_last_archive_age 0+60x30`}, 15, 18},
	{"PostgresArchiveFails", []string{`pg_stat_archiver_failed_count 0x5 1+1x20`}, 5, 12},
}

// TestAlertsFire: Prometheus itself reads the rules, and each is silent before
// its fault and fires after it (K15, P61, P64, L35).
func TestAlertsFire(t *testing.T) {
	long(t)
	rules, err := filepath.Abs("../deploy/alerts.yaml")
	must(t, err)
	promtool := func(args ...string) (string, error) {
		out, err := exec.Command("promtool", args...).CombinedOutput()
		return string(out), err
	}
	if out, err := promtool("check", "rules", rules); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	names := regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(readFile(t, rules), -1)
	told := map[string]bool{}
	for _, a := range alarms {
		told[a.name] = true
	}
	for _, m := range names {
		if !told[m[1]] {
			t.Errorf("nothing shows that %s fires", m[1])
		}
	}
	if len(names) != len(alarms) {
		t.Errorf("%d rules, %d cases", len(names), len(alarms))
	}
	file := filepath.Join(t.TempDir(), "test.yaml")
	writeFile(t, file, alarmTests(rules, alarms))
	if out, err := promtool("test", "rules", file); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	late := alarms[1] // and promtool sees what is not so
	late.firing = late.quiet
	writeFile(t, file, alarmTests(rules, []alarm{late}))
	if out, err := promtool("test", "rules", file); err == nil {
		t.Errorf("a rule that does not fire is not seen: %s", out)
	}
}

// alarmTests is promtool's description of what is to be.
func alarmTests(rules string, all []alarm) string {
	var b strings.Builder
	fmt.Fprintf(&b, "rule_files: [%q]\nevaluation_interval: 1m\ntests:\n", rules)
	for _, a := range all {
		fmt.Fprintf(&b, "- interval: 1m\n  input_series:\n")
		for _, s := range a.series {
			name, values, _ := strings.Cut(s, " ")
			fmt.Fprintf(&b, "  - series: '%s'\n    values: '%s'\n", name, values)
		}
		fmt.Fprintf(&b, "  promql_expr_test:\n")
		for _, at := range []struct{ minute, firing int }{{a.quiet, 0}, {a.firing, 1}} {
			fmt.Fprintf(&b, "  - expr: count(ALERTS{alertname=\"%s\",alertstate=\"firing\"}) or vector(0)\n    eval_time: %dm\n", a.name, at.minute)
			fmt.Fprintf(&b, "    exp_samples: [{value: %d}]\n", at.firing)
		}
	}
	return b.String()
}

// TestAppArmorAddition: AppArmor's own parser reads what clamd's profile is to
// include.
func TestAppArmorAddition(t *testing.T) {
	long(t)
	addition, err := filepath.Abs("../deploy/apparmor")
	must(t, err)
	parse := func(name string) (string, error) {
		profile := filepath.Join(t.TempDir(), "profile")
		writeFile(t, profile, "profile clamd /usr/sbin/clamd {\n  include \""+name+"\"\n}\n")
		cmd := exec.Command("apparmor_parser", "--skip-kernel-load", "--skip-cache", profile)
		cmd.Env = append(cmd.Environ(), "PATH=/usr/sbin:/sbin:/usr/bin:/bin")
		if cmd.Path == "apparmor_parser" {
			cmd.Path = "/usr/sbin/apparmor_parser"
			cmd.Err = nil
		}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := parse(addition); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	writeFile(t, wrong, strings.Replace(readFile(t, addition), "/** r,", "/** r", 1))
	if out, err := parse(wrong); err == nil {
		t.Errorf("a missing comma is not seen: %s", out)
	}
}
