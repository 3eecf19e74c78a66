package migrations

import (
	"slices"
	"strings"
)

// A Model describes tables in one dialect. The functions of the package do not change the
// models that they are given.
type Model struct {
	// Dialect is GORM's name of the dialect: postgres, mysql, sqlite or sqlserver.
	Dialect string
	Tables  []Table
}

// A Table is a table. Its columns are in their order in the table, its indexes are sorted
// by name.
type Table struct {
	Name       string // with the schema, if one is given: auth.user_sessions
	Columns    []Column
	PrimaryKey []string
	Indexes    []Index

	partitioned bool    // in a live database
	view        bool    // in a live database: a view with that name
	invalid     []Index // in a live PostgreSQL database: the invalid indexes, which Indexes lacks
}

// A Column is a column of a table.
type Column struct {
	Name string `json:"name"`
	// Type is the SQL type without the clauses that the other fields stand for.
	Type      string `json:"type"`
	Charset   string `json:"charset,omitempty"`
	Collation string `json:"collation,omitempty"`
	NotNull   bool   `json:"notNull,omitempty"`
	// Identity is true for an auto-incremented column.
	Identity bool `json:"identity,omitempty"`
	// Default is an SQL expression, "" for none.
	Default string `json:"default,omitempty"`

	// nondeterministic is true for a column of a live PostgreSQL database whose
	// collation treats different strings as equal.
	nondeterministic bool
	// base is the type below the domain that is the type of a column of a live
	// PostgreSQL database. Otherwise it is "".
	base string
	// refusesNull is true for a column of a live PostgreSQL database whose domain is NOT NULL.
	refusesNull bool
	// filled is true for a column of a live database that an INSERT need not name: it is
	// generated, or its domain has a default.
	filled bool
	// onUpdate is true for a column of a live MySQL database that an UPDATE sets to the time
	// of the server.
	onUpdate bool
}

// An Index is an index, but not the primary key's.
type Index struct {
	Name    string   `json:"name"`
	Unique  bool     `json:"unique,omitempty"`
	Columns []string `json:"columns"`
	// Where is the condition of a filtered index, "" for an index of all rows.
	Where string `json:"where,omitempty"`

	// nullsEqual is true for an index of a live PostgreSQL database that treats NULLs
	// as equal.
	nullsEqual bool
	// folds is true for an index of a live SQLite database that treats different strings
	// as equal.
	folds bool
}

// Table returns the table with the name, or nil if there is none. It points into the model.
func (m Model) Table(name string) *Table {
	for i := range m.Tables {
		if m.Tables[i].Name == name {
			return &m.Tables[i]
		}
	}
	return nil
}

// Column returns the column with the name, or nil if there is none. It points into the
// table.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Index returns the index with the name, or nil if there is none. It points into the
// table.
func (t *Table) Index(name string) *Index {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name {
			return &t.Indexes[i]
		}
	}
	return nil
}

// bare returns the table's name without its schema.
func (t *Table) bare() string {
	_, name := splitName(t.Name)
	return name
}

// splitName splits a name at its last dot. The schema is "" if there is no dot.
func splitName(name string) (schema, bare string) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

// equal compares the fields that a migration defines, and not the fields that only a live
// database has.
func (i Index) equal(other Index) bool {
	return i.Name == other.Name && i.Unique == other.Unique &&
		slices.Equal(i.Columns, other.Columns) && comparableWhere(i.Where) == comparableWhere(other.Where)
}

// dependsOn reports whether the index has the column in its key or in its condition.
func (i Index) dependsOn(column string) bool {
	return slices.Contains(i.Columns, column) || mentions(i.Where, column)
}
