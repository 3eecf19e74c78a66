package migrations

import (
	"strings"
)

// createStatement returns a CREATE TABLE with one column or constraint on a line.
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

// refill returns the default with which a column is added. If missing is true, the column
// has no default of its own: it is a NOT NULL column that Down restores, and the default
// only fills the existing rows, whose values Up has dropped. The caller drops it again.
func refill(d dialect, column Column) (value string, missing bool) {
	if !column.NotNull || column.Default != "" {
		return column.Default, false
	}
	value, _ = emptyValue(d, column.Type) // guardBack refuses a type without one
	return value, true
}

// fillNulls returns an UPDATE that gives the default of a column that becomes NOT NULL to
// the rows with NULL in it. Without a default there is no UPDATE, and the database refuses
// the change if there are such rows.
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

// joined joins the parts that are not empty with spaces.
func joined(parts ...string) string {
	var all []string
	for _, part := range parts {
		if part != "" {
			all = append(all, part)
		}
	}
	return strings.Join(all, " ")
}

// cutType splits a type into its name, the numbers in parentheses without spaces, and the
// rest with a leading space, all in lower case.
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
