// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"testing"

	"postfach/mailbox"
)

// TestNothingIsImportedBeforeConfirmation: a mailbox that was rebuilt is closed
// to everybody until a person has looked at it, to an import too.
func TestNothingIsImportedBeforeConfirmation(t *testing.T) {
	w := newWorld(t, mailbox.Single, nil)
	id := w.ids["0815"]
	err := w.catalog.Update(ctx, id, func(tx mailbox.Tx) error {
		m, err := tx.Member(id)
		if err != nil {
			return err
		}
		m.Recovering = true
		return tx.UpdateMember(m)
	})
	if err != nil {
		t.Fatal(err)
	}
	in := func() mailbox.Arrival {
		return mailbox.Arrival{Member: "0815", Path: path("/an_KVBbg/alt.txt"), Upload: upload("alt")}
	}
	_, err = w.Import(ctx, mailbox.By{}, in())
	w.refused(err, mailbox.Conflict, mailbox.ReasonRecovering)
	w.refused(w.CheckImport(ctx, mailbox.By{}, in()), mailbox.Conflict, mailbox.ReasonRecovering)
	w.refused(w.ImportFolder(ctx, mailbox.By{}, "0815", path("/an_KVBbg/leer")), mailbox.Conflict, mailbox.ReasonRecovering)
	if err := w.Confirm(ctx, mailbox.By{}, "0815"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Import(ctx, mailbox.By{}, in()); err != nil {
		t.Error(err)
	}
}
