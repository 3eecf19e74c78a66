// Command readmecheck keeps the Go code in the documents equal to code that is compiled and
// tested.
//
// A comment in front of a block of Go code names the source of the code:
//
//	<!-- example: example_test.go#ExampleNewGormStore -->
//
// names an example: the block has its body without the output comment;
//
//	<!-- example: bff/store.go#UserSessionStore -->
//
// names another function or a type: the block has its declaration. A file without a name
// stands for the whole file. A block of Go code without such a comment is an error.
//
//	readmecheck -root ..           compares
//	readmecheck -root .. -update   copies the code into the documents
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	root := flag.String("root", ".", "the root of the repository")
	update := flag.Bool("update", false, "copy the code into the documents")
	flag.Parse()

	if err := run(*root, *update); err != nil {
		fmt.Fprintln(os.Stderr, "readmecheck:", err)
		os.Exit(1)
	}
}

func run(root string, update bool) error {
	documents, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		return err
	}
	var problems []error
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			return err
		}
		fresh, found := Refresh(string(text), func(source string) (string, error) {
			return Snippet(root, source)
		})
		stale := fresh != string(text)
		if stale && update {
			if err := os.WriteFile(document, []byte(fresh), 0o644); err != nil {
				return err
			}
			fmt.Println("wrote", filepath.Base(document))
		} else if stale {
			found = append(found, errors.New("the code differs from its source: run make docs-update"))
		}
		for _, problem := range found {
			problems = append(problems, fmt.Errorf("%s: %w", filepath.Base(document), problem))
		}
	}
	return errors.Join(problems...)
}

var block = regexp.MustCompile("(?ms)^(<!-- example: (\\S+) -->\n+)?```go\n(.*?)^```$")

// Refresh returns the document with every block of Go code replaced by the snippet that its
// comment names. It also returns an error for each block without a comment and for each
// error of snippet; such a block is unchanged.
func Refresh(document string, snippet func(source string) (string, error)) (string, []error) {
	var problems []error
	fresh := block.ReplaceAllStringFunc(document, func(found string) string {
		match := block.FindStringSubmatch(found)
		comment, source, code := match[1], match[2], match[3]
		if source == "" {
			first, _, _ := strings.Cut(code, "\n")
			problems = append(problems, fmt.Errorf("a block of Go code has no comment that names its source: %q", first))
			return found
		}
		code, err := snippet(source)
		if err != nil {
			problems = append(problems, err)
			return found
		}
		return comment + "```go\n" + strings.TrimRight(code, "\n") + "\n```"
	})
	return fresh, problems
}
