// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// aloneVariable is set in a process of this package's tests that was started
// in a network of its own, with loopback and no way out.
const aloneVariable = "POSTFACH_TEST_ALONE"

// alone runs tests of this package in such a network and gives what they said.
func alone(t *testing.T, tests string) (string, error) {
	t.Helper()
	long(t)
	if os.Getuid() != 0 {
		t.Skip("a network of one's own needs root")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.run", tests)
	cmd.Env = append(os.Environ(), aloneVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil && len(out) == 0 {
		t.Skipf("no network of one's own here: %v", err)
	}
	return string(out), err
}

// TestWithoutNetwork: everything that the product is for works on a machine
// without any way out, and nothing even tries one (K2).
func TestWithoutNetwork(t *testing.T) {
	const whatItIsFor = "^(TestRoundTrip|TestInfectedUploadIsRefused|TestTenFilesOneMail|TestListingPage|TestCadaver)$"
	out, err := alone(t, whatItIsFor)
	if err != nil || strings.Count(out, "--- PASS: ") != strings.Count(whatItIsFor, "|")+1 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestWayOutIsSeen shows that a single try would have been noticed, by either
// protocol.
func TestWayOutIsSeen(t *testing.T) {
	for _, protocol := range []string{"tcp", "udp"} {
		if out, err := alone(t, "^TestTryWayOut$/^"+protocol+"$"); err == nil || !strings.Contains(out, "tried to leave") {
			t.Errorf("%s: %v\n%s", protocol, err, out)
		}
	}
}

// TestTryWayOut is what TestWayOutIsSeen runs.
func TestTryWayOut(t *testing.T) {
	if os.Getenv(aloneVariable) == "" {
		t.Skip("runs in a network of its own only")
	}
	for _, protocol := range []string{"tcp", "udp"} {
		t.Run(protocol, func(t *testing.T) {
			if c, err := net.Dial(protocol, "192.0.2.1:53"); err == nil {
				c.Close()
			}
		})
	}
}

// beginAlone brings loopback up, the one device of a new network.
func beginAlone() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// endAlone complains where anything tried to reach an address that is not
// loopback: there was no route to it.
func endAlone() error {
	ipv4, err := os.ReadFile("/proc/self/net/snmp")
	if err != nil {
		return err
	}
	n, err := noRoutes(string(ipv4))
	if err != nil {
		return err
	}
	if ipv6, err := os.ReadFile("/proc/self/net/snmp6"); err == nil { // absent without IPv6
		if m := regexp.MustCompile(`(?m)^Ip6OutNoRoutes\s+(\d+)$`).FindSubmatch(ipv6); m != nil {
			k, _ := strconv.Atoi(string(m[1]))
			n += k
		}
	}
	if n > 0 {
		return fmt.Errorf("%d packets tried to leave this machine", n)
	}
	return nil
}

// noRoutes reads Ip's OutNoRoutes: a line of names and one of numbers.
func noRoutes(snmp string) (int, error) {
	var names []string
	for line := range strings.Lines(snmp) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] != "Ip:":
		case names == nil:
			names = f
		default:
			for i, name := range names[:min(len(names), len(f))] {
				if name == "OutNoRoutes" {
					return strconv.Atoi(f[i])
				}
			}
		}
	}
	return 0, fmt.Errorf("no OutNoRoutes in\n%s", snmp)
}
