package bfftest

import (
	"context"
	"errors"
	"strings"

	"example.com/usersession/bff"
)

// marker is part of the refused values. No error may contain it.
const marker = "hush"

// An identity is one of the four fields that a store compares ordinally.
type identity struct {
	field string
	put   func(*bff.UserSession, string)
}

func identities() []identity {
	return []identity{
		{"PartitionKey", func(s *bff.UserSession, v string) { s.PartitionKey = v }},
		{"Key", func(s *bff.UserSession, v string) { s.Key = v }},
		{"SubjectID", func(s *bff.UserSession, v string) { s.SubjectID = v }},
		{"SessionID", func(s *bff.UserSession, v string) { s.SessionID = v }},
	}
}

// writes returns the operations that must refuse an invalid session, by name. They include
// the operations of the store's optional capabilities.
func (f *fixture) writes() map[string]func(context.Context, bff.UserSession) error {
	writes := map[string]func(context.Context, bff.UserSession) error{
		"CreateUserSession": f.store.CreateUserSession,
		"UpdateUserSession": func(ctx context.Context, s bff.UserSession) error {
			return f.store.UpdateUserSession(ctx, keyOf(s), updateOf(s))
		},
	}
	writes["UpdateUserSession with ReplaceRivals"] = func(ctx context.Context, s bff.UserSession) error {
		return f.takeOver(ctx, s, 0)
	}
	if r, ok := f.replacer(); ok {
		writes["ReplaceUserSession"] = r.ReplaceUserSession
	}
	return writes
}

// wantRefused checks that every write refuses each of the values in each of the fields,
// that the error names the field without the value, and that the store is unchanged.
func (f *fixture) wantRefused(fields []identity, values ...string) {
	f.Helper()
	kept := session("key-1", sessionID("sid-1"))
	f.create(kept)
	for _, identity := range fields {
		for _, value := range values {
			// The other fields are equal to the stored session's. The checks below
			// find a value that was truncated, or a partial write.
			s := session("key-1", sessionID("sid-1"), ticket([]byte("refused")))
			identity.put(&s, value)
			for what, write := range f.writes() {
				f.wantRefusal(what, identity.field, value, write(f.Context(), s))
			}
		}
	}
	f.wantStored(1, kept)
	f.wantListed(shop, bySubject(alice), kept)
	f.delete(kept)
	for _, identity := range fields {
		for _, value := range values {
			s := session("key-1", sessionID("sid-1"))
			identity.put(&s, value)
			f.wantRefusal("CreateUserSession", identity.field, value, f.store.CreateUserSession(f.Context(), s))
		}
	}
	f.wantListed(shop, bySubject(alice))
	f.wantListed(shop, bySessionID("sid-1"))
}

// wantRefusal checks that the error of a write is [bff.ErrInvalidSession] and names the
// field, but does not contain the value.
func (f *fixture) wantRefusal(what, field, value string, err error) {
	f.Helper()
	if !errors.Is(err, bff.ErrInvalidSession) {
		f.Errorf("%s with %s %+q: got error %v, want ErrInvalidSession", what, field, abridged(value), err)
		return
	}
	if !strings.Contains(err.Error(), field) {
		f.Errorf("%s with an invalid %s: the error does not name the field: %v", what, field, err)
	}
	if strings.Contains(err.Error(), marker) {
		f.Errorf("%s with an invalid %s: the error contains the value", what, field)
	}
}

func tooLongAreRefused(f *fixture) {
	f.wantRefused(identities(),
		marker+strings.Repeat("a", bff.MaxIdentityLength-len(marker)+1),
		marker+strings.Repeat("é", bff.MaxIdentityLength-len(marker)+1),
		marker+strings.Repeat("🙂", (bff.MaxIdentityLength-len(marker))/2)+"a",
		marker+strings.Repeat("a", 5000),
		marker+strings.Repeat("a", 100_000),
	)
}

func nulIsRefused(f *fixture) {
	f.wantRefused(identities(), marker+"\x00", "\x00"+marker, marker+"\x00"+marker, "\x00")
}

func invalidUTF8IsRefused(f *fixture) {
	f.wantRefused(identities(),
		marker+"\xff", "\xc3"+marker, marker+"\xc0\x80", marker+"\xed\xa0\x80", "\xf4\x90\x80\x80"+marker, "\x80")
}

// spaces returns white space that databases or drivers trim.
func spaces() []string {
	return []string{" ", "\t", "\n", "\r", "\v", "\f", "\u0085", "\u00a0", "\u1680", "\u2003", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"}
}

func outerSpaceIsRefused(f *fixture) {
	var values []string
	for _, space := range spaces() {
		values = append(values, marker+space, space+marker, space)
	}
	f.wantRefused(identities(), append(values, "  "+marker+"  ", marker+strings.Repeat(" ", 300))...)
}

func emptyIsRefused(f *fixture) {
	f.wantRefused([]identity{
		{"Key", func(s *bff.UserSession, v string) { s.Key = v }},
	}, "")
}

// invalidValues returns values that no session can have. Most of them resemble alice.
func invalidValues() []string {
	values := []string{
		alice + "\x00", "\x00", alice + "\xff", "\xff", alice + strings.Repeat("e", bff.MaxIdentityLength), strings.Repeat("🙂", 10_000),
	}
	for _, space := range spaces() {
		values = append(values, alice+space, space+alice)
	}
	return values
}

func refusedUpdateWritesNothing(f *fixture) {
	s := session("key-1")
	f.create(s)
	for _, value := range invalidValues() {
		for _, change := range []func(*bff.UserSessionUpdate){
			func(u *bff.UserSessionUpdate) { u.SubjectID = value },
			func(u *bff.UserSessionUpdate) { u.SessionID = value },
		} {
			update := updateOf(session("key-1", ticket([]byte("refused"))))
			change(&update)
			f.wantError("UpdateUserSession with an invalid value",
				f.store.UpdateUserSession(f.Context(), keyOf(s), update), bff.ErrInvalidSession)
		}
	}
	f.wantStored(1, s)
}

// invalidKeys returns a session and keys that no session can have. Most of the keys
// resemble the key of the session.
func invalidKeys() (s bff.UserSession, keys []bff.UserSessionKey) {
	s = session(alice, partition(alice))
	keys = []bff.UserSessionKey{{PartitionKey: alice}}
	for _, value := range invalidValues() {
		keys = append(keys,
			bff.UserSessionKey{PartitionKey: alice, Key: value},
			bff.UserSessionKey{PartitionKey: value, Key: alice})
	}
	return s, keys
}

func getInvalidKey(f *fixture) {
	s, keys := invalidKeys()
	f.create(s)
	for _, key := range keys {
		got, err := f.store.GetUserSession(f.Context(), key)
		if !errors.Is(err, bff.ErrSessionNotFound) || !equal(got, bff.UserSession{}) {
			f.Errorf("GetUserSession %+q: got %s and error %v, want ErrSessionNotFound", abridged(key.PartitionKey+"/"+key.Key), describe(got), err)
		}
	}
}

func deleteInvalidKey(f *fixture) {
	s, keys := invalidKeys()
	f.create(s)
	for _, key := range keys {
		if n, err := f.store.DeleteUserSession(f.Context(), key); n != 0 || err != nil {
			f.Errorf("DeleteUserSession %+q: got %d and error %v, want 0 and none", abridged(key.PartitionKey+"/"+key.Key), n, err)
		}
	}
	f.wantStored(1, s)
}

func deleteVersionOfInvalidKey(f *fixture) {
	d := f.needVersionDeleter()
	s, keys := invalidKeys()
	f.create(s)
	for _, key := range keys {
		if n, err := d.DeleteUserSessionVersion(f.Context(), key, 1); n != 0 || err != nil {
			f.Errorf("DeleteUserSessionVersion %+q: got %d and error %v, want 0 and none", abridged(key.PartitionKey+"/"+key.Key), n, err)
		}
	}
	f.wantStored(1, s)
}

func updateInvalidKey(f *fixture) {
	s, keys := invalidKeys()
	f.create(s)
	for _, key := range keys {
		f.wantError("UpdateUserSession of an invalid key",
			f.store.UpdateUserSession(f.Context(), key, updateOf(s)), bff.ErrInvalidSession)
	}
	f.wantStored(1, s)
}

func invalidFilterValue(f *fixture) {
	s := session("key-1", partition(alice), sessionID(alice))
	f.create(s)
	for _, value := range invalidValues() {
		for _, filter := range []bff.UserSessionsFilter{
			bySubject(value),
			bySessionID(value),
			{SubjectID: alice, SessionID: value},
			{SubjectID: value, SessionID: alice},
		} {
			f.wantListed(alice, filter)
			f.deleteAll(alice, filter, 0)
		}
		f.wantListed(value, bySubject(alice))
		f.deleteAll(value, bySubject(alice), 0)
	}
	f.wantStored(1, s)
}
