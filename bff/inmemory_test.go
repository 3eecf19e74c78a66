package bff

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// Package bfftest tests that the store keeps the contract. The tests here are about the
// behaviour that only this store has.

var start = time.Date(2026, time.June, 15, 10, 20, 30, 0, time.UTC)

func aliceSession(key string) UserSession {
	return UserSession{PartitionKey: "shop", Key: key, SubjectID: "alice", SessionID: "sid-of-" + key, Created: start, Renewed: start}
}

func mustCreate(t testing.TB, s *InMemoryStore, sessions ...UserSession) {
	t.Helper()
	for _, session := range sessions {
		if err := s.CreateUserSession(t.Context(), session); err != nil {
			t.Fatalf("CreateUserSession: %v", err)
		}
	}
}

func TestInMemoryStore_DefaultClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewInMemoryStore()
		session := aliceSession("key")
		session.Expires = time.Now().Add(time.Minute)
		mustCreate(t, s, session)
		key := UserSessionKey{"shop", "key"}
		time.Sleep(time.Minute - time.Microsecond)
		if _, err := s.GetUserSession(t.Context(), key); err != nil {
			t.Errorf("GetUserSession just before the expiry: %v", err)
		}
		time.Sleep(time.Microsecond)
		if _, err := s.GetUserSession(t.Context(), key); !errors.Is(err, ErrSessionNotFound) {
			t.Errorf("GetUserSession at the expiry: got error %v, want ErrSessionNotFound", err)
		}
	})
}

func TestInMemoryStore_EmptyTicket(t *testing.T) {
	s := NewInMemoryStore()
	session := aliceSession("key")
	session.Ticket = []byte{}
	mustCreate(t, s, session)
	got, err := s.GetUserSession(t.Context(), UserSessionKey{"shop", "key"})
	if err != nil || got.Ticket != nil {
		t.Errorf("GetUserSession returned the ticket %#v and error %v, want nil and none", got.Ticket, err)
	}
}

// TestInMemoryStore_EmptyPartitions guards against maps that only grow.
func TestInMemoryStore_EmptyPartitions(t *testing.T) {
	for name, empty := range map[string]func(s *InMemoryStore, ctx context.Context) error{
		"delete": func(s *InMemoryStore, ctx context.Context) error {
			_, err1 := s.DeleteUserSession(ctx, UserSessionKey{"shop", "one"})
			_, err2 := s.DeleteUserSession(ctx, UserSessionKey{"shop", "two"})
			return errors.Join(err1, err2)
		},
		"delete by filter": func(s *InMemoryStore, ctx context.Context) error {
			_, err := s.DeleteUserSessions(ctx, "shop", UserSessionsFilter{SubjectID: "alice"})
			return err
		},
		"cleanup": func(s *InMemoryStore, ctx context.Context) error {
			_, err := s.DeleteExpiredSessions(ctx)
			return err
		},
	} {
		s := NewInMemoryStore()
		one, two := aliceSession("one"), aliceSession("two")
		one.Expires, two.Expires = start.AddDate(-1, 0, 0), start.AddDate(-1, 0, 0)
		mustCreate(t, s, one, two)
		if err := empty(s, t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.partitions) != 0 {
			t.Errorf("after %s of all sessions, %d partitions are left, want 0", name, len(s.partitions))
		}
	}
}

func TestInMemoryStoreUserSessions_ChangesDuringListing(t *testing.T) {
	s := NewInMemoryStore()
	for i := range 5 {
		mustCreate(t, s, aliceSession(fmt.Sprint("key-", i)))
	}
	var listed []string
	query := UserSessionsQuery{PartitionKey: "shop", SubjectID: "alice", OldestFirst: true, PageSize: 1}
	listing := s.UserSessions(t.Context(), query)
	for session, err := range listing {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, session.Key)
		if session.Key == "key-0" {
			mustCreate(t, s, aliceSession("added")) // not listed, so that the loop ends
			moved := UserSessionUpdate{SubjectID: "bob", Created: start, Renewed: start}
			if err := s.UpdateUserSession(t.Context(), UserSessionKey{"shop", "key-2"}, moved); err != nil {
				t.Fatal(err)
			}
			if _, err := s.DeleteUserSession(t.Context(), UserSessionKey{"shop", "key-4"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := fmt.Sprint(listed), "[key-0 key-1 key-3]"; got != want {
		t.Errorf("UserSessions listed %s, want %s", got, want)
	}
	listed = nil
	for session := range listing { // ranging over a listing again starts a new one
		listed = append(listed, session.Key)
	}
	if got, want := fmt.Sprint(listed), "[key-0 key-1 key-3 added]"; got != want {
		t.Errorf("UserSessions, ranged over again, listed %s, want %s", got, want)
	}
}

// TestInMemoryStore_Indexes runs random operations. After each of them it checks that every
// row is in every index and that the indexes have no other row.
func TestInMemoryStore_Indexes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	now := start
	s := NewInMemoryStore(WithClock(func() time.Time { return now }))
	pick := func(kind string, n int) string { return fmt.Sprint(kind, random.IntN(n)) }
	for range 20_000 {
		session := aliceSession(pick("key-", 12))
		session.PartitionKey, session.SubjectID, session.SessionID = pick("partition-", 2), pick("subject-", 4), pick("sid-", 8)
		if random.IntN(4) == 0 {
			session.SessionID = ""
		}
		if random.IntN(4) == 0 {
			session.SubjectID, session.SessionID = "", "" // anonymous
		}
		session.Expires = now.Add(time.Duration(random.IntN(20)) * time.Second)
		key := UserSessionKey{session.PartitionKey, session.Key}
		filter := UserSessionsFilter{SubjectID: session.SubjectID, SessionID: session.SessionID}
		ctx := t.Context()
		switch random.IntN(13) {
		case 0:
			_, _ = s.DeleteUserSession(ctx, key)
		case 1:
			_, _ = s.DeleteUserSessions(ctx, session.PartitionKey, filter)
		case 2:
			_, _ = s.DeleteExpiredSessions(ctx)
		case 3, 4:
			_ = s.ReplaceUserSession(ctx, session)
		case 5, 6, 7:
			_ = s.UpdateUserSession(ctx, key, UserSessionUpdate{
				SubjectID: session.SubjectID, SessionID: session.SessionID, Renewed: now, Expires: session.Expires,
				IfVersion: random.Int64N(3), ReplaceRivals: random.IntN(2) == 0,
			})
		case 8:
			_, _ = s.DeleteUserSessionVersion(ctx, key, 1+random.Int64N(3))
		case 9:
			now = now.Add(time.Second)
		default:
			_ = s.CreateUserSession(ctx, session)
		}
		checkIndexes(t, s)
		if t.Failed() {
			return
		}
	}
}

func checkIndexes(t *testing.T, s *InMemoryStore) {
	t.Helper()
	for partitionKey, p := range s.partitions {
		withSessionID, withSubject, anonymous := 0, 0, 0
		for key, row := range p.keys {
			if row.session.Key != key || row.session.PartitionKey != partitionKey || row.removed {
				t.Errorf("the index has the row %+v for key %q", row, key)
			}
			if row.session.SessionID != "" {
				withSessionID++
				if p.sessionIDs[row.session.SessionID] != row {
					t.Errorf("the index lacks the row with session id %q", row.session.SessionID)
				}
			}
			if row.session.SubjectID == "" {
				anonymous++
			} else if _, ok := p.subjects[row.session.SubjectID][row]; !ok {
				t.Errorf("the index lacks a row of subject %q", row.session.SubjectID)
			}
		}
		for subjectID, rows := range p.subjects {
			withSubject += len(rows)
			if len(rows) == 0 {
				t.Errorf("the index has subject %q without rows", subjectID)
			}
		}
		if len(p.keys) == 0 || len(p.sessionIDs) != withSessionID || withSubject+anonymous != len(p.keys) {
			t.Errorf("partition %q has %d keys, %d session ids of %d rows, %d rows by subject and %d anonymous ones",
				partitionKey, len(p.keys), len(p.sessionIDs), withSessionID, withSubject, anonymous)
		}
	}
}

// BenchmarkInMemoryStoreGetUserSessions shows that the time does not depend on the number of
// other users' sessions.
func BenchmarkInMemoryStoreGetUserSessions(b *testing.B) {
	for _, others := range []int{10, 100_000} {
		b.Run(fmt.Sprint(others, " others"), func(b *testing.B) {
			s := NewInMemoryStore()
			for i := range others {
				session := aliceSession(fmt.Sprint("key-", i))
				session.SubjectID = fmt.Sprint("user-", i)
				mustCreate(b, s, session)
			}
			mustCreate(b, s, aliceSession("alice-1"), aliceSession("alice-2"))
			for b.Loop() {
				if got, err := s.GetUserSessions(b.Context(), "shop", UserSessionsFilter{SubjectID: "alice"}); err != nil || len(got) != 2 {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}
