-- SPDX-License-Identifier: Apache-2.0
-- Members and their mailboxes. Times are microseconds UTC, 0 means none; an id
-- that may be absent and is followed by a foreign key is NULL then, else 0.
-- AUTOINCREMENT: an id is never given twice, even after its row is gone (I6).

CREATE TABLE members (
	id                 INTEGER PRIMARY KEY AUTOINCREMENT,
	number             TEXT    NOT NULL UNIQUE,
	name               TEXT    NOT NULL,
	parent             INTEGER REFERENCES members,
	successor          INTEGER REFERENCES members,
	policy             TEXT    NOT NULL,
	closed_on          INTEGER NOT NULL,
	quota              INTEGER NOT NULL,
	root               INTEGER NOT NULL DEFAULT 0, -- entries; set in the same transaction
	to_authority       INTEGER NOT NULL DEFAULT 0,
	caseworker_inbox   INTEGER NOT NULL DEFAULT 0,
	outbox             INTEGER NOT NULL DEFAULT 0,
	usage_current      INTEGER NOT NULL DEFAULT 0,
	usage_superseded   INTEGER NOT NULL DEFAULT 0,
	change             INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE entries (
	id               INTEGER PRIMARY KEY AUTOINCREMENT,
	member           INTEGER NOT NULL REFERENCES members,
	parent           INTEGER REFERENCES entries,
	place            INTEGER NOT NULL,
	folder           INTEGER NOT NULL,
	name             TEXT    NOT NULL,
	name_key         TEXT    NOT NULL,
	side             INTEGER NOT NULL,
	account          INTEGER NOT NULL,
	person           INTEGER NOT NULL,
	created          INTEGER NOT NULL,
	modified         INTEGER NOT NULL, -- never none, so 0 is 1970-01-01
	version          INTEGER REFERENCES versions, -- the current one
	removed          INTEGER NOT NULL,
	taken_by         INTEGER NOT NULL,
	taken_at         INTEGER NOT NULL,
	drop_account     INTEGER NOT NULL,
	replaces         INTEGER REFERENCES entries,
	change_authority INTEGER NOT NULL,
	change_member    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX entries_name ON entries (parent, name_key) WHERE removed = 0;
CREATE INDEX entries_removed ON entries (parent) WHERE removed <> 0;
CREATE INDEX entries_removed_member ON entries (member) WHERE removed <> 0;
CREATE INDEX entries_drop ON entries (member, drop_account) WHERE drop_account <> 0;

CREATE TABLE versions (
	row          INTEGER PRIMARY KEY AUTOINCREMENT,
	id           BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
	entry        INTEGER NOT NULL REFERENCES entries,
	member       INTEGER NOT NULL REFERENCES members,
	blob_member  TEXT    NOT NULL,
	blob_folder  TEXT    NOT NULL,
	blob_version BLOB, -- NULL: its own
	size         INTEGER NOT NULL,
	sha256       BLOB    NOT NULL CHECK (length(sha256) = 32),
	sha1         BLOB,
	md5          BLOB,
	account      INTEGER NOT NULL,
	person       INTEGER NOT NULL,
	side         INTEGER NOT NULL,
	time         INTEGER NOT NULL,
	engine       TEXT    NOT NULL,
	database     TEXT    NOT NULL,
	seen         INTEGER NOT NULL,
	in_outbox    INTEGER NOT NULL DEFAULT 0, -- is or was in its mailbox's outbox
	taken        INTEGER NOT NULL DEFAULT 0  -- was taken over
) STRICT;
CREATE INDEX versions_entry ON versions (entry);
CREATE INDEX versions_outbox ON versions (member, sha256) WHERE in_outbox = 1;
CREATE INDEX versions_taken ON versions (member, sha256) WHERE taken = 1;
CREATE INDEX versions_blob ON versions (blob_version) WHERE blob_version IS NOT NULL;

-- Authors beside the uploader.
CREATE TABLE version_authors (
	version INTEGER NOT NULL REFERENCES versions,
	person  INTEGER NOT NULL,
	PRIMARY KEY (version, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE locks (
	token     TEXT    PRIMARY KEY,
	member    INTEGER NOT NULL REFERENCES members,
	entry     INTEGER NOT NULL REFERENCES entries,
	account   INTEGER NOT NULL,
	person    INTEGER NOT NULL,
	holder    TEXT    NOT NULL,
	exclusive INTEGER NOT NULL,
	infinite  INTEGER NOT NULL,
	owner     TEXT    NOT NULL,
	expires   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX locks_member ON locks (member);

CREATE TABLE props (
	entry INTEGER NOT NULL REFERENCES entries,
	space TEXT    NOT NULL,
	local TEXT    NOT NULL,
	xml   TEXT    NOT NULL,
	PRIMARY KEY (entry, space, local)
) STRICT, WITHOUT ROWID;

CREATE TABLE deliveries (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	member     INTEGER NOT NULL REFERENCES members,
	entry      INTEGER NOT NULL REFERENCES entries,
	version    INTEGER NOT NULL REFERENCES versions,
	direction  TEXT    NOT NULL,
	time       INTEGER NOT NULL,
	account    INTEGER NOT NULL,
	person     INTEGER NOT NULL,
	twin       BLOB,
	told       INTEGER NOT NULL DEFAULT 0, -- everybody it is for was told
	withdrawn  INTEGER NOT NULL,
	superseded INTEGER NOT NULL,
	fetched    INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_entry ON deliveries (entry);
CREATE INDEX deliveries_member ON deliveries (member);
CREATE INDEX deliveries_open ON deliveries (id) WHERE told = 0 AND withdrawn = 0 AND superseded = 0;

-- What each person has received of each version: JSON, [[from, to], …].
CREATE TABLE fetches (
	version  INTEGER NOT NULL REFERENCES versions,
	person   INTEGER NOT NULL,
	ranges   TEXT    NOT NULL,
	complete INTEGER NOT NULL,
	PRIMARY KEY (version, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE alerts (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	kind      TEXT    NOT NULL,
	member    INTEGER NOT NULL,
	account   INTEGER NOT NULL,
	entry     INTEGER NOT NULL,
	version   BLOB, -- of a refused upload there is no row in versions
	signature TEXT    NOT NULL,
	time      INTEGER NOT NULL,
	done      INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX alerts_open ON alerts (id) WHERE done = 0;
CREATE INDEX alerts_told ON alerts (account, signature, done) WHERE done <> 0;

-- Small things of the installation: counters and secrets.
CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value ANY NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO settings VALUES ('auth-epoch', 0);
