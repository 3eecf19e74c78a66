package bfftest

import (
	"time"

	"example.com/usersession/bff"
)

func createdTopic() topic {
	return topic{name: "created", tests: []test{
		{"update with a zero Created keeps the stored time", zeroCreatedKeeps},
		{"update with a zero Created in another zone keeps the stored time", zeroCreatedInZone},
		{"conditional update with a zero Created keeps the stored time", zeroCreatedFromVersion},
		{"update with a zero Created keeps the fraction of the stored time", zeroCreatedKeepsFraction},
		{"update that takes an expired session id keeps the stored time", zeroCreatedTakesExpired},
		{"update with ReplaceRivals keeps the stored time", zeroCreatedReplacesRival},
		{"update with a zero Created does not change the order of sessions", zeroCreatedKeepsOrder},
		{"update writes a Created that is set", nonZeroCreatedIsWritten},
		{"a refused update with a zero Created writes nothing", zeroCreatedRefused},
		{"update with a zero Renewed is refused", zeroRenewedIsRefused},
	}}
}

// updateWithoutCreated writes the session's values, but for Created, over the session
// with its key. It must succeed.
func (f *fixture) updateWithoutCreated(s bff.UserSession, edits ...func(*bff.UserSessionUpdate)) {
	f.Helper()
	update := updateOf(s)
	update.Created = time.Time{}
	for _, edit := range edits {
		edit(&update)
	}
	if err := f.store.UpdateUserSession(f.Context(), keyOf(s), update); err != nil {
		f.Fatalf("UpdateUserSession %s with a zero Created: %v", name(s), err)
	}
}

func ifVersion(version int64) func(*bff.UserSessionUpdate) {
	return func(u *bff.UserSessionUpdate) { u.IfVersion = version }
}

func replacingRivals(u *bff.UserSessionUpdate) { u.ReplaceRivals = true }

// changes are updates of the session with the key "key-1": its identity and its expiry are
// kept, removed, and set again.
func changes() []bff.UserSession {
	return []bff.UserSession{
		session("key-1", ticket([]byte("another ticket"))),
		session("key-1", sessionID("")),
		session("key-1", expires(time.Time{})),
		session("key-1", sessionID(""), expires(time.Time{}), ticket(nil)),
		session("key-1", subject(""), sessionID("")),
		session("key-1", subject(bob), sessionID("sid-new"), expires(start.Add(2*time.Hour))),
	}
}

func zeroCreatedKeeps(f *fixture) {
	f.create(session("key-1"))
	for i, s := range changes() {
		f.updateWithoutCreated(s)
		f.wantStored(int64(i+2), s)
	}
}

func zeroCreatedInZone(f *fixture) {
	s := session("key-1")
	f.create(s)
	for i, zone := range []*time.Location{time.FixedZone("east", 5*3600), time.FixedZone("west", -5*3600)} {
		f.updateWithoutCreated(s, func(u *bff.UserSessionUpdate) { u.Created = time.Time{}.In(zone) })
		f.wantStored(int64(i+2), s)
	}
}

func zeroCreatedFromVersion(f *fixture) {
	f.create(session("key-1"))
	for i, s := range changes() {
		f.updateWithoutCreated(s, ifVersion(int64(i+1)))
		f.wantStored(int64(i+2), s)
	}
}

func zeroCreatedKeepsFraction(f *fixture) {
	for i, at := range []time.Time{
		start.Add(123_456 * time.Microsecond),
		time.Date(1969, time.December, 31, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(1, time.January, 1, 0, 0, 0, 1_000, time.UTC),
		time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC),
	} {
		s := session([]string{"key-1", "key-2", "key-3", "key-4"}[i], created(at))
		f.create(s)
		f.updateWithoutCreated(s)
		f.updateWithoutCreated(s, ifVersion(2))
		f.wantStored(3, s)
		f.wantUTC("GetUserSession", f.get(s), s)
	}
}

func zeroCreatedTakesExpired(f *fixture) {
	for i, edits := range [][]func(*bff.UserSessionUpdate){nil, {ifVersion(1)}} {
		f.clock.set(start)
		key, sid := []string{"key-1", "key-2"}[i], []string{"sid-1", "sid-2"}[i]
		expired, live := session("expired-"+key, sessionID(sid), expires(end)), session(key, expires(time.Time{}))
		f.create(expired, live)
		f.clock.set(end.Add(time.Second))
		live.SessionID = sid
		f.updateWithoutCreated(live, edits...)
		f.wantStored(2, live)
	}
}

func zeroCreatedReplacesRival(f *fixture) {
	for i, edits := range [][]func(*bff.UserSessionUpdate){
		{replacingRivals}, {replacingRivals, ifVersion(1)},
	} {
		key, sid := []string{"key-1", "key-2"}[i], []string{"sid-1", "sid-2"}[i]
		rival := session("rival-"+key, sessionID(sid), created(start.Add(-5*time.Hour)))
		visitor := session(key, anonymous)
		f.create(rival, visitor)
		signedIn := session(key, sessionID(sid))
		f.updateWithoutCreated(signedIn, edits...)
		f.wantStored(2, signedIn)
		f.wantAbsent(rival)
		f.updateWithoutCreated(signedIn, replacingRivals) // there is no rival any more
		f.wantStored(3, signedIn)
	}
}

func zeroCreatedKeepsOrder(f *fixture) {
	one, two := session("key-1", created(start.Add(-3*time.Hour))), session("key-2")
	f.create(one, two)
	f.updateWithoutCreated(one)
	f.wantListed(shop, bySubject(alice), one, two)
	f.updateWithoutCreated(two)
	f.wantListed(shop, bySubject(alice), one, two)
	f.wantStored(2, one, two)
}

func nonZeroCreatedIsWritten(f *fixture) {
	s := session("key-1")
	f.create(s)
	for i, edits := range [][]func(*bff.UserSessionUpdate){nil, {ifVersion(2)}, {replacingRivals}} {
		s.Created = s.Created.Add(time.Minute + time.Microsecond)
		update := updateOf(s)
		for _, edit := range edits {
			edit(&update)
		}
		if err := f.store.UpdateUserSession(f.Context(), keyOf(s), update); err != nil {
			f.Fatalf("UpdateUserSession with a Created: %v", err)
		}
		f.wantStored(int64(i+2), s)
	}
}

func zeroCreatedRefused(f *fixture) {
	s, rival := session("key-1"), session("key-2")
	f.create(s, rival)
	update := updateOf(session("key-1", ticket([]byte("refused"))))
	update.Created, update.IfVersion = time.Time{}, 2
	f.wantError("UpdateUserSession from another version with a zero Created",
		f.store.UpdateUserSession(f.Context(), keyOf(s), update), bff.ErrSessionChanged)
	update.SessionID, update.IfVersion = rival.SessionID, 0
	f.wantError("UpdateUserSession to a live session id with a zero Created",
		f.store.UpdateUserSession(f.Context(), keyOf(s), update), bff.ErrSessionExists)
	f.wantError("UpdateUserSession of a missing session with a zero Created",
		f.store.UpdateUserSession(f.Context(), bff.UserSessionKey{PartitionKey: shop, Key: "key-3"}, update), bff.ErrSessionNotFound)
	f.wantStored(1, s, rival)
	f.wantAbsent(session("key-3"))
}

func zeroRenewedIsRefused(f *fixture) {
	s := session("key-1")
	f.create(s)
	update := updateOf(session("key-1", ticket([]byte("refused"))))
	update.Renewed = time.Time{}
	for _, at := range []time.Time{s.Created, {}} {
		update.Created = at
		f.wantRefusal("UpdateUserSession", "Renewed", "", f.store.UpdateUserSession(f.Context(), keyOf(s), update))
	}
	f.wantStored(1, s)
}
