package backchannel_test

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
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/backchannel"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

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

func logoutToken(id string, claims map[string]any) string {
	claims["iss"], claims["jti"] = "https://id.example", id
	claims["iat"], claims["exp"] = time.Now().Unix(), time.Now().Add(time.Minute).Unix()
	claims["events"] = map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	data, _ := json.Marshal(claims)
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"logout+jwt"}`))
	return header + "." + base64.RawURLEncoding.EncodeToString(data) + ".signature"
}

func send(h http.Handler, token string) int {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/bff/backchannel",
		strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func Example() {
	store := bff.NewInMemoryStore()
	sessions, err := serverside.New(serverside.Config{
		Store: store, Protector: ticket.InsecureRandomKeyRing(), Issuer: "https://id.example",
	})
	if err != nil {
		panic(err)
	}
	logout, err := backchannel.New(backchannel.Config{
		Sessions: sessions,
		Verifier: unverified{}, // a real program uses package oidcverify
		Replay:   backchannel.StoreReplayMemory{Store: store},
	})
	if err != nil {
		panic(err)
	}

	// Alice signs in. The session id is the identity provider's.
	r := httptest.NewRequest(http.MethodGet, "/bff/callback", nil)
	_, _ = sessions.SignIn(httptest.NewRecorder(), r, ticket.Ticket{SubjectID: "alice", SessionID: "s1"})

	// Then the provider ends the session.
	token := logoutToken("1", map[string]any{"sid": "s1"})
	fmt.Println(send(logout, token))
	left, _ := sessions.UserSessions(r.Context(), "alice")
	fmt.Println(len(left), "sessions left")
	fmt.Println(send(logout, token), "for the same token again")
	// Output:
	// 200
	// 0 sessions left
	// 400 for the same token again
}

// The application's session library keeps its sessions in the store. When a user signs in,
// the application sets the row's subject id and session id.
func ExampleForStore() {
	store := bff.NewInMemoryStore()
	sessions := backchannel.ForStore(store, "shop", "https://id.example")
	ctx := context.Background()
	for _, sessionID := range []string{"s1", "s2"} {
		err := store.CreateUserSession(ctx, bff.UserSession{
			PartitionKey: "shop", Key: "hash of the cookie of " + sessionID,
			SubjectID: "alice", SessionID: sessionID,
			Created: time.Now(), Renewed: time.Now(),
		})
		if err != nil {
			panic(err)
		}
	}
	logout, err := backchannel.New(backchannel.Config{
		Sessions: sessions,
		Verifier: unverified{}, // a real program uses package oidcverify
		Replay:   backchannel.StoreReplayMemory{Store: store},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(send(logout, logoutToken("1", map[string]any{"sub": "alice", "sid": "s1"})))
	left, _ := store.GetUserSessions(ctx, "shop", bff.UserSessionsFilter{SubjectID: "alice"})
	fmt.Println(len(left), "session left:", left[0].SessionID)

	// A sign-in whose ID token is older than the logout asks after it has written its row.
	ended, err := sessions.SignInEnded(ctx, "alice", "s1", time.Now().Add(-time.Minute))
	fmt.Println("sign-in ended:", ended, err)
	// Output:
	// 200
	// 1 session left: s2
	// sign-in ended: true <nil>
}

func TestHandler_EndsServersideSessions(t *testing.T) {
	for _, all := range []bool{false, true} {
		store := bff.NewInMemoryStore()
		sessions, err := serverside.New(serverside.Config{
			Store: store, Partition: "app", Protector: ticket.InsecureRandomKeyRing(), Issuer: "https://id.example",
		})
		if err != nil {
			t.Fatal(err)
		}
		logout, err := backchannel.New(backchannel.Config{
			Sessions: sessions, Verifier: unverified{}, BackchannelLogoutAllUserSessions: all,
		})
		if err != nil {
			t.Fatal(err)
		}
		in := func(subjectID, sessionID string) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
			if _, err := sessions.SignIn(httptest.NewRecorder(), r, ticket.Ticket{SubjectID: subjectID, SessionID: sessionID}); err != nil {
				t.Fatal(err)
			}
		}
		left := func(subjectID string) int {
			s, err := sessions.UserSessions(t.Context(), subjectID)
			if err != nil {
				t.Fatal(err)
			}
			return len(s)
		}
		in("alice", "s1")
		in("alice", "s2")
		in("bob", "s3")
		want := func(id string, claims map[string]any, alice, bob int) {
			t.Helper()
			if code := send(logout, logoutToken(id, claims)); code != http.StatusOK {
				t.Errorf("status %d", code)
			}
			if a, b := left("alice"), left("bob"); a != alice || b != bob {
				t.Errorf("all: %t: alice has %d sessions and bob %d, want %d and %d", all, a, b, alice, bob)
			}
		}
		// A logout of an unknown session succeeds and ends no other session.
		want("1", map[string]any{"sid": "unknown"}, 2, 1)
		want("2", map[string]any{"sub": "nobody"}, 2, 1)
		rest := 1
		if all {
			rest = 0
		}
		want("3", map[string]any{"sid": "s1"}, rest, 1)
		want("4", map[string]any{"sid": "s1"}, rest, 1)
		want("5", map[string]any{"sub": "alice"}, 0, 1)
	}
}
