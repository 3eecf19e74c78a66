// Command quickstart keeps user sessions in a database and revokes them.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -dsn 'postgres://user:password@localhost:5432/database'
//	go run ./examples/quickstart -dsn 'mysql://user:password@localhost:3306/database'
//	go run ./examples/quickstart -dsn 'sqlserver://user:password@localhost:1433?database=name&encrypt=true'
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/examples/usersessiondb/database"
	"example.com/usersession/examples/usersessiondb/dsn"
)

func main() {
	text := flag.String("dsn", "usersession-quickstart.db", "the database: a URL or another form of DSN, or the name of a SQLite file")
	flag.Parse()
	db, err := open(*text)
	if err == nil {
		err = run(context.Background(), db)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// open opens the database that the DSN names.
func open(text string) (*gorm.DB, error) {
	source, err := dsn.Parse(text)
	if err != nil {
		return nil, err
	}
	return database.Open(source)
}

const partition = "shop" // several applications can share a table, each in its own partition

// run creates the table if it is missing and then shows the store's operations.
func run(ctx context.Context, db *gorm.DB) error {
	// The schema is the application's: the store never creates or alters a table.
	if err := database.Migrate(db); err != nil { // AutoMigrate with entities.UserSession
		return err
	}
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, s := range []bff.UserSession{
		{Key: "laptop", SubjectID: "alice", SessionID: "sid-1"}, // in a BFF the key is the hash of a random cookie
		{Key: "phone", SubjectID: "alice", SessionID: "sid-2"},
		{Key: "tablet", SubjectID: "alice", SessionID: "sid-3"},
		{Key: "desktop", SubjectID: "bob", SessionID: "sid-4", Expires: now.Add(-time.Second)},
	} {
		s.PartitionKey, s.Created, s.Renewed, s.Ticket = partition, now, now, []byte("sealed claims and tokens")
		if err := store.ReplaceUserSession(ctx, s); err != nil { // as at a sign-in; unlike Create it succeeds when the program runs again
			return err
		}
	}
	fmt.Println("created   four sessions; bob's has expired already")

	session, err := store.GetUserSession(ctx, bff.UserSessionKey{PartitionKey: partition, Key: "laptop"})
	if err != nil {
		return err
	}
	fmt.Printf("read      laptop: %s, %s, %q\n", session.SubjectID, session.SessionID, session.Ticket)

	for session, err := range store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: partition}) {
		if err != nil {
			return err
		}
		fmt.Printf("listed    %s %s\n", session.SubjectID, session.SessionID)
	}

	for _, revoke := range []struct {
		why    string
		filter bff.UserSessionsFilter
	}{
		{"the identity provider has ended sid-2", bff.UserSessionsFilter{SessionID: "sid-2"}},
		{"alice has changed her password", bff.UserSessionsFilter{SubjectID: "alice"}},
	} {
		n, err := store.DeleteUserSessions(ctx, partition, revoke.filter)
		if err != nil {
			return err
		}
		fmt.Printf("revoked   %d, since %s\n", n, revoke.why)
	}
	_, err = store.GetUserSession(ctx, bff.UserSessionKey{PartitionKey: partition, Key: "laptop"})
	fmt.Println("read      laptop:", err)

	n, err := store.DeleteExpiredSessions(ctx)
	fmt.Println("cleaned   up:", n, "expired")
	return err
}
