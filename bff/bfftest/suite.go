// Package bfftest is the conformance suite for stores of user sessions: what package
// bff says that every store owes, as named tests.
//
// A store's whole test is:
//
//	func TestConformance(t *testing.T) {
//		bfftest.Run(t, bfftest.Harness{
//			New: func(t *testing.T, clock func() time.Time) bff.UserSessionStore {
//				return mystore.New(emptyDatabase(t), mystore.WithClock(clock))
//			},
//		})
//	}
//
// The names of the tests are the specification, so run it with -v once. One of them is
// run alone in the usual way: go test -run 'TestConformance/expiry/'.
//
// Capabilities that a store may add are found with a type assertion. The topic of a
// missing one shows as skipped, and so does everything that [Harness.Skip] leaves
// out: nothing is left out silently.
package bfftest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// A Harness tells the suite how to have the store that it tests.
type Harness struct {
	// New returns an empty store that reads the time from clock and from nothing
	// else. The suite calls it once for every test, one after the other; what has
	// to be closed or dropped belongs into t.Cleanup. The clock may be called by
	// several goroutines at once.
	New func(t *testing.T, clock func() time.Time) bff.UserSessionStore

	// Skip leaves out a topic ("lister") or one test of a topic ("identity/case
	// differs", with spaces or with underscores), each with the reason, which the
	// test's output shows. A name that the suite does not have is a failure, so
	// that an exception cannot outlive its test.
	Skip map[string]string
}

// Run tests the store that the harness makes against everything that every store
// owes.
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

// A topic is a group of tests about one thing that stores owe.
type topic struct {
	name  string
	tests []test
	// lacks names the capability that the topic needs and the store does not have.
	lacks func(bff.UserSessionStore) string
}

type test struct {
	name string
	run  func(*fixture)
}

// allTopics is ordered from what everything else relies on to what needs the most.
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
		concurrencyTopic(),
	}
}

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

// underscored writes a test's name the way that go test prints it.
func underscored(name string) string { return strings.ReplaceAll(name, " ", "_") }
