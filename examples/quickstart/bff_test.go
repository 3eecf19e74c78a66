package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/entities"
)

// plugIn is the code that the README shows.
func plugIn(db *gorm.DB, keys *ticket.KeyRing) (*serverside.Sessions, error) {
	store, err := usersession.NewGormStore(db)
	if err != nil {
		return nil, err
	}
	return serverside.New(serverside.Config{
		Store:                store,
		Protector:            keys, // seals the tickets: ticket.KeyRingFromFile(...)
		Partition:            "shop",
		Issuer:               "https://id.example",
		EnableSessionCleanup: true,
	})
}

// TestPlugIn signs a browser in, revokes its session, and finds it signed out.
func TestPlugIn(t *testing.T) {
	db, err := open(filepath.Join(t.TempDir(), "bff.db"))
	if err != nil {
		t.Fatal(err)
	}
	if pool, err := db.DB(); err == nil {
		defer pool.Close()
	}
	if err := db.AutoMigrate(&entities.UserSession{}); err != nil {
		t.Fatal(err)
	}
	sessions, err := plugIn(db, ticket.InsecureRandomKeyRing())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /callback", func(w http.ResponseWriter, r *http.Request) {
		if _, err := sessions.SignIn(w, r, ticket.Ticket{SubjectID: "alice", SessionID: "sid-1"}); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := serverside.FromContext(r.Context()); !ok {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	handler := sessions.Middleware(mux)
	get := func(cookies []*http.Cookie) int {
		request, response := httptest.NewRequest(http.MethodGet, "https://app.example/", nil), httptest.NewRecorder()
		for _, cookie := range cookies {
			request.AddCookie(cookie)
		}
		handler.ServeHTTP(response, request)
		return response.Code
	}

	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequest(http.MethodPost, "https://app.example/callback", nil))
	cookies := response.Result().Cookies()
	if code := get(cookies); code != http.StatusOK {
		t.Errorf("after the sign-in: %d", code)
	}
	n, err := sessions.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"})
	if n != 1 || err != nil {
		t.Errorf("revoked %d, %v", n, err)
	}
	if code := get(cookies); code != http.StatusUnauthorized {
		t.Errorf("after the revocation: %d", code)
	}
}
