// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"postfach/auth"
	"postfach/config"
	"postfach/mailbox"
	"postfach/reply"
)

// usageError is a command line that cannot be carried out as it was given.
type usageError struct{ err error }

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

func misuse(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// wrongOrder is an order that the state of things forbids, said in words.
type wrongOrder struct{ text string }

func (w *wrongOrder) Error() string { return w.text }

// exitError ends with a code after everything has been said.
type exitError struct{ code int }

func (x *exitError) Error() string { return fmt.Sprintf("exit code %d", x.code) }

// foundWrong is the end of a check that has already told its findings.
var foundWrong = &exitError{exitRefused}

// report says why a command failed and gives its exit code.
func (e *env) report(err error) int {
	if err == nil {
		return exitDone
	}
	if x, ok := errors.AsType[*exitError](err); ok {
		return x.code
	}
	fmt.Fprintln(e.stderr, "postfach: "+plain(explain(err)))
	return exitCode(err)
}

func exitCode(err error) int {
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[config.Faults](err); ok {
		return exitUsage
	}
	if errors.Is(err, context.Canceled) || mailbox.KindOf(err) == mailbox.Unavailable {
		return exitUnavailable
	}
	return exitRefused
}

// explain is the sentence for an operator, who may read causes.
func explain(err error) string {
	if _, ok := errors.AsType[*auth.Refusal](err); ok {
		return err.Error()
	}
	ours, ok := errors.AsType[*mailbox.Error](err)
	if !ok {
		return err.Error()
	}
	if ours.Kind == mailbox.Invalid && ours.Reason == mailbox.ReasonMalformed && len(ours.Args) == 1 {
		return ours.Args[0] // the sentence around it speaks of requests
	}
	if ours.Kind == mailbox.Exists && ours.Reason == mailbox.ReasonMalformed && len(ours.Args) == 1 {
		return ours.Args[0]
	}
	text := reply.Sentence("en", err)
	if ours.Err != nil {
		text += " (" + ours.Err.Error() + ")"
	}
	return text
}
