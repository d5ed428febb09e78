// SPDX-License-Identifier: Apache-2.0

// Package demo shows a whole Postfach on one machine: server, scanner, mail
// catcher, two members and one account per role, all on loopback. It uses the
// product as an operator and its users would, by commands and HTTP, and reaches
// into none of its parts; no server that works for real people runs it.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"postfach/mailcatcher"
)

// Options of a demo.
type Options struct {
	Dir           string // of everything that stays
	Listen        string // HOST:PORT of the doors, on loopback
	MailListen    string // HOST:PORT of the page with the caught mails
	OwnSignatures bool   // do without ClamAV's official signatures
	Bucket        bool   // contents in a MinIO, the catalog in a PostgreSQL, both of the demo's own
	MinIO         string // its program; "" looks for minio
	Program       string // how this program was called, for lines to paste
	Out           io.Writer

	// Serve runs the server of a configuration until ctx ends.
	Serve func(ctx context.Context, config string, log io.Writer) error
	// Command runs a subcommand and gives what it writes to standard output;
	// the error says what it wrote to standard error.
	Command func(ctx context.Context, stdin string, args ...string) (string, error)
}

// instance is a running demo.
type instance struct {
	o         Options
	quiet     time.Duration
	scratch   string // short-lived files: clamd's, its socket
	config    string // path
	url       string
	mailURL   string
	smtp      string
	passwords map[string]string
	mail      *mailcatcher.Catcher
	signs     signatures
	clamd     *child
	bucket    *bucket    // nil for a folder
	catalog   string     // key of the configuration
	storage   string     // likewise, with what belongs to it
	ended     chan error // of the server
	stop      context.CancelFunc
	closers   []func()
}

// Run shows the demo until ctx ends.
func Run(ctx context.Context, o Options) error {
	in := &instance{o: o, quiet: 5 * time.Second}
	defer in.close()
	if err := in.start(ctx, members(), accounts()); err != nil {
		return err
	}
	filled := filepath.Join(o.Dir, "filled")
	if _, err := os.Stat(filled); err != nil {
		in.say("Filling the mailboxes with sample lists …")
		if err := in.ready(ctx, 3*time.Minute); err != nil {
			return err
		}
		if err := in.fill(ctx); err != nil {
			return fmt.Errorf("sample lists: %w", err)
		}
		if err := os.WriteFile(filled, nil, 0o600); err != nil {
			return err
		}
	}
	if err := in.writeSampleFile(); err != nil {
		return err
	}
	in.guide()
	if err := in.bucket.tell(ctx, in.say); err != nil {
		return fmt.Errorf("list the bucket: %w", err)
	}
	if in.ready(ctx, 100*time.Millisecond) != nil {
		in.say("The scanner is still loading its signatures; until then uploads are refused.")
		go func() {
			if in.ready(ctx, 3*time.Minute) == nil {
				in.say("The scanner is ready; uploads are taken.")
			}
		}()
	}
	select {
	case <-ctx.Done():
		in.say("\nEnding …")
		return nil
	case err := <-in.ended:
		return errors.Join(errors.New("the server ended; see "+in.logFile()), err)
	case <-in.clamd.done:
		return fmt.Errorf("clamd ended: %s", in.clamdLog())
	}
}

func (in *instance) say(format string, args ...any) { fmt.Fprintf(in.o.Out, format+"\n", args...) }

// start brings up everything but the sample lists. Members and accounts are
// made by the operator's own commands, while clamd loads its signatures.
func (in *instance) start(ctx context.Context, ms []member, as []account) error {
	if err := in.own(); err != nil {
		return err
	}
	if err := install(ctx, in.o.Out, "clamd", "clamav-daemon"); err != nil {
		return err
	}
	var err error
	if in.scratch, err = os.MkdirTemp("", "postfach-demo-"); err != nil {
		return err
	}
	in.closers = append(in.closers, func() { _ = os.RemoveAll(in.scratch) })
	if in.signs, err = in.signatures(ctx); err != nil {
		return err
	}
	if err := in.startClamd(ctx); err != nil {
		return err
	}
	if err := in.startMail(); err != nil {
		return err
	}
	in.catalog, in.storage = "sqlite:catalog.db", "dir:blobs"
	if in.o.Bucket {
		if err := in.outgrow(ctx); err != nil {
			return err
		}
	}
	if err := in.configure(); err != nil {
		return err
	}
	if err := in.populate(ctx, ms, as); err != nil {
		return err
	}
	return in.serve(ctx)
}

// own makes the folder and keeps a second demo out of it.
func (in *instance) own() error {
	dir, err := filepath.Abs(in.o.Dir)
	if err != nil {
		return err
	}
	in.o.Dir = dir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	in.closers = append(in.closers, func() { _ = f.Close() })
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("another demo runs on %s already; end it, or give --dir and --listen", dir)
	}
	return nil
}

// close ends everything in the opposite order of its start.
func (in *instance) close() {
	if in.stop != nil {
		in.stop()
		<-in.ended
	}
	for i := len(in.closers) - 1; i >= 0; i-- {
		in.closers[i]()
	}
}

// startMail opens the mail catcher and its page.
func (in *instance) startMail() error {
	in.mail = mailcatcher.New(mailcatcher.Options{})
	smtp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	page, err := net.Listen("tcp", in.o.MailListen)
	if err != nil {
		return errors.Join(fmt.Errorf("page of the mail catcher: %w; give another address with --mail-listen", err), smtp.Close())
	}
	in.smtp, in.mailURL = smtp.Addr().String(), "http://"+page.Addr().String()+"/"
	web := &http.Server{Handler: in.mail.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = in.mail.Serve(smtp) }()
	go func() { _ = web.Serve(page) }()
	in.closers = append(in.closers, func() { _ = in.mail.Close(); _ = web.Close() })
	return nil
}

// serve starts the server and waits until its doors are open.
func (in *instance) serve(ctx context.Context) error {
	log, err := os.OpenFile(in.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	in.closers = append(in.closers, func() { _ = log.Close() })
	// Ended by close alone, so that the server outlives what still uses it.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	in.stop, in.ended = stop, make(chan error, 2)
	go func() {
		err := in.o.Serve(running, in.config, log)
		in.ended <- err
		in.ended <- err // for close
	}()
	return in.wait(ctx, 30*time.Second, "/healthz")
}

func (in *instance) logFile() string { return filepath.Join(in.o.Dir, "postfach.log") }

// ready waits until uploads are taken.
func (in *instance) ready(ctx context.Context, limit time.Duration) error {
	return in.wait(ctx, limit, "/readyz")
}

func (in *instance) wait(ctx context.Context, limit time.Duration, path string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := http.Get(in.url + path)
		if err == nil {
			_ = r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case err := <-in.ended:
			in.ended <- err
			return fmt.Errorf("the server did not start; see %s: %w", in.logFile(), err)
		case <-ctx.Done():
			return fmt.Errorf("%s%s does not answer 200; see %s", in.url, path, in.logFile())
		}
	}
}
