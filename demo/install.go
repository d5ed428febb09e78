// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// program finds a program; Debian's daemons are not on everybody's path.
func program(name string) (string, bool) {
	if p, err := exec.LookPath(name); err == nil {
		return p, true
	}
	for _, dir := range []string{"/usr/sbin/", "/usr/local/sbin/"} {
		if p, err := exec.LookPath(dir + name); err == nil {
			return p, true
		}
	}
	return "", false
}

// install makes sure that a program is there. As root it installs Debian's
// package, whose services are not started.
func install(ctx context.Context, out io.Writer, name, pkg string) error {
	if _, ok := program(name); ok {
		return nil
	}
	apt, ok := program("apt-get")
	if !ok || os.Getuid() != 0 {
		return fmt.Errorf(`%s is missing, and nothing is accepted unscanned, so the demo does not start without it.
As root:  apt-get install --no-install-recommends %s
then run this again; root is not needed any more`, name, pkg)
	}
	fmt.Fprintf(out, "Installing Debian's %s …\n", pkg)
	done, err := noServices()
	if err != nil {
		return err
	}
	defer done()
	call := func(args ...string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-qq", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"}, args...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		return cmd.CombinedOutput()
	}
	arguments := []string{"install", "-y", "--no-install-recommends", pkg}
	said, err := call(arguments...)
	if err != nil { // the package lists may be absent or old
		if said, err = call("update"); err == nil {
			said, err = call(arguments...)
		}
	}
	if err != nil {
		return fmt.Errorf("apt-get could not install %s: %w\n%s", pkg, err, strings.TrimSpace(string(said)))
	}
	if _, ok := program(name); !ok {
		return fmt.Errorf("%s was installed, but there is no %s", pkg, name)
	}
	return nil
}

// noServices keeps packages from starting services: the demo starts its own
// processes and ends them. done takes the policy back.
func noServices() (done func(), err error) {
	const policy = "/usr/sbin/policy-rc.d"
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = io.WriteString(f, "#!/bin/sh\nexit 101\n")
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(err, os.Remove(policy))
	}
	return func() { _ = os.Remove(policy) }, nil
}
