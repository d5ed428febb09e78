// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/rsa"
	"errors"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys      = 100 // of one provider
	maxUnnamed   = 8   // keys that are tried for a token which names none
	maxKeyName   = 256 // bytes
	maxModulus   = 8192
	leastModulus = 2048
)

var (
	errNoKey     = errors.New("no such key")
	errSignature = errors.New("the signature is wrong")
)

// keySet holds a provider's keys. go-oidc's own fetches them anew for every
// token with a wrong signature, and keeps withdrawn ones for ever; this one
// looks for an unknown key at most every so often, whoever asks, and learns of
// withdrawn ones.
type keySet struct {
	algorithms []string
	fetch      func(context.Context) ([]jose.JSONWebKey, error)
	refetch    time.Duration
	now        func() time.Time

	one     chan struct{} // holds a value during a look: one at a time
	mu      sync.RWMutex
	keys    []jose.JSONWebKey
	fetched time.Time // when keys were last given
	asked   time.Time // when they were last asked for
	failed  error     // of that
}

// usableKeys leaves out what signs no tokens: symmetric keys, keys for
// encryption, and those too weak or too slow to be meant.
func usableKeys(all []jose.JSONWebKey) ([]jose.JSONWebKey, error) {
	var out []jose.JSONWebKey
	for _, k := range all {
		if k.Use != "" && k.Use != "sig" || !k.Valid() || !k.IsPublic() || len(k.KeyID) > maxKeyName || !fitSize(k) {
			continue
		}
		out = append(out, k)
	}
	switch {
	case len(out) == 0:
		return nil, errors.New("the provider publishes no key that signs tokens")
	case len(out) > maxKeys:
		return nil, errors.New("the provider publishes too many keys")
	}
	return out, nil
}

// refresh asks for the keys unless that was done less than every ago, by
// whoever it was, and gives the outcome of the last look. Who waits for
// another's look goes when ctx ends.
func (s *keySet) refresh(ctx context.Context, every time.Duration) error {
	select {
	case s.one <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.one }()
	if asked, failed := s.last(); every > 0 && !asked.IsZero() && s.now().Sub(asked) < every {
		return failed
	}
	if every > 0 { // for a token: the look serves others too, so it does not end with this request
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 2*providerTimeout)
		defer cancel()
	}
	begun := s.now()
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.failed = s.now(), err // from its end: a slow look is not followed by the next at once
	if err == nil {
		s.keys, s.fetched = keys, begun
	}
	return err
}

func (s *keySet) last() (time.Time, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.asked, s.failed
}

// usable says whether the keys are fresh enough to judge by.
func (s *keySet) usable() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.keys) > 0 && s.now().Sub(s.fetched) < keysMaxAge
}

// fitSize bounds RSA keys: shorter ones are weak, longer ones make each token
// cost a core.
func fitSize(k jose.JSONWebKey) bool {
	r, ok := k.Key.(*rsa.PublicKey)
	return !ok || r.N.BitLen() >= leastModulus && r.N.BitLen() <= maxModulus
}

// named gives the keys that a token may be signed with.
func (s *keySet) named(id, algorithm string) []jose.JSONWebKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var out []jose.JSONWebKey
	for _, k := range s.keys {
		if (id == "" || k.KeyID == id) && (k.Algorithm == "" || k.Algorithm == algorithm) && len(out) < maxUnnamed {
			out = append(out, k)
		}
	}
	return out
}

// learn looks for the keys of a token where they are not known. The error is
// that of the last look.
func (s *keySet) learn(ctx context.Context, id, algorithm string) error {
	if s.usable() && len(s.named(id, algorithm)) > 0 {
		return nil
	}
	return s.refresh(ctx, s.refetch)
}

// VerifySignature gives the payload of a token (oidc.KeySet).
func (s *keySet) VerifySignature(_ context.Context, token string) ([]byte, error) {
	jws, err := parseToken(token, s.algorithms)
	if err != nil {
		return nil, err
	}
	h := jws.Signatures[0].Header
	keys := s.named(h.KeyID, h.Algorithm)
	if len(keys) == 0 {
		return nil, errNoKey
	}
	for _, k := range keys {
		if payload, err := jws.Verify(&k); err == nil {
			return payload, nil
		}
	}
	return nil, errSignature
}

// parseToken reads the compact form (RFC 7515 section 7.1) and no other.
func parseToken(token string, algorithms []string) (*jose.JSONWebSignature, error) {
	list := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, a := range algorithms {
		list[i] = jose.SignatureAlgorithm(a)
	}
	return jose.ParseSignedCompact(token, list)
}
