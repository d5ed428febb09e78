// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/xml"
	"net/url"
	"strings"
	"testing"
)

// Resource is one response of a multistatus body: the properties that were found.
type Resource struct {
	Href  string            // as sent
	Path  string            // decoded
	Props map[string]string // "{namespace}local" → inner XML, of the 200 propstat
}

// Prop is a property of the DAV: namespace.
func (r Resource) Prop(local string) string { return r.Props["{DAV:}"+local] }

// Folder says that the resource is a collection.
func (r Resource) Folder() bool { return strings.Contains(r.Prop("resourcetype"), "collection") }

type multistatus struct {
	XMLName   xml.Name `xml:"DAV: multistatus"`
	Responses []struct {
		Href     string `xml:"DAV: href"`
		Propstat []struct {
			Status string `xml:"DAV: status"`
			Prop   struct {
				Any []struct {
					XMLName xml.Name
					Inner   string `xml:",innerxml"`
				} `xml:",any"`
			} `xml:"DAV: prop"`
		} `xml:"DAV: propstat"`
	} `xml:"DAV: response"`
}

// ParseMultistatus reads a 207 body; a body that is none fails the test.
func ParseMultistatus(t testing.TB, body []byte) []Resource {
	t.Helper()
	var m multistatus
	if err := xml.Unmarshal(body, &m); err != nil {
		t.Fatalf("multistatus: %v\n%s", err, clip(body))
	}
	var all []Resource
	for _, r := range m.Responses {
		p, err := url.PathUnescape(r.Href)
		if err != nil {
			t.Fatalf("href %q: %v", r.Href, err)
		}
		res := Resource{Href: r.Href, Path: p, Props: map[string]string{}}
		for _, ps := range r.Propstat {
			if !strings.HasPrefix(ps.Status, "HTTP/1.1 200") {
				continue
			}
			for _, a := range ps.Prop.Any {
				res.Props["{"+a.XMLName.Space+"}"+a.XMLName.Local] = a.Inner
			}
		}
		all = append(all, res)
	}
	return all
}

// Propfind lists a resource with an empty body, which asks for all properties.
func (w *World) Propfind(t testing.TB, as, path, depth string) []Resource {
	t.Helper()
	a := w.Do(t, Exchange{As: as, Method: "PROPFIND", Path: path, Header: map[string]string{"Depth": depth}, Want: 207})
	return ParseMultistatus(t, a.Body)
}

// Names are the last segments of what a folder holds, itself left out.
func (w *World) Names(t testing.TB, as, path string) (names []string) {
	t.Helper()
	for _, r := range w.Propfind(t, as, path, "1")[1:] {
		s := strings.Split(strings.Trim(r.Path, "/"), "/")
		names = append(names, s[len(s)-1])
	}
	return names
}
