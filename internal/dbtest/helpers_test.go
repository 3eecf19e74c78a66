package dbtest_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// Tests on databases wait for disks and locks most of the time. So more tests run in
// parallel than there are processors, unless the flag -parallel is set.
func init() {
	testing.Init()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
}

// now is the store's time in most tests. It has nanoseconds, which the store truncates to
// microseconds.
var now = time.Date(2026, 3, 4, 5, 6, 7, 891011999, time.UTC)

// testSession returns a session of alice's that expires an hour after now.
func testSession(key, sessionID string) bff.UserSession {
	return bff.UserSession{
		PartitionKey: "app",
		Key:          key,
		SubjectID:    "alice",
		SessionID:    sessionID,
		Created:      now,
		Renewed:      now.Add(time.Minute),
		Expires:      now.Add(time.Hour),
		Ticket:       []byte("ticket of " + key),
	}
}

// keyOf returns the key in the partition of testSession.
func keyOf(key string) bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: "app", Key: key}
}

// updateOf returns an update that changes only the ticket of a session.
func updateOf(s bff.UserSession, ticket string, ifVersion int64) bff.UserSessionUpdate {
	return bff.UserSessionUpdate{
		SubjectID: s.SubjectID,
		SessionID: s.SessionID,
		Created:   s.Created,
		Renewed:   s.Renewed,
		Expires:   s.Expires,
		Ticket:    []byte(ticket),
		IfVersion: ifVersion,
	}
}

// onEnginesExcept runs a test on the engines, except on servers for which leftOut returns
// a reason. There it skips a subtest below the engine's own subtest, because a skipped
// subtest of an engine means that the engine is not available.
func onEnginesExcept(t *testing.T, engines []*dbtest.Engine, leftOut func(*dbtest.Database) string, test func(t *testing.T, d *dbtest.Database)) {
	t.Helper()
	dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
		if reason := leftOut(d); reason != "" {
			t.Run("left out", func(t *testing.T) { t.Skipf("%s %s", d.Version, reason) })
			return
		}
		test(t, d)
	})
}

// exceptCockroachDB returns a function for onEnginesExcept that leaves out CockroachDB.
func exceptCockroachDB(reason string) func(*dbtest.Database) string {
	return func(d *dbtest.Database) string {
		if d.IsCockroachDB() {
			return reason
		}
		return ""
	}
}

// newStore returns a store whose clock always returns now, unless an option sets another
// clock.
func newStore(t testing.TB, db *gorm.DB, options ...usersession.Option) *usersession.GormStore {
	t.Helper()
	atNow := usersession.WithClock(func() time.Time { return now })
	store, err := usersession.NewGormStore(db, append([]usersession.Option{atNow}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// openStore opens a database that has the store's table, and returns it with a store on
// it.
func openStore(t testing.TB, d *dbtest.Database, setup dbtest.Setup, options ...usersession.Option) (*gorm.DB, *usersession.GormStore) {
	t.Helper()
	db := d.Open(t, setup)
	d.Migrate(t, db)
	return db, newStore(t, db, options...)
}

// beginTx begins a transaction and rolls it back when the test ends. Otherwise it would
// hold its locks, and later statements would wait for them.
func beginTx(t testing.TB, db *gorm.DB, options ...*sql.TxOptions) *gorm.DB {
	t.Helper()
	tx := db.WithContext(context.Background()).Begin(options...)
	must(t, tx.Error)
	t.Cleanup(func() { tx.Rollback() })
	return tx
}

// must ends the test if err is not nil.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantErr fails the test if err does not wrap want.
func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// wantSession fails the test unless got, from a store, is want, as it was passed to the
// store, with the version.
func wantSession(t testing.TB, got, want bff.UserSession, version int64) {
	t.Helper()
	for _, pair := range []struct {
		field     string
		got, want time.Time
	}{
		{"Created", got.Created, want.Created},
		{"Renewed", got.Renewed, want.Renewed},
		{"Expires", got.Expires, want.Expires},
	} {
		if !pair.got.Equal(pair.want.Truncate(time.Microsecond)) || pair.got.Location() != time.UTC {
			t.Errorf("%s is %v, want %v", pair.field, pair.got, pair.want)
		}
	}
	if got.PartitionKey != want.PartitionKey || got.Key != want.Key || got.SubjectID != want.SubjectID ||
		got.SessionID != want.SessionID || string(got.Ticket) != string(want.Ticket) || got.Version != version {
		t.Errorf("got %+v, want version %d of %+v", got, version, want)
	}
}

// countRows returns the number of rows of the table.
func countRows(t testing.TB, db *gorm.DB, table string) int64 {
	t.Helper()
	var n int64
	must(t, db.Table(table).Count(&n).Error)
	return n
}

// errOf returns the error of a delete, for tests that ignore the count.
func errOf(_ int64, err error) error { return err }

// replacingRivals returns the update with ReplaceRivals set.
func replacingRivals(update bff.UserSessionUpdate) bff.UserSessionUpdate {
	update.ReplaceRivals = true
	return update
}

// withoutCreated returns the update with a zero Created, which keeps the stored time.
func withoutCreated(update bff.UserSessionUpdate) bff.UserSessionUpdate {
	update.Created = time.Time{}
	return update
}

// oneStatementReplace reports whether the store replaces a conflicting session in one
// statement on the dialect.
func oneStatementReplace(dialect string) bool { return dialect == "postgres" }
