// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Tour plays the way of a document on an instance of its own and says at each
// step what happens, by real commands with their real output. It fails where
// anything is not as it should be.
func Tour(ctx context.Context, o Options) error {
	if err := install(ctx, o.Out, "curl", "curl"); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "postfach-tour-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.Dir, o.Listen, o.MailListen, o.OwnSignatures = filepath.Join(dir, "data"), "127.0.0.1:0", "127.0.0.1:0", true
	t := &tour{in: &instance{o: o, quiet: time.Second}, files: filepath.Join(dir, "files"), began: time.Now()}
	defer t.in.close()
	t.in.say("Starting a Postfach of its own, with two members and four accounts …")
	var as []account
	for _, a := range accounts() {
		switch a.login {
		case "anna", "emil", "bert", "carla":
			as = append(as, a)
		}
	}
	if err := t.in.start(ctx, members(), as); err != nil {
		return err
	}
	if err := t.in.ready(ctx, time.Minute); err != nil {
		return err
	}
	if err := t.prepare(); err != nil {
		return err
	}
	if err := t.play(ctx); err != nil {
		return fmt.Errorf("the tour ended: %w", err)
	}
	t.in.say("\nAll %d steps went as they should, in %s.", t.steps, time.Since(t.began).Round(time.Second))
	return nil
}

type tour struct {
	in    *instance
	files string // folder in which the commands run
	began time.Time
	steps int
}

// prepare writes the documents that the commands upload.
func (t *tour) prepare() error {
	if err := os.Mkdir(t.files, 0o700); err != nil {
		return err
	}
	b, err := lists.ReadFile("lists/korrekturliste.csv")
	if err != nil {
		return err
	}
	virus := "X5O!P%@AP[4\\PZX54(P^)7CC)7}" + "$EICAR-STANDARD-" + "ANTIVIRUS-TEST-FILE!$H+H*"
	return errors.Join(os.WriteFile(filepath.Join(t.files, "Korrekturliste.csv"), b, 0o600),
		os.WriteFile(filepath.Join(t.files, "Rechnung.pdf"), []byte(virus), 0o600))
}

// step is a sentence, a command and what must stand in its output.
type step struct {
	say    string
	args   []string
	want   []string
	absent []string // must not stand there
	wait   bool     // repeat until it does
	letter string   // address whose mail is shown as its reader sees it, in place of the output
}

// curl is a command of somebody; path is below the server's URL.
func (t *tour) curl(as, path string, args ...string) []string {
	all := []string{"curl", "-sS", "-w", `HTTP %{http_code}\n`}
	if as != "" {
		all = append(all, "-u", as+":"+t.in.passwords[as])
	}
	return append(append(all, args...), t.in.url+path)
}

// postfach is a subcommand as an operator would type it.
func (t *tour) postfach(args ...string) []string {
	return append(append([]string{t.in.o.Program}, args...), "--config", t.in.config)
}

func (t *tour) mails() []string { return []string{"curl", "-sS", t.in.mailURL + "api/messages"} }

func (t *tour) play(ctx context.Context) error {
	for _, s := range t.script() {
		t.steps++
		t.in.say("\n%d. %s", t.steps, s.say)
		t.in.say("$ %s", shown(s.args))
		if err := t.take(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// take runs a step, and repeats one that waits for a mail.
func (t *tour) take(ctx context.Context, s step) error {
	for end := time.Now().Add(20 * time.Second); ; {
		out, err := t.run(ctx, s.args)
		wrong := s.judge(out)
		if err != nil {
			wrong = err.Error()
		}
		if wrong == "" || !s.wait || time.Now().After(end) || ctx.Err() != nil {
			if s.letter != "" && wrong == "" {
				out = t.letter(s.letter)
			}
			t.in.say("%s", excerpt(out))
			if wrong != "" {
				return fmt.Errorf("step %d: %s", t.steps, wrong)
			}
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// letter is the last mail to an address, decoded.
func (t *tour) letter(to string) string {
	text := ""
	for _, m := range t.in.mail.Mails() {
		if slices.Contains(m.To, to) {
			text = "To: " + to + "\nSubject: " + m.Subject + "\n\n" + m.Text
		}
	}
	return text
}

func (s step) judge(out string) string {
	for _, w := range s.want {
		if !strings.Contains(out, w) {
			return fmt.Sprintf("%q is not in the output", w)
		}
	}
	for _, a := range s.absent {
		if strings.Contains(out, a) {
			return fmt.Sprintf("%q is in the output", a)
		}
	}
	return ""
}

func (t *tour) run(ctx context.Context, args []string) (string, error) {
	if args[0] == t.in.o.Program {
		return t.in.o.Command(ctx, "", args[1:]...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = t.files
	// Neither a proxy nor the caller's own settings of curl belong to the tour.
	cmd.Env = append(os.Environ(), "no_proxy=127.0.0.1", "NO_PROXY=127.0.0.1", "HOME="+t.files, "XDG_CONFIG_HOME="+t.files, "CURL_HOME="+t.files)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// shown is a command line that a shell would read as these arguments.
func shown(args []string) string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = a
		if strings.ContainsAny(a, " \\%{}$&'\"()<>*") {
			words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}

// excerpt keeps long output readable.
func excerpt(out string) string {
	const most = 22
	lines := strings.Split(strings.TrimRight(out, "\n"), "\n")
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("… %d more lines", len(lines)-most))
	}
	for i, l := range lines {
		if r := []rune(l); len(r) > 400 {
			l = string(r[:400]) + " …"
		}
		lines[i] = "    " + l
	}
	return strings.Join(lines, "\n")
}
