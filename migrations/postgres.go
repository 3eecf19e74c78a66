package migrations

import (
	"fmt"
	"strings"
)

type postgres struct{}

func (postgres) name() string             { return "postgres" }
func (postgres) quote(name string) string { return quoted(name, `"`, `"`) }
func (postgres) filtersIndexes() bool     { return true }
func (postgres) splits() bool             { return false }
func (postgres) maxName() int             { return 63 }

func (postgres) boolean(value bool) string { return fmt.Sprint(value) }

func (postgres) text(value string) string { return literal(value) }

func (postgres) withoutIdentity(text string) (string, bool) {
	switch strings.ToLower(text) {
	case "smallserial":
		return "smallint", true
	case "serial":
		return "integer", true
	case "bigserial":
		return "bigint", true
	}
	return text, false
}

func (postgres) canonical(columnType string) string {
	base, args, rest := cutType(columnType)
	if alias, ok := map[string]string{
		"varchar": "character varying", "char": "character", "decimal": "numeric",
		"int2": "smallint", "int": "integer", "int4": "integer", "int8": "bigint",
		"bool": "boolean", "float4": "real", "float8": "double precision",
		"timestamptz": "timestamp with time zone", "timestamp": "timestamp without time zone",
		"timetz": "time with time zone", "time": "time without time zone",
	}[base+rest]; ok {
		base, rest = alias, ""
	}
	base += rest
	if base == "character" && args == "" {
		args = "(1)"
	}
	if strings.HasPrefix(base, "time") && args == "(6)" {
		args = "" // 6 digits are the maximum and the default
	}
	return base + args
}

func (postgres) rank(base string) (family string, rank int, ok bool) {
	for i, name := range []string{"smallint", "integer", "bigint"} {
		if base == name {
			return "integer", i, true
		}
	}
	for i, name := range []string{"character varying", "text"} {
		if base == name {
			return "text", i, true
		}
	}
	return "", 0, false
}

func (postgres) needsOwnTransaction([]tableChange) bool { return false }

func (d postgres) up(changes []tableChange, _ bool) (statements []string) {
	for _, change := range changes {
		switch {
		case change.new == nil:
			statements = append(statements, "DROP TABLE "+d.quote(change.old.Name))
		case change.old == nil:
			statements = append(statements, d.createTable(change.new))
			for _, index := range change.new.Indexes {
				statements = append(statements, createIndex(d, change.new.Name, index))
			}
		default:
			statements = append(statements, d.alterTable(change)...)
		}
	}
	return statements
}

func (d postgres) createTable(table *Table) string {
	var lines []string
	for _, column := range table.Columns {
		lines = append(lines, d.column(column))
	}
	// Without a name the constraint gets PostgreSQL's default name, as with AutoMigrate.
	lines = append(lines, "PRIMARY KEY ("+quotedList(d, table.PrimaryKey)+")")
	return createStatement(d.quote(table.Name), lines)
}

func (d postgres) column(column Column) string {
	columnType := column.Type
	if column.Identity {
		columnType = map[string]string{"smallint": "smallserial", "integer": "serial"}[d.canonical(column.Type)]
		if columnType == "" {
			columnType = "bigserial"
		}
	}
	return joined(d.quote(column.Name), columnType, d.collate(column), nullability(column), defaultClause(column))
}

func (d postgres) collate(column Column) string {
	if column.Collation == "" {
		return ""
	}
	return "COLLATE " + d.quote(column.Collation)
}

func (d postgres) alterTable(change tableChange) (statements []string) {
	schema, _ := splitName(change.new.Name)
	alter := "ALTER TABLE " + d.quote(change.new.Name) + " "
	for _, index := range change.dropIndexes {
		statements = append(statements, "DROP INDEX "+d.quote(qualified(schema, index.Name)))
	}
	for _, r := range change.renamed {
		statements = append(statements, alter+"RENAME COLUMN "+d.quote(r.old)+" TO "+d.quote(r.new))
	}
	for _, column := range change.dropped {
		statements = append(statements, alter+"DROP COLUMN "+d.quote(column.Name))
	}
	for _, altered := range change.altered {
		statements = append(statements, d.alterColumn(change.new.Name, altered)...)
	}
	for _, column := range change.added {
		value, missing := refill(d, column)
		add := column
		add.Default = value
		statements = append(statements, alter+"ADD COLUMN "+d.column(add))
		if missing {
			statements = append(statements, alter+"ALTER COLUMN "+d.quote(column.Name)+" DROP DEFAULT")
		}
	}
	for _, index := range change.createIndexes {
		statements = append(statements, createIndex(d, change.new.Name, index))
	}
	return statements
}

func (d postgres) alterColumn(table string, altered columnChange) (statements []string) {
	old, column := altered.old, altered.new
	alter := "ALTER TABLE " + d.quote(table) + " ALTER COLUMN " + d.quote(column.Name) + " "
	if d.canonical(old.Type) != d.canonical(column.Type) || old.Collation != column.Collation {
		if old.Default != "" {
			statements = append(statements, alter+"DROP DEFAULT")
			old.Default = ""
		}
		// Without USING, PostgreSQL rejects a value that no longer fits. An explicit cast
		// in USING would truncate it.
		statements = append(statements, joined(alter+"TYPE", column.Type, d.collate(column)))
	}
	if old.Default != column.Default {
		if column.Default == "" {
			statements = append(statements, alter+"DROP DEFAULT")
		} else {
			statements = append(statements, alter+"SET DEFAULT "+column.Default)
		}
	}
	switch {
	case old.NotNull && !column.NotNull:
		statements = append(statements, alter+"DROP NOT NULL")
	case !old.NotNull && column.NotNull:
		statements = append(statements, fillNulls(d, table, column)...)
		statements = append(statements, alter+"SET NOT NULL")
	}
	return statements
}
