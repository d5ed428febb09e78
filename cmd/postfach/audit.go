// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"postfach/auth"
	"postfach/catalog"
	"postfach/mailbox"
)

type auditCmd struct {
	List   auditList   `cmd:"" help:"List audit records, the latest first."`
	Export auditExport `cmd:"" help:"Write the audit log as JSON Lines. The export is recorded."`
	Replay auditReplay `cmd:"" help:"Rebuild the mailboxes from the log alone and compare them with the catalog."`
}

// auditFilter chooses records.
type auditFilter struct {
	Member    string   `placeholder:"NUMBER" help:"Only those about a member."`
	Login     string   `placeholder:"LOGIN" help:"Only those of an account."`
	Person    string   `placeholder:"LOGIN" help:"Only those of the person behind an account, on all of that person's accounts."`
	Entry     int64    `placeholder:"ENTRY" help:"Only those about an entry: who saw the file."`
	Operation []string `placeholder:"NAME" help:"Only an operation, such as read, release or member-add. May be repeated."`
	From      string   `placeholder:"DATE" help:"From this day on, or an exact time (RFC 3339)."`
	Until     string   `placeholder:"DATE" help:"Up to the end of this day."`
}

func (f auditFilter) query(e *env, a *app) (what catalog.RecordQuery, err error) {
	zone := a.cfg.Authority.Timezone
	what.Entry = mailbox.EntryID(f.Entry)
	if what.From, err = auth.ParseFrom(f.From, zone); err != nil {
		return what, err
	}
	if what.Until, err = auth.ParseUntil(f.Until, zone); err != nil {
		return what, err
	}
	for _, o := range f.Operation {
		what.Operations = append(what.Operations, mailbox.Operation(o))
	}
	if f.Login != "" {
		c, err := a.directory.Show(e.ctx, f.Login)
		if err != nil {
			return what, err
		}
		what.Account = c.Account.ID
	}
	if f.Person != "" {
		c, err := a.directory.Show(e.ctx, f.Person)
		if err != nil {
			return what, err
		}
		what.Person = c.Person.ID
	}
	if f.Member != "" {
		err = a.catalog.View(e.ctx, func(r mailbox.Reader) error {
			m, err := memberOf(r, f.Member)
			what.Member = m.ID
			return err
		})
	}
	return what, err
}

// logRow is an audit record as it is exported. The numbers are the record; the
// names beside them are those of today.
type logRow struct {
	Sequence  int64             `json:"sequence"`
	Time      time.Time         `json:"time"`
	Person    mailbox.PersonID  `json:"person,omitempty"`
	Name      string            `json:"person_name,omitempty"`
	Account   mailbox.AccountID `json:"account,omitempty"`
	Login     string            `json:"login,omitempty"`
	Role      string            `json:"role,omitempty"`
	Member    mailbox.MemberID  `json:"member,omitempty"`
	Number    string            `json:"member_number,omitempty"`
	Operation string            `json:"operation"`
	Place     string            `json:"place,omitempty"`
	Entry     mailbox.EntryID   `json:"entry,omitempty"`
	Version   string            `json:"version,omitempty"`
	SHA256    string            `json:"sha256,omitempty"` // lower-case hexadecimal
	Result    string            `json:"result"`
	RequestID string            `json:"request_id,omitempty"`
	Digest    string            `json:"detail_digest"` // SHA-256 of salt and detail
	Erased    bool              `json:"detail_erased,omitempty"`
	Altered   bool              `json:"detail_altered,omitempty"` // it is not the one that the record was written with
	Detail    mailbox.Detail    `json:"detail"`
}

func logRowOf(l catalog.Logged, folders mailbox.FolderNames) logRow {
	row := logRow{Sequence: l.Sequence, Time: l.Time, Person: l.Person, Name: l.PersonName, Account: l.Account, Login: l.Login,
		Role: string(l.Role), Member: l.Member, Number: l.Number, Operation: string(l.Operation), Entry: l.Entry, Result: l.Result,
		RequestID: l.RequestID, Digest: hex.EncodeToString(l.Digest[:]), Erased: l.Erased, Altered: !l.Intact, Detail: l.Detail}
	if l.Entry != 0 {
		row.Place = folders.Of(l.Place)
	}
	if !l.Version.IsZero() {
		row.Version = l.Version.String()
	}
	if l.SHA256 != [32]byte{} {
		row.SHA256 = hex.EncodeToString(l.SHA256[:])
	}
	return row
}

type auditList struct {
	auditFilter
	Limit int  `default:"50" help:"At most this many; 0 for all."`
	JSON  bool `name:"json" help:"One JSON object a line, as audit export writes them."`
}

func (c *auditList) Run(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	what, err := c.query(e, a)
	if err != nil {
		return err
	}
	what.Newest, what.Limit = true, c.Limit
	zone, folders := a.cfg.Authority.Timezone, mailboxOptions(a.cfg, a.log).Folders
	l := newListing(e, c.JSON, []string{"RECORD", "TIME", "WHO", "OPERATION", "MEMBER", "WHAT", "RESULT"}, func(r logRow) []string {
		return []string{strconv.FormatInt(r.Sequence, 10), moment(r.Time, zone), r.who(), r.Operation, r.Number, r.what(), r.Result}
	})
	err = a.catalog.Inquire(e.ctx, func(q *catalog.Inquiry) error {
		return q.Records(what, func(r catalog.Logged) error { return l.add(logRowOf(r, folders)) })
	})
	if err != nil {
		return err
	}
	return l.end()
}

// who acted, in a few words.
func (r logRow) who() string {
	switch {
	case r.Detail.System != "": // then the account is the one concerned
		return "system user " + r.Detail.System
	case r.Login != "":
		return r.Login
	}
	return r.Detail.Address
}

// what the record is about, in a few words.
func (r logRow) what() string {
	var parts []string
	d := r.Detail
	for _, p := range []string{d.Path, d.Name, d.Text} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	if d.Target != "" {
		parts = append(parts, "→ "+d.Target)
	}
	if d.Count > 1 {
		parts = append(parts, strconv.FormatInt(d.Count, 10)+" times")
	}
	if d.Order != "" {
		parts = append(parts, "order "+d.Order)
	}
	if r.SHA256 != "" {
		parts = append(parts, "SHA-256 "+r.SHA256[:12]+"…")
	}
	return strings.Join(parts, " ")
}

type auditExport struct {
	auditFilter
	FromStorage bool `help:"From the segments in the storage instead of the catalog, which may be lost; their chain is checked." xor:"source"`
	Lost        bool `help:"From the storage, what a restored backup did not know: the ends of the log's former lives." xor:"source"`
	ordered
}

// Help describes a line.
func (auditExport) Help() string {
	return `Each line is one record, in the order of their sequence. The numbers (sequence, person, account, member, entry) are kept for ever; person_name, login and member_number are what they are called today. Where detail.system says that a command did it, person and account are those concerned, else those who did it. sha256 is in lower-case hexadecimal, version a UUID, time UTC. detail holds path, target, names, address and user agent; detail_digest is SHA-256 over a salt and the detail. result is ok, or the kind of refusal and its reason.`
}

func (c *auditExport) Run(e *env) error {
	by, err := c.by(e)
	if err != nil {
		return err
	}
	if c.FromStorage || c.Lost {
		return c.fromStorage(e, by)
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	what, err := c.query(e, a)
	if err != nil {
		return err
	}
	if err := a.catalog.Append(e.ctx, mailbox.Record{Operation: mailbox.OpExport, Member: what.Member, Result: "ok",
		Detail: mailbox.Detail{Door: "cli", System: by.System, Order: by.Order}}); err != nil {
		return err
	}
	folders := mailboxOptions(a.cfg, a.log).Folders
	enc := json.NewEncoder(e.out)
	enc.SetEscapeHTML(false)
	altered := 0
	err = a.catalog.Inquire(e.ctx, func(q *catalog.Inquiry) error {
		return q.Records(what, func(r catalog.Logged) error {
			if !r.Intact {
				altered++
			}
			return enc.Encode(logRowOf(r, folders))
		})
	})
	if err == nil && altered > 0 {
		err = &wrongOrder{strconv.Itoa(altered) + " records have a detail that they were not written with; see detail_altered"}
	}
	return err
}

// errEnough ends a listing at its limit.
var errEnough = errors.New("enough")

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
