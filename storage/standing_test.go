// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"strings"
	"testing"
)

func TestDirStanding(t *testing.T) { standing(t, openDir(t, t.TempDir(), Options{})) }

// standing: what the catalog leaves comes back, the latest only, and is neither
// a blob nor a stray (L16).
func standing(t *testing.T, s interface {
	stored
	Standing(context.Context) ([]byte, error)
	SetStanding(context.Context, []byte) error
}) {
	ctx := t.Context()
	if text, err := s.Standing(ctx); text != nil || err != nil {
		t.Errorf("at first %q, %v", text, err)
	}
	for _, text := range []string{`{"format":1}`, `{"format":1,"records":2}`, strings.Repeat("x", maxStanding)} {
		if err := s.SetStanding(ctx, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Standing(ctx); string(got) != text || err != nil {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
	if err := s.SetStanding(ctx, make([]byte, maxStanding+1)); err == nil {
		t.Error("too much was taken")
	}
	if err := s.Walk(ctx, func(b BlobInfo) error { t.Errorf("a blob: %+v", b); return nil }); err != nil {
		t.Error(err)
	}
	if strays, err := s.Strays(ctx, 10); len(strays) > 0 || err != nil {
		t.Errorf("strays %q, %v", strays, err)
	}
}
