// SPDX-License-Identifier: Apache-2.0

package notify

import "postfach/mailbox"

// Topic is what a mail is about; each has its own template.
type Topic string

const (
	TopicToMember      Topic = "to-member"     // new documents, to clerks
	TopicToAuthority   Topic = "to-authority"  // new submissions, to caseworkers
	TopicToReviewers   Topic = "to-reviewers"  // documents wait for release
	TopicNobody        Topic = "nobody"        // staff_address: nobody of the member could be told
	TopicWithdrawn     Topic = "withdrawn"     // a document was withdrawn after the mail
	TopicReturned      Topic = "returned"      // author: a reviewer sent a document back
	TopicRefused       Topic = "refused"       // uploader: your upload was refused
	TopicRefusedStaff  Topic = "refused-staff" // security_address: an upload was refused
	TopicRecalledRead  Topic = "recalled-read" // security_address: a withdrawn document had been retrieved
	TopicSignatures    Topic = "signatures"    // operators: the scanner's signatures grow old
	TopicUndeliverable Topic = "undeliverable" // responsible: a mail cannot be delivered
)

// Topics lists every topic.
var Topics = []Topic{
	TopicToMember, TopicToAuthority, TopicToReviewers, TopicNobody, TopicWithdrawn,
	TopicReturned, TopicRefused, TopicRefusedStaff, TopicRecalledRead, TopicSignatures, TopicUndeliverable,
}

// topicOf gives the topic of a batch.
func topicOf(d mailbox.Direction, fallback bool) Topic {
	switch d {
	case mailbox.ToMember:
		if fallback {
			return TopicNobody
		}
		return TopicToMember
	case mailbox.ToReviewers:
		return TopicToReviewers
	}
	return TopicToAuthority
}
