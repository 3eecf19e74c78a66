package dbtest_test

import (
	"context"

	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
)

// A host is an application on package serverside, on a database.
type host struct {
	*serverside.Sessions
	store  *usersession.GormStore
	config serverside.Config
}

// newHost returns a host on db.
func newHost(t *testing.T, db *gorm.DB, change func(*serverside.Config)) *host {
	t.Helper()
	store, err := usersession.NewGormStore(db)
	must(t, err)
	config := serverside.Config{
		Store: store, Protector: ticket.InsecureRandomKeyRing(), Partition: "app",
		Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&config)
	}
	return openHost(t, store, config)
}

// newHostLike returns another host with the configuration of h, except for the change.
func newHostLike(t *testing.T, h *host, change func(*serverside.Config)) *host {
	t.Helper()
	config := h.config
	change(&config)
	return openHost(t, h.store, config)
}

func openHost(t *testing.T, store *usersession.GormStore, config serverside.Config) *host {
	t.Helper()
	sessions, err := serverside.New(config)
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := sessions.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return &host{Sessions: sessions, store: store, config: config}
}

// request sends a request with the cookie, or without one if it is nil, through the
// middleware. The request's context has no deadline.
func (h *host) request(cookie *http.Cookie, handler http.HandlerFunc) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "https://app.example/", nil)
	if cookie != nil {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	h.Middleware(handler).ServeHTTP(w, r)
	return w.Result()
}

// signIn signs a user in and returns the response, with status 503 if that fails.
func (h *host) signIn(subject, sessionID string) *http.Response {
	return h.request(nil, func(w http.ResponseWriter, r *http.Request) {
		if _, err := h.SignIn(w, r, hostTicket(subject, sessionID)); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}

// mustSignIn signs a user in and returns the cookie.
func (h *host) mustSignIn(t *testing.T, subject, sessionID string) *http.Cookie {
	t.Helper()
	response := h.signIn(subject, sessionID)
	if response.StatusCode != http.StatusOK || len(response.Cookies()) == 0 {
		t.Fatalf("the sign-in of %s failed with status %d", subject, response.StatusCode)
	}
	return response.Cookies()[0]
}

// visit sends a request that only needs its session and returns the status: 401 if the
// request has no session.
func (h *host) visit(cookie *http.Cookie) int {
	return h.request(cookie, func(w http.ResponseWriter, r *http.Request) {
		if _, ok := serverside.FromContext(r.Context()); !ok {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}).StatusCode
}

func hostTicket(subject, sessionID string) ticket.Ticket {
	return ticket.Ticket{
		SubjectID: subject, SessionID: sessionID,
		AccessToken: "access", AccessTokenExpires: time.Now().Add(-time.Minute), RefreshToken: "refresh",
	}
}

// deadlineSlack is the time beyond a deadline after which a test says that an operation hangs.
const deadlineSlack = 5 * time.Second
