-- SPDX-License-Identifier: Apache-2.0
-- The audit log (DESIGN.md section 8). The fixed part is kept for ever. The
-- detail has its salt beside it, so that once both are erased the digest in
-- the fixed part gives nothing away.

CREATE TABLE audit (
	sequence   INTEGER PRIMARY KEY AUTOINCREMENT,
	time       INTEGER NOT NULL,
	person     INTEGER NOT NULL,
	account    INTEGER NOT NULL,
	role       TEXT    NOT NULL,
	member     INTEGER NOT NULL,
	operation  TEXT    NOT NULL,
	place      INTEGER NOT NULL,
	entry      INTEGER NOT NULL,
	version    BLOB,
	sha256     BLOB,
	result     TEXT    NOT NULL,
	request_id TEXT    NOT NULL,
	digest     BLOB    NOT NULL CHECK (length(digest) = 32) -- SHA-256 of salt and detail
) STRICT;
CREATE INDEX audit_time ON audit (time);
CREATE INDEX audit_member ON audit (member) WHERE member <> 0;
CREATE INDEX audit_person ON audit (person) WHERE person <> 0;
CREATE INDEX audit_account ON audit (account) WHERE account <> 0;
CREATE INDEX audit_entry ON audit (entry) WHERE entry <> 0;

CREATE TABLE audit_detail (
	sequence INTEGER PRIMARY KEY REFERENCES audit,
	salt     BLOB NOT NULL CHECK (length(salt) = 16),
	detail   TEXT NOT NULL -- JSON
) STRICT;

CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
	SELECT RAISE(ABORT, 'audit records are never changed');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
	SELECT RAISE(ABORT, 'audit records are never deleted');
END;
CREATE TRIGGER audit_no_replace BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE sequence = NEW.sequence) BEGIN
	SELECT RAISE(ABORT, 'audit records are never replaced');
END;
CREATE TRIGGER audit_detail_no_update BEFORE UPDATE ON audit_detail BEGIN
	SELECT RAISE(ABORT, 'audit records are never changed');
END;
-- The retention run of a later version replaces this one.
CREATE TRIGGER audit_detail_no_delete BEFORE DELETE ON audit_detail BEGIN
	SELECT RAISE(ABORT, 'audit records are never deleted');
END;
CREATE TRIGGER audit_detail_no_replace BEFORE INSERT ON audit_detail
WHEN EXISTS (SELECT 1 FROM audit_detail WHERE sequence = NEW.sequence) BEGIN
	SELECT RAISE(ABORT, 'audit records are never replaced');
END;
