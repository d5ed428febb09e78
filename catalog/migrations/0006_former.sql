-- SPDX-License-Identifier: Apache-2.0
-- The names that documents in the outbox have left, so that whoever writes
-- anew under one hides no author (mailbox: four eyes); and versions whose bytes
-- were given up because room was needed.

CREATE TABLE former_names (
	entry    INTEGER PRIMARY KEY REFERENCES entries,
	parent   INTEGER NOT NULL REFERENCES entries,
	name_key TEXT    NOT NULL,
	time     INTEGER NOT NULL
) STRICT;
CREATE INDEX former_names_name ON former_names (parent, name_key);

CREATE INDEX entries_replaces ON entries (replaces) WHERE replaces IS NOT NULL;

ALTER TABLE versions ADD COLUMN purged INTEGER NOT NULL DEFAULT 0;
-- What could be given up: of the member's side (1), never seen by the other.
CREATE INDEX versions_unseen ON versions (member) WHERE seen = 0 AND side = 1 AND purged = 0;
