//go:build unix

package dbtest_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/usersession"
	"example.com/usersession/bff"
	"example.com/usersession/entities"
	"example.com/usersession/internal/dbtest"
)

// TestDrill_Failover kills a PostgreSQL primary with a synchronous standby under load and
// promotes the standby. Every acknowledged write is there, and the store, whose DSN has both
// hosts, goes on.
func TestDrill_Failover(t *testing.T) {
	if !fullDrill() {
		t.Skip("runs with USERSESSION_DRILL=full (make drill)")
	}
	const rounds = 3
	meter := drillMeter("failovers", rounds)
	for round := range rounds {
		meter.Set(int64(round))
		t.Run(fmt.Sprintf("round %d", round), testFailover)
	}
}

func testFailover(t *testing.T) {
	primary := ownPostgres(t)
	primary.up(t, primary.postgresDSN())
	standby := ownStandby(t, primary)
	dsn := fmt.Sprintf("postgres://root@%s,%s/postgres?sslmode=disable&target_session_attrs=read-write&connect_timeout=2",
		primary.address(), standby.address())
	db, err := openIn(dbtest.PostgreSQL.Name, dsn)
	must(t, err)
	pool := dbtest.Pool(t, db)
	defer func() { _ = pool.Close() }()
	pool.SetMaxIdleConns(16)
	must(t, db.AutoMigrate(&entities.UserSession{}))
	awaitSync(t, db)
	store, err := usersession.NewGormStore(db)
	must(t, err)

	load := startLedgers(t, store, 8)
	load.await(t, 3000)
	primary.stop(t, syscall.SIGKILL)
	standby.run(t, program(t, "pg_ctl"), "promote", "-D", standby.data())
	load.await(t, 3000)
	load.stop(t)
	load.verify(t)
}

// ownStandby returns a synchronous standby of the primary, which is running.
func ownStandby(t *testing.T, primary *ownServer) *ownServer {
	t.Helper()
	postgres := program(t, "postgres")
	standby := newOwnServer(t, dbtest.PostgreSQL, func(s *ownServer) *exec.Cmd { return s.postgresCommand(postgres) })
	standby.run(t, program(t, "pg_basebackup"), "-D", standby.data(), "-R", "--checkpoint=fast",
		"-d", fmt.Sprintf("host=127.0.0.1 port=%d user=root", primary.port))
	standby.up(t, standby.postgresDSN())
	db, err := openIn(dbtest.PostgreSQL.Name, primary.postgresDSN())
	must(t, err)
	must(t, db.Exec("ALTER SYSTEM SET synchronous_standby_names = '*'").Error)
	must(t, db.Exec("SELECT pg_reload_conf()").Error)
	must(t, dbtest.Pool(t, db).Close())
	return standby
}

// awaitSync waits until the standby is synchronous.
func awaitSync(t *testing.T, db *gorm.DB) {
	t.Helper()
	for end := time.Now().Add(serverBound); ; time.Sleep(20 * time.Millisecond) {
		var n int
		must(t, db.Raw("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'").Scan(&n).Error)
		if n == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the standby does not become synchronous")
		}
	}
}

// A ledger is a worker's record of its sessions, by the store's answers.
type ledger struct {
	versions map[string]int64 // the last acknowledged version, 0 after a deletion
	unknown  map[string]int64 // the same, if an operation without an answer followed
}

// ledgers are the workers of a load and their ledgers.
type ledgers struct {
	store   *usersession.GormStore
	stopped chan struct{}
	workers sync.WaitGroup
	all     []*ledger
	// acknowledged and failed count operations.
	acknowledged, failed atomic.Int64
}

func startLedgers(t *testing.T, store *usersession.GormStore, workers int) *ledgers {
	l := &ledgers{store: store, stopped: make(chan struct{})}
	for worker := range workers {
		own := &ledger{versions: make(map[string]int64), unknown: make(map[string]int64)}
		l.all = append(l.all, own)
		l.workers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.stopped:
					return
				default:
					l.session(t, own, fmt.Sprintf("%d-%d", worker, n))
				}
			}
		})
	}
	return l
}

// session begins a session, renews it twice and ends every third session.
func (l *ledgers) session(t *testing.T, own *ledger, key string) {
	session := testSession(key, "sid-"+key)
	session.Created, session.Renewed, session.Expires = time.Now(), time.Now(), time.Now().Add(time.Hour)
	version := int64(0)
	steps := []func(ctx context.Context) error{
		func(ctx context.Context) error { return l.store.ReplaceUserSession(ctx, session) },
		func(ctx context.Context) error {
			return l.store.UpdateUserSession(ctx, keyOf(key), updateOf(session, "renewed", version))
		},
		func(ctx context.Context) error {
			return l.store.UpdateUserSession(ctx, keyOf(key), updateOf(session, "renewed", version))
		},
	}
	for _, step := range steps {
		if err := l.do(step); err != nil {
			if errors.Is(err, bff.ErrSessionChanged) || errors.Is(err, bff.ErrSessionNotFound) || errors.Is(err, bff.ErrSessionExists) {
				t.Errorf("session %s, version %d: %v", key, version, err)
			}
			own.unknown[key] = version
			return
		}
		version++
	}
	if len(own.versions)%3 != 0 {
		own.versions[key] = version
		return
	}
	if err := l.do(func(ctx context.Context) error {
		return errOf(l.store.DeleteUserSessions(ctx, "app", bff.UserSessionsFilter{SessionID: "sid-" + key}))
	}); err != nil {
		own.unknown[key] = 0
		return
	}
	own.versions[key] = 0
}

func (l *ledgers) do(step func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := step(ctx)
	if err != nil {
		l.failed.Add(1)
	} else {
		l.acknowledged.Add(1)
	}
	return err
}

// await waits for n further acknowledged operations.
func (l *ledgers) await(t *testing.T, n int64) {
	t.Helper()
	begin, from := time.Now(), l.acknowledged.Load()
	for l.acknowledged.Load() < from+n {
		if time.Since(begin) > serverBound {
			t.Fatalf("only %d operations were acknowledged in %v", l.acknowledged.Load()-from, serverBound)
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Logf("%d operations took %v", n, time.Since(begin).Round(time.Millisecond))
}

func (l *ledgers) stop(t *testing.T) {
	close(l.stopped)
	l.workers.Wait()
	t.Logf("%d operations were acknowledged, %d failed", l.acknowledged.Load(), l.failed.Load())
}

// verify compares the ledgers with the store.
func (l *ledgers) verify(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	versionOf := func(key string) int64 {
		session, err := l.store.GetUserSession(ctx, keyOf(key))
		if err != nil && !errors.Is(err, bff.ErrSessionNotFound) {
			t.Fatal(err)
		}
		return session.Version
	}
	for _, own := range l.all {
		for key, want := range own.versions {
			if got := versionOf(key); got != want {
				t.Errorf("session %s has version %d, acknowledged was %d (0: deleted)", key, got, want)
			}
		}
		for key, acknowledged := range own.unknown {
			if got := versionOf(key); got < acknowledged || got > acknowledged+1 && acknowledged > 0 {
				t.Errorf("session %s has version %d, acknowledged was %d", key, got, acknowledged)
			}
		}
	}
}
