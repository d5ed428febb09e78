// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"errors"
	"slices"
	"testing"
	"time"

	"postfach/mailbox"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestPlace(t *testing.T) {
	day := 24 * time.Hour
	clerk := func(id int64, from, until time.Time, responsible bool) mailbox.Grant {
		return mailbox.Grant{ID: id, Role: mailbox.Clerk, Member: 1, From: from, Until: until, Responsible: responsible}
	}
	ended := clerk(1, time.Time{}, noon.Add(-day), true)
	open := clerk(2, time.Time{}, time.Time{}, false)
	other := mailbox.Grant{ID: 3, Role: mailbox.Clerk, Member: 2}
	for name, tc := range map[string]struct {
		held        []mailbox.Grant
		want        mailbox.Grant
		responsible *bool
		after       []mailbox.Grant
		changed     bool
	}{
		"first":                {nil, clerk(0, noon, time.Time{}, true), nil, []mailbox.Grant{clerk(0, noon, time.Time{}, true)}, true},
		"again":                {[]mailbox.Grant{open}, clerk(0, time.Time{}, time.Time{}, true), nil, []mailbox.Grant{open}, false},
		"responsible now":      {[]mailbox.Grant{open}, clerk(0, time.Time{}, time.Time{}, true), new(true), []mailbox.Grant{clerk(2, time.Time{}, time.Time{}, true)}, true},
		"shortened":            {[]mailbox.Grant{open}, clerk(0, time.Time{}, noon.Add(day), true), nil, []mailbox.Grant{clerk(2, time.Time{}, noon.Add(day), false)}, true},
		"after the end":        {[]mailbox.Grant{ended}, clerk(0, time.Time{}, time.Time{}, true), nil, []mailbox.Grant{ended, clerk(0, time.Time{}, time.Time{}, true)}, true},
		"the ended one again":  {[]mailbox.Grant{ended, open}, clerk(0, time.Time{}, noon.Add(-day), true), nil, []mailbox.Grant{ended, open}, false},
		"of another member":    {[]mailbox.Grant{other}, clerk(0, time.Time{}, time.Time{}, true), nil, []mailbox.Grant{other, clerk(0, time.Time{}, time.Time{}, true)}, true},
		"beside another's":     {[]mailbox.Grant{other, open}, clerk(0, noon, time.Time{}, true), nil, []mailbox.Grant{other, clerk(2, noon, time.Time{}, false)}, true},
		"ended one untouched":  {[]mailbox.Grant{ended, open}, clerk(0, noon, time.Time{}, true), nil, []mailbox.Grant{ended, clerk(2, noon, time.Time{}, false)}, true},
		"exactly at its end":   {[]mailbox.Grant{clerk(2, time.Time{}, noon, true)}, clerk(0, time.Time{}, time.Time{}, true), nil, []mailbox.Grant{clerk(2, time.Time{}, noon, true), clerk(0, time.Time{}, time.Time{}, true)}, true},
		"a future one changed": {[]mailbox.Grant{clerk(4, noon.Add(day), time.Time{}, true)}, clerk(0, noon, time.Time{}, true), nil, []mailbox.Grant{clerk(4, noon, time.Time{}, true)}, true},
	} {
		before := slices.Clone(tc.held)
		after, at, changed := place(tc.held, tc.want, tc.responsible, noon)
		if changed != tc.changed || !slices.Equal(after, tc.after) || after[at].Member != tc.want.Member {
			t.Errorf("%s: %v, %d, %t", name, after, at, changed)
		}
		if !slices.Equal(before, tc.held) {
			t.Errorf("%s: the old grants were written to", name)
		}
	}
}

func TestCheckGrants(t *testing.T) {
	g := func(r mailbox.Role, m mailbox.MemberID) mailbox.Grant { return mailbox.Grant{Role: r, Member: m} }
	until := func(g mailbox.Grant, t time.Time) mailbox.Grant { g.Until = t; return g }
	from := func(g mailbox.Grant, t time.Time) mailbox.Grant { g.From = t; return g }
	for name, tc := range map[string]struct {
		layout  mailbox.Layout
		release bool
		grants  []mailbox.Grant
		want    *text
	}{
		"none":                     {mailbox.Direct, false, nil, nil},
		"one":                      {mailbox.Direct, false, []mailbox.Grant{g(mailbox.Clerk, 1)}, nil},
		"two roles of one":         {mailbox.Direct, false, []mailbox.Grant{g(mailbox.Clerk, 1), g(mailbox.Administrator, 1)}, nil},
		"two members":              {mailbox.Direct, false, []mailbox.Grant{g(mailbox.Clerk, 1), g(mailbox.Clerk, 2)}, &textDirect},
		"one member after another": {mailbox.Direct, false, []mailbox.Grant{until(g(mailbox.Clerk, 1), noon), from(g(mailbox.Clerk, 2), noon)}, &textDirect},
		"two members listed":       {mailbox.Members, false, []mailbox.Grant{g(mailbox.Clerk, 1), g(mailbox.Clerk, 2)}, nil},
		"all, direct":              {mailbox.Direct, false, []mailbox.Grant{g(mailbox.Caseworker, 0)}, &textDirect},
		"both sides":               {mailbox.Members, false, []mailbox.Grant{g(mailbox.Clerk, 1), g(mailbox.Caseworker, 0)}, &textTwoSides},
		"both sides in turn":       {mailbox.Members, false, []mailbox.Grant{until(g(mailbox.Clerk, 1), noon), from(g(mailbox.Caseworker, 0), noon)}, nil},
		"both sides overlapping":   {mailbox.Members, false, []mailbox.Grant{until(g(mailbox.Clerk, 1), noon.Add(1)), from(g(mailbox.Caseworker, 0), noon)}, &textTwoSides},
		"authority roles together": {mailbox.Members, false, []mailbox.Grant{g(mailbox.Caseworker, 0), g(mailbox.Reviewer, 0)}, nil},
		"revoked before its start": {mailbox.Members, false, []mailbox.Grant{until(from(g(mailbox.Clerk, 1), noon.Add(1)), noon), g(mailbox.Caseworker, 0)}, nil},
		"release by a caseworker":  {mailbox.Members, true, []mailbox.Grant{g(mailbox.Caseworker, 0)}, nil},
		"release by a clerk":       {mailbox.Members, true, []mailbox.Grant{g(mailbox.Clerk, 1)}, &textReleaseDirect},
	} {
		err := checkGrants(tc.layout, tc.release, tc.grants)
		r, _ := errors.AsType[*Refusal](err)
		if (err == nil) != (tc.want == nil) || tc.want != nil && r.text != *tc.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// DESIGN.md section 6: direct for somebody of one member, members for all others.
func TestLayoutFor(t *testing.T) {
	for name, tc := range map[string]struct {
		grants []mailbox.Grant
		want   mailbox.Layout
	}{
		"nobody":            {nil, mailbox.Members},
		"clerk":             {[]mailbox.Grant{{Role: mailbox.Clerk, Member: 1}}, mailbox.Direct},
		"data centre":       {[]mailbox.Grant{{Role: mailbox.Datacentre, Member: 1}}, mailbox.Direct},
		"two members":       {[]mailbox.Grant{{Role: mailbox.Clerk, Member: 1}, {Role: mailbox.Clerk, Member: 2}}, mailbox.Members},
		"caseworker":        {[]mailbox.Grant{{Role: mailbox.Caseworker}}, mailbox.Members},
		"caseworker of one": {[]mailbox.Grant{{Role: mailbox.Caseworker, Member: 1}}, mailbox.Members},
	} {
		if got := layoutFor(tc.grants); got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestParseDay(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string][2]string{
		"2026-03-29":                {"2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}, // the day has 23 hours
		"29.3.2026":                 {"2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"29.03.2026":                {"2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"2026-12-31":                {"2026-12-30T23:00:00Z", "2026-12-31T23:00:00Z"},
		"2026-03-29T10:00:00+02:00": {"2026-03-29T08:00:00Z", "2026-03-29T08:00:00Z"},
		"":                          {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		"31.02.2026":                {},
		"0026-01-01":                {},
		"morgen":                    {},
	} {
		from, err1 := ParseFrom(s, berlin)
		until, err2 := ParseUntil(s, berlin)
		if want == ([2]string{}) {
			if err1 == nil || err2 == nil {
				t.Errorf("%q: %v, %v", s, from, until)
			}
			continue
		}
		if err1 != nil || err2 != nil || from.Format(time.RFC3339) != want[0] || until.Format(time.RFC3339) != want[1] {
			t.Errorf("%q: %v, %v, %v, %v", s, from, until, err1, err2)
		}
	}
}
