-- SPDX-License-Identifier: Apache-2.0
-- What the first seven migrations make in SQLite (../0001 to ../0007, where the
-- columns are explained), so that a number means the same schema everywhere.
-- Texts compare by their bytes, as in SQLite. Every reference can be checked at
-- the end of a transaction, for copies of whole catalogs.

CREATE TABLE members (
	id                 BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	number             TEXT COLLATE "C" NOT NULL UNIQUE,
	name               TEXT COLLATE "C" NOT NULL,
	parent             BIGINT REFERENCES members DEFERRABLE,
	successor          BIGINT REFERENCES members DEFERRABLE,
	policy             TEXT COLLATE "C" NOT NULL,
	closed_on          BIGINT NOT NULL,
	quota              BIGINT NOT NULL,
	root               BIGINT NOT NULL DEFAULT 0,
	to_authority       BIGINT NOT NULL DEFAULT 0,
	caseworker_inbox   BIGINT NOT NULL DEFAULT 0,
	outbox             BIGINT NOT NULL DEFAULT 0,
	usage_current      BIGINT NOT NULL DEFAULT 0,
	usage_superseded   BIGINT NOT NULL DEFAULT 0,
	change             BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 50); -- each row changes with every commit in its mailbox

CREATE TABLE entries (
	id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	member           BIGINT NOT NULL REFERENCES members DEFERRABLE,
	parent           BIGINT REFERENCES entries DEFERRABLE,
	place            SMALLINT NOT NULL,
	folder           SMALLINT NOT NULL,
	name             TEXT COLLATE "C" NOT NULL,
	name_key         TEXT COLLATE "C" NOT NULL,
	side             SMALLINT NOT NULL,
	account          BIGINT NOT NULL,
	person           BIGINT NOT NULL,
	created          BIGINT NOT NULL,
	modified         BIGINT NOT NULL,
	version          BIGINT, -- references versions, below
	removed          BIGINT NOT NULL,
	taken_by         BIGINT NOT NULL,
	taken_at         BIGINT NOT NULL,
	drop_account     BIGINT NOT NULL,
	replaces         BIGINT REFERENCES entries DEFERRABLE,
	change_authority BIGINT NOT NULL,
	change_member    BIGINT NOT NULL
) WITH (fillfactor = 90);
CREATE UNIQUE INDEX entries_name ON entries (parent, name_key) WHERE removed = 0;
CREATE INDEX entries_removed ON entries (parent) WHERE removed <> 0;
CREATE INDEX entries_removed_member ON entries (member) WHERE removed <> 0;
CREATE INDEX entries_drop ON entries (member, drop_account) WHERE drop_account <> 0;
CREATE INDEX entries_replaces ON entries (replaces) WHERE replaces IS NOT NULL;

CREATE TABLE versions (
	row          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id           BYTEA NOT NULL UNIQUE CHECK (octet_length(id) = 16),
	entry        BIGINT NOT NULL REFERENCES entries DEFERRABLE,
	member       BIGINT NOT NULL REFERENCES members DEFERRABLE,
	blob_member  TEXT COLLATE "C" NOT NULL,
	blob_folder  TEXT COLLATE "C" NOT NULL,
	blob_version BYTEA,
	size         BIGINT NOT NULL,
	sha256       BYTEA NOT NULL CHECK (octet_length(sha256) = 32),
	sha1         BYTEA,
	md5          BYTEA,
	account      BIGINT NOT NULL,
	person       BIGINT NOT NULL,
	side         SMALLINT NOT NULL,
	time         BIGINT NOT NULL,
	engine       TEXT COLLATE "C" NOT NULL,
	database     TEXT COLLATE "C" NOT NULL,
	seen         SMALLINT NOT NULL,
	in_outbox    SMALLINT NOT NULL DEFAULT 0,
	taken        SMALLINT NOT NULL DEFAULT 0,
	purged       SMALLINT NOT NULL DEFAULT 0
) WITH (fillfactor = 90);
CREATE INDEX versions_entry ON versions (entry);
CREATE INDEX versions_outbox ON versions (member, sha256) WHERE in_outbox = 1;
CREATE INDEX versions_taken ON versions (member, sha256) WHERE taken = 1;
CREATE INDEX versions_blob ON versions (blob_version) WHERE blob_version IS NOT NULL;
CREATE INDEX versions_unseen ON versions (member) WHERE seen = 0 AND side = 1 AND purged = 0;
ALTER TABLE entries ADD FOREIGN KEY (version) REFERENCES versions DEFERRABLE;

CREATE TABLE version_authors (
	version BIGINT NOT NULL REFERENCES versions DEFERRABLE,
	person  BIGINT NOT NULL,
	PRIMARY KEY (version, person)
);

CREATE TABLE former_names (
	entry    BIGINT PRIMARY KEY REFERENCES entries DEFERRABLE,
	parent   BIGINT NOT NULL REFERENCES entries DEFERRABLE,
	name_key TEXT COLLATE "C" NOT NULL,
	time     BIGINT NOT NULL
);
CREATE INDEX former_names_name ON former_names (parent, name_key);

CREATE TABLE locks (
	token     TEXT COLLATE "C" PRIMARY KEY,
	member    BIGINT NOT NULL REFERENCES members DEFERRABLE,
	entry     BIGINT NOT NULL REFERENCES entries DEFERRABLE,
	account   BIGINT NOT NULL,
	person    BIGINT NOT NULL,
	holder    TEXT COLLATE "C" NOT NULL,
	exclusive SMALLINT NOT NULL,
	infinite  SMALLINT NOT NULL,
	owner     TEXT COLLATE "C" NOT NULL,
	expires   BIGINT NOT NULL
);
CREATE INDEX locks_member ON locks (member);

CREATE TABLE props (
	entry BIGINT NOT NULL REFERENCES entries DEFERRABLE,
	space TEXT COLLATE "C" NOT NULL,
	local TEXT COLLATE "C" NOT NULL,
	xml   TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (entry, space, local)
);

CREATE TABLE deliveries (
	id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	member     BIGINT NOT NULL REFERENCES members DEFERRABLE,
	entry      BIGINT NOT NULL REFERENCES entries DEFERRABLE,
	version    BIGINT NOT NULL REFERENCES versions DEFERRABLE,
	direction  TEXT COLLATE "C" NOT NULL,
	time       BIGINT NOT NULL,
	account    BIGINT NOT NULL,
	person     BIGINT NOT NULL,
	twin       BYTEA,
	told       BIGINT NOT NULL DEFAULT 0,
	withdrawn  BIGINT NOT NULL,
	superseded BIGINT NOT NULL,
	fetched    BIGINT NOT NULL
) WITH (fillfactor = 90);
CREATE INDEX deliveries_entry ON deliveries (entry);
CREATE INDEX deliveries_member ON deliveries (member);
CREATE INDEX deliveries_open ON deliveries (id) WHERE told = 0 AND withdrawn = 0 AND superseded = 0;

CREATE TABLE fetches (
	version  BIGINT NOT NULL REFERENCES versions DEFERRABLE,
	person   BIGINT NOT NULL,
	ranges   TEXT COLLATE "C" NOT NULL,
	complete BIGINT NOT NULL,
	PRIMARY KEY (version, person)
);

CREATE TABLE alerts (
	id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind      TEXT COLLATE "C" NOT NULL,
	member    BIGINT NOT NULL,
	account   BIGINT NOT NULL,
	entry     BIGINT NOT NULL,
	version   BYTEA,
	signature TEXT COLLATE "C" NOT NULL,
	time      BIGINT NOT NULL,
	done      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX alerts_open ON alerts (id) WHERE done = 0;
CREATE INDEX alerts_told ON alerts (account, signature, done) WHERE done <> 0;

CREATE TABLE settings (
	name   TEXT COLLATE "C" PRIMARY KEY,
	number BIGINT NOT NULL DEFAULT 0,
	value  TEXT COLLATE "C" NOT NULL DEFAULT ''
) WITH (fillfactor = 50);
INSERT INTO settings (name) VALUES ('auth-epoch');

CREATE TABLE audit (
	sequence   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	time       BIGINT NOT NULL,
	person     BIGINT NOT NULL,
	account    BIGINT NOT NULL,
	role       TEXT COLLATE "C" NOT NULL,
	member     BIGINT NOT NULL,
	operation  TEXT COLLATE "C" NOT NULL,
	place      SMALLINT NOT NULL,
	entry      BIGINT NOT NULL,
	version    BYTEA,
	sha256     BYTEA,
	result     TEXT COLLATE "C" NOT NULL,
	request_id TEXT COLLATE "C" NOT NULL,
	digest     BYTEA NOT NULL CHECK (octet_length(digest) = 32)
);
CREATE INDEX audit_time ON audit (time);
CREATE INDEX audit_member ON audit (member) WHERE member <> 0;
CREATE INDEX audit_person ON audit (person) WHERE person <> 0;
CREATE INDEX audit_account ON audit (account) WHERE account <> 0;
CREATE INDEX audit_entry ON audit (entry) WHERE entry <> 0;

CREATE TABLE audit_detail (
	sequence BIGINT PRIMARY KEY REFERENCES audit DEFERRABLE,
	salt     BYTEA NOT NULL CHECK (octet_length(salt) = 16),
	detail   TEXT COLLATE "C" NOT NULL -- JSON, byte for byte as it was digested
);

CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'audit records are never %d', lower(TG_OP);
END $$;
CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE ON audit
	FOR EACH ROW EXECUTE FUNCTION audit_only_grows();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit
	FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows();
-- The retention run of a later version replaces this one for DELETE.
CREATE TRIGGER audit_detail_only_grows BEFORE UPDATE OR DELETE ON audit_detail
	FOR EACH ROW EXECUTE FUNCTION audit_only_grows();
CREATE TRIGGER audit_detail_no_truncate BEFORE TRUNCATE ON audit_detail
	FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows();

CREATE TABLE persons (
	id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name      TEXT COLLATE "C" NOT NULL,
	email     TEXT COLLATE "C" NOT NULL,
	email_key TEXT COLLATE "C" NOT NULL,
	language  TEXT COLLATE "C" NOT NULL,
	address   TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX persons_email ON persons (email_key) WHERE email_key <> '';

CREATE TABLE accounts (
	id               BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	login            TEXT COLLATE "C" NOT NULL,
	login_key        TEXT COLLATE "C" NOT NULL UNIQUE,
	person           BIGINT NOT NULL REFERENCES persons DEFERRABLE,
	kind             TEXT COLLATE "C" NOT NULL,
	layout           TEXT COLLATE "C" NOT NULL,
	password         TEXT COLLATE "C" NOT NULL,
	former           TEXT COLLATE "C" NOT NULL,
	password_changed BIGINT NOT NULL,
	disabled         SMALLINT NOT NULL,
	created          BIGINT NOT NULL,
	networks         TEXT COLLATE "C" NOT NULL,
	release_direct   SMALLINT NOT NULL,
	no_dav_password  SMALLINT NOT NULL DEFAULT 0
);

CREATE TABLE login_keys (
	login_key TEXT COLLATE "C" PRIMARY KEY,
	account   BIGINT NOT NULL
);

CREATE TABLE grants (
	id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account     BIGINT NOT NULL REFERENCES accounts DEFERRABLE,
	role        TEXT COLLATE "C" NOT NULL,
	member      BIGINT REFERENCES members DEFERRABLE,
	valid_from  BIGINT NOT NULL,
	valid_until BIGINT NOT NULL,
	responsible SMALLINT NOT NULL
);
CREATE INDEX grants_account ON grants (account);
CREATE INDEX grants_member ON grants (member, role);

CREATE TABLE attempts (
	subject BYTEA NOT NULL,
	network TEXT COLLATE "C" NOT NULL,
	wrong   BYTEA NOT NULL,
	count   BIGINT NOT NULL,
	paused  BIGINT NOT NULL,
	last    BIGINT NOT NULL,
	PRIMARY KEY (subject, network)
);
CREATE INDEX attempts_last ON attempts (last);

CREATE TABLE app_passwords (
	id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	account BIGINT NOT NULL REFERENCES accounts DEFERRABLE,
	name    TEXT COLLATE "C" NOT NULL,
	hash    BYTEA NOT NULL,
	created BIGINT NOT NULL,
	used    BIGINT NOT NULL,
	revoked BIGINT NOT NULL
);
CREATE INDEX app_passwords_account ON app_passwords (account);

CREATE TABLE one_time_passwords (
	account BIGINT PRIMARY KEY REFERENCES accounts DEFERRABLE,
	hash    BYTEA NOT NULL,
	issued  BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	used    BIGINT NOT NULL
);

CREATE TABLE login_flows (
	id        BYTEA PRIMARY KEY,
	login_key TEXT COLLATE "C" NOT NULL,
	name      TEXT COLLATE "C" NOT NULL,
	expires   BIGINT NOT NULL,
	taken     BIGINT NOT NULL
);
CREATE INDEX login_flows_expires ON login_flows (expires);

CREATE TABLE notices (
	id         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	message_id TEXT COLLATE "C" NOT NULL UNIQUE,
	topic      TEXT COLLATE "C" NOT NULL,
	direction  TEXT COLLATE "C" NOT NULL,
	account    BIGINT NOT NULL,
	address    TEXT COLLATE "C" NOT NULL,
	data       BYTEA,
	once       TEXT COLLATE "C" UNIQUE,
	state      TEXT COLLATE "C" NOT NULL,
	created    BIGINT NOT NULL,
	begun      BIGINT NOT NULL,
	due        BIGINT NOT NULL,
	held_until BIGINT NOT NULL,
	ended      BIGINT NOT NULL,
	attempts   BIGINT NOT NULL,
	reply      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX notices_due ON notices (state, due, id);

CREATE TABLE notice_deliveries (
	notice   BIGINT NOT NULL REFERENCES notices DEFERRABLE,
	delivery BIGINT NOT NULL REFERENCES deliveries DEFERRABLE,
	PRIMARY KEY (notice, delivery)
);
CREATE INDEX notice_deliveries_delivery ON notice_deliveries (delivery);
