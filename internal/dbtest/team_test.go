package dbtest_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// A teamSession is a team's entity with columns of its own.
type teamSession struct {
	entities.UserSession
	Device string `gorm:"size:100;not null;default:unknown;index"`
	Trust  int    `gorm:"not null;default:1"`
	Note   *string
}

// toSession returns the session in a row.
func toSession(row entities.UserSession) bff.UserSession {
	session := bff.UserSession{
		PartitionKey: string(row.PartitionKey), Key: string(row.Key), SubjectID: string(row.SubjectID),
		Created: row.Created.Time, Renewed: row.Renewed.Time, Ticket: row.Ticket, Version: row.Version,
	}
	if row.SessionID != nil {
		session.SessionID = string(*row.SessionID)
	}
	if row.Expires != nil {
		session.Expires = row.Expires.Time
	}
	return session
}

// TestTeamTable_ExtraColumns: the store works on a table with a team's columns. An update
// leaves them unchanged, and a new session has their defaults.
func TestTeamTable_ExtraColumns(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		d.Migrate(t, db, &teamSession{})
		store := newStore(t, db, usersession.WithTable("team_sessions"))
		checkStore(t, store)
		tx := beginTx(t, db)
		checkStore(t, store.WithTx(tx))
		must(t, tx.Rollback().Error)

		ctx := t.Context()
		wantRow := func(what string, device string, trust int, note bool) int64 {
			t.Helper()
			var row teamSession
			must(t, db.Where("session_id = ?", "sid").Take(&row).Error)
			if row.Device != device || row.Trust != trust || (row.Note != nil) != note {
				t.Errorf("after %s: device %q, trust %d, note %v", what, row.Device, row.Trust, row.Note)
			}
			return row.ID
		}
		must(t, store.CreateUserSession(ctx, testSession("key", "sid")))
		wantRow("create", "unknown", 1, false)
		must(t, db.Model(&teamSession{}).Where("session_id = ?", "sid").
			Updates(map[string]any{"device": "phone", "trust": 7, "note": "mine"}).Error)
		must(t, store.UpdateUserSession(ctx, keyOf("key"), updateOf(testSession("key", "sid"), "new", 0)))
		before := wantRow("update", "phone", 7, true)

		for _, key := range []string{"key", "key-2"} { // a conflict of the key; of the session id
			must(t, store.ReplaceUserSession(ctx, testSession(key, "sid")))
			after := wantRow("replace", "unknown", 1, false)
			if before == after {
				t.Error("the new session has the old one's row id")
			}
			must(t, db.Model(&teamSession{}).Where("session_id = ?", "sid").Updates(map[string]any{"device": "phone", "trust": 7, "note": "mine"}).Error)
			before = after
		}
	})
}

// TestTeamTable_UniqueIndex: if a row conflicts in a team's unique index (here one session
// for each user), the store returns ErrSessionExists and changes nothing.
func TestTeamTable_UniqueIndex(t *testing.T) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		for _, translate := range []bool{true, false} {
			t.Run(fmt.Sprint("TranslateError ", translate), func(t *testing.T) {
				d := d.Engine.New(t)
				db, store := openStore(t, d, dbtest.Setup{Config: func(c *gorm.Config) { c.TranslateError = translate }})
				must(t, db.Exec("CREATE UNIQUE INDEX one_for_each ON user_sessions (partition_key, subject_id)").Error)
				ctx := t.Context()
				must(t, store.CreateUserSession(ctx, testSession("key", "sid")))
				bob := testSession("bob's", "sid-bob")
				bob.SubjectID = "bob"
				must(t, store.CreateUserSession(ctx, bob))
				check := func(store *usersession.GormStore) {
					t.Helper()
					wantErr(t, "create", store.CreateUserSession(ctx, testSession("key-2", "sid-2")), bff.ErrSessionExists)
					wantErr(t, "replace", store.ReplaceUserSession(ctx, testSession("key-2", "sid-2")), bff.ErrSessionExists)
					wantErr(t, "replace bob's", store.ReplaceUserSession(ctx, testSession("bob's", "sid-2")), bff.ErrSessionExists)
					wantErr(t, "update", store.UpdateUserSession(ctx, keyOf("bob's"), updateOf(testSession("", "sid-bob"), "", 0)), bff.ErrSessionExists)
					for _, want := range []bff.UserSession{testSession("key", "sid"), bob} {
						got, err := store.GetUserSession(ctx, keyOf(want.Key))
						must(t, err)
						wantSession(t, got, want, 1)
					}
				}
				check(store)
				must(t, db.Transaction(func(tx *gorm.DB) error {
					check(store.WithTx(tx))
					return nil
				}))
				must(t, store.ReplaceUserSession(ctx, testSession("key", "sid-2"))) // the replaced row does not conflict
			})
		}
	})
}

// TestTeamTable_ForeignKey: a row that a team's foreign key references cannot be deleted.
// The store returns the driver's error, with and without GORM's translation of errors, and
// changes nothing.
func TestTeamTable_ForeignKey(t *testing.T) {
	codes := map[*dbtest.Engine]string{dbtest.PostgreSQL: "23503", dbtest.MySQL: "1451", dbtest.SQLServer: "547", dbtest.SQLite: "787"}
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		for _, translate := range []bool{true, false} {
			t.Run(fmt.Sprint("TranslateError ", translate), func(t *testing.T) {
				d := d.Engine.New(t)
				setup := dbtest.Setup{Config: func(c *gorm.Config) { c.TranslateError = translate }}
				if d.Engine == dbtest.SQLite {
					setup.Params = url.Values{"_pragma": {"foreign_keys(1)", "busy_timeout(5000)"}}
				}
				db, store := openStore(t, d, setup)
				idType := "bigint"
				if d.Engine == dbtest.SQLite {
					idType = "integer"
				}
				must(t, db.Exec("CREATE TABLE devices (session "+idType+" NOT NULL, FOREIGN KEY (session) REFERENCES user_sessions (id))").Error)
				ctx := t.Context()
				must(t, store.CreateUserSession(ctx, testSession("key", "sid")))
				must(t, db.Exec("INSERT INTO devices SELECT id FROM user_sessions").Error)
				check := func(what string, err error) {
					t.Helper()
					if driverCode(err) != codes[d.Engine] {
						t.Errorf("%s: %v with code %q, want the driver's error with code %s", what, err, driverCode(err), codes[d.Engine])
					}
					got, err := store.GetUserSession(ctx, keyOf("key"))
					must(t, err)
					wantSession(t, got, testSession("key", "sid"), 1)
				}
				check("delete", errOf(store.DeleteUserSession(ctx, keyOf("key"))))
				check("revoke", errOf(store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})))
				check("replace", store.ReplaceUserSession(ctx, testSession("key", "sid-2")))
				check("replace", store.ReplaceUserSession(ctx, testSession("key-2", "sid")))
				if n := countRows(t, db, "user_sessions"); n != 1 {
					t.Errorf("%d rows, want 1", n)
				}
			})
		}
	})
}

// TestTeamTable_KeptRows: a row that a team's foreign key keeps stops neither the cleanup
// nor the end of a user's other sessions. The error says how many rows stay, and a later call
// goes on.
func TestTeamTable_KeptRows(t *testing.T) {
	const batch, expired, oldest, kept, live = 10, 57, 22, 24, 5
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		setup, idType := dbtest.Setup{}, "bigint"
		if d.Engine == dbtest.SQLite {
			setup.Params, idType = url.Values{"_pragma": {"foreign_keys(1)", "busy_timeout(5000)"}}, "integer"
		}
		db, store := openStore(t, d, setup, usersession.WithCleanupBatchSize(batch), usersession.WithClock(func() time.Time { return now }))
		must(t, db.Exec("CREATE TABLE devices (session "+idType+" NOT NULL, FOREIGN KEY (session) REFERENCES user_sessions (id))").Error)
		ctx := t.Context()
		for i := range expired + live {
			session := testSession(fmt.Sprint("key ", i), fmt.Sprint("sid ", i))
			session.Created, session.Renewed = now.Add(-time.Hour), now.Add(-time.Hour)
			if i < expired {
				// The oldest rows share their expiry, and fill more than a batch.
				session.Expires = now.Add(time.Duration(max(0, i-30)-60) * time.Second)
			}
			must(t, store.CreateUserSession(ctx, session))
		}
		keep := func(i int) {
			must(t, db.Exec("INSERT INTO devices SELECT id FROM user_sessions WHERE session_id = ?", fmt.Sprint("sid ", i)).Error)
		}
		for i := range oldest {
			keep(i)
		}
		keep(expired - 10)
		keep(expired - 1)
		keep(expired + 1) // a live session
		for round, want := range []int64{expired - kept, 0} {
			deleted, err := store.DeleteExpiredSessions(ctx)
			if deleted != want || err == nil || !strings.Contains(err.Error(), fmt.Sprint(kept, " sessions cannot be deleted")) {
				t.Errorf("cleanup %d: %d, %v; want %d and an error for %d", round+1, deleted, err, want, kept)
			}
		}
		if n := countRows(t, db, "user_sessions"); n != kept+live {
			t.Errorf("%d rows after the cleanup, want %d", n, kept+live)
		}
		deleted, err := store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
		if deleted != live-1 || err == nil || !strings.Contains(err.Error(), fmt.Sprint(kept+1, " sessions cannot be deleted")) {
			t.Errorf("revoke: %d, %v", deleted, err)
		}
		must(t, db.Exec("DELETE FROM devices").Error)
		if deleted, err := store.DeleteExpiredSessions(ctx); deleted != kept || err != nil {
			t.Errorf("cleanup without the foreign key's rows: %d, %v", deleted, err)
		}
	})
}
