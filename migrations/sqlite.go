package migrations

import (
	"regexp"
	"slices"
	"strings"
)

type sqlite struct{}

func (sqlite) name() string             { return "sqlite" }
func (sqlite) quote(name string) string { return quoted(name, "`", "`") }
func (sqlite) filtersIndexes() bool     { return true }
func (sqlite) splits() bool             { return false }
func (sqlite) maxName() int             { return 255 } // SQLite itself has no limit

func (sqlite) boolean(value bool) string { return map[bool]string{true: "true", false: "false"}[value] }

// text returns a default in double quotes, as GORM writes it. GORM does not recognise a
// default in single quotes: AutoMigrate would rebuild the table.
func (sqlite) text(value string) string {
	if strings.Contains(value, `"`) {
		return literal(value)
	}
	return `"` + value + `"`
}

func (sqlite) withoutIdentity(text string) (string, bool) {
	return cutSuffixFold(text, " PRIMARY KEY AUTOINCREMENT")
}

func (sqlite) canonical(columnType string) string {
	base, args, rest := cutType(columnType)
	return base + args + rest
}

// rank returns the affinity of a type as its family, and 0: SQLite stores every value of an
// affinity, whatever length the type gives.
func (sqlite) rank(base string) (family string, rank int, ok bool) {
	base = strings.ToUpper(base)
	for _, rule := range []struct{ affinity, words string }{
		{"integer", "INT"}, {"text", "CHAR|CLOB|TEXT"}, {"blob", "BLOB"}, {"real", "REAL|FLOA|DOUB"},
	} {
		if regexp.MustCompile(rule.words).MatchString(base) {
			return rule.affinity, 0, true
		}
	}
	return "numeric", 0, true
}

// constant matches the defaults that ALTER TABLE ADD COLUMN accepts.
var constant = regexp.MustCompile(`(?i)^([-+]?[0-9.]+|'([^']|'')*'|"[^"]*"|true|false|x'[0-9a-f]*')$`)

// rebuilds reports whether SQLite's ALTER TABLE cannot make the change, so that the table
// has to be rebuilt.
func (c tableChange) rebuilds() bool {
	if c.old == nil || c.new == nil {
		return false
	}
	return len(c.altered) > 0 || slices.ContainsFunc(c.added, func(column Column) bool {
		return column.NotNull && column.Default == "" || column.Default != "" && !constant.MatchString(column.Default)
	})
}

func (sqlite) needsOwnTransaction(changes []tableChange) bool {
	return slices.ContainsFunc(changes, tableChange.rebuilds)
}

func (d sqlite) up(changes []tableChange, ownTransaction bool) (statements []string) {
	if ownTransaction {
		// With foreign keys enabled, dropping the old table would delete the rows that
		// refer to it. Inside a transaction the setting has no effect. Without
		// legacy_alter_table, renaming the old table would rename it in the foreign keys
		// of other tables, too.
		statements = append(statements, "PRAGMA foreign_keys = OFF", "PRAGMA legacy_alter_table = ON", "BEGIN IMMEDIATE")
	}
	for _, change := range changes {
		switch {
		case change.new == nil:
			statements = append(statements, "DROP TABLE "+d.quote(change.old.Name))
		case change.old == nil:
			statements = append(statements, d.createTable(change.new))
			for _, index := range change.new.Indexes {
				statements = append(statements, createIndex(d, change.new.Name, index))
			}
		case change.rebuilds():
			statements = append(statements, d.rebuild(change)...)
		default:
			statements = append(statements, d.alterTable(change)...)
		}
	}
	if ownTransaction {
		statements = append(statements, "COMMIT", "PRAGMA legacy_alter_table = OFF")
	}
	return statements
}

func (d sqlite) createTable(table *Table) string {
	var lines []string
	inline := false
	for _, column := range table.Columns {
		lines = append(lines, d.column(column))
		inline = inline || column.Identity
	}
	if !inline {
		lines = append(lines, "PRIMARY KEY ("+quotedList(d, table.PrimaryKey)+")")
	}
	return createStatement(d.quote(table.Name), lines)
}

func (d sqlite) column(column Column) string {
	if column.Identity {
		return d.quote(column.Name) + " " + column.Type + " PRIMARY KEY AUTOINCREMENT"
	}
	collate := ""
	if column.Collation != "" {
		collate = "COLLATE " + column.Collation
	}
	notNull := ""
	if column.NotNull {
		notNull = "NOT NULL" // GORM misreads an explicit NULL: AutoMigrate would rebuild the table
	}
	return joined(d.quote(column.Name), column.Type, collate, notNull, defaultClause(column))
}

func (d sqlite) alterTable(change tableChange) (statements []string) {
	alter := "ALTER TABLE " + d.quote(change.new.Name) + " "
	for _, index := range change.dropIndexes {
		statements = append(statements, "DROP INDEX "+d.quote(index.Name))
	}
	for _, r := range change.renamed {
		statements = append(statements, alter+"RENAME COLUMN "+d.quote(r.old)+" TO "+d.quote(r.new))
	}
	for _, column := range change.dropped {
		statements = append(statements, alter+"DROP COLUMN "+d.quote(column.Name))
	}
	for _, column := range change.added {
		statements = append(statements, alter+"ADD COLUMN "+d.column(column))
	}
	for _, index := range change.createIndexes {
		statements = append(statements, createIndex(d, change.new.Name, index))
	}
	return statements
}

// oldTable is the name of a table while a rebuild replaces it.
func oldTable(table *Table) string { return "_old_" + table.Name }

// copyTable is the name of the temporary table with which a rebuild checks its copy.
func copyTable(table *Table) string { return "_copy_" + table.Name }

// rebuild renames the old table, creates the new one, copies the rows, and drops the old
// table if there are as many rows in both. The old table is renamed first: if the
// transaction is rolled back, for instance because the disk is full, the DROP TABLE of a
// client that goes on finds no table.
func (d sqlite) rebuild(change tableChange) []string {
	name, old, copied := change.new.Name, oldTable(change.new), copyTable(change.new)
	var into, from []string
	for _, column := range change.new.Columns {
		before := change.columnBefore(column.Name)
		old := change.old.Column(before)
		value := d.quote(before)
		if old == nil {
			if column.Default != "" || !column.NotNull {
				continue // the new table fills in the default or NULL
			}
			value, _ = emptyValue(d, column.Type)
		} else if !old.NotNull && column.NotNull && column.Default != "" {
			value = "COALESCE(" + value + ", " + asValue(column.Default) + ")"
		}
		into, from = append(into, column.Name), append(from, value)
	}
	statements := []string{
		"ALTER TABLE " + d.quote(name) + " RENAME TO " + d.quote(old),
		d.createTable(change.new),
		"INSERT INTO " + d.quote(name) + " (" + quotedList(d, into) + ")\n    SELECT " + strings.Join(from, ", ") + " FROM " + d.quote(old),
	}
	if slices.ContainsFunc(change.new.Columns, func(c Column) bool { return c.Identity }) {
		// Keep the counter of auto-increment: otherwise SQLite could reuse the ids of
		// deleted rows.
		statements = append(statements,
			"DELETE FROM sqlite_sequence WHERE name = "+literal(name),
			"INSERT INTO sqlite_sequence (name, seq) SELECT "+literal(name)+", seq FROM sqlite_sequence WHERE name = "+literal(old))
	}
	statements = append(statements,
		"DROP TABLE IF EXISTS temp."+d.quote(copied),
		"CREATE TEMP TABLE "+d.quote(copied)+" (complete integer NOT NULL CONSTRAINT "+d.quote("the copy of "+name+" has another number of rows")+" CHECK (complete = 1))",
		"INSERT INTO temp."+d.quote(copied)+" SELECT (SELECT count(*) FROM "+d.quote(name)+") = (SELECT count(*) FROM "+d.quote(old)+")",
		"DROP TABLE "+d.quote(old))
	for _, index := range change.new.Indexes {
		statements = append(statements, createIndex(d, name, index))
	}
	return statements
}

// asValue returns a default for use in a SELECT, where a string in double quotes could be
// read as a column.
func asValue(expression string) string {
	if text, ok := strings.CutPrefix(expression, `"`); ok {
		return literal(strings.TrimSuffix(text, `"`))
	}
	return expression
}
