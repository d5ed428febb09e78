// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"postfach/mailbox"
)

// locateOCS knows the questions of ownCloud's "Open Collaboration Services"
// that we answer: the capabilities, in short also to who has not signed in, and
// the account.
func locateOCS(decoded string, r *http.Request) site {
	_, question, ok := ocsQuestion(decoded)
	switch {
	case !ok:
	case question == "cloud/capabilities" && r.Header.Get("Authorization") == "":
		return site{area: openArea}
	case question == "cloud/capabilities" || question == "cloud/user" || strings.HasPrefix(question, "cloud/users/"):
		return site{area: ocsArea}
	}
	return site{area: openArea} // 404 in the form that these clients read
}

// ocsQuestion splits the path into the version of the protocol and what is
// asked.
func ocsQuestion(decoded string) (version int, question string, ok bool) {
	if rest, ok := strings.CutPrefix(decoded, ocsRoot+"v1.php/"); ok {
		return 1, rest, true
	}
	rest, ok := strings.CutPrefix(decoded, ocsRoot+"v2.php/")
	return 2, rest, ok
}

// openOCS answers who has not signed in.
func (h *Handler) openOCS(w http.ResponseWriter, r *http.Request, decoded string) {
	version, question, _ := ocsQuestion(decoded)
	if question == "cloud/capabilities" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		writeOCS(w, r, version, h.capabilities(false))
		return
	}
	writeEnvelope(w, r, http.StatusNotFound, object{{"status", "failure"}, {"statuscode", 404}, {"message", "not found"}}, object{})
}

// ocs answers an account.
func (q *request) ocs() error {
	version, question, _ := ocsQuestion(q.decoded)
	login, other := strings.CutPrefix(question, "cloud/users/")
	switch {
	case q.Method != http.MethodGet && q.Method != http.MethodHead, other && !strings.EqualFold(login, q.actor.Login):
		return mailbox.E(mailbox.NotFound, mailbox.ReasonNotFound)
	case question == "cloud/capabilities":
		writeOCS(q.w, q.Request, version, q.h.capabilities(true))
		return nil
	}
	data, err := q.user()
	if err == nil {
		writeOCS(q.w, q.Request, version, data)
	}
	return err
}

// writeOCS answers with data; the two versions of the protocol count success
// differently.
func writeOCS(w http.ResponseWriter, r *http.Request, version int, data object) {
	code := 100
	if version == 2 {
		code = http.StatusOK
	}
	writeEnvelope(w, r, http.StatusOK, object{{"status", "ok"}, {"statuscode", code}, {"message", "OK"}}, data)
}

// writeEnvelope writes JSON where it is asked for, else XML.
func writeEnvelope(w http.ResponseWriter, r *http.Request, code int, meta, data object) {
	envelope := object{{"ocs", object{{"meta", meta}, {"data", data}}}}
	if r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		writeDocument(w, r, code, "application/json; charset=utf-8", envelope.appendJSON(nil))
		return
	}
	writeDocument(w, r, code, xmlType, envelope.appendXML([]byte(xmlHead)))
}

func writeDocument(w http.ResponseWriter, r *http.Request, code int, kind string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has gone asks again
	}
}

// object is a document with its fields in order, for both forms of an answer.
// Values are strings, numbers, bools, nil, []string and objects.
type object []field

type field struct {
	name  string
	value any
}

func (o object) appendJSON(b []byte) []byte {
	b = append(b, '{')
	for i, f := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, f.name), ':')
		if sub, ok := f.value.(object); ok {
			b = sub.appendJSON(b)
			continue
		}
		v, _ := json.Marshal(f.value) // strings, numbers, bools and lists of strings
		b = append(b, v...)
	}
	return append(b, '}')
}

func (o object) appendXML(b []byte) []byte {
	for _, f := range o {
		b = append(append(append(b, '<'), f.name...), '>')
		switch v := f.value.(type) {
		case object:
			b = v.appendXML(b)
		case string:
			b = appendText(b, v)
		case []string:
			for _, s := range v {
				b = append(appendText(append(b, "<element>"...), s), "</element>"...)
			}
		case bool:
			if v {
				b = append(b, '1')
			}
		case nil:
		default:
			n, _ := json.Marshal(v)
			b = append(b, n...)
		}
		b = append(append(append(b, "</"...), f.name...), '>')
	}
	return b
}
