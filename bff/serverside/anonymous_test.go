package serverside

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// A store accepts anonymous rows. This package does not create or use any.

func TestSignIn_EmptySubject(t *testing.T) {
	b := newTestBFF(t)
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if _, err := b.SignIn(w, r, as("", "")); err == nil {
		t.Error("a ticket without a subject id is accepted")
	}
	if len(w.Result().Cookies()) != 0 || b.store.count("replace") != 0 || b.tally.started != 0 {
		t.Error("a session was started")
	}
}

func TestUpdate_CannotRemoveSubject(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	br.change(func(tk *ticket.Ticket) { tk.SubjectID = "" })
	br.want("alice")
	if rows := b.store.rows(t, "alice"); len(rows) != 1 {
		t.Errorf("%d rows of alice, want 1", len(rows))
	}
}

func TestMiddleware_AnonymousRow(t *testing.T) {
	b := newTestBFF(t)
	br := b.browser()
	br.signIn(alice())
	row := b.store.rows(t, "alice")[0]
	anonymous := row
	anonymous.SubjectID, anonymous.SessionID = "", ""
	sealed, err := ticket.Seal(testKeys, ticket.BindingOf(anonymous), ticket.Ticket{Issuer: issuer, Expires: b.clock.plus(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	err = b.store.UpdateUserSession(t.Context(), bff.UserSessionKey{PartitionKey: row.PartitionKey, Key: row.Key},
		bff.UserSessionUpdate{Renewed: row.Renewed, Expires: row.Expires, Ticket: sealed})
	if err != nil {
		t.Fatal(err)
	}
	br.want("")
	br.visit(func(_ http.ResponseWriter, r *http.Request) {
		if _, ok := b.Ticket(r.Context()); ok {
			t.Error("the request has the ticket of an anonymous row")
		}
		if _, err := b.AccessToken(r.Context()); !errors.Is(err, ErrNoSession) {
			t.Errorf("AccessToken: %v", err)
		}
		if err := b.Update(r.Context(), func(*ticket.Ticket) error { return nil }); !errors.Is(err, ErrNoSession) {
			t.Errorf("Update: %v", err)
		}
	})
	if b.store.count("delete") != 0 {
		t.Error("reading an anonymous row deletes it")
	}
	if log := b.log.String(); !strings.Contains(log, "the session is anonymous") {
		t.Errorf("the log: %s", log)
	}
}

func TestUserSessions_EmptySubject(t *testing.T) {
	b := newTestBFF(t)
	if _, err := b.UserSessions(t.Context(), ""); !errors.Is(err, bff.ErrInvalidFilter) {
		t.Errorf("UserSessions: %v", err)
	}
	if n, err := b.RevokeSessions(t.Context(), bff.UserSessionsFilter{}); n != 0 || !errors.Is(err, bff.ErrInvalidFilter) {
		t.Errorf("RevokeSessions: %d, %v", n, err)
	}
	if b.store.count("list") != 0 || b.store.count("delete all") != 0 {
		t.Error("the store was asked")
	}
}
