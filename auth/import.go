// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"postfach/mailbox"
)

// Summary counts the accounts of a file.
type Summary struct{ Added, Changed, Unchanged int }

// Import carries out an account file, all of it or, when there is any fault,
// nothing. The same file again changes nothing: known accounts get what the
// file says otherwise, grants that it does not name stay, and a password of the
// file only serves accounts that have none, so it never undoes a person's own
// change. With dryRun, or where a row is faulty, nothing is stored either way.
func (d *Directory) Import(ctx context.Context, by By, rows []AccountRow, dryRun bool) (Summary, []Fault, error) {
	im := &importer{groups: group(rows), hashes: make(map[string]PHC)}
	dryRun = dryRun || slices.ContainsFunc(rows, func(r AccountRow) bool { return r.Faulty })
	for {
		err := d.edit(ctx, by, func(e *editor) error { return im.run(e, dryRun) })
		switch {
		case errors.Is(err, errNotStored) && len(im.faults) > 0:
			return Summary{}, im.faults, nil
		case errors.Is(err, errNotStored) && dryRun:
			return im.summary, nil, nil
		case !errors.Is(err, errNotStored):
			return im.summary, nil, err
		case im.rounds > 3:
			return Summary{}, nil, refuse(mailbox.Conflict, textChangedBetween)
		}
		// Hashing takes minutes for a large file and no transaction waits for it.
		if err := im.hash(ctx); err != nil {
			return Summary{}, nil, err
		}
	}
}

// errNotStored rolls an import back.
var errNotStored = errors.New("import not stored")

// rowGroup are the lines of one login.
type rowGroup struct {
	line    int
	account NewAccount
	grants  []AccountRow
	faulty  bool   // a line has faults that were told
	fault   *Fault // lines contradict each other
}

func group(rows []AccountRow) []*rowGroup {
	var out []*rowGroup
	byKey := make(map[string]*rowGroup)
	for _, r := range rows {
		key := Login(r.Account.Login).Key()
		g := byKey[key]
		if g == nil {
			g = &rowGroup{line: r.Line, account: r.Account}
			g.account.Grants = nil
			byKey[key] = g
			out = append(out, g)
		} else if what := g.contradicts(r.Account); what != "" && g.fault == nil {
			g.fault = &Fault{r.Line, invalid(textRowsDiffer, g.line, r.Account.Login, what)}
		}
		g.faulty = g.faulty || r.Faulty
		if len(r.Account.Grants) > 0 {
			g.grants = append(g.grants, r)
			g.account.Grants = append(g.account.Grants, r.Account.Grants...)
		}
	}
	return out
}

// contradicts names what a further line says otherwise than the first.
func (g *rowGroup) contradicts(n NewAccount) string {
	first := g.account
	for _, f := range []struct{ name, a, b string }{
		{"person", first.Person.Name, n.Person.Name},
		{"email", first.Person.Email, n.Person.Email},
		{"language", first.Person.Language, n.Person.Language},
		{"address", first.Person.Address, n.Person.Address},
		{"kind", string(first.Kind), string(n.Kind)},
		{"layout", string(first.Layout), string(n.Layout)},
		{"password", first.Password, n.Password},
	} {
		if f.b != "" && f.a != f.b {
			return f.name
		}
	}
	if len(n.Networks) > 0 && !slices.Equal(first.Networks, n.Networks) {
		return "networks"
	}
	return ""
}

// importer is one import; run may happen several times.
type importer struct {
	groups  []*rowGroup
	hashes  map[string]PHC    // by login key; passwords are hashed between rounds
	missing map[string]string // passwords to be hashed, by login key
	faults  []Fault
	summary Summary
	rounds  int
}

func (im *importer) run(e *editor, dryRun bool) error {
	im.faults, im.summary, im.missing = nil, Summary{}, make(map[string]string)
	im.rounds++
	for _, g := range im.groups {
		if err := im.one(e, g); err != nil {
			return err
		}
		if len(im.faults) >= maxFaults {
			break
		}
	}
	if dryRun || len(im.faults) > 0 || len(im.missing) > 0 {
		slices.SortStableFunc(im.faults, func(a, b Fault) int { return a.Line - b.Line })
		return errNotStored
	}
	return nil
}

// one carries out the lines of one login and notes their faults.
func (im *importer) one(e *editor, g *rowGroup) error {
	n := len(im.faults)
	if g.fault != nil {
		im.faults = append(im.faults, *g.fault)
	}
	for _, r := range g.grants {
		if _, err := e.resolve(r.Account.Grants[0]); err != nil {
			if err := im.note(r.Line, err); err != nil {
				return err
			}
		}
	}
	known, err := e.tx.AccountByLogin(Login(g.account.Login).Key())
	isNew := mailbox.KindOf(err) == mailbox.NotFound
	if err != nil && !isNew {
		return err
	}
	account, faults := g.account, []error(nil)
	if isNew {
		account, faults = account.parse()
	} else {
		faults = account.changeFaults()
	}
	for _, f := range faults {
		if err := im.note(g.line, f); err != nil {
			return err
		}
	}
	if len(im.faults) > n || g.faulty {
		return nil
	}
	before := e.changes
	if isNew {
		err = e.add(account, im.password(Login(g.account.Login), account.Password))
	} else {
		err = im.change(e, known, account)
	}
	if err != nil {
		return im.note(g.line, err)
	}
	switch {
	case isNew:
		im.summary.Added++
	case e.changes > before:
		im.summary.Changed++
	default:
		im.summary.Unchanged++
	}
	return nil
}

// note keeps a refusal as a fault of its line; any other error ends the import.
func (im *importer) note(line int, err error) error {
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		return err
	}
	im.faults = append(im.faults, Fault{line, r})
	return nil
}

// change brings an account to what the file says.
func (im *importer) change(e *editor, a Account, n NewAccount) error {
	if n.Kind != "" && n.Kind != a.Kind {
		return invalid(textKindFixed)
	}
	if err := e.set(a, changeOf(n)); err != nil {
		return err
	}
	login := Login(n.Login)
	a, err := e.tx.AccountByLogin(login.Key())
	if err != nil {
		return err
	}
	if a.Password == "" && n.Password != "" {
		if h := im.password(login, n.Password); h != "" {
			if err := e.setPassword(a, h); err != nil {
				return err
			}
		}
	}
	return e.grant(a, n.Grants)
}

// changeOf leaves alone what the file does not say.
func changeOf(n NewAccount) Change {
	given := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	c := Change{Name: given(n.Person.Name), Email: given(n.Person.Email), Language: given(n.Person.Language),
		Address: given(n.Person.Address)}
	if n.Layout != "" {
		c.Layout = &n.Layout
	}
	if len(n.Networks) > 0 {
		c.Networks = &n.Networks
	}
	return c
}

// password gives the hash, or notes that it is still to be made.
func (im *importer) password(l Login, password string) PHC {
	if password == "" {
		return ""
	}
	h, ok := im.hashes[l.Key()]
	if !ok {
		im.missing[l.Key()] = password
	}
	return h
}

// hash makes the hashes that the last round missed, on all cores.
func (im *importer) hash(ctx context.Context) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	for key, password := range im.missing {
		tasks.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			h, err := hashPassword(password)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			im.hashes[key] = h
			return nil
		})
	}
	return tasks.Wait()
}
