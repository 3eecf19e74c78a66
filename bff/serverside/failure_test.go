package serverside

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

func TestMiddleware_DatabaseDown(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	row := b.store.rows(t, "alice")[0]
	b.clock.pass(45 * time.Minute)
	b.store.breakDown(allOperations...)
	called := false
	response := br.visit(func(http.ResponseWriter, *http.Request) { called = true })
	if response.StatusCode != http.StatusServiceUnavailable || called {
		t.Errorf("status %d, handler called: %t", response.StatusCode, called)
	}
	if text := body(t, response); text != "Service Unavailable\n" {
		t.Errorf("the body says %q", text)
	}
	if len(response.Cookies()) != 0 {
		t.Errorf("the response sets cookies: %v", response.Cookies())
	}
	// A request without a cookie is served.
	b.browser().want("")
	// A sign-out must not report success.
	b.store.breakDown("delete", "delete all", "create", "replace")
	response = br.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := b.SignOut(w, r); !errors.Is(err, errDown) {
			t.Errorf("SignOut: %v", err)
		}
		if _, ok := FromContext(r.Context()); !ok {
			t.Error("the request is signed out after a failed sign-out")
		}
		if _, err := b.SignIn(w, r, as("bob", "")); !errors.Is(err, errDown) {
			t.Errorf("SignIn: %v", err)
		}
	})
	if len(response.Cookies()) != 0 {
		t.Errorf("the response sets cookies: %v", response.Cookies())
	}
	if _, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: "alice"}); !errors.Is(err, errDown) {
		t.Errorf("RevokeSessions: %v", err)
	}
	b.store.breakDown()
	br.want("alice")
	if rows := b.store.rows(t, "alice"); len(rows) != 1 || rows[0].Key != row.Key {
		t.Error("a session was deleted")
	}
	// If the renewal cannot be written, the request is still served.
	b.clock.pass(45 * time.Minute)
	b.store.breakDown("update")
	br.want("alice")
}

func TestMiddleware_CancelledRequestDeletesNothing(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	b.clock.pass(45 * time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	b.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler is called") })).
		ServeHTTP(w, br.request("/").WithContext(ctx))
	if w.Code != http.StatusServiceUnavailable || len(w.Result().Cookies()) != 0 {
		t.Errorf("status %d", w.Code)
	}
	if strings.Contains(b.log.String(), `"level":"ERROR"`) {
		t.Errorf("the cancellation is logged as an error: %s", b.log.String())
	}
	// The request is cancelled while the handler runs.
	ctx, cancel = context.WithCancel(t.Context())
	br.do(br.request("/").WithContext(ctx), func(w http.ResponseWriter, r *http.Request) {
		cancel()
		if err := b.SignOut(w, r); !errors.Is(err, context.Canceled) {
			t.Errorf("SignOut: %v", err)
		}
		if _, err := b.SignIn(w, r, as("alice", "other")); !errors.Is(err, context.Canceled) {
			t.Errorf("SignIn: %v", err)
		}
		if _, err := b.RevokeOtherSessions(r.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("RevokeOtherSessions: %v", err)
		}
		if err := b.Update(r.Context(), func(*ticket.Ticket) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("Update: %v", err)
		}
	})
	br.want("alice")
	if len(b.store.rows(t, "alice")) != 1 {
		t.Error("the sessions have changed")
	}
}

func TestSignIn_FailureLeavesNoSession(t *testing.T) {
	for _, operation := range []string{"replace", "get", "delete", "list"} {
		t.Run(operation, func(t *testing.T) {
			b := newTestBFF(t, func(c *Config) { c.MaxSessionsPerUser = 5 })
			br := b.browser()
			br.signIn(as("alice", "s1"))
			old := br.cookies[DefaultCookieName]
			again := as("alice", "s2")
			again.IDTokenIssuedAt = b.clock.Now() // so that the notes of logouts are read
			response := br.visit(func(w http.ResponseWriter, r *http.Request) {
				b.store.failOnce(operation) // so that the new session can be deleted
				if _, err := b.SignIn(w, r, again); !errors.Is(err, errDown) {
					t.Errorf("%v", err)
				}
			})
			b.settle()
			b.store.breakDown()
			if len(response.Cookies()) != 0 || br.cookies[DefaultCookieName] != old {
				t.Error("a cookie was sent")
			}
			for _, row := range b.store.rows(t, "alice") {
				if row.SessionID == "s2" {
					t.Error("the new session exists")
				}
			}
			if log := b.log.String(); strings.Contains(log, "may have left a session") {
				t.Errorf("the log: %s", log)
			}
		})
	}
}

// TestSignIn_SessionLeft: the session of a sign-in that failed is left, and logged, if it cannot be
// deleted either.
func TestSignIn_SessionLeft(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(as("alice", "s1"))
	b.store.breakDown("delete")
	response := br.visit(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.SignIn(w, r, as("alice", "s2")); !errors.Is(err, errDown) {
			t.Errorf("%v", err)
		}
	})
	b.settle()
	if log := b.log.String(); len(response.Cookies()) > 0 || !strings.Contains(log, "a failed sign-in may have left a session that no browser can use") {
		t.Errorf("cookies %v; the log: %s", response.Cookies(), log)
	}
}

// lostAnswer writes the row, but the caller gets an error.
type lostAnswer struct{ *spy }

func (s lostAnswer) ReplaceUserSession(ctx context.Context, session bff.UserSession) error {
	if err := s.spy.ReplaceUserSession(ctx, session); err != nil {
		return err
	}
	return errDown
}

func TestSignIn_LostAnswerLeavesNoSession(t *testing.T) {
	b := newTestBFF(t)
	b.cfg.Store = lostAnswer{b.store}
	response := b.browser().visit(func(w http.ResponseWriter, r *http.Request) {
		if _, err := b.SignIn(w, r, alice()); !errors.Is(err, errDown) {
			t.Errorf("%v", err)
		}
	})
	b.settle()
	if len(response.Cookies()) != 0 || len(b.store.rows(t, "alice")) != 0 {
		t.Error("a cookie was sent, or a session without a browser remains")
	}
}

type down struct{}

func (down) Encrypt(_, _ []byte) ([]byte, error) { return nil, ticket.ErrUnavailable }
func (down) Decrypt(_, _ []byte) ([]byte, error) { return nil, ticket.ErrUnavailable }

func TestLoad_ProtectorUnavailable(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	b.cfg.Protector = down{}
	if response := br.visit(func(http.ResponseWriter, *http.Request) {}); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", response.StatusCode)
	}
	b.cfg.Protector = testKeys
	br.want("alice")
}
