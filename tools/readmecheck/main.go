// Command readmecheck keeps the code in the documents equal to code that is compiled and
// tested. The documents are the files *.md of all directories, except bin, node_modules and
// those whose names begin with a dot.
//
// A comment in front of a block of code names the source of the code:
//
//	<!-- example: example_test.go#ExampleNewGormStore -->
//
// names an example: the block has its body without the output comment;
//
//	<!-- example: bff/store.go#UserSessionStore -->
//
// names another function or a type: the block has its declaration. A file without a name
// stands for the whole file, in any language. A block of Go code without such a comment is an
// error.
//
// In a block of the language diff, the lines that stay and the added lines are the snippet. Such
// a block is compared and never written.
//
// A test that a document names, such as `TestSnippet`, must exist.
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
	documents, err := filesBelow(root, ".md")
	if err != nil {
		return err
	}
	tests, err := Tests(root)
	if err != nil {
		return err
	}
	var problems []error
	for _, document := range documents {
		text, err := os.ReadFile(document)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, document)
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
			fmt.Println("wrote", name)
		} else if stale {
			found = append(found, errors.New("the code differs from its source: run make docs-update"))
		}
		found = append(found, UnknownTests(string(text), tests)...)
		for _, problem := range found {
			problems = append(problems, fmt.Errorf("%s: %w", name, problem))
		}
	}
	return errors.Join(problems...)
}

var block = regexp.MustCompile("(?ms)^(<!-- example: (\\S+) -->\n+)?```(\\w+)\n(.*?)^```$")

// Refresh returns the document with every block of code replaced by the snippet that its
// comment names. It also returns an error for each block of Go code without a comment, for
// each diff to other code, and for each error of snippet; such a block is unchanged.
func Refresh(document string, snippet func(source string) (string, error)) (string, []error) {
	var problems []error
	fresh := block.ReplaceAllStringFunc(document, func(found string) string {
		match := block.FindStringSubmatch(found)
		comment, source, language, code := match[1], match[2], match[3], match[4]
		if source == "" && language != "go" {
			return found
		}
		if source == "" {
			first, _, _ := strings.Cut(code, "\n")
			problems = append(problems, fmt.Errorf("a block of Go code has no comment that names its source: %q", first))
			return found
		}
		snippet, err := snippet(source)
		if err != nil {
			problems = append(problems, err)
			return found
		}
		snippet = strings.TrimRight(snippet, "\n")
		if language == "diff" {
			if after(code) != snippet {
				problems = append(problems, fmt.Errorf("after the diff, the code differs from %s", source))
			}
			return found
		}
		return comment + "```" + language + "\n" + snippet + "\n```"
	})
	return fresh, problems
}

// after returns the code after the diff.
func after(diff string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(diff, "\n"), "\n") {
		if !strings.HasPrefix(line, "-") {
			lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(line, "+"), " "))
		}
	}
	return strings.Join(lines, "\n")
}
