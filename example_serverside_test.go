package usersession_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// changePassword changes alice's password and signs her out everywhere, in one transaction.
func changePassword(ctx context.Context, db *gorm.DB, store *usersession.GormStore, sessions *serverside.Sessions) error {
	var committed func()
	err := db.Transaction(func(tx *gorm.DB) error {
		// ... tx.Model(&user).Update("password_hash", hash)
		var inTx *serverside.Sessions
		inTx, committed = sessions.WithStore(store.WithTx(tx))
		_, err := inTx.RevokeSessions(ctx, bff.UserSessionsFilter{SubjectID: "alice"})
		return err
	})
	if err == nil {
		committed() // before the response is written
	}
	return err
}

// The sessions end if and only if the new password is committed.
func Example_serversideInTransaction() {
	db := openDatabase()
	store, err := usersession.NewGormStore(db)
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := serverside.New(serverside.Config{
		Store: store, Protector: ticket.InsecureRandomKeyRing(), Partition: partition, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := sessions.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := sessions.SignIn(w, r, ticket.Ticket{SubjectID: "alice", SessionID: "sid-1"}); err != nil {
			log.Fatal(err)
		}
		err := changePassword(r.Context(), db, store, sessions)
		_, signedIn := serverside.FromContext(r.Context())
		fmt.Println(err, signedIn)
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "https://shop.example/", nil))
	// Output: <nil> false
}

// The middleware, the back-channel logout and an operator's page get the cache as their store.
func withReadCache(store *usersession.GormStore) (bff.ReadCache, error) {
	return bff.NewReadCache(store, bff.ReadCacheConfig{MaxStale: 2 * time.Second})
}

var _ = withReadCache // for the README
