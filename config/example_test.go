// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
)

const examplePath = "../postfach.example.yaml"

// noenv is an environment with a password, and nothing else.
func noenv(name string) string { return map[string]string{envPassword: "Wiesel-Pfad-39"}[name] }

// The example is a configuration that works as it stands.
func TestExampleLoads(t *testing.T) {
	c, err := Load(examplePath, noenv)
	if err != nil {
		t.Fatal(err)
	}
	if said := c.Weakenings(); len(said) > 0 {
		t.Errorf("the example weakens something: %v", said)
	}
}

// offKey is a key that the example leaves out.
var offKey = regexp.MustCompile(`(?m)^( *)#([a-z_]+:)`)

// The example documents every key, and no key that does not exist (issue 2,
// item 4).
func TestExampleDocumentsEveryKey(t *testing.T) {
	text, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	m, err := document(offKey.ReplaceAll(text, []byte("$1$2")))
	if err != nil {
		t.Fatal(err)
	}
	documented := keysOf("", m)
	l := &loader{reader: &reader{}, getenv: noenv}
	if _, err := l.load(nil); err == nil {
		t.Fatal("an empty configuration loads")
	}
	for _, key := range l.keys {
		if !slices.Contains(documented, key) {
			t.Errorf("%s is not in the example", key)
		}
	}
	for _, key := range documented {
		if !slices.Contains(l.keys, key) {
			t.Errorf("%s is in the example but does not exist", key)
		}
	}
}

// Each key of the example has a sentence above it.
func TestExampleExplainsEveryKey(t *testing.T) {
	text, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`^ *#?[a-z_]+:`)
	before := ""
	for i, line := range strings.Split(string(text), "\n") {
		// The three groups whose name says everything stand after a heading.
		group := slices.Contains([]string{"authority:", "notify:", "log:"}, line)
		if key.MatchString(line) && !group && !strings.HasPrefix(strings.TrimSpace(before), "# ") {
			t.Errorf("line %d: no explanation: %s", i+1, line)
		}
		before = line
	}
}

// The defaults that the example names for keys it leaves out are the real ones.
func TestExampleDefaults(t *testing.T) {
	text, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	examples := []string{"tls", "  cert", "  key", "trusted_proxies", "names", "  member_number", "  ca", "  templates", "  spool", "  syslog",
		"oidc", "  issuer", "  audiences", "  clients", "  login_claim", "  scope", "  algorithms", "  max_age", "  challenge",
		"backup", "  to", "  every", "  keep", "  encrypt_to"}
	on := offKey.ReplaceAllFunc(text, func(m []byte) []byte {
		key := strings.Replace(string(m), "#", "", 1)
		if slices.Contains(examples, strings.TrimSuffix(key, ":")) {
			return m
		}
		return []byte(key)
	})
	load := func(text []byte) Config {
		l := &loader{reader: &reader{}, dir: "/", getenv: noenv}
		c, err := l.load(text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	without, with := load(text), load(on)
	if a, b := show(without), show(with); a != b {
		t.Errorf("defaults\n%s\nexample\n%s", a, b)
	}
}

func keysOf(prefix string, m *ast.MappingNode) []string {
	var keys []string
	for _, v := range m.Values {
		name, _ := scalar(v.Key)
		keys = append(keys, prefix+name)
		if sub, ok := v.Value.(*ast.MappingNode); ok {
			keys = append(keys, keysOf(prefix+name+".", sub)...)
		}
	}
	return keys
}
