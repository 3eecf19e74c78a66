package migrations

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestConvert checks the effect of a type change on the values.
func TestConvert(t *testing.T) {
	for _, c := range []struct {
		dialect  dialect
		from, to string
		want     conversion
	}{
		{postgres{}, "varchar(200)", "character varying(200)", sameType},
		{postgres{}, "timestamptz", "timestamp with time zone", sameType},
		{postgres{}, "timestamptz(6)", "timestamptz", sameType},
		{postgres{}, "bool", "boolean", sameType},
		{postgres{}, "varchar(200)", "varchar(300)", widens},
		{postgres{}, "varchar(200)", "varchar", widens},
		{postgres{}, "varchar(200)", "text", widens},
		{postgres{}, "smallint", "bigint", widens},
		{postgres{}, "timestamptz(3)", "timestamptz", widens},
		{postgres{}, "numeric(10,2)", "numeric(12,4)", widens},
		{postgres{}, "numeric(10,2)", "numeric(10,4)", narrows}, // digits before the point
		{postgres{}, "text", "varchar(200)", narrows},
		{postgres{}, "bigint", "integer", narrows},
		{postgres{}, "timestamptz", "timestamptz(3)", narrows},
		{postgres{}, "text", "bytea", unconverted},
		{postgres{}, "timestamp", "timestamptz", unconverted},
		{postgres{}, "text", "citext", unconverted},

		{mysql{}, "bigint(20)", "bigint", sameType},
		{mysql{}, "boolean", "tinyint(1)", sameType},
		{mysql{}, "decimal", "decimal(10,0)", sameType},
		{mysql{}, "datetime", "datetime(0)", sameType},
		{mysql{}, "datetime(3)", "datetime(6)", widens},
		{mysql{}, "varchar(100)", "longtext", widens},
		{mysql{}, "datetime(6)", "datetime", narrows},
		{mysql{}, "longblob", "mediumblob", narrows},
		{mysql{}, "bigint", "bigint unsigned", unconverted},
		{mysql{}, "varchar(10)", "varbinary(10)", unconverted},

		{sqlserver{}, "nvarchar(MAX)", "nvarchar(max)", sameType},
		{sqlserver{}, "datetimeoffset", "datetimeoffset(7)", sameType},
		{sqlserver{}, "nvarchar(4000)", "nvarchar(MAX)", widens},
		{sqlserver{}, "nvarchar(MAX)", "nvarchar(4000)", narrows},
		{sqlserver{}, "datetimeoffset(6)", "datetimeoffset(3)", narrows},
		{sqlserver{}, "nvarchar(10)", "varbinary(10)", unconverted},

		{sqlite{}, "varchar(20)", "text", sameType},
		{sqlite{}, "integer", "bigint", sameType},
		{sqlite{}, "text", "blob", unconverted},
	} {
		if got := convert(c.dialect, c.from, c.to); got != c.want {
			t.Errorf("%s: %s to %s is %d, want %d", c.dialect.name(), c.from, c.to, got, c.want)
		}
	}
}

// TestOnlyExcludesNull checks which filters have no effect on a unique index that treats
// NULLs as distinct.
func TestOnlyExcludesNull(t *testing.T) {
	columns := []string{"partition_key", "session_id"}
	for where, want := range map[string]bool{
		"session_id IS NOT NULL":                               true,
		`("session_id" IS NOT NULL)`:                           true,
		"partition_key IS NOT NULL AND session_id IS NOT NULL": true,
		"deleted IS NOT NULL":                                  false,
		"session_id IS NULL":                                   false,
		"session_id IS NOT NULL OR deleted = 1":                false,
		"session_id <> ''":                                     false,
	} {
		if got := onlyExcludesNull(where, columns); got != want {
			t.Errorf("%s: %t, want %t", where, got, want)
		}
	}
}

// TestCheck_SQLServer runs the checks on tables as SQL Server's catalogue would describe
// them, without a server.
func TestCheck_SQLServer(t *testing.T) {
	d := sqlserver{}
	bin := "Latin1_General_100_BIN2"
	want := &Table{Name: "s", PrimaryKey: []string{"id"}, Columns: []Column{
		{Name: "id", Type: "bigint", NotNull: true, Identity: true},
		{Name: "partition_key", Type: "nvarchar(200)", Collation: bin, NotNull: true},
		{Name: "session_id", Type: "nvarchar(200)", Collation: bin},
		{Name: "created", Type: "datetimeoffset(6)", NotNull: true},
		{Name: "ticket", Type: "varbinary(MAX)", NotNull: true},
	}, Indexes: []Index{{Name: "i", Unique: true, Columns: []string{"partition_key", "session_id"}, Where: "session_id IS NOT NULL"}}}
	live := func(edit func(*Table)) *Table {
		table := *want
		table.Columns, table.Indexes = slices.Clone(want.Columns), slices.Clone(want.Indexes)
		// As SQL Server's catalogue writes them.
		table.Column("ticket").Type = d.liveType("varbinary", -1, 0, 0)
		table.Column("partition_key").Type = d.liveType("nvarchar", 400, 0, 0)
		table.Index("i").Where = "([session_id] IS NOT NULL)"
		edit(&table)
		return &table
	}
	for find, edit := range map[string]func(*Table){
		"":                                    func(*Table) {},
		"treats missing session ids as equal": func(t *Table) { t.Index("i").Where = "" },
		"the index is missing":                func(t *Table) { t.Indexes = nil },
		"treats different strings as equal":   func(t *Table) { t.Column("session_id").Collation = "SQL_Latin1_General_CP1_CI_AS" },
		"the column is too short":             func(t *Table) { t.Column("partition_key").Type = d.liveType("nvarchar", 200, 0, 0) },
		"times lose their microseconds":       func(t *Table) { t.Column("created").Type = d.liveType("datetimeoffset", 0, 0, 3) },
		"the type is datetime2(7)":            func(t *Table) { t.Column("created").Type = d.liveType("datetime2", 0, 0, 7) },
		"the type is nvarchar(max)":           func(t *Table) { t.Column("ticket").Type = d.liveType("nvarchar", -1, 0, 0) },
	} {
		c := checker{comparison{dialect: d}}
		c.columns(want, live(edit))
		c.indexes(want, live(edit))
		c.extraIndexes(want, live(edit))
		var problems []string
		for _, finding := range c.findings {
			problems = append(problems, finding.Problem)
		}
		if all := strings.Join(problems, "; "); !strings.Contains(all, find) || find == "" && all != "" {
			t.Errorf("the findings are %q, want %q", all, find)
		}
		if differences := Compare(Model{Dialect: "sqlserver", Tables: []Table{*want}}, Model{Dialect: "sqlserver", Tables: []Table{*live(edit)}}); (len(differences) > 0) != (find != "") {
			t.Errorf("%q: Compare returns %v", find, differences)
		}
	}
}

// TestParseFile checks the constructs that a team may use in a file of its own.
func TestParseFile(t *testing.T) {
	file, err := parseFile("x", []byte(`
-- a comment
-- +goose NO TRANSACTION
-- +goose Up
-- another one
UPDATE t
   SET a = 'x;y'; -- and another
-- +goose StatementBegin
CREATE FUNCTION f() AS $$
BEGIN
  DELETE FROM t;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION f;
`))
	if err != nil {
		t.Fatal(err)
	}
	if !file.noTransaction || len(file.up.statements) != 2 || len(file.down.statements) != 1 || !strings.Contains(file.up.statements[1], "DELETE FROM t;\nEND $$") {
		t.Errorf("got %+v", file)
	}
	for _, bad := range []string{
		"", "SELECT 1;", "-- +goose Up\nSELECT 1", "-- +goose Sideways\n", "-- +goose Up\n" + strings.Repeat("x", 4<<20) + ";\n",
		"-- +goose Up\nSELECT 1\n-- +goose Down\nSELECT 2;\n", "-- +goose Down\nSELECT 1;\n", "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n",
	} {
		if _, err := parseFile("x", []byte(bad)); !errors.Is(err, ErrInconsistent) {
			t.Errorf("%.40q: got %v, want ErrInconsistent", bad, err)
		}
	}
}

// TestEncode_ReadBack encodes and parses statements, one of them with a default that looks
// like the end of a statement.
func TestEncode_ReadBack(t *testing.T) {
	statements := []string{"SELECT 1", "ALTER TABLE t ADD c text DEFAULT 'a; -- b'", "CREATE TABLE t (\n    a int\n)"}
	file := migrationFile{name: "x", up: section{comments: []string{"one\n-- +goose Down"}, statements: statements}, down: section{statements: statements[:1]}}
	read, err := parseFile("x", file.encode())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(read.up.statements, statements) || !slices.Equal(read.down.statements, statements[:1]) {
		t.Errorf("got %+v", read)
	}
}
