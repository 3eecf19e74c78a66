package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// A survivor is a change that no test can notice, because no promise of the documents is broken.
// It is found again by its text, so that an edit elsewhere in the file does not matter.
type survivor struct {
	file, in   string // in is the function
	line, what string // as mutants prints them
	reason     string
}

func (c change) String() string {
	return fmt.Sprintf("%s:%d: %s: %s", c.file, c.position.Line, c.in, c.what)
}

func (s survivor) is(c change) bool {
	return s.file == c.file && s.in == c.in && s.line == c.line && s.what == c.what
}

// report prints the result of a package. It returns an error if a change survived that is not
// listed, or if too many survived. Of a part of the changes it prints the survivors only.
func (m *measurement) report(took time.Duration, part bool) error {
	count := map[outcome]int{}
	var unlisted []string
	listed := 0
	used := make([]bool, len(equivalent))
	for _, c := range m.changes {
		count[m.outcomes[c.id]]++
		for i, s := range equivalent {
			if s.is(c) && m.outcomes[c.id] == survived {
				used[i] = true
			}
		}
		if m.outcomes[c.id] != survived {
			continue
		}
		if isListed(c) {
			listed++
			continue
		}
		unlisted = append(unlisted, fmt.Sprintf("%s\n\t{file: %q, in: %q,\n\t\tline: %q,\n\t\twhat: %q,\n\t\treason: \"\"},", c, c.file, c.in, c.line, c.what))
	}
	dead := count[killed] + count[timedOut]
	percent := 100.0
	if tested := dead + count[survived]; tested > 0 {
		percent = 100 * float64(dead) / float64(tested)
	}
	fmt.Printf("%s: %d changes: %d killed, %d timed out, %d survived (%d of them listed), %d not covered, %d do not compile: %.1f %% of the covered are dead, in %s\n",
		m.dir, len(m.changes), count[killed], count[timedOut], count[survived], listed, count[notCovered], count[notViable], percent, took.Round(time.Second))
	if !part {
		for i, s := range equivalent {
			if !used[i] && m.has(s.file) {
				fmt.Printf("%s: the list has an entry that no longer survives: %s: %s: %s\n", m.dir, s.file, s.in, s.what)
			}
		}
	}
	if len(unlisted) > 0 {
		return errors.New("these survived, and are not listed in tools/mutants/equivalent.go:\n" + strings.Join(unlisted, "\n"))
	}
	if percent < required && !part {
		return fmt.Errorf("%.1f %% of the covered changes are dead, want %d", percent, required)
	}
	return nil
}

func isListed(c change) bool {
	for _, s := range equivalent {
		if s.is(c) {
			return true
		}
	}
	return false
}

func (m *measurement) has(file string) bool {
	for _, s := range m.sources {
		if s.file == file {
			return true
		}
	}
	return false
}
