package migrations

import (
	"strings"
)

// createStatement lays out a CREATE TABLE, a line for each part.
func createStatement(quotedName string, lines []string) string {
	return "CREATE TABLE " + quotedName + " (\n    " + strings.Join(lines, ",\n    ") + "\n)"
}

func createIndex(d dialect, table string, index Index) string {
	unique, where := "", ""
	if index.Unique {
		unique = "UNIQUE "
	}
	if index.Where != "" {
		where = " WHERE " + index.Where
	}
	return "CREATE " + unique + "INDEX " + d.quote(index.Name) + " ON " + d.quote(table) + " (" + quotedList(d, index.Columns) + ")" + where
}

func nullability(column Column) string {
	if column.NotNull {
		return "NOT NULL"
	}
	return "NULL"
}

func defaultClause(column Column) string {
	if column.Default == "" {
		return ""
	}
	return "DEFAULT " + column.Default
}

// refill returns the default that a column gets while it is added. If missing, it has
// none of its own, and the default is only there for the rows that exist: that of a NOT
// NULL column which Down adds again. What the rows held in it is gone already.
func refill(d dialect, column Column) (value string, missing bool) {
	if !column.NotNull || column.Default != "" {
		return column.Default, false
	}
	value, _ = emptyValue(d, column.Type) // guardBack has asked whether there is one
	return value, true
}

// fillNulls gives rows without a value the default of a column that becomes NOT NULL. A
// column without a default is left to the database, which refuses if there are such rows.
func fillNulls(d dialect, table string, column Column) []string {
	if column.Default == "" {
		return nil
	}
	name := d.quote(column.Name)
	return []string{"UPDATE " + d.quote(table) + " SET " + name + " = " + column.Default + " WHERE " + name + " IS NULL"}
}

func qualified(schema, name string) string {
	if schema == "" {
		return name
	}
	return schema + "." + name
}

// joined puts a space between those parts that there are.
func joined(parts ...string) string {
	var all []string
	for _, part := range parts {
		if part != "" {
			all = append(all, part)
		}
	}
	return strings.Join(all, " ")
}

// cutType splits a type into its name, its numbers in parentheses without spaces, and
// what follows them, all in lower case.
func cutType(columnType string) (base, args, rest string) {
	columnType = strings.ToLower(strings.Join(strings.Fields(columnType), " "))
	base, after, found := strings.Cut(columnType, "(")
	if !found {
		return columnType, "", ""
	}
	args, rest, _ = strings.Cut(after, ")")
	if rest = strings.TrimSpace(rest); rest != "" {
		rest = " " + rest
	}
	return strings.TrimSpace(base), "(" + strings.ReplaceAll(args, " ", "") + ")", rest
}
