// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Who waits behind another's look at the provider goes when the client does.
func TestLookIsNotWaitedForInVain(t *testing.T) {
	asked, answer := make(chan struct{}), make(chan struct{})
	p := NewProvider(ProviderOptions{Issuer: "https://127.0.0.1:1", Audiences: []string{"postfach"}})
	p.keys.fetch = func(context.Context) ([]jose.JSONWebKey, error) {
		close(asked) // a second look would panic
		<-answer
		return nil, errNoKey
	}
	first := make(chan error, 1)
	go func() { first <- p.keys.learn(t.Context(), "eins", "RS256") }()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error, 1)
	go func() { second <- p.keys.learn(ctx, "eins", "RS256") }()
	cancel()
	select {
	case err := <-second:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("still waiting")
	}
	close(answer)
	if err := <-first; !errors.Is(err, errNoKey) {
		t.Error(err)
	}
}
