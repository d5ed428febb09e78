// SPDX-License-Identifier: Apache-2.0

package catalogtest

import (
	"reflect"
	"testing"
	"time"

	"postfach/auth"
	"postfach/mailbox"
)

// RunAccess runs the suite of auth.AccessTx and of what credentials hold of it.
func RunAccess(t *testing.T, open OpenWhole) {
	runWhole(t, open, []wholeCase{
		{"app passwords are stored whole and come with the credentials", wholeAppPassword},
		{"a use is noted without moving the epoch, and never goes back", notedUse},
		{"an account has one one-time password", oneTimePassword},
		{"an address and the switch of the own password are stored", addressAndSwitch},
		{"an account is found by who it is at a provider, alone", linked},
		{"what a program was allowed is found until it expires", flows},
		{"a change of access is kept or undone as a whole (I3)", accessUndone},
	})
}

func authEpoch(t *testing.T, c Whole) int64 {
	t.Helper()
	n, err := c.AuthEpoch(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func credentials(t *testing.T, c Whole, a auth.Account) auth.Credentials {
	t.Helper()
	got, err := c.Credentials(ctx(t), a.Login.Key())
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func wholeAppPassword(t *testing.T, c Whole, k *clock) {
	m := addMember(t, c, "0815")
	anna, bert := addAccount(t, c, "anna", mailbox.Clerk, m.ID, true), addAccount(t, c, "bert", mailbox.Clerk, m.ID, true)
	p := auth.AppPassword{Account: anna.ID, Name: "Büro 🖥", Hash: [32]byte{1, 0, 255}, Created: k.now()}
	q := auth.AppPassword{Account: anna.ID, Name: "x", Hash: [32]byte{2}, Created: k.now(), Revoked: k.now().Add(time.Hour)}
	before := authEpoch(t, c)
	updateAccounts(t, c, func(tx auth.Tx) (err error) {
		if p.ID, err = tx.PutAppPassword(p); err != nil {
			return err
		}
		q.ID, err = tx.PutAppPassword(q)
		return err
	})
	if authEpoch(t, c) == before {
		t.Error("the epoch stands still")
	}
	check := func(want ...auth.AppPassword) {
		t.Helper()
		if got := credentials(t, c, anna).Apps; !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		updateAccounts(t, c, func(tx auth.Tx) error {
			if got, err := tx.AppPasswords(anna.ID); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("in a change: %+v, %v", got, err)
			}
			return nil
		})
		if got := credentials(t, c, bert).Apps; got != nil {
			t.Errorf("another account has %+v", got)
		}
	}
	check(p, q)
	p.Revoked, p.Name = k.now().Add(time.Minute), "y"
	before = authEpoch(t, c)
	updateAccounts(t, c, func(tx auth.Tx) error { _, err := tx.PutAppPassword(p); return err })
	check(p, q)
	updateAccounts(t, c, func(tx auth.Tx) error { return tx.DeleteAppPassword(q.ID) })
	check(p)
	if authEpoch(t, c) < before+2 {
		t.Error("the epoch stands still")
	}
	all, err := c.ListAccounts(ctx(t), 0, "", 10)
	if err != nil || len(all) != 2 || !reflect.DeepEqual(all[0].Apps, []auth.AppPassword{p}) || all[1].Apps != nil {
		t.Errorf("listed %+v, %v", all, err)
	}
	missing := p
	missing.ID = 999
	if err := c.UpdateAccounts(ctx(t), func(tx auth.Tx) error { _, err := tx.PutAppPassword(missing); return err }); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("one that is not there: %v", err)
	}
}

func notedUse(t *testing.T, c Whole, k *clock) {
	m := addMember(t, c, "0815")
	anna := addAccount(t, c, "anna", mailbox.Clerk, m.ID, true)
	p := auth.AppPassword{Account: anna.ID, Name: "x", Hash: [32]byte{1}, Created: k.now()}
	updateAccounts(t, c, func(tx auth.Tx) (err error) { p.ID, err = tx.PutAppPassword(p); return err })
	before := authEpoch(t, c)
	for _, at := range []time.Duration{time.Hour, time.Minute} {
		updateAccounts(t, c, func(tx auth.Tx) error { return tx.UsedAppPassword(p.ID, k.now().Add(at)) })
	}
	updateAccounts(t, c, func(tx auth.Tx) error { return tx.UsedAppPassword(999, k.now()) }) // removed meanwhile
	if got := credentials(t, c, anna).Apps[0].Used; !got.Equal(k.now().Add(time.Hour)) {
		t.Errorf("used %v", got)
	}
	if authEpoch(t, c) != before {
		t.Error("a use moved the epoch")
	}
	p.Name = "y" // storing it does not touch the use
	updateAccounts(t, c, func(tx auth.Tx) error { _, err := tx.PutAppPassword(p); return err })
	if got := credentials(t, c, anna).Apps[0]; got.Used.IsZero() || got.Name != "y" {
		t.Errorf("%+v", got)
	}
}

func oneTimePassword(t *testing.T, c Whole, k *clock) {
	m := addMember(t, c, "0815")
	anna := addAccount(t, c, "anna", mailbox.Clerk, m.ID, true)
	for _, o := range []auth.OneTime{
		{Hash: [32]byte{1}, Issued: k.now(), Expires: k.now().Add(time.Hour)},
		{Hash: [32]byte{2, 0}, Issued: k.now().Add(1), Expires: k.now().Add(2 * time.Hour), Used: k.now().Add(time.Minute)},
		{},
	} {
		o.Issued = o.Issued.Truncate(time.Microsecond)
		before := authEpoch(t, c)
		updateAccounts(t, c, func(tx auth.Tx) error { return tx.PutOneTime(anna.ID, o) })
		if got := credentials(t, c, anna).OneTime; got != o {
			t.Errorf("got %+v, want %+v", got, o)
		}
		updateAccounts(t, c, func(tx auth.Tx) error {
			if got, err := tx.OneTime(anna.ID); err != nil || got != o {
				t.Errorf("in a change: %+v, %v", got, err)
			}
			return nil
		})
		if authEpoch(t, c) == before {
			t.Error("the epoch stands still")
		}
	}
}

func addressAndSwitch(t *testing.T, c Whole, _ *clock) {
	m := addMember(t, c, "0815")
	anna := addAccount(t, c, "anna", mailbox.Clerk, m.ID, true)
	p := auth.Person{ID: anna.Person, Name: "Anna", Address: "Ährenweg 1\n14467 Potsdam"}
	anna.NoDAVPassword, anna.External = true, "https://anmeldung.example/realms/ä 7f3a Ä"
	updateAccounts(t, c, func(tx auth.Tx) error {
		if _, err := tx.PutPerson(p); err != nil {
			return err
		}
		_, err := tx.PutAccount(anna)
		return err
	})
	if got := credentials(t, c, anna); got.Person != p || !got.Account.NoDAVPassword || got.Account.External != anna.External {
		t.Errorf("%+v", got)
	}
}

func linked(t *testing.T, c Whole, _ *clock) {
	m := addMember(t, c, "0815")
	anna, bert := addAccount(t, c, "anna", mailbox.Clerk, m.ID, true), addAccount(t, c, "bert", mailbox.Clerk, m.ID, true)
	if _, err := c.CredentialsOf(ctx(t), ""); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("nobody: %v", err)
	}
	anna.External = "https://anmeldung.example 7f3a"
	updateAccounts(t, c, func(tx auth.Tx) error { _, err := tx.PutAccount(anna); return err })
	if got, err := c.CredentialsOf(ctx(t), anna.External); err != nil || got.Account.ID != anna.ID || len(got.Grants) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, other := range []auth.External{"https://anmeldung.example 7F3A", "https://anmeldung.example 7f3", "https://anmeldung.example/ 7f3a"} {
		if _, err := c.CredentialsOf(ctx(t), other); mailbox.KindOf(err) != mailbox.NotFound {
			t.Errorf("%s: %v", other, err)
		}
	}
	updateAccounts(t, c, func(tx auth.Tx) error {
		if a, err := tx.AccountByExternal(anna.External); err != nil || a.ID != anna.ID {
			t.Errorf("%+v, %v", a, err)
		}
		return nil
	})
	bert.External = anna.External
	if err := c.UpdateAccounts(ctx(t), func(tx auth.Tx) error { _, err := tx.PutAccount(bert); return err }); err == nil {
		t.Error("two accounts are the same at the provider")
	}
}

func flows(t *testing.T, c Whole, k *clock) {
	f := auth.Flow{ID: auth.FlowID{7, 0, 1}, Login: "anna", Name: "Büro", Expires: k.now().Add(time.Minute)}
	if _, err := c.Flow(ctx(t), f.ID); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("before: %v", err)
	}
	check := func() {
		t.Helper()
		if got, err := c.Flow(ctx(t), f.ID); err != nil || got != f {
			t.Errorf("%+v, %v", got, err)
		}
	}
	updateAccounts(t, c, func(tx auth.Tx) error { return tx.PutFlow(f) })
	check()
	f.Taken = k.now().Add(time.Second)
	updateAccounts(t, c, func(tx auth.Tx) error {
		if got, err := tx.Flow(f.ID); err != nil || !got.Taken.IsZero() {
			t.Errorf("in a change: %+v, %v", got, err)
		}
		return tx.PutFlow(f)
	})
	check()
	k.pass(time.Minute)
	updateAccounts(t, c, func(tx auth.Tx) error {
		return tx.PutFlow(auth.Flow{ID: auth.FlowID{8}, Login: "bert", Expires: k.now().Add(time.Minute)})
	})
	if _, err := c.Flow(ctx(t), f.ID); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("after it expired: %v", err)
	}
}

func accessUndone(t *testing.T, c Whole, k *clock) {
	m := addMember(t, c, "0815")
	anna := addAccount(t, c, "anna", mailbox.Clerk, m.ID, true)
	err := c.UpdateAccounts(ctx(t), func(tx auth.Tx) error {
		if _, err := tx.PutAppPassword(auth.AppPassword{Account: anna.ID, Name: "x", Created: k.now()}); err != nil {
			return err
		}
		if err := tx.PutOneTime(anna.ID, auth.OneTime{Issued: k.now(), Expires: k.now()}); err != nil {
			return err
		}
		if err := tx.PutFlow(auth.Flow{ID: auth.FlowID{9}, Expires: k.now().Add(time.Hour)}); err != nil {
			return err
		}
		return errUndo
	})
	if err == nil {
		t.Fatal("the error is lost")
	}
	if got := credentials(t, c, anna); got.Apps != nil || !got.OneTime.IsZero() {
		t.Errorf("%+v", got)
	}
	if _, err := c.Flow(ctx(t), auth.FlowID{9}); mailbox.KindOf(err) != mailbox.NotFound {
		t.Errorf("%v", err)
	}
}
