package migrationstest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pressly/goose/v3/lock"
	"gorm.io/gorm"

	"example.com/usersession/examples/usersessiondb/command"
	"example.com/usersession/internal/dbtest"
)

// hold begins a transaction on a connection of its own that keeps others from altering the
// table, and returns the number of the connection and a function that ends the transaction.
func hold(t *testing.T, d *dbtest.Database) (id string, release func()) {
	t.Helper()
	params := url.Values{}
	if d.Engine == dbtest.PostgreSQL {
		params.Set("application_name", "nightly-dump")
	}
	conn, err := dbtest.Pool(t, d.Open(t, dbtest.Setup{Params: params})).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec := func(statement string) {
		if _, err := conn.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Error(err)
		}
	}
	switch d.Engine {
	case dbtest.PostgreSQL:
		id = "SELECT pg_backend_pid()"
	case dbtest.MySQL:
		id = "SELECT CONNECTION_ID()"
	}
	if id != "" {
		if err := conn.QueryRowContext(t.Context(), id).Scan(&id); err != nil {
			t.Fatal(err)
		}
		exec("BEGIN")
		if d.Engine == dbtest.PostgreSQL { // CREATE INDEX CONCURRENTLY waits for writers
			exec("LOCK TABLE user_sessions IN ROW EXCLUSIVE MODE")
		}
	} else {
		exec("BEGIN IMMEDIATE")
	}
	exec("SELECT count(*) FROM user_sessions WHERE subject_id = 's3cret'")
	return id, sync.OnceFunc(func() {
		exec("ROLLBACK")
		_ = conn.Close()
	})
}

// TestUp_LockRefused runs up while another connection has an open transaction on the table: the
// error names the connection, nothing is changed, and up succeeds afterwards.
func TestUp_LockRefused(t *testing.T) {
	first, all := t.TempDir(), t.TempDir()
	add(t, first, steps[0])
	addAll(t, all)
	project := team(all, steps[len(steps)-1].models...)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
		mustRun(t, project, "-dir="+first, "up", dsn)
		rows := createRows(t, db)
		id, release := hold(t, d)
		defer release()
		before := recorded(t, db)
		out, err := run(t, project, "up", "-lock-timeout=1s", dsn)
		if err == nil {
			t.Fatalf("up succeeded:\n%s", out)
		}
		want := []string{"waited 1s for a lock", "not changed"}
		switch d.Engine {
		case dbtest.PostgreSQL:
			want = []string{"waited 1s for a lock", "Nothing was changed", "process " + id + ",", "nightly-dump", "transaction begun", "idle in transaction"}
		case dbtest.MySQL:
			want = append(want, "connection "+id+",")
		case dbtest.SQLite:
			want = []string{"waited 1s for a lock", "Nothing was changed", "does not tell"}
		}
		for _, text := range want {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("the error does not have %q: %v", text, err)
			}
		}
		if d.IsMySQL() && strings.Contains(err.Error(), "(possibly)") {
			t.Errorf("MySQL tells what holds the lock: %v", err)
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error has a statement of the holder: %v", err)
		}
		release()
		// On MySQL the migration before, of another table, was applied.
		if after := recorded(t, db); d.Engine != dbtest.MySQL && len(after) != len(before) {
			t.Errorf("the versions %v are recorded, want %v", after, before)
		}
		mustRun(t, project, "up", dsn)
		mustBeComplete(t, all, db, 0)
		rows.mustBeThere(t, db, "after the lock was released")
	})
}

// TestUp_LockRefusedAtFirst: also the version table may be locked.
func TestUp_LockRefusedAtFirst(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	dbtest.On(t, []*dbtest.Engine{dbtest.SQLite}, func(t *testing.T, d *dbtest.Database) {
		db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
		mustExec(t, db, "CREATE TABLE user_sessions (subject_id text)")
		_, release := hold(t, d)
		defer release()
		if out, err := run(t, team(dir), "up", "-lock-timeout=50ms", dsn); err == nil || !strings.Contains(err.Error(), "waited 50ms for a lock") {
			t.Errorf("got %v\n%s", err, out)
		}
	})
}

// foreignLock holds the lock that goose uses by default for an application.
func foreignLock(t *testing.T, db *gorm.DB) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	pool := dbtest.Pool(t, db)
	switch db.Name() {
	case "postgres":
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pool.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := locker.SessionLock(ctx, conn); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = locker.SessionUnlock(ctx, conn); _ = conn.Close() })
	case "mysql":
		locker, err := lock.NewMySQLTableLocker()
		if err != nil {
			t.Fatal(err)
		}
		if err := locker.Lock(ctx, pool); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = locker.Unlock(ctx, pool) })
	}
}

// TestUp_ForeignLock does not wait for an application that migrates with goose at the time.
func TestUp_ForeignLock(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		foreignLock(t, d.Open(t, dbtest.Setup{}))
		if out := mustRun(t, team(dir, steps[0].models...), "up", dsnOf(t, d)); strings.Contains(out, "waiting") {
			t.Errorf("up waited:\n%s", out)
		}
	})
}

// A synced is a buffer that a command writes while the test reads it.
type synced struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *synced) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *synced) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// start runs a command in the background.
func start(t *testing.T, team command.Team, args ...string) (out *synced, wait func() error) {
	t.Helper()
	out = new(synced)
	done := make(chan error, 1)
	go func() { done <- command.Run(context.WithoutCancel(t.Context()), team, args, out) }()
	return out, func() error { return <-done }
}

// await waits until the condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute: %s", what)
		}
	}
}

// migrating holds the project's own lock, as a host does that migrates.
func migrating(t *testing.T, d *dbtest.Database) (holder string, release func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	pool := dbtest.Pool(t, d.Open(t, dbtest.Setup{}))
	exec := func(on interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	}, statement string) {
		if _, err := on.ExecContext(ctx, statement); err != nil {
			t.Error(err)
		}
	}
	switch d.Engine {
	case dbtest.MySQL:
		exec(pool, "UPDATE usersession_schema_lock SET locked = true, locked_by = 'host-a-4711', lease_expires_at = now(6) + INTERVAL 1 HOUR")
		return "host-a-4711", func() { exec(pool, "UPDATE usersession_schema_lock SET locked = false") }
	case dbtest.PostgreSQL:
		conn, err := pool.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		exec(conn, fmt.Sprintf("SELECT pg_advisory_lock(%d)", int64(0x7573657273657373)))
		var pid int
		if err := conn.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("process %d", pid), func() { _ = conn.Close(); _ = pool.Close() }
	default:
		conn, err := pool.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var path string
		if err := conn.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
			t.Fatal(err)
		}
		exec(conn, "ATTACH '"+path+".migrate-lock' AS l")
		exec(conn, "BEGIN EXCLUSIVE")
		return "", func() { exec(conn, "ROLLBACK"); _ = conn.Close() }
	}
}

// TestUp_SaysThatItWaits: a host that waits for another host says so, and names the lock's holder.
func TestUp_SaysThatItWaits(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	project := team(dir, steps[0].models...)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		mustRun(t, project, "status", dsnOf(t, d)) // creates the table of the lock on MySQL
		holder, release := migrating(t, d)
		out, wait := start(t, project, "up", dsnOf(t, d))
		await(t, "for the message", func() bool { return strings.Contains(out.String(), "waiting for another host that is migrating") })
		release()
		if err := wait(); err != nil || !strings.Contains(out.String(), "applied ") || !strings.Contains(out.String(), holder) {
			t.Errorf("%v\n%s", err, out.String())
		}
	})
}

// TestUp_LockTimeout checks the settings under which a migration runs.
func TestUp_LockTimeout(t *testing.T) {
	probe := map[string]string{
		"sqlite":   "CREATE TABLE probe AS SELECT timeout AS value FROM pragma_busy_timeout",
		"postgres": "CREATE TABLE probe AS SELECT current_setting('lock_timeout') AS value",
		"mysql":    "CREATE TABLE probe AS SELECT CONCAT(@@lock_wait_timeout, ' ', @@innodb_lock_wait_timeout) AS value",
	}
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		dir, db, name := t.TempDir(), d.Open(t, dbtest.Setup{}), d.Engine.Name
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		text := "-- +goose Up\n" + probe[name] + ";\n-- +goose Down\nDROP TABLE probe;\n"
		if err := os.WriteFile(filepath.Join(dir, name, "1_probe.sql"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			flags []string
			want  map[string]string
		}{
			{nil, map[string]string{"sqlite": "10000", "postgres": "10s", "mysql": "10 10"}},
			{[]string{"-lock-timeout=1500ms"}, map[string]string{"sqlite": "1500", "postgres": "1500ms", "mysql": "2 2"}},
			{[]string{"-lock-timeout=0"}, map[string]string{"sqlite": "2147483647", "postgres": "0", "mysql": "31536000 31536000"}},
		} {
			mustRun(t, team(dir), append(c.flags, "up", dsnOf(t, d))...)
			var got string
			if err := db.Raw("SELECT value FROM probe").Scan(&got).Error; err != nil || got != c.want[name] {
				t.Errorf("%v: %q (%v), want %q", c.flags, got, err, c.want[name])
			}
			mustRun(t, team(dir), "down", "-allow-destructive", dsnOf(t, d))
		}
		// PostgreSQL takes less than a millisecond for no limit.
		for _, limit := range []string{"-1s", "1us", "600h"} {
			if out, err := run(t, team(dir), "up", "-lock-timeout="+limit, dsnOf(t, d)); err == nil || !strings.Contains(err.Error(), "-lock-timeout must be 0, or between 1ms and 596h") {
				t.Errorf("-lock-timeout=%s is accepted: %v\n%s", limit, err, out)
			}
		}
	})
}

// writeConcurrently adds a migration that builds an index on PostgreSQL without a transaction.
func writeConcurrently(t *testing.T, dir string) {
	t.Helper()
	text := "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE UNIQUE INDEX CONCURRENTLY idx_own ON user_sessions (subject_id, key);\n-- +goose Down\nDROP INDEX CONCURRENTLY idx_own;\n"
	if err := os.WriteFile(filepath.Join(dir, "postgres", "20270101000000_own.sql"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestUp_ConcurrentIndexIsNotLimited: a concurrent index waits for open transactions for as
// long as they last, since a timeout would leave it invalid. The same holds for down.
func TestUp_ConcurrentIndexIsNotLimited(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	project := team(dir, steps[0].models...)
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
		mustRun(t, project, "up", dsn)
		writeConcurrently(t, dir)
		for _, name := range []string{"up", "down"} {
			id, release := hold(t, d)
			_, wait := start(t, project, name, "-lock-timeout=100ms", "-allow-destructive", dsn)
			await(t, "for "+name+" to wait", func() bool {
				var blocked bool
				err := db.Raw("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND " + id + " = ANY(pg_blocking_pids(pid)))").Scan(&blocked).Error
				if err != nil {
					t.Fatal(err)
				}
				return blocked
			})
			time.Sleep(500 * time.Millisecond) // longer than the limit
			release()
			if err := wait(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// TestUp_InvalidIndex names the command that removes the index which an interrupted CREATE INDEX
// CONCURRENTLY has left.
func TestUp_InvalidIndex(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	project := team(dir, steps[0].models...)
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
		mustRun(t, project, "up", dsn)
		rows := createRows(t, db)
		if err := db.Exec("CREATE UNIQUE INDEX CONCURRENTLY idx_own ON user_sessions (subject_id)").Error; err == nil {
			t.Fatal("the index was created on rows that are equal")
		}
		writeConcurrently(t, dir)
		_, err := run(t, project, "up", dsn)
		if err == nil || !strings.Contains(err.Error(), "Run: DROP INDEX CONCURRENTLY idx_own;") {
			t.Fatalf("got %v", err)
		}
		mustExec(t, db, "DROP INDEX CONCURRENTLY idx_own")
		mustRun(t, project, "up", dsn)
		rows.mustBeThere(t, db, "after the index")
	})
}

// TestUp_RestOfARebuild: a client that executes a rebuild on SQLite without its transaction may
// leave a table. The error of up says what to do about it.
func TestUp_RestOfARebuild(t *testing.T) {
	first, all := t.TempDir(), t.TempDir()
	for _, s := range steps[:2] {
		add(t, first, s)
	}
	for _, s := range steps[:3] {
		add(t, all, s)
	}
	project := team(all, steps[2].models...)
	dbtest.On(t, []*dbtest.Engine{dbtest.SQLite}, func(t *testing.T, d *dbtest.Database) {
		for _, rest := range []struct {
			statements []string // that the client executed
			want       string
			repair     []string
		}{
			{
				statements: []string{"ALTER TABLE user_sessions RENAME TO _old_user_sessions"},
				want:       "Run: ALTER TABLE `_old_user_sessions` RENAME TO `user_sessions`",
				repair:     []string{"ALTER TABLE `_old_user_sessions` RENAME TO `user_sessions`"},
			},
			{
				statements: []string{"ALTER TABLE user_sessions RENAME TO _old_user_sessions", "CREATE TABLE user_sessions (id int)"},
				want:       "run: DROP TABLE `user_sessions`; ALTER TABLE `_old_user_sessions` RENAME TO `user_sessions`",
				repair:     []string{"DROP TABLE `user_sessions`", "ALTER TABLE `_old_user_sessions` RENAME TO `user_sessions`"},
			},
			{
				statements: []string{"ALTER TABLE user_sessions RENAME TO _new_user_sessions"},
				want:       "ALTER TABLE `_new_user_sessions` RENAME TO `user_sessions`",
				repair:     []string{"ALTER TABLE `_new_user_sessions` RENAME TO `user_sessions`"},
			},
		} {
			d := d.Engine.New(t)
			db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
			mustRun(t, project, "-dir="+first, "up", dsn)
			rows := createRows(t, db)
			for _, statement := range rest.statements {
				mustExec(t, db, statement)
			}
			if _, err := run(t, project, "up", dsn); err == nil || !strings.Contains(err.Error(), rest.want) {
				t.Errorf("want %q, got %v", rest.want, err)
			}
			for _, statement := range rest.repair {
				mustExec(t, db, statement)
			}
			mustRun(t, project, "up", dsn)
			rows.mustBeThere(t, db, rest.want)
			mustBeComplete(t, all, db, 0)
		}
	})
}

// TestUp_ScriptRuns: up waits for a script on MySQL, as scripts do for each other.
func TestUp_ScriptRuns(t *testing.T) {
	dir := t.TempDir()
	add(t, dir, steps[0])
	dbtest.On(t, []*dbtest.Engine{dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		script, err := dbtest.Pool(t, db).Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer script.Close()
		var lock string
		for line := range strings.Lines(scriptOf(t, dir, "mysql", 0, versionsIn(t, dir, "mysql")[0])) {
			if strings.Contains(line, "GET_LOCK") {
				lock = line
			}
		}
		if _, err := script.ExecContext(t.Context(), lock); err != nil {
			t.Fatal(err)
		}
		up := make(chan error, 1)
		go func() { _, err := run(t, team(dir, steps[0].models...), "up", dsnOf(t, d)); up <- err }()
		for waiting := false; !waiting; {
			select {
			case err := <-up:
				t.Fatalf("up did not wait for the script: %v", err)
			default:
			}
			if err := db.Raw("SELECT COUNT(*) > 0 FROM information_schema.processlist WHERE db = DATABASE() AND state = 'User lock'").Scan(&waiting).Error; err != nil {
				t.Fatal(err)
			}
		}
		if _, err := script.ExecContext(t.Context(), "DO RELEASE_ALL_LOCKS()"); err != nil {
			t.Fatal(err)
		}
		if err := <-up; err != nil {
			t.Error(err)
		}
	})
}
