package gorillastore_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/sessions"

	"example.com/usersession/adapters/gorillastore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/ticket"
)

const issuer = "https://id.example"

// plugIn returns the store of the application's sessions and the endpoint of the back-channel
// logout.
func plugIn(rows bff.UserSessionStore, keys *ticket.KeyRing, verifier backchannel.Verifier) (*gorillastore.Store, http.Handler, error) {
	store, err := gorillastore.New(gorillastore.Config{
		Store: rows, Partition: "shop", Protector: keys, Issuer: issuer,
		Identify: func(session *sessions.Session) adapter.Identity {
			sub, _ := session.Values["sub"].(string)
			sid, _ := session.Values["sid"].(string)
			return adapter.Identity{SubjectID: sub, SessionID: sid}
		},
	})
	if err != nil {
		return nil, nil, err
	}
	logout, err := backchannel.New(backchannel.Config{
		Sessions: backchannel.ForStore(rows, "shop", issuer), Verifier: verifier,
		Replay: backchannel.StoreReplayMemory{Store: rows},
	})
	return store, logout, err
}

// routes is an application on gorilla/sessions.
func routes(store sessions.Store, logout http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /bff/backchannel", logout)
	mux.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "session")
		if err == nil {
			// From the claims of the ID token. Save gives the session a new id.
			session.Values["sub"] = "alice"
			session.Values["sid"] = r.URL.Query().Get("sid")
			err = session.Save(r, w)
		}
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "session")
		if err != nil {
			http.Error(w, "try again", http.StatusServiceUnavailable)
			return
		}
		if sub, ok := session.Values["sub"].(string); ok {
			fmt.Fprint(w, "signed in as ", sub)
		} else {
			fmt.Fprint(w, "signed out")
		}
	})
	return mux
}

func Example() {
	rows := bff.NewInMemoryStore() // usersession.NewGormStore(db) in a real program
	store, logout, err := plugIn(rows, ticket.InsecureRandomKeyRing(), unverified{})
	if err != nil {
		panic(err)
	}
	server := httptest.NewTLSServer(routes(store, logout))
	defer server.Close()
	ctx := context.Background()

	laptop, phone := newClient(server), newClient(server)
	get(laptop, server.URL+"/callback?sid=s1")
	get(phone, server.URL+"/callback?sid=s2")
	fmt.Println("laptop:", get(laptop, server.URL))
	list, _ := store.UserSessions(ctx, "alice")
	fmt.Println(len(list), "sessions")

	// The identity provider ends one session.
	response, err := server.Client().PostForm(server.URL+"/bff/backchannel",
		url.Values{"logout_token": {logoutToken(map[string]any{"sub": "alice", "sid": "s1"})}})
	if err != nil {
		panic(err)
	}
	_ = response.Body.Close()
	fmt.Println("back-channel logout:", response.StatusCode)
	fmt.Println("laptop:", get(laptop, server.URL))
	fmt.Println("phone:", get(phone, server.URL))

	// "Sign out everywhere".
	n, err := store.EndSessions(ctx, "alice")
	fmt.Println("ended:", n, err)
	fmt.Println("phone:", get(phone, server.URL))
	// Output:
	// laptop: signed in as alice
	// 2 sessions
	// back-channel logout: 200
	// laptop: signed out
	// phone: signed in as alice
	// ended: 1 <nil>
	// phone: signed out
}

func newClient(server *httptest.Server) *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Transport: server.Client().Transport, Jar: jar}
}

func get(client *http.Client, address string) string {
	response, err := client.Get(address)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body)
}

// unverified accepts every signature. A real program uses package oidcverify.
type unverified struct{}

func (unverified) Verify(_ context.Context, token string) (backchannel.VerifiedToken, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return backchannel.VerifiedToken{}, errors.New("not a JWT")
	}
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	return backchannel.VerifiedToken{Header: header, Claims: claims}, nil
}

func logoutToken(claims map[string]any) string {
	claims["iss"], claims["jti"] = issuer, adapter.NewSecret()
	claims["iat"], claims["exp"] = time.Now().Unix(), time.Now().Add(time.Minute).Unix()
	claims["events"] = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	data, _ := json.Marshal(claims)
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"logout+jwt"}`))
	return header + "." + base64.RawURLEncoding.EncodeToString(data) + ".signature"
}
