// Command minimal signs users in with an OpenID Provider and keeps their sessions in a database.
// It is the program of docs/bff.md.
package main

import (
	"context"
	_ "embed"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/glebarez/sqlite" // or gorm.io/driver/postgres, gorm.io/driver/mysql, …
	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/entities"
)

//go:embed index.html
var page []byte

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	db, err := gorm.Open(sqlite.Open("bff.db?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_txlock=immediate"))
	check(err)
	check(db.AutoMigrate(&entities.UserSession{}))
	keys, err := ticket.KeyRingFromEnv("BFF_KEYS")
	check(err)
	handler, sessions := newBFF(db, relyingparty.Config{
		Issuer: os.Getenv("ISSUER"), ClientID: os.Getenv("CLIENT_ID"), ClientSecret: os.Getenv("CLIENT_SECRET"),
		BaseURL: os.Getenv("BASE_URL"), Protector: keys,
	})
	check(serve(ctx, &http.Server{Addr: ":8080", Handler: handler, ReadHeaderTimeout: 10 * time.Second}, sessions))
}

func newBFF(db *gorm.DB, c relyingparty.Config) (http.Handler, *serverside.Sessions) {
	store, err := usersession.NewGormStore(db)
	check(err)
	rp, err := relyingparty.New(c)
	check(err)
	sessions, err := serverside.New(serverside.Config{
		Store: store, Protector: c.Protector, Partition: "shop", Issuer: rp.Issuer(), Refresher: rp, Revoker: rp,
		EnableSessionCleanup: true,
	})
	check(err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	check(rp.Register(mux, sessions)) // /bff/login, /bff/callback, /bff/logout, /bff/user, …
	return sessions.Middleware(mux), sessions
}

// serve serves until ctx ends. It then waits for the requests that are under way, and after
// them for the background work of the sessions.
func serve(ctx context.Context, server *http.Server, sessions *serverside.Sessions) error {
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	served, worked := make(chan error, 1), make(chan error, 1)
	go func() { served <- server.ListenAndServe() }()
	go func() { worked <- sessions.Run(work) }()
	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		limit, cancel := context.WithTimeout(work, 10*time.Second)
		err = server.Shutdown(limit)
		cancel()
	}
	end()
	if ended := <-worked; err == nil {
		err = ended
	}
	return err
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
