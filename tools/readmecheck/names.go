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
	files, err := filesBelow(root, ".go")
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, match := range testFunc.FindAllStringSubmatch(string(text), -1) {
			names[match[1]] = true
		}
	}
	return names, nil
}

// filesBelow returns the files with the extension in root and the directories below it. It
// leaves out directories that are not part of the repository.
func filesBelow(root, extension string) (files []string, err error) {
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name := entry.Name(); path != root && (strings.HasPrefix(name, ".") || name == "node_modules" || name == "bin") {
				return filepath.SkipDir
			}
		case filepath.Ext(path) == extension:
			files = append(files, path)
		}
		return nil
	})
	return files, err
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
