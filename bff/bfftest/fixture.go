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

// A clock is the store's time, which stands still until a test moves it.
type clock struct {
	mu   sync.Mutex
	time time.Time
}

// start is a whole second, so that only the tests about time depend on fractions.
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

// A fixture is what one test works with: a store of its own and that store's clock.
// Its methods fail the test; none but those that return an error may be called from
// another goroutine.
type fixture struct {
	*testing.T
	store bff.UserSessionStore
	clock *clock
}

func newFixture(t *testing.T, h Harness) *fixture {
	clock := newClock()
	return &fixture{T: t, store: h.New(t, clock.now), clock: clock}
}

const (
	shop  = "shop"  // the partition that most tests use
	admin = "admin" // another one
	alice = "alice" // the subject that most tests use
	bob   = "bob"
)

// session is a live session of alice's in the shop, with a session id of its own. The
// edits change it.
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

// updateOf holds the values of the session, to be written over another one.
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

// create adds sessions, which must succeed.
func (f *fixture) create(sessions ...bff.UserSession) {
	f.Helper()
	for _, s := range sessions {
		if err := f.store.CreateUserSession(f.Context(), s); err != nil {
			f.Fatalf("CreateUserSession %s: %v", name(s), err)
		}
	}
}

// update writes the session's values over the one with the same key, which must
// succeed.
func (f *fixture) update(s bff.UserSession) {
	f.Helper()
	if err := f.store.UpdateUserSession(f.Context(), keyOf(s), updateOf(s)); err != nil {
		f.Fatalf("UpdateUserSession %s: %v", name(s), err)
	}
}

// delete removes sessions by their keys, which must succeed.
func (f *fixture) delete(sessions ...bff.UserSession) {
	f.Helper()
	for _, s := range sessions {
		if _, err := f.store.DeleteUserSession(f.Context(), keyOf(s)); err != nil {
			f.Fatalf("DeleteUserSession %s: %v", name(s), err)
		}
	}
}

// wantDeleted removes a session by its key, and checks the count.
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

// deleteAll removes what matches the filter, and checks the count.
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

// get returns the session with the same key, which must be there.
func (f *fixture) get(s bff.UserSession) bff.UserSession {
	f.Helper()
	got, err := f.store.GetUserSession(f.Context(), keyOf(s))
	if err != nil {
		f.Fatalf("GetUserSession %s: %v", name(s), err)
	}
	return got
}

// list returns what matches the filter.
func (f *fixture) list(partitionKey string, filter bff.UserSessionsFilter) []bff.UserSession {
	f.Helper()
	got, err := f.store.GetUserSessions(f.Context(), partitionKey, filter)
	if err != nil {
		f.Fatalf("GetUserSessions in %q of %+q: %v", partitionKey, filter, err)
	}
	return got
}

// wantStored checks that the store holds the sessions, each with the given version
// and all its values.
func (f *fixture) wantStored(version int64, sessions ...bff.UserSession) {
	f.Helper()
	for _, want := range sessions {
		want.Version = version
		f.wantEqual("GetUserSession", f.get(want), want)
	}
}

// wantAbsent checks that there are no live sessions with the keys of these.
func (f *fixture) wantAbsent(sessions ...bff.UserSession) {
	f.Helper()
	for _, s := range sessions {
		got, err := f.store.GetUserSession(f.Context(), keyOf(s))
		if !errors.Is(err, bff.ErrSessionNotFound) {
			f.Errorf("GetUserSession %s: got error %v, want ErrSessionNotFound", name(s), err)
		}
		if !equal(got, bff.UserSession{}) {
			f.Errorf("GetUserSession %s: handed out values together with an error", name(s))
		}
	}
}

// wantListed checks that exactly these sessions match the filter, in this order.
func (f *fixture) wantListed(partitionKey string, filter bff.UserSessionsFilter, want ...bff.UserSession) {
	f.Helper()
	got, wantNames := names(f.list(partitionKey, filter)), names(want)
	if got != wantNames {
		f.Errorf("GetUserSessions in %q of %+q:\n got %s\nwant %s", partitionKey, filter, got, wantNames)
	}
}

// wantEqual compares everything in two sessions; times as instants, since their
// location is a test's own.
func (f *fixture) wantEqual(what string, got, want bff.UserSession) {
	f.Helper()
	if !equal(got, want) {
		f.Errorf("%s %s:\n got %s\nwant %s", what, name(want), describe(got), describe(want))
	}
}

// wantError checks that an operation failed in one particular way.
func (f *fixture) wantError(what string, got, want error) {
	f.Helper()
	if !errors.Is(got, want) {
		f.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// replacer returns the store's capability to replace, if it has it.
func (f *fixture) replacer() (bff.UserSessionReplacer, bool) {
	r, ok := f.store.(bff.UserSessionReplacer)
	return r, ok
}

// replace puts sessions in the place of conflicting ones, which must succeed. Only
// for stores that can.
func (f *fixture) replace(sessions ...bff.UserSession) {
	f.Helper()
	r := f.needReplacer()
	for _, s := range sessions {
		if err := r.ReplaceUserSession(f.Context(), s); err != nil {
			f.Fatalf("ReplaceUserSession %s: %v", name(s), err)
		}
	}
}

// needReplacer returns the store's capability to replace, or skips the test.
func (f *fixture) needReplacer() bff.UserSessionReplacer {
	r, ok := f.replacer()
	if !ok {
		f.Skip("the store does not implement bff.UserSessionReplacer")
	}
	return r
}

// versionDeleter returns the store's capability to delete a version, if it has it.
func (f *fixture) versionDeleter() (bff.UserSessionVersionDeleter, bool) {
	d, ok := f.store.(bff.UserSessionVersionDeleter)
	return d, ok
}

// needVersionDeleter returns the store's capability to delete a version, or skips the
// test.
func (f *fixture) needVersionDeleter() bff.UserSessionVersionDeleter {
	d, ok := f.versionDeleter()
	if !ok {
		f.Skip("the store does not implement bff.UserSessionVersionDeleter")
	}
	return d
}

// needLister skips the test if the store cannot list sessions.
func (f *fixture) needLister() {
	if _, ok := f.store.(bff.UserSessionLister); !ok {
		f.Skip("the store does not implement bff.UserSessionLister")
	}
}

// cleanUp removes expired sessions and checks the count. A store without cleanup is
// free to drop expired sessions when it likes, so that there is nothing to check.
func (f *fixture) cleanUp(why string, want int64) {
	f.Helper()
	c, ok := f.store.(bff.UserSessionStoreCleanup)
	if !ok {
		return
	}
	got, err := c.DeleteExpiredSessions(f.Context())
	if err != nil {
		f.Fatalf("DeleteExpiredSessions: %v", err)
	}
	if got != want {
		f.Errorf("%s: DeleteExpiredSessions counted %d, want %d", why, got, want)
	}
}

// cancelled is a context that has ended already.
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
