package migrationstest

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession/examples/usersessiondb/command"
	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// killVariable is the number of the statement before which a child process kills itself.
// Statements are those that may change something, and COMMITs.
const killVariable = "USERSESSIONDB_CHILD_KILL"

// harmless statements change nothing that outlives the process, or only the lease, which ends: a
// kill before one of them is a kill before the next statement, or after the last one.
var harmless = regexp.MustCompile(`^((SELECT|SET|PRAGMA|ROLLBACK)\b|(INSERT IGNORE INTO|UPDATE) usersession_schema_lock\b)`)

// killing returns the team with drivers that kill the process before the statement.
func killing(team command.Team, before int64) command.Team {
	var statements atomic.Int64
	recorder := &dbtest.Recorder{Before: func(event dbtest.Event) {
		if harmless.MatchString(event.SQL) {
			return
		}
		if statements.Add(1) == before {
			self, err := os.FindProcess(os.Getpid())
			if err == nil {
				err = self.Kill()
			}
			if err != nil {
				panic(err)
			}
			select {}
		}
	}}
	team.Dialects = slices.Clone(team.Dialects)
	for i, dialect := range team.Dialects {
		engine := dbtest.Engines[slices.IndexFunc(dbtest.Engines, func(e *dbtest.Engine) bool { return e.Name == dialect.Name })]
		team.Dialects[i].Open = func(dsn string) gorm.Dialector {
			if dsn == "" {
				return dialect.Open(dsn)
			}
			connector, err := engine.Connector(dsn)
			if err != nil {
				panic(err)
			}
			return engine.DialectorOn(sql.OpenDB(recorder.Wrap(connector)))
		}
	}
	return team
}

// killed runs the command line in a process that is killed before the n-th statement. It
// returns false if the process had fewer statements and succeeded.
func killed(t *testing.T, dir string, n int, args ...string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), childVariable+"="+dir, killVariable+"="+strconv.Itoa(n))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if cmd.ProcessState.Exited() {
		t.Fatalf("before statement %d: the process failed: %v\n%s", n, err, out)
	}
	return true
}

var named = regexp.MustCompile(`run: (baseline \d+|down)`)

// heal runs up, and if that fails the command that its error names, and up again.
func heal(t *testing.T, team command.Team, db *gorm.DB, dsn string, n int) {
	t.Helper()
	endLease(t, db)
	for range 3 {
		out, err := run(t, team, "up", dsn)
		if err == nil {
			return
		}
		found := named.FindStringSubmatch(err.Error())
		if found == nil {
			t.Fatalf("killed before statement %d: up names no command: %v\n%s", n, err, out)
		}
		t.Logf("killed before statement %d: %s", n, found[0])
		mustRun(t, team, append(strings.Fields(found[1]), dsn)...)
	}
	t.Fatalf("killed before statement %d: up fails after the commands that it named", n)
}

// endLease ends the lease of a process that was killed on MySQL, as 30 seconds do.
func endLease(t *testing.T, db *gorm.DB) {
	t.Helper()
	if db.Name() == "mysql" && db.Migrator().HasTable("usersession_schema_lock") {
		mustExec(t, db, "UPDATE usersession_schema_lock SET lease_expires_at = '2000-01-01'")
	}
}

// mustBeComplete checks that the database has all of the folder's versions and their schema.
func mustBeComplete(t *testing.T, dir string, db *gorm.DB, n int) {
	t.Helper()
	project := projectIn(dir)
	want, err := project.ModelAt(db.Name(), lastVersion(t, project, db.Name()))
	if err != nil {
		t.Fatal(err)
	}
	live, err := migrations.Inspect(context.WithoutCancel(t.Context()), db)
	if err != nil {
		t.Fatal(err)
	}
	if findings := migrations.Compare(want, live); len(findings) > 0 {
		t.Errorf("killed before statement %d: %v", n, findings)
	}
	for _, table := range live.Tables {
		if want.Table(table.Name) == nil && !strings.HasPrefix(table.Name, "usersession_schema_") {
			t.Errorf("killed before statement %d: the table %s is left", n, table.Name)
		}
	}
	if got, want := recorded(t, db), folderVersions(t, dir, db.Name()); !slices.Equal(got, want) {
		t.Errorf("killed before statement %d: the versions %v are recorded, want %v", n, got, want)
	}
}

// recorded returns the recorded versions in the order of their rows.
func recorded(t *testing.T, db *gorm.DB) (versions []int64) {
	t.Helper()
	if err := db.Raw("SELECT version_id FROM usersession_schema_version ORDER BY id").Scan(&versions).Error; err != nil {
		t.Fatal(err)
	}
	return versions
}

// folderVersions returns 0 and the folder's versions.
func folderVersions(t *testing.T, dir, dialect string) []int64 {
	t.Helper()
	versions := []int64{0}
	for _, name := range migrationsOf(t, dir, dialect) {
		base := name[strings.LastIndex(name, "/")+1:]
		number, _, _ := strings.Cut(base, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		versions = append(versions, version)
	}
	slices.Sort(versions)
	return versions
}

// TestKilled_BeforeEveryStatement kills a process before each statement of up on an empty
// database, of up on one with rows, and of down. The next up, or the command that its error
// names, leads to the complete schema. No row is lost.
func TestKilled_BeforeEveryStatement(t *testing.T) {
	first, all := t.TempDir(), t.TempDir()
	add(t, first, steps[0])
	addAll(t, all)
	last := steps[len(steps)-1].models
	for _, drill := range []struct {
		name    string
		dir     string // of the process that is killed
		before  string // the folder that is applied before
		rows    bool
		command string
	}{
		{name: "up from nothing", dir: first, command: "up"},
		{name: "up with rows", dir: all, before: first, rows: true, command: "up"},
		{name: "down with rows", dir: all, before: all, rows: true, command: "down"},
	} {
		t.Run(drill.name, func(t *testing.T) {
			dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
				kills := 0
				for n := 1; ; n++ {
					d := d.Engine.New(t)
					db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
					if drill.before != "" {
						mustRun(t, team(drill.before, last...), "up", dsn)
					}
					var rows rowsOf
					if drill.rows {
						rows = createRows(t, db)
					}
					if !killed(t, drill.dir, n, drill.command, "-allow-destructive", dsn) {
						break
					}
					kills++
					heal(t, team(drill.dir, last...), db, dsn, n)
					mustBeComplete(t, drill.dir, db, n)
					rows.mustBeThere(t, db, "killed before statement "+strconv.Itoa(n))
					if pool := dbtest.Pool(t, db); pool.Close() != nil {
						t.Fatal("close the pool")
					}
				}
				t.Logf("%d kills", kills)
				if kills < 5 {
					t.Errorf("the process was killed %d times, want a kill before each of its statements", kills)
				}
			})
		})
	}
}

// TestKilled_WhileItWaits kills a process while a statement of its migration waits for a lock,
// which the server does not notice. The next up waits for the server, or applies the migration
// first.
func TestKilled_WhileItWaits(t *testing.T) {
	first, all := t.TempDir(), t.TempDir()
	add(t, first, steps[0])
	addAll(t, all)
	project := team(all, steps[len(steps)-1].models...)
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL, dbtest.MySQL}, func(t *testing.T, d *dbtest.Database) {
		db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
		mustRun(t, project, "-dir="+first, "up", dsn)
		rows := createRows(t, db)
		id, release := hold(t, d)
		defer release()
		cmd := exec.CommandContext(t.Context(), os.Args[0], "up", "-lock-timeout=0", dsn)
		cmd.Env = append(os.Environ(), childVariable+"="+all)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		query := "SELECT pid FROM pg_locks WHERE NOT granted AND " + id + " = ANY(pg_blocking_pids(pid))"
		if d.Engine == dbtest.MySQL {
			query = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND state LIKE 'Waiting for%'"
		}
		waiting := func() (connections []int64) {
			if err := db.Raw(query).Scan(&connections).Error; err != nil {
				t.Fatal(err)
			}
			return connections
		}
		await(t, "for the statement to wait", func() bool { return len(waiting()) > 0 })
		dead := waiting()
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		endLease(t, db)
		out, wait := start(t, project, "up", dsn)
		await(t, "for the next up to wait", func() bool {
			return slices.ContainsFunc(waiting(), func(id int64) bool { return !slices.Contains(dead, id) }) || strings.Contains(out.String(), "waiting for another host")
		})
		release()
		if err := wait(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		mustBeComplete(t, all, db, 0)
		rows.mustBeThere(t, db, "after the kill")
	})
}
