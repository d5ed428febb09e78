-- SPDX-License-Identifier: Apache-2.0
-- App passwords, one-time passwords of letters, sign-ins of programs by way of
-- the browser, and postal addresses. Nothing here can be signed in with: codes
-- are kept as HMAC-SHA-256 under the installation's secret.

ALTER TABLE persons ADD COLUMN address TEXT NOT NULL DEFAULT ''; -- lines

ALTER TABLE accounts ADD COLUMN no_dav_password INTEGER NOT NULL DEFAULT 0;

CREATE TABLE app_passwords (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	account INTEGER NOT NULL REFERENCES accounts,
	name    TEXT    NOT NULL,
	hash    BLOB    NOT NULL,
	created INTEGER NOT NULL,
	used    INTEGER NOT NULL, -- last; 0: never
	revoked INTEGER NOT NULL  -- 0: valid
) STRICT;
CREATE INDEX app_passwords_account ON app_passwords (account);

CREATE TABLE one_time_passwords (
	account INTEGER PRIMARY KEY REFERENCES accounts,
	hash    BLOB    NOT NULL,
	issued  INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	used    INTEGER NOT NULL -- 0: not yet
) STRICT;

-- What a person has allowed a program in the browser, until the program asks.
CREATE TABLE login_flows (
	id        BLOB    PRIMARY KEY, -- HMAC of what the program asks with
	login_key TEXT    NOT NULL,
	name      TEXT    NOT NULL,
	expires   INTEGER NOT NULL,
	taken     INTEGER NOT NULL -- 0: not yet
) STRICT, WITHOUT ROWID;
CREATE INDEX login_flows_expires ON login_flows (expires);
