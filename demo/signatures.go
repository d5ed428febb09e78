// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postfach/deploy"
)

// signatures are what clamd loads.
type signatures struct {
	dir      string
	official bool
	maxAge   string // for scan.signatures_max_age
	line     string // what to tell about them
}

// eicar finds the EICAR test file; hexadecimal, so that no scanner finds it here.
const eicar = "Eicar-Test-Signature:0:*:45494341522d5354414e444152442d414e544956495255532d544553542d46494c45\n"

const (
	debianSignatures = "/var/lib/clamav"
	fetchLimit       = 5 * time.Minute
	fresh            = 72 * time.Hour
	needsMemory      = 2 << 20 // KiB that clamd takes with the official signatures
)

// signatures chooses ClamAV's official signatures where there are any or where
// they can be fetched, else a small file of our own.
func (in *instance) signatures(ctx context.Context) (signatures, error) {
	s := signatures{dir: filepath.Join(in.scratch, "db")}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return s, err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "postfach.ndb"), deploy.Signatures, 0o600); err != nil {
		return s, err
	}
	why := "as asked"
	if !in.o.OwnSignatures {
		var files []string
		if files, why = in.official(ctx); len(files) > 0 {
			return s, s.useOfficial(files)
		}
	}
	s.maxAge = "off"
	s.line = "Scanner: clamd with a small signature file of our own (" + why + "): it finds the EICAR test file and nothing else."
	return s, os.WriteFile(filepath.Join(s.dir, "eicar.ndb"), []byte(eicar), 0o600)
}

func (s *signatures) useOfficial(files []string) error {
	var newest time.Time
	for _, f := range files {
		if info, err := os.Stat(f); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		if err := os.Symlink(f, filepath.Join(s.dir, filepath.Base(f))); err != nil {
			return err
		}
	}
	s.official, s.maxAge = true, "72h"
	s.line = "Scanner: clamd with ClamAV's official signatures from " + debianSignatures + "; loading them takes some seconds."
	if age := time.Since(newest); age > fresh {
		s.maxAge = "off"
		s.line += fmt.Sprintf("\nThey are %d days old and are used all the same (signatures_max_age: off); a real server would refuse uploads.", int(age.Hours()/24))
	}
	return nil
}

// official gives the files of ClamAV's signatures, or why there are none.
func (in *instance) official(ctx context.Context) (files []string, why string) {
	if free := availableKiB(); free > 0 && free < needsMemory {
		return nil, "the official ones need 2 GiB of free memory"
	}
	if files := officialFiles(); len(files) > 0 {
		return files, ""
	}
	freshclam, ok := program("freshclam")
	if !ok || os.Getuid() != 0 {
		return nil, debianSignatures + " holds none, and fetching them needs freshclam and root"
	}
	lookup, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if _, err := net.DefaultResolver.LookupHost(lookup, "database.clamav.net"); err != nil {
		return nil, "ClamAV's database cannot be reached from here"
	}
	in.say("Fetching ClamAV's signatures, once, about 110 MB …")
	if err := in.fetch(ctx, freshclam); err != nil {
		return nil, "ClamAV's database cannot be fetched from here"
	}
	return officialFiles(), "freshclam brought none"
}

// officialFiles are complete only when the main and the daily ones are there.
func officialFiles() (files []string) {
	for _, base := range []string{"main", "daily", "bytecode"} {
		for _, end := range []string{".cvd", ".cld"} {
			if f := filepath.Join(debianSignatures, base+end); readable(f) {
				files = append(files, f)
				break
			}
		}
	}
	if len(files) < 2 || !strings.Contains(files[0], "main") || !strings.Contains(files[1], "daily") {
		return nil
	}
	return files
}

func readable(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// fetch runs freshclam once into Debian's folder.
func (in *instance) fetch(ctx context.Context, freshclam string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	conf := filepath.Join(in.scratch, "freshclam.conf")
	text := "DatabaseDirectory " + debianSignatures + "\nDatabaseOwner clamav\nDatabaseMirror database.clamav.net\nMaxAttempts 1\nConnectTimeout 10\nReceiveTimeout 240\n"
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return err
	}
	return exec.CommandContext(ctx, freshclam, "--config-file="+conf, "--quiet").Run()
}

// availableKiB is what the kernel says is available; 0 when it does not say.
func availableKiB() int64 {
	b, _ := os.ReadFile("/proc/meminfo")
	_, after, _ := bytes.Cut(b, []byte("MemAvailable:"))
	line, _, _ := strings.Cut(string(after), "\n")
	n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(line), " kB"), 10, 64)
	return n
}
