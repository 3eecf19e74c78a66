package dbtest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// warmPool opens n connections of the pool and runs each read of the store on every one of
// them, so that they are pooled and have prepared the statements. The pool must have room
// for n connections.
func warmPool(t *testing.T, db *gorm.DB, store *usersession.GormStore, n int) {
	t.Helper()
	pool, err := db.DB()
	must(t, err)
	pool.SetMaxIdleConns(n)
	for range 3 { // in one round, the pool may use a connection twice
		var ready, wg sync.WaitGroup
		ready.Add(n)
		for range n {
			wg.Go(func() {
				conn, err := pool.Conn(context.WithoutCancel(t.Context()))
				ready.Done()
				if err != nil {
					t.Error(err)
					return
				}
				ready.Wait() // all connections are taken at once
				_ = conn.Close()
			})
		}
		wg.Wait()
		for range n {
			wg.Go(func() { readAll(t, store) })
		}
		wg.Wait()
	}
}

// readAll runs every operation that reads. It fails the test unless each returns the
// session.
func readAll(t *testing.T, store *usersession.GormStore) {
	t.Helper()
	ctx := t.Context()
	if _, err := store.GetUserSession(ctx, keyOf("key")); err != nil {
		t.Errorf("get: %v", err)
	}
	if found, err := store.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"}); err != nil || len(found) != 1 {
		t.Errorf("list: %d sessions, %v", len(found), err)
	}
	n := 0
	for _, err := range store.UserSessions(ctx, bff.UserSessionsQuery{PartitionKey: "app"}) {
		if n++; err != nil {
			t.Errorf("lister: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("lister: %d sessions, want 1", n)
	}
}

// TestReads_DeadConnections: the server closes every pooled connection, as a restart does.
// No read fails. A read in a transaction of the application does: the transaction is lost.
func TestReads_DeadConnections(t *testing.T) {
	servers := []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}
	dbtest.On(t, servers, func(t *testing.T, d *dbtest.Database) {
		const connections = 3
		db, store := openStore(t, d, dbtest.Setup{MaxOpen: connections})
		must(t, store.CreateUserSession(t.Context(), testSession("key", "sid")))
		admin := d.Open(t, dbtest.Setup{})
		for range 5 {
			warmPool(t, db, store, connections)
			endConnections(t, d, admin)
			readAll(t, store)
		}

		tx := beginTx(t, db)
		endConnections(t, d, admin)
		if _, err := store.WithTx(tx).GetUserSession(t.Context(), keyOf("key")); err == nil {
			t.Error("a read in a transaction whose connection has ended succeeds")
		}
	})
}

// endConnections makes the server close all connections to the test's database except the
// admin's.
func endConnections(t *testing.T, d *dbtest.Database, admin *gorm.DB) {
	t.Helper()
	must(t, admin.Connection(func(admin *gorm.DB) error {
		if d.Engine == dbtest.PostgreSQL {
			const others = " FROM pg_stat_activity WHERE application_name = current_setting('application_name') AND pid <> pg_backend_pid()"
			if err := admin.Exec("SELECT pg_terminate_backend(pid)" + others).Error; err != nil {
				return err
			}
			for left := 1; left > 0; {
				if err := admin.Raw("SELECT count(*)" + others).Scan(&left).Error; err != nil {
					return err
				}
			}
			return nil
		}
		var ids []int64
		if err := admin.Raw("SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()").Scan(&ids).Error; err != nil {
			return err
		}
		for _, id := range ids {
			if err := admin.Exec(fmt.Sprintf("KILL %d", id)).Error; err != nil {
				return err
			}
		}
		return nil
	}))
}

// TestReads_ColumnTypeChanged: an ALTER makes the plans of all pooled connections invalid.
// No operation fails, and the cleanup keeps the form that skips locked rows.
func TestReads_ColumnTypeChanged(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		const connections = 4
		recorder := &dbtest.Recorder{}
		db, store := openStore(t, d, dbtest.Setup{MaxOpen: connections, Recorder: recorder})
		must(t, store.CreateUserSession(t.Context(), testSession("key", "sid")))
		cleanUp := func() {
			_, err := store.DeleteExpiredSessions(t.Context())
			must(t, err)
		}
		for _, kinds := range [][2]string{{"integer", "timestamp"}, {"bigint", "timestamptz"}} {
			warmPool(t, db, store, connections)
			for range 2 * connections {
				cleanUp()
			}
			must(t, db.Exec("ALTER TABLE user_sessions ALTER COLUMN version TYPE "+kinds[0]).Error)
			must(t, db.Exec("ALTER TABLE user_sessions ALTER COLUMN expires TYPE "+kinds[1]).Error)
			for range 2 * connections {
				readAll(t, store)
				recorder.Take()
				cleanUp()
				for _, event := range recorder.Take() {
					if isNotStatement(event) {
						t.Errorf("the cleanup uses a transaction: %v", event)
					}
				}
			}
		}
	})
}
