package serverside_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// A sign-in, a page that shows the signed-in user, and a revocation without the browser.
func Example() {
	sessions, err := serverside.New(serverside.Config{
		Store:     bff.NewInMemoryStore(),         // or usersession.NewGormStore(db)
		Protector: ticket.InsecureRandomKeyRing(), // or ticket.KeyRingFromFile(path)
		Partition: "shop",
		Issuer:    "https://id.example",
		Logger:    slog.New(slog.DiscardHandler),
	})
	if err != nil {
		panic(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("/bff/callback", func(w http.ResponseWriter, r *http.Request) {
		// A real callback has exchanged the code and verified the ID token by now.
		if _, err := sessions.SignIn(w, r, ticket.Ticket{SubjectID: "alice", SessionID: "s1", AccessToken: "never sent"}); err != nil {
			http.Error(w, "Service Unavailable", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		session, ok := serverside.FromContext(r.Context())
		if !ok {
			_, _ = fmt.Fprint(w, "signed out")
			return
		}
		_, _ = fmt.Fprint(w, "hello, ", session.SubjectID)
	})

	server := httptest.NewTLSServer(sessions.Middleware(mux))
	defer server.Close()
	browser := server.Client()
	browser.Jar, _ = cookiejar.New(nil)
	get := func(path string) string {
		response, err := browser.Get(server.URL + path)
		if err != nil {
			panic(err)
		}
		defer response.Body.Close()
		text, _ := io.ReadAll(response.Body)
		return string(text)
	}

	fmt.Println(get("/"))
	get("/bff/callback")
	fmt.Println(get("/"))
	n, err := sessions.RevokeSessions(context.Background(), bff.UserSessionsFilter{SubjectID: "alice"})
	fmt.Println(n, err)
	fmt.Println(get("/"))
	// Output:
	// signed out
	// hello, alice
	// 1 <nil>
	// signed out
}
