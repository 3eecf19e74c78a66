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

// Tests of databases wait for disks and locks most of the time, so more of them run at
// once than there are processors, unless -parallel says otherwise.
func init() {
	testing.Init()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
}

// now is when most tests take place: with microseconds, and more that must go.
var now = time.Date(2026, 3, 4, 5, 6, 7, 891011999, time.UTC)

// A clock stands still until it is set.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

// sample returns a session that lives for an hour.
func sample(key, sessionID string) bff.UserSession {
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

func keyOf(key string) bff.UserSessionKey {
	return bff.UserSessionKey{PartitionKey: "app", Key: key}
}

// updated returns an update that leaves a session as it is but for the ticket.
func updated(s bff.UserSession, ticket string, ifVersion int64) bff.UserSessionUpdate {
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

// onMost runs a test on the engines, but on those servers for which leftOut gives a
// reason. That one is skipped below the engine's own level, where a skip means that the
// engine was not there.
func onMost(t *testing.T, engines []*dbtest.Engine, leftOut func(*dbtest.Database) string, test func(t *testing.T, d *dbtest.Database)) {
	t.Helper()
	dbtest.On(t, engines, func(t *testing.T, d *dbtest.Database) {
		if reason := leftOut(d); reason != "" {
			t.Run("left out", func(t *testing.T) { t.Skipf("%s %s", d.Version, reason) })
			return
		}
		test(t, d)
	})
}

// cockroachDB leaves CockroachDB out.
func cockroachDB(reason string) func(*dbtest.Database) string {
	return func(d *dbtest.Database) string {
		if d.IsCockroachDB() {
			return reason
		}
		return ""
	}
}

// newStore returns a store whose clock stands still at now, unless the options say
// otherwise.
func newStore(t testing.TB, db *gorm.DB, options ...usersession.Option) *usersession.GormStore {
	t.Helper()
	at := &clock{now}
	store, err := usersession.NewGormStore(db, append([]usersession.Option{usersession.WithClock(at.now)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// open opens a database that has the table, and a store on it.
func open(t testing.TB, d *dbtest.Database, setup dbtest.Setup, options ...usersession.Option) (*gorm.DB, *usersession.GormStore) {
	t.Helper()
	db := d.Open(t, setup)
	d.Migrate(t, db)
	return db, newStore(t, db, options...)
}

// begin begins a transaction, which does not outlive the test: it would hold its locks,
// and whoever comes next would wait for them.
func begin(t testing.TB, db *gorm.DB, options ...*sql.TxOptions) *gorm.DB {
	t.Helper()
	tx := db.WithContext(context.Background()).Begin(options...)
	must(t, tx.Error)
	t.Cleanup(func() { tx.Rollback() })
	return tx
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// wantSession compares what a store handed out with what it was given.
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

// count returns how many rows the table has.
func count(t testing.TB, db *gorm.DB, table string) int64 {
	t.Helper()
	var n int64
	must(t, db.Table(table).Count(&n).Error)
	return n
}

// isErr is errors.Is, except that nothing but nil is nil.
func isErr(err, want error) bool {
	if want == nil {
		return err == nil
	}
	return errors.Is(err, want)
}

// errOf drops the count of a delete, for a test that checks only its error.
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
