package migrations

import (
	"slices"
	"strings"
)

// A Model is what the tables of one dialect look like.
type Model struct {
	// Dialect is GORM's name for it: postgres, mysql, sqlite, sqlserver.
	Dialect string
	Tables  []Table
}

// A Table is a table with its columns in order and its indexes by name.
type Table struct {
	Name       string // with its schema, if it has one: auth.user_sessions
	Columns    []Column
	PrimaryKey []string
	Indexes    []Index
}

// A Column is a column of a table.
type Column struct {
	Name string `json:"name"`
	// Type is without what the other fields say.
	Type      string `json:"type"`
	Charset   string `json:"charset,omitempty"`
	Collation string `json:"collation,omitempty"`
	NotNull   bool   `json:"notNull,omitempty"`
	// Identity says that the database counts it up.
	Identity bool `json:"identity,omitempty"`
	// Default is an SQL expression, "" for none.
	Default string `json:"default,omitempty"`

	// nondeterministic says of a live PostgreSQL column that its collation takes
	// different strings for equal.
	nondeterministic bool
}

// An Index is an index, the primary key's aside.
type Index struct {
	Name    string   `json:"name"`
	Unique  bool     `json:"unique,omitempty"`
	Columns []string `json:"columns"`
	// Where is the condition of a filtered index.
	Where string `json:"where,omitempty"`

	// nullsEqual says of a live PostgreSQL index that it takes one NULL for another.
	nullsEqual bool
	// folds says of a live SQLite index that it takes different strings for equal.
	folds bool
}

// Table returns the table of that name, nil if there is none.
func (m Model) Table(name string) *Table {
	for i := range m.Tables {
		if m.Tables[i].Name == name {
			return &m.Tables[i]
		}
	}
	return nil
}

// Column returns the column of that name, nil if there is none.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Index returns the index of that name, nil if there is none.
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

// splitName tells a schema from the name of what is in it.
func splitName(name string) (schema, bare string) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		return name[:i], name[i+1:]
	}
	return "", name
}

func (i Index) equal(other Index) bool {
	return i.Name == other.Name && i.Unique == other.Unique &&
		slices.Equal(i.Columns, other.Columns) && canonicalWhere(i.Where) == canonicalWhere(other.Where)
}

// dependsOn says whether the index has the column in its key or in its condition.
func (i Index) dependsOn(column string) bool {
	return slices.Contains(i.Columns, column) || mentions(i.Where, column)
}
