package migrations

import (
	"fmt"
	"strings"
)

type mysql struct{}

func (mysql) name() string             { return "mysql" }
func (mysql) quote(name string) string { return quoted(name, "`", "`") }
func (mysql) filtersIndexes() bool     { return false }
func (mysql) maxName() int             { return 64 }

// MySQL commits before and after each DDL statement. With one ALTER TABLE in a
// migration, a failure does not leave the table half changed.
func (mysql) splits() bool { return true }

func (mysql) boolean(value bool) string { return fmt.Sprint(value) }

func (mysql) text(value string) string { return literal(value) }

func (mysql) withoutIdentity(text string) (string, bool) {
	return cutSuffixFold(text, " AUTO_INCREMENT")
}

func (mysql) canonical(columnType string) string {
	base, args, rest := cutType(columnType)
	if alias, ok := map[string]string{
		"integer": "int", "numeric": "decimal", "boolean": "tinyint", "bool": "tinyint", "double precision": "double", "real": "double",
	}[base]; ok {
		if base == "boolean" || base == "bool" {
			args = "(1)"
		}
		base = alias
	}
	switch base {
	case "int", "bigint", "smallint", "mediumint", "tinyint":
		args = "" // the display width, which MySQL 8 no longer stores
	case "decimal":
		if args == "" {
			args = "(10,0)"
		} else if !strings.Contains(args, ",") {
			args = strings.TrimSuffix(args, ")") + ",0)"
		}
	case "datetime", "timestamp", "time":
		if args == "" {
			args = "(0)"
		}
	case "char", "binary":
		if args == "" {
			args = "(1)"
		}
	case "json":
		base = "longtext" // as MariaDB stores it
	}
	return base + args + rest
}

func (mysql) rank(base string) (family string, rank int, ok bool) {
	family = "integer"
	base, unsigned := strings.CutSuffix(base, " unsigned")
	if unsigned {
		family = "unsigned integer"
	}
	for i, name := range []string{"tinyint", "smallint", "mediumint", "int", "bigint"} {
		if base == name {
			return family, i, true
		}
	}
	// A varchar can be longer than a tinytext or a text. A mediumtext holds every varchar.
	for i, name := range []string{"varchar", "mediumtext", "longtext"} {
		if base == name {
			return "text", i, true
		}
	}
	for i, name := range []string{"varbinary", "mediumblob", "longblob"} {
		if base == name {
			return "bytes", i, true
		}
	}
	return "", 0, false
}

func (mysql) needsOwnTransaction([]tableChange) bool { return false }

func (d mysql) up(changes []tableChange, _ bool) (statements []string) {
	for _, change := range changes {
		switch {
		case change.new == nil:
			statements = append(statements, "DROP TABLE "+d.quote(change.old.Name))
		case change.old == nil:
			statements = append(statements, d.createTable(change.new))
		default:
			statements = append(statements, d.alterTable(change)...)
		}
	}
	return statements
}

func (d mysql) createTable(table *Table) string {
	var lines []string
	for _, column := range table.Columns {
		lines = append(lines, d.column(column))
	}
	lines = append(lines, "PRIMARY KEY ("+quotedList(d, table.PrimaryKey)+")")
	for _, index := range table.Indexes {
		lines = append(lines, d.index(index))
	}
	return createStatement(d.quote(table.Name), lines)
}

func (d mysql) column(column Column) string {
	charset, collate, increment := "", "", ""
	if column.Charset != "" {
		charset = "CHARACTER SET " + column.Charset
	}
	if column.Collation != "" {
		collate = "COLLATE " + column.Collation
	}
	if column.Identity {
		increment = "AUTO_INCREMENT"
	}
	return joined(d.quote(column.Name), column.Type, charset, collate, nullability(column), increment, defaultClause(column))
}

func (d mysql) index(index Index) string {
	unique := ""
	if index.Unique {
		unique = "UNIQUE "
	}
	return unique + "INDEX " + d.quote(index.Name) + " (" + quotedList(d, index.Columns) + ")"
}

// alterTable returns one ALTER TABLE with all changes, which MySQL applies completely or
// not at all. Before it come the UPDATEs for columns that become NOT NULL, after it a second
// ALTER TABLE for each datetime that Down restores with a temporary default.
func (d mysql) alterTable(change tableChange) (statements []string) {
	var parts, after []string
	strict := false
	for _, index := range change.dropIndexes {
		parts = append(parts, "DROP INDEX "+d.quote(index.Name))
	}
	for _, r := range change.renamed {
		parts = append(parts, "RENAME COLUMN "+d.quote(r.old)+" TO "+d.quote(r.new))
	}
	for _, column := range change.dropped {
		parts = append(parts, "DROP COLUMN "+d.quote(column.Name))
	}
	for _, altered := range change.altered {
		old, column := altered.old, altered.new
		parts = append(parts, "MODIFY COLUMN "+d.column(column))
		strict = strict || convert(d, old.Type, column.Type) == narrows || old.NotNull != column.NotNull || old.Charset != column.Charset
		if !old.NotNull && column.NotNull {
			statements = append(statements, fillNulls(d, change.new.Name, column)...)
		}
	}
	alter := "ALTER TABLE " + d.quote(change.new.Name)
	for _, column := range change.added {
		value, missing := refill(d, column)
		if base, _, _ := cutType(column.Type); missing && base != "datetime" && base != "timestamp" {
			value, missing = "", false // MySQL itself fills in an empty value
		}
		add := column
		add.Default = value
		parts = append(parts, "ADD COLUMN "+d.column(add))
		if missing {
			after = append(after, alter+" ALTER COLUMN "+d.quote(column.Name)+" DROP DEFAULT")
		}
	}
	for _, index := range change.createIndexes {
		parts = append(parts, "ADD "+d.index(index))
	}
	statement := alter + "\n    " + strings.Join(parts, ",\n    ")
	if strict {
		// Without strict mode MySQL would truncate values that no longer fit.
		statements = append(statements, "SET @usersession_sql_mode = @@SESSION.sql_mode", "SET SESSION sql_mode = 'STRICT_ALL_TABLES'", statement, "SET SESSION sql_mode = @usersession_sql_mode")
	} else {
		statements = append(statements, statement)
	}
	return append(statements, after...)
}

// cutSuffixFold is strings.CutSuffix with case ignored.
func cutSuffixFold(text, suffix string) (string, bool) {
	if n := len(text) - len(suffix); n >= 0 && strings.EqualFold(text[n:], suffix) {
		return text[:n], true
	}
	return text, false
}
