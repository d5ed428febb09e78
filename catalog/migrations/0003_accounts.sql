-- SPDX-License-Identifier: Apache-2.0
-- People, their accounts and grants, and failed sign-ins.

CREATE TABLE persons (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	name      TEXT NOT NULL,
	email     TEXT NOT NULL,
	email_key TEXT NOT NULL,
	language  TEXT NOT NULL
) STRICT;
CREATE INDEX persons_email ON persons (email_key) WHERE email_key <> '';

CREATE TABLE accounts (
	id               INTEGER PRIMARY KEY AUTOINCREMENT,
	login            TEXT    NOT NULL,
	login_key        TEXT    NOT NULL UNIQUE,
	person           INTEGER NOT NULL REFERENCES persons,
	kind             TEXT    NOT NULL,
	layout           TEXT    NOT NULL,
	password         TEXT    NOT NULL, -- PHC
	former           TEXT    NOT NULL,
	password_changed INTEGER NOT NULL,
	disabled         INTEGER NOT NULL,
	created          INTEGER NOT NULL,
	networks         TEXT    NOT NULL, -- prefixes, separated by spaces
	release_direct   INTEGER NOT NULL
) STRICT;

-- Every login key that was ever given, so that none goes to another account.
CREATE TABLE login_keys (
	login_key TEXT    PRIMARY KEY,
	account   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	account     INTEGER NOT NULL REFERENCES accounts,
	role        TEXT    NOT NULL,
	member      INTEGER REFERENCES members, -- NULL: all
	valid_from  INTEGER NOT NULL,
	valid_until INTEGER NOT NULL,
	responsible INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_account ON grants (account);
CREATE INDEX grants_member ON grants (member, role);

CREATE TABLE attempts (
	subject BLOB    NOT NULL,
	network TEXT    NOT NULL,
	wrong   BLOB    NOT NULL, -- digests of 3 bytes each
	count   INTEGER NOT NULL,
	paused  INTEGER NOT NULL,
	last    INTEGER NOT NULL,
	PRIMARY KEY (subject, network)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_last ON attempts (last);
