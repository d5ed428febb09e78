// SPDX-License-Identifier: Apache-2.0

// Package deploy carries the files of this folder that the binary itself needs:
// the demo runs clamd with the very profile and signatures that we ship. It
// holds files and no code.
package deploy

import _ "embed" // the files below

// Signatures are our own, to be loaded by clamd beside the official ones.
//
//go:embed postfach.ndb
var Signatures []byte

// ClamdConf is the profile for clamd.
//
//go:embed clamd.conf
var ClamdConf string
