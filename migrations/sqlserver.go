package migrations

import (
	"slices"
	"strings"
)

type sqlserver struct{}

func (sqlserver) name() string             { return "sqlserver" }
func (sqlserver) quote(name string) string { return quoted(name, "[", "]") }
func (sqlserver) filtersIndexes() bool     { return true }
func (sqlserver) splits() bool             { return false }
func (sqlserver) maxName() int             { return 128 }

func (sqlserver) boolean(value bool) string { return map[bool]string{true: "1", false: "0"}[value] }

func (sqlserver) text(value string) string { return literal(value) }

func (sqlserver) withoutIdentity(text string) (string, bool) {
	return cutSuffixFold(text, " IDENTITY(1,1)")
}

func (sqlserver) canonical(columnType string) string {
	base, args, rest := cutType(columnType)
	switch base {
	case "integer":
		base = "int"
	case "numeric":
		base = "decimal"
	}
	switch {
	case (base == "datetimeoffset" || base == "datetime2" || base == "time") && args == "":
		args = "(7)"
	case base == "decimal" && args == "":
		args = "(18,0)"
	case base == "decimal" && !strings.Contains(args, ","):
		args = strings.TrimSuffix(args, ")") + ",0)"
	case base == "float" && args == "(53)":
		args = ""
	case slices.Contains([]string{"char", "nchar", "varchar", "nvarchar", "binary", "varbinary"}, base) && args == "":
		args = "(1)"
	}
	return base + args + rest
}

func (sqlserver) rank(base string) (family string, rank int, ok bool) {
	for i, name := range []string{"tinyint", "smallint", "int", "bigint"} {
		if base == name {
			return "integer", i, true
		}
	}
	return "", 0, false
}

func (sqlserver) needsOwnTransaction([]tableChange) bool { return false }

func (d sqlserver) up(changes []tableChange, _ bool) (statements []string) {
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

func (d sqlserver) createTable(table *Table) string {
	var lines []string
	for _, column := range table.Columns {
		lines = append(lines, d.column(table, column))
	}
	lines = append(lines, "CONSTRAINT "+d.quote("PK_"+table.bare())+" PRIMARY KEY ("+quotedList(d, table.PrimaryKey)+")")
	return createStatement(d.quote(table.Name), lines)
}

// defaultName returns the name of a column's default constraint. Without one SQL Server
// would generate a random name, by which no script could drop the constraint.
func defaultName(table *Table, column string) string { return "DF_" + table.bare() + "_" + column }

func (d sqlserver) column(table *Table, column Column) string {
	constraint := ""
	if column.Default != "" {
		constraint = "CONSTRAINT " + d.quote(defaultName(table, column.Name)) + " DEFAULT (" + column.Default + ")"
	}
	identity := ""
	if column.Identity {
		identity = "IDENTITY(1,1)"
	}
	return joined(d.quote(column.Name), column.Type, d.collate(column), identity, nullability(column), constraint)
}

func (sqlserver) collate(column Column) string {
	if column.Collation == "" {
		return ""
	}
	return "COLLATE " + column.Collation
}

func (d sqlserver) dropDefault(table *Table, column string) string {
	return "ALTER TABLE " + d.quote(table.Name) + " DROP CONSTRAINT " + d.quote(defaultName(table, column))
}

func (d sqlserver) addDefault(table *Table, column Column) string {
	return "ALTER TABLE " + d.quote(table.Name) + " ADD CONSTRAINT " + d.quote(defaultName(table, column.Name)) + " DEFAULT (" + column.Default + ") FOR " + d.quote(column.Name)
}

func (d sqlserver) alterTable(change tableChange) (statements []string) {
	table := change.new
	alter := "ALTER TABLE " + d.quote(table.Name) + " "
	drop, create := d.indexes(change)
	for _, index := range drop {
		statements = append(statements, "DROP INDEX "+d.quote(index.Name)+" ON "+d.quote(table.Name))
	}
	for _, r := range change.renamed {
		statements = append(statements, d.renameColumn(change, r)...)
	}
	for _, column := range change.dropped {
		if column.Default != "" {
			statements = append(statements, d.dropDefault(table, column.Name))
		}
		statements = append(statements, alter+"DROP COLUMN "+d.quote(column.Name))
	}
	for _, altered := range change.altered {
		statements = append(statements, d.alterColumn(table, altered)...)
	}
	for _, column := range change.added {
		value, missing := refill(d, column)
		add := column
		add.Default = value
		statement := alter + "ADD " + d.column(table, add)
		if value != "" && !column.NotNull {
			statement += " WITH VALUES" // otherwise existing rows would get NULL
		}
		statements = append(statements, statement)
		if missing {
			statements = append(statements, d.dropDefault(table, column.Name))
		}
	}
	for _, index := range create {
		statements = append(statements, createIndex(d, table.Name, index))
	}
	return statements
}

// indexes returns the indexes to drop before the change and to create after it: the
// indexes that change, and the indexes on a column that changes. SQL Server refuses to alter
// a column that has an index.
func (d sqlserver) indexes(change tableChange) (drop, create []Index) {
	drop, create = slices.Clone(change.dropIndexes), slices.Clone(change.createIndexes)
	for _, index := range change.old.Indexes {
		if slices.ContainsFunc(drop, func(i Index) bool { return i.Name == index.Name }) {
			continue
		}
		depends := slices.ContainsFunc(change.altered, func(c columnChange) bool {
			return index.dependsOn(c.old.Name) && !onlyDefault(d, c)
		}) || slices.ContainsFunc(change.renamed, func(r rename) bool { return mentions(index.Where, r.old) })
		if depends {
			drop, create = append(drop, index), append(create, *change.new.Index(index.Name))
		}
	}
	return drop, create
}

func onlyDefault(d dialect, c columnChange) bool { return sameShape(d, c.old, c.new) }

func (d sqlserver) renameColumn(change tableChange, r rename) (statements []string) {
	table := change.new
	column := *change.old.Column(r.old)
	// The name of the default contains the column's name.
	if column.Default != "" {
		statements = append(statements, d.dropDefault(table, r.old))
	}
	statements = append(statements, "EXEC sp_rename N"+literal(d.quote(table.Name+"."+r.old))+", N"+literal(r.new)+", N'COLUMN'")
	if column.Default != "" {
		column.Name = r.new
		statements = append(statements, d.addDefault(table, column))
	}
	return statements
}

func (d sqlserver) alterColumn(table *Table, altered columnChange) (statements []string) {
	old, column := altered.old, altered.new
	if old.Default != "" {
		statements = append(statements, d.dropDefault(table, old.Name))
	}
	if !onlyDefault(d, altered) {
		if !old.NotNull && column.NotNull {
			statements = append(statements, fillNulls(d, table.Name, column)...)
		}
		statements = append(statements, joined("ALTER TABLE", d.quote(table.Name), "ALTER COLUMN", d.quote(column.Name), column.Type, d.collate(column), nullability(column)))
	}
	if column.Default != "" {
		statements = append(statements, d.addDefault(table, column))
	}
	return statements
}
