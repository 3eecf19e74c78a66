package bfftest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// faultVariable tells a process that these tests start what to run the suite on.
const faultVariable = "BFFTEST_FAULT"

// A fault is a mistake that a store can make, and the topics that must find it.
type fault struct {
	name   string
	topics []string
	build  func(t *testing.T, b *builder) bff.UserSessionStore
	// hangs says that the suite can only end by running out of time.
	hangs bool
}

func allFaults() []fault {
	return slices.Concat(valueFaults(), writeFaults(), expiryFaults(), removalFaults(), raceFaults(), listerFaults(),
		anonymousFaults(), rivalFaults(), deleteFaults())
}

// TestSuiteFindsFaults proves that the suite finds each fault, in the topics where it
// belongs and in no other. The suite has to fail for it, so that it runs in a process
// of its own.
func TestSuiteFindsFaults(t *testing.T) {
	for _, fault := range allFaults() {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			output, passed := runOnFault(t, fault.name, fault.hangs)
			if passed {
				t.Fatalf("the suite passes on a store that is broken")
			}
			want := slices.Sorted(slices.Values(fault.topics))
			if got := failedTopics(output); !slices.Equal(got, want) {
				t.Errorf("the suite fails in %v, want %v:\n%s", got, want, failuresIn(output))
			}
			if timedOut(output) != fault.hangs {
				t.Errorf("the suite ran out of time: %v, want %v", timedOut(output), fault.hangs)
			}
		})
	}
}

// TestSuitePassesOnSoundStore proves that what the faults are built on is not what
// fails.
func TestSuitePassesOnSoundStore(t *testing.T) {
	if output, passed := runOnFault(t, "none", false); !passed {
		t.Errorf("the suite fails on the store that faults are built on:\n%s", failuresIn(output))
	}
}

// TestFault is what the processes run.
func TestFault(t *testing.T) {
	name := os.Getenv(faultVariable)
	if name == "" {
		t.Skip("runs in processes of its own, which TestSuiteFindsFaults starts")
	}
	build := func(_ *testing.T, b *builder) bff.UserSessionStore { return b.store }
	for _, fault := range allFaults() {
		if fault.name == name {
			build = fault.build
		}
	}
	Run(t, Harness{New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
		return build(t, newBuilder(clock))
	}})
}

func runOnFault(t *testing.T, name string, hangs bool) (output string, passed bool) {
	t.Helper()
	if hangs {
		// In this time the suite comes to the hanging test many times over.
		return runInProcess(t, "TestFault", name, 15*time.Second)
	}
	return runInProcess(t, "TestFault", name, 5*time.Minute)
}

// runInProcess runs one test of this package, which is told by a variable what to
// do, and returns all that it says.
func runInProcess(t *testing.T, test, variable string, timeout time.Duration) (output string, passed bool) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout+time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, executable, "-test.run=^"+test+"$", "-test.v", fmt.Sprint("-test.timeout=", timeout))
	command.Env = append(os.Environ(), faultVariable+"="+variable)
	all, err := command.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("the process did not end: %v", ctx.Err())
	}
	return string(all), err == nil
}

var (
	failedTopic  = regexp.MustCompile(`(?m)^ *--- FAIL: TestFault/([a-z]+)[/ ]`)
	startedTopic = regexp.MustCompile(`(?m)^=== RUN +TestFault/([a-z]+)/`)
)

// failedTopics are those with a failure, and the one in which time ran out.
func failedTopics(output string) []string {
	var topics []string
	for _, match := range failedTopic.FindAllStringSubmatch(output, -1) {
		topics = append(topics, match[1])
	}
	if started := startedTopic.FindAllStringSubmatch(output, -1); timedOut(output) && len(started) > 0 {
		topics = append(topics, started[len(started)-1][1])
	}
	slices.Sort(topics)
	return slices.Compact(topics)
}

func timedOut(output string) bool { return strings.Contains(output, "panic: test timed out") }

// failuresIn are the tests that failed, each with the first that it has to say.
func failuresIn(output string) string {
	var lines []string
	said := 0
	for line := range strings.Lines(output) {
		text := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(text, "=== RUN"):
			said = 0
		case strings.HasPrefix(text, "---") && !strings.HasPrefix(text, "--- FAIL"):
		case strings.HasPrefix(text, "--- FAIL"), said < 3:
			lines = append(lines, strings.TrimRight(line, "\n"))
			said++
		}
	}
	return strings.Join(lines, "\n")
}
