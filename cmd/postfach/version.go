// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"runtime/debug"
)

// version is set when linking (Makefile); otherwise the build says it.
var version string

func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "-dirty"
		}
	}
	return cmp.Or(revision, "unknown") + changed
}

type versionCmd struct {
	JSON bool `name:"json" help:"As a JSON object."`
}

func (c versionCmd) Run(e *env) error {
	info, _ := debug.ReadBuildInfo()
	if c.JSON {
		return e.object(struct {
			Version string `json:"version"`
			Go      string `json:"go"`
		}{buildVersion(), info.GoVersion})
	}
	e.say("postfach %s (%s)", buildVersion(), info.GoVersion)
	return nil
}
