// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"context"
	"time"

	"postfach/mailbox"
)

// Store is what the worker needs of the catalog. All ages, leases and due
// times are measured by the catalog's clock; callers hand in durations only.
// Every method is one transaction and may be called by several nodes at once.
type Store interface {
	Batches
	Queue
}

// Batches is the first half: from deliveries and alerts to notices.
type Batches interface {
	// Backlog reads what nobody has finished telling yet: at most limit open
	// deliveries (none of told, withdrawn and superseded set), oldest first,
	// and at most limit open alerts, oldest first.
	Backlog(ctx context.Context, limit int) (Backlog, error)

	// Recipients gives, for each of the members, the enabled accounts of open
	// members that a delivery in this direction is for, by the grants in force
	// now: ToMember: clerks of the member; ToTheAuth: responsible caseworkers;
	// ToReviewers: reviewers. Grants for all members count for each (for
	// caseworkers only if responsible). Accounts without an e-mail address are
	// included, with an empty Address. A member may be absent from the map.
	Recipients(ctx context.Context, d mailbox.Direction, members []mailbox.MemberID) (map[mailbox.MemberID][]Recipient, error)

	// Operators gives the enabled accounts with an operator grant in force.
	Operators(ctx context.Context) ([]Recipient, error)

	// Form writes all of f or nothing. Kind Conflict, and nothing is written,
	// when a delivery of a notice is in a notice to the same account already
	// or is no longer open, or an alert is no longer open (another node was
	// quicker). A notice whose Once exists already is left out silently.
	// Closings of deliveries that are no longer open are left out silently.
	Form(ctx context.Context, f Forming) error
}

// Queue is the second half: from notices to the relay. A notice is queued,
// sent, failed or dropped; only queued ones are claimed.
type Queue interface {
	// Claim takes the queued notice that is due longest and held by nobody,
	// counts the attempt and holds it for lease; a holder that died loses it
	// after that time. False when none is due. The facts in Items and
	// Recipient are those at this moment, of the same transaction.
	Claim(ctx context.Context, lease time.Duration) (Notice, bool, error)

	// Sent ends a notice that the relay has accepted with this reply.
	Sent(ctx context.Context, id NoticeID, reply string) error

	// Failed ends the attempt: the notice is due again after f.RetryIn, or
	// failed for good when f.Permanent. f.Report is written in the same
	// transaction (each with its Once).
	Failed(ctx context.Context, id NoticeID, f Failure) error

	// Drop ends a notice that is not to be sent any more. Its deliveries
	// forget this notice and are open again (told is unset), so that the next
	// round judges them anew: withdrawn, or told to somebody else.
	Drop(ctx context.Context, id NoticeID) error
}

// Desk is what the operator's commands and the metrics need.
type Desk interface {
	// Notices lists notices in one of the states (none: all), newest first,
	// older than before (0: from the newest), at most limit.
	Notices(ctx context.Context, states []State, before NoticeID, limit int) ([]Record, error)
	// Retry makes a failed notice queued and due now, its three days begin
	// again. Kind NotFound; Conflict when it is not failed.
	Retry(ctx context.Context, id NoticeID, record mailbox.Record) error
	// Depth counts for metrics and alarms.
	Depth(ctx context.Context) (Depth, error)
}

// Numbers given by the catalog.
type (
	NoticeID int64
	AlertID  int64
)

// Recipient is an account that can be told, or a fixed address of the
// installation (Account 0: staff_address, security_address).
type Recipient struct {
	Account  mailbox.AccountID // 0 for a fixed address
	Person   mailbox.PersonID  // 0 for a fixed address
	Address  string            // e-mail address as stored; "" if there is none
	Name     string            // of the person; "" for a fixed address
	Language string            // "de" or "en"; "" means the installation's
}

// Backlog is one consistent reading.
type Backlog struct {
	Now        time.Time // by the catalog's clock
	Deliveries []Pending
	Alerts     []Alert
}

// Pending is an open delivery with the facts of this moment.
type Pending struct {
	mailbox.Delivery
	Number  string // of the member
	Name    string // of the member
	Visible bool   // the entry is in view, not hidden by name, in a place where the receiving side looks for it:
	// ToMember: root; ToTheAuth: an_KVBbg or the caseworker inbox; ToReviewers: the outbox, not its folder of returned documents
	Current bool                // the version is still the newest of its entry
	Size    int64               // bytes of the version
	Told    []mailbox.AccountID // to whom a notice of this delivery was formed; 0 stands for staff_address
}

// Alert is what the mailbox wrote in the transaction of what it reports, with
// what the mails need. It is open until a Forming names it.
type Alert struct {
	ID AlertID
	mailbox.Alert
	Number string // of the member; "" when Member is 0
	Name   string // of the member

	// Uploader is Account with its person, of AlertRefused and AlertReturned;
	// Address "" if it has none or is disabled.
	Uploader Recipient
	// LastTold, of AlertRefused: when an alert of the same account and
	// signature was last named by a Forming; zero for never.
	LastTold time.Time
	// Told, of AlertRecalled: those to whom a notice of a ToMember delivery of
	// this entry (whichever version) was sent, or at least once claimed and not
	// dropped. Enabled accounts and fixed addresses only, each once.
	Told []Recipient
}

// Forming is what one decision of the worker writes.
type Forming struct {
	Notices  []NewNotice
	Closings []Closing
	Alerts   []AlertID // done with
}

// NewNotice is a mail to come. Deliveries may be empty (alerts, reports).
type NewNotice struct {
	MessageID  string // fixed for ever (I4), without angle brackets
	Topic      Topic
	Direction  mailbox.Direction // "" for alerts and reports
	Recipient  Recipient         // only Account is stored, or Address when Account is 0
	Data       []byte            // JSON for the composer, at most MaxData bytes; nil for none
	Once       string            // unique among all notices; "" for none
	Deliveries []mailbox.DeliveryID
}

// MaxData bounds NewNotice.Data, in bytes.
const MaxData = 16 << 10

// How a delivery stopped being open.
type How string

const (
	Told       How = "told"       // everybody it is for was told
	Withdrawn  How = "withdrawn"  // nothing to tell: no longer visible, or empty
	Superseded How = "superseded" // replaced before anybody was told
)

// Closing ends the waiting of one delivery: it sets the column named by How
// to now.
type Closing struct {
	Delivery mailbox.DeliveryID
	How      How
}

// Notice is a claimed one.
type Notice struct {
	ID        NoticeID
	MessageID string
	Topic     Topic
	Direction mailbox.Direction
	// Recipient as the account is now, or the fixed address.
	Recipient Recipient
	// Entitled: the account is enabled and, for a notice with a Direction,
	// Recipients would still name it for every member of Items. Always true
	// for a fixed address.
	Entitled bool
	Data     []byte
	Created  time.Time
	Attempts int           // this one counted
	Age      time.Duration // since Created, or since Retry
	Items    []Item        // one per delivery, by member number
}

// Item is a delivery of a claimed notice.
type Item struct {
	Delivery mailbox.DeliveryID
	Member   mailbox.MemberID
	Number   string
	Name     string
	Live     bool // not withdrawn, and Visible and Size as for Pending say that there is something to see
}

// Failure is the end of an attempt.
type Failure struct {
	Reply     string        // of the relay, or the error; at most MaxReply bytes, one line, valid UTF-8
	Permanent bool          // no further attempt
	RetryIn   time.Duration // until the next attempt, when not Permanent
	Report    []NewNotice   // who is told about a permanent failure
}

// MaxReply bounds Failure.Reply, in bytes.
const MaxReply = 500

// State of a notice.
type State string

const (
	StateQueued  State = "queued"
	StateSent    State = "sent"
	StateFailed  State = "failed"
	StateDropped State = "dropped"
)

// Record is a notice as the operator sees it.
type Record struct {
	ID         NoticeID
	State      State
	Topic      Topic
	Direction  mailbox.Direction
	MessageID  string
	Account    mailbox.AccountID // 0 for a fixed address
	Address    string
	Created    time.Time
	Due        time.Time // next attempt, when queued
	Ended      time.Time // sent, failed or dropped
	Attempts   int
	Reply      string // the last one
	Deliveries int
}

// Depth counts notices.
type Depth struct {
	Queued int
	Failed int
	Oldest time.Time // Created of the oldest queued one; zero for none
}
