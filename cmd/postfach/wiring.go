// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"time"

	"postfach/auth"
	"postfach/config"
	"postfach/janitor"
	"postfach/mailbox"
	"postfach/notify"
	"postfach/scan"
)

// app is an installation, opened. Commands and the server share it.
type app struct {
	cfg       config.Config
	log       *slog.Logger
	catalog   catalogStore
	blobs     blobStore
	gate      *scan.Gate
	service   *mailbox.Service
	directory *auth.Directory
	janitor   *janitor.Janitor

	signaturesOld func(date time.Time, tooOld bool) // set by the server, before the gate runs
}

// open opens catalog and storage, making them if there are none. It talks to
// neither scanner nor relay.
func open(cfg config.Config, log *slog.Logger) (*app, error) {
	a := &app{cfg: cfg, log: log}
	var err error
	if a.catalog, err = openCatalog(cfg, log); err != nil {
		return nil, err
	}
	var chunks mailbox.Chunks
	if a.blobs, chunks, err = openStorage(cfg); err != nil {
		return nil, errors.Join(err, a.catalog.Close())
	}
	if a.gate, err = a.newGate(cfg, log); err != nil {
		return nil, errors.Join(fmt.Errorf("scanner: %w", err), a.close())
	}
	o := mailboxOptions(cfg, log)
	o.Chunks = chunks
	a.service = mailbox.New(a.catalog, a.blobs, a.gate, o)
	a.directory = auth.NewDirectory(a.catalog)
	a.janitor = &janitor.Janitor{Catalog: a.catalog, Storage: a.blobs, Uploads: a.service, MaxUpload: cfg.Upload.MaxDuration,
		Lost: a.lost, Log: log}
	return a, nil
}

func (a *app) close() error { return errors.Join(a.blobs.Close(), a.catalog.Close()) }

func mailboxOptions(c config.Config, log *slog.Logger) mailbox.Options {
	o := mailbox.Options{
		Folders:  mailbox.FolderNames{ToAuthority: c.Folders.ToAuthority, CaseworkerInbox: c.Folders.CaseworkerInbox, Outbox: c.Folders.Outbox},
		Returned: c.Folders.Returned,
		Policy:   mailbox.ReleasePolicy(c.Release),
		MaxSize:  c.Scan.MaxSize, Quota: c.Quota.Current, Superseded: c.Quota.Superseded, MaxUpload: c.Upload.MaxDuration,
		Keep:           mailbox.Keep{Days: c.VersionsKeep.Days, Count: c.VersionsKeep.Count},
		ReleaseMachine: c.ReleaseMachine == "direct",
		Memory:         c.Upload.Memory, Spool: c.Upload.SpoolMax, PerAccount: c.Upload.PerAccount,
		MemberNumber: c.Names.MemberNumber, Log: log, ReadAhead: c.Catalog.Kind == "postgres",
	}
	if o.Superseded == 0 { // off
		o.Superseded = -1
	}
	if c.ReleaseDoor == "web" {
		o.ReleaseDoor = "web"
	}
	return o
}

func (a *app) newGate(c config.Config, log *slog.Logger) (*scan.Gate, error) {
	address, err := scan.ParseAddress(c.Scan.Clamd)
	if err != nil {
		return nil, err
	}
	roots, err := readRoots(c.Scan.CA)
	if err != nil {
		return nil, err
	}
	age := c.Scan.SignaturesMaxAge
	if age == 0 {
		age = -1 // off
	}
	o := scan.Options{Address: address, PlainTCP: c.Scan.PlainTCP, MaxSize: c.Scan.MaxSize, SignaturesMaxAge: age,
		NoOwnSignatures: !c.Scan.OwnSignatures, Concurrent: c.Scan.Concurrent, Limit: c.Scan.Timeout,
		Encrypted:  scan.Encrypted{AcceptArchives: c.Scan.Encrypted.AcceptArchives, AcceptDocuments: c.Scan.Encrypted.AcceptDocuments},
		StagingDir: a.blobs.StagingDir(), Memory: a.catalog, Log: log,
		OnSignatures: func(date time.Time, tooOld bool) {
			if a.signaturesOld != nil {
				a.signaturesOld(date, tooOld)
			}
		}}
	if roots != nil {
		o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return scan.NewGate(o)
}

// readRoots reads a PEM file of certificates; "" gives nil, the system's.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

func newComposer(c config.Config) (*notify.Composer, error) {
	return notify.NewComposer(notify.Letterhead{URL: c.URL, From: c.Notify.From, Templates: c.Notify.Templates,
		Authority: notify.Authority{Name: c.Authority.Name, Short: c.Authority.Short, Language: c.Authority.Language,
			Zone: c.Authority.Timezone, ServiceContact: c.Authority.ServiceContact}})
}

func newSender(c config.Config) (*notify.Sender, error) {
	roots, err := readRoots(c.Notify.CA)
	if err != nil {
		return nil, err
	}
	public, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	return notify.NewSender(notify.Relay{Hello: public.Hostname(), Host: c.Notify.SMTP.Host, Port: c.Notify.SMTP.Port, TLS: notify.TLSPolicy(c.Notify.SMTP.TLS),
		User: c.Notify.SMTP.User, Password: c.Notify.SMTP.Password, Roots: roots})
}

// checkTime bounds one question of readiness.
const checkTime = 3 * time.Second

func readyScanner(g *scan.Gate) func(context.Context) error {
	return func(context.Context) error { return g.Ready() }
}
