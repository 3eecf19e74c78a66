// Command readmecheck keeps the Go code that the documents show equal to code that is
// compiled and tested.
//
// In front of a block of Go code stands a comment that says where the code is from:
//
//	<!-- example: example_test.go#ExampleNewGormStore -->
//
// names an example, whose body the block has, without the output comment;
//
//	<!-- example: bff/store.go#UserSessionStore -->
//
// names another function or a type, which is shown as it is declared, and a file alone
// is shown whole. A block of Go code without such a comment is an error.
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
		fresh, found := Refresh(string(text), func(place string) (string, error) {
			return Snippet(root, place)
		})
		stale := fresh != string(text)
		if stale && update {
			if err := os.WriteFile(document, []byte(fresh), 0o644); err != nil {
				return err
			}
			fmt.Println("wrote", filepath.Base(document))
		} else if stale {
			found = append(found, errors.New("the code is not what is compiled (make docs-update)"))
		}
		for _, problem := range found {
			problems = append(problems, fmt.Errorf("%s: %w", filepath.Base(document), problem))
		}
	}
	return errors.Join(problems...)
}

var block = regexp.MustCompile("(?ms)^(<!-- example: (\\S+) -->\n+)?```go\n(.*?)^```$")

// Refresh returns the document with every block of Go code as snippet has it, and
// what is wrong with it otherwise.
func Refresh(document string, snippet func(place string) (string, error)) (string, []error) {
	var problems []error
	fresh := block.ReplaceAllStringFunc(document, func(found string) string {
		match := block.FindStringSubmatch(found)
		comment, place, code := match[1], match[2], match[3]
		if place == "" {
			first, _, _ := strings.Cut(code, "\n")
			problems = append(problems, fmt.Errorf("a block of Go code comes from nowhere: %q", first))
			return found
		}
		code, err := snippet(place)
		if err != nil {
			problems = append(problems, err)
			return found
		}
		return comment + "```go\n" + strings.TrimRight(code, "\n") + "\n```"
	})
	return fresh, problems
}
