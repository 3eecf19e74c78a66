package dbtest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
	"example.com/usersession/internal/progress"
)

// fullDrill reports whether the drills are to be large.
func fullDrill() bool { return os.Getenv("USERSESSION_DRILL") == "full" }

// drillMeter shows the progress of a drill, if go test passes the terminal on.
func drillMeter(what string, total int64) *progress.Meter {
	return progress.New(progress.Terminal(os.Stdout), what, total)
}

// drillSize is the number of rows of a drill and the batch size of its cleaners. A drill is
// large if fullDrill.
type drillSize struct{ rows, batch int }

func newDrillSize() drillSize {
	if fullDrill() {
		return drillSize{rows: 100_000, batch: 250}
	}
	return drillSize{rows: 6_000, batch: 50}
}

const (
	drillCleaners = 4
	drillWorkers  = 8
)

// TestDrill runs four cleaner processes on one table while eight workers create, read,
// renew and revoke sessions in it.
func TestDrill(t *testing.T) {
	drillOnServers(t, func(t *testing.T, d *drill) { d.run(t, nil) })
}

// TestDrill_KilledCleaner does the same and kills one of the processes after its first batch.
func TestDrill_KilledCleaner(t *testing.T) {
	drillOnServers(t, func(t *testing.T, d *drill) {
		d.run(t, func(batches int) bool { return batches == 1 })
	})
}

// drillOnServers fills a table, runs the test and checks the table.
func drillOnServers(t *testing.T, test func(t *testing.T, d *drill)) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, database *dbtest.Database) {
		d := newDrill(t, database)
		d.fill(t)
		if !database.IsTiDB() { // TiDB has no triggers
			d.audit(t)
		}
		test(t, d)
		d.verify(t)
	})
}

// newDrill creates the table of a drill.
func newDrill(t *testing.T, database *dbtest.Database) *drill {
	t.Helper()
	db := database.Open(t, dbtest.Setup{MaxOpen: 2 * drillWorkers})
	database.Migrate(t, db)
	dsn, err := database.DSN(nil)
	must(t, err)
	store, err := usersession.NewGormStore(db)
	must(t, err)
	return &drill{db: db, store: store, engine: database.Engine.Name, dsn: dsn, size: newDrillSize()}
}

// A drill is a table that the cleaners and the workers share.
type drill struct {
	db          *gorm.DB
	store       *usersession.GormStore
	engine, dsn string
	size        drillSize
	audited     bool // whether a trigger records the deletions
	retries     int  // of all cleaners

	expired int64                // the number of expired rows at the start
	live    []bff.UserSessionKey // the sessions that must be left at the end
}

// fill fills the table. Every other row has expired.
func (d *drill) fill(t *testing.T) {
	t.Helper()
	start := time.Now()
	rows := make([]entities.UserSession, d.size.rows)
	for i := range rows {
		key := fmt.Sprintf("standing-%d", i)
		expires := start.Add(24 * time.Hour)
		if i%2 == 0 {
			expires = start.Add(-time.Duration(1+rand.IntN(3600)) * time.Second)
			d.expired++
		} else {
			d.live = append(d.live, keyOf(key))
		}
		rows[i] = entities.UserSession{
			PartitionKey: "app", Key: entities.Identity(key),
			SubjectID: entities.Identity(fmt.Sprintf("subject-%d", i/10)),
			SessionID: new(entities.Identity("sid-" + key)),
			Created:   entities.Timestamp{Time: start}, Renewed: entities.Timestamp{Time: start},
			Expires: &entities.Timestamp{Time: expires}, Ticket: make([]byte, 500), Version: 1,
		}
	}
	must(t, d.db.CreateInBatches(rows, 1000).Error)
}

// audit creates a trigger that records which connection deleted which row. The record is
// part of the transaction, so it has only committed deletions.
func (d *drill) audit(t *testing.T) {
	t.Helper()
	statements := []string{
		"CREATE TABLE deletions (session bigint NOT NULL, cleaner bigint NOT NULL)",
		"CREATE TRIGGER audit AFTER DELETE ON user_sessions FOR EACH ROW INSERT INTO deletions VALUES (OLD.id, CONNECTION_ID())",
	}
	if d.engine == dbtest.PostgreSQL.Name {
		statements = []string{
			statements[0],
			"CREATE FUNCTION audit() RETURNS trigger AS 'BEGIN INSERT INTO deletions VALUES (OLD.id, pg_backend_pid()); RETURN NULL; END' LANGUAGE plpgsql",
			"CREATE TRIGGER audit AFTER DELETE ON user_sessions FOR EACH ROW EXECUTE PROCEDURE audit()",
		}
	}
	for _, statement := range statements {
		must(t, d.db.Exec(statement).Error)
	}
	d.audited = true
}

// run runs the cleaners and the workers until no expired row is left. Then it compares the
// deletions that the cleaners reported with the deletions that the database recorded. It kills the
// first cleaner as soon as kill returns true for the number of its reported batches.
func (d *drill) run(t *testing.T, kill func(batches int) bool) {
	t.Helper()
	kills := kill != nil
	var cleaners []*cleanerProcess
	for i := range drillCleaners {
		if i > 0 {
			kill = nil
		}
		cleaners = append(cleaners, startCleaner(t, d, kill))
	}
	for _, c := range cleaners {
		<-c.ready
	}
	ctx, stop := context.WithCancel(t.Context())
	var workers sync.WaitGroup
	var operations atomic.Int64
	kept := make([][]bff.UserSessionKey, drillWorkers)
	for i := range drillWorkers {
		workers.Go(func() { kept[i] = d.work(ctx, t, i, &operations) })
	}
	for _, c := range cleaners {
		c.begin(t)
	}
	meter := drillMeter("expired rows deleted", d.expired)
	for left := d.expired; left > 0 && !t.Failed(); meter.Set(d.expired - left) {
		time.Sleep(10 * time.Millisecond)
		left = d.count(t, "expires <= ?", time.Now())
	}
	stop()
	workers.Wait()
	for _, keys := range kept {
		d.live = append(d.live, keys...)
	}
	var deleted, unreported int64
	for i, c := range cleaners {
		reported := c.stop(t)
		mayMiss := int64(0)
		if c.killed { // it may have committed a batch that it could not report
			mayMiss = int64(d.size.batch)
		}
		did := reported
		if d.audited {
			must(t, d.db.Table("deletions").Where("cleaner = ?", c.connection).Count(&did).Error)
		} else {
			unreported += mayMiss
		}
		if reported > did || reported < did-mayMiss {
			t.Errorf("cleaner %d reported %d deleted rows; it deleted %d", i, reported, did)
		}
		t.Logf("cleaner %d: %d rows deleted, %d reported, %d retries, killed: %v", i, did, reported, c.retries, c.killed)
		d.retries += c.retries
		deleted += did
	}
	if kills && !cleaners[0].killed {
		t.Error("the first cleaner ended before it was killed")
	}
	if deleted > d.expired || deleted < d.expired-unreported {
		t.Errorf("the cleaners deleted %d rows; %d had expired", deleted, d.expired)
	}
	t.Logf("%d rows had expired, %d requests ran during the cleanup", d.expired, operations.Load())
}

// work runs a worker's requests until the context ends. It returns the keys of the sessions
// that it has created and not deleted.
func (d *drill) work(ctx context.Context, t *testing.T, worker int, operations *atomic.Int64) (kept []bff.UserSessionKey) {
	for n := 0; ctx.Err() == nil; n++ {
		session := testSession(fmt.Sprintf("worker-%d-%d", worker, n), fmt.Sprintf("sid-%d-%d", worker, n))
		session.Created, session.Renewed, session.Expires = time.Now(), time.Now(), time.Now().Add(time.Hour)
		expired := keyOf(fmt.Sprintf("standing-%d", 2*rand.IntN(d.size.rows/2)))
		// The requests do not use ctx: its end must not make a request fail.
		request := context.WithoutCancel(ctx)
		_, getErr := d.store.GetUserSession(request, d.live[rand.IntN(d.size.rows/2)])
		steps := map[string]error{
			"create":                   d.store.CreateUserSession(request, session),
			"renew":                    d.store.UpdateUserSession(request, keyOf(session.Key), updateOf(session, "renewed", 1)),
			"read another":             getErr,
			"renew an expired session": notFound(d.store.UpdateUserSession(request, expired, updateOf(session, "too late", 0))),
		}
		if n%2 == 0 {
			_, err := d.store.DeleteUserSessions(request, "app", bff.UserSessionsFilter{SessionID: session.SessionID})
			steps["revoke"] = err
		} else {
			kept = append(kept, keyOf(session.Key))
		}
		operations.Add(int64(len(steps)))
		for step, err := range steps {
			if err != nil {
				t.Errorf("worker %d: %s: %v", worker, step, err)
				return kept
			}
		}
	}
	return kept
}

// notFound returns nil for [bff.ErrSessionNotFound] and an error for nil.
func notFound(err error) error {
	switch {
	case err == nil:
		return errors.New("an expired session was renewed")
	case errors.Is(err, bff.ErrSessionNotFound):
		return nil
	default:
		return err
	}
}

// verify checks that the table has every live session and no other row.
func (d *drill) verify(t *testing.T) {
	t.Helper()
	if left := d.count(t, "expires <= ?", time.Now()); left != 0 {
		t.Errorf("%d expired rows are left", left)
	}
	var keys []string
	must(t, d.db.Model(&entities.UserSession{}).Pluck("key", &keys).Error)
	found := make(map[string]bool, len(keys))
	for _, key := range keys {
		found[key] = true
	}
	missing := 0
	for _, key := range d.live {
		if !found[key.Key] {
			missing++
		}
	}
	if missing > 0 || len(keys) != len(d.live) {
		t.Errorf("%d live sessions are missing; the table has %d rows, want %d", missing, len(keys), len(d.live))
	}
}

// count returns the number of rows that match a condition on a time.
func (d *drill) count(t *testing.T, condition string, at time.Time) (n int64) {
	t.Helper()
	must(t, d.db.Model(&entities.UserSession{}).Where(condition, entities.Timestamp{Time: at}).Count(&n).Error)
	return n
}
