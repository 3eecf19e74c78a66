package dbtest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/internal/dbtest"
)

// racers is the number of goroutines in a race.
const racers = 32

// race runs n calls of run concurrently and returns their errors.
func race(n int, run func(i int) error) []error {
	start := make(chan struct{})
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = run(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// A raceConfig is a configuration in which the races run.
type raceConfig struct {
	name   string
	engine *dbtest.Engine // nil means every engine
	setup  dbtest.Setup
	// supported reports whether the server has the variables that the setup sets. It may
	// be nil.
	supported func(*dbtest.Database) bool
}

var raceConfigs = []raceConfig{
	{name: "defaults"},
	{name: "PrepareStmt, few connections", setup: dbtest.Setup{MaxOpen: 4, Config: func(c *gorm.Config) { c.PrepareStmt, c.TranslateError = true, true }}},
	{name: "serializable", engine: dbtest.PostgreSQL, setup: dbtest.Setup{Params: url.Values{"default_transaction_isolation": {"serializable"}}}},
	{name: "repeatable read", engine: dbtest.PostgreSQL, setup: dbtest.Setup{Params: url.Values{"default_transaction_isolation": {"repeatable read"}}}},
	{name: "serializable", engine: dbtest.MySQL, setup: dbtest.Setup{Isolation: "SERIALIZABLE"}, supported: isSerializable},
	{name: "read committed", engine: dbtest.MySQL, setup: dbtest.Setup{Isolation: "READ-COMMITTED"}},
	{name: "snapshot isolation", engine: dbtest.MySQL, setup: dbtest.Setup{Params: url.Values{"innodb_snapshot_isolation": {"ON"}}}, supported: (*dbtest.Database).IsMariaDB},
	{name: "statement binlog", engine: dbtest.MySQL, setup: dbtest.Setup{Params: url.Values{"binlog_format": {"'STATEMENT'"}}}, supported: logsStatements},
	{name: "optimistic", engine: dbtest.MySQL, setup: dbtest.Setup{Params: url.Values{"tidb_txn_mode": {"'optimistic'"}}}, supported: (*dbtest.Database).IsTiDB},
}

func isSerializable(d *dbtest.Database) bool { return !d.IsTiDB() && !d.IsGroupReplication() }

func logsStatements(d *dbtest.Database) bool { return d.HasBinaryLog() && !d.IsGroupReplication() }

func isNotTiDB(d *dbtest.Database) bool { return !d.IsTiDB() }

// onRaceConfigs runs a test in every configuration, each time on a new table.
func onRaceConfigs(t *testing.T, test func(t *testing.T, db *gorm.DB, store *usersession.GormStore)) {
	dbtest.OnEveryEngine(t, func(t *testing.T, d *dbtest.Database) {
		for _, config := range raceConfigs {
			if config.engine != nil && config.engine != d.Engine {
				continue
			}
			t.Run(config.name, func(t *testing.T) {
				if config.supported != nil && !config.supported(d) {
					t.Skipf("%s lacks the variable or its value", d.Version)
				}
				d := d.Engine.New(t)
				db, store := openStore(t, d, config.setup)
				test(t, db, store)
			})
		}
	})
}

// TestReplace_RaceForOneSession: of 32 concurrent replaces with one session id, all succeed
// and one session remains.
func TestReplace_RaceForOneSession(t *testing.T) {
	onRaceConfigs(t, func(t *testing.T, db *gorm.DB, store *usersession.GormStore) {
		for round := range 4 {
			for i, err := range race(racers, func(i int) error {
				session := testSession(fmt.Sprintf("key-%d-%d", round, i), "sid")
				switch round {
				case 2: // the same key, too
					session.Key = "key"
				case 3: // the same key, without a session id
					session.Key, session.SessionID = "another", ""
				}
				return store.ReplaceUserSession(t.Context(), session)
			}) {
				if err != nil {
					t.Errorf("round %d, racer %d: %v, cause %v", round, i, err, driverCode(err))
				}
			}
			want := int64(1)
			if round == 3 {
				want = 2
			}
			if n := countRows(t, db, "user_sessions"); n != want {
				t.Errorf("round %d leaves %d rows, want %d", round, n, want)
			}
		}
	})
}

// TestReplace_RaceOfUnrelatedSessions: 32 concurrent replaces with different session ids all
// succeed, and all sessions remain. In later rounds each replaces its earlier session.
func TestReplace_RaceOfUnrelatedSessions(t *testing.T) {
	onRaceConfigs(t, func(t *testing.T, db *gorm.DB, store *usersession.GormStore) {
		for round := range 3 {
			for i, err := range race(racers, func(i int) error {
				session := testSession(fmt.Sprintf("key-%d-%d", round, i), fmt.Sprintf("sid-%d", i))
				session.SubjectID = fmt.Sprintf("subject-%d", i)
				return store.ReplaceUserSession(t.Context(), session)
			}) {
				if err != nil {
					t.Errorf("round %d, racer %d: %v, cause %v", round, i, err, driverCode(err))
				}
			}
			if n := countRows(t, db, "user_sessions"); n != racers {
				t.Errorf("round %d leaves %d rows, want %d", round, n, racers)
			}
		}
	})
}

// TestCreate_Race: of 32 concurrent creates with one session id, one succeeds and the others
// return ErrSessionExists, also where the first has to evict an expired session.
func TestCreate_Race(t *testing.T) {
	onRaceConfigs(t, func(t *testing.T, _ *gorm.DB, store *usersession.GormStore) {
		for round := range 3 {
			sessionID := fmt.Sprintf("sid-%d", round)
			if round == 2 {
				expired := testSession("expired", sessionID)
				expired.Expires = now
				must(t, store.CreateUserSession(t.Context(), expired))
			}
			created := 0
			for i, err := range race(racers, func(i int) error {
				return store.CreateUserSession(t.Context(), testSession(fmt.Sprintf("key-%d-%d", round, i), sessionID))
			}) {
				switch {
				case err == nil:
					created++
				case !errors.Is(err, bff.ErrSessionExists):
					t.Errorf("round %d, racer %d: %v, cause %v", round, i, err, driverCode(err))
				}
			}
			if created != 1 {
				t.Errorf("round %d: %d creates succeed, want 1", round, created)
			}
		}
	})
}

// TestUpdate_Race: of 32 concurrent updates from one version, one succeeds. Concurrent
// updates without a version all succeed.
func TestUpdate_Race(t *testing.T) {
	onRaceConfigs(t, func(t *testing.T, _ *gorm.DB, store *usersession.GormStore) {
		session := testSession("key", "sid")
		must(t, store.CreateUserSession(t.Context(), session))
		succeeded := 0
		for i, err := range race(racers, func(i int) error {
			return store.UpdateUserSession(t.Context(), keyOf("key"), updateOf(session, fmt.Sprint(i), 1))
		}) {
			switch {
			case err == nil:
				succeeded++
			case !errors.Is(err, bff.ErrSessionChanged):
				t.Errorf("racer %d: %v, cause %v", i, err, driverCode(err))
			}
		}
		if succeeded != 1 {
			t.Errorf("%d updates from one version succeed, want 1", succeeded)
		}
		for i, err := range race(racers, func(i int) error {
			return store.UpdateUserSession(t.Context(), keyOf("key"), updateOf(session, fmt.Sprint(i), 0))
		}) {
			if err != nil {
				t.Errorf("racer %d: %v, cause %v", i, err, driverCode(err))
			}
		}
		got, err := store.GetUserSession(t.Context(), keyOf("key"))
		if must(t, err); got.Version != racers+2 {
			t.Errorf("version %d after %d updates, want %d", got.Version, racers+1, racers+2)
		}
	})
}

// TestUpdate_RaceForSessionID: 32 concurrent updates with ReplaceRivals give different
// sessions the same session id. All succeed, and the session of the last one remains.
func TestUpdate_RaceForSessionID(t *testing.T) {
	onRaceConfigs(t, func(t *testing.T, db *gorm.DB, store *usersession.GormStore) {
		for i := range racers {
			must(t, store.CreateUserSession(t.Context(), testSession(fmt.Sprint("key-", i), "")))
		}
		for i, err := range race(racers, func(i int) error {
			update := replacingRivals(updateOf(testSession("", "sid"), fmt.Sprint(i), int64(i%2))) // half with IfVersion 1
			return store.UpdateUserSession(t.Context(), keyOf(fmt.Sprint("key-", i)), update)
		}) {
			if err != nil {
				t.Errorf("racer %d: %v, cause %v", i, err, driverCode(err))
			}
		}
		if n := countRows(t, db, "user_sessions"); n != 1 {
			t.Errorf("%d rows remain, want 1", n)
		}
	})
}

// TestDeleteVersion_Race: of 32 concurrent deletes of one version and updates from it, one
// succeeds. The other deletes return 0, and the other updates fail.
func TestDeleteVersion_Race(t *testing.T) {
	onRaceConfigs(t, func(t *testing.T, db *gorm.DB, store *usersession.GormStore) {
		for round := range 3 {
			key := fmt.Sprint("key-", round)
			session := testSession(key, "sid-"+key)
			must(t, store.CreateUserSession(t.Context(), session))
			var deleted, updated atomic.Int64
			for i, err := range race(racers, func(i int) error {
				if i%4 == round {
					err := store.UpdateUserSession(t.Context(), keyOf(key), updateOf(session, "new", 1))
					switch {
					case err == nil:
						updated.Add(1)
					case errors.Is(err, bff.ErrSessionChanged), errors.Is(err, bff.ErrSessionNotFound):
						err = nil
					}
					return err
				}
				n, err := store.DeleteUserSessionVersion(t.Context(), keyOf(key), 1)
				deleted.Add(n)
				return err
			}) {
				if err != nil {
					t.Errorf("round %d, racer %d: %v, cause %v", round, i, err, driverCode(err))
				}
			}
			if deleted.Load()+updated.Load() != 1 {
				t.Errorf("round %d: %d deletes and %d updates succeed, want 1 in all", round, deleted.Load(), updated.Load())
			}
			if n := countRows(t, db, "user_sessions"); n != updated.Load() {
				t.Errorf("round %d: %d rows remain, want %d", round, n, updated.Load())
			}
			must(t, errOf(store.DeleteUserSession(t.Context(), keyOf(key))))
		}
	})
}

// TestOperations_Race: goroutines run random operations on a few sessions. Every operation
// returns nil or an error that the contract allows for it; Replace and the deletes always
// succeed. No two rows have the same session id.
func TestOperations_Race(t *testing.T) {
	onRaceConfigs(t, func(t *testing.T, db *gorm.DB, store *usersession.GormStore) {
		ctx := t.Context()
		for i, err := range race(16, func(i int) error {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for step := range 12 {
				session := testSession(fmt.Sprintf("key-%d", random.IntN(6)), fmt.Sprintf("sid-%d", random.IntN(4)))
				if random.IntN(4) == 0 {
					session.SessionID = ""
				}
				if random.IntN(4) == 0 {
					session.Expires = now
				}
				update := updateOf(session, "new", int64(random.IntN(3)))
				err, allowed := error(nil), []error(nil)
				switch random.IntN(9) {
				case 0, 1:
					err = store.ReplaceUserSession(ctx, session)
				case 2:
					err, allowed = store.CreateUserSession(ctx, session), []error{bff.ErrSessionExists}
				case 3:
					err = store.UpdateUserSession(ctx, keyOf(session.Key), update)
					allowed = []error{bff.ErrSessionNotFound, bff.ErrSessionExists, bff.ErrSessionChanged}
				case 4:
					_, err = store.DeleteUserSession(ctx, keyOf(session.Key))
				case 5:
					_, err = store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SessionID: fmt.Sprintf("sid-%d", random.IntN(4))})
				case 6:
					_, err = store.GetUserSessions(ctx, "app", bff.UserSessionsFilter{SubjectID: "alice"})
				case 7:
					err = store.UpdateUserSession(ctx, keyOf(session.Key), replacingRivals(update))
					allowed = []error{bff.ErrSessionNotFound, bff.ErrSessionChanged}
				case 8:
					var deleted int64
					deleted, err = store.DeleteUserSessionVersion(ctx, keyOf(session.Key), int64(1+random.IntN(3)))
					if deleted < 0 || deleted > 1 {
						err = fmt.Errorf("DeleteUserSessionVersion returns %d, want 0 or 1", deleted)
					}
				}
				isAllowed := func(want error) bool { return errors.Is(err, want) }
				if err != nil && !slices.ContainsFunc(allowed, isAllowed) {
					return fmt.Errorf("step %d: %w", step, err)
				}
			}
			return nil
		}) {
			if err != nil {
				t.Errorf("racer %d: %v, cause %v", i, err, driverCode(err))
			}
		}
		var duplicates int64
		must(t, db.Raw(`SELECT COUNT(*) FROM (SELECT session_id FROM user_sessions WHERE session_id IS NOT NULL GROUP BY session_id HAVING COUNT(*) > 1) AS twice`).Scan(&duplicates).Error)
		if duplicates > 0 {
			t.Errorf("%d session ids are in more than one row", duplicates)
		}
	})
}
