// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	clamd "github.com/dutchcoders/go-clamd"
)

// clamdStatistics asks clamd for its version, threads and queue through
// go-clamd. It is used for these diagnostics only: it calls a broken stream
// clean, so no upload ever passes through it (README, "go-clamd"). It knows no
// deadlines, so it is asked from a goroutine that is left behind.
func clamdStatistics(ctx context.Context, address string) []string {
	if strings.HasPrefix(address, "tls:") {
		return nil // go-clamd speaks no TLS
	}
	if host, plain := strings.CutPrefix(address, "tcp:"); plain {
		address = "tcp://" + host
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	answer := make(chan []string, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				answer <- []string{fmt.Sprintf("go-clamd: %v", p)}
			}
		}()
		answer <- askStatistics(clamd.NewClamd(address))
	}()
	select {
	case notes := <-answer:
		return notes
	case <-ctx.Done():
		return []string{"clamd gives no statistics within 3 s"}
	}
}

func askStatistics(c *clamd.Clamd) (notes []string) {
	versions, err := c.Version()
	if err != nil {
		return []string{"clamd: " + err.Error()}
	}
	for v := range versions {
		notes = append(notes, "clamd: "+strings.TrimSpace(v.Raw))
	}
	stats, err := c.Stats()
	if err != nil {
		return append(notes, "clamd: "+err.Error())
	}
	for _, line := range []string{stats.State, stats.Threads, stats.Queue} {
		if line = strings.TrimSpace(line); line != "" {
			notes = append(notes, "clamd: "+line)
		}
	}
	return notes
}
