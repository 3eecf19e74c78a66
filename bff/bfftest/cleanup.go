package bfftest

import (
	"context"
	"fmt"
	"time"

	"example.com/usersession/bff"
)

func cleanupTopic() topic {
	return topic{
		name: "cleanup",
		lacks: func(store bff.UserSessionStore) string {
			if _, ok := store.(bff.UserSessionStoreCleanup); !ok {
				return "bff.UserSessionStoreCleanup"
			}
			return ""
		},
		tests: []test{
			{"cleanup of an empty store counts 0", cleanupEmpty},
			{"cleanup removes expired sessions in every partition", cleanupRemovesExpired},
			{"cleanup keeps sessions that are live or never expire", cleanupLeavesLive},
			{"cleanup removes a session at its expiry and not before", cleanupAtBoundary},
			{"a second cleanup counts 0", cleanupTwice},
			{"cleanup removes any number of sessions", cleanupManySessions},
			{"cancelled cleanup removes nothing", cleanupCancelled},
		},
	}
}

func cleanupEmpty(f *fixture) {
	f.cleanUp("in an empty store", 0)
}

func cleanupRemovesExpired(f *fixture) {
	all := []bff.UserSession{
		session("key-1", expires(end)),
		session("key-1", expires(end), partition(admin)),
		session("key-1", expires(end), partition("")),
		session("key-2", expires(start.Add(time.Second)), sessionID("")),
	}
	f.create(all...)
	f.clock.set(end.Add(time.Second))
	f.cleanUp("with four expired sessions", 4)
	f.clock.set(start) // the sessions would be live again if they were only hidden
	f.wantAbsent(all...)
	f.create(all...)
	f.wantStored(1, all...)
}

func cleanupLeavesLive(f *fixture) {
	live, never := session("key-1", expires(end.Add(time.Hour))), session("key-2", expires(time.Time{}))
	elsewhere := session("key-3", expires(time.Time{}), partition(admin))
	expired := session("key-4", expires(end))
	f.create(live, never, elsewhere, expired)
	f.update(live)
	f.clock.set(end)
	f.cleanUp("with one expired session", 1)
	f.wantStored(2, live)
	f.wantStored(1, never, elsewhere)
	f.wantAbsent(expired)
}

func cleanupAtBoundary(f *fixture) {
	s := session("key-1", expires(end))
	f.create(s)
	f.clock.set(end.Add(-tick))
	f.cleanUp("a microsecond before the expiry", 0)
	f.wantStored(1, s)
	f.clock.set(end)
	f.cleanUp("at the expiry", 1)
}

func cleanupTwice(f *fixture) {
	f.create(session("key-1", expires(end)), session("key-2", expires(end)), session("key-3"))
	f.clock.set(end)
	f.cleanUp("with two expired sessions", 2)
	f.cleanUp("again", 0)
}

// cleanupManySessions creates more expired sessions than one batch of a store holds, with
// live sessions in between, so that every batch meets some.
func cleanupManySessions(f *fixture) {
	const many = 250
	var live []bff.UserSession
	for i := range many {
		s := session(fmt.Sprint("key-", i), expires(end.Add(time.Duration(i%7)*time.Second)))
		f.create(s)
		if i%10 == 0 {
			l := session(fmt.Sprint("live-", i))
			f.create(l)
			live = append(live, l)
		}
	}
	f.clock.set(end.Add(time.Minute))
	f.cleanUp("with 250 expired sessions", many)
	f.wantListed(shop, bySubject(alice), live...)
	f.cleanUp("again", 0)
}

func cleanupCancelled(f *fixture) {
	s := session("key-1", expires(end))
	f.create(s)
	f.clock.set(end)
	n, err := f.store.(bff.UserSessionStoreCleanup).DeleteExpiredSessions(cancelled(f.T))
	f.wantError("cancelled DeleteExpiredSessions", err, context.Canceled)
	if n != 0 {
		f.Errorf("cancelled DeleteExpiredSessions counted %d, want 0", n)
	}
	f.cleanUp("after a cancelled cleanup", 1)
}
