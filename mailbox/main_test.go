// SPDX-License-Identifier: Apache-2.0

package mailbox_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"postfach/scan"
	"postfach/scan/scantest"
)

// scanner is one real clamd with its gate for all tests of the package, since
// none of them changes anything about it. It starts with the first that needs
// it.
var scanner = sync.OnceValue(func() *scan.Gate {
	host.gate = make(chan struct{})
	clamd := scantest.Start(host, scantest.Options{})
	address, err := scan.ParseAddress(clamd.Address)
	if err != nil {
		host.Fatal(err)
	}
	gate, err := scan.NewGate(scan.Options{Address: address, MaxSize: 2 << 20, SignaturesMaxAge: -1, NoOwnSignatures: true})
	if err != nil {
		host.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { gate.Run(ctx); close(host.gate) }()
	host.Cleanup(func() { cancel(); <-host.gate })
	for range 12_000 {
		if gate.Ready() == nil {
			return gate
		}
		time.Sleep(10 * time.Millisecond)
	}
	host.Fatalf("the gate stays red: %v", gate.Status().Problem)
	return nil
})

// host is what scantest needs of a test, for the whole package.
var host = &hosting{}

type hosting struct {
	testing.TB // not there: only what follows is asked for
	cleanups   []func()
	gate       chan struct{}
}

func (h *hosting) Helper()                   {}
func (h *hosting) Cleanup(f func())          { h.cleanups = append(h.cleanups, f) }
func (h *hosting) Fatal(a ...any)            { panic(fmt.Sprint(a...)) }
func (h *hosting) Fatalf(s string, a ...any) { panic(fmt.Sprintf(s, a...)) }

func TestMain(m *testing.M) {
	code := m.Run()
	for i := len(host.cleanups) - 1; i >= 0; i-- {
		host.cleanups[i]()
	}
	os.Exit(code)
}
