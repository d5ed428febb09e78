// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	maxFileLines = 500
	maxFuncLines = 80
)

// TestSourceHabits guards the habits of every file and package that CONTRIBUTING.md names.
func TestSourceHabits(t *testing.T) {
	documented := map[string]bool{} // directory → has a package comment
	for _, name := range goFiles(t) {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faultsOf(name, src) {
			t.Error(fault)
		}
		if dir := filepath.Dir(name); !strings.HasSuffix(name, "_test.go") || dir == "." {
			documented[dir] = documented[dir] || hasPackageComment(t, name, src)
		}
	}
	for dir, yes := range documented {
		if !yes {
			t.Errorf("package in %s has no package comment", dir)
		}
		if slices.Contains([]string{"util", "utils", "common", "helpers", "misc"}, filepath.Base(dir)) {
			t.Errorf("package %s: a name that says nothing", dir)
		}
	}
}

func goFiles(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != ".." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".go") {
			names = append(names, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(names) == 0 {
		t.Fatal("no Go files found")
	}
	return names
}

func hasPackageComment(t *testing.T, name string, src []byte) bool {
	f, err := parser.ParseFile(token.NewFileSet(), name, src, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return true
	}
	return f.Doc != nil
}

func faultsOf(name string, src []byte) (faults []string) {
	if !bytes.HasPrefix(src, []byte("// SPDX-License-Identifier: Apache-2.0\n")) {
		faults = append(faults, name+": the first line is not the SPDX line")
	}
	if n := bytes.Count(src, []byte("\n")); n > maxFileLines {
		faults = append(faults, name+": over 500 lines")
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return append(faults, err.Error())
	}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > maxFuncLines && !strings.HasSuffix(name, "_test.go") { // a table of cases may be long
			faults = append(faults, name+": "+fn.Name.Name+" is over 80 lines")
		}
		if fn.Name.Name == "init" && fn.Recv == nil {
			faults = append(faults, name+": init()")
		}
	}
	return faults
}

// TestSourceFaultsAreSeen shows that the guard can bite.
func TestSourceFaultsAreSeen(t *testing.T) {
	src := "package x\n\nfunc init() {" + strings.Repeat("\n", 500) + "}\n"
	if got := faultsOf("x.go", []byte(src)); len(got) != 4 {
		t.Fatalf("want 4 faults (licence, file, function, init), got %q", got)
	}
}
