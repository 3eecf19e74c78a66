package serverside

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"example.com/usersession/bff"
)

var (
	errSerialization = errors.New("serialization failure")
	errAborted       = errors.New("the transaction is aborted")
)

// TestWithStore_FirstErrorReturned: after a serialization failure PostgreSQL refuses every
// further statement of the transaction with another error. The application retries the
// transaction only if it sees the first.
func TestWithStore_FirstErrorReturned(t *testing.T) {
	calls := map[string]func(tx *Sessions, w http.ResponseWriter, r *http.Request) error{
		"RevokeSessions": func(tx *Sessions, _ http.ResponseWriter, r *http.Request) error {
			_, err := tx.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: "alice"})
			return err
		},
		"RevokeOtherSessions": func(tx *Sessions, _ http.ResponseWriter, r *http.Request) error {
			_, err := tx.RevokeOtherSessions(r.Context())
			return err
		},
		"BackchannelLogout": func(tx *Sessions, _ http.ResponseWriter, r *http.Request) error {
			_, err := tx.BackchannelLogout(r.Context(), bff.UserSessionsFilter{SubjectID: "alice", SessionID: "here"})
			return err
		},
		"SignOut": func(tx *Sessions, w http.ResponseWriter, r *http.Request) error { return tx.SignOut(w, r) },
		"SignIn": func(tx *Sessions, w http.ResponseWriter, r *http.Request) error {
			_, err := tx.SignIn(w, r, of("alice", "new"))
			return err
		},
	}
	for name, call := range calls {
		for _, operation := range allOperations {
			t.Run(fmt.Sprint(name, "/", operation), func(t *testing.T) {
				b := newTestBFF(t, func(c *Config) { c.Revoker, c.MaxSessionsPerUser = &provider{}, 2 })
				b.browser().signIn(of("alice", "phone"))
				br := b.browser()
				br.signIn(of("alice", "here"))
				br.visit(func(w http.ResponseWriter, r *http.Request) {
					store := b.begin()
					failed := false
					store.on(operation, func() {
						failed = true
						store.mu.Lock()
						defer store.mu.Unlock()
						for _, o := range allOperations {
							store.fail[o] = errAborted
						}
						store.fail[operation] = errSerialization
					})
					tx, _ := b.WithStore(store)
					if err := call(tx, w, r); failed && !errors.Is(err, errSerialization) {
						t.Errorf("%v", err)
					}
				})
			})
		}
	}
}
