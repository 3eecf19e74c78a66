package migrationstest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"example.com/usersession/internal/dbtest"
	"example.com/usersession/migrations"
)

func intList(numbers []int64) string {
	var all []string
	for _, number := range numbers {
		all = append(all, fmt.Sprint(number))
	}
	return strings.Join(all, ", ")
}

// mustStop applies a script that must change nothing and print the sentence.
func (c client) mustStop(t *testing.T, d *dbtest.Database, script, sentence string) {
	t.Helper()
	db := d.Open(t, dbtest.Setup{})
	before := stateOf(t, db)
	out, err := c.run(t, d, script)
	if !strings.Contains(out, sentence) {
		t.Errorf("the output does not have %q:\n%s", sentence, out)
	}
	if !c.goesOn && err == nil {
		t.Errorf("the client succeeded:\n%s", out)
	}
	if after := stateOf(t, db); !reflect.DeepEqual(before, after) {
		t.Errorf("the state is\n%+v, before\n%+v\n%s", after, before, out)
	}
}

// TestScript_Clients applies the script forward, again, and back with the databases' clients.
// The result is that of up. An applied version is skipped; on SQLite it stops the script.
func TestScript_Clients(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		versions := versionsIn(t, dir, d.Engine.Name)
		last := versions[len(versions)-1]
		forward, back := scriptOf(t, dir, d.Engine.Name, 0, last), scriptOf(t, dir, d.Engine.Name, last, 0)
		again := func(script, sentence string) {
			t.Helper()
			if d.Engine == dbtest.SQLite {
				c.mustStop(t, d, script, sentence)
				return
			}
			before := stateOf(t, d.Open(t, dbtest.Setup{}))
			c.mustApply(t, d, script)
			if after := stateOf(t, d.Open(t, dbtest.Setup{})); !reflect.DeepEqual(before, after) {
				t.Errorf("the state is\n%+v, before\n%+v", after, before)
			}
		}
		c.mustApply(t, d, forward)
		project := team(dir, steps[len(steps)-1].models...)
		if out := mustRun(t, project, "up", dsnOf(t, d)); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("after the script, up applied migrations:\n%s", out)
		}
		if done := autoMigrate(t, d, steps[len(steps)-1].models); len(done) > 0 {
			t.Errorf("after the script, AutoMigrate changed the schema: %v", done)
		}
		rows := createRows(t, d.Open(t, dbtest.Setup{}))
		again(forward, "is already applied")
		c.mustStop(t, d, scriptOf(t, dir, d.Engine.Name, versions[1], 0), "the last version of the database must be")
		rows.mustBeThere(t, d.Open(t, dbtest.Setup{}), "after scripts that did nothing")
		c.mustApply(t, d, back)
		if left := stateOf(t, d.Open(t, dbtest.Setup{})); len(left.model.Tables) > 0 || len(left.versions) != 1 {
			t.Errorf("after the script back there are %+v", left)
		}
		again(back, "is not applied")
		c.mustStop(t, d, scriptOf(t, dir, d.Engine.Name, versions[1], last), "the last version of the database must be")
		// One version after the other, as a team applies them.
		for i := range versions[1:] {
			c.mustApply(t, d, scriptOf(t, dir, d.Engine.Name, versions[i], versions[i+1]))
		}
		if out := mustRun(t, project, "up", dsnOf(t, d)); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("after the scripts, up applied migrations:\n%s", out)
		}
	})
}

// TestScript_NoVersionTable applies a script that begins after the first version to a
// database without the version table.
func TestScript_NoVersionTable(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		versions := versionsIn(t, dir, d.Engine.Name)
		db := d.Open(t, dbtest.Setup{})
		if err := db.AutoMigrate(steps[1].models...); err != nil {
			t.Fatal(err)
		}
		createRows(t, db)
		c.mustStop(t, d, scriptOf(t, dir, d.Engine.Name, versions[len(versions)-2], versions[len(versions)-1]), migrations.VersionTable)
		c.mustStop(t, d, scriptOf(t, dir, d.Engine.Name, versions[1], 0), migrations.VersionTable)
	})
}

// TestScript_AutoMigrated applies the script to a database that AutoMigrate made: no row is
// lost, and the version is recorded only by a script that finds all of its changes in the
// catalogue.
func TestScript_AutoMigrated(t *testing.T) {
	dir := t.TempDir()
	addAll(t, dir)
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		versions := versionsIn(t, dir, d.Engine.Name)
		db := d.Open(t, dbtest.Setup{})
		if err := db.AutoMigrate(steps[0].models...); err != nil {
			t.Fatal(err)
		}
		rows := createRows(t, db)
		out, _ := c.run(t, d, scriptOf(t, dir, d.Engine.Name, 0, versions[1]))
		want := 1
		if d.Engine == dbtest.MySQL || c.blind {
			want = 2
		}
		if got := stateOf(t, db); len(got.versions) != want {
			t.Errorf("the versions %v are recorded\n%s", got.versions, out)
		}
		rows.mustBeThere(t, db, "after the script")
	})
}

// Odd has names and defaults that end a string, a name or a dollar quote.
type Odd struct {
	ID     int64   `gorm:"primaryKey"`
	Quote  *string "gorm:\"column:a'b;size:50;default:it's $$ $sql$ $usersession$ -- \\\\;\\\\; 'q' z\""
	Double *string "gorm:\"column:c\\\"d;size:50;index:idx_o'dd\""
	Tick   *string "gorm:\"column:e`f;size:50\""
}

func (Odd) TableName() string { return "o'd$$d" }

// odder has a default that looks like the end of a statement and a comment.
type odder struct {
	Odd
	More *string `gorm:"size:50;default:x\\; -- y"`
}

func (odder) TableName() string { return "o'd$$d" }

// TestScript_OddNames applies a script with names and defaults that could end a literal.
func TestScript_OddNames(t *testing.T) {
	dir := t.TempDir()
	p := projectIn(dir, &Odd{})
	if _, err := p.Add("odd", migrations.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	add(t, dir, step{name: "odder", models: []any{&odder{}}})
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		versions := versionsIn(t, dir, d.Engine.Name)
		c.mustApply(t, d, scriptOf(t, dir, d.Engine.Name, 0, versions[2]))
		if out := mustRun(t, team(dir, &odder{}), "up", dsnOf(t, d)); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("after the script, up applied migrations:\n%s", out)
		}
		db := d.Open(t, dbtest.Setup{})
		mustExec(t, db, "INSERT INTO "+map[bool]string{true: "`o'd$$d`", false: `"o'd$$d"`}[d.Engine == dbtest.MySQL]+" (id) VALUES (1)")
		var rows []odder
		if err := db.Find(&rows).Error; err != nil || len(rows) != 1 || rows[0].Quote == nil || *rows[0].Quote != "it's $$ $sql$ $usersession$ -- ;; 'q' z" || *rows[0].More != "x; -- y" {
			t.Errorf("the rows are %+v (%v), with the defaults %q and %q", rows, err, *rows[0].Quote, *rows[0].More)
		}
		c.mustApply(t, d, scriptOf(t, dir, d.Engine.Name, versions[2], 0))
	})
}

// byHand are migrations as a team writes them: several statements, comments after and between
// them, semicolons in strings, functions with dollar quotes.
var byHand = map[string]string{
	"postgres": `
-- +goose Up
-- the first statement
CREATE TABLE notes (id int PRIMARY KEY, -- the key
  text text NOT NULL); -- done; really
INSERT INTO notes VALUES (1, 'a;b');   -- one
UPDATE notes SET text = text || $$ and 'c' $$;
-- +goose StatementBegin
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  NEW.text := NEW.text || $sql$; touched$sql$; -- a comment
  RETURN NEW;
END
$body$;
-- the trigger follows
-- +goose StatementEnd
CREATE TRIGGER touch BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO notes VALUES (2, 'd');
SELECT count(*) FROM notes;
-- +goose Down
DROP TABLE notes; -- with the trigger
DROP FUNCTION touch;
`,
	"sqlite": `
-- +goose Up
CREATE TABLE notes (id int PRIMARY KEY, -- the key
  text text NOT NULL); -- done; really
INSERT INTO notes VALUES (1, 'a;b');   -- one
UPDATE notes SET text = text || ' and ''c'' ';
-- +goose StatementBegin
CREATE TRIGGER touch AFTER INSERT ON notes BEGIN
  UPDATE notes SET text = text || '; touched' WHERE id = NEW.id; -- a comment
END;
-- the end
-- +goose StatementEnd
INSERT INTO notes VALUES (2, 'd');
-- +goose Down
DROP TABLE notes; -- with the trigger
`,
	"mysql": `
-- +goose Up
CREATE TABLE notes (id int PRIMARY KEY, -- the key
  text varchar(100) NOT NULL); -- done; really
INSERT INTO notes VALUES (1, 'a;b');   -- one
UPDATE notes SET text = CONCAT(text, ' and ''c'' ', "\\");
-- +goose StatementBegin
CREATE TRIGGER touch BEFORE INSERT ON notes FOR EACH ROW BEGIN
  SET NEW.text = CONCAT(NEW.text, '; touched'); -- a comment
END;
-- the end
-- +goose StatementEnd
INSERT INTO notes VALUES (2, 'd');
-- +goose Down
DROP TABLE notes; -- with the trigger
`,
}

func notesIn(t *testing.T, d *dbtest.Database) (texts []string) {
	t.Helper()
	if err := d.Open(t, dbtest.Setup{}).Raw("SELECT text FROM notes ORDER BY id").Scan(&texts).Error; err != nil {
		t.Fatal(err)
	}
	return texts
}

// skipWithoutPreparedTriggers skips a test that creates a trigger in a script: MySQL, other than
// MariaDB, does not prepare that statement (error 1295), so that such a version goes through up.
func skipWithoutPreparedTriggers(t *testing.T, d *dbtest.Database) {
	t.Helper()
	if d.Engine == dbtest.MySQL && !d.IsMariaDB() {
		t.Skip("MySQL does not prepare CREATE TRIGGER")
	}
}

// TestScript_ByHand applies a migration that the team has written. The result is that of up.
func TestScript_ByHand(t *testing.T) {
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		skipWithoutPreparedTriggers(t, d)
		dir, dialect := t.TempDir(), d.Engine.Name
		add(t, dir, steps[0])
		writeAll(t, dir, map[string]string{dialect + "/20270101000000_notes.sql": byHand[dialect]})
		other := d.Engine.New(t)
		mustRun(t, team(dir, steps[0].models...), "up", byHandDSNOf(t, other))
		text := scriptOf(t, dir, dialect, 0, 20270101000000)
		if strings.Contains(text, "-- done") || strings.Contains(text, "-- one") || !strings.Contains(text, "-- the key") {
			t.Errorf("the script has other comments than those inside of statements:\n%s", text)
		}
		c.mustApply(t, d, text)
		if got, want := notesIn(t, d), notesIn(t, other); !reflect.DeepEqual(got, want) || len(got) != 2 {
			t.Errorf("the notes are %q, after up they are %q", got, want)
		}
		if out := mustRun(t, team(dir, steps[0].models...), "up", dsnOf(t, d)); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("after the script, up applied migrations:\n%s", out)
		}
		c.mustApply(t, d, scriptOf(t, dir, dialect, 20270101000000, 0))
	})
}

// TestScript_ByHandWithoutTransaction: the script cannot check what such a file did. It stops
// and says how to record the version; on MySQL it checks each statement.
func TestScript_ByHandWithoutTransaction(t *testing.T) {
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		dir, dialect := t.TempDir(), d.Engine.Name
		add(t, dir, steps[0])
		writeAll(t, dir, map[string]string{
			dialect + "/20270101000000_notes.sql": "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE notes (id int);\n-- +goose Down\nDROP TABLE notes;\n",
			dialect + "/20270101000001_more.sql":  "-- +goose Up\nCREATE TABLE more (id int);\n-- +goose Down\nDROP TABLE more;\n",
		})
		out, _ := c.run(t, d, scriptOf(t, dir, dialect, 0, 20270101000001))
		db := d.Open(t, dbtest.Setup{})
		const record = "INSERT INTO usersession_schema_version (version_id, is_applied) VALUES (20270101000000, "
		if got := stateOf(t, db).versions; d.Engine == dbtest.MySQL {
			if len(got) != 4 {
				t.Errorf("the versions %v are recorded\n%s", got, out)
			}
			return
		} else if len(got) != 2 || !strings.Contains(out, record) || !db.Migrator().HasTable("notes") {
			t.Fatalf("the versions %v are recorded\n%s", got, out)
		}
		value := map[bool]string{true: "true)", false: "1)"}[d.Engine == dbtest.PostgreSQL]
		mustExec(t, db, record+value)
		c.mustApply(t, d, scriptOf(t, dir, dialect, 20270101000000, 20270101000001))
	})
}

// mysqlTypes has columns of types that MySQL stores under other names, or with a precision.
type mysqlTypes struct {
	ID        int64   `gorm:"primaryKey"`
	Plain     *string `gorm:"type:datetime"`
	Stamp     string  `gorm:"type:timestamp;not null"`
	Document  *string `gorm:"type:json"`
	Kind      *string `gorm:"type:enum('a','b')"`
	Ratio     *string `gorm:"type:float(7,4)"`
	Real      *string `gorm:"type:double precision"`
	Exact     *string `gorm:"type:numeric(5)"`
	Flag      *bool   `gorm:"type:boolean;not null;default:false"`
	Number    *string `gorm:"type:integer unsigned;not null;default:3"`
	Character *string `gorm:"type:char"`
	Year      *string `gorm:"type:year"`
	Clock     *string `gorm:"type:time"`
	Bits      *string `gorm:"type:bit(3)"`
}

// TestScript_ColumnTypes records versions that make columns of many types: the script finds
// them in the catalogue.
func TestScript_ColumnTypes(t *testing.T) {
	onClients(t, func(t *testing.T, c client, d *dbtest.Database) {
		models := []any{&many{}}
		if d.Engine == dbtest.MySQL {
			models = append(models, &mysqlTypes{})
		}
		dir := t.TempDir()
		add(t, dir, step{name: "init", models: models})
		versions := versionsIn(t, dir, d.Engine.Name)
		c.mustApply(t, d, scriptOf(t, dir, d.Engine.Name, 0, versions[len(versions)-1]))
		if out := mustRun(t, team(dir, models...), "up", dsnOf(t, d)); !strings.Contains(out, "Nothing is pending") {
			t.Errorf("after the script, up applied migrations:\n%s", out)
		}
	})
}
