package usersession_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	_ "modernc.org/sqlite" // the driver "sqlite", which needs no C compiler

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
)

// openDatabase returns the *gorm.DB of an application whose database has the store's table.
func openDatabase() *gorm.DB {
	db, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: "file:example?mode=memory&cache=shared"}), &gorm.Config{})
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

// partition names the application within a table that several applications can share.
const partition = "shop"

// keyOfCookie returns the key of the session whose secret is in the browser's cookie. The
// key is a hash, so that a reader of the table cannot make a cookie.
func keyOfCookie(secret string) bff.UserSessionKey {
	hash := sha256.Sum256([]byte(secret))
	return bff.UserSessionKey{PartitionKey: partition, Key: base64.RawURLEncoding.EncodeToString(hash[:])}
}

// A sign-in, a request and a revocation.
func Example() {
	store, err := usersession.NewGormStore(openDatabase())
	if err != nil {
		log.Fatal(err)
	}
	ctx, now, secret := context.Background(), time.Now(), rand.Text() // crypto/rand

	// Sign-in. The secret goes into the browser's cookie.
	err = store.ReplaceUserSession(ctx, bff.UserSession{
		PartitionKey: partition, Key: keyOfCookie(secret).Key, SubjectID: "alice", SessionID: "sid-1",
		Created: now, Renewed: now, Expires: now.Add(8 * time.Hour), Ticket: []byte("sealed claims and tokens"),
	})
	fmt.Println(err)
	// Every request. The secret comes from the cookie.
	session, err := store.GetUserSession(ctx, keyOfCookie(secret))
	fmt.Println(session.SubjectID, session.Version, err)
	// Logout notification from the identity provider. No browser is needed.
	revoked, err := store.DeleteUserSessions(ctx, partition, bff.UserSessionsFilter{SessionID: "sid-1"})
	fmt.Println(revoked, err)
	// Output:
	// <nil>
	// alice 1 <nil>
	// 1 <nil>
}

// A changed password and the revocation of the user's sessions are committed together.
func ExampleGormStore_WithTx() {
	db := openDatabase()
	store, err := usersession.NewGormStore(db)
	if err != nil {
		log.Fatal(err)
	}
	err = db.Transaction(func(tx *gorm.DB) error {
		// ... tx.Model(&user).Update("password_hash", hash)
		_, err := store.WithTx(tx).DeleteUserSessions(context.Background(), partition, bff.UserSessionsFilter{SubjectID: "alice"})
		return err
	})
	fmt.Println(err)
	// Output: <nil>
}

// A listing of a user's sessions on all devices, without their tickets. The loop may delete
// sessions.
func ExampleGormStore_UserSessions() {
	store, err := usersession.NewGormStore(openDatabase())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	for _, key := range []string{"laptop", "phone", "library"} {
		now := time.Now()
		err := store.CreateUserSession(ctx, bff.UserSession{PartitionKey: partition, Key: key, SubjectID: "alice", Created: now, Renewed: now})
		if err != nil {
			log.Fatal(err)
		}
	}
	for session, err := range store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: partition, SubjectID: "alice"}) {
		if err != nil {
			log.Fatal(err)
		}
		if session.Key != "phone" { // this device
			_, err = store.DeleteUserSession(ctx, bff.UserSessionKey{PartitionKey: partition, Key: session.Key})
		}
		fmt.Println(session.Key, err)
	}
	// Output:
	// library <nil>
	// phone <nil>
	// laptop <nil>
}

// A cleanup in the background. The application owns its goroutine.
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
