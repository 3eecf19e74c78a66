package usersession_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
)

// openDatabase is what an application has already: its *gorm.DB, with the table in it.
func openDatabase() *gorm.DB {
	db, err := gorm.Open(sqlite.Open("file:example?mode=memory&cache=shared"), &gorm.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := db.Migrator().DropTable(&entities.UserSession{}); err != nil {
		log.Fatal(err)
	}
	if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
		log.Fatal(err)
	}
	return db
}

// A store from the application's database, a sign-in, a request and a revocation.
func Example() {
	db := openDatabase() // the application's *gorm.DB
	store, err := usersession.NewGormStore(db)
	if err != nil {
		log.Fatal(err)
	}
	ctx, now := context.Background(), time.Now()

	// At sign-in. The key is derived from the secret in the browser's cookie.
	key := bff.UserSessionKey{PartitionKey: "shop", Key: "sha-256 of the cookie's secret"}
	err = store.ReplaceUserSession(ctx, bff.UserSession{
		PartitionKey: key.PartitionKey, Key: key.Key, SubjectID: "alice", SessionID: "sid-1",
		Created: now, Renewed: now, Expires: now.Add(8 * time.Hour), Ticket: []byte("sealed claims and tokens"),
	})
	if err != nil {
		log.Fatal(err)
	}

	// At every request.
	session, err := store.GetUserSession(ctx, key)
	fmt.Printf("%s, version %d: %v\n", session.SubjectID, session.Version, err)

	// On a logout notification from the identity provider: no browser needed.
	revoked, err := store.DeleteUserSessions(ctx, "shop", bff.UserSessionsFilter{SessionID: "sid-1"})
	fmt.Println(revoked, err)
	_, err = store.GetUserSession(ctx, key)
	fmt.Println(errors.Is(err, bff.ErrSessionNotFound))
	// Output:
	// alice, version 1: <nil>
	// 1 <nil>
	// true
}

// A changed password revokes the user's sessions: both are committed, or neither.
func ExampleGormStore_WithTx() {
	db := openDatabase()
	store, err := usersession.NewGormStore(db)
	if err != nil {
		log.Fatal(err)
	}
	err = db.Transaction(func(tx *gorm.DB) error {
		// ... tx.Model(&user).Update("password_hash", hash)
		_, err := store.WithTx(tx).DeleteUserSessions(context.Background(), "shop", bff.UserSessionsFilter{SubjectID: "alice"})
		return err
	})
	fmt.Println(err)
	// Output: <nil>
}

// A user's sessions on all devices, without their tickets. The loop may delete.
func ExampleGormStore_UserSessions() {
	store, err := usersession.NewGormStore(openDatabase())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	for _, key := range []string{"laptop", "phone", "library"} {
		now := time.Now()
		err := store.CreateUserSession(ctx, bff.UserSession{PartitionKey: "shop", Key: key, SubjectID: "alice", Created: now, Renewed: now})
		if err != nil {
			log.Fatal(err)
		}
	}
	for session, err := range store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: "shop", SubjectID: "alice"}) {
		if err != nil {
			log.Fatal(err)
		}
		if session.Key != "phone" { // this device
			_, err = store.DeleteUserSession(ctx, bff.UserSessionKey{PartitionKey: "shop", Key: session.Key})
		}
		fmt.Println(session.Key, err)
	}
	// Output:
	// library <nil>
	// phone <nil>
	// laptop <nil>
}

// The application starts the cleanup in a goroutine of its own, and ends it.
func ExampleGormStore_DeleteExpiredSessions() {
	store, err := usersession.NewGormStore(openDatabase())
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cleaner := &bff.Cleaner{Store: store, SessionCleanupInterval: 10 * time.Minute}
	ended := make(chan error)
	go func() { ended <- cleaner.Run(ctx) }()
	// ... until the application shuts down:
	cancel()
	fmt.Println(<-ended)
	// Output: <nil>
}
