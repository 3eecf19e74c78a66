package dbtest_test

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// onClusters runs a test on a cluster, see make test-galera. Elsewhere it is left out.
func onClusters(t *testing.T, test func(t *testing.T, d *dbtest.Database)) {
	t.Helper()
	onEnginesExcept(t, []*dbtest.Engine{dbtest.MySQL}, func(d *dbtest.Database) string {
		if !d.IsCluster() {
			return "is one server: make test-galera, make test-group-replication"
		}
		return ""
	}, test)
}

// nodeOf returns the port of the node that the connection leads to.
func nodeOf(t *testing.T, db *gorm.DB) (port string) {
	t.Helper()
	must(t, db.Raw("SELECT @@port").Scan(&port).Error)
	return port
}

// TestWithTx_RaceWithAnotherNode: while a transaction of the application runs, another node
// writes a row that the transaction has written. The other node was first: the transaction
// fails as a whole, whichever statement of the store comes next.
func TestWithTx_RaceWithAnotherNode(t *testing.T) {
	onClusters(t, func(t *testing.T, d *dbtest.Database) {
		for _, statements := range []int{0, 1, 2, 3} { // the statements of the store before the other node's write
			d := d.Engine.New(t)
			db, store := openApp(t, d, dbtest.Setup{})
			ctx := t.Context()
			must(t, store.CreateUserSession(ctx, testSession("old", "sid")))
			before := countRows(t, db, "audits")
			tx := beginTx(t, db)
			must(t, tx.Create(&audit{What: "sign-in"}).Error)
			must(t, tx.Exec("UPDATE accounts SET password = 'mine'").Error)
			writeElsewhere := func() { writeOnAnotherNode(t, d, tx, "UPDATE accounts SET password = 'other'") }
			seen := 0
			must(t, tx.Callback().Raw().Before("gorm:raw").Register("another node", func(*gorm.DB) {
				if seen++; seen == statements+1 {
					writeElsewhere()
				}
			}))
			err := store.WithTx(tx).ReplaceUserSession(ctx, testSession("new", "sid"))
			must(t, db.Callback().Raw().Remove("another node"))
			if seen <= statements { // the store needed fewer statements
				writeElsewhere()
			}
			if err == nil {
				err = tx.Commit().Error
			}
			if err == nil || !asksForRetry(err) {
				t.Errorf("after %d statements: %v", statements, err)
			}
			tx.Rollback()
			if n := countRows(t, db, "audits"); n != before {
				t.Errorf("after %d statements: %d audit rows, want %d", statements, n, before)
			}
			_, err = store.GetUserSession(ctx, keyOf("old"))
			must(t, err)
		}
	})
}

// writeOnAnotherNode runs a statement on another node than that of tx, and returns when it has
// arrived at the node of tx.
func writeOnAnotherNode(t *testing.T, d *dbtest.Database, tx *gorm.DB, statement string) {
	t.Helper()
	here := nodeOf(t, tx.Session(&gorm.Session{NewDB: true, SkipHooks: true}))
	written, arrived := false, false
	for !arrived {
		db := d.Open(t, dbtest.Setup{MaxOpen: 1})
		switch node := nodeOf(t, db); {
		case node != here && !written:
			must(t, db.Exec(statement).Error)
			written = true
		case node == here && written: // the read waits for the write
			must(t, db.Exec("SELECT * FROM accounts").Error)
			arrived = true
		}
		must(t, dbtest.Pool(t, db).Close())
	}
}

// TestWithTx_GroupReplication: in Group Replication a savepoint can hide that the server has
// rolled the transaction back. The store sets none, and says so if a conflict remains.
func TestWithTx_GroupReplication(t *testing.T) {
	for group, savepoint := range map[string]bool{"": true, "6f5d2c1a-7a54-4c39-9d56-3a1b5f0c8e21": false} {
		fake, recorder := &fakeDriver{group: group}, &dbtest.Recorder{}
		db, err := gorm.Open(fakeDialects[2].dialector(sql.OpenDB(recorder.Wrap(fake))), &gorm.Config{Logger: logger.Discard})
		must(t, err)
		store, duplicate := newStore(t, db), fakeDialects[2].duplicate
		session := testSession("key", "sid")
		for operation, call := range map[string]func(context.Context, *usersession.GormStore) error{
			"create":  func(ctx context.Context, s *usersession.GormStore) error { return s.CreateUserSession(ctx, session) },
			"replace": func(ctx context.Context, s *usersession.GormStore) error { return s.ReplaceUserSession(ctx, session) },
			"update": func(ctx context.Context, s *usersession.GormStore) error {
				return s.UpdateUserSession(ctx, keyOf("key"), replacingRivals(updateOf(session, "", 0)))
			},
			"cleanup": func(ctx context.Context, s *usersession.GormStore) error { return errOf(s.DeleteExpiredSessions(ctx)) },
		} {
			for _, conflicts := range []int{0, 1, 100} {
				recorder.Take()
				fake.refuse = slices.Repeat([]error{duplicate}, conflicts)
				err := call(t.Context(), store.WithTx(beginTx(t, db)))
				fake.refuse = nil
				if want := conflicts == 100 && operation != "cleanup"; want != errors.Is(err, bff.ErrSessionExists) || !want && err != nil {
					t.Errorf("%s, %d conflicts: %v", operation, conflicts, err)
				}
				evicted := conflicts == 100 && (operation == "replace" || operation == "update")
				if says := err != nil && strings.Contains(err.Error(), "roll the transaction back"); says != (evicted && !savepoint) {
					t.Errorf("%s, %d conflicts, savepoints %t: %v", operation, conflicts, savepoint, err)
				}
				set := slices.ContainsFunc(recorder.Take(), func(e dbtest.Event) bool { return strings.Contains(e.SQL, "SAVEPOINT") })
				if set != (savepoint && (conflicts > 0 || operation == "cleanup")) {
					t.Errorf("%s, %d conflicts: savepoint %t", operation, conflicts, set)
				}
			}
		}
	}
}
