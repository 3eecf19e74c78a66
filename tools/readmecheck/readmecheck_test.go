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
`

func TestSnippet(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "example_test.go"), []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	for source, want := range map[string]string{
		"example_test.go":            example,
		"example_test.go#ExampleNew": "store, err := New()\nif err != nil {\n\tpanic(err)\n}\n// The store is ready.\nstore.Use()",
		"example_test.go#use":        "func use() {\n\tNew()\n}",
		"example_test.go#Getter":     "type Getter interface {\n\tGet() string\n}",
	} {
		got, err := Snippet(root, source)
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %q", source, got, err, want)
		}
	}
	for _, source := range []string{"example_test.go#Gone", "gone.go"} {
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
		"equal":     {marker + "```go\nf()\n```\n", marker + "```go\nf()\n```\n", ""},
		"stale":     {marker + "\n```go\ng()\n```\n", marker + "\n```go\nf()\n```\n", ""},
		"unmarked":  {"```go\nf()\n```\n", "```go\nf()\n```\n", "no comment"},
		"not found": {"<!-- example: b.go -->\n```go\nx\n```\n", "<!-- example: b.go -->\n```go\nx\n```\n", "no b.go"},
		"not Go":    {"```sh\nmake\n```\n", "```sh\nmake\n```\n", ""},
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
