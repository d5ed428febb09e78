-- SPDX-License-Identifier: Apache-2.0
-- Mailboxes that were rebuilt from the storage alone: nobody enters them until a
-- person has confirmed them.

ALTER TABLE members ADD COLUMN recovering BIGINT NOT NULL DEFAULT 0;
