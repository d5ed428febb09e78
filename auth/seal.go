// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"
)

const (
	sealBytes = 16  // of an HMAC-SHA-256
	maxSealed = 400 // bytes of a sealed text
)

// seal hands out a note to a browser so that it comes back unchanged; every
// node can read it and none has to keep it. It is not hidden. what keeps notes
// of one use from being taken for another.
func (s secret) seal(what string, at time.Time, note []byte) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.Unix()))
	b = append(b, note...)
	return base64.RawURLEncoding.EncodeToString(append(b, s.mac("seal", what, string(b))[:sealBytes]...))
}

// unseal gives the note and when it was handed out.
func (s secret) unseal(what, sealed string) (note []byte, at time.Time, ok bool) {
	if len(sealed) > maxSealed {
		return nil, at, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || len(b) < 8+sealBytes {
		return nil, at, false
	}
	b, mac := b[:len(b)-sealBytes], b[len(b)-sealBytes:]
	if subtle.ConstantTimeCompare(mac, s.mac("seal", what, string(b))[:sealBytes]) != 1 {
		return nil, at, false
	}
	return b[8:], time.Unix(int64(binary.BigEndian.Uint64(b)), 0).UTC(), true
}
