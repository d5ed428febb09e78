// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// authority reads who runs the server.
func (l *loader) authority(s *section) {
	defer s.done()
	a := &l.c.Authority
	a.Name = s.required("name", "Kommunaler Versorgungsverband Beispiel")
	a.Short = cmp.Or(s.text("short"), a.Name)
	a.Language = s.choice("language", "de", "en")
	zone, _ := parseZone("Europe/Berlin") // embedded, cannot fail
	a.Timezone = value(s, "timezone", zone, parseZone)
	a.ServiceContact = s.required("service_contact", "Telefon 0331 12345, service@example.org")
	a.SecurityAddress = value(s, "security_address", "", parseAddress)
	if !s.given("security_address") {
		s.required("security_address", "sicherheit@example.org")
	}
}

// folders reads the names that exist in every mailbox.
func (l *loader) folders(s *section) {
	defer s.done()
	f := &l.c.Folders
	seen := map[string]string{"root": "the word for the root itself"}
	for _, one := range []struct {
		key, name string
		to        *string
	}{
		{"to_authority", "an_KVBbg", &f.ToAuthority},
		{"caseworker_inbox", "KVBBG-SB-Posteingang", &f.CaseworkerInbox},
		{"outbox", "Postausgang", &f.Outbox},
		{"returned", "Zurückgewiesen", &f.Returned},
	} {
		*one.to = value(s, one.key, one.name, parseFolder)
		twin := cases.Fold().String(*one.to)
		if first, ok := seen[twin]; ok {
			s.fault(one.key, "%q is the same as %s", *one.to, first)
		}
		seen[twin] = "folders." + one.key
	}
}

// parseFolder reads a folder name that every client can write.
func parseFolder(text string) (string, error) {
	name := norm.NFC.String(text)
	switch {
	case len(name) > 100:
		return "", fmt.Errorf("%q is over 100 bytes", text)
	case strings.ContainsAny(name, `\/:*?"<>|.%#+~`):
		return "", fmt.Errorf(`%q holds one of \ / : * ? " < > | . %% # + ~, which not every client can write`, text)
	case strings.TrimSpace(name) != name:
		return "", fmt.Errorf("%q begins or ends with a space", text)
	}
	base := strings.ToLower(name)
	if strings.Contains(" con prn aux nul ", " "+base+" ") ||
		len(base) == 4 && (base[:3] == "com" || base[:3] == "lpt") && base[3] >= '0' && base[3] <= '9' {
		return "", fmt.Errorf("%q is a reserved name of Windows", text)
	}
	return name, nil
}

func (l *loader) names(s *section) {
	defer s.done()
	l.c.Names.MemberNumber = value(s, "member_number", nil, parseNumberPattern)
}

// places reads where catalog and storage lie.
func (l *loader) places(top *section) {
	l.c.Catalog = value(top, "catalog", Place{}, l.catalog)
	l.c.Storage = value(top, "storage", Place{}, l.storage)
	if !top.given("catalog") {
		top.required("catalog", exampleCatalog)
	}
	if !top.given("storage") {
		top.required("storage", exampleStorage)
	}
	l.c.StorageReserve = value(top, "storage_reserve", 128*mib, sizeBetween(mib, tib, ""))
	if l.c.Catalog.Kind == "sqlite" && l.c.Storage.Kind == "dir" && within(l.c.Catalog.Path, l.c.Storage.Path) {
		top.fault("catalog", "%s lies inside the storage, which holds nothing but contents", l.c.Catalog.Path)
	}
}

// place reads KIND:PATH.
func (l *loader) place(kind, text, example string) (Place, error) {
	given, path, _ := strings.Cut(text, ":")
	if given != kind || path == "" {
		return Place{}, fmt.Errorf("%q is not of the form %s:PATH, for example %s", text, kind, example)
	}
	return Place{Kind: kind, Path: l.resolve(path)}, nil
}

// within says whether path is folder or lies below it.
func within(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}
