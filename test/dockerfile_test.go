// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// instruction of a Dockerfile, continuation lines joined.
type instruction struct{ word, args string }

func parseDockerfile(text string) (all []instruction) {
	text = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, " ")
	for line := range strings.Lines(text) {
		if word, args, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			all = append(all, instruction{strings.ToUpper(word), strings.TrimSpace(args)})
		}
	}
	return all
}

var pinned = regexp.MustCompile(`^(scratch|[a-z0-9./-]+:[A-Za-z0-9._-]*\d[A-Za-z0-9._-]*)( AS \w+)?$`)

// dockerFaults are the rules of the usual linters that matter here.
func dockerFaults(all []instruction, targets []string) (faults []string) {
	words := map[string]int{}
	last := map[string]string{}
	stages := 0
	for _, i := range all {
		words[i.word]++
		last[i.word] = i.args
		switch i.word {
		case "FROM":
			stages++
			delete(last, "USER") // each stage begins as root
			if !pinned.MatchString(i.args) {
				faults = append(faults, "base image without a fixed version: "+i.args)
			}
		case "ADD", "MAINTAINER", "SHELL":
			faults = append(faults, i.word+" is not used")
		case "RUN":
			if strings.Contains(i.args, "sudo") || strings.Contains(i.args, "curl") || strings.Contains(i.args, "apt-get") {
				faults = append(faults, "RUN fetches or elevates: "+i.args)
			}
			for _, m := range regexp.MustCompile(`\bmake (\w+)`).FindAllStringSubmatch(i.args, -1) {
				if !slices.Contains(targets, m[1]) {
					faults = append(faults, "no such target of the Makefile: "+m[1])
				}
			}
		case "ENTRYPOINT", "CMD":
			if !strings.HasPrefix(i.args, "[") {
				faults = append(faults, i.word+" is not in exec form")
			}
		case "ENV", "ARG":
			if regexp.MustCompile(`(?i)password|secret|token`).MatchString(i.args) {
				faults = append(faults, "a secret in "+i.word)
			}
		}
	}
	if stages < 2 {
		faults = append(faults, "one stage only")
	}
	if u := last["USER"]; u == "" || strings.HasPrefix(u, "0") || strings.HasPrefix(u, "root") {
		faults = append(faults, "the last stage runs as root")
	}
	for _, w := range []string{"HEALTHCHECK", "ENTRYPOINT", "EXPOSE"} {
		if words[w] != 1 {
			faults = append(faults, "exactly one "+w+" is wanted")
		}
	}
	if !strings.Contains(last["HEALTHCHECK"], `CMD ["`) {
		faults = append(faults, "the health check needs a shell")
	}
	return faults
}

// TestDockerfile: multi-stage, static, nobody's account, health check, and
// the build steps are the Makefile's own targets (item 13).
func TestDockerfile(t *testing.T) {
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	mk, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, m := range regexp.MustCompile(`(?m)^([a-z-]+):`).FindAllStringSubmatch(string(mk), -1) {
		targets = append(targets, m[1])
	}
	all := parseDockerfile(string(text))
	for _, f := range dockerFaults(all, targets) {
		t.Error(f)
	}
	for _, i := range all {
		if i.word == "RUN" && strings.Contains(i.args, "go build") {
			t.Error("the Dockerfile builds past the Makefile")
		}
	}
	bad := "FROM golang\nADD x /\nRUN curl x | make nothing\nCMD x\nENV PASSWORD=x\n"
	if got := dockerFaults(parseDockerfile(bad), targets); len(got) < 9 {
		t.Errorf("a bad Dockerfile has only the faults %q", got)
	}
}
