package migrationstest

import (
	"reflect"
	"strings"
	"testing"

	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

// addConcurrently adds the migrations of all steps with Concurrently.
func addConcurrently(t *testing.T, dir string) {
	t.Helper()
	for _, s := range steps {
		s.options.Concurrently = true
		add(t, dir, s)
	}
}

// TestAdd_Concurrently: on PostgreSQL every index of an existing table has a file of its own
// without a transaction; in the other dialects the option has no effect.
func TestAdd_Concurrently(t *testing.T) {
	dir, plain := t.TempDir(), t.TempDir()
	addConcurrently(t, dir)
	addAll(t, plain)
	for _, dialect := range []string{"sqlite", "mysql", "sqlserver"} {
		if got, want := len(migrationsOf(t, dir, dialect)), len(migrationsOf(t, plain, dialect)); got != want {
			t.Errorf("%s has %d migrations, without the option %d", dialect, got, want)
		}
	}
	for name, text := range filesIn(t, dir) {
		if !strings.HasPrefix(name, "postgres/") {
			if strings.Contains(text, "CONCURRENTLY") {
				t.Errorf("%s:\n%s", name, text)
			}
			continue
		}
		if !strings.HasSuffix(name, ".sql") {
			continue
		}
		up, _, _ := strings.Cut(text, "-- +goose Down")
		concurrent := strings.Count(up, "\nCREATE INDEX CONCURRENTLY") + strings.Count(up, "\nCREATE UNIQUE INDEX CONCURRENTLY")
		if alone := strings.Contains(text, "NO TRANSACTION"); alone != strings.Contains(text, "INDEX CONCURRENTLY") || alone != !strings.Contains(text, "TABLE ") && concurrent > 1 {
			t.Errorf("%s:\n%s", name, text)
		}
		if !strings.Contains(name, "_init") && !strings.Contains(text, "NO TRANSACTION") && strings.Contains(up, "\nCREATE INDEX") {
			t.Errorf("%s builds an index of an existing table in a transaction:\n%s", name, text)
		}
	}
}

// TestUp_Concurrently applies and reverts the migrations. After each add, the schema is the same
// as without the option, and rows are kept.
func TestUp_Concurrently(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		dir, plain := t.TempDir(), t.TempDir()
		other := d.Engine.New(t)
		db, dsn := d.Open(t, dbtest.Setup{}), dsnOf(t, d)
		var before []state
		var rows rowsOf
		for i, s := range steps {
			before = append(before, stateOf(t, db))
			add(t, plain, s)
			s.options.Concurrently = true
			add(t, dir, s)
			project := team(dir, s.models...)
			mustRun(t, project, "check")
			mustRun(t, project, "up", dsn)
			if i == 0 {
				rows = createRows(t, db)
			}
			mustRun(t, project, "verify", dsnOf(t, d.Engine.New(t)))
			mustRun(t, team(plain, s.models...), "up", dsnOf(t, other))
			if got, want := stateOf(t, db).model, stateOf(t, other.Open(t, dbtest.Setup{})).model; !reflect.DeepEqual(got, want) {
				t.Errorf("%s: the schema is\n%+v\nwithout the option it is\n%+v", s.name, got, want)
			}
			rows.mustBeThere(t, db, s.name)
		}
		versions := versionsIn(t, dir, "postgres")
		if len(versions) < 8 {
			t.Errorf("there are only the versions %v", versions)
		}
		for range versions[2:] {
			mustRun(t, team(dir, steps[3].models...), "down", "-allow-destructive", dsn)
		}
		if got := stateOf(t, db).model; !reflect.DeepEqual(got, before[1].model) {
			t.Errorf("after down the schema is\n%+v\nwant\n%+v", got, before[1].model)
		}
		rows.mustBeThere(t, db, "after down")
	})
}

// unique has a unique index that the rows of a test violate.
type unique struct {
	ID    int64  `gorm:"primaryKey"`
	Name  string `gorm:"size:100;not null;uniqueIndex"`
	Count *int64
}

func (unique) TableName() string { return "things" }

// notUnique returns migrations in which the second builds an index that the database's rows
// violate. The database has the first version.
func notUnique(t *testing.T, d *dbtest.Database) (dir string, versions []int64) {
	t.Helper()
	dir = t.TempDir()
	add(t, dir, step{name: "init", models: []any{&Plain{}}})
	mustRun(t, team(dir, &Plain{}), "up", dsnOf(t, d))
	add(t, dir, step{name: "unique", models: []any{&unique{}}, options: migrations.AddOptions{Concurrently: true}})
	add(t, dir, step{name: "table", models: []any{&unique{}, &audit{}}})
	mustExec(t, d.Open(t, dbtest.Setup{}), "INSERT INTO things (name) VALUES ('a'), ('a')")
	return dir, versionsIn(t, dir, "postgres")
}

// TestUp_ConcurrentlyFails: after a failure that leaves an invalid index, and its cause is
// gone, up builds the index.
func TestUp_ConcurrentlyFails(t *testing.T) {
	dbtest.On(t, []*dbtest.Engine{dbtest.PostgreSQL}, func(t *testing.T, d *dbtest.Database) {
		dir, _ := notUnique(t, d)
		project, db := team(dir, &unique{}, &audit{}), d.Open(t, dbtest.Setup{})
		if out, err := run(t, project, "up", dsnOf(t, d)); err == nil {
			t.Fatalf("up succeeded:\n%s", out)
		}
		mustHaveIndex(t, d, "false")
		mustExec(t, db, "UPDATE things SET name = 'b' WHERE id = 2")
		mustRun(t, project, "up", dsnOf(t, d))
		mustHaveIndex(t, d, "true")
	})
}

func mustHaveIndex(t *testing.T, d *dbtest.Database, want string) {
	t.Helper()
	var valid []string
	if err := d.Open(t, dbtest.Setup{}).Raw("SELECT indisvalid::text FROM pg_index WHERE indexrelid = to_regclass('idx_things_name')").Scan(&valid).Error; err != nil || strings.Join(valid, ",") != want {
		t.Errorf("the index is valid: %v (%v), want %q", valid, err, want)
	}
}

// TestScript_Concurrently applies a script with an index that is built without a
// transaction: with the wrong version nothing runs, after a failure nothing is recorded, and
// after the correction the same script completes. An applied version stops the script.
func TestScript_Concurrently(t *testing.T) {
	onPostgres(t, func(t *testing.T, c client, d *dbtest.Database) {
		dir, versions := notUnique(t, d)
		db := d.Open(t, dbtest.Setup{})
		last := versions[len(versions)-1]
		text := scriptOf(t, dir, "postgres", versions[1], last)
		refused := func(script, sentence string) {
			t.Helper()
			before := stateOf(t, db)
			if out, _ := c.run(t, d, script); !strings.Contains(out, sentence) {
				t.Errorf("the output does not have %q:\n%s", sentence, out)
			}
			if after := stateOf(t, db); !reflect.DeepEqual(before, after) {
				t.Errorf("the state is %+v, before %+v", after, before)
			}
		}

		mustExec(t, db, "DELETE FROM usersession_schema_version WHERE version_id > 0")
		refused(text, "is not applied: the last version of the database must be")
		mustHaveIndex(t, d, "") // not even an invalid one
		mustExec(t, db, "ALTER TABLE usersession_schema_version RENAME TO elsewhere")
		refused(text, "does not exist")
		mustHaveIndex(t, d, "")
		mustExec(t, db, "ALTER TABLE elsewhere RENAME TO usersession_schema_version",
			"INSERT INTO usersession_schema_version (version_id, is_applied) SELECT n, true FROM unnest(ARRAY["+intList(versions[1:2])+"]) n")

		if out, _ := c.run(t, d, text); !strings.Contains(out, "run the script again") || len(stateOf(t, db).versions) != 2 {
			t.Errorf("the versions %v are recorded:\n%s", stateOf(t, db).versions, out)
		}
		mustHaveIndex(t, d, "false")
		mustExec(t, db, "UPDATE things SET name = 'b' WHERE id = 2")
		c.mustApply(t, d, text)
		mustHaveIndex(t, d, "true")
		if out := mustRun(t, team(dir, &unique{}, &audit{}), "up", dsnOf(t, d)); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("after the script, up applied migrations:\n%s", out)
		}
		refused(text, "is already applied; for the versions after it write a script that begins there")
		mustHaveIndex(t, d, "true")

		c.mustApply(t, d, scriptOf(t, dir, "postgres", last, versions[1]))
		mustHaveIndex(t, d, "")
	})
}

// onPostgres is onClients for the clients of PostgreSQL.
func onPostgres(t *testing.T, test func(t *testing.T, c client, d *dbtest.Database)) {
	t.Helper()
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		if c.engine != dbtest.PostgreSQL {
			t.Skip("only PostgreSQL has CONCURRENTLY")
		}
		test(t, c, d)
	})
}

// filtered has indexes whose conditions PostgreSQL stores in another form.
type filtered struct {
	ID    int64   `gorm:"primaryKey"`
	Name  string  `gorm:"size:100;not null;index:,where:name = 'a b' AND count IS NOT NULL"`
	Count *int64  `gorm:"uniqueIndex:,where:count > 7"`
	Kind  *string `gorm:"size:20;index:,composite:both;index:,where:kind <> 'x'::text"`
	Other *string `gorm:"size:20;index:,composite:both"`
}

func (filtered) TableName() string { return "things" }

// TestScript_ConcurrentlyFiltered records versions of indexes with conditions.
func TestScript_ConcurrentlyFiltered(t *testing.T) {
	onPostgres(t, func(t *testing.T, c client, d *dbtest.Database) {
		dir := t.TempDir()
		p := projectIn(dir, &Plain{})
		p.Dialects = p.Dialects[1:2] // the conditions are PostgreSQL's
		if _, err := p.Add("init", migrations.AddOptions{}); err != nil {
			t.Fatal(err)
		}
		p.Models = []any{&filtered{}}
		if _, err := p.Add("filtered", migrations.AddOptions{Concurrently: true}); err != nil {
			t.Fatal(err)
		}
		versions := versionsIn(t, dir, "postgres")
		last := versions[len(versions)-1]
		c.mustApply(t, d, scriptOf(t, dir, "postgres", 0, last))
		if got := stateOf(t, d.Open(t, dbtest.Setup{})); len(got.versions) != 7 || len(got.model.Table("things").Indexes) != 4 {
			t.Errorf("the state is %+v", got)
		} else if want, err := p.ModelAt("postgres", last); err != nil || len(migrations.Compare(want, got.model)) > 0 {
			t.Errorf("the catalogue differs from the model: %v (%v)", migrations.Compare(want, got.model), err)
		}
		c.mustApply(t, d, scriptOf(t, dir, "postgres", last, 0))
	})
}
