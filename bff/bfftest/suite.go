// Package bfftest is the conformance suite for user session stores. It tests a store
// against the contract of package bff, with a named test for each promise.
//
// The complete test of a store:
//
//	func TestConformance(t *testing.T) {
//		bfftest.Run(t, bfftest.Harness{
//			New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
//				return mystore.New(emptyDatabase(t), mystore.WithClock(clock))
//			},
//		})
//	}
//
// The names of the tests read as a specification: go test -v lists them. To run one
// topic, name it: go test -run 'TestConformance/expiry/'.
//
// The suite finds optional capabilities, such as [bff.UserSessionReplacer], with a type
// assertion. It reports the tests of a missing capability, and the tests that [Harness.Skip]
// leaves out, as skipped: no test is left out silently.
package bfftest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// A Harness tells the suite how to create the store under test.
type Harness struct {
	// New returns an empty store that reads the time only from clock. The suite
	// calls New once for each test, and for each topic that needs a capability,
	// never concurrently. New closes what it has opened, and drops its tables, in
	// t.Cleanup.
	// The clock is safe for concurrent use.
	New func(t *testing.T, clock func() time.Time) bff.UserSessionStore

	// Hosts returns two empty stores that share their data, as two hosts do, for the topic
	// "hosts". If it is nil, the suite reports that topic as skipped.
	Hosts func(t *testing.T, clock func() time.Time) (one, other bff.UserSessionStore)

	// MaxStale is the longest time after which a host sees the writes of the other host, as
	// with a [bff.ReadCache]. Zero, as for a database, means at once.
	MaxStale time.Duration

	// Skip maps the name of a topic ("lister") or of one test ("identity/case
	// differs", with spaces or underscores) to the reason why the suite skips it.
	// The test's output shows the reason. An unknown name and an empty reason are
	// failures, so that an exception does not outlive its test.
	Skip map[string]string
}

// Run tests the store of the harness against the contract of package bff. It runs each
// topic, and each test of a topic, as a subtest of t. It ends the test at once if h.New
// is nil.
func Run(t *testing.T, h Harness) {
	t.Helper()
	if h.New == nil {
		t.Fatal("bfftest: Harness.New is missing")
	}
	topics := allTopics()
	skip := skipsByName(t, topics, h.Skip)
	for _, topic := range topics {
		t.Run(topic.name, func(t *testing.T) {
			if reason, ok := skip[topic.name]; ok {
				t.Skip(reason)
			}
			if topic.hosts && h.Hosts == nil {
				t.Skip("Harness.Hosts is missing")
			}
			if topic.lacks != nil {
				if missing := topic.lacks(h.New(t, newClock().now)); missing != "" {
					t.Skipf("the store does not implement %s", missing)
				}
			}
			for _, test := range topic.tests {
				t.Run(test.name, func(t *testing.T) {
					if reason, ok := skip[underscored(topic.name+"/"+test.name)]; ok {
						t.Skip(reason)
					}
					test.run(newFixture(t, h))
				})
			}
		})
	}
}

// A topic is a group of tests of one part of the contract.
type topic struct {
	name  string
	tests []test
	// lacks returns the name of the capability that the topic needs and that the
	// store does not implement, or "". A nil lacks means that the topic needs none.
	lacks func(bff.UserSessionStore) string
	hosts bool // whether the topic needs Harness.Hosts
}

type test struct {
	name string
	run  func(*fixture)
}

// allTopics returns the topics in order: a topic relies only on operations that earlier
// topics test.
func allTopics() []topic {
	return []topic{
		crudTopic(),
		createdTopic(),
		filterTopic(),
		partitionTopic(),
		expiryTopic(),
		anonymousTopic(),
		rivalsTopic(),
		identityTopic(),
		timeTopic(),
		ticketsTopic(),
		copiesTopic(),
		secrecyTopic(),
		contextTopic(),
		replaceTopic(),
		deleteVersionTopic(),
		cleanupTopic(),
		listerTopic(),
		hostsTopic(),
		concurrencyTopic(),
	}
}

// skipsByName returns the reasons by underscored names. An unknown name or a missing
// reason fails the test.
func skipsByName(t *testing.T, topics []topic, skip map[string]string) map[string]string {
	t.Helper()
	var known []string
	for _, topic := range topics {
		known = append(known, topic.name)
		for _, test := range topic.tests {
			known = append(known, underscored(topic.name+"/"+test.name))
		}
	}
	byName := map[string]string{}
	for name, reason := range skip {
		if reason == "" {
			t.Errorf("bfftest: Harness.Skip[%q] gives no reason", name)
		}
		name = underscored(name)
		if !slices.Contains(known, name) {
			t.Errorf("bfftest: Harness.Skip names %q, which the suite does not have", name)
		}
		byName[name] = reason
	}
	return byName
}

// underscored returns a test's name as go test prints it.
func underscored(name string) string { return strings.ReplaceAll(name, " ", "_") }
