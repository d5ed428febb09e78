// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"

	"postfach/config"
	"postfach/demo"
)

type demoCmd struct {
	Dir           string `default:".demo" placeholder:"FOLDER" help:"Where the demo keeps its data (${default})."`
	Listen        string `default:"127.0.0.1:8080" placeholder:"ADDRESS" help:"Address of the doors, on loopback (${default})."`
	MailListen    string `default:"127.0.0.1:8081" placeholder:"ADDRESS" help:"Address of the page with the caught mails (${default})."`
	OwnSignatures bool   `help:"Do without ClamAV's official signatures: starts at once, and finds the EICAR test file only."`
	S3            bool   `name:"s3" help:"Contents in a bucket of a MinIO and the catalog in a PostgreSQL, in .demo-s3 unless --dir is given; as root it installs Debian's postgresql if there is none."`
	Minio         string `placeholder:"FILE" help:"With --s3: the program minio; make demo S3=1 builds it."`
	Tour          bool   `help:"Play the way of a document on an instance of its own, with a sentence each, and end."`
}

// Help tells what runs.
func (demoCmd) Help() string {
	return `Starts a server, clamd, and an SMTP server that keeps all mails, with two members, one account per role and sample lists. As root it installs Debian's clamav-daemon if there is none. The second start takes the same data. Nothing of it is for real work: no TLS, passwords on the screen.`
}

func (c *demoCmd) Run(e *env) error {
	o := demo.Options{Dir: c.Dir, Listen: c.Listen, MailListen: c.MailListen, OwnSignatures: c.OwnSignatures, Program: os.Args[0], Out: e.stdout,
		Serve: e.serveAs, Command: e.command}
	if c.S3 {
		if c.Tour {
			return misuse("--tour plays on SQLite and a folder; give either --tour or --s3")
		}
		if o.Bucket, o.MinIO = true, c.Minio; c.Dir == ".demo" { // its people are others
			o.Dir = ".demo-s3"
		}
	}
	if c.Tour {
		return demo.Tour(e.ctx, o)
	}
	return demo.Run(e.ctx, o)
}

// serveAs runs the server of another configuration.
func (e *env) serveAs(ctx context.Context, path string, log io.Writer) error {
	cfg, err := config.Load(path, e.getenv)
	if err != nil {
		return err
	}
	return serve(ctx, cfg, newLogger(cfg.Log, log), func(net.Addr) {})
}

// command runs a subcommand as if it had been typed.
func (e *env) command(ctx context.Context, stdin string, args ...string) (string, error) {
	var out, errs bytes.Buffer
	if code := run(ctx, args, e.getenv, strings.NewReader(stdin), &out, &errs); code != exitDone {
		return out.String(), errors.New(strings.TrimSpace(errs.String() + out.String()))
	}
	return out.String(), nil
}
