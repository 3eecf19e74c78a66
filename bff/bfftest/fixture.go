package bfftest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"example.com/usersession/bff"
)

// A clock is the time source of the store under test. Its time changes only when a test
// sets it.
type clock struct {
	mu   sync.Mutex
	time time.Time
}

// start is a whole second, so that only tests of times depend on fractions of a second.
var start = time.Date(2026, time.June, 15, 10, 20, 30, 0, time.UTC)

func newClock() *clock { return &clock{time: start} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = t
}

// A fixture holds the store under test and its clock. Every test has its own fixture.
// The methods fail the test. Other goroutines may call only methods that return an error.
type fixture struct {
	*testing.T
	store   bff.UserSessionStore
	clock   *clock
	harness Harness
}

func newFixture(t *testing.T, h Harness) *fixture {
	clock := newClock()
	return &fixture{T: t, store: h.New(t, clock.now), clock: clock, harness: h}
}

const (
	shop  = "shop"  // the partition that most tests use
	admin = "admin" // another partition
	alice = "alice" // the subject that most tests use
	bob   = "bob"
)

// session returns a live session of alice in the shop, with a session id that is derived
// from the key. The edits change the session before it is returned.
func session(key string, edits ...func(*bff.UserSession)) bff.UserSession {
	s := bff.UserSession{
		PartitionKey: shop,
		Key:          key,
		SubjectID:    alice,
		SessionID:    "sid-of-" + key,
		Created:      start.Add(-2 * time.Hour),
		Renewed:      start.Add(-time.Hour),
		Expires:      start.Add(time.Hour),
		Ticket:       []byte("ticket of " + key),
	}
	for _, edit := range edits {
		edit(&s)
	}
	return s
}

func partition(p string) func(*bff.UserSession) {
	return func(s *bff.UserSession) { s.PartitionKey = p }
}
func subject(sub string) func(*bff.UserSession) {
	return func(s *bff.UserSession) { s.SubjectID = sub }
}
func sessionID(sid string) func(*bff.UserSession) {
	return func(s *bff.UserSession) { s.SessionID = sid }
}
func expires(t time.Time) func(*bff.UserSession) { return func(s *bff.UserSession) { s.Expires = t } }
func ticket(b []byte) func(*bff.UserSession)     { return func(s *bff.UserSession) { s.Ticket = b } }
func created(t time.Time) func(*bff.UserSession) { return func(s *bff.UserSession) { s.Created = t } }

func keyOf(s bff.UserSession) bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: s.PartitionKey, Key: s.Key}
}

// updateOf returns an unconditional update to the values of the session.
func updateOf(s bff.UserSession) bff.UserSessionUpdate {
	return bff.UserSessionUpdate{
		SubjectID: s.SubjectID,
		SessionID: s.SessionID,
		Created:   s.Created,
		Renewed:   s.Renewed,
		Expires:   s.Expires,
		Ticket:    s.Ticket,
	}
}

func bySubject(subjectID string) bff.UserSessionsFilter {
	return bff.UserSessionsFilter{SubjectID: subjectID}
}

func bySessionID(sessionID string) bff.UserSessionsFilter {
	return bff.UserSessionsFilter{SessionID: sessionID}
}

// create creates the sessions. It must succeed.
func (f *fixture) create(sessions ...bff.UserSession) {
	f.Helper()
	for _, s := range sessions {
		if err := f.store.CreateUserSession(f.Context(), s); err != nil {
			f.Fatalf("CreateUserSession %s: %v", name(s), err)
		}
	}
}

// update updates the session with the key of s to the values of s. It must succeed.
func (f *fixture) update(s bff.UserSession) {
	f.Helper()
	if err := f.store.UpdateUserSession(f.Context(), keyOf(s), updateOf(s)); err != nil {
		f.Fatalf("UpdateUserSession %s: %v", name(s), err)
	}
}

// delete deletes the sessions by their keys. It must succeed.
func (f *fixture) delete(sessions ...bff.UserSession) {
	f.Helper()
	for _, s := range sessions {
		if _, err := f.store.DeleteUserSession(f.Context(), keyOf(s)); err != nil {
			f.Fatalf("DeleteUserSession %s: %v", name(s), err)
		}
	}
}

// wantDeleted deletes a session by its key and checks the count.
func (f *fixture) wantDeleted(s bff.UserSession, want int64) {
	f.Helper()
	got, err := f.store.DeleteUserSession(f.Context(), keyOf(s))
	if err != nil {
		f.Fatalf("DeleteUserSession %s: %v", name(s), err)
	}
	if got != want {
		f.Errorf("DeleteUserSession %s counted %d, want %d", name(s), got, want)
	}
}

// deleteAll deletes the sessions that match the filter and checks the count.
func (f *fixture) deleteAll(partitionKey string, filter bff.UserSessionsFilter, want int64) {
	f.Helper()
	got, err := f.store.DeleteUserSessions(f.Context(), partitionKey, filter)
	if err != nil {
		f.Fatalf("DeleteUserSessions in %q of %+q: %v", partitionKey, filter, err)
	}
	if got != want {
		f.Errorf("DeleteUserSessions in %q of %+q counted %d, want %d", partitionKey, filter, got, want)
	}
}

// get returns the stored session with the key of s. It must succeed.
func (f *fixture) get(s bff.UserSession) bff.UserSession {
	f.Helper()
	got, err := f.store.GetUserSession(f.Context(), keyOf(s))
	if err != nil {
		f.Fatalf("GetUserSession %s: %v", name(s), err)
	}
	return got
}

// list returns the sessions that match the filter. It must succeed.
func (f *fixture) list(partitionKey string, filter bff.UserSessionsFilter) []bff.UserSession {
	f.Helper()
	got, err := f.store.GetUserSessions(f.Context(), partitionKey, filter)
	if err != nil {
		f.Fatalf("GetUserSessions in %q of %+q: %v", partitionKey, filter, err)
	}
	return got
}

// wantStored checks that the store has each of the sessions, with all its values and the
// given version.
func (f *fixture) wantStored(version int64, sessions ...bff.UserSession) {
	f.Helper()
	for _, want := range sessions {
		want.Version = version
		f.wantEqual("GetUserSession", f.get(want), want)
	}
}

// wantAbsent checks that no live session has the key of one of the sessions.
func (f *fixture) wantAbsent(sessions ...bff.UserSession) {
	f.Helper()
	for _, s := range sessions {
		got, err := f.store.GetUserSession(f.Context(), keyOf(s))
		if !errors.Is(err, bff.ErrSessionNotFound) {
			f.Errorf("GetUserSession %s: got error %v, want ErrSessionNotFound", name(s), err)
		}
		if !equal(got, bff.UserSession{}) {
			f.Errorf("GetUserSession %s: returned values together with an error", name(s))
		}
	}
}

// wantListed checks that exactly the wanted sessions match the filter, in their order.
func (f *fixture) wantListed(partitionKey string, filter bff.UserSessionsFilter, want ...bff.UserSession) {
	f.Helper()
	got, wantNames := names(f.list(partitionKey, filter)), names(want)
	if got != wantNames {
		f.Errorf("GetUserSessions in %q of %+q:\n got %s\nwant %s", partitionKey, filter, got, wantNames)
	}
}

// wantEqual compares all fields of two sessions. It compares times as instants: only the
// time topic tests their locations.
func (f *fixture) wantEqual(what string, got, want bff.UserSession) {
	f.Helper()
	if !equal(got, want) {
		f.Errorf("%s %s:\n got %s\nwant %s", what, name(want), describe(got), describe(want))
	}
}

// wantError checks that the error of an operation is the wanted one.
func (f *fixture) wantError(what string, got, want error) {
	f.Helper()
	if !errors.Is(got, want) {
		f.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// cancelled returns a context that has already been cancelled.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func name(s bff.UserSession) string { return fmt.Sprintf("%q/%q", s.PartitionKey, abridged(s.Key)) }

func names(sessions []bff.UserSession) string {
	all := make([]string, len(sessions))
	for i, s := range sessions {
		all[i] = name(s)
	}
	return fmt.Sprint(all)
}

// errOf drops the count of a delete, for a test that checks only its error.
func errOf(_ int64, err error) error { return err }
