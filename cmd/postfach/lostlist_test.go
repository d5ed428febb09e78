// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postfach/cmd/postfach/sheet"
	"postfach/mailbox"
)

// TestLostListIsHarmless: a spreadsheet calculates nothing of what it lists.
func TestLostListIsHarmless(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lost.csv")
	l, err := newLostList(name)
	if err != nil {
		t.Fatal(err)
	}
	b := lostBlob{about: mailbox.Description{Path: "=HYPERLINK(1)"}}
	b.Key.Member = "=1+1"
	l.add(b)
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil || !strings.HasPrefix(string(text), sheet.Mark+"key;") || !strings.Contains(string(text), ";'=1+1;'=HYPERLINK(1);") {
		t.Errorf("%q, %v", text, err)
	}
}
