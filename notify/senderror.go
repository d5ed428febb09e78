// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"fmt"

	"github.com/emersion/go-smtp"
)

// SendError says why a mail was not accepted.
type SendError struct {
	Relay     bool // the relay itself is at fault or away; other mails would fare alike
	Away      bool // it was not even reached, so no mail is to blame; Relay too
	Permanent bool // trying this mail again would not help
	Err       error
}

func (e *SendError) Error() string { return e.Err.Error() }
func (e *SendError) Unwrap() error { return e.Err }

// Reply is the error in one bounded line.
func (e *SendError) Reply() string { return printable(e.Err.Error(), MaxReply) }

func relayError(err error) *SendError { return &SendError{Relay: true, Err: err} }

func awayError(err error) *SendError { return &SendError{Relay: true, Away: true, Err: err} }

// stage of the conversation in which a reply came.
type stage int

const (
	stageSender stage = iota // MAIL FROM: the same for all our mails
	stageMail                // RCPT TO, DATA: this mail's own
)

// classify reads a refusal (RFC 5321 section 4.2.1): 5yz after RCPT or DATA is
// this mail's and permanent; before that it is about us, our sign-in or our
// sender, and is put right by the operator while the mails wait. Too large a
// mail (552) stays so.
func classify(r *smtp.SMTPError, at stage) *SendError {
	err := fmt.Errorf("%d %d.%d.%d %s", r.Code, r.EnhancedCode[0], r.EnhancedCode[1], r.EnhancedCode[2], r.Message)
	if r.EnhancedCode[0] <= 0 {
		err = fmt.Errorf("%d %s", r.Code, r.Message)
	}
	switch {
	case r.Code == 421: // RFC 5321 section 3.8: closing the channel
		return &SendError{Relay: true, Err: err}
	case at == stageSender && r.Code != 552:
		return &SendError{Relay: true, Err: err}
	case r.Code == 530 || r.Code == 535 || r.Code == 538: // sign in first (RFC 4954 section 6)
		return &SendError{Relay: true, Err: err}
	}
	return &SendError{Permanent: r.Code/100 == 5, Err: err}
}
