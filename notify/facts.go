// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postfach/mailbox"
)

// maxMembers is how many mailboxes one mail names; the others are counted.
const maxMembers = 100

// facts is what a notice without deliveries keeps for its composer. No file
// names, no persons.
type facts struct {
	Members   []mailboxFacts    `json:"members,omitempty"`
	More      int               `json:"more,omitempty"` // members that are not named
	Count     int               `json:"count,omitempty"`
	First     time.Time         `json:"first,omitzero"`
	Last      time.Time         `json:"last,omitzero"`
	Signature string            `json:"signature,omitempty"`
	Account   mailbox.AccountID `json:"account,omitempty"`
	Hours     int               `json:"hours,omitempty"`
	Limit     int               `json:"limit,omitempty"` // hours
}

// mailboxFacts is one mailbox in a mail.
type mailboxFacts struct {
	Number string `json:"number"`
	Name   string `json:"name"`
	Count  int    `json:"count,omitempty"`
}

// encode gives the facts as NewNotice.Data. It shortens the list of mailboxes
// until it fits MaxData.
func (f facts) encode() []byte {
	for {
		data, err := json.Marshal(f)
		if err == nil && len(data) <= MaxData {
			return data
		}
		if len(f.Members) == 0 {
			return nil
		}
		half := len(f.Members) / 2
		f.More += len(f.Members) - half
		f.Members = f.Members[:half]
	}
}

func decodeFacts(data []byte) (facts, error) {
	var f facts
	if len(data) == 0 {
		return f, nil
	}
	if len(data) > MaxData {
		return f, errors.New("notice data: too long")
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("notice data: %w", err)
	}
	return f, nil
}

// tally counts per mailbox, in the order of the numbers.
type tally map[string]mailboxFacts

func (t tally) add(number, name string) {
	m := t[number]
	m.Number, m.Name = number, name
	m.Count++
	t[number] = m
}

func (t tally) list() (named []mailboxFacts, more int) {
	for _, m := range t {
		named = append(named, m)
	}
	slices.SortFunc(named, func(a, b mailboxFacts) int { return strings.Compare(a.Number, b.Number) })
	if len(named) > maxMembers {
		more = len(named) - maxMembers
		named = named[:maxMembers]
	}
	return named, more
}
