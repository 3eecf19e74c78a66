package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cover runs each test alone and notes which changes it reaches and how long it takes.
func (m *measurement) cover(ctx context.Context) error {
	for i, dir := range m.tests {
		b := &binary{dir: filepath.Join(m.root, dir), path: filepath.Join(m.work, fmt.Sprintf("cover%d", i))}
		out, err := m.command(ctx, dir, "test", "-c", "-o", b.path, "-cover", "-coverpkg="+m.importPath, ".").CombinedOutput()
		if err != nil {
			return fmt.Errorf("the tests of %s: %w\n%s", dir, err, out)
		}
		found, err := m.list(ctx, b)
		if err != nil {
			return err
		}
		problems := make([]error, len(found))
		each(ctx, len(found), func(n int) { problems[n] = m.coverTest(ctx, b, found[n]) })
		if err := errors.Join(problems...); err != nil {
			return fmt.Errorf("the tests of %s: %w", dir, err)
		}
		for _, t := range found {
			t.binary = i
		}
		m.found = append(m.found, found...)
	}
	slices.SortStableFunc(m.found, func(a, b *test) int { return cmp.Compare(a.seconds, b.seconds) })
	for _, c := range m.changes {
		fast := m.reaching(c, func(t *test) bool { return !m.isSlow(t) })
		if len(fast) == 0 {
			fast = m.reaching(c, m.isSlow)
		}
		if m.reached[c.id] = fast; len(fast) == 0 {
			m.outcomes[c.id] = notCovered
		}
	}
	return nil
}

// list returns the tests of a binary.
func (m *measurement) list(ctx context.Context, b *binary) (found []*test, err error) {
	_, out := b.run(ctx, 0, testRun{[]string{"-test.list=^(Test|Fuzz|Example)"}, time.Minute})
	for line := range strings.Lines(string(out)) {
		if name := strings.TrimSpace(line); testName.MatchString(name) && (m.without == nil || !m.without.MatchString(name)) {
			found = append(found, &test{name: name})
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there are no tests in %s:\n%s", b.dir, out)
	}
	return found, nil
}

var testName = regexp.MustCompile(`^(Test|Fuzz|Example)\w*$`)

// coverTest runs one test.
func (m *measurement) coverTest(ctx context.Context, b *binary, t *test) error {
	profile := b.path + "." + t.name
	begin := time.Now()
	ok, out := b.run(ctx, 0, testRun{[]string{"-test.run=^" + t.name + "$", "-test.coverprofile=" + profile}, 10 * time.Minute})
	if !ok {
		return fmt.Errorf("%s fails without a change:\n%s", t.name, out)
	}
	t.seconds = time.Since(begin).Seconds()
	data, err := os.ReadFile(profile)
	if err != nil {
		return err
	}
	blocks, err := parseProfile(string(data))
	if err != nil {
		return err
	}
	t.reaches = make(map[int]bool)
	for _, c := range m.changes {
		if covered(blocks[filepath.Base(c.file)], c) {
			t.reaches[c.id] = true
		}
	}
	return nil
}

// reaching returns the tests that reach a change and are of the kind, the fastest first.
func (m *measurement) reaching(c change, kind func(*test) bool) (tests []*test) {
	for _, t := range m.found {
		if t.reaches[c.id] && kind(t) {
			tests = append(tests, t)
		}
	}
	return tests
}

func (m *measurement) isSlow(t *test) bool { return m.slow > 0 && t.seconds > m.slow.Seconds() }

// A block is a line of a coverage profile.
type block struct {
	startLine, startCol, endLine, endCol int
	statements, count                    int
}

var profileLine = regexp.MustCompile(`^(.*/)?([^/]+):(\d+)\.(\d+),(\d+)\.(\d+) (\d+) (\d+)$`)

// parseProfile returns the blocks of each file, in the order of their beginnings.
func parseProfile(text string) (blocks map[string][]block, err error) {
	blocks = map[string][]block{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "mode:") {
			continue
		}
		match := profileLine.FindStringSubmatch(line)
		if match == nil {
			return nil, fmt.Errorf("the coverage profile has the line %q", line)
		}
		var n [6]int
		for i := range n {
			if n[i], err = strconv.Atoi(match[i+3]); err != nil {
				return nil, err
			}
		}
		blocks[match[2]] = append(blocks[match[2]], block{n[0], n[1], n[2], n[3], n[4], n[5]})
	}
	for _, list := range blocks {
		slices.SortFunc(list, func(a, b block) int { return order(a.startLine, a.startCol, b.startLine, b.startCol) })
	}
	return blocks, nil
}

// covered reports whether a test runs the change. Code outside the blocks of the profile, such as
// the expressions of a case, counts as covered if the function does.
func covered(blocks []block, c change) bool {
	known, entered, first := false, false, true
	for _, b := range blocks {
		if order(b.endLine, b.endCol, c.function.Line, c.function.Column) <= 0 {
			continue
		}
		if first {
			first, entered = false, b.count > 0
		}
		line, col := c.position.Line, c.position.Column
		if order(line, col, b.startLine, b.startCol) < 0 || order(line, col, b.endLine, b.endCol) >= 0 {
			continue
		}
		if known = true; b.count > 0 {
			return true
		}
	}
	return !known && entered
}

// order compares two places of a file.
func order(line, col, otherLine, otherCol int) int {
	return cmp.Or(cmp.Compare(line, otherLine), cmp.Compare(col, otherCol))
}
