// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postfach/config"
	"postfach/mailbox"
	"postfach/notify"
	"postfach/scan"
)

type checkCmd struct {
	Brief       bool `help:"One line for monitoring systems; exit codes 0 ok, 1 warning, 2 critical, 3 unknown." xor:"form"`
	MailPreview bool `help:"Print every letter in German and English, with invented data." xor:"form"`
	JSON        bool `name:"json" help:"One JSON object a part." xor:"form"`
}

// Help tells what is asked.
func (checkCmd) Help() string {
	return `Reads the configuration; makes a small change in the catalog; asks whether the storage can be written; sends the scanner a test signature, an encrypted and a nested archive and one announced chunk of max_size; connects, secures and signs in at the mail relay. Everything that is wrong is said at once, and so is every setting that protects less than the usual one. --brief: the relay being away, mails that failed or are held, signatures past half their age and a backup that is behind are warnings, since uploads go on.`
}

// grade of a finding, in the order of monitoring systems.
type grade int

const (
	gradeOK grade = iota
	gradeWarning
	gradeCritical
	gradeUnknown
)

func (g grade) String() string { return [...]string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}[g] }

// finding is what one part says of itself.
type finding struct {
	Part  string   `json:"part"`
	Grade string   `json:"grade"`
	Text  string   `json:"text"`
	Notes []string `json:"notes,omitempty"`
	grade grade
}

func found(part string, g grade, text string, notes ...string) finding {
	return finding{Part: part, Grade: strings.ToLower(g.String()), Text: text, Notes: notes, grade: g}
}

// checkLimit bounds the questions to one part.
const checkLimit = 15 * time.Second

func (c *checkCmd) Run(e *env) error {
	cfg, err := e.configuration()
	if err != nil {
		return c.misconfigured(e, err)
	}
	if c.MailPreview {
		return e.previewMails(cfg)
	}
	all := []finding{found("configuration", gradeOK, cfg.File, cfg.Weakenings()...)}
	a := &app{cfg: cfg, log: quiet}
	defer a.closeParts()
	all = append(all, a.checkCatalog(e.ctx), a.checkStorage(e.ctx), a.checkScanner(e.ctx), a.checkRelay(e.ctx))
	all = append(all, checkProvider(e.ctx, cfg)...)
	all = append(all, a.checkRecovery(e.ctx)...)
	return c.tell(e, all)
}

func (c *checkCmd) misconfigured(e *env, err error) error {
	if !c.Brief {
		return err
	}
	line, _, more := strings.Cut(plain(err.Error()), "\n")
	if more {
		line += " …"
	}
	e.say("POSTFACH %s - %s", gradeUnknown, line)
	return &exitError{int(gradeUnknown)}
}

func (c *checkCmd) tell(e *env, all []finding) error {
	worst := slices.MaxFunc(all, func(a, b finding) int { return int(a.grade - b.grade) })
	switch {
	case c.Brief:
		var texts []string
		for _, f := range all {
			if f.grade == worst.grade && f.Part != "configuration" || f.grade > gradeOK {
				texts = append(texts, f.Part+": "+f.Text)
			}
		}
		e.say("POSTFACH %s - %s", worst.grade, cell(strings.Join(texts, "; ")))
		if worst.grade == gradeOK {
			return nil
		}
		return &exitError{int(worst.grade)}
	case c.JSON:
		l := newListing[finding](e, true, nil, nil)
		for _, f := range all {
			if err := l.add(f); err != nil {
				return err
			}
		}
	default:
		l := newListing(e, false, []string{"PART", "STATE", "WHAT"}, func(f finding) []string { return []string{f.Part, f.Grade, f.Text} })
		for _, f := range all {
			if err := l.add(f); err != nil {
				return err
			}
			for _, n := range f.Notes {
				if err := l.add(finding{Part: " ", Grade: "note", Text: n}); err != nil {
					return err
				}
			}
		}
		if err := l.end(); err != nil {
			return err
		}
	}
	if worst.grade > gradeWarning {
		return foundWrong
	}
	return nil
}

// quiet is for parts whose findings we say ourselves.
var quiet = slog.New(slog.DiscardHandler)

// closeParts closes what could be opened.
func (a *app) closeParts() {
	if a.blobs != nil {
		_ = a.blobs.Close()
	}
	if a.catalog != nil {
		_ = a.catalog.Close()
	}
}

func (a *app) checkCatalog(ctx context.Context) finding {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	const part = "catalog"
	var err error
	if a.catalog, err = openCatalog(a.cfg, quiet); err != nil {
		return found(part, gradeCritical, explain(err))
	}
	if err := a.catalog.Ready(ctx); err != nil {
		return found(part, gradeCritical, explain(err))
	}
	members := 0
	err = a.catalog.View(ctx, func(r mailbox.Reader) (err error) {
		members, err = r.CountMembers()
		return err
	})
	if err != nil {
		return found(part, gradeCritical, explain(err))
	}
	return found(part, gradeOK, fmt.Sprintf("%s, %d members", a.cfg.Catalog.Path, members))
}

func (a *app) checkStorage(ctx context.Context) finding {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	var err error
	if a.blobs, _, err = openStorage(a.cfg); err != nil {
		return found("storage", gradeCritical, explain(err))
	}
	if err := a.blobs.Ready(ctx); err != nil {
		return found("storage", gradeCritical, explain(err), a.blobs.Notes()...)
	}
	return found("storage", gradeOK, a.cfg.Storage.Path, a.blobs.Notes()...)
}

func (a *app) checkRelay(ctx context.Context) finding {
	cfg := a.cfg
	const part = "mail relay"
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	if _, err := newComposer(cfg); err != nil {
		return found(part, gradeCritical, "letters: "+err.Error())
	}
	sender, err := newSender(cfg)
	if err != nil {
		return found(part, gradeCritical, err.Error())
	}
	where := fmt.Sprintf("%s:%d", cfg.Notify.SMTP.Host, cfg.Notify.SMTP.Port)
	session, err := sender.Open(ctx)
	if err != nil {
		text := err.Error()
		if s, ok := errors.AsType[*notify.SendError](err); ok {
			text = s.Reply()
		}
		return found(part, gradeWarning, where+": "+text)
	}
	session.Close()
	if a.catalog != nil {
		switch d, err := a.catalog.Depth(ctx); {
		case err != nil:
			return found(part, gradeCritical, explain(err))
		case d.Failed > 0:
			return found(part, gradeWarning, fmt.Sprintf("%s answers; %d mails failed for good, see postfach notice list --state failed", where, d.Failed))
		case d.Queued > 0:
			return found(part, gradeOK, fmt.Sprintf("%s answers; %d mails wait, the oldest since %s", where, d.Queued, moment(d.Oldest, cfg.Authority.Timezone)))
		}
	}
	return found(part, gradeOK, where+" answers, TLS "+cfg.Notify.SMTP.TLS)
}

// previewMails prints every letter as it would go out.
func (e *env) previewMails(cfg config.Config) error {
	composer, err := newComposer(cfg)
	if err != nil {
		return err
	}
	for _, language := range []string{"de", "en"} {
		for _, t := range notify.Topics {
			m, err := composer.Preview(t, language)
			if err != nil {
				return err
			}
			e.say("=== %s (%s) ===\n%s\n", t, language, strings.ReplaceAll(m.Text, "\r\n", "\n"))
		}
	}
	return nil
}

// checkScanner lets the gate probe clamd as the server does at its start.
func (a *app) checkScanner(ctx context.Context) finding {
	const part = "scanner"
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	whole, done, err := a.standIn()
	if err != nil {
		return found(part, gradeCritical, explain(err))
	}
	defer done()
	gate, err := whole.newGate(a.cfg, quiet)
	if err != nil {
		return found(part, gradeCritical, err.Error())
	}
	s := probe(ctx, gate)
	var notes []string
	if s.Problem.Code != scan.Unreachable {
		notes = secondOpinion(ctx, a.cfg.Scan.Clamd)
	}
	if !s.Ready {
		return found(part, gradeCritical, strings.TrimSpace(s.Problem.Text("en")+" "+s.Problem.Detail), notes...)
	}
	how := "by stream"
	if s.Descriptors {
		how = "by descriptor"
	}
	text := fmt.Sprintf("%s, signatures %s, large files %s", s.Engine, cell(s.Database), how)
	if s.HalfAge {
		return found(part, gradeWarning, text+"; the signatures have passed half of scan.signatures_max_age", notes...)
	}
	return found(part, gradeOK, text, notes...)
}

// secondOpinion is what clamd tells go-clamd, a client that judges no upload.
func secondOpinion(ctx context.Context, clamd string) []string {
	address, err := scan.ParseAddress(clamd)
	if err != nil || address.TLS { // go-clamd speaks no TLS
		return nil
	}
	d, err := scan.Diagnose(ctx, address)
	if err != nil {
		return []string{err.Error()}
	}
	notes := []string{d.Version}
	for _, line := range []string{d.Threads, d.Queue} {
		if line = strings.TrimSpace(line); line != "" {
			notes = append(notes, line)
		}
	}
	if !d.TestFileFound {
		notes = append(notes, "go-clamd's second opinion: the EICAR test file was not found")
	}
	return notes
}

// standIn is the app for the gate, which needs a catalog and a staging folder;
// where ours could not be opened, which was told, empty ones take their place.
func (a *app) standIn() (*app, func(), error) {
	if a.catalog != nil && a.blobs != nil {
		return a, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "postfach-check")
	if err != nil {
		return nil, nil, err
	}
	cfg := a.cfg
	cfg.Catalog, cfg.Storage = config.Place{Kind: "sqlite", Path: filepath.Join(dir, "catalog.db")}, config.Place{Kind: "dir", Path: filepath.Join(dir, "blobs")}
	other, err := open(cfg, quiet)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	return other, func() {
		other.closeParts()
		_ = os.RemoveAll(dir)
	}, nil
}

// probe runs the gate until it has made up its mind.
func probe(ctx context.Context, gate *scan.Gate) scan.Status {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		gate.Run(ctx)
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	s := gate.Status()
	for !s.Ready && (s.Problem.Code == scan.Unprobed || s.Problem.Code == "") && ctx.Err() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		s = gate.Status()
	}
	cancel()
	<-done
	return s
}
