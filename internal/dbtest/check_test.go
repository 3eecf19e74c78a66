package dbtest_test

import (
	"slices"
	"testing"
	"time"

	"example.com/usersession"
	"example.com/usersession/bff"
)

// checkStore checks the store's operations in one short run. It is for tests with too many
// configurations to run the conformance suite in each. The store must be empty, and its
// clock must return now.
func checkStore(t *testing.T, store *usersession.GormStore) {
	t.Helper()
	ctx := t.Context()
	wantStored := func(want bff.UserSession, version int64) {
		t.Helper()
		got, err := store.GetUserSession(ctx, bff.UserSessionKey{PartitionKey: want.PartitionKey, Key: want.Key})
		must(t, err)
		wantSession(t, got, want, version)
	}
	wantNotFound := func(key string) {
		t.Helper()
		_, err := store.GetUserSession(ctx, keyOf(key))
		wantErr(t, "get "+key, err, bff.ErrSessionNotFound)
	}

	// Create: times in UTC with nanoseconds, and in the hour that New York has twice; a
	// key that differs only in case; no ticket.
	first := testSession("key", "sid")
	newYork, err := time.LoadLocation("America/New_York")
	must(t, err)
	second := testSession("KEY", "SID")
	second.PartitionKey = ""
	second.Created = time.Date(2026, 11, 1, 5, 30, 0, 123456000, time.UTC).In(newYork)
	second.Renewed = second.Created.Add(time.Hour)
	second.Expires = time.Time{}
	second.Ticket = nil
	third := testSession("KEY", "SID")
	third.SubjectID = "Alice"
	for _, s := range []bff.UserSession{first, second, third} {
		must(t, store.CreateUserSession(ctx, s))
	}
	wantStored(first, 1)
	wantStored(second, 1)
	wantStored(third, 1)
	wantNotFound("Key")
	wantErr(t, "create, same key", store.CreateUserSession(ctx, testSession("key", "sid-2")), bff.ErrSessionExists)
	wantErr(t, "create, same session id", store.CreateUserSession(ctx, testSession("key-2", "sid")), bff.ErrSessionExists)
	wantNotFound("key-2")

	// Characters that have a meaning in SQL.
	quoted := testSession("o'\"`\\' -- %_\x1a?$1", "\\' OR ''='")
	quoted.SubjectID = "\\"
	quoted.Ticket = []byte("\x00'\\\"\n\r\x1a")
	must(t, store.CreateUserSession(ctx, quoted))
	wantStored(quoted, 1)
	deleted, err := store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: quoted.SubjectID, SessionID: quoted.SessionID})
	if must(t, err); deleted != 1 {
		t.Errorf("deleted %d sessions with characters of SQL, want 1", deleted)
	}

	// Update: the same values twice, and from a version.
	update := updateOf(first, "\x00binary\xff", 0)
	must(t, store.UpdateUserSession(ctx, keyOf("key"), update))
	must(t, store.UpdateUserSession(ctx, keyOf("key"), update))
	first.Ticket = update.Ticket
	wantStored(first, 3)
	update.IfVersion = 2
	wantErr(t, "update, old version", store.UpdateUserSession(ctx, keyOf("key"), update), bff.ErrSessionChanged)
	update.IfVersion = 3
	must(t, store.UpdateUserSession(ctx, keyOf("key"), update))
	wantStored(first, 4)
	wantErr(t, "update, not found", store.UpdateUserSession(ctx, keyOf("missing"), update), bff.ErrSessionNotFound)
	update.SessionID, update.IfVersion = "SID", 0
	wantErr(t, "update, taken session id", store.UpdateUserSession(ctx, keyOf("key"), update), bff.ErrSessionExists)
	wantStored(first, 4)

	// An expired session is not found, and does not conflict.
	expired := testSession("expired", "old")
	expired.Expires = now.Truncate(time.Microsecond)
	must(t, store.CreateUserSession(ctx, expired))
	wantNotFound("expired")
	must(t, store.CreateUserSession(ctx, expired))
	update.SessionID = "old"
	must(t, store.UpdateUserSession(ctx, keyOf("key"), update))
	first.SessionID = "old"
	wantStored(first, 5)
	expired.SessionID = "older"
	must(t, store.CreateUserSession(ctx, expired))

	// Replace: no conflict, a conflict of the key, of the session id, and of both.
	must(t, store.ReplaceUserSession(ctx, testSession("fourth", "")))
	must(t, store.ReplaceUserSession(ctx, testSession("fourth", "sid-4")))
	must(t, store.ReplaceUserSession(ctx, testSession("fifth", "sid-4")))
	wantNotFound("fourth")
	must(t, store.ReplaceUserSession(ctx, testSession("fifth", "old")))
	wantNotFound("key")
	wantStored(testSession("fifth", "old"), 1)

	// List and delete.
	must(t, store.ReplaceUserSession(ctx, testSession("sixth", "")))
	found, err := store.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
	must(t, err)
	wantKeys(t, "list by subject", found, "fifth", "sixth")
	found, err = store.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice", SessionID: "old"})
	must(t, err)
	wantKeys(t, "list by both", found, "fifth")
	for _, oldestFirst := range []bool{true, false} {
		var listed []bff.UserSession
		for session, err := range store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: "app", PageSize: 2, OldestFirst: oldestFirst}) {
			must(t, err)
			if session.Ticket != nil {
				t.Error("the lister returns a ticket")
			}
			_, err := store.GetUserSession(ctx, keyOf(session.Key)) // also works with a pool of one connection
			must(t, err)
			listed = append(listed, session)
		}
		if !oldestFirst {
			slices.Reverse(listed)
		}
		wantKeys(t, "lister", listed, "KEY", "fifth", "sixth")
	}
	deleted, err = store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SessionID: "SID"})
	if must(t, err); deleted != 1 {
		t.Errorf("deleted %d sessions by session id, want 1", deleted)
	}
	deleted, err = store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
	if must(t, err); deleted < 2 {
		t.Errorf("deleted %d sessions by subject, want at least fifth and sixth", deleted)
	}
	wantStored(second, 1)
	must(t, errOf(store.DeleteUserSession(ctx, bff.UserSessionKey{Key: "KEY"})))
	must(t, errOf(store.DeleteUserSession(ctx, bff.UserSessionKey{Key: "KEY"})))
	_, err = store.DeleteExpiredSessions(ctx)
	must(t, err)
}

// wantKeys fails the test unless the sessions have the wanted keys, in this order.
func wantKeys(t *testing.T, what string, sessions []bff.UserSession, want ...string) {
	t.Helper()
	var keys []string
	for _, session := range sessions {
		keys = append(keys, session.Key)
	}
	if !slices.Equal(keys, want) {
		t.Errorf("%s: %v, want %v", what, keys, want)
	}
}
