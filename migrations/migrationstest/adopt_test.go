package migrationstest

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"

	"example.com/usersession/internal/dbtest"
)

var gooseDialects = map[string]goose.Dialect{"sqlite": goose.DialectSQLite3, "postgres": goose.DialectPostgres, "mysql": goose.DialectMySQL}

// former applies a project's migrations as it did before it had a version table of its own.
func former(t *testing.T, dir string, db *gorm.DB) {
	t.Helper()
	provider, err := goose.NewProvider(gooseDialects[db.Name()], dbtest.Pool(t, db), os.DirFS(filepath.Join(dir, db.Name())))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// An application migrates with goose itself, in goose's own table.
type application struct{ *goose.Provider }

func applicationOn(t *testing.T, db *gorm.DB, versions ...int64) application {
	t.Helper()
	files := fstest.MapFS{}
	for _, version := range versions {
		files[fmt.Sprintf("%d_app.sql", version)] = &fstest.MapFile{Data: fmt.Appendf(nil, "-- +goose Up\nCREATE TABLE app_%[1]d (id int);\n-- +goose Down\nDROP TABLE app_%[1]d;\n", version)}
	}
	provider, err := goose.NewProvider(gooseDialects[db.Name()], dbtest.Pool(t, db), files)
	if err != nil {
		t.Fatal(err)
	}
	return application{provider}
}

func (a application) up(t *testing.T) {
	t.Helper()
	if _, err := a.Up(t.Context()); err != nil {
		t.Fatalf("the application's goose: %v", err)
	}
}

type versionRow struct {
	ID, VersionID int64
	IsApplied     bool
	Tstamp        string
}

func rowsIn(t *testing.T, db *gorm.DB, table string) (rows []versionRow) {
	t.Helper()
	if err := db.Raw("SELECT id, version_id, is_applied, CAST(tstamp AS char(40)) AS tstamp FROM " + table + " ORDER BY id").Scan(&rows).Error; err != nil {
		t.Fatal(err)
	}
	return rows
}

func versionsAt(rows []versionRow) (versions []int64) {
	for _, row := range rows {
		versions = append(versions, row.VersionID)
	}
	return versions
}

// TestAdopt takes over the versions that a former version of the project recorded in
// goose_db_version, which the application uses too.
func TestAdopt(t *testing.T) {
	dir, later := t.TempDir(), t.TempDir()
	for _, s := range steps[:2] {
		add(t, dir, s)
	}
	addAll(t, later)
	project := team(later, steps[len(steps)-1].models...)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
		if out, err := run(t, project, "adopt", dsn); err == nil || !strings.Contains(err.Error(), "nothing to take over") {
			t.Errorf("an empty database: %v\n%s", err, out)
		}
		applicationOn(t, db, 1, 2).up(t)
		if out, err := run(t, project, "adopt", dsn); err == nil || !strings.Contains(err.Error(), "nothing to take over") {
			t.Errorf("with the application's versions: %v\n%s", err, out)
		}
		former(t, dir, db)
		mustExec(t, db, "UPDATE goose_db_version SET tstamp = '2026-01-02 03:04:05'")
		rows, before := createRows(t, db), rowsIn(t, db, "goose_db_version")

		for _, args := range [][]string{{"up"}, {"status"}, {"down"}, {"baseline", fmt.Sprint(slices.Max(folderVersions(t, dir, db.Name())))}} {
			out, err := run(t, project, append(args, dsn)...)
			if err == nil || !strings.Contains(err.Error(), "run: adopt") || strings.Contains(err.Error(), "already exists") {
				t.Errorf("%v: want run: adopt, got %v\n%s", args, err, out)
			}
		}
		if db.Migrator().HasTable("usersession_schema_version") {
			t.Error("a command that failed has created the version table")
		}
		out := mustRun(t, project, "adopt", dsn)
		want := folderVersions(t, dir, db.Name())
		for _, version := range want[1:] {
			if !strings.Contains(out, fmt.Sprintf("copied: %d\n", version)) {
				t.Errorf("adopt does not say that it copied %d:\n%s", version, out)
			}
		}
		if line := "DELETE FROM goose_db_version WHERE version_id IN (" + strings.Trim(strings.ReplaceAll(fmt.Sprint(want[1:]), " ", ", "), "[]") + ");"; !strings.Contains(out, line) {
			t.Errorf("adopt does not say %s\n%s", line, out)
		}
		mustHaveCopied(t, db, before, want)
		if out := mustRun(t, project, "adopt", dsn); !strings.Contains(out, "nothing to take over") {
			t.Errorf("the second time:\n%s", out)
		}
		mustHaveCopied(t, db, before, want)
		mustRun(t, project, "up", dsn)
		rows.mustBeThere(t, db, "after adopt and up")
		mustExec(t, db, "DELETE FROM goose_db_version WHERE version_id > 2")
		applicationOn(t, db, 1, 2, 3).up(t)
		mustRun(t, project, "down", "-allow-destructive", dsn)
	})
}

// mustHaveCopied checks that the version table has the versions with their times, and that
// goose_db_version has all the rows that it had before.
func mustHaveCopied(t *testing.T, db *gorm.DB, before []versionRow, want []int64) {
	t.Helper()
	if after := rowsIn(t, db, "goose_db_version"); !reflect.DeepEqual(after, before) {
		t.Errorf("goose_db_version was changed: %v, want %v", after, before)
	}
	copied := rowsIn(t, db, "usersession_schema_version")
	if got := versionsAt(copied); !slices.Equal(got, want) {
		t.Errorf("the versions %v are recorded, want %v", got, want)
	}
	for _, row := range copied {
		i := slices.IndexFunc(before, func(b versionRow) bool { return b.VersionID == row.VersionID })
		if row.VersionID != 0 && (i < 0 || before[i].Tstamp != row.Tstamp) {
			t.Errorf("the row %v is not a copy", row)
		}
	}
}

// TestAdopt_FourProcesses runs adopt in four processes at the same time: all succeed, and the
// versions are copied once.
func TestAdopt_FourProcesses(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db := d.Open(t, dbtest.Setup{})
		former(t, dir, db)
		outputs := strings.Join(race(t, dir, "adopt", dsnOf(t, d)), "\n")
		want := folderVersions(t, dir, db.Name())
		if got := recorded(t, db); !slices.Equal(got, want) || strings.Count(outputs, "copied: ") != len(want)-1 {
			t.Errorf("the versions %v are recorded, want %v\n%s", got, want, outputs)
		}
	})
}

// TestAdopt_Killed kills adopt before each of its statements: the next adopt copies all
// versions.
func TestAdopt_Killed(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		for n := 1; ; n++ {
			d := d.Engine.New(t)
			db := d.Open(t, dbtest.Setup{})
			former(t, dir, db)
			more := killed(t, dir, n, "adopt", dsnOf(t, d))
			endLease(t, db)
			mustRun(t, team(dir), "adopt", dsnOf(t, d))
			if got, want := recorded(t, db), folderVersions(t, dir, db.Name()); !slices.Equal(got, want) {
				t.Errorf("killed before statement %d: the versions %v are recorded, want %v", n, got, want)
			}
			if !more {
				break
			}
		}
	})
}

// TestForeignGoose migrates an application with goose and the project in one database, in
// either order, with versions below and above the project's. Neither sees the other.
func TestForeignGoose(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	project := team(dir, steps[len(steps)-1].models...)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		for _, first := range []string{"application", "project"} {
			for _, versions := range [][]int64{{1, 2, 3}, {20991231000001, 20991231000002, 20991231000003}} {
				d := d.Engine.New(t)
				db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
				app := func(n int) application { return applicationOn(t, db, versions[:n]...) }
				if first == "application" {
					app(2).up(t)
				}
				mustRun(t, project, "up", dsn)
				rows := createRows(t, db)
				app(2).up(t)
				before := rowsIn(t, db, "usersession_schema_version")
				app(3).up(t)
				if _, err := app(3).Down(t.Context()); err != nil {
					t.Error(err)
				}
				if after := rowsIn(t, db, "usersession_schema_version"); !reflect.DeepEqual(after, before) {
					t.Errorf("%s first: the application's goose changed %v to %v", first, before, after)
				}
				theirs := rowsIn(t, db, "goose_db_version")
				mustRun(t, project, "down", "-allow-destructive", dsn)
				mustRun(t, project, "up", dsn)
				if after := rowsIn(t, db, "goose_db_version"); !reflect.DeepEqual(after, theirs) {
					t.Errorf("%s first: the project changed %v to %v", first, theirs, after)
				}
				if out, err := run(t, project, "adopt", dsn); err != nil || !strings.Contains(out, "nothing to take over") {
					t.Errorf("%s first: adopt: %v\n%s", first, err, out)
				}
				app(3).up(t)
				rows.mustBeThere(t, db, first+" first")
			}
		}
	})
}

// TestForeignTable migrates beside a table goose_db_version that is not goose's.
func TestForeignTable(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	project := team(dir, steps[len(steps)-1].models...)
	dbtest.On(t, executed, func(t *testing.T, d *dbtest.Database) {
		db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
		mustExec(t, db, "CREATE TABLE goose_db_version (version varchar(20))")
		if _, err := run(t, project, "adopt", dsn); err == nil || !strings.Contains(err.Error(), "nothing to take over") {
			t.Errorf("adopt: %v", err)
		}
		mustRun(t, project, "up", dsn)
		mustRun(t, project, "down", "-allow-destructive", dsn)
	})
}
