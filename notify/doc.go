// SPDX-License-Identifier: Apache-2.0

// Package notify tells people by mail that something happened in a mailbox:
// it forms batches of deliveries, composes mails and hands them to a relay.
// No SQL, HTTP or mailbox rule lives here. It decides who is told and when;
// whether something is a delivery was decided by package mailbox, in whose
// transaction the delivery row was written (I4).
package notify
