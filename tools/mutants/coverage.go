package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// cover finds the changes of code that no test runs.
func (m *measurement) cover(ctx context.Context) error {
	for i, dir := range m.tests {
		profile := filepath.Join(m.work, fmt.Sprintf("cover%d", i))
		out, err := m.command(ctx, dir, "test", "-count=1", "-coverpkg="+m.importPath, "-coverprofile="+profile, ".").CombinedOutput()
		if err != nil {
			return fmt.Errorf("the tests of %s: %w\n%s", dir, err, out)
		}
		data, err := os.ReadFile(profile)
		if err != nil {
			return err
		}
		blocks, err := parseProfile(string(data))
		if err != nil {
			return err
		}
		for _, c := range m.changes {
			if covered(blocks, c) {
				m.reached[c.id] = append(m.reached[c.id], i)
			}
		}
	}
	for _, c := range m.changes {
		if len(m.reached[c.id]) == 0 {
			m.outcomes[c.id] = notCovered
		}
	}
	return nil
}

// A block is a line of a coverage profile.
type block struct {
	file                                 string
	startLine, startCol, endLine, endCol int
	statements, count                    int
}

var profileLine = regexp.MustCompile(`^(.*/)?([^/]+):(\d+)\.(\d+),(\d+)\.(\d+) (\d+) (\d+)$`)

func parseProfile(text string) (blocks []block, err error) {
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
		blocks = append(blocks, block{match[2], n[0], n[1], n[2], n[3], n[4], n[5]})
	}
	return blocks, nil
}

// covered reports whether a test runs the change. Code outside the blocks of the profile, such as
// the expressions of a case, counts as covered.
func covered(blocks []block, c change) bool {
	known := false
	for _, b := range blocks {
		if b.file != filepath.Base(c.file) {
			continue
		}
		line, col := c.position.Line, c.position.Column
		if cmp.Or(cmp.Compare(line, b.startLine), cmp.Compare(col, b.startCol)) < 0 ||
			cmp.Or(cmp.Compare(line, b.endLine), cmp.Compare(col, b.endCol)) >= 0 {
			continue
		}
		if known = true; b.count > 0 {
			return true
		}
	}
	return !known
}
