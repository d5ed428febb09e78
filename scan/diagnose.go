// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	clamd "github.com/dutchcoders/go-clamd"
)

// Diagnosis is what another client than ours hears from clamd. It is for
// postfach check only; nothing of it decides about an upload.
type Diagnosis struct {
	Version       string // "ClamAV 1.4.6/…" as clamd says it
	Pools, Queue  string // of clamd's statistics
	Threads       string
	Memory        string
	TestFileFound bool   // the second opinion on EICAR
	Signature     string // that found it
}

// diagnoseLimit bounds each question; go-clamd has no deadlines of its own.
const diagnoseLimit = 10 * time.Second

// Diagnose asks clamd through go-clamd: version, statistics, and the test file
// as a second opinion. go-clamd may hang, panic or lose an answer, so that each
// question stands behind a deadline and a recover; a question that hangs leaves
// a goroutine behind, which is one reason more to keep it out of the server.
// It speaks no TLS.
func Diagnose(ctx context.Context, a Address) (Diagnosis, error) {
	if a.TLS {
		return Diagnosis{}, errors.New("the diagnostic client speaks no TLS")
	}
	target := "tcp://" + a.Path
	if a.Network == "unix" {
		target = "unix://" + a.Path
	}
	c := clamd.NewClamd(target)
	version, errVersion := guarded(ctx, "VERSION", func() (string, error) { return diagnoseVersion(c) })
	stats, errStats := guarded(ctx, "STATS", c.Stats)
	signature, errScan := guarded(ctx, "INSTREAM", func() (string, error) { return diagnoseTestFile(c) })
	d := Diagnosis{Version: version, TestFileFound: signature != "", Signature: signature}
	if stats != nil {
		d.Pools, d.Queue, d.Threads, d.Memory = stats.Pools, stats.Queue, stats.Threads, stats.Memstats
	}
	return d, errors.Join(errVersion, errStats, errScan)
}

func diagnoseVersion(c *clamd.Clamd) (string, error) {
	answers, err := c.Version()
	if err != nil {
		return "", err
	}
	var raw []string
	for a := range answers {
		raw = append(raw, a.Raw)
	}
	if len(raw) == 0 {
		return "", errors.New("no answer")
	}
	return strings.TrimRight(strings.Join(raw, " "), "\x00\n"), nil
}

func diagnoseTestFile(c *clamd.Clamd) (string, error) {
	abort := make(chan bool)
	defer close(abort) // else go-clamd keeps a goroutine for ever
	answers, err := c.ScanStream(bytes.NewReader(testFile()), abort)
	if err != nil {
		return "", err
	}
	signature := ""
	for a := range answers {
		if a.Status == clamd.RES_FOUND {
			signature = a.Description
		}
	}
	return signature, nil
}

// guarded gives f a deadline and turns its panic into an error. After the
// deadline nothing that f does is seen any more.
func guarded[T any](ctx context.Context, question string, f func() (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, diagnoseLimit)
	defer cancel()
	type answer struct {
		value T
		err   error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a.err = fmt.Errorf("panic: %v", p)
			}
			done <- a
		}()
		a.value, a.err = f()
	}()
	var a answer
	select {
	case a = <-done:
	case <-ctx.Done():
		a.err = ctx.Err()
	}
	if a.err != nil {
		a.err = fmt.Errorf("go-clamd %s: %w", question, a.err)
	}
	return a.value, a.err
}
