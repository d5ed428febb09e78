// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"os"
	"strings"
	"text/template"
)

//go:embed templates/common.* templates/layout.html templates/de templates/en
var embedded embed.FS

// Languages that have templates.
var languages = []string{"de", "en"}

// maxTemplate bounds a template file, in bytes.
const maxTemplate = 64 << 10

// letter is the templates of one topic in one language. The first line of the
// text is the subject, the second is blank. html is nil unless the installation
// has its own; then the HTML part is made from the text, so that both always
// say the same.
type letter struct {
	text *template.Template
	html *htmltemplate.Template
}

type letterKey struct {
	language string
	topic    Topic
}

// loadLetters reads every template; dir ("" for none) may hold replacements
// named <language>/<topic>.txt and .html. Each may write %Link% for the link,
// or the list of links, to the mailboxes that the mail is about.
func loadLetters(dir string) (map[letterKey]letter, *htmltemplate.Template, error) {
	own, err := openDir(dir)
	if err != nil {
		return nil, nil, err
	}
	out := map[letterKey]letter{}
	var faults []error
	for _, lang := range languages {
		for _, topic := range Topics {
			l, err := loadLetter(own, lang, topic)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			out[letterKey{lang, topic}] = l
		}
	}
	layout, err := htmltemplate.ParseFS(embedded, "templates/layout.html")
	return out, layout, errors.Join(append(faults, err)...)
}

func openDir(dir string) (fs.FS, error) {
	if dir == "" {
		return nil, nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("notify.templates: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("notify.templates: %s is not a directory", dir)
	}
	return os.DirFS(dir), nil
}

func loadLetter(own fs.FS, lang string, topic Topic) (letter, error) {
	name := lang + "/" + string(topic)
	text, replaced, err := readTemplate(own, name+".txt")
	if err != nil {
		return letter{}, err
	}
	if !replaced {
		b, err := embedded.ReadFile("templates/" + name + ".txt")
		if err != nil {
			return letter{}, err
		}
		text = string(b)
	}
	var l letter
	if l.text, err = template.New(name+".txt").Option("missingkey=error").ParseFS(embedded, "templates/common.txt"); err == nil {
		l.text, err = l.text.Parse(expandLink(text))
	}
	if err != nil {
		return letter{}, fmt.Errorf("mail template: %w", err)
	}
	html, replaced, err := readTemplate(own, name+".html")
	if err != nil || !replaced {
		return l, err
	}
	if l.html, err = htmltemplate.New(name+".html").ParseFS(embedded, "templates/common.html"); err == nil {
		l.html, err = l.html.Parse(expandLink(html))
	}
	if err != nil {
		return letter{}, fmt.Errorf("mail template: %w", err)
	}
	return l, nil
}

func readTemplate(own fs.FS, name string) (string, bool, error) {
	if own == nil {
		return "", false, nil
	}
	b, err := fs.ReadFile(own, name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("mail template: %w", err)
	}
	if len(b) > maxTemplate {
		return "", false, fmt.Errorf("mail template %s: longer than 64 KiB", name)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n"), true, nil
}

// expandLink gives operators who write no templates the one word they need (K22).
func expandLink(s string) string {
	return strings.ReplaceAll(s, "%Link%", `{{template "links" .}}`)
}
