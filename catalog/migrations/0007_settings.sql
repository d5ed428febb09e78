-- SPDX-License-Identifier: Apache-2.0
-- Settings with a column for numbers and one for texts, since not every
-- database has columns of any type. Secrets are in hexadecimal digits.

CREATE TABLE settings_typed (
	name   TEXT    PRIMARY KEY,
	number INTEGER NOT NULL DEFAULT 0,
	value  TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
INSERT INTO settings_typed (name, number, value)
	SELECT name, CASE typeof(value) WHEN 'integer' THEN value ELSE 0 END,
		CASE typeof(value) WHEN 'integer' THEN '' WHEN 'blob' THEN lower(hex(value)) ELSE value END
	FROM settings;
DROP TABLE settings;
ALTER TABLE settings_typed RENAME TO settings;
