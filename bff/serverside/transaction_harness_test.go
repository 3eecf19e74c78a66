package serverside

import (
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.com/usersession/bff"
	"example.com/usersession/bff/ticket"
)

// A transactionStore is a store within a transaction: its writes are undone by a rollback,
// and after the end it fails. It does not isolate the transaction.
type transactionStore struct {
	*spy
	before []bff.UserSession
}

var errEnded = errors.New("the transaction has ended")

func (b *testBFF) begin() *transactionStore {
	tx := &transactionStore{spy: newSpy(b.clock.Now)}
	tx.InMemoryStore = b.store.InMemoryStore
	for _, subjectID := range []string{"alice", "bob", "carol"} {
		tx.before = append(tx.before, b.store.rows(b.t, subjectID)...)
	}
	return tx
}

func (tx *transactionStore) end() {
	for _, operation := range allOperations {
		tx.fail[operation] = errEnded
	}
}

func (tx *transactionStore) rollback(t *testing.T) {
	t.Helper()
	tx.end()
	for _, subjectID := range []string{"alice", "bob", "carol"} {
		if _, err := tx.InMemoryStore.DeleteUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: subjectID}); err != nil {
			t.Error(err)
		}
	}
	for _, row := range tx.before {
		if err := tx.InMemoryStore.CreateUserSession(t.Context(), row); err != nil {
			t.Error(err)
		}
	}
}

func of(subjectID, sessionID string) ticket.Ticket {
	tk := as(subjectID, sessionID)
	tk.RefreshToken = "of " + sessionID
	return tk
}

// An outcome is the result of a transaction as it is visible outside.
type outcome struct {
	user    string // of the request, by FromContext
	cookies string // the Set-Cookie headers: "set", "deleted" or ""
	device  string // in the request's ticket
	started int
	ended   map[EndReason]int64
	left    []string // the session ids in the store
	revoked []string // refresh tokens
	logged  bool     // that sessions started or ended
}

func (b *testBFF) outcome(w *httptest.ResponseRecorder, r *http.Request, p *provider) outcome {
	var o outcome
	session, _ := FromContext(r.Context())
	o.user, o.device = session.SubjectID, session.Properties["device"]
	for _, c := range (&http.Response{Header: w.Header()}).Cookies() {
		o.cookies += map[bool]string{true: "deleted", false: "set"}[c.MaxAge < 0]
	}
	b.tally.mu.Lock()
	o.started, o.ended = b.tally.started, maps.Clone(b.tally.ended)
	b.tally.mu.Unlock()
	for _, subjectID := range []string{"alice", "bob", "carol"} {
		for _, row := range b.store.rows(b.t, subjectID) {
			o.left = append(o.left, row.SessionID)
		}
	}
	p.mu.Lock()
	o.revoked = slices.Sorted(slices.Values(p.revoked))
	p.mu.Unlock()
	log := b.log.String()
	o.logged = strings.Contains(log, "session started") || strings.Contains(log, "sessions ended") || strings.Contains(log, "several session cookies")
	return o
}

func (o outcome) check(t *testing.T, when string, want outcome) {
	t.Helper()
	if o.user != want.user || o.cookies != want.cookies || o.device != want.device || o.started != want.started ||
		!maps.Equal(o.ended, want.ended) || !slices.Equal(o.left, want.left) || !slices.Equal(o.revoked, want.revoked) || o.logged != want.logged {
		t.Errorf("%s:\n%+v, want\n%+v", when, o, want)
	}
}
