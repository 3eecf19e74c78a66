package migrationstest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// defaults are consecutive versions of a table whose differences the script's conditions do not see.
type (
	withSeven struct {
		ID    int64
		Score *int64  `gorm:"default:7"`
		Stamp *string `gorm:"type:datetime(6)"`
	}
	withEight struct {
		ID    int64
		Score *int64  `gorm:"default:8"`
		Stamp *string `gorm:"type:datetime(6)"`
	}
	withNone struct {
		ID    int64
		Score *int64
		Stamp *string `gorm:"type:datetime(6)"`
	}
	withSeconds struct {
		ID    int64
		Score *int64
		Stamp *string `gorm:"type:datetime"`
	}
)

func (withSeven) TableName() string   { return "scores" }
func (withEight) TableName() string   { return "scores" }
func (withNone) TableName() string    { return "scores" }
func (withSeconds) TableName() string { return "scores" }

// TestScript_SmallChanges makes changes after which the conditions of the script also hold for the table
// before them: it must not take them for made.
func TestScript_SmallChanges(t *testing.T) {
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		if d.Engine != dbtest.MySQL {
			t.Skip("only the script for MySQL looks for the change before it makes it")
		}
		dir := t.TempDir()
		p := projectIn(dir)
		p.Dialects = slices.DeleteFunc(p.Dialects, func(dialect gorm.Dialector) bool { return dialect.Name() != "mysql" })
		for i, model := range []any{&withSeven{}, &withEight{}, &withNone{}, &withSeconds{}} {
			p.Models = []any{model}
			if _, err := p.Add(fmt.Sprintf("v%d", i), migrations.AddOptions{AllowDestructive: true}); err != nil {
				t.Fatal(err)
			}
		}
		versions := versionsIn(t, dir, "mysql")
		same := func(version int64) {
			t.Helper()
			want, err := p.ModelAt("mysql", version)
			if err != nil {
				t.Fatal(err)
			}
			if findings := migrations.Compare(want, stateOf(t, d.Open(t, dbtest.Setup{})).model); len(findings) > 0 {
				t.Errorf("after the script to %d: %v", version, findings)
			}
		}
		for i := range versions[1:] {
			c.mustApply(t, d, scriptOf(t, dir, "mysql", versions[i], versions[i+1]))
			same(versions[i+1])
		}
		// A session that ended between the change and its record.
		db := d.Open(t, dbtest.Setup{})
		last := len(versions) - 1
		mustExec(t, db, fmt.Sprintf("DELETE FROM usersession_schema_version WHERE version_id = %d", versions[last]))
		c.mustApply(t, d, scriptOf(t, dir, "mysql", versions[last-1], versions[last]))
		for i := last; i > 1; i-- {
			c.mustApply(t, d, scriptOf(t, dir, "mysql", versions[i], versions[i-1]))
			same(versions[i-1])
		}
	})
}

// TestScript_TableInTwoSchemas refuses a search_path that finds a table of the project twice.
func TestScript_TableInTwoSchemas(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	onPostgres(t, func(t *testing.T, c client, d *dbtest.Database) {
		versions := versionsIn(t, dir, "postgres")
		db, second := d.Open(t, dbtest.Setup{}), d.Name+"_other"
		c.mustApply(t, d, scriptOf(t, dir, "postgres", 0, versions[1]))
		mustExec(t, db, "CREATE SCHEMA "+second, "CREATE TABLE "+second+".user_sessions (LIKE user_sessions)")
		t.Cleanup(func() { db.Exec("DROP SCHEMA " + second + " CASCADE") })
		before := stateOf(t, db)
		out, _ := c.run(t, d, fmt.Sprintf("SET search_path = %s, %s;\n", d.Name, second)+scriptOf(t, dir, "postgres", versions[1], versions[2]))
		if !strings.Contains(out, "the search_path finds the tables in another schema than "+d.Name) {
			t.Errorf("the output is\n%s", out)
		}
		if after := stateOf(t, db); !reflect.DeepEqual(before, after) {
			t.Errorf("the state is\n%+v, before\n%+v", after, before)
		}
	})
}

// TestScript_LockTimeout: the statements of a script wait 10 seconds for a lock, of a table or of a row. The
// session's own limits are back at its end.
func TestScript_LockTimeout(t *testing.T) {
	for dialect, values := range map[string]struct{ limits, set, want, back string }{
		"postgres": {"current_setting('lock_timeout')", "", "10s", "0"},
		"mysql":    {"CONCAT(@@SESSION.lock_wait_timeout, ' ', @@SESSION.innodb_lock_wait_timeout)", "SET SESSION lock_wait_timeout = 77, SESSION innodb_lock_wait_timeout = 66;\n", "10 10", "77 66"},
	} {
		dir := t.TempDir()
		writeAll(t, dir, map[string]string{dialect + "/1_limits.sql": "-- +goose Up\nCREATE TABLE limits (value varchar(20));\nINSERT INTO limits SELECT " + values.limits + ";\n-- +goose Down\nDROP TABLE limits;\n"})
		text := values.set + scriptOf(t, dir, dialect, 0, 1) + "INSERT INTO limits SELECT " + values.limits + ";\n"
		t.Run(dialect, func(t *testing.T) {
			onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
				if d.Engine.Name != dialect {
					t.Skip("the script is for " + dialect)
				}
				c.mustApply(t, d, text)
				var got []string
				if err := d.Open(t, dbtest.Setup{}).Raw("SELECT value FROM limits").Scan(&got).Error; err != nil || !slices.Equal(got, []string{values.want, values.back}) {
					t.Errorf("the limits are %q (%v)", got, err)
				}
			})
		})
	}
}
