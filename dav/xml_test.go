// SPDX-License-Identifier: Apache-2.0

package dav

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"

	"postfach/mailbox"
)

func TestReadPropfind(t *testing.T) {
	for body, want := range map[string]string{
		"":             "all",
		"  \r\n":       "all",
		"\xef\xbb\xbf": "all",
		`<propfind xmlns="DAV:"><allprop/></propfind>`:                                                                          "all",
		`<D:propfind xmlns:D="DAV:"><D:allprop/><D:include><D:lockdiscovery/></D:include></D:propfind>`:                         "all DAV:lockdiscovery",
		`<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:"><D:propname/></D:propfind>`:                           "names",
		`<d:propfind xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns"><d:prop><d:getetag/><oc:id/></d:prop>M</d:propfind>`:      " DAV:getetag http://owncloud.org/nsid", // the stray M of owncloudcmd
		`<D:propfind xmlns:D="DAV:"><D:prop><D:a/><D:a/><b xmlns="u"/><c/></D:prop><x xmlns="v"/></D:propfind>`:                 " DAV:a ub c",
		`<D:propfind xmlns:D="DAV:"><D:prop/></D:propfind>`:                                                                     "",
		`<D:propfind xmlns:D='DAV:'><!-- c --><D:prop><executable xmlns="http://apache.org/dav/props/"/></D:prop></D:propfind>`: " http://apache.org/dav/props/executable",
	} {
		f, err := readPropfind(strings.NewReader(body))
		got := ""
		if f.allprop {
			got += "all"
		}
		if f.propname {
			got += "names"
		}
		for _, n := range f.props {
			got += " " + n.Space + n.Local
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", body, got, err, want)
		}
	}
	for _, bad := range []string{
		`<foo`, `<foo/>`, `<propfind/>`, `<propfind xmlns="DAV:"/>`, `<D:propfind xmlns:D="DAV:">`, `<D:propfind><D:prop/></D:propfind>`,
		`<D:propfind xmlns:D="DAV:"><D:prop><bar:foo xmlns:bar=""/></D:prop></D:propfind>`, // litmus propfind_invalid2
		`<D:propfind xmlns:D="DAV:"><D:allprop/><D:propname/></D:propfind>`,
		`<D:propfind xmlns:D="DAV:"><D:prop/><D:allprop/></D:propfind>`,
		`<D:propfind xmlns:D="DAV:"><D:prop><x:y/></D:prop></D:propfind>`,
		`<D:propfind xmlns:D="DAV:"><D:prop></D:propfind></D:prop>`,
		`<D:propfind xmlns:D="DAV:"><D:prop><:a/></D:prop></D:propfind>`,
		`<D:propfind xmlns:D="DAV:" a="1" a="2"><D:prop/></D:propfind>`,
		`<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind><x/>`, `x<D:propfind xmlns:D="DAV:"><D:allprop/></D:propfind>`,
		`<D:propfind xmlns:D="DAV:"><D:prop><D:a>&nbsp;</D:a></D:prop></D:propfind>`,
		"<propfind xmlns='DAV:'><prop><\xff/></prop></propfind>",
		`<?xml version="1.0" encoding="iso-8859-1"?><propfind xmlns="DAV:"><allprop/></propfind>`,
		`<propfind xmlns="DAV:"><prop>` + strings.Repeat("<a/>", maxProps) + manyNames(maxProps+1) + `</prop></propfind>`,
	} {
		if f, err := readPropfind(strings.NewReader(bad)); mailbox.KindOf(err) != mailbox.Invalid || err == nil {
			t.Errorf("%.80s: %+v, %v; want Invalid", bad, f, err)
		}
	}
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<n%d/>", i)
	}
	return b.String()
}

// attacks are bodies that would cost a careless parser memory or time (issue 2:
// answered 400 quickly and without memory growth).
func attacks() map[string]string {
	var bomb strings.Builder
	bomb.WriteString(`<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a0 "lol">`)
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&bomb, `<!ENTITY a%d "%s">`, i, strings.Repeat(fmt.Sprintf("&a%d;", i-1), 10))
	}
	bomb.WriteString(`]><propfind xmlns="DAV:"><prop>&a9;</prop></propfind>`)
	wide := "\ufeff" + `<?xml version="1.0" encoding="utf-16"?><propfind xmlns="DAV:"><allprop/></propfind>`
	var le, be bytes.Buffer
	for _, u := range utf16.Encode([]rune(wide)) {
		le.Write([]byte{byte(u), byte(u >> 8)})
		be.Write([]byte{byte(u >> 8), byte(u)})
	}
	var scope strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&scope, ` xmlns:n%d="u"`, i)
	}
	return map[string]string{
		"entity bomb":      bomb.String(),
		"external entity":  `<!DOCTYPE p [<!ENTITY e SYSTEM "file:///etc/passwd">]><propfind xmlns="DAV:"><prop>&e;</prop></propfind>`,
		"doctype inside":   `<propfind xmlns="DAV:"><!DOCTYPE x><allprop/></propfind>`,
		"deep nesting":     strings.Repeat("<a>", 8000),
		"deep but closed":  strings.Repeat("<a>", 5000) + strings.Repeat("</a>", 5000),
		"huge attribute":   `<propfind xmlns="DAV:" x="` + strings.Repeat("a", 10<<20) + `"><allprop/></propfind>`,
		"huge name":        `<` + strings.Repeat("a", 10<<20) + `/>`,
		"many attributes":  `<propfind xmlns="DAV:"` + manyAttrs(3000) + `><allprop/></propfind>`,
		"many namespaces":  `<propfind xmlns="DAV:"` + scope.String() + `><allprop/></propfind>`,
		"many elements":    `<propfind xmlns="DAV:"><allprop/>` + strings.Repeat("<a/>", 16000) + `</propfind>`,
		"endless text":     `<propfind xmlns="DAV:">` + strings.Repeat("x", 10<<20),
		"utf-16 little":    le.String(),
		"utf-16 big":       be.String(),
		"zero bytes":       "<propfind xmlns=\"DAV:\">\x00</propfind>",
		"control in text":  "<propfind xmlns=\"DAV:\"><allprop/>\x01</propfind>",
		"undeclared in it": `<propfind xmlns="DAV:"><allprop/><a:b xmlns:a="u" c:d="e"/></propfind>`,
	}
}

func manyAttrs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d=""`, i)
	}
	return b.String()
}

func TestXMLAttacks(t *testing.T) {
	for name, body := range attacks() {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := readPropfind(strings.NewReader(body))
			runtime.ReadMemStats(&after)
			if mailbox.KindOf(err) != mailbox.Invalid || err == nil {
				t.Errorf("%v; want Invalid", err)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
				t.Errorf("%d bytes allocated", grown)
			}
		})
	}
}

func TestReadPropertyUpdate(t *testing.T) {
	body := `<?xml version="1.0"?>
<D:propertyupdate xmlns:D="DAV:" xmlns:Z="http://z/" xml:lang="de">
 <D:set><D:prop><Z:a q="1&amp;2">x &lt; y<Z:b/><c xmlns="u" Z:d="e"><D:f>ü</D:f></c></Z:a></D:prop></D:set>
 <D:remove><D:prop><Z:gone>ignored</Z:gone></D:prop></D:remove>
 <D:set><D:prop xml:lang="en"><plain xmlns="">1</plain><q xmlns="v">Z:value</q></D:prop></D:set>
</D:propertyupdate>`
	ps, err := readPropertyUpdate(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`set {http://z/ a} <Z:a xmlns:D="DAV:" xmlns:Z="http://z/" q="1&amp;2" xml:lang="de">x &lt; y<Z:b/><c xmlns="u" Z:d="e"><D:f>ü</D:f></c></Z:a>`,
		`remove {http://z/ gone} `,
		`set { plain} <plain xml:lang="en">1</plain>`,
		`set {v q} <q xmlns:Z="http://z/" xmlns="v" xml:lang="en">Z:value</q>`,
	}
	for i, p := range ps {
		verb := "set"
		if p.remove {
			verb = "remove"
		}
		if got := fmt.Sprintf("%s %v %s", verb, p.name, p.xml); i >= len(want) || got != want[i] {
			t.Errorf("%d: %s", i, got)
		}
	}
	if len(ps) != len(want) {
		t.Errorf("%d instructions", len(ps))
	}
	for _, bad := range []string{"", `<x/>`, `<propertyupdate xmlns="DAV:"/>`, `<propertyupdate xmlns="DAV:"><set/></propertyupdate>`,
		`<propertyupdate xmlns="DAV:"><set><prop/></set></propertyupdate>`} {
		if _, err := readPropertyUpdate(strings.NewReader(bad)); mailbox.KindOf(err) != mailbox.Invalid || err == nil {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestReadLockInfo(t *testing.T) {
	// As Explorer sends it.
	body := `<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>` +
		`<D:locktype><D:write/></D:locktype><D:owner><D:href>DOMAIN\anna</D:href></D:owner></D:lockinfo>`
	info, refresh, err := readLockInfo(strings.NewReader(body))
	if err != nil || refresh || !info.exclusive || info.owner != `<D:href xmlns:D="DAV:">DOMAIN\anna</D:href>` {
		t.Errorf("%+v, %v, %v", info, refresh, err)
	}
	info, _, err = readLockInfo(strings.NewReader(`<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype><owner> Zoë &amp; Co</owner></lockinfo>`))
	if err != nil || info.exclusive || info.owner != " Zoë &amp; Co" {
		t.Errorf("%+v, %v", info, err)
	}
	if _, refresh, err := readLockInfo(strings.NewReader("")); !refresh || err != nil {
		t.Errorf("empty: %v, %v", refresh, err)
	}
	for _, bad := range []string{
		`<lockinfo xmlns="DAV:"/>`, `<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope></lockinfo>`,
		`<lockinfo xmlns="DAV:"><lockscope/><locktype><write/></locktype></lockinfo>`,
		`<lockinfo xmlns="DAV:"><lockscope><shared/><exclusive/></lockscope><locktype><write/></locktype></lockinfo>`,
		`<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype><owner>` + strings.Repeat("x", maxOwner+1) + `</owner></lockinfo>`,
	} {
		if _, _, err := readLockInfo(strings.NewReader(bad)); mailbox.KindOf(err) != mailbox.Invalid || err == nil {
			t.Errorf("%.90s: %v", bad, err)
		}
	}
}

// FuzzReadXML: a value that is kept can be read again by another parser with
// every name in the same namespace, and is written out the same the second
// time.
func FuzzReadXML(f *testing.F) {
	f.Add(`<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><a xmlns="u" b:c="d" xmlns:b="v">t<b:e/></a></D:prop></D:set></D:propertyupdate>`)
	f.Add(`<propfind xmlns="DAV:"><prop><x:a xmlns:x="y">x:b</x:a></prop></propfind>`)
	for _, body := range attacks() {
		if len(body) < 4096 {
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		root, err := readXML(strings.NewReader(s))
		if err != nil || root == nil {
			return
		}
		once := root.element()
		names, err := walk(once)
		if err != nil {
			t.Fatalf("%q: %q is not well-formed: %v", s, once, err)
		}
		if want := root.flat(nil); fmt.Sprint(names) != fmt.Sprint(want) {
			t.Fatalf("%q: %q has %v, want %v", s, once, names, want)
		}
		if len(once) > maxXML {
			return
		}
		second, err := readXML(strings.NewReader(once))
		if err != nil || second == nil || second.element() != once {
			t.Fatalf("%q: %q is not stable: %v", s, once, err)
		}
	})
}

func (n *node) flat(names []xml.Name) []xml.Name {
	names = append(names, xml.Name{Space: n.space, Local: n.local})
	for _, c := range n.children {
		if c.node != nil {
			names = c.node.flat(names)
		}
	}
	return names
}

func walk(s string) ([]xml.Name, error) {
	var names []xml.Name
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		tok, err := d.Token()
		if err != nil {
			if len(names) > 0 && err.Error() == "EOF" {
				err = nil
			}
			return names, err
		}
		if e, ok := tok.(xml.StartElement); ok {
			names = append(names, e.Name)
		}
	}
}

func FuzzAppendText(f *testing.F) {
	f.Add("a<b>&\"\x00\xff\ufffe\t")
	f.Fuzz(func(t *testing.T, s string) {
		d := xml.NewDecoder(strings.NewReader("<a b=\"" + string(appendText(nil, s)) + "\"/>"))
		tok, err := d.Token()
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		want := strings.Map(func(r rune) rune {
			if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
				return '\uFFFD'
			}
			return r
		}, strings.ToValidUTF8(s, "\x00"))
		// ToValidUTF8 joins runs of invalid bytes; compare without counting them.
		got := tok.(xml.StartElement).Attr[0].Value
		squeeze := func(s string) string {
			for strings.Contains(s, "\uFFFD\uFFFD") {
				s = strings.ReplaceAll(s, "\uFFFD\uFFFD", "\uFFFD")
			}
			return s
		}
		if squeeze(got) != squeeze(want) {
			t.Fatalf("%q: %q, want %q", s, got, want)
		}
	})
}

func BenchmarkReadPropfind(b *testing.B) {
	body, err := os.ReadFile("testdata/propfind-owncloud.xml")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readPropfind(bytes.NewReader(body)); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzReadPropertyUpdate: what x/net/webdav is given names the same properties
// in the same order, and every kept value is one well-formed element.
func FuzzReadPropertyUpdate(f *testing.F) {
	f.Add(`<D:propertyupdate xmlns:D="DAV:" xmlns:n="u"><D:set><D:prop><n:a>1</n:a></D:prop></D:set><D:remove><D:prop><b/></D:prop></D:remove></D:propertyupdate>`)
	f.Fuzz(func(t *testing.T, s string) {
		ps, err := readPropertyUpdate(strings.NewReader(s))
		if err != nil {
			return
		}
		again, err := readPropertyUpdate(strings.NewReader(rewrite(ps)))
		if err != nil || len(again) != len(ps) {
			t.Fatalf("%q: %q: %d of %d, %v", s, rewrite(ps), len(again), len(ps), err)
		}
		for i, p := range ps {
			name := again[i].name
			if name == modifiedAlias {
				name = lastModifiedName
			}
			if name != p.name && p.name != modifiedAlias || again[i].remove != p.remove {
				t.Fatalf("%q: %v became %v", s, p.name, name)
			}
			if !p.remove {
				if names, err := walk(p.xml); err != nil || names[0] != p.name {
					t.Fatalf("%q: %q: %v %v", s, p.xml, names, err)
				}
			}
		}
	})
}

// FuzzReadLockInfo: a kept owner can stand inside any answer.
func FuzzReadLockInfo(f *testing.F) {
	f.Add(`<lockinfo xmlns="DAV:"><lockscope><shared/></lockscope><locktype><write/></locktype><owner>a<b/></owner></lockinfo>`)
	f.Fuzz(func(t *testing.T, s string) {
		info, _, err := readLockInfo(strings.NewReader(s))
		if err != nil {
			return
		}
		if _, err := walk("<x>" + info.owner + "</x>"); err != nil {
			t.Fatalf("%q: owner %q: %v", s, info.owner, err)
		}
	})
}
