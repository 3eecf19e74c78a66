package relyingparty_test

import (
	"context"
	"log"
	"net/http"
	"os"

	"example.com/usersession/bff"
	"example.com/usersession/bff/apiproxy"
	"example.com/usersession/bff/relyingparty"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// A Backend-for-Frontend from issuer, client id and secret to a server. A program with a
// database has usersession.NewGormStore(db) in place of the in-memory store.
func Example() {
	keys, err := ticket.KeyRingFromEnv("BFF_KEYS") // openssl rand -base64 32
	check(err)
	rp, err := relyingparty.New(relyingparty.Config{
		Issuer: "https://id.example", ClientID: "bff", ClientSecret: os.Getenv("BFF_CLIENT_SECRET"),
		BaseURL: "https://app.example", Protector: keys,
	})
	check(err)
	sessions, err := serverside.New(serverside.Config{
		Store: bff.NewInMemoryStore(), Protector: keys, Partition: "shop", Issuer: rp.Issuer(), Refresher: rp, Revoker: rp,
		EnableSessionCleanup: true,
	})
	check(err)
	api, err := apiproxy.New(apiproxy.Config{Sessions: sessions, Target: "https://api.internal/v1"})
	check(err)

	mux := http.NewServeMux()
	check(rp.Register(mux, sessions)) // /bff/login, /bff/callback, /bff/logout, /bff/user, …
	mux.Handle("/api/", api)
	mux.Handle("/", http.FileServer(http.Dir("web")))

	go func() { check(sessions.Run(context.Background())) }()
	check(http.ListenAndServe(":8080", sessions.Middleware(mux)))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
