package bfftest

import (
	"context"
	"errors"
	"strings"
	"time"

	"example.com/usersession/bff"
)

func replaceTopic() topic {
	return topic{
		name: "replace",
		lacks: func(store bff.UserSessionStore) string {
			if _, ok := store.(bff.UserSessionReplacer); !ok {
				return "bff.UserSessionReplacer"
			}
			return ""
		},
		tests: []test{
			{"replace without a conflict adds the session", replaceAdds},
			{"replace removes the session with its session id", replaceSessionID},
			{"replace removes the session with its key", replaceKey},
			{"replace removes two sessions that conflict", replaceTwo},
			{"replace can be repeated", replaceAgain},
			{"replace creates a new session instead of an update", replaceIsFresh},
			{"replace without a session id removes only the session with its key", replaceWithoutSessionID},
			{"replace keeps the user's other sessions", replaceLeavesOthers},
			{"replace removes expired sessions that conflict", replaceExpired},
			{"replace with an invalid session changes nothing", replaceRefusesInvalid},
			{"cancelled replace changes nothing", replaceCancelled},
			{"a context that ends during replace leaves the old or the new session", contextEndsDuringReplace},
		},
	}
}

func replaceAdds(f *fixture) {
	full, bare := session("key-1"), bff.UserSession{Key: "key-2", SubjectID: alice, Created: start, Renewed: start}
	full.Version = 7
	f.replace(full, bare)
	f.wantStored(1, full, bare)
}

func replaceSessionID(f *fixture) {
	old, fresh := session("key-1", sessionID("sid")), session("key-2", sessionID("sid"), ticket([]byte("new")))
	f.create(old)
	f.replace(fresh)
	f.wantAbsent(old)
	f.wantStored(1, fresh)
	f.wantListed(shop, bySessionID("sid"), fresh)
	f.wantListed(shop, bySubject(alice), fresh)
}

func replaceKey(f *fixture) {
	old := session("key-1", sessionID("sid-1"))
	f.create(old)
	f.update(old)
	fresh := bff.UserSession{
		PartitionKey: shop, Key: "key-1", SubjectID: bob, SessionID: "sid-2",
		Created: start, Renewed: start.Add(time.Minute), Expires: start.Add(2 * time.Hour), Ticket: []byte("new"),
	}
	f.replace(fresh)
	f.wantStored(1, fresh)
	f.wantListed(shop, bySessionID("sid-1"))
	f.wantListed(shop, bySubject(alice))
	fresh.SessionID, fresh.Expires, fresh.Ticket = "", time.Time{}, nil
	f.replace(fresh)
	f.wantStored(1, fresh)
	f.wantListed(shop, bySessionID("sid-2"))
}

func replaceTwo(f *fixture) {
	one, two, other := session("key-1", sessionID("sid-1")), session("key-2", sessionID("sid-2")), session("key-3")
	f.create(one, two, other)
	fresh := session("key-1", sessionID("sid-2"), ticket([]byte("new")))
	f.replace(fresh)
	f.wantStored(1, fresh, other)
	f.wantAbsent(two)
	f.wantListed(shop, bySessionID("sid-1"))
	f.wantListed(shop, bySessionID("sid-2"), fresh)
}

func replaceAgain(f *fixture) {
	s := session("key-1")
	f.replace(s, s, s)
	f.wantStored(1, s)
	f.wantListed(shop, bySubject(alice), s)
}

func replaceIsFresh(f *fixture) {
	one, two := session("key-1", created(start.Add(-3*time.Hour))), session("key-2", created(start.Add(-2*time.Hour)))
	f.create(one, two)
	one.Created = start
	f.replace(one)
	f.wantListed(shop, bySubject(alice), two, one) // a replaced session is the newest
	f.update(two)
	f.replace(two)
	f.wantStored(1, two)
	f.wantListed(shop, bySubject(alice), one, two)
}

func replaceWithoutSessionID(f *fixture) {
	one, two, bobs := session("key-1", sessionID("")), session("key-2", sessionID("")), session("key-3", sessionID(""), subject(bob))
	with := session("key-4")
	f.create(one, two, bobs, with)
	fresh := session("key-5", sessionID(""))
	f.replace(fresh)
	one.Ticket = []byte("new")
	f.replace(one)
	f.wantStored(1, one, two, bobs, with, fresh)
}

func replaceLeavesOthers(f *fixture) {
	old, second, third := session("key-1"), session("key-2"), session("key-3", sessionID(""))
	f.create(old, second, third)
	fresh := session("key-4", sessionID(old.SessionID))
	f.replace(fresh)
	f.wantStored(1, second, third, fresh)
	f.wantListed(shop, bySubject(alice), second, third, fresh)
}

func replaceExpired(f *fixture) {
	one := session("key-1", expires(end), sessionID("sid-1"))
	two := session("key-2", expires(end), sessionID("sid-2"))
	f.create(one, two)
	f.clock.set(end.Add(time.Second))
	fresh := session("key-1", sessionID("sid-2"))
	f.replace(fresh)
	f.wantStored(1, fresh)
	f.clock.set(start) // the old sessions would be live again if they were only hidden
	f.wantAbsent(two)
	f.wantListed(shop, bySubject(alice), fresh)
}

func replaceRefusesInvalid(f *fixture) {
	byKey, bySID := session("key-1", sessionID("sid-1")), session("key-2", sessionID("sid-2"))
	f.create(byKey, bySID)
	r, _ := f.replacer()
	for field, spoil := range map[string]func(*bff.UserSession){
		"Key":       func(s *bff.UserSession) { s.Key = "" },
		"SubjectID": func(s *bff.UserSession) { s.SubjectID = strings.Repeat("a", bff.MaxIdentityLength+1) },
		"SessionID": func(s *bff.UserSession) { s.SessionID += " " },
		"Created":   func(s *bff.UserSession) { s.Created = time.Time{} },
		"Renewed":   func(s *bff.UserSession) { s.Renewed = s.Renewed.AddDate(9000, 0, 0) },
		"Expires":   func(s *bff.UserSession) { s.Expires = s.Expires.AddDate(9000, 0, 0) },
	} {
		s := session("key-1", sessionID("sid-2"), ticket([]byte("refused")))
		spoil(&s)
		f.wantRefusal("ReplaceUserSession", field, "", r.ReplaceUserSession(f.Context(), s))
		f.wantStored(1, byKey, bySID)
	}
}

func replaceCancelled(f *fixture) {
	byKey, bySID := session("key-1", sessionID("sid-1")), session("key-2", sessionID("sid-2"))
	f.create(byKey, bySID)
	r, _ := f.replacer()
	f.wantError("cancelled ReplaceUserSession",
		r.ReplaceUserSession(cancelled(f.T), session("key-1", sessionID("sid-2"))), context.Canceled)
	f.wantError("cancelled ReplaceUserSession with invalid values",
		r.ReplaceUserSession(cancelled(f.T), session("")), context.Canceled)
	f.wantStored(1, byKey, bySID)
	f.wantListed(shop, bySubject(alice), byKey, bySID)
}

func contextEndsDuringReplace(f *fixture) {
	old, fresh := session("key-1", sessionID("sid")), session("key-2", sessionID("sid"))
	f.create(old)
	r, _ := f.replacer()
	for range 20 {
		ctx, cancel := context.WithCancel(f.Context())
		go cancel()
		if err := r.ReplaceUserSession(ctx, fresh); err != nil && !errors.Is(err, context.Canceled) {
			f.Errorf("ReplaceUserSession with a context that ends during the operation: got error %v, want context.Canceled or none", err)
		}
		cancel()
		if listed := f.list(shop, bySessionID("sid")); len(listed) != 1 {
			f.Fatalf("after ReplaceUserSession with a context that ended during the operation: got %s, want the old session or the new", names(listed))
		}
		old, fresh = fresh, old
	}
}
