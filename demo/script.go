// SPDX-License-Identifier: Apache-2.0

package demo

// script is the way of a correction list through the mailbox of a member whose
// documents two persons release.
func (t *tour) script() []step {
	const draft, released = "/dav/4711/Postausgang/Korrekturliste.csv", "/dav/4711/Korrekturliste.csv"
	move := func(as string) []string { return t.curl(as, draft, "-X", "MOVE", "-H", "Destination: "+released) }
	return []step{
		{say: "Bert, a caseworker, puts a correction list into the outbox of member 4711. It is scanned before it is stored.",
			args: t.curl("bert", "/dav/4711/Postausgang/", "-T", "Korrekturliste.csv"), want: []string{"HTTP 201"}},
		{say: "For Emil, clerk of 4711, the draft does not exist.",
			args: t.curl("emil", "/dav/Postausgang/Korrekturliste.csv", "-o", "/dev/null"), want: []string{"HTTP 404"}},
		{say: "Bert cannot release it himself: 4711 asks for four eyes.",
			args: move("bert"), want: []string{"HTTP 403"}},
		{say: "Carla, a reviewer, cannot release what she has not read.",
			args: move("carla"), want: []string{"HTTP 4"}, absent: []string{"HTTP 404"}},
		{say: "So she reads it …",
			args: t.curl("carla", draft, "-o", "geprueft.csv"), want: []string{"HTTP 200"}},
		{say: "… and releases it by moving it into the member's root.",
			args: move("carla"), want: []string{"HTTP 201"}},
		{say: "A moment later Emil has a mail, with no file name and no secret in it.",
			args: t.mails(), want: []string{"emil.jaeger@beispielwalde.example", "/postfach/4711"}, absent: []string{"Korrekturliste"}, wait: true,
			letter: "emil.jaeger@beispielwalde.example"},
		{say: "He downloads the list; the server names its digest.",
			args: t.curl("emil", "/dav/Korrekturliste.csv", "-D", "-", "-o", "Korrekturliste.csv"), want: []string{"HTTP 200", "attachment"}},
		{say: "He sends the corrected list back.",
			args: t.curl("emil", "/dav/an_KVBbg/", "-T", "Korrekturliste.csv"), want: []string{"HTTP 201"}},
		{say: "Anna's upload holds a virus (the EICAR test file). It is refused and nothing is kept.",
			args: t.curl("anna", "/dav/an_KVBbg/", "-T", "Rechnung.pdf"), want: []string{"HTTP 415", "Virenscanner"}},
		{say: "Nothing is there.",
			args: t.curl("anna", "/dav/an_KVBbg/Rechnung.pdf", "-o", "/dev/null"), want: []string{"HTTP 404"}},
		{say: "Anna is of another member: Emil's mailbox does not exist for her.",
			args: t.curl("anna", "/dav/4711/Korrekturliste.csv", "-o", "/dev/null"), want: []string{"HTTP 404"}},
		{say: "A stranger who guesses a password learns less still.",
			args: t.curl("", "/dav/4711/Korrekturliste.csv", "-u", "fremd:geraten-2026", "-o", "/dev/null"), want: []string{"HTTP 401"}},
		{say: "Bert, who is responsible, is told of Emil's list.",
			args: t.mails(), want: []string{"bert.lindenau@kasse.example"}, wait: true, letter: "bert.lindenau@kasse.example"},
		{say: "The security address is told of the virus.",
			args: t.mails(), want: []string{"sicherheit@kasse.example"}, wait: true, letter: "sicherheit@kasse.example"},
		{say: "The deliveries, with their mails and who has retrieved them.",
			args: t.postfach("delivery", "list", "--member", "4711"), want: []string{"to-member", "to-authority"}},
		{say: "The audit log has it all: who, what, when, with the digest; refusals and strangers too.",
			args: t.postfach("audit", "list", "--limit", "20"), want: []string{"create", "release", "retrieved", "refused ", "Eicar", "strangers"}, wait: true},
		{say: "From the log alone the mailboxes can be rebuilt; they agree with the catalog, and the stored bytes with their digests.",
			args: t.postfach("audit", "replay", "--verify"), want: []string{"0 differences", "0 missing or different"}},
	}
}
