// Command mutants breaks the code in the places of a list, one at a time, and checks that the test
// that proves the requirement then fails. So no requirement in SECURITY.md loses its proof
// unnoticed. The sources stay as they are: go test gets the changed file as an overlay.
//
//	mutants -root .. [-run REGEXP] [-find]
//
// With -find it runs all tests of the package, and prints those that fail.
//
//	mutants -root .. -all [-run REGEXP] [-v] [DIRECTORY...]
//
// With -all it makes the usual changes of mutation testing in whole packages instead: comparisons,
// boundaries, logical and arithmetic operators, negations, returned values, removed statements,
// break and continue. A change that no test notices must be in the list of equivalent ones, and
// 95 % of the changes of covered code must be noticed. -run selects changes by the text that -v
// prints for each of them.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A mutant is a change of the code that must not survive.
type mutant struct {
	requirement string
	file        string // from the root
	old, new    string // old occurs in the file exactly once
	pkg         string // the directory of the tests, from the root; "" for the file's
	test        string // must fail
}

func main() {
	root := flag.String("root", ".", "the root of the repository")
	only := flag.String("run", "", "a regular expression: only the mutants whose requirement matches")
	find := flag.Bool("find", false, "print the tests that fail")
	all := flag.Bool("all", false, "measure the tests of whole packages")
	verbose := flag.Bool("v", false, "with -all, print the result of every change")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if expression := regexp.MustCompile(*only); *all {
		err = measureAll(ctx, *root, flag.Args(), expression, *verbose)
	} else {
		err = run(ctx, *root, expression, *find)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// workers is the number of mutants that are tested at once.
const workers = 2

func run(ctx context.Context, root string, only *regexp.Regexp, find bool) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "usersession-mutants")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	var list []mutant
	for _, m := range security {
		if only.MatchString(m.requirement) {
			list = append(list, m)
		}
	}
	problems := make([]error, len(list))
	slots := make(chan struct{}, workers)
	var group sync.WaitGroup
	for i, m := range list {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			problems[i] = m.check(ctx, root, filepath.Join(work, fmt.Sprint(i)), find)
		})
	}
	group.Wait()
	if err := errors.Join(problems...); err != nil {
		return err
	}
	fmt.Printf("mutants: %d changes of the code, each found by its test\n", len(list))
	return nil
}

// check returns an error unless the mutant's test fails.
func (m mutant) check(ctx context.Context, root, work string, find bool) error {
	overlay, err := m.overlay(root, work)
	if err != nil {
		return fmt.Errorf("%s: %w", m.requirement, err)
	}
	dir := filepath.Join(root, m.pkg)
	if m.pkg == "" {
		dir = filepath.Join(root, filepath.Dir(m.file))
	}
	args := []string{"test", "-overlay", overlay, "-timeout", "120s"}
	if !find {
		args = append(args, "-run", "^"+m.test+"$")
	}
	command := exec.CommandContext(ctx, "go", append(args, ".")...)
	command.Dir, command.Env = dir, append(os.Environ(), "GOWORK=off")
	out, err := command.CombinedOutput()
	failed := failures(string(out))
	switch {
	case strings.Contains(string(out), "[build failed]") || strings.Contains(string(out), "[setup failed]"):
		return fmt.Errorf("%s: the changed code does not compile:\n%s", m.requirement, out)
	case find:
		fmt.Printf("%s: %s\n", m.requirement, strings.Join(failed, " "))
		return nil
	case err == nil && strings.Contains(string(out), "no tests to run"):
		return fmt.Errorf("%s: there is no test %s", m.requirement, m.test)
	case err == nil:
		return fmt.Errorf("%s: %s passes although %s has %q in place of %q", m.requirement, m.test, m.file, m.new, m.old)
	case !slices.Contains(failed, m.test):
		return fmt.Errorf("%s: %s did not fail as a test does:\n%s", m.requirement, m.test, out)
	}
	return nil
}

// overlay writes the changed file and the overlay that puts it in place of the file.
func (m mutant) overlay(root, work string) (path string, err error) {
	file := filepath.Join(root, m.file)
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		return "", fmt.Errorf("%s has %q %d times, want once: bring the list in tools/mutants up to date", m.file, m.old, n)
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return "", err
	}
	changed := filepath.Join(work, filepath.Base(m.file))
	text := strings.Replace(string(source), m.old, m.new, 1)
	if strings.Contains(m.new, "equalFold(") {
		text += equalFold
	}
	if err := os.WriteFile(changed, []byte(text), 0o644); err != nil {
		return "", err
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": {file: changed}})
	if err != nil {
		return "", err
	}
	path = filepath.Join(work, "overlay.json")
	return path, os.WriteFile(path, data, 0o644)
}

// equalFold is for files that do not import strings.
const equalFold = `
func equalFold(a, b string) bool {
	lower := func(s string) string {
		b := []byte(s)
		for i, c := range b {
			if 'A' <= c && c <= 'Z' {
				b[i] = c + 'a' - 'A'
			}
		}
		return string(b)
	}
	return lower(a) == lower(b)
}
`

var failLine = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// failures returns the top-level tests that failed.
func failures(out string) (names []string) {
	for _, match := range failLine.FindAllStringSubmatch(out, -1) {
		names = append(names, match[1])
	}
	return names
}
