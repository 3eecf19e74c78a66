package bfftest

import (
	"os"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// sixOperations is a store that can do nothing beyond what it must.
type sixOperations struct{ bff.UserSessionStore }

func newSixOperations(_ *testing.T, clock func() time.Time) bff.UserSessionStore {
	return sixOperations{bff.NewInMemoryStore(bff.WithClock(clock))}
}

// allHarnesses are what the tests below run in processes of their own.
func allHarnesses() map[string]Harness {
	return map[string]Harness{
		"six operations": {New: newSixOperations},
		"skips": {New: newSixOperations, Skip: map[string]string{
			"tickets":                        "tickets are somebody else's",
			"identity/case differs":          "the column has a collation",
			"time/nanoseconds_are_truncated": "they are not",
		}},
		"unknown topic": {New: newSixOperations, Skip: map[string]string{"ticket": "is called tickets"}},
		"unknown test":  {New: newSixOperations, Skip: map[string]string{"crud/casts": "there is no such test"}},
		"no reason":     {New: newSixOperations, Skip: map[string]string{"tickets": ""}},
		"no store":      {},
	}
}

// TestHarness is what the processes run.
func TestHarness(t *testing.T) {
	name := os.Getenv(faultVariable)
	if name == "" {
		t.Skip("runs in processes of its own, which the tests of the harness start")
	}
	Run(t, allHarnesses()[name])
}

func TestMissingCapabilitiesShowAsSkipped(t *testing.T) {
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

func TestSkipsShowTheirReasons(t *testing.T) {
	output, passed := runInProcess(t, "TestHarness", "skips", time.Minute)
	if !passed {
		t.Errorf("the suite fails because of skips that are known:\n%s", failuresIn(output))
	}
	wantOutput(t, output,
		"--- SKIP: TestHarness/tickets ", "tickets are somebody else's",
		"--- SKIP: TestHarness/identity/case_differs ", "the column has a collation",
		"--- SKIP: TestHarness/time/nanoseconds_are_truncated ", "they are not",
		"--- PASS: TestHarness/identity/composed_and_decomposed_letters_differ ")
}

func TestHarnessMistakesAreFailures(t *testing.T) {
	for name, says := range map[string]string{
		"unknown topic": `Harness.Skip names "ticket"`,
		"unknown test":  `Harness.Skip names "crud/casts"`,
		"no reason":     `Harness.Skip["tickets"] gives no reason`,
		"no store":      "Harness.New is missing",
	} {
		output, passed := runInProcess(t, "TestHarness", name, time.Minute)
		if passed {
			t.Errorf("%s: the suite passes", name)
		}
		wantOutput(t, output, says)
	}
}

func wantOutput(t *testing.T, output string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(output, text) {
			t.Errorf("the suite does not say %q", text)
		}
	}
}

// Names are what Skip and -run go by: each must be there once, and mean the same
// before and after go test has rewritten it.
func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, topic := range allTopics() {
		for _, test := range topic.tests {
			name := topic.name + "/" + test.name
			if seen[name] {
				t.Errorf("%q is there twice", name)
			}
			seen[name] = true
			if strings.ContainsAny(test.name, "_/#") || test.name != strings.TrimSpace(test.name) {
				t.Errorf("%q would not survive go test", name)
			}
		}
	}
}
