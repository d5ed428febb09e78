-- SPDX-License-Identifier: Apache-2.0
-- Mails that are to be sent or were.

CREATE TABLE notices (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	message_id TEXT    NOT NULL UNIQUE,
	topic      TEXT    NOT NULL,
	direction  TEXT    NOT NULL,
	account    INTEGER NOT NULL, -- 0: the fixed address
	address    TEXT    NOT NULL,
	data       BLOB,
	once       TEXT UNIQUE,
	state      TEXT    NOT NULL,
	created    INTEGER NOT NULL,
	begun      INTEGER NOT NULL, -- when its three days began
	due        INTEGER NOT NULL,
	held_until INTEGER NOT NULL,
	ended      INTEGER NOT NULL,
	attempts   INTEGER NOT NULL,
	reply      TEXT    NOT NULL
) STRICT;
CREATE INDEX notices_due ON notices (state, due, id);

CREATE TABLE notice_deliveries (
	notice   INTEGER NOT NULL REFERENCES notices,
	delivery INTEGER NOT NULL REFERENCES deliveries,
	PRIMARY KEY (notice, delivery)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_deliveries_delivery ON notice_deliveries (delivery);
