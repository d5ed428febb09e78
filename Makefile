# SPDX-License-Identifier: Apache-2.0
# Postfach: what a developer and continuous integration call. `make help` lists it.

SHELL       := /bin/bash
GO          ?= go
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS     := -s -w -X main.version=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.8.0

export CGO_ENABLED = 0

# What the tests call besides Go. Everything is Debian's.
TOOLS_TEST  := clamd clamdscan litmus cadaver rclone curl strace zip 7z git pdftotext zbarimg initdb nextcloudcmd owncloudcmd haproxy node npm
TOOLS_TEST  += mount.davfs gio gvfsd-dav kioclient dbus-run-session unshare promtool apparmor_parser systemd-analyze
TOOLS_BENCH := clamd clamdscan apache2 rclone initdb nextcloudcmd owncloudcmd mount.davfs
TOOLS_CHECK := clamd git

.PHONY: help build demo tour check fmt vet lint unit fuzz test tests crash desktops large faults linear s3 bench litmus dockerlint vuln clean tools-test FORCE

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: bin/postfach ## one static binary: bin/postfach

bin/postfach: FORCE
	@$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/postfach

demo: build ## start everything on loopback, with two members and a mail catcher (S3=1: on MinIO and PostgreSQL)
	@if [ -z "$(S3)" ]; then exec bin/postfach demo; fi; \
		bash test/minio/install.sh minio && \
		exec bin/postfach demo --s3 --minio "$$(bash test/tool.sh minio "$$(awk '$$1 == "minio" { print $$2 }' test/minio/versions)")"

tour: build ## half a minute: upload, virus, mails, release, audit
	@bin/postfach demo --tour

check: fmt vet lint unit fuzz ## format, vet, lint, unit tests, seconds of fuzzing (under two minutes)

fmt:
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$out" ]; then echo "gofmt: $$out"; exit 1; fi

vet:
	@$(GO) vet ./...

lint:
	@tool=$$(bash test/tool.sh staticcheck $(STATICCHECK)) && $$tool ./...

unit:
	@bash test/install.sh $(TOOLS_CHECK)
	@$(GO) test -short ./...

fuzz:
	@bash test/fuzz.sh $(or $(SECONDS_FUZZ),10)

tools-test:
	@bash test/install.sh $(TOOLS_TEST)
	@bash test/minio/install.sh minio
	@bash test/oidc/install.sh >/dev/null

# -k: a fault of form does not hide what the tests have to say, and fails the whole all the same.
test: tools-test build ## everything once, long series shortened; installs what it needs
	@$(MAKE) --no-print-directory -k fmt vet lint tests fuzz SECONDS_FUZZ=60

# Four at a time even on two cores: what can run beside others is mostly waiting.
tests:
	@$(GO) test -count=1 -p 1 -parallel 4 -timeout 60m ./...

crash: tools-test build ## 300 kills at random moments (CRASH_SEED, CRASH_KILLS; resumable)
	@POSTFACH_CRASH_KILLS=$(or $(CRASH_KILLS),300) POSTFACH_CRASH_SEED=$(CRASH_SEED) \
		POSTFACH_RESULTS=$(CURDIR)/docs/results \
		$(GO) test -count=1 -timeout 6h -v -run '^TestCrash' ./test

linear: tools-test build ## 200 histories of a mailbox at two nodes that are killed (LINEAR_SEED, LINEAR_RUNS; resumable)
	@POSTFACH_LINEAR_RUNS=$(or $(LINEAR_RUNS),200) POSTFACH_LINEAR_SEED=$(LINEAR_SEED) \
		POSTFACH_RESULTS=$(CURDIR)/docs/results \
		$(GO) test -count=1 -timeout 6h -v -run '^TestLinear' ./test

faults: tools-test build ## the whole fault matrix: every dependency, every fault, every byte to clamd (resumable, an hour)
	@POSTFACH_FAULTS=all POSTFACH_FAULTS_SEED=$(FAULTS_SEED) POSTFACH_RESULTS=$(CURDIR)/docs/results \
		$(GO) test -count=1 -timeout 6h -v ./test/faults
	@$(GO) test -count=1 -timeout 30m -run '^(TestFullDisk|TestReadOnlyStorage|TestUnwritableCatalog|TestClockFaults)$$' ./test

desktops: tools-test build ## 11 series of 200 operations on each of two desktops (DESKTOP_SEED, DESKTOP_SERIES; resumable)
	@POSTFACH_DESKTOP_SEED=$(or $(DESKTOP_SEED),100) POSTFACH_DESKTOP_SERIES=$(or $(DESKTOP_SERIES),11) \
		POSTFACH_DESKTOP_OPERATIONS=200 POSTFACH_RESULTS=$(CURDIR)/docs/results \
		$(GO) test -count=1 -timeout 6h -v -run '^TestDesktopsConverge$$' ./test

large: tools-test build ## either client uploads 1,999 MiB, judged by descriptor and by stream (resumable, 10 GB of disk)
	@POSTFACH_LARGE=1999 POSTFACH_RESULTS=$(CURDIR)/docs/results \
		$(GO) test -count=1 -timeout 2h -v -run '^TestDesktopLargeFile$$' ./test

litmus: tools-test build ## Debian's litmus in a member's an_KVBbg and in a caseworker's Postausgang
	@POSTFACH_RESULTS=$(CURDIR)/docs/results $(GO) test -count=1 -timeout 20m -v -run '^TestLitmus' ./test

s3: tools-test ## the S3 storage against a second server (versitygw) too
	@bash test/minio/install.sh versitygw
	@POSTFACH_S3_SECOND=1 $(GO) test -count=1 -timeout 20m -run '^TestS3' ./storage

bench: build ## beside Apache mod_dav, rclone and the floors; results in docs/results (BENCH=quick to try)
	@bash test/install.sh $(TOOLS_BENCH)
	@bash test/minio/install.sh minio
	@$(GO) test -run '^$$' -bench . -benchtime 200ms $$($(GO) list ./... | grep -v '^postfach/bench$$')
	@POSTFACH_BINARY=$(CURDIR)/bin/postfach POSTFACH_RESULTS=$(CURDIR)/docs/results BENCH=$(BENCH) \
		$(GO) test -run '^$$' -bench 'SideBySide|Nodes|Million|Desktops' -benchtime 1x -timeout 4h -v ./bench

dockerlint: ## the Dockerfile by dockerfilelint, where npm is there
	@bash test/dockerlint.sh dockerfilelint@1.8.0

vuln: ## known vulnerabilities of what we import, where the database can be reached
	@bash test/vuln.sh $(GOVULNCHECK)

clean:
	@rm -rf bin .demo .demo-s3
