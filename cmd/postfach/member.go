// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"postfach/auth"
	"postfach/mailbox"
)

type memberCmd struct {
	Add    memberAdd    `cmd:"" help:"Make a member with its mailbox."`
	Import memberImport `cmd:"" help:"Make all members of a CSV file, or none."`
	List   memberList   `cmd:"" help:"List members."`
	Show   memberShow   `cmd:"" help:"Show a member with its mailbox and accounts."`
	Set    memberSet    `cmd:"" help:"Change a member's particulars."`
	Rename memberRename `cmd:"" help:"Change a member's name. The number never changes."`
	Close  memberClose  `cmd:"" help:"End deliveries and sign-ins from a day on. The content is kept, the number never given again."`
}

type memberAdd struct {
	Number    string `arg:"" help:"Member number: 1 to 32 letters, digits and hyphens."`
	Name      string `arg:"" help:"Name of the member."`
	Parent    string `placeholder:"NUMBER" help:"The member whose settlement office this is."`
	Successor string `placeholder:"NUMBER" help:"The member that follows this one."`
	Release   string `placeholder:"POLICY" help:"single or four-eyes; else as the configuration says."`
	Quota     size   `placeholder:"SIZE" help:"What the member's uploads may take, such as 10GiB; else as the configuration says."`
	ordered
}

func (c *memberAdd) Run(e *env) error {
	a, by, err := c.open(e)
	if err != nil {
		return err
	}
	defer a.done(e)
	n := mailbox.NewMember{Number: c.Number, Name: c.Name, Parent: c.Parent, Successor: c.Successor,
		Policy: mailbox.ReleasePolicy(c.Release), Quota: int64(c.Quota)}
	if err := mailbox.CheckMember(n); err != nil {
		return err
	}
	todo, faults, err := planMembers(e, a, []memberLine{{member: n}})
	if err != nil {
		return err
	}
	if len(faults) > 0 {
		return &wrongOrder{faults[0].text}
	}
	made, err := a.service.AddMembers(e.ctx, by, todo)
	if err != nil {
		return err
	}
	if made == 0 {
		e.say("member %s exists already, nothing changed", c.Number)
		return nil
	}
	e.say("member %s %s added", c.Number, c.Name)
	return nil
}

type memberList struct {
	Find string `placeholder:"TEXT" help:"Only members whose number or name contains the text."`
	Open bool   `help:"Leave closed members out."`
	JSON bool   `name:"json" help:"One JSON object a line."`
}

// memberRow is a member as it is listed.
type memberRow struct {
	Number     string `json:"number"`
	Name       string `json:"name"`
	Release    string `json:"release"`
	Parent     string `json:"parent,omitempty"`
	Successor  string `json:"successor,omitempty"`
	ClosedOn   string `json:"closed_on,omitempty"` // a day of the authority's time zone
	Quota      int64  `json:"quota"`               // bytes, 0 for no limit
	Current    int64  `json:"current"`             // bytes
	Superseded int64  `json:"superseded"`          // bytes
}

func (c *memberList) Run(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	all, err := a.members(e)
	if err != nil {
		return err
	}
	l := newListing(e, c.JSON, []string{"NUMBER", "NAME", "RELEASE", "USED", "CLOSED ON"}, func(m memberRow) []string {
		return []string{m.Number, m.Name, m.Release, bytesOf(m.Current), m.ClosedOn}
	})
	for _, m := range all.byNumber {
		if c.Open && !m.ClosedOn.IsZero() && !time.Now().Before(m.ClosedOn) {
			continue
		}
		if !strings.Contains(m.Number, c.Find) && !strings.Contains(mailbox.NameKey(m.Name), mailbox.NameKey(c.Find)) {
			continue
		}
		if err := l.add(all.row(a, m)); err != nil {
			return err
		}
	}
	return l.end()
}

// roll is all members, to name them in listings.
type roll struct {
	byNumber []mailbox.Member // in the order of numbers
	byID     map[mailbox.MemberID]mailbox.Member
}

func (a *app) members(e *env) (roll, error) {
	all := roll{byID: make(map[mailbox.MemberID]mailbox.Member)}
	err := a.catalog.View(e.ctx, func(r mailbox.Reader) error {
		boxes, err := r.Mailboxes(nil)
		for _, b := range boxes {
			all.byNumber = append(all.byNumber, b.Member)
			all.byID[b.Member.ID] = b.Member
		}
		return err
	})
	return all, err
}

// number of a member, "" for none.
func (r roll) number(id mailbox.MemberID) string { return r.byID[id].Number }

func (r roll) row(a *app, m mailbox.Member) memberRow {
	row := memberRow{Number: m.Number, Name: m.Name, Release: cmp.Or(string(m.Policy), a.cfg.Release), Parent: r.number(m.Parent),
		Successor: r.number(m.Successor), Quota: cmp.Or(m.Quota, a.cfg.Quota.Current), Current: m.Usage.Current, Superseded: m.Usage.Superseded}
	if !m.ClosedOn.IsZero() {
		row.ClosedOn = m.ClosedOn.In(a.cfg.Authority.Timezone).Format(time.DateOnly)
	}
	return row
}

type memberShow struct {
	Number string `arg:"" help:"Member number."`
	JSON   bool   `name:"json" help:"As a JSON object."`
}

func (c *memberShow) Run(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	all, err := a.members(e)
	if err != nil {
		return err
	}
	m, err := all.find(c.Number)
	if err != nil {
		return err
	}
	row := all.row(a, m)
	var logins []string
	held, err := a.accountsOf(e, m.ID)
	if err != nil {
		return err
	}
	for _, h := range held {
		logins = append(logins, string(h.Account.Login))
	}
	if c.JSON {
		return e.object(struct {
			memberRow
			Accounts []string `json:"accounts"`
		}{row, append([]string{}, logins...)})
	}
	quota := "no limit"
	if row.Quota > 0 {
		quota = bytesOf(row.Quota)
	}
	return e.facts([2]string{"number", row.Number}, [2]string{"name", row.Name}, [2]string{"release", row.Release},
		[2]string{"settlement office of", row.Parent}, [2]string{"successor", row.Successor}, [2]string{"closed on", row.ClosedOn},
		[2]string{"quota", quota}, [2]string{"used", bytesOf(row.Current) + ", and " + bytesOf(row.Superseded) + " by earlier versions"},
		[2]string{"accounts", strings.Join(logins, ", ")})
}

// find gives a member by its number.
func (r roll) find(number string) (mailbox.Member, error) {
	for _, m := range r.byNumber {
		if m.Number == number {
			return m, nil
		}
	}
	return mailbox.Member{}, &wrongOrder{"there is no member " + strconv.Quote(number)}
}

type memberSet struct {
	Number    string  `arg:"" help:"Member number."`
	Parent    *string `placeholder:"NUMBER" help:"The member whose settlement office this is; none for none."`
	Successor *string `placeholder:"NUMBER" help:"The member that follows this one; none for none."`
	Release   *string `placeholder:"POLICY" help:"single or four-eyes; default for what the configuration says."`
	Quota     *string `placeholder:"SIZE" help:"Such as 10GiB; default for what the configuration says."`
	Reopen    bool    `help:"Open a closed member again."`
	ordered
}

func (c *memberSet) Run(e *env) error {
	var ch mailbox.MemberChange
	ch.Parent, ch.Successor = orNone(c.Parent, "none"), orNone(c.Successor, "none")
	if p := orNone(c.Release, "default"); p != nil {
		policy := mailbox.ReleasePolicy(*p)
		ch.Policy = &policy
	}
	if q := orNone(c.Quota, "default"); q != nil {
		var n size
		if *q != "" {
			if err := n.UnmarshalText([]byte(*q)); err != nil {
				return misuse("--quota: %v", err)
			}
		}
		quota := int64(n)
		ch.Quota = &quota
	}
	if c.Reopen {
		ch.ClosedOn = &time.Time{}
	}
	if ch == (mailbox.MemberChange{}) {
		return misuse("nothing to change: give --parent, --successor, --release, --quota or --reopen")
	}
	return e.setMember(c.ordered, c.Number, ch, "changed")
}

// orNone reads the word for none as the empty value.
func orNone(v *string, none string) *string {
	if v != nil && *v == none {
		return new(string)
	}
	return v
}

// setMember carries a change out and says so.
func (e *env) setMember(o ordered, number string, ch mailbox.MemberChange, done string) error {
	by, err := o.by(e)
	if err != nil {
		return err
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	all, err := a.members(e)
	if err != nil {
		return err
	}
	if _, err := all.find(number); err != nil {
		return err
	}
	if err := a.service.SetMember(e.ctx, by, number, ch); err != nil {
		return err
	}
	e.say("member %s %s", number, done)
	return nil
}

type memberRename struct {
	Number string `arg:"" help:"Member number."`
	Name   string `arg:"" help:"New name. Folders of accounts that see several members show it from now on; paths by number stay."`
	ordered
}

func (c *memberRename) Run(e *env) error {
	return e.setMember(c.ordered, c.Number, mailbox.MemberChange{Name: &c.Name}, "is now called "+c.Name)
}

type memberClose struct {
	Number string `arg:"" help:"Member number."`
	On     string `required:"" placeholder:"DATE" help:"First day without deliveries and sign-ins, such as 2026-12-31 or 31.12.2026."`
	ordered
}

func (c *memberClose) Run(e *env) error {
	cfg, err := e.configuration()
	if err != nil {
		return err
	}
	on, err := auth.ParseFrom(c.On, cfg.Authority.Timezone)
	if err != nil {
		return err
	}
	if on.IsZero() {
		return misuse("--on: a date, such as 2026-12-31")
	}
	return e.setMember(c.ordered, c.Number, mailbox.MemberChange{ClosedOn: &on}, "closes on "+c.On)
}
