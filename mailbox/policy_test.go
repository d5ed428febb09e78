// SPDX-License-Identifier: Apache-2.0

package mailbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The table of DESIGN.md section 2, written down a second time by hand: what is
// not listed is refused. Letters: L list, R read, C create, P replace, N rename,
// D remove, F make folder, X remove folder, K lock, S set properties, T take
// over, G give back, E release, U return, A recall.
var wanted = []struct {
	role   Role
	place  Place
	policy ReleasePolicy
	object string // file or folder, "other" for the other side's, "own" for the account's own
	rights string
}{
	{Clerk, Root, "", "*", "LR"},
	{Clerk, ToAuthority, "", "file own", "LRCPNDFXKS"},
	{Clerk, ToAuthority, "", "file ours", "LRCPNDFXKS"},
	{Clerk, ToAuthority, "", "file other", "LRCF"},
	{Clerk, ToAuthority, "", "folder own", "LRCPNDFXKS"},
	{Clerk, ToAuthority, "", "folder ours", "LRCPNDFXKS"},
	{Clerk, ToAuthority, "", "folder other", "LRCF"},
	{Clerk, CaseworkerInbox, "", "*", "LR"},
	{Clerk, Outbox, "", "*", ""},

	{Datacentre, ToAuthority, "", "file own", "LCPDKS"},
	{Datacentre, ToAuthority, "", "file ours", "LC"},
	{Datacentre, ToAuthority, "", "file other", "LC"},
	{Datacentre, ToAuthority, "", "folder own", "LC"},
	{Datacentre, ToAuthority, "", "folder ours", "LC"},
	{Datacentre, ToAuthority, "", "folder other", "LC"},

	{Caseworker, Root, Single, "file *", "LRCPNDFXKSA"},
	{Caseworker, Root, Single, "folder *", "LRCPNDFXKSA"},
	{Caseworker, Root, FourEyes, "file *", "LRDFXA"},
	{Caseworker, Root, FourEyes, "folder *", "LRNDFXKSA"},
	{Caseworker, ToAuthority, "", "*", "LRT"},
	{Caseworker, CaseworkerInbox, "", "file *", "LRNDFXG"},
	{Caseworker, CaseworkerInbox, "", "folder *", "LRNDFXKSG"},
	{Caseworker, Outbox, Single, "file *", "LRCPNDFXKSE"},
	{Caseworker, Outbox, Single, "folder *", "LRCPNDFXKS"},
	{Caseworker, Outbox, FourEyes, "*", "LRCPNDFXKS"},

	{Reviewer, Root, "", "*", "LR"},
	{Reviewer, ToAuthority, "", "*", "LR"},
	{Reviewer, CaseworkerInbox, "", "*", "LR"},
	{Reviewer, Outbox, Single, "file *", "LRU"},
	{Reviewer, Outbox, Single, "folder *", "LR"},
	{Reviewer, Outbox, FourEyes, "file *", "LREU"},
	{Reviewer, Outbox, FourEyes, "folder *", "LR"},
}

const letters = "LRCPNDFXKSTGEUA"

func wantedRights(c Case) string {
	object := "file"
	if c.Folder {
		object = "folder"
	}
	whose := "other"
	switch {
	case c.Own:
		whose = "own"
	case c.OwnSide:
		whose = "ours"
	}
	for _, w := range wanted {
		if w.role == c.Role && w.place == c.Place && (w.policy == "" || w.policy == c.Policy) &&
			(w.object == "*" || w.object == object+" *" || w.object == object+" "+whose) {
			return w.rights
		}
	}
	return ""
}

// everyCase walks role × place × policy × kind × whose.
func everyCase(visit func(Case)) {
	for _, role := range Roles {
		for _, place := range Places {
			for _, policy := range []ReleasePolicy{Single, FourEyes} {
				for _, folder := range []bool{false, true} {
					for whose := range 3 {
						visit(Case{Role: role, Place: place, Policy: policy, Folder: folder, OwnSide: whose > 0, Own: whose > 1})
					}
				}
			}
		}
	}
}

// K16, K18, K19, K23, A9, A22, D11, D13, L12, L30: the whole matrix.
func TestEveryRightOfTheMatrix(t *testing.T) {
	n := 0
	everyCase(func(c Case) {
		want := wantedRights(c)
		for i, r := range Rights {
			n++
			if got := c.May(r); got != strings.ContainsRune(want, rune(letters[i])) {
				t.Errorf("%+v: %s is %v", c, r, got)
			}
		}
	})
	if n != len(Roles)*4*2*2*3*len(Rights) {
		t.Fatalf("walked %d cases", n)
	}
}

// L8: a machine account may write into the root under four-eyes where the
// installation says so; nothing else changes for it.
func TestDirectReleaseOpensOnlyTheRoot(t *testing.T) {
	everyCase(func(c Case) {
		direct := c
		direct.Direct = true
		for _, r := range Rights {
			opened := direct.May(r) && !c.May(r)
			expected := c.Role == Caseworker && c.Place == Root && c.Policy == FourEyes && !c.Folder &&
				slices.Contains([]Right{ToCreate, ToReplace, ToRename, ToLock, ToSetProperties}, r) ||
				c.Role == Caseworker && c.Place == Root && c.Policy == FourEyes && c.Folder && (r == ToCreate || r == ToReplace)
			if opened != expected {
				t.Errorf("%+v %s: opened %v, expected %v", c, r, opened, expected)
			}
		}
	})
}

// Every pair from → to, by MOVE and by COPY (DESIGN.md section 2).
func TestEveryPairOfPlaces(t *testing.T) {
	moves := map[[2]Place]Right{
		{Root, Root}: ToRename, {ToAuthority, ToAuthority}: ToRename, {CaseworkerInbox, CaseworkerInbox}: ToRename, {Outbox, Outbox}: ToRename,
		{ToAuthority, CaseworkerInbox}: ToTakeOver, {CaseworkerInbox, ToAuthority}: ToGiveBack, {Outbox, Root}: ToRelease, {Root, Outbox}: ToRecall,
	}
	neverCopied := map[[2]Place]bool{{ToAuthority, CaseworkerInbox}: true, {CaseworkerInbox, ToAuthority}: true, {Outbox, Root}: true}
	for _, from := range Places {
		for _, to := range Places {
			pair := [2]Place{from, to}
			want, leads := moves[pair]
			for _, role := range Roles {
				if got, ok := MoveRight(role, from, to, false); ok != leads || got != want {
					t.Errorf("%s MOVE %d → %d: %v %v", role, from, to, got, ok)
				}
			}
			if got := CopyAllowed(from, to); got == neverCopied[pair] {
				t.Errorf("COPY %d → %d: %v", from, to, got)
			}
		}
	}
	if r, ok := MoveRight(Reviewer, Outbox, Outbox, true); !ok || r != ToReturn {
		t.Errorf("a reviewer's move into the returned documents is %v", r)
	}
	if r, ok := MoveRight(Caseworker, Outbox, Outbox, true); !ok || r != ToRename {
		t.Errorf("a caseworker's move into the returned documents is %v", r)
	}
}

// docs/matrix.md is what the code says; run with UPDATE=1 to write it anew.
func TestMatrixDocument(t *testing.T) {
	file := filepath.Join("..", "docs", "matrix.md")
	got := matrixDocument()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil || string(have) != got {
		t.Fatalf("docs/matrix.md is not what the code says (%v): run UPDATE=1 go test ./mailbox -run MatrixDocument", err)
	}
}

func matrixDocument() string {
	var b strings.Builder
	b.WriteString("# Who may do what\n\nWritten by a test from the code (`mailbox/policy.go`). Roles that are missing here touch no files.\n" +
		"\"own\" is the account's own object, \"ours\" one of its side, \"other\" one of the other side.\n")
	names := FolderNames{ToAuthority: "an_KVBbg", CaseworkerInbox: "KVBBG-SB-Posteingang", Outbox: "Postausgang"}
	for _, policy := range []ReleasePolicy{Single, FourEyes} {
		fmt.Fprintf(&b, "\n## Release policy `%s`\n\n| role | place | object | may |\n|---|---|---|---|\n", policy)
		for _, role := range Roles {
			for _, place := range Places {
				if role.Files() {
					matrixRows(&b, Case{Role: role, Place: place, Policy: policy}, names.Of(place))
				}
			}
		}
	}
	b.WriteString("\n## MOVE and COPY between places of one mailbox\n\nMOVE needs the right named at the source; an empty cell is refused. COPY needs read there and create here.\n\n| from | to | MOVE is | COPY |\n|---|---|---|---|\n")
	for _, from := range Places {
		for _, to := range Places {
			right := ""
			if r, leads := MoveRight(Caseworker, from, to, false); leads {
				right = r.String()
			}
			copied := "as the rights say"
			if !CopyAllowed(from, to) {
				copied = "refused"
			}
			fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", names.Of(from), names.Of(to), right, copied)
		}
	}
	b.WriteString("\nA reviewer's MOVE inside the outbox into the folder of returned documents is a return. A folder is never released as one. Nothing moves or is copied from one mailbox to another.\n")
	return b.String()
}

// matrixRows writes one row per kind of object, more where it matters whose it is.
func matrixRows(b *strings.Builder, c Case, place string) {
	for _, kind := range []string{"file", "folder"} {
		c.Folder = kind == "folder"
		var rows []string
		for whose := range 3 {
			c.OwnSide, c.Own = whose > 0, whose > 1
			var may []string
			for _, r := range Rights {
				if c.May(r) {
					may = append(may, r.String())
				}
			}
			rows = append(rows, fmt.Sprintf("| %s |", strings.Join(may, ", ")))
		}
		if rows[0] == rows[1] && rows[1] == rows[2] {
			fmt.Fprintf(b, "| %s | `%s` | %s %s\n", c.Role, place, kind, rows[0])
			continue
		}
		for whose, label := range []string{"other", "ours", "own"} {
			fmt.Fprintf(b, "| %s | `%s` | %s, %s %s\n", c.Role, place, kind, label, rows[whose])
		}
	}
}
