-- SPDX-License-Identifier: Apache-2.0
-- Who an account is at an OpenID provider: issuer and subject, parted by a
-- space; empty for most.

ALTER TABLE accounts ADD COLUMN external TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE UNIQUE INDEX accounts_external ON accounts (external) WHERE external <> '';
