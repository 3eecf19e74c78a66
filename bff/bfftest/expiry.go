package bfftest

import (
	"time"

	"example.com/usersession/bff"
)

func expiryTopic() topic {
	return topic{name: "expiry", tests: []test{
		{"get finds a session before its expiry and not at it", getAtBoundary},
		{"get by filter finds a session before its expiry and not at it", listAtBoundary},
		{"update finds a session before its expiry and not at it", updateAtBoundary},
		{"create conflicts with a session before its expiry and not at it", createAtBoundary},
		{"a session without an expiry never expires", neverExpires},
		{"a session can expire in the year 9999", expiresInYear9999},
		{"update can move the expiry", updateMovesExpiry},
		{"update can set an expiry in the past", updateEndsSession},
		{"update does not revive an expired session", updateExpired},
		{"create accepts a session that has already expired", createExpired},
		{"create removes an expired session with its key", createOverExpiredKey},
		{"create removes an expired session with its session id", createOverExpiredSessionID},
		{"create removes two expired sessions that conflict", createOverTwoExpired},
		{"create that conflicts with an expired and a live session changes nothing", createOverExpiredAndLive},
		{"update can take the session id of an expired session", updateTakesExpiredSessionID},
		{"an anonymous session expires like any other", expiredAnonymous},
		{"get does not remove an expired session", getKeepsExpired},
		{"delete removes an expired session", deleteExpired},
		{"delete by filter removes expired sessions", deleteExpiredByFilter},
	}}
}

const tick = time.Microsecond // the precision that a store keeps

// end is the time at which the sessions of this topic expire.
var end = start.Add(10 * time.Minute)

func getAtBoundary(f *fixture) {
	s := session("key-1", expires(end))
	f.create(s)
	f.clock.set(end.Add(-tick))
	f.wantStored(1, s)
	f.clock.set(end)
	f.wantAbsent(s)
	f.clock.set(end.Add(tick))
	f.wantAbsent(s)
}

func listAtBoundary(f *fixture) {
	s, longer, never := session("key-1", expires(end)), session("key-2", expires(end.Add(time.Second))), session("key-3", expires(time.Time{}))
	f.create(s, longer, never)
	f.clock.set(end.Add(-tick))
	f.wantListed(shop, bySubject(alice), s, longer, never)
	f.wantListed(shop, bySessionID(s.SessionID), s)
	f.clock.set(end)
	f.wantListed(shop, bySubject(alice), longer, never)
	f.wantListed(shop, bySessionID(s.SessionID))
	f.wantListed(shop, bff.UserSessionsFilter{SubjectID: alice, SessionID: s.SessionID})
	f.clock.set(end.Add(time.Hour))
	f.wantListed(shop, bySubject(alice), never)
}

func updateAtBoundary(f *fixture) {
	s := session("key-1", expires(end))
	f.create(s)
	f.clock.set(end.Add(-tick))
	f.update(s)
	f.wantStored(2, s)
	f.clock.set(end)
	f.wantError("UpdateUserSession at the expiry",
		f.store.UpdateUserSession(f.Context(), keyOf(s), updateOf(s)), bff.ErrSessionNotFound)
}

func createAtBoundary(f *fixture) {
	s := session("key-1", expires(end))
	f.create(s)
	fresh := session("key-1", expires(end.Add(time.Hour)), ticket([]byte("new")))
	f.clock.set(end.Add(-tick))
	f.wantError("CreateUserSession just before the expiry", f.store.CreateUserSession(f.Context(), fresh), bff.ErrSessionExists)
	f.clock.set(end)
	f.create(fresh)
	f.wantStored(1, fresh)
}

func neverExpires(f *fixture) {
	s := session("key-1", expires(time.Time{}))
	f.create(s)
	f.clock.set(time.Date(9998, time.December, 31, 23, 59, 59, 0, time.UTC))
	f.wantStored(1, s)
	f.wantListed(shop, bySubject(alice), s)
	f.update(s)
	f.wantStored(2, s)
	f.wantError("CreateUserSession with the key of a session that never expires",
		f.store.CreateUserSession(f.Context(), s), bff.ErrSessionExists)
}

func expiresInYear9999(f *fixture) {
	s := session("key-1", expires(time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)))
	f.create(s)
	f.wantStored(1, s)
	f.clock.set(time.Date(9999, time.December, 31, 23, 59, 58, 0, time.UTC))
	f.wantStored(1, s)
	f.wantListed(shop, bySubject(alice), s)
	f.clock.set(time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC))
	f.wantAbsent(s)
}

func updateMovesExpiry(f *fixture) {
	s := session("key-1", expires(end))
	f.create(s)
	s.Expires = end.Add(time.Minute)
	f.update(s)
	f.clock.set(end)
	f.wantStored(2, s)
	s.Expires = time.Time{}
	f.update(s)
	f.clock.set(end.Add(time.Hour))
	f.wantStored(3, s)
	s.Expires = end.Add(2 * time.Hour)
	f.update(s)
	f.clock.set(end.Add(2 * time.Hour))
	f.wantAbsent(s)
}

func updateEndsSession(f *fixture) {
	s := session("key-1")
	f.create(s)
	s.Expires = start.Add(-time.Minute)
	f.update(s)
	f.wantAbsent(s)
	f.wantListed(shop, bySubject(alice))
	f.create(session("key-1"))
}

func updateExpired(f *fixture) {
	s := session("key-1", expires(end))
	f.create(s)
	f.clock.set(end.Add(time.Second))
	update := updateOf(s)
	update.Expires = end.Add(time.Hour)
	for _, version := range []int64{0, 1, 2} {
		update.IfVersion = version
		f.wantError("UpdateUserSession of an expired session",
			f.store.UpdateUserSession(f.Context(), keyOf(s), update), bff.ErrSessionNotFound)
	}
	f.wantAbsent(s)
	f.wantListed(shop, bySubject(alice))
}

func createExpired(f *fixture) {
	past, now := session("key-1", expires(start.Add(-time.Minute))), session("key-2", expires(start))
	f.create(past, now)
	f.wantAbsent(past, now)
	f.create(past) // the expired session does not conflict
	f.wantListed(shop, bySubject(alice))
}

func createOverExpiredKey(f *fixture) {
	old := session("key-1", expires(end), sessionID("sid-old"))
	f.create(old)
	f.update(old)
	f.clock.set(end)
	fresh := session("key-1", subject(bob), sessionID("sid-new"))
	f.create(fresh)
	f.wantStored(1, fresh)
	f.clock.set(start) // the old session would be live again if it was only hidden
	f.wantStored(1, fresh)
	f.wantListed(shop, bySessionID("sid-old"))
	f.wantListed(shop, bySubject(alice))
}

func createOverExpiredSessionID(f *fixture) {
	old := session("key-1", expires(end), sessionID("sid"))
	f.create(old)
	f.clock.set(end)
	fresh := session("key-2", sessionID("sid"))
	f.create(fresh)
	f.wantStored(1, fresh)
	f.clock.set(start)
	f.wantAbsent(old)
	f.wantListed(shop, bySessionID("sid"), fresh)
}

func createOverTwoExpired(f *fixture) {
	one := session("key-1", expires(end), sessionID("sid-1"))
	two := session("key-2", expires(end), sessionID("sid-2"))
	f.create(one, two)
	f.clock.set(end)
	fresh := session("key-1", sessionID("sid-2"))
	f.create(fresh)
	f.wantStored(1, fresh)
	f.clock.set(start)
	f.wantAbsent(two)
	f.wantListed(shop, bySubject(alice), fresh)
}

func createOverExpiredAndLive(f *fixture) {
	expired, live := session("key-1", expires(end)), session("key-2")
	f.create(expired, live)
	f.clock.set(end)
	for _, fresh := range []bff.UserSession{
		session(expired.Key, sessionID(live.SessionID), subject(bob)),
		session(live.Key, sessionID(expired.SessionID), subject(bob)),
	} {
		f.wantError("CreateUserSession that conflicts with an expired and a live session",
			f.store.CreateUserSession(f.Context(), fresh), bff.ErrSessionExists)
		f.wantStored(1, live)
		f.wantListed(shop, bySubject(bob))
	}
	f.wantAbsent(expired)
	f.cleanUp("after a create that changed nothing", 1)
}

func updateTakesExpiredSessionID(f *fixture) {
	expired, live := session("key-1", expires(end)), session("key-2")
	f.create(expired, live)
	f.clock.set(end)
	live.SessionID = expired.SessionID
	f.update(live)
	f.wantStored(2, live)
	// By an earlier clock, the expired session would be live again. The store may have
	// removed it or cleared its session id, but two sessions must not share the id.
	f.clock.set(start)
	f.wantListed(shop, bySessionID(expired.SessionID), live)
	if got, err := f.store.GetUserSession(f.Context(), keyOf(expired)); err == nil && got.SessionID == expired.SessionID {
		f.Errorf("the expired session still has the session id that an update has taken: %s", describe(got))
	}
}

func expiredAnonymous(f *fixture) {
	s, longer := session("key-1", anonymous, expires(end)), session("key-2", anonymous)
	f.create(s, longer)
	f.clock.set(end)
	f.wantAbsent(s)
	f.wantError("UpdateUserSession of an expired anonymous session",
		f.store.UpdateUserSession(f.Context(), keyOf(s), updateOf(session("key-1"))), bff.ErrSessionNotFound)
	fresh := session("key-1", anonymous, ticket([]byte("new")))
	f.create(fresh)
	f.wantStored(1, fresh, longer)
}

func getKeepsExpired(f *fixture) {
	s := session("key-1", expires(end))
	f.create(s)
	f.clock.set(end)
	f.wantAbsent(s)
	f.wantListed(shop, bySubject(alice))
	f.cleanUp("after reading an expired session", 1)
}

func deleteExpired(f *fixture) {
	s := session("key-1", expires(end))
	f.create(s)
	f.clock.set(end)
	if _, ok := f.store.(bff.UserSessionStoreCleanup); ok {
		f.wantDeleted(s, 1)
	} else {
		f.delete(s) // such a store may have removed the expired session by itself
	}
	f.cleanUp("after deleting an expired session", 0)
	f.clock.set(start)
	f.wantAbsent(s)
}

func deleteExpiredByFilter(f *fixture) {
	expired := session("key-1", expires(end))
	alsoExpired := session("key-2", expires(end))
	live, bobs := session("key-3"), session("key-4", expires(end), subject(bob))
	f.create(expired, alsoExpired, live, bobs)
	f.clock.set(end)
	if _, ok := f.store.(bff.UserSessionStoreCleanup); ok {
		f.deleteAll(shop, bySessionID(expired.SessionID), 1)
		f.deleteAll(shop, bySubject(alice), 2)
	} else {
		// Such a store may have removed the expired sessions by itself.
		for _, filter := range []bff.UserSessionsFilter{bySessionID(expired.SessionID), bySubject(alice)} {
			if _, err := f.store.DeleteUserSessions(f.Context(), shop, filter); err != nil {
				f.Errorf("DeleteUserSessions: %v", err)
			}
		}
	}
	f.clock.set(start)
	f.wantAbsent(expired, alsoExpired, live)
	f.cleanUp("before bob's session has expired", 0)
	f.clock.set(end)
	f.cleanUp("when bob's session has expired", 1)
}
