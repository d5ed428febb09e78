// SPDX-License-Identifier: Apache-2.0

// Package dav is the WebDAV door: it turns requests of RFC 4918 into operations
// of the mailbox and their results into answers. No rule of the mailbox lives
// here, no SQL, no files and no scanner; and no status is chosen here that
// package reply has in its table.
package dav
