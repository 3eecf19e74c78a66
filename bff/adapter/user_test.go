package adapter_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/backchannel"
)

func TestEndSessions(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, _ *spy) {
		long := strings.Repeat("u", 240) // the row has its hash
		for secret, st := range map[string]adapter.State{
			"a1": state("alice", "s1", ""), "a2": state("alice", "", ""), "b": state("bob", "s3", ""),
			"n": state("", "", ""), "l": state(long, "s4", ""),
		} {
			create(t, s, secret, st)
		}
		if list := must[[]*adapter.Session](t)(s.UserSessions(t.Context(), "alice")); len(list) != 2 {
			t.Errorf("alice has %d sessions", len(list))
		}
		if n := must[int64](t)(s.EndSession(t.Context(), "bob", "s1")); n != 0 {
			t.Error("bob has ended a session of alice")
		}
		if n := must[int64](t)(s.EndSessions(t.Context(), "alice")); n != 2 {
			t.Errorf("%d sessions ended, want 2", n)
		}
		if n := must[int64](t)(s.EndSessions(t.Context(), long)); n != 1 {
			t.Errorf("%d sessions of the user with a long subject id ended", n)
		}
		gone(t, s, "a1")
		gone(t, s, "a2")
		must[*adapter.Session](t)(s.Load(t.Context(), "b"))
		must[*adapter.Session](t)(s.Load(t.Context(), "n"))
		for call, err := range map[string]error{
			"end all":    errOf(s.EndSessions(t.Context(), "")),
			"no user":    errOf(s.EndSession(t.Context(), "", "s1")),
			"no session": errOf(s.EndSession(t.Context(), "alice", "")),
			"list":       errOf(s.UserSessions(t.Context(), "")),
		} {
			if !errors.Is(err, bff.ErrInvalidFilter) {
				t.Errorf("%s: %v", call, err)
			}
		}
	})
}

// TestRotation_RevokedBetween: if a library deletes the former session itself, a revocation
// before the new one is written finds nothing to delete. Its note ends the new session.
func TestRotation_RevokedBetween(t *testing.T) {
	for name, revoke := range map[string]func(t *testing.T, s *adapter.Sessions, store *spy){
		"user": func(t *testing.T, s *adapter.Sessions, _ *spy) { must[int64](t)(s.EndSessions(t.Context(), "alice")) },
		"one": func(t *testing.T, s *adapter.Sessions, _ *spy) {
			must[int64](t)(s.EndSession(t.Context(), "alice", "s1"))
		},
		"sid": func(t *testing.T, _ *adapter.Sessions, store *spy) { logout(t, store, "", "s1") },
		"sub": func(t *testing.T, _ *adapter.Sessions, store *spy) { logout(t, store, "alice", "") },
	} {
		t.Run(name, func(t *testing.T) {
			forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
				create(t, s, "old", state("alice", "s1", "1"))
				store.advance(10 * time.Minute)
				loaded := must[*adapter.Session](t)(s.Load(t.Context(), "old"))
				must[bool](t)(s.Delete(t.Context(), "old"))
				revoke(t, s, store)
				if _, err := s.Create(t.Context(), "new", state("alice", "s1", "2"), loaded); !errors.Is(err, adapter.ErrEnded) {
					t.Errorf("the rotation: %v", err)
				}
				gone(t, s, "new")

				// The next sign-in is not affected.
				store.advance(2 * time.Minute)
				loaded = create(t, s, "again", state("alice", "s1", "1"))
				must[bool](t)(s.Delete(t.Context(), "again"))
				must[*adapter.Session](t)(s.Create(t.Context(), "newest", state("alice", "s1", "2"), loaded))
			})
		})
	}
}

// TestRotation_RevokedWhileInMemory: another host, whose clock is behind, ends a session that this
// host then still loads from a read cache.
func TestRotation_RevokedWhileInMemory(t *testing.T) {
	store := newSpy()
	cache := must[bff.ReadCache](t)(bff.NewReadCache(store, bff.ReadCacheConfig{MaxStale: bff.MaxMaxStale, Clock: store.clock}))
	here, there := newSessions(t, cache, store), newSessions(t, store, store)
	create(t, here, "old", state("alice", "s1", "1"))
	store.advance(10 * time.Minute)
	must[*adapter.Session](t)(here.Load(t.Context(), "old"))
	store.advance(-10 * time.Second)
	must[int64](t)(there.EndSessions(t.Context(), "alice"))
	store.advance(10*time.Second + bff.MaxMaxStale - 1)
	loaded := must[*adapter.Session](t)(here.Load(t.Context(), "old"))
	must[bool](t)(here.Delete(t.Context(), "old"))
	if _, err := here.Create(t.Context(), "new", state("alice", "s1", "2"), loaded); !errors.Is(err, adapter.ErrEnded) {
		t.Errorf("the rotation: %v", err)
	}
	gone(t, here, "new")
}

// TestRotation_OthersRevoked: neither the end of another session of the user nor a logout before
// the sign-in ends a rotation.
func TestRotation_OthersRevoked(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		must[int64](t)(s.EndSessions(t.Context(), "alice"))
		logout(t, store, "alice", "")
		store.advance(time.Microsecond)
		laptop, phone := create(t, s, "laptop", state("alice", "", "")), create(t, s, "phone", state("alice", "", ""))
		must[int64](t)(s.EndSession(t.Context(), "alice", phone.SessionID))
		must[bool](t)(s.Delete(t.Context(), "laptop"))
		must[*adapter.Session](t)(s.Create(t.Context(), "new", state("alice", "", ""), laptop))
	})
}

// logout does what the back-channel logout endpoint does.
func logout(t *testing.T, store *spy, sub, sid string) {
	t.Helper()
	sessions, filter := backchannel.ForStore(store, "app", issuer), bff.UserSessionsFilter{SubjectID: sub, SessionID: sid}
	if err := sessions.RecordLogout(t.Context(), filter, store.clock(), store.clock().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	must[int64](t)(sessions.BackchannelLogout(t.Context(), filter))
}

// TestSignIn_LogoutMeanwhile: a logout token that was issued after the ID token, and is
// processed before the session is written, ends the sign-in.
func TestSignIn_LogoutMeanwhile(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		guest := create(t, s, "guest", state("", "", ""))
		other := create(t, s, "other", state("", "", ""))
		signIn := state("alice", "s1", "")
		signIn.IDTokenIssuedAt = start
		store.advance(time.Second)
		logout(t, store, "", "s1")
		for call, err := range map[string]error{
			"create": errOf(s.Create(t.Context(), "new", signIn, nil)),
			"rotate": errOf(s.Rotate(t.Context(), guest, "rotated", signIn)),
			"save":   errOf(s.Save(t.Context(), other, signIn)),
		} {
			if !errors.Is(err, adapter.ErrEnded) {
				t.Errorf("%s: %v", call, err)
			}
		}
		if n := rows(t, store, "alice"); n != 0 {
			t.Errorf("alice has %d rows", n)
		}
		signIn.IDTokenIssuedAt = start.Add(2 * time.Second)
		must[*adapter.Session](t)(s.Create(t.Context(), "later", signIn, nil))
	})
}

// TestSignIn_NotesUnavailable: if the notes of logouts cannot be read, the sign-in fails and the
// session that was there stays as it was.
func TestSignIn_NotesUnavailable(t *testing.T) {
	forEveryStore(t, func(t *testing.T, s *adapter.Sessions, store *spy) {
		create(t, s, "secret", state("alice", "s1", "before"))
		loaded := must[*adapter.Session](t)(s.Load(t.Context(), "secret"))
		again := state("alice", "s2", "after")
		again.IDTokenIssuedAt = store.clock()
		store.on("get", func() { store.fail["get"] = true })
		if _, err := s.Save(t.Context(), loaded, again); !errors.Is(err, errDown) {
			t.Error(err)
		}
		clear(store.fail)
		if got := must[*adapter.Session](t)(s.Load(t.Context(), "secret")); got.SessionID != "s1" || string(got.Payload) != "before" {
			t.Errorf("the session: %q, %q", got.SessionID, got.Payload)
		}
	})
}

func TestAll_NotListable(t *testing.T) {
	store := newSpy()
	s := newSessions(t, six{store}, store)
	for _, err := range s.All(t.Context()) {
		if !errors.Is(err, adapter.ErrNotListable) {
			t.Error(err)
		}
	}
}
