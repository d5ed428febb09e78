// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"postfach/mailbox"
	"postfach/scrub"
)

type storageVerify struct {
	Member string `placeholder:"NUMBER" help:"Only the versions of a member."`
	Sample int    `placeholder:"PERCENT" help:"Only a share of the versions, another one every day."`
	Resume string `placeholder:"FILE" help:"Keep the place in a file, and go on there when it exists; it is removed at the end."`
	JSON   bool   `name:"json" help:"One JSON object for each damaged version, and one with the sums at the end."`
}

// Help says what happens with findings.
func (storageVerify) Help() string {
	return `Reads stored contents and compares length and SHA-256 with the catalog. What is missing, differs or cannot be read is told here with its version and entry, in an audit record (content-damaged), in the server's log and in the metric postfach_storage_damaged, until a later reading finds it intact. The server does the same in the background (scrub). Exit code 1 when something is damaged, 3 when it was broken off.`
}

// verifying is a run and what it keeps in the file of --resume.
type verifying struct {
	Member   string `json:"member,omitempty"`
	Sample   int    `json:"sample,omitempty"`
	Day      int64  `json:"day"`             // chooses the sample
	After    string `json:"after,omitempty"` // version
	Versions int    `json:"versions"`
	Blobs    int    `json:"blobs"`
	Bytes    int64  `json:"bytes"`
	Damaged  int    `json:"damaged"`
}

// damagedRow is a finding as it is listed.
type damagedRow struct {
	Version string          `json:"version"`
	Entry   mailbox.EntryID `json:"entry"`
	Key     string          `json:"key"`
	State   scrub.State     `json:"state"`
	Detail  string          `json:"detail"`
}

const (
	verifyPage = 500
	verifySave = 5 * time.Second
)

func (c *storageVerify) Run(e *env) error {
	if c.Sample < 0 || c.Sample > 100 {
		return misuse("--sample: a percentage from 1 to 100")
	}
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	run, err := c.begin()
	if err != nil {
		return err
	}
	err = c.all(e, a, &run)
	if c.Resume != "" && err != nil {
		return errors.Join(err, run.save(c.Resume))
	}
	if err != nil {
		return err
	}
	if c.Resume != "" {
		if err := os.Remove(c.Resume); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if c.JSON {
		err = json.NewEncoder(e.out).Encode(map[string]any{"versions": run.Versions, "blobs": run.Blobs, "bytes": run.Bytes, "damaged": run.Damaged})
	} else {
		e.say("%d versions in %d blobs of %s read; %d missing or different", run.Versions, run.Blobs, bytesOf(run.Bytes), run.Damaged)
	}
	if err == nil && run.Damaged > 0 {
		err = foundWrong
	}
	return err
}

// begin gives the place where the run begins.
func (c *storageVerify) begin() (run verifying, err error) {
	run = verifying{Member: c.Member, Sample: c.Sample, Day: time.Now().Unix() / (24 * 3600)}
	if c.Resume == "" {
		return run, nil
	}
	text, err := os.ReadFile(c.Resume)
	if errors.Is(err, fs.ErrNotExist) {
		return run, nil
	}
	if err != nil {
		return run, err
	}
	var old verifying
	if err := json.Unmarshal(text, &old); err != nil {
		return run, misuse("--resume: %s is no place of a run: %w", c.Resume, err)
	}
	if old.Member != c.Member || old.Sample != c.Sample {
		return run, misuse("--resume: %s belongs to a run with another --member or --sample", c.Resume)
	}
	return old, nil
}

// save replaces the file in one step.
func (v *verifying) save(name string) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", append(text, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// all reads what is left of a run.
func (c *storageVerify) all(e *env, a *app, run *verifying) error {
	var member mailbox.MemberID
	if c.Member != "" {
		err := a.catalog.View(e.ctx, func(r mailbox.Reader) error {
			m, err := memberOf(r, c.Member)
			member = m.ID
			return err
		})
		if err != nil {
			return err
		}
	}
	var after mailbox.VersionID
	if run.After != "" {
		var err error
		if after, err = mailbox.ParseVersionID(run.After); err != nil {
			return misuse("--resume: %w", err)
		}
	}
	check := &scrub.Checker{Catalog: a.catalog, Storage: a.blobs}
	intact := make(map[mailbox.VersionID][32]byte) // by blob: copies share one
	saved := time.Now()
	for {
		var page []mailbox.Version
		err := a.catalog.VersionsAfter(e.ctx, member, after, verifyPage, func(v mailbox.Version) error {
			page = append(page, v)
			return nil
		})
		if err != nil {
			return err
		}
		for _, v := range page {
			if v.Purged || c.Sample > 0 && !scrub.Chosen(v.ID, c.Sample, run.Day) {
				after, run.After = v.ID, v.ID.String()
				continue
			}
			sum, read := intact[v.Blob.Version]
			f := scrub.Finding{Version: v, State: scrub.Intact}
			if !read || sum != v.SHA256 {
				if f, err = check.Check(e.ctx, v); err != nil {
					return err
				}
				run.Blobs++
			}
			if f.State == scrub.Intact {
				intact[v.Blob.Version] = v.SHA256
			}
			if err := c.found(e, a, f); err != nil {
				return err
			}
			after, run.After = v.ID, v.ID.String()
			run.Versions++
			run.Bytes += f.Read
			if f.Damaged() {
				run.Damaged++
			}
			if c.Resume != "" && time.Since(saved) > verifySave {
				saved = time.Now()
				if err := run.save(c.Resume); err != nil {
					return err
				}
			}
		}
		if len(page) < verifyPage {
			return nil
		}
	}
}

// found tells one finding.
func (c *storageVerify) found(e *env, a *app, f scrub.Finding) error {
	if err := scrub.Note(e.ctx, a.catalog, f, a.log); err != nil || !f.Damaged() {
		return err
	}
	v := f.Version
	if c.JSON {
		return json.NewEncoder(e.out).Encode(damagedRow{v.ID.String(), v.Entry, v.Blob.String(), f.State, f.Detail})
	}
	e.say("%s: %s (version %s of entry %d): %s", v.Blob, f.State, v.ID, v.Entry, f.Detail)
	return nil
}
