package scsstore_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"example.com/usersession/adapters/scsstore"
	"example.com/usersession/bff"
	"example.com/usersession/bff/adapter"
	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/ticket"
)

// plugIn makes the manager keep its sessions in the store.
func plugIn(manager *scs.SessionManager, store bff.UserSessionStore, keys ticket.Protector) (*scsstore.Store, error) {
	manager.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		if errors.Is(err, adapter.ErrEnded) {
			http.Error(w, "you were signed out", http.StatusUnauthorized)
			return
		}
		http.Error(w, "the session cannot be read or saved", http.StatusInternalServerError)
	}
	return scsstore.Use(manager, scsstore.Config{
		Store: store, Partition: "shop", Protector: keys, Issuer: "https://id.example",
		Identify: func(values map[string]any) adapter.Identity {
			sub, _ := values["sub"].(string)
			sid, _ := values["sid"].(string)
			id := adapter.Identity{SubjectID: sub, SessionID: sid}
			if iat, ok := values["iat"].(int64); ok {
				id.IDTokenIssuedAt = time.Unix(iat, 0)
			}
			return id
		},
	})
}

// newApplication is an application on scs. Apart from plugIn, it is as it was.
func newApplication(store bff.UserSessionStore, keys ticket.Protector) (http.Handler, *scsstore.Store, error) {
	manager := scs.New()
	manager.IdleTimeout = 30 * time.Minute
	sessions, err := plugIn(manager, store, keys)
	if err != nil {
		return nil, nil, err
	}

	mux := http.NewServeMux()
	mux.HandleFunc("GET /callback", func(w http.ResponseWriter, r *http.Request) {
		// The OpenID Connect client has verified the ID token. These are its claims.
		claims := r.URL.Query()
		if err := manager.RenewToken(r.Context()); err != nil {
			http.Error(w, "sign-in failed", http.StatusInternalServerError)
			return
		}
		manager.Put(r.Context(), "sub", claims.Get("sub"))
		manager.Put(r.Context(), "sid", claims.Get("sid"))
		manager.Put(r.Context(), "iat", time.Now().Unix())
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%q", manager.GetString(r.Context(), "sub"))
	})
	return manager.LoadAndSave(mux), sessions, nil
}

func Example() {
	// A real program uses usersession.NewGormStore and ticket.KeyRingFromEnv.
	store, keys := bff.NewInMemoryStore(), ticket.InsecureRandomKeyRing()
	application, sessions, err := newApplication(store, keys)
	if err != nil {
		panic(err)
	}
	logout, err := backchannel.New(backchannel.Config{
		Sessions: backchannel.ForStore(store, "shop", "https://id.example"),
		Verifier: unverified{}, // a real program uses package oidcverify
		Replay:   backchannel.StoreReplayMemory{Store: store},
	})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()

	laptop, phone := signIn(application, "alice", "s1"), signIn(application, "alice", "s2")
	list, err := sessions.UserSessions(ctx, "alice")
	fmt.Println("sessions of alice:", len(list), err)
	fmt.Println("laptop:", get(application, "/me", laptop), "phone:", get(application, "/me", phone))

	// The identity provider ends the session of the laptop.
	fmt.Println("back-channel logout:", send(logout, logoutToken(map[string]any{"sid": "s1"})))
	fmt.Println("laptop:", get(application, "/me", laptop), "phone:", get(application, "/me", phone))

	// The application ends all sessions of alice.
	n, err := sessions.EndSessions(ctx, "alice")
	fmt.Println("ended:", n, err)
	fmt.Println("laptop:", get(application, "/me", laptop), "phone:", get(application, "/me", phone))
	// Output:
	// sessions of alice: 2 <nil>
	// laptop: "alice" phone: "alice"
	// back-channel logout: 200
	// laptop: "" phone: "alice"
	// ended: 1 <nil>
	// laptop: "" phone: ""
}

// signIn returns the cookie of a browser that signs in.
func signIn(application http.Handler, sub, sid string) *http.Cookie {
	w := httptest.NewRecorder()
	application.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/callback?sub="+sub+"&sid="+sid, nil))
	return w.Result().Cookies()[0]
}

func get(application http.Handler, path string, cookie *http.Cookie) string {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.AddCookie(cookie)
	w := httptest.NewRecorder()
	application.ServeHTTP(w, r)
	return w.Body.String()
}

// send sends a logout token, as the identity provider does.
func send(logout http.Handler, token string) int {
	r := httptest.NewRequest(http.MethodPost, "/backchannel-logout", strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	logout.ServeHTTP(w, r)
	return w.Code
}

// unverified accepts every signature.
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
	claims["iss"], claims["jti"] = "https://id.example", adapter.NewSecret()
	claims["iat"], claims["exp"] = time.Now().Unix(), time.Now().Add(time.Minute).Unix()
	claims["events"] = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	data, _ := json.Marshal(claims)
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"logout+jwt"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(data) + ".signature"
}
