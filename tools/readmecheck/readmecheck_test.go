package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const example = `package sample_test

func ExampleNew() {
	store, err := New()
	if err != nil {
		panic(err)
	}
	// The store is ready.
	store.Use()

	// Output:
	// used
}

// use is not an example.
func use() {
	New()
}

// A Getter gets.
type Getter interface {
	Get() string
}

type one struct{}

func (*one) Get() string { return "1" }
`

func TestSnippet(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "example_test.go"), []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"example_test.go":             example,
		"example_test.go#ExampleNew":  "store, err := New()\nif err != nil {\n\tpanic(err)\n}\n// The store is ready.\nstore.Use()",
		"example_test.go#use":         "func use() {\n\tNew()\n}",
		"example_test.go#Getter":      "type Getter interface {\n\tGet() string\n}",
		"example_test.go#one,one.Get": "type one struct{}\n\nfunc (*one) Get() string { return \"1\" }",
	} {
		got, err := Snippet(root, source)
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", source, got, err, want)
		}
	}
	for _, source := range []string{"example_test.go#Gone", "example_test.go#Get", "example_test.go#use,gone", "gone.go"} {
		if _, err := Snippet(root, source); err == nil {
			t.Errorf("%s: no error", source)
		}
	}
}

func TestRefresh(t *testing.T) {
	snippet := func(source string) (string, error) {
		if source != "a.go#F" {
			return "", errors.New("no " + source)
		}
		return "f()\n", nil
	}
	const marker = "<!-- example: a.go#F -->\n"
	tests := map[string]struct {
		document, want, problem string
	}{
		"equal":      {marker + "```go\nf()\n```\n", marker + "```go\nf()\n```\n", ""},
		"stale":      {marker + "\n```go\ng()\n```\n", marker + "\n```go\nf()\n```\n", ""},
		"unmarked":   {"```go\nf()\n```\n", "```go\nf()\n```\n", "no comment"},
		"not found":  {"<!-- example: b.go -->\n```go\nx\n```\n", "<!-- example: b.go -->\n```go\nx\n```\n", "no b.go"},
		"not Go":     {"```sh\nmake\n```\n", "```sh\nmake\n```\n", ""},
		"HTML":       {marker + "```html\nx\n```\n", marker + "```html\nf()\n```\n", ""},
		"diff":       {marker + "```diff\n-g()\n+f()\n```\n", marker + "```diff\n-g()\n+f()\n```\n", ""},
		"diff stale": {marker + "```diff\n-g()\n+f()\n h()\n```\n", marker + "```diff\n-g()\n+f()\n h()\n```\n", "after the diff"},
		"a second":   {"```sh\nmake\n```\n" + marker + "```go\ng()\n```\n", "```sh\nmake\n```\n" + marker + "```go\nf()\n```\n", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, problems := Refresh(test.document, snippet)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			problem := ""
			if err := errors.Join(problems...); err != nil {
				problem = err.Error()
			}
			if (test.problem == "") != (problem == "") || !strings.Contains(problem, test.problem) {
				t.Errorf("got problem %q, want %q", problem, test.problem)
			}
		})
	}
}

// TestRun_Documents checks and updates the documents of every directory of the repository, and no others.
func TestRun_Documents(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const stale = "<!-- example: page.html -->\n```html\nold\n```\n"
	write("page.html", "new\n")
	documents := map[string]bool{
		"README.md": true, "docs/bff.md": true, "adapters/scsstore/README.md": true,
		"bin/x.md": false, ".cache/x.md": false, "examples/node_modules/x.md": false,
	}
	for name := range documents {
		write(name, stale)
	}
	err := run(root, false)
	for name, want := range documents {
		name = filepath.FromSlash(name)
		if got := err != nil && strings.Contains(err.Error(), name+": the code differs"); got != want {
			t.Errorf("%s is reported: %t, want %t: %v", name, got, want, err)
		}
	}
	if err := run(root, true); err != nil {
		t.Fatal(err)
	}
	if err := run(root, false); err != nil {
		t.Errorf("after the update: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "docs", "bff.md")); err != nil || !strings.Contains(string(text), "new") {
		t.Errorf("docs/bff.md: %q, %v", text, err)
	}
}

func TestUnknownTests(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "example_test.go"), []byte("package p\n\nfunc TestThere(t *testing.T) {\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests, err := Tests(root)
	if err != nil {
		t.Fatal(err)
	}
	problems := UnknownTests("`TestThere` proves it, `TestGone` (`pkg`) does not, and `Testing` is a word", tests)
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), "TestGone") {
		t.Errorf("got %v, want the name TestGone", problems)
	}
}
