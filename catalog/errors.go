// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"

	"postfach/catalog/postgres"
	"postfach/catalog/sqlite"
	"postfach/mailbox"
)

// unavailable wraps what the database said: our own faults stay kind Internal,
// everything else (disk full, file gone, lock held too long) is a dependency
// that is down.
func unavailable(err error) error {
	if err == nil || sqlite.Misuse(err) || postgres.Misuse(err) {
		return err
	}
	if _, ok := errors.AsType[*mailbox.Error](err); ok {
		return err
	}
	return mailbox.Wrap(mailbox.Unavailable, mailbox.ReasonCatalog, err)
}

func notFound(what string, id any) error {
	return mailbox.Wrap(mailbox.NotFound, mailbox.ReasonNotFound, fmt.Errorf("%s %v", what, id))
}
