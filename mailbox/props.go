// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"bytes"
	"context"
	"encoding/xml"
	"slices"
	"time"
)

// Bounds of dead properties.
const (
	maxProps    = 200
	maxPropSize = 64 << 10 // bytes, of all properties of an entry
)

// ReturnReason is the property in which a returned document carries what the
// reviewer said. No client may set or remove it; it goes when the document
// comes back. Its value is text.
var ReturnReason = Prop{Space: "urn:postfach:document", Local: "return-reason"}

// setReason keeps the reason of a return with the document; "" removes it.
func setReason(tx Tx, id EntryID, reason string) error {
	if reason == "" {
		return tx.SetProps(id, nil, []Prop{ReturnReason})
	}
	var text bytes.Buffer
	if err := xml.EscapeText(&text, []byte(reason)); err != nil {
		return err
	}
	p := ReturnReason
	p.XML = `<P:` + p.Local + ` xmlns:P="` + p.Space + `">` + text.String() + `</P:` + p.Local + `>`
	return tx.SetProps(id, []Prop{p}, nil)
}

// dropReasons removes it from all of them.
func dropReasons(tx Tx, entries []Entry) error {
	for i := range entries {
		if err := setReason(tx, entries[i].ID, ""); err != nil {
			return err
		}
	}
	return nil
}

// withoutReason is what a copy takes along: not what was said about its source.
func withoutReason(props []Prop) []Prop {
	return slices.DeleteFunc(props, func(p Prop) bool { return p.Space == ReturnReason.Space })
}

// ReturnedWith is the reason that a returned document carries; "" for none.
func (n *Node) ReturnedWith() string {
	for _, p := range n.Props {
		if p.Space != ReturnReason.Space || p.Local != ReturnReason.Local {
			continue
		}
		var v struct {
			Text string `xml:",chardata"`
		}
		if xml.Unmarshal([]byte(p.XML), &v) == nil {
			return v.Text
		}
	}
	return ""
}

// PropertyChange is a PROPPATCH that the door has understood.
type PropertyChange struct {
	Set, Remove []Prop
	Modified    time.Time // a new time of the content; zero to keep it
	Conditions  Conditions
}

// SetProperties changes dead properties and the time of the content, all or
// nothing.
func (s *Service) SetProperties(ctx context.Context, a Actor, p Path, ch PropertyChange) (Node, error) {
	var n Node
	err := s.update(ctx, &a, p, func(tx Tx) error {
		t, err := s.toWrite(tx, &a, p)
		if err != nil {
			return err
		}
		role, err := s.mayProperties(&t)
		if err != nil {
			return err
		}
		if !t.found() {
			return E(NotFound, ReasonNotFound)
		}
		e := t.entry()
		g, err := s.guard(tx, &a, t.member.ID, ch.Conditions)
		if err != nil {
			return err
		}
		if err := g.content(t.chain); err != nil {
			return err
		}
		if err := g.conditions(ch.Conditions, &t); err != nil {
			return err
		}
		if err := setProps(tx, e, ch); err != nil {
			return err
		}
		if n, err = s.node(tx, &t, Want{Props: true}); err != nil {
			return err
		}
		return tx.Audit(s.record(&a, OpProperties, ok).about(tx, &t, role, e, t.inside()))
	})
	return n, err
}

func (s *Service) mayProperties(t *spot) (Role, error) {
	if t.fixed() {
		return "", E(Forbidden, ReasonFixedFolder)
	}
	var e *Entry
	if t.found() {
		e = t.entry()
	}
	role, allowed := s.may(t, ToSetProperties, t.place(), e)
	if !allowed {
		return "", s.forbidden(t.side)
	}
	return role, nil
}

func setProps(tx Tx, e *Entry, ch PropertyChange) error {
	if len(ch.Set)+len(ch.Remove) > 0 {
		if err := tx.SetProps(e.ID, ch.Set, ch.Remove); err != nil {
			return err
		}
		have, err := tx.Props(e.ID)
		if err != nil {
			return err
		}
		size := 0
		for _, p := range have[e.ID] {
			size += len(p.Space) + len(p.Local) + len(p.XML)
		}
		if len(have[e.ID]) > maxProps || size > maxPropSize {
			return E(Conflict, ReasonProps)
		}
	}
	if ch.Modified.IsZero() {
		return nil
	}
	e.Modified = ch.Modified
	return tx.UpdateEntry(*e)
}
