// SPDX-License-Identifier: Apache-2.0

package notify_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"postfach/catalog"
	"postfach/mailbox"
	"postfach/mailcatcher"
	"postfach/notify"
)

const (
	childCatalog = "POSTFACH_TEST_CATALOG"
	childRelay   = "POSTFACH_TEST_RELAY"
)

// TestChild is not a test: it is the process that TestKill kills.
func TestChild(t *testing.T) {
	path := os.Getenv(childCatalog)
	if path == "" {
		t.Skip("run by TestKill")
	}
	port, err := strconv.Atoi(os.Getenv(childRelay))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, port: port, options: quick()}
	if h.catalog, err = catalog.OpenSQLite(path, catalog.Options{}); err != nil {
		t.Fatal(err)
	}
	h.must(h.newWorker().Run(t.Context()))
}

func quick() notify.Options {
	return notify.Options{
		Timing: notify.Timing{Quiet: 50 * time.Millisecond, AtMost: time.Second}, Staff: "kasse@example.org",
		Poll: 5 * time.Millisecond, Lease: time.Second, Retry: 10 * time.Millisecond,
	}
}

// Issue 2 item 11, I4: kill -9 between the commit of a delivery, its notice and
// its mail, at various moments. Everybody is told at least once, and what comes
// twice bears the same Message-ID.
func TestKill(t *testing.T) {
	kills := 10
	if testing.Short() {
		kills = 3
	}
	h := newHouse(t, mailcatcher.Options{}, notify.Options{})
	h.useRealClock()
	var want int
	for i := range kills {
		child := exec.Command(os.Args[0], "-test.run=^TestChild$")
		child.Env = append(os.Environ(), childCatalog+"="+h.path, childRelay+"="+strconv.Itoa(h.port))
		h.must(child.Start())
		for j := range 10 {
			m := h.member(fmt.Sprintf("%d-%d", i, j))
			h.account(fmt.Sprintf("c%d.%d", i, j), "", clerk(m))
			h.put(m, mailbox.Root, "Liste", 1)
			want++
		}
		time.Sleep(time.Duration(i*97%300) * time.Millisecond)
		h.must(child.Process.Kill())
		_ = child.Wait() // killed
	}
	h.options = quick()
	ctx, stop := context.WithCancel(h.ctx())
	done := make(chan error, 1)
	go func() { done <- h.newWorker().Run(ctx) }()
	for ctx.Err() == nil {
		b, err := h.catalog.Backlog(h.ctx(), 10)
		h.must(err)
		depth, err := h.catalog.Depth(h.ctx())
		h.must(err)
		if len(b.Deliveries) == 0 && depth.Queued == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	h.must(<-done)
	h.settled()
	told := map[string]string{}
	for _, m := range h.catcher.Mails() {
		if id := told[m.To[0]]; id != "" && id != m.MessageID {
			t.Errorf("%s was told twice: %s, %s", m.To[0], id, m.MessageID)
		}
		told[m.To[0]] = m.MessageID
	}
	if len(told) != want {
		t.Errorf("%d of %d people were told", len(told), want)
	}
	t.Logf("%d mails to %d people over %d kills", len(h.catcher.Mails()), want, kills)
}
