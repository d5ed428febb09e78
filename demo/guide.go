// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"text/tabwriter"
)

// guide tells how to use what runs.
func (in *instance) guide() {
	p := in.passwords
	in.say("")
	in.say("%s", in.signs.line)
	in.say("Mails are sent after %s without another document (a real server: 2 minutes). All data lies in %s.", in.quiet, in.o.Dir)
	in.say("")
	in.say("Postfach:      %s/dav/", in.url)
	in.say("Caught mails:  %s", in.mailURL)
	in.say("")
	for _, m := range members() {
		in.say("Member %s %s (%s)", m.number, m.name, m.release)
	}
	in.say("")
	tw := tabwriter.NewWriter(in.o.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "ACCOUNT\tPASSWORD\tPERSON\tROLE")
	for _, a := range accounts() {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", a.login, p[a.login], a.person, a.what)
	}
	_ = tw.Flush()
	in.say(`
Ready to paste:
  curl -u anna:%[1]s %[3]s/dav/
  curl -u anna:%[1]s -T '%[6]s' %[3]s/dav/an_KVBbg/
  curl -u bert:%[2]s -T '%[6]s' %[3]s/dav/4711/Postausgang/
  cadaver %[3]s/dav/        # user anna, password %[1]s
  rclone lsl --webdav-url=%[3]s/dav/ --webdav-vendor=other --webdav-user=anna --webdav-pass="$(rclone obscure %[1]s)" :webdav:
  %[5]s audit list --config '%[4]s'
On Windows, on this machine; without TLS it needs BasicAuthLevel=2 (docs/operating.md):
  net use P: %[3]s/dav/ %[1]s /user:anna

Ctrl-C ends everything.
`, p["anna"], p["bert"], in.url, in.config, in.o.Program, in.sampleFile())
}
