package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// sample has the shapes of functions that a copy must keep.
const sample = `package sample

import "errors"

type counter struct{ n int }

func (*counter) nothing(_ int, _ string) bool { return true }

func (c *counter) add(values ...int) (sum int, err error) {
	defer func() {
		if err != nil {
			sum = -1
		}
	}()
	for _, v := range values {
		if v < 0 {
			err = errors.New("negative")
			return sum, err
		}
		sum += v
	}
	c.n = sum
	return sum, nil
}

type list[T any] struct{ items []T }

func (l *list[T]) len() int { return len(l.items) }

func last[T any](l *list[T], fallback T) T {
	if l.len() == 0 {
		return fallback
	}
	return l.items[len(l.items)-1]
}

func wait(n int) int {
	for i := 0; i < n; i++ {
		n--
	}
	return n
}

func unused(a, b string) string { return a + b }

func untested(a int) int { return a + 1 }
`

const sampleTest = `package sample

import "testing"

func TestSample(t *testing.T) {
	c := &counter{}
	if !c.nothing(1, "") {
		t.Error("nothing")
	}
	if sum, err := c.add(1, 2); sum != 3 || err != nil {
		t.Error("add", sum, err)
	}
	if sum, err := c.add(-1); sum != -1 || err == nil {
		t.Error("add negative", sum, err)
	}
	if got := last(&list[string]{items: []string{"a", "b"}}, "c"); got != "b" {
		t.Error("last", got)
	}
	if got := wait(4); got != 2 {
		t.Error("wait", got)
	}
	_ = unused("a", "b")
}
`

// TestMeasure_Outcomes measures a package whose changes have every outcome.
func TestMeasure_Outcomes(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module sample\n\ngo 1.26\n", "sample.go": sample, "sample_test.go": sampleTest} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := newMeasurement(target{dir: "."}, root, t.TempDir())
	m.patience = time.Second
	if err := m.run(t.Context(), regexp.MustCompile(""), false); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, c := range m.changes {
		got.WriteString(string(m.outcomes[c.id]) + ": " + c.in + ": " + c.what + "\n")
	}
	if got.String() != sampleOutcomes {
		t.Errorf("the outcomes are\n%s\nwant\n%s", got.String(), sampleOutcomes)
	}
}

const sampleOutcomes = `killed: counter.nothing: return true => return false
killed: counter.add: defer func() { if err != nil { sum = -1 } }() => nothing
survived: counter.add: c.n = sum => nothing
killed: counter.add: err != nil => err == nil
killed: counter.add: sum = -1 => nothing
survived: counter.add: v < 0 => v <= 0
killed: counter.add: v < 0 => v >= 0
killed: counter.add: err = errors.New("negative") => nothing
survived: counter.add: return sum, err => return 0, err
killed: counter.add: return sum, err => return sum, nil
killed: counter.add: sum += v => sum -= v
killed: counter.add: return sum, nil => return 0, nil
killed: list[T].len: return len(l.items) => return 0
killed: last: l.len() == 0 => l.len() != 0
not covered: last: return fallback => return *new(T)
killed: last: return l.items[len(l.items)-1] => return *new(T)
killed: last: len(l.items)-1 => len(l.items)+1
killed: wait: i < n => i <= n
killed: wait: i < n => i >= n
timed out: wait: i++ => i--
timed out: wait: n-- => n++
killed: wait: return n => return 0
survived: unused: return a + b => return ""
not viable: unused: a + b => a - b
not covered: untested: return a + 1 => return 0
not covered: untested: a + 1 => a - 1
`

// TestBatches: the tests that noticed similar changes run first, then all others, the fastest first.
func TestBatches(t *testing.T) {
	var tests []*test
	for i, seconds := range []float64{0.1, 0.1, 0.2, 0.4, 1, 3, 20} {
		tests = append(tests, &test{name: string(rune('A' + i)), seconds: seconds})
	}
	var got []string
	for _, batch := range batches(tests, []string{"C", "another"}) {
		names := ""
		for _, t := range batch {
			names += t.name
		}
		got = append(got, names)
	}
	if want := "C AB DE F G"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
