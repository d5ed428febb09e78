// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// composeLoader is the reference loader of the Compose Specification.
const composeLoader = "github.com/compose-spec/compose-go/v2/cmd@v2.16.2"

// composeFile is what the tests look at.
type composeFile struct {
	Volumes  map[string]any `json:"volumes"`
	Networks map[string]any `json:"networks"`
	Services map[string]struct {
		Image    string         `json:"image"`
		Depends  map[string]any `json:"depends_on"`
		Networks map[string]any `json:"networks"`
		Ports    []any          `json:"ports"`
		Volumes  []struct {
			Type   string `json:"type"`
			Source string `json:"source"`
			Target string `json:"target"`
		} `json:"volumes"`
	} `json:"services"`
}

// dangling are names that a service uses and nobody defines; the loader looks at
// the form of each part only.
func (f composeFile) dangling() (faults []string) {
	for name, s := range f.Services {
		for other := range s.Depends {
			if _, there := f.Services[other]; !there {
				faults = append(faults, name+" depends on "+other)
			}
		}
		for other := range s.Networks {
			if _, there := f.Networks[other]; !there {
				faults = append(faults, name+" is in network "+other)
			}
		}
		for _, v := range s.Volumes {
			if _, there := f.Volumes[v.Source]; v.Type == "volume" && !there {
				faults = append(faults, name+" has volume "+v.Source)
			}
		}
	}
	return faults
}

// TestCompose: deploy/compose.yaml is what the specification calls a Compose
// file, says what it needs, has every part, and mounts files that exist.
func TestCompose(t *testing.T) {
	long(t)
	out, err := exec.Command("bash", "tool.sh", "cmd", composeLoader).Output()
	if err != nil {
		t.Fatalf("%s: %v", composeLoader, err)
	}
	loader := strings.TrimSpace(string(out))
	load := func(dir string) (f composeFile, err error) {
		cmd := exec.Command(loader, "-no-interpolation", "-format", "json", "compose.yaml")
		cmd.Dir = dir
		out, err := cmd.Output()
		if err == nil {
			err = json.NewDecoder(bytes.NewReader(out)).Decode(&f)
		}
		if faults := f.dangling(); err == nil && len(faults) > 0 {
			err = errors.New(strings.Join(faults, ", "))
		}
		return f, err
	}
	f, err := load("../deploy")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postfach1", "postfach2", "postgres", "minio", "clamd", "freshclam", "haproxy"} {
		s, there := f.Services[name]
		if !there {
			t.Errorf("no service %s", name)
		}
		if s.Image != "" && !pinned.MatchString(strings.ToLower(s.Image)) {
			t.Errorf("%s: an image without a version: %s", name, s.Image)
		}
		if len(s.Ports) > 0 && name != "haproxy" {
			t.Errorf("%s can be reached from outside", name)
		}
		for _, v := range s.Volumes {
			if v.Type != "bind" || filepath.Base(v.Source) == "certs" {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	text := readFile(t, "../deploy/compose.yaml")
	var asked []string
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)(:\?[^}]+)?\}`).FindAllStringSubmatch(text, -1) {
		if m[2] == "" {
			t.Errorf("%s is empty when nobody sets it", m[1])
		}
		asked = append(asked, m[1])
	}
	slices.Sort(asked)
	head, _, _ := strings.Cut(text, "\nname:")
	for _, name := range slices.Compact(asked) {
		if !strings.Contains(head, name) {
			t.Errorf("the head does not tell of %s", name)
		}
	}
	address := regexp.MustCompile(`ipv4_address: ([0-9.]+)`).FindStringSubmatch(text)
	if address == nil || !strings.Contains(readFile(t, "../deploy/compose.postfach.yaml"), "trusted_proxies: ["+address[1]+"]") {
		t.Errorf("the nodes do not trust the proxy at %q alone", address)
	}

	for what, bad := range map[string]string{
		"a misspelt key":    strings.Replace(text, "    command: [server, /data]", "    comand: [server, /data]", 1),
		"an unknown volume": strings.Replace(text, "\n  contents:\n", "\n", 1),
		"an unknown part":   strings.Replace(text, "depends_on: [postfach1, postfach2]", "depends_on: [postfach1, postfach3]", 1),
	} {
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, "compose.yaml"), bad)
		if _, err := load(dir); err == nil {
			t.Errorf("%s is not seen", what)
		}
	}
}
