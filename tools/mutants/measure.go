package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A target is a package whose code is changed, and the packages whose tests must notice it.
type target struct {
	dir   string   // from the root
	tests []string // from the root; the package's own tests if there are none
	// slow is the duration from which a test counts as slow: it runs only for changes that no
	// faster test reaches or notices, and that are not in the list of equivalent changes. 0
	// means that no test is slow.
	slow time.Duration
	// without matches tests that are left out: drills, which depend on the time of several
	// processes, and tests that bound allocations, because a call of a copy allocates, too.
	without *regexp.Regexp
}

// targets are the packages that make mutants measures, the most important ones for security first.
var targets = []target{
	{dir: "bff/ticket"},
	{dir: "bff/backchannel"},
	{dir: "bff/backchannel/oidcverify"},
	{dir: "bff/serverside"},
	{dir: "bff/internal/logoutnote", tests: []string{"bff/internal/logoutnote", "bff/backchannel", "bff/adapter", "bff/serverside"}},
	{dir: "bff/relyingparty"},
	{dir: "bff", tests: []string{"bff", "bff/bfftest"}},
	{dir: "entities", tests: []string{"entities", "migrations"}},
	{dir: ".", tests: []string{".", "internal/dbtest"}, slow: 2 * time.Second, without: regexp.MustCompile("^TestDrill|^TestGolden_Costs$")},
}

// required is the percentage of the changes of covered code that the tests must notice.
const required = 95

// An outcome is the result of the tests with a change.
type outcome string

const (
	killed     outcome = "killed"
	timedOut   outcome = "timed out"
	survived   outcome = "survived"
	notCovered outcome = "not covered"
	notViable  outcome = "not viable" // does not compile
)

// A measurement is the work on one target.
type measurement struct {
	target
	root, work string
	patience   time.Duration // the time in which a test ends, beside four times its usual one
	importPath string
	sources    []*source
	changes    []change
	outcomes   map[int]outcome
	failed     map[int]string // the test that noticed the change
	found      []*test
	reached    map[int][]*test // the tests that run the changed code, the fastest first
	binaries   []*binary       // of tests
}

func newMeasurement(t target, root, work string) *measurement {
	if len(t.tests) == 0 {
		t.tests = []string{t.dir}
	}
	return &measurement{
		target: t, root: root, work: work, patience: 10 * time.Second,
		outcomes: map[int]outcome{}, failed: map[int]string{}, reached: map[int][]*test{},
	}
}

// A binary is a compiled test of the program.
type binary struct{ dir, path string }

// A test is a function of a binary.
type test struct {
	binary  int // its index
	name    string
	seconds float64
	reaches map[int]bool // the changes whose code it runs
}

// A testRun is some of a binary's tests.
type testRun struct {
	args    []string
	timeout time.Duration
}

// measureAll measures the targets with these directories, or all.
func measureAll(ctx context.Context, root string, dirs []string, only *regexp.Regexp, verbose bool) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if !slices.ContainsFunc(targets, func(t target) bool { return t.dir == dir }) {
			return fmt.Errorf("%s is not in the list of tools/mutants/measure.go", dir)
		}
	}
	for _, e := range equivalent {
		if e.reason == "" {
			return fmt.Errorf("the list of equivalent changes has no reason for %s: %s", e.file, e.what)
		}
	}
	var problems []error
	for _, t := range targets {
		if len(dirs) > 0 && !slices.Contains(dirs, t.dir) {
			continue
		}
		if err := t.measure(ctx, root, only, verbose); err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", t.dir, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(problems...)
}

func (t target) measure(ctx context.Context, root string, only *regexp.Regexp, verbose bool) error {
	work, err := os.MkdirTemp("", "usersession-mutants")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	m := newMeasurement(t, root, work)
	start := time.Now()
	if err := m.run(ctx, only, verbose); err != nil {
		return err
	}
	return m.report(time.Since(start), only.String() != "")
}

// run finds the outcomes of the changes, or of those whose text matches.
func (m *measurement) run(ctx context.Context, only *regexp.Regexp, verbose bool) error {
	for _, step := range []func(context.Context) error{m.parse, m.cover, m.compile, m.baseline} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	var open []change
	for _, c := range m.changes {
		if m.outcomes[c.id] == "" && only.MatchString(c.String()) {
			open = append(open, c)
		}
	}
	m.test(ctx, open, verbose)
	return ctx.Err()
}

// parse finds the changes.
func (m *measurement) parse(ctx context.Context) error {
	out, err := m.command(ctx, m.dir, "list", "-f", `{{.ImportPath}} {{.Name}}{{range .GoFiles}} {{.}}{{end}}`, ".").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	words := strings.Fields(string(out))
	m.importPath = words[0]
	for _, name := range words[2:] {
		file := filepath.Join(m.dir, name)
		text, err := os.ReadFile(filepath.Join(m.root, file))
		if err != nil {
			return err
		}
		s, err := parseSource(filepath.ToSlash(file), text)
		if err != nil {
			return err
		}
		for i := range s.functions {
			for j := range s.functions[i].changes {
				c := &s.functions[i].changes[j]
				c.id = len(m.changes) + 1
				m.changes = append(m.changes, *c)
			}
		}
		m.sources = append(m.sources, s)
	}
	return os.WriteFile(filepath.Join(m.work, "mutant_chooser.go"), fmt.Appendf(nil, chooser, words[1]), 0o644)
}

// command is a go command in a directory, from the root.
func (m *measurement) command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "go", args...)
	c.Dir, c.Env = filepath.Join(m.root, dir), append(os.Environ(), "GOWORK=off")
	return c
}

// compile compiles the tests with all changes that compile.
func (m *measurement) compile(ctx context.Context) error {
	without := map[int]bool{}
	for id := range m.outcomes {
		without[id] = true
	}
	for i, dir := range m.tests {
		b := &binary{dir: filepath.Join(m.root, dir), path: filepath.Join(m.work, fmt.Sprintf("test%d", i))}
		for {
			spans, overlay, err := m.write(without)
			if err != nil {
				return err
			}
			out, err := m.command(ctx, dir, "test", "-c", "-o", b.path, "-overlay", overlay, "-gcflags="+m.importPath+"=-e", ".").CombinedOutput()
			if err == nil {
				break
			}
			bad := rejected(string(out), spans, without)
			if len(bad) == 0 {
				return fmt.Errorf("the tests of %s with the changes: %w\n%s", dir, err, out)
			}
			for _, id := range bad {
				without[id], m.outcomes[id] = true, notViable
			}
		}
		m.binaries = append(m.binaries, b)
	}
	return nil
}

// write writes the program and the overlay that puts it in place of the sources.
func (m *measurement) write(without map[int]bool) (spans map[string][]span, overlay string, err error) {
	spans = map[string][]span{}
	replace := map[string]string{filepath.Join(m.root, m.dir, "mutant_chooser.go"): filepath.Join(m.work, "mutant_chooser.go")}
	for _, s := range m.sources {
		name := filepath.Base(s.file)
		text, found := s.program(without)
		spans[name] = found
		changed := filepath.Join(m.work, name)
		if err := os.WriteFile(changed, text, 0o644); err != nil {
			return nil, "", err
		}
		replace[filepath.Join(m.root, s.file)] = changed
	}
	data, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return nil, "", err
	}
	overlay = filepath.Join(m.work, "overlay.json")
	return spans, overlay, os.WriteFile(overlay, data, 0o644)
}

var compilerLine = regexp.MustCompile(`(?m)^(?:vet: )?(?:[^\s:]*/)?([^/\s:]+\.go):(\d+):\d+: `)

// rejected returns the changes that the compiler refuses.
func rejected(out string, spans map[string][]span, known map[int]bool) (bad []int) {
	for _, match := range compilerLine.FindAllStringSubmatch(out, -1) {
		line, err := strconv.Atoi(match[2])
		if err != nil {
			continue
		}
		for _, s := range spans[match[1]] {
			if s.first < line && line <= s.last && !known[s.id] && !slices.Contains(bad, s.id) {
				bad = append(bad, s.id)
			}
		}
	}
	return bad
}

// baseline runs the tests that are not slow without a change: they must pass.
func (m *measurement) baseline(ctx context.Context) error {
	for i, b := range m.binaries {
		r := testRun{timeout: m.patience}
		var names []string
		slow := ""
		for _, t := range m.found {
			switch {
			case t.binary != i:
			case m.isSlow(t):
				slow += fmt.Sprintf(" %s (%.0fs)", t.name, t.seconds)
			default:
				names = append(names, t.name)
				r.timeout += 4 * duration(t.seconds)
			}
		}
		r.args = []string{"-test.run=^(" + strings.Join(names, "|") + ")$"}
		begin := time.Now()
		if ok, out := b.run(ctx, 0, r); !ok {
			return fmt.Errorf("the tests of %s fail without a change:\n%s", m.tests[i], out)
		}
		fmt.Printf("%s: %d tests of %s take %s\n", m.dir, len(names), m.tests[i], time.Since(begin).Round(10*time.Millisecond))
		if slow != "" {
			fmt.Printf("%s: slow, for changes that no other test reaches or notices:%s\n", m.dir, slow)
		}
	}
	return nil
}

func duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
