package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example|Benchmark)\w*)\(`)
	testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z0-9]\\w*)`")
)

// Tests returns the names of the tests of all modules below root.
func Tests(root string) (map[string]bool, error) {
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); path != root && (strings.HasPrefix(name, ".") || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range testFunc.FindAllStringSubmatch(string(text), -1) {
			names[match[1]] = true
		}
		return nil
	})
	return names, err
}

// UnknownTests returns an error for each test that the document names and that does not exist.
// A requirement whose test was renamed would otherwise lose its proof unnoticed.
func UnknownTests(document string, tests map[string]bool) []error {
	var problems []error
	for _, match := range testName.FindAllStringSubmatch(document, -1) {
		if !tests[match[1]] {
			problems = append(problems, fmt.Errorf("there is no test %s", match[1]))
		}
	}
	return problems
}
