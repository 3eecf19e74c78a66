package bff_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/usersession/bff"
)

// A session lives until it expires by the store's clock. The example sets the clock.
func ExampleNewInMemoryStore() {
	now := time.Date(2026, time.June, 15, 12, 0, 0, 0, time.UTC)
	store := bff.NewInMemoryStore(bff.WithClock(func() time.Time { return now }))

	ctx := context.Background()
	key := bff.UserSessionKey{PartitionKey: "shop", Key: "derived-from-the-cookie"}
	err := store.CreateUserSession(ctx, bff.UserSession{
		PartitionKey: key.PartitionKey,
		Key:          key.Key,
		SubjectID:    "alice",
		SessionID:    "sid-1",
		Created:      now,
		Renewed:      now,
		Expires:      now.Add(time.Hour),
		Ticket:       []byte("claims and tokens, sealed"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	session, err := store.GetUserSession(ctx, key)
	fmt.Println(session.SubjectID, session.Version, err)

	now = now.Add(time.Hour)
	_, err = store.GetUserSession(ctx, key)
	fmt.Println(errors.Is(err, bff.ErrSessionNotFound))
	// Output:
	// alice 1 <nil>
	// true
}

// The cache stands between the handlers and the store: the middleware, the back-channel logout and
// an operator's page all get the cache.
func ExampleNewReadCache() {
	store := bff.NewInMemoryStore() // or usersession.NewGormStore(db)
	sessions, err := bff.NewReadCache(store, bff.ReadCacheConfig{MaxStale: 2 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx, now := context.Background(), time.Now()
	key := bff.UserSessionKey{PartitionKey: "shop", Key: "derived-from-the-cookie"}
	_ = sessions.CreateUserSession(ctx, bff.UserSession{PartitionKey: key.PartitionKey, Key: key.Key, SubjectID: "alice", Created: now, Renewed: now})
	for range 100 {
		_, _ = sessions.GetUserSession(ctx, key)
	}
	fmt.Println(sessions.Stats().Misses, "read of the store")

	_, _ = sessions.DeleteUserSessions(ctx, "shop", bff.UserSessionsFilter{SubjectID: "alice"})
	_, err = sessions.GetUserSession(ctx, key)
	fmt.Println(errors.Is(err, bff.ErrSessionNotFound))
	// Output:
	// 1 read of the store
	// true
}

// Two requests refresh the tokens of one session at once. The second update fails with
// ErrSessionChanged instead of overwriting the tokens of the first.
func ExampleUserSessionStore_conditionalUpdate() {
	store := bff.NewInMemoryStore()
	ctx, now := context.Background(), time.Now()
	key := bff.UserSessionKey{PartitionKey: "shop", Key: "derived-from-the-cookie"}
	_ = store.CreateUserSession(ctx, bff.UserSession{
		PartitionKey: key.PartitionKey, Key: key.Key, SubjectID: "alice",
		Created: now, Renewed: now, Expires: now.Add(time.Hour), Ticket: []byte("old tokens"),
	})

	read, _ := store.GetUserSession(ctx, key) // as both requests do
	refresh := func(ticket string) error {
		return store.UpdateUserSession(ctx, key, bff.UserSessionUpdate{
			SubjectID: read.SubjectID,
			Created:   read.Created,
			Renewed:   now,
			Expires:   now.Add(2 * time.Hour),
			Ticket:    []byte(ticket),
			IfVersion: read.Version,
		})
	}
	fmt.Println(refresh("tokens of the first request"))
	fmt.Println(errors.Is(refresh("tokens of the second request"), bff.ErrSessionChanged))

	kept, _ := store.GetUserSession(ctx, key)
	fmt.Printf("%s, version %d\n", kept.Ticket, kept.Version)
	// Output:
	// <nil>
	// true
	// tokens of the first request, version 2
}

// A visitor signs in: an update turns the anonymous session into the user's. ReplaceRivals
// removes the user's former session, which has the same session id.
func ExampleUserSessionUpdate_replaceRivals() {
	store := bff.NewInMemoryStore()
	ctx, now := context.Background(), time.Now()
	former := bff.UserSession{
		PartitionKey: "shop", Key: "key-of-the-former-session", SubjectID: "alice", SessionID: "sid-1",
		Created: now, Renewed: now,
	}
	visitor := bff.UserSession{PartitionKey: "shop", Key: "key-of-the-visitor", Created: now, Renewed: now}
	_ = store.CreateUserSession(ctx, former)
	_ = store.CreateUserSession(ctx, visitor)

	key := bff.UserSessionKey{PartitionKey: "shop", Key: visitor.Key}
	err := store.UpdateUserSession(ctx, key, bff.UserSessionUpdate{
		SubjectID:     "alice",
		SessionID:     "sid-1",
		Renewed:       now, // Created is zero: the update keeps the stored time
		IfVersion:     1,
		ReplaceRivals: true,
	})
	fmt.Println(err)

	sessions, _ := store.GetUserSessions(ctx, "shop", bff.UserSessionsFilter{SubjectID: "alice"})
	for _, session := range sessions {
		fmt.Println(session.Key, session.SessionID, session.Version)
	}
	// Output:
	// <nil>
	// key-of-the-visitor sid-1 2
}

// "Sign me out everywhere" is one call. The store refuses an empty filter, because it would
// sign out every user.
func ExampleUserSessionStore_DeleteUserSessions() {
	store := bff.NewInMemoryStore()
	ctx, now := context.Background(), time.Now()
	for _, browser := range []string{"laptop", "phone"} {
		_ = store.CreateUserSession(ctx, bff.UserSession{
			PartitionKey: "shop", Key: "key-of-" + browser, SubjectID: "alice", Created: now, Renewed: now,
		})
	}
	fmt.Println(store.DeleteUserSessions(ctx, "shop", bff.UserSessionsFilter{SubjectID: "alice"}))

	_, err := store.DeleteUserSessions(ctx, "shop", bff.UserSessionsFilter{SubjectID: ""})
	fmt.Println(errors.Is(err, bff.ErrInvalidFilter))
	// Output:
	// 2 <nil>
	// true
}

// A type assertion finds an optional capability of a store.
func ExampleUserSessionLister() {
	var store bff.UserSessionStore = bff.NewInMemoryStore()
	ctx, now := context.Background(), time.Now()
	for _, browser := range []string{"laptop", "phone"} {
		_ = store.CreateUserSession(ctx, bff.UserSession{
			PartitionKey: "shop", Key: "key-of-" + browser, SubjectID: "alice", SessionID: "sid-of-" + browser,
			Created: now, Renewed: now,
		})
	}
	lister, ok := store.(bff.UserSessionLister)
	if !ok {
		return
	}
	for session, err := range lister.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: "shop", SubjectID: "alice"}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(session.SessionID)
	}
	// Output:
	// sid-of-phone
	// sid-of-laptop
}
