// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"

	"postfach/auth"
	"postfach/mailbox"
)

type memberImport struct {
	File   string `arg:"" help:"CSV file, - for standard input. Separated by ; or , in UTF-8 or Windows-1252."`
	DryRun bool   `help:"Store nothing; print every fault with its line."`
	ordered
}

// Help documents the file.
func (memberImport) Help() string {
	return `The first line names the columns: Mitgliedsnummer (or number) and Name (or name) must be there; Abrechnungsstelle von (or parent), Nachfolger (or successor), Freigabe (or release: single, four-eyes) and Kontingent (or quota: 10GiB) may be.

All members are made, or none. The same file again changes nothing. A member that exists with other particulars is a fault: use member set and member rename.`
}

// memberColumns of a member file.
var memberColumns = []auth.Column{
	{Key: "number", Names: []string{"Mitgliedsnummer", "number"}, Required: true},
	{Key: "name", Names: []string{"Name"}, Required: true},
	{Key: "parent", Names: []string{"Abrechnungsstelle von", "parent"}},
	{Key: "successor", Names: []string{"Nachfolger", "successor"}},
	{Key: "release", Names: []string{"Freigabe", "release"}},
	{Key: "quota", Names: []string{"Kontingent", "quota"}},
}

// memberLine is a member with the line of the file that names it.
type memberLine struct {
	line   int
	member mailbox.NewMember
}

// memberFault is something wrong in a line; line 0 for no file.
type memberFault struct {
	line int
	text string
}

func (c *memberImport) Run(e *env) error {
	by, err := c.by(e)
	if err != nil {
		return err
	}
	f, err := e.input(c.File)
	if err != nil {
		return err
	}
	defer f.Close()
	lines, faults, err := readMembers(f)
	if err != nil {
		return err
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	todo, more, err := planMembers(e, a, lines)
	if err != nil {
		return err
	}
	if faults = append(faults, more...); len(faults) > 0 {
		return e.tellMemberFaults(c.File, faults)
	}
	if c.DryRun {
		e.say("%s: no fault; %d members would be added, %d exist already", c.File, len(todo), len(lines)-len(todo))
		return nil
	}
	made, err := a.service.AddMembers(e.ctx, by, todo)
	if err != nil {
		return err
	}
	e.say("%d members added, %d existed already", made, len(lines)-made)
	return nil
}

func (e *env) tellMemberFaults(file string, faults []memberFault) error {
	slices.SortStableFunc(faults, func(a, b memberFault) int { return a.line - b.line })
	for _, f := range faults {
		fmt.Fprintf(e.stderr, "%s:%d: %s\n", file, f.line, plain(f.text))
	}
	fmt.Fprintf(e.stderr, "postfach: %d faults, nothing stored\n", len(faults))
	return foundWrong
}

// readMembers reads a member file; lines with faults are left out.
func readMembers(r io.Reader) ([]memberLine, []memberFault, error) {
	rows, bad, err := auth.ReadTable(r, memberColumns)
	if err != nil {
		return nil, nil, err
	}
	var faults []memberFault
	for _, f := range bad {
		faults = append(faults, memberFault{f.Line, f.Error()})
	}
	var lines []memberLine
	first := map[string]int{}
	for _, row := range rows {
		m := mailbox.NewMember{Number: row.Get("number"), Name: row.Get("name"), Parent: row.Get("parent"),
			Successor: row.Get("successor"), Policy: mailbox.ReleasePolicy(row.Get("release"))}
		if text := row.Get("quota"); text != "" {
			var n size
			if err := n.UnmarshalText([]byte(text)); err != nil {
				faults = append(faults, memberFault{row.Line, err.Error()})
			}
			m.Quota = int64(n)
		}
		for _, err := range mailbox.MemberFaults(whole(m, row.Faulty)) {
			faults = append(faults, memberFault{row.Line, explain(err)})
		}
		if row.Faulty { // told, and not to be planned with
			continue
		}
		if at, twice := first[m.Number]; twice {
			faults = append(faults, memberFault{row.Line, fmt.Sprintf("number %s stands in line %d already", m.Number, at)})
			continue
		}
		first[m.Number] = row.Line
		lines = append(lines, memberLine{row.Line, m})
	}
	return lines, faults, nil
}

// whole fills in what a faulty line lacks and was told to lack, so that it can
// be asked for its other faults.
func whole(m mailbox.NewMember, faulty bool) mailbox.NewMember {
	if faulty {
		m.Number, m.Name = cmp.Or(m.Number, "0"), cmp.Or(m.Name, "-")
	}
	return m
}

// planMembers leaves out those that exist, finds what cannot be, and orders the
// rest so that a parent or successor of the same file comes first.
func planMembers(e *env, a *app, lines []memberLine) ([]mailbox.NewMember, []memberFault, error) {
	all, err := a.members(e)
	if err != nil {
		return nil, nil, err
	}
	have := make(map[string]mailbox.Member, len(all.byNumber))
	for _, m := range all.byNumber {
		have[m.Number] = m
	}
	p := memberPlan{roll: all, have: have, lines: make(map[string]memberLine, len(lines)), state: map[string]int{}}
	for _, l := range lines {
		p.lines[l.member.Number] = l
	}
	for _, l := range lines {
		p.visit(l)
	}
	return p.order, p.faults, nil
}

type memberPlan struct {
	roll   roll
	have   map[string]mailbox.Member
	lines  map[string]memberLine
	state  map[string]int // 1 under way, 2 done
	order  []mailbox.NewMember
	faults []memberFault
}

func (p *memberPlan) visit(l memberLine) {
	m := l.member
	if p.state[m.Number] != 0 {
		return
	}
	p.state[m.Number] = 1
	defer func() { p.state[m.Number] = 2 }()
	if old, exists := p.have[m.Number]; exists {
		other := p.differs(old, m)
		switch {
		case other != "" && old.Recovering: // its particulars are not known yet
			p.order = append(p.order, m)
		case other != "":
			p.faults = append(p.faults, memberFault{l.line, fmt.Sprintf("member %s exists already with another %s", m.Number, other)})
		}
		return
	}
	for _, other := range []string{m.Parent, m.Successor} {
		if other == "" {
			continue
		}
		above, inFile := p.lines[other]
		_, exists := p.have[other]
		switch {
		case exists:
		case !inFile:
			p.faults = append(p.faults, memberFault{l.line, "there is no member " + strconv.Quote(other)})
		case p.state[other] == 1:
			p.faults = append(p.faults, memberFault{l.line, fmt.Sprintf("members %s and %s name each other", m.Number, other)})
		default:
			p.visit(above)
		}
	}
	p.order = append(p.order, m)
}

// differs names the first particular in which a known member differs; "" for
// none. What the order leaves open does not differ.
func (p *memberPlan) differs(old mailbox.Member, want mailbox.NewMember) string {
	switch {
	case old.Name != want.Name:
		return "name: " + old.Name
	case want.Parent != "" && p.roll.number(old.Parent) != want.Parent:
		return "parent: " + p.roll.number(old.Parent)
	case want.Successor != "" && p.roll.number(old.Successor) != want.Successor:
		return "successor: " + p.roll.number(old.Successor)
	case want.Policy != "" && old.Policy != want.Policy:
		return "release policy: " + string(old.Policy)
	case want.Quota != 0 && old.Quota != want.Quota:
		return "quota: " + bytesOf(old.Quota)
	}
	return ""
}
