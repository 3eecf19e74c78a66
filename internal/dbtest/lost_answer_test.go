package dbtest_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/bff/serverside"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// loseAnswer makes the proxy cut the connection in place of the next answer but skip. The
// result reports whether that has happened.
func (p *proxy) loseAnswer(skip int) (lost func() bool) {
	var answers atomic.Int64
	p.setAnswer(func(_, _ []byte) bool { return answers.Add(1) == int64(skip)+1 })
	return func() bool { return answers.Load() > int64(skip) }
}

// A lostWrite is a write of the store. Before it, there is the session "old" with the session
// id "sid".
type lostWrite struct {
	name string
	do   func(t *testing.T, store *usersession.GormStore) error
	// done are the rows after the write, as key and version.
	done []string
}

var lostWrites = []lostWrite{
	{"create", func(t *testing.T, store *usersession.GormStore) error {
		return store.CreateUserSession(t.Context(), testSession("new", "other"))
	}, []string{"new 1", "old 1"}},
	{"update", func(t *testing.T, store *usersession.GormStore) error {
		return store.UpdateUserSession(t.Context(), keyOf("old"), updateOf(testSession("old", "sid"), "updated", 1))
	}, []string{"old 2"}},
	{"replace", func(t *testing.T, store *usersession.GormStore) error {
		return store.ReplaceUserSession(t.Context(), testSession("new", "sid"))
	}, []string{"new 1"}},
	{"delete", func(t *testing.T, store *usersession.GormStore) error {
		return errOf(store.DeleteUserSession(t.Context(), keyOf("old")))
	}, nil},
	{"delete a version", func(t *testing.T, store *usersession.GormStore) error {
		return errOf(store.DeleteUserSessionVersion(t.Context(), keyOf("old"), 1))
	}, nil},
	{"delete many", func(t *testing.T, store *usersession.GormStore) error {
		return errOf(store.DeleteUserSessions(t.Context(), "app", bff.UserSessionsFilter{SubjectID: "alice"}))
	}, nil},
}

// TestLostAnswer_Store: the connection ends after the server has executed a statement and
// before its answer arrives, for each answer of the server in turn. A write that is
// acknowledged is there. After an error it is there or not, entirely, and the error does not
// say that a session exists, has changed or is missing: it was the store's own write.
func TestLostAnswer_Store(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		direct, reference := openStore(t, d, dbtest.Setup{})
		for _, write := range lostWrites {
			done := 0
			for skip, met := 0, true; met; skip++ {
				must(t, direct.Where("1 = 1").Delete(&entities.UserSession{}).Error)
				must(t, reference.CreateUserSession(t.Context(), testSession("old", "sid")))
				db, p := openThrough(t, d, 1)
				lost := p.loseAnswer(skip)
				err := write.do(t, newStore(t, db))
				met = lost()
				rows := rowsOf(t, direct)
				is := slices.Equal(rows, write.done)
				switch {
				case err == nil && !is:
					t.Errorf("%s, answer %d lost: acknowledged, but the rows are %q", write.name, skip, rows)
				case !is && !slices.Equal(rows, []string{"old 1"}):
					t.Errorf("%s, answer %d lost: %v, and the rows are %q", write.name, skip, err, rows)
				case err != nil && !met:
					t.Errorf("%s, no answer lost: %v", write.name, err)
				}
				for _, wrong := range []error{bff.ErrSessionExists, bff.ErrSessionChanged, bff.ErrSessionNotFound} {
					if errors.Is(err, wrong) {
						t.Errorf("%s, answer %d lost: %v", write.name, skip, err)
					}
				}
				if err != nil && is {
					done++
				}
				must(t, dbtest.Pool(t, db).Close())
			}
			if done == 0 {
				t.Errorf("%s: the answer to the write itself was never lost: the test has tested nothing", write.name)
			}
		}
	})
}

// rowsOf returns the rows as key and version, in the order of the keys.
func rowsOf(t *testing.T, db *gorm.DB) (rows []string) {
	t.Helper()
	var all []entities.UserSession
	must(t, db.Select("key", "version").Find(&all).Error)
	for _, row := range all {
		rows = append(rows, fmt.Sprintf("%s %d", row.Key, row.Version))
	}
	slices.Sort(rows)
	return rows
}

// TestLostAnswer_EntryPoints: the same below package serverside. A sign-in that succeeds has
// its row, and one that fails leaves none behind. Ending a session can be repeated until it
// succeeds.
func TestLostAnswer_EntryPoints(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		direct := d.Open(t, dbtest.Setup{})
		d.Migrate(t, direct)
		db, p := openThrough(t, d, 2)
		for _, e := range entryPoints {
			for _, revoker := range []bool{false, true} {
				if !revoker || e.revokes {
					h := holeHost(t, db, revoker, func(c *serverside.Config) { c.StoreTimeout = hangBound })
					for skip := 0; loseAnswerOf(t, direct, p, h, e, skip); skip++ {
					}
				}
			}
		}
	})
}

// loseAnswerOf loses an answer during a request to the entry point and checks the rows. It
// returns false if the request ended before that answer.
func loseAnswerOf(t *testing.T, direct *gorm.DB, p *proxy, h *host, e entryPoint, skip int) bool {
	t.Helper()
	must(t, direct.Where("1 = 1").Delete(&entities.UserSession{}).Error)
	p.setAnswer(nil)
	cookie := h.mustSignIn(t, holeSubject(0), holeSession(0))
	var before []entities.UserSession
	must(t, direct.Find(&before).Error)
	var lost func() bool
	status := h.meet(cookie, e, 0, func() { lost = p.loseAnswer(skip) })
	met := lost()
	must(t, h.Shutdown(t.Context()))
	p.setAnswer(nil)
	var after []entities.UserSession
	must(t, direct.Find(&after).Error)
	isNew := len(after) == 1 && after[0].Key != before[0].Key
	where := fmt.Sprintf("%s, answer %d lost", e.name, skip)
	switch {
	case status != http.StatusOK && !met:
		t.Errorf("%s: no answer was lost, and the status is %d", where, status)
	case len(after) > 1:
		t.Errorf("%s: %d rows", where, len(after))
	case e.name == "SignIn" && isNew != (status == http.StatusOK):
		t.Errorf("%s: status %d, and the row of the sign-in is there: %v", where, status, isNew)
	case e.revokes && e.name != "RevokeOtherSessions":
		if status == http.StatusOK && len(after) > 0 {
			t.Errorf("%s: the end was acknowledged, and the row is there", where)
		}
		if again := h.meet(cookie, e, 0, func() {}); again != http.StatusOK {
			t.Errorf("%s: a second request has status %d", where, again)
		}
	case !e.revokes && e.name != "SignIn" && h.visit(cookie) != http.StatusOK:
		t.Errorf("%s: the session does not go on", where)
	}
	return met && !t.Failed()
}
