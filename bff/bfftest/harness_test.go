package bfftest

import (
	"os"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// sixOperations is a store without optional capabilities.
type sixOperations struct{ bff.UserSessionStore }

func newSixOperations(_ *testing.T, clock func() time.Time) bff.UserSessionStore {
	return sixOperations{bff.NewInMemoryStore(bff.WithClock(clock))}
}

// allHarnesses returns the harnesses by name. The tests below run the suite on each of
// them in a separate process.
func allHarnesses() map[string]Harness {
	return map[string]Harness{
		"six operations": {New: newSixOperations},
		"skips": {New: newSixOperations, Skip: map[string]string{
			"tickets":                        "another package tests tickets",
			"identity/case differs":          "the column has a collation",
			"time/nanoseconds_are_truncated": "the column keeps nanoseconds",
		}},
		"unknown topic": {New: newSixOperations, Skip: map[string]string{"ticket": "the topic is called tickets"}},
		"unknown test":  {New: newSixOperations, Skip: map[string]string{"crud/casts": "there is no such test"}},
		"no reason":     {New: newSixOperations, Skip: map[string]string{"tickets": ""}},
		"no store":      {},
	}
}

// TestHarness runs the suite on the harness that the environment names. It is the test
// that the separate processes run.
func TestHarness(t *testing.T) {
	name := os.Getenv(faultVariable)
	if name == "" {
		t.Skip("runs only in the processes that the other tests start")
	}
	Run(t, allHarnesses()[name])
}

func TestRun_MissingCapabilities(t *testing.T) {
	output, passed := runInProcess(t, "TestHarness", "six operations", time.Minute)
	if !passed {
		t.Errorf("the suite fails on a store with the six operations only:\n%s", failuresIn(output))
	}
	wantOutput(t, output,
		"--- SKIP: TestHarness/replace ", "does not implement bff.UserSessionReplacer",
		"--- SKIP: TestHarness/cleanup ", "does not implement bff.UserSessionStoreCleanup",
		"--- SKIP: TestHarness/lister ", "does not implement bff.UserSessionLister",
		"--- SKIP: TestHarness/deleteversion ", "does not implement bff.UserSessionVersionDeleter",
		"--- SKIP: TestHarness/copies/replace_stores_a_copy_of_the_ticket ",
		"--- SKIP: TestHarness/partition/delete_of_a_version_stays_within_its_partition ",
		"--- PASS: TestHarness/crud ")
}

func TestRun_Skip(t *testing.T) {
	output, passed := runInProcess(t, "TestHarness", "skips", time.Minute)
	if !passed {
		t.Errorf("the suite fails with valid skips:\n%s", failuresIn(output))
	}
	wantOutput(t, output,
		"--- SKIP: TestHarness/tickets ", "another package tests tickets",
		"--- SKIP: TestHarness/identity/case_differs ", "the column has a collation",
		"--- SKIP: TestHarness/time/nanoseconds_are_truncated ", "the column keeps nanoseconds",
		"--- PASS: TestHarness/identity/composed_and_decomposed_letters_differ ")
}

func TestRun_InvalidHarness(t *testing.T) {
	for name, want := range map[string]string{
		"unknown topic": `Harness.Skip names "ticket"`,
		"unknown test":  `Harness.Skip names "crud/casts"`,
		"no reason":     `Harness.Skip["tickets"] gives no reason`,
		"no store":      "Harness.New is missing",
	} {
		output, passed := runInProcess(t, "TestHarness", name, time.Minute)
		if passed {
			t.Errorf("%s: the suite passes", name)
		}
		wantOutput(t, output, want)
	}
}

func wantOutput(t *testing.T, output string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(output, text) {
			t.Errorf("the output of the suite lacks %q", text)
		}
	}
}

// Skip and -run select tests by name: each name must be unique and must survive the
// rewriting by go test.
func TestTopics_UniqueNames(t *testing.T) {
	seen := map[string]bool{}
	for _, topic := range allTopics() {
		for _, test := range topic.tests {
			name := topic.name + "/" + test.name
			if seen[name] {
				t.Errorf("two tests have the name %q", name)
			}
			seen[name] = true
			if strings.ContainsAny(test.name, "_/#") || test.name != strings.TrimSpace(test.name) {
				t.Errorf("go test would rewrite the name %q", name)
			}
		}
	}
}
