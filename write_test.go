package usersession_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
)

// TestUpdate_RowNotVisible simulates a cluster in which a row becomes visible between the
// update and the query for its version: the first update changes no row, although the
// version matches.
func TestUpdate_RowNotVisible(t *testing.T) {
	db := openSQLite(t)
	store, session := newStore(t, db), testSession("there")
	if err := store.CreateUserSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	updates := 0
	err := db.Callback().Raw().Before("*").Register("test:invisible", func(db *gorm.DB) {
		if updates++; updates == 1 {
			db.Statement.Vars[len(db.Statement.Vars)-1] = int64(99) // another version
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	update := updateOf(session)
	update.IfVersion = 1
	if err := store.UpdateUserSession(t.Context(), keyOf(session), update); err != nil || updates != 2 {
		t.Errorf("%v after %d updates, want success after 2", err, updates)
	}
	if err := store.UpdateUserSession(t.Context(), keyOf(session), update); !errors.Is(err, bff.ErrSessionChanged) || updates != 3 {
		t.Errorf("%v after %d updates, want ErrSessionChanged after 3", err, updates)
	}
}

// TestUpdate_RowNeverVisible: the store tries a bounded number of times, and once in a
// transaction of the application, which keeps its snapshot.
func TestUpdate_RowNeverVisible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openSQLite(t)
		store, session := newStore(t, db), testSession("there")
		if err := store.CreateUserSession(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		updates := 0
		err := db.Callback().Raw().Before("*").Register("test:invisible", func(db *gorm.DB) {
			if strings.HasPrefix(db.Statement.SQL.String(), "UPDATE") {
				updates++
				db.Statement.Vars[len(db.Statement.Vars)-1] = int64(99) // another version
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		update := updateOf(session)
		update.IfVersion = 1
		if err := store.UpdateUserSession(t.Context(), keyOf(session), update); !errors.Is(err, bff.ErrSessionChanged) || updates < 10 || updates > 100 {
			t.Errorf("%v after %d updates, want ErrSessionChanged after 10 to 100", err, updates)
		}
		updates = 0
		tx := db.Begin()
		defer tx.Rollback()
		if err := store.WithTx(tx).UpdateUserSession(t.Context(), keyOf(session), update); !errors.Is(err, bff.ErrSessionChanged) || updates != 1 {
			t.Errorf("in a transaction: %v after %d updates, want ErrSessionChanged after 1", err, updates)
		}
	})
}

// TestUpdate_VersionUnreadable: an update that has changed nothing has not succeeded if the store cannot
// find out why.
func TestUpdate_VersionUnreadable(t *testing.T) {
	db := openSQLite(t)
	store, session := newStore(t, db), testSession("there")
	if err := store.CreateUserSession(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if err := db.Callback().Row().Before("*").Register("test:fail", func(db *gorm.DB) { _ = db.AddError(errFull) }); err != nil {
		t.Fatal(err)
	}
	update := updateOf(session)
	update.IfVersion = 7
	if err := store.UpdateUserSession(t.Context(), keyOf(session), update); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
}

// TestUpdate_RivalGoneInBetween simulates another host between the conflict and the eviction:
// it ends the rival and gives the session id to the row itself. The eviction must spare the
// row, although it has the session id then.
func TestUpdate_RivalGoneInBetween(t *testing.T) {
	db := openSQLite(t)
	store, session, rival := newStore(t, db), testSession("there"), testSession("rival")
	session.SessionID, rival.SessionID = "", "sid"
	if err := errors.Join(store.CreateUserSession(t.Context(), session), store.CreateUserSession(t.Context(), rival)); err != nil {
		t.Fatal(err)
	}
	done := false
	err := db.Callback().Raw().Before("*").Register("test:other-host", func(db *gorm.DB) {
		if done || !strings.HasPrefix(db.Statement.SQL.String(), "DELETE") {
			return
		}
		done = true
		for _, statement := range []string{
			"DELETE FROM user_sessions WHERE key = 'rival'", "UPDATE user_sessions SET session_id = 'sid' WHERE key = 'there'",
		} {
			if _, err := db.Statement.ConnPool.ExecContext(db.Statement.Context, statement); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	update := updateOf(session)
	update.SessionID, update.ReplaceRivals = "sid", true
	if err := store.UpdateUserSession(t.Context(), keyOf(session), update); err != nil || !done {
		t.Errorf("%v, after the other host: %t", err, done)
	}
	if found, err := store.GetUserSession(t.Context(), keyOf(session)); err != nil || found.SessionID != "sid" || found.Version != 2 {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestWrites_EvictionFails: a write whose eviction of a conflicting session fails returns that
// failure, and changes nothing.
func TestWrites_EvictionFails(t *testing.T) {
	for name, tt := range map[string]struct {
		expired bool // the sessions that conflict
		deletes int  // the DELETEs that the write needs
		write   func(ctx context.Context, store *usersession.GormStore, a, b bff.UserSession) error
	}{
		"create": {true, 2, func(ctx context.Context, store *usersession.GormStore, a, b bff.UserSession) error {
			a.SessionID, a.Expires = b.SessionID, time.Time{}
			return store.CreateUserSession(ctx, a)
		}},
		"replace": {false, 3, func(ctx context.Context, store *usersession.GormStore, a, b bff.UserSession) error {
			a.SessionID = b.SessionID
			return store.ReplaceUserSession(ctx, a)
		}},
		"replace, the key only": {false, 2, func(ctx context.Context, store *usersession.GormStore, a, _ bff.UserSession) error {
			a.SessionID = "another"
			return store.ReplaceUserSession(ctx, a)
		}},
		"update, ReplaceRivals": {false, 1, func(ctx context.Context, store *usersession.GormStore, a, b bff.UserSession) error {
			update := updateOf(a)
			update.SessionID, update.ReplaceRivals = b.SessionID, true
			return store.UpdateUserSession(ctx, keyOf(a), update)
		}},
	} {
		for failing := range tt.deletes + 1 {
			t.Run(fmt.Sprint(name, " ", failing+1), func(t *testing.T) {
				db := openSQLite(t)
				store, a, b := newStore(t, db), testSession("a"), testSession("b")
				if tt.expired {
					a.Expires, b.Expires = a.Created, b.Created
				}
				if err := errors.Join(store.CreateUserSession(t.Context(), a), store.CreateUserSession(t.Context(), b)); err != nil {
					t.Fatal(err)
				}
				deletes := 0
				err := db.Callback().Raw().Before("*").Register("test:fail", func(db *gorm.DB) {
					if strings.HasPrefix(db.Statement.SQL.String(), "DELETE") {
						if deletes++; deletes == failing+1 {
							_ = db.AddError(errFull)
						}
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				err = tt.write(t.Context(), store, a, b)
				if fails := failing < tt.deletes; errors.Is(err, errFull) != fails || !fails && (err != nil || deletes != tt.deletes) {
					t.Errorf("%v after %d of %d DELETEs", err, deletes, tt.deletes)
				}
				var rows int64
				if err := db.Table("user_sessions").Where("version = 1 AND key IN ('a', 'b')").Count(&rows).Error; err != nil || failing < tt.deletes && rows != 2 {
					t.Errorf("%d sessions are as before, want 2; %v", rows, err)
				}
			})
		}
	}
}
