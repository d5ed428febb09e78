-- SPDX-License-Identifier: Apache-2.0
-- Mailboxes that were rebuilt from the storage alone: nobody enters them until a
-- person has confirmed them.

ALTER TABLE members ADD COLUMN recovering INTEGER NOT NULL DEFAULT 0;
