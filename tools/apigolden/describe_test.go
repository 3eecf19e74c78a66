package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"testing"
)

const source = `package sample

import "io"

const Limit = 3

var ErrGone error

type Store struct {
	Name string ` + "`gorm:\"column:name\"`" + `
	hidden int
	io.Reader
}

func (s Store) Get(key string) (value []byte, err error) { return nil, nil }
func (s *Store) Put(key string, value []byte) error      { return nil }
func (s *Store) reset()                                  {}

type Getter interface{ Get(key string) ([]byte, error) }
type Names []string
type Alias = io.Writer
type Pair[K comparable] struct{ Key K }

func New(names ...string) *Store { return nil }
func internalOnly()              {}
`

func TestDescribe(t *testing.T) {
	want := []string{
		"package sample",
		"const Limit untyped int = 3",
		"field Pair.Key K",
		"field Store.Name string `gorm:\"column:name\"`",
		"field Store.Reader io.Reader (embedded)",
		"func New(...string) *Store",
		"method (*Store) Put(string, []byte) error",
		"method (Store) Get(string) ([]byte, error)",
		"method Getter.Get(string) ([]byte, error)",
		"type Alias = io.Writer",
		"type Getter interface",
		"type Names []string",
		"type Pair[K comparable] struct",
		"type Store struct",
		"var ErrGone error",
	}
	if got := lines(Describe(check(t, source))); !slices.Equal(got, want) {
		t.Errorf("got:\n%q\nwant:\n%q", got, want)
	}
}

func TestDifference(t *testing.T) {
	removed, added := difference([]byte("package p\nfunc A()\nfunc B()\n"), []byte("package p\nfunc B()\nfunc C()\n"))
	if !slices.Equal(removed, []string{"func A()"}) || !slices.Equal(added, []string{"func C()"}) {
		t.Errorf("removed %q, added %q", removed, added)
	}
}

// check type-checks a package that has one file.
func check(t *testing.T, source string) *types.Package {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "sample.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: importer.ForCompiler(files, "source", nil)}
	pkg, err := config.Check("example.com/sample", files, []*ast.File{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}
