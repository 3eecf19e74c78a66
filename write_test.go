package usersession_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"

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
