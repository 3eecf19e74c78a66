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

// faultVariable is the environment variable with the name of the fault, or of the harness,
// that a process of these tests runs the suite on.
const faultVariable = "BFFTEST_FAULT"

// A fault is a mistake that a store can make.
type fault struct {
	name   string
	topics []string // the topics that must fail
	build  func(t *testing.T, b *builder) bff.UserSessionStore
	// hosts, in place of build, returns what makes each of two hosts' stores.
	hosts func(clock func() time.Time, shared bff.UserSessionStore) bff.UserSessionStore
	// hangs means that the suite hangs on the fault until its time is out.
	hangs bool
}

func allFaults() []fault {
	return slices.Concat(valueFaults(), writeFaults(), expiryFaults(), removalFaults(), raceFaults(), listerFaults(),
		anonymousFaults(), rivalFaults(), deleteFaults(), hostFaults())
}

// TestRun_BrokenStore checks that the suite fails on each fault in the topics of the fault
// and in no other topic. The suite runs in a separate process, because it has to fail.
func TestRun_BrokenStore(t *testing.T) {
	for _, fault := range allFaults() {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			output, passed := runOnFault(t, fault.name, fault.hangs)
			if passed {
				t.Fatalf("the suite passes on a broken store")
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

// TestRun_SoundStore checks that the suite passes on the store from which the broken stores
// are built.
func TestRun_SoundStore(t *testing.T) {
	if output, passed := runOnFault(t, "none", false); !passed {
		t.Errorf("the suite fails on the sound store:\n%s", failuresIn(output))
	}
}

// TestFault runs the suite on the fault that the environment names. It is the test that the
// separate processes run.
func TestFault(t *testing.T) {
	name := os.Getenv(faultVariable)
	if name == "" {
		t.Skip("runs only in the processes that TestRun_BrokenStore starts")
	}
	build := func(_ *testing.T, b *builder) bff.UserSessionStore { return b.store }
	h := Harness{New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
		return build(t, newBuilder(clock))
	}}
	for _, fault := range allFaults() {
		if fault.name != name {
			continue
		}
		if fault.build != nil {
			build = fault.build
		}
		if fault.hosts != nil {
			h.MaxStale = faultMaxStale
			h.Hosts = func(_ *testing.T, clock func() time.Time) (one, other bff.UserSessionStore) {
				shared := bff.NewInMemoryStore(bff.WithClock(clock))
				return fault.hosts(clock, shared), fault.hosts(clock, shared)
			}
		}
	}
	Run(t, h)
}

func runOnFault(t *testing.T, name string, hangs bool) (output string, passed bool) {
	t.Helper()
	if hangs {
		// The suite reaches the hanging test in a fraction of this time.
		return runInProcess(t, "TestFault", name, 15*time.Second)
	}
	return runInProcess(t, "TestFault", name, 5*time.Minute)
}

// runInProcess runs one test of this package in a separate process, with the value of
// [faultVariable]. It returns the output and whether the test passed.
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

// failedTopics returns the topics with a failure, and the topic in which the time ran out,
// from the output of [TestFault].
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

// failuresIn returns the failed tests in the output, each with its first messages.
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
