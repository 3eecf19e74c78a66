package dbtest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/bff/ticket"
	"example.com/usersession/internal/dbtest"
)

// A revoker notes the refresh tokens that it is asked to revoke.
type revoker struct {
	mu      sync.Mutex
	revoked []string
}

func (r *revoker) RevokeRefreshToken(_ context.Context, token string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revoked = append(r.revoked, token)
	return nil
}

// A browser keeps the session cookie.
type browser struct {
	sessions *serverside.Sessions
	cookie   string
}

// visit sends a request through the middleware to a handler.
func (b *browser) visit(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: serverside.DefaultCookieName, Value: b.cookie})
	}
	w := httptest.NewRecorder()
	b.sessions.Middleware(handler).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		b.cookie = c.Value
	}
	must(t, b.sessions.Shutdown(t.Context())) // waits for revocations
}

// session returns the session id of the browser's session, or "".
func (b *browser) session(t *testing.T) (sessionID string) {
	t.Helper()
	b.visit(t, func(_ http.ResponseWriter, r *http.Request) {
		session, _ := serverside.FromContext(r.Context())
		sessionID = session.SessionID
	})
	return sessionID
}

// TestSessionsWithStore_CommitsTogether: a new password, the end of the user's sessions and a
// new session for this browser are committed together or not at all. Browser and provider
// learn of them after the commit.
func TestSessionsWithStore_CommitsTogether(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openApp(t, d, dbtest.Setup{})
		provider := &revoker{}
		sessions, err := serverside.New(serverside.Config{
			Store: store, Protector: ticket.InsecureRandomKeyRing(), Partition: "app", Issuer: "https://id.example",
			Revoker: provider, Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
		})
		must(t, err)
		alice := func(sessionID string) ticket.Ticket {
			return ticket.Ticket{SubjectID: "alice", SessionID: sessionID, RefreshToken: "of " + sessionID}
		}
		here, phone := &browser{sessions: sessions}, &browser{sessions: sessions}
		here.visit(t, func(w http.ResponseWriter, r *http.Request) {
			_, err := sessions.SignIn(w, r, alice("here"))
			must(t, err)
		})
		phone.visit(t, func(w http.ResponseWriter, r *http.Request) {
			_, err := sessions.SignIn(w, r, alice("phone"))
			must(t, err)
		})

		changePassword := func(end error) (err error) {
			here.visit(t, func(w http.ResponseWriter, r *http.Request) {
				var committed func()
				err = db.Transaction(func(tx *gorm.DB) error {
					must(t, tx.Model(&account{}).Where("subject = ?", "alice").Update("password", "new").Error)
					var inTx *serverside.Sessions
					inTx, committed = sessions.WithStore(store.WithTx(tx))
					n, err := inTx.RevokeSessions(r.Context(), bff.UserSessionsFilter{SubjectID: "alice"})
					if must(t, err); n != 2 {
						t.Errorf("revoked %d sessions, want 2", n)
					}
					if _, err := inTx.Reload(r.Context()); !errors.Is(err, serverside.ErrNoSession) {
						t.Errorf("within the transaction: %v", err)
					}
					_, err = inTx.SignIn(w, r, alice("new"))
					must(t, err)
					return end
				})
				if err == nil {
					committed()
				}
			})
			return err
		}
		state := func() string {
			t.Helper()
			var a account
			must(t, db.Take(&a, "subject = ?", "alice").Error)
			provider.mu.Lock()
			defer provider.mu.Unlock()
			return fmt.Sprintf("%s: here %q, phone %q, revoked %q", a.Password, here.session(t), phone.session(t),
				slices.Sorted(slices.Values(provider.revoked)))
		}
		errRollback := errors.New("roll back")
		wantErr(t, "rollback", changePassword(errRollback), errRollback)
		if got, want := state(), `old: here "here", phone "phone", revoked []`; got != want {
			t.Errorf("after a rollback: %s, want %s", got, want)
		}
		must(t, changePassword(nil))
		if got, want := state(), `new: here "new", phone "", revoked ["of here" "of phone"]`; got != want {
			t.Errorf("after a commit: %s, want %s", got, want)
		}
	})
}

// TestSessionsWithStore_Deadlock: the database ends one of two transactions in a deadlock. No
// transaction reports success whose other writes are lost: MySQL would execute statements
// after the deadlock outside of any transaction.
func TestSessionsWithStore_Deadlock(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db, store := openApp(t, d, dbtest.Setup{Params: noLockWait(d)})
		h := newHost(t, db, func(c *serverside.Config) { c.Revoker = &revoker{} })
		users := []string{"alice", "bob"}
		keys := map[string]bff.UserSessionKey{}
		for _, user := range users {
			h.signIn(user, "sid-"+user)
			sessions, err := store.GetUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: user})
			must(t, err)
			keys[user] = bff.UserSessionKey{PartitionKey: "app", Key: sessions[0].Key}
		}
		var both sync.WaitGroup
		both.Add(2)
		errs := race(2, func(i int) error {
			return db.Transaction(func(tx *gorm.DB) error {
				joined := store.WithTx(tx)
				var err error
				if d.Engine == dbtest.SQLite { // one lock for all: a reader cannot write after another writer
					_, err = joined.GetUserSession(t.Context(), keys[users[i]])
				} else {
					err = tx.Create(&audit{What: users[i]}).Error
					if err == nil {
						_, err = joined.DeleteUserSession(t.Context(), keys[users[i]])
					}
				}
				both.Done()
				both.Wait()
				if err == nil && d.Engine == dbtest.SQLite {
					err = tx.Create(&audit{What: users[i]}).Error
				}
				if err == nil {
					inTx, _ := h.WithStore(joined)
					_, err = inTx.RevokeSessions(t.Context(), bff.UserSessionsFilter{SubjectID: users[1-i]})
				}
				return err
			})
		})
		succeeded := len(slices.DeleteFunc(errs, func(err error) bool { return err != nil }))
		var written int64
		must(t, db.Model(&audit{}).Count(&written).Error)
		if succeeded != 1 || written != 1 {
			t.Errorf("%d transactions succeeded and %d of their rows are written, want 1 and 1", succeeded, written)
		}
	})
}
