// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"fmt"

	"postfach/mailbox"
)

// Whether somebody may do something is a pure question.
func ExampleCase_May() {
	draft := mailbox.Case{Role: mailbox.Caseworker, Place: mailbox.Outbox, Policy: mailbox.FourEyes}
	fmt.Println("a caseworker releases:", draft.May(mailbox.ToRelease))
	draft.Role = mailbox.Reviewer
	fmt.Println("a reviewer releases:", draft.May(mailbox.ToRelease))
	fmt.Println("a reviewer replaces:", draft.May(mailbox.ToReplace))
	// Output:
	// a caseworker releases: false
	// a reviewer releases: true
	// a reviewer replaces: false
}

// A mailbox is found by its number; the member's name only helps the reader.
func ExampleMailboxName() {
	fmt.Println(mailbox.MailboxName(mailbox.Member{Number: "0815", Name: "Stadt Musterhausen, Amt 11/2 (Personal)."}))
	// Output: 0815 Stadt Musterhausen, Amt 11 2 (Personal)
}
