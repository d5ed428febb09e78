// SPDX-License-Identifier: Apache-2.0

package config

import "testing"

// TestComposeConfiguration: what the containers of deploy/compose.yaml are given
// is a configuration, and weakens nothing but the ways inside the machine: to
// the bucket, from the proxy and to the metrics.
func TestComposeConfiguration(t *testing.T) {
	env := map[string]string{envPassword: "Wiesel-Pfad-39", envAccessKey: "postfach", envSecretKey: "Dachs-Hasel-017", envCatalogPassword: "Farn-Igel-018"}
	c, err := Load("../deploy/compose.postfach.yaml", func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	if c.Catalog.Kind != "postgres" || c.Storage.Kind != "s3" {
		t.Errorf("catalog %v, storage %v", c.Catalog, c.Storage)
	}
	if said := c.Weakenings(); len(said) > 3 {
		t.Errorf("weakened: %v", said)
	}
}
