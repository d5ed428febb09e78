// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/netip"
	"testing"
	"time"

	"postfach/mailbox"
)

// Grants come into force and end by the clock, a member's own end with the
// member, and nobody of a closed member signs in.
func TestViewFollowsTheClock(t *testing.T) {
	hour := time.Hour
	clerk := Held{Grant: mailbox.Grant{ID: 1, Role: mailbox.Clerk, Member: 1, From: noon, Until: noon.Add(4 * hour)}}
	closing := Held{Grant: mailbox.Grant{ID: 2, Role: mailbox.Clerk, Member: 2}, ClosedOn: noon.Add(2 * hour)}
	caseworker := Held{Grant: mailbox.Grant{ID: 3, Role: mailbox.Caseworker, Member: 2}, ClosedOn: noon.Add(2 * hour)}
	for name, tc := range map[string]struct {
		grants  []Held
		at      time.Time
		want    []int64
		refused bool
	}{
		"none":                        {nil, noon, nil, false},
		"before":                      {[]Held{clerk}, noon.Add(-1), nil, false},
		"begun":                       {[]Held{clerk}, noon, []int64{1}, false},
		"last moment":                 {[]Held{clerk}, noon.Add(4*hour - 1), []int64{1}, false},
		"ended":                       {[]Held{clerk}, noon.Add(4 * hour), nil, false},
		"before closing":              {[]Held{closing}, noon, []int64{2}, false},
		"closed":                      {[]Held{closing}, noon.Add(2 * hour), nil, true},
		"closed, another open":        {[]Held{clerk, closing}, noon.Add(2 * hour), []int64{1}, false},
		"closed, the other one ended": {[]Held{clerk, closing}, noon.Add(4 * hour), nil, true},
		"authority keeps reading":     {[]Held{caseworker}, noon.Add(3 * hour), []int64{3}, false},
	} {
		e := &verified{cred: Credentials{Account: Account{Password: "x"}, Grants: tc.grants}}
		e.at(noon.Add(-2 * hour)) // an earlier view does not stick
		v := e.at(tc.at)
		var got []int64
		for _, g := range v.actor.Grants {
			got = append(got, g.ID)
		}
		if len(got) != len(tc.want) || len(got) > 0 && got[0] != tc.want[0] || v.refused != tc.refused {
			t.Errorf("%s: grants %v, refused %t", name, got, v.refused)
		}
		if e.cred.admits(v, netip.Addr{}) == tc.refused {
			t.Errorf("%s: admitted %t", name, !tc.refused)
		}
		if e.at(tc.at) != v {
			t.Errorf("%s: the view is made twice", name)
		}
	}
}

// Sync clients are told of the mailboxes whose last grant has ended, and of
// none that the account never had.
func TestEnded(t *testing.T) {
	hour := time.Hour
	held := func(r mailbox.Role, from, until, closed time.Time) Held {
		return Held{Grant: mailbox.Grant{ID: 1, Role: r, Member: 1, From: from, Until: until}, ClosedOn: closed}
	}
	never, before, later := time.Time{}, noon.Add(-hour), noon.Add(hour)
	for name, tc := range map[string]struct {
		grants []Held
		want   bool
	}{
		"in force":                  {[]Held{held(mailbox.Clerk, before, later, never)}, false},
		"ended":                     {[]Held{held(mailbox.Clerk, before, noon, never)}, true},
		"ended, begun ever":         {[]Held{held(mailbox.Clerk, never, noon, never)}, true},
		"revoked before its start":  {[]Held{held(mailbox.Clerk, later, noon, never)}, false},
		"revoked at its start":      {[]Held{held(mailbox.Clerk, before, before, never)}, false},
		"ended, another in force":   {[]Held{held(mailbox.Clerk, before, noon, never), held(mailbox.Datacentre, before, later, never)}, false},
		"ended, another without":    {[]Held{held(mailbox.Clerk, before, noon, never), held(mailbox.Administrator, before, later, never)}, true},
		"closed":                    {[]Held{held(mailbox.Clerk, never, never, noon)}, true},
		"closed, for the authority": {[]Held{held(mailbox.Caseworker, never, never, noon)}, false},
		"closed, without files":     {[]Held{held(mailbox.Administrator, never, never, noon)}, false},
		"closed before its start":   {[]Held{held(mailbox.Clerk, noon, later, before)}, false},
		"revoked, closed, unbegun":  {[]Held{held(mailbox.Clerk, later, before, noon)}, false},
		"to be closed":              {[]Held{held(mailbox.Clerk, never, never, later)}, false},
	} {
		v := newView(Credentials{Grants: tc.grants}, noon)
		if got := len(v.actor.Ended) > 0; got != tc.want {
			t.Errorf("%s: ended %v", name, v.actor.Ended)
		}
	}
}

// The number in folder ETags changes with what an account sees, also by the
// clock alone, and with nothing else.
func TestRevision(t *testing.T) {
	e := &verified{cred: Credentials{
		Account: Account{Layout: mailbox.Members},
		Grants: []Held{
			{Grant: mailbox.Grant{ID: 1, Role: mailbox.Clerk, Member: 1, Until: noon}},
			{Grant: mailbox.Grant{ID: 2, Role: mailbox.Clerk, Member: 2}},
		},
	}}
	before, same, after := e.at(noon.Add(-2)), e.at(noon.Add(-1)), e.at(noon)
	if before.actor.Revision != same.actor.Revision || same.actor.Revision == after.actor.Revision {
		t.Errorf("revisions %d, %d, %d", before.actor.Revision, same.actor.Revision, after.actor.Revision)
	}
	if before.actor.Revision < 0 || after.actor.Revision < 0 {
		t.Error("negative")
	}
}

func TestAdmits(t *testing.T) {
	office := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	inside, outside := netip.MustParseAddr("::ffff:192.0.2.9"), netip.MustParseAddr("198.51.100.1")
	for name, tc := range map[string]struct {
		account Account
		addr    netip.Addr
		want    bool
	}{
		"person":                {Account{Password: "x", Kind: mailbox.PersonAccount}, outside, true},
		"disabled":              {Account{Password: "x", Disabled: true}, inside, false},
		"machine inside":        {Account{Password: "x", Kind: mailbox.MachineAccount, Networks: office}, inside, true},
		"machine outside":       {Account{Password: "x", Kind: mailbox.MachineAccount, Networks: office}, outside, false},
		"machine from nowhere":  {Account{Password: "x", Kind: mailbox.MachineAccount, Networks: office}, netip.Addr{}, false},
		"machine from anywhere": {Account{Password: "x", Kind: mailbox.MachineAccount}, outside, true},
	} {
		e := &verified{cred: Credentials{Account: tc.account}}
		if got := e.cred.admits(e.at(noon), tc.addr); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
