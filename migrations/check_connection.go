package migrations

import (
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// A probe is a question about the connection, the server or the table that has nothing to do
// with the model. find gets each row of the query, with NULL as "".
type probe struct {
	query string
	args  []any
	find  func(c *checker, row []string)
	// fails gets the error of the query. It may be nil.
	fails func(c *checker, err error)
	// next, in place of find, returns a further probe for the first row.
	next func(row []string) probe
}

// probes runs the dialect's probes.
func (c *checker) probes(db *gorm.DB, table string) error {
	for _, p := range c.dialect.probes(table) {
		if err := c.probe(db, p); err != nil {
			return err
		}
	}
	return nil
}

// probe runs a probe. A server refuses the query if it has no such setting or does not show it
// to this account. That is no finding, unless the probe says so.
func (c *checker) probe(db *gorm.DB, p probe) error {
	var found [][]string
	err := each(db, p.query, p.args, func(rows *sql.Rows) error {
		columns, err := rows.Columns()
		if err != nil {
			return err
		}
		values, row := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			row[i] = &values[i]
		}
		if err := rows.Scan(row...); err != nil {
			return err
		}
		texts := make([]string, len(values))
		for i, value := range values {
			texts[i] = value.String
		}
		found = append(found, texts)
		return nil
	})
	if err != nil {
		if ctxErr := db.Statement.Context.Err(); ctxErr != nil || p.fails == nil {
			return ctxErr
		}
		p.fails(c, err)
		return nil
	}
	if p.next != nil {
		if len(found) == 0 || found[0][0] == "" {
			return nil
		}
		return c.probe(db, p.next(found[0]))
	}
	for _, row := range found {
		if p.find != nil {
			p.find(c, row)
		}
	}
	return nil
}

const readOnlyProblem = "the connection is read-only, so that the store cannot write"

const lacksPrivileges = "the account lacks "

// lacksPrivilege reports a privilege on the table that the account lacks.
func (c *checker) lacksPrivilege(table, privilege string) {
	for i := range c.findings {
		if f := &c.findings[i]; f.Where == table && strings.HasPrefix(f.Problem, lacksPrivileges) {
			f.Problem += ", " + privilege
			return
		}
	}
	c.add(table, lacksPrivileges+privilege, "GRANT it: the store needs SELECT, INSERT, UPDATE and DELETE on the table")
}

// foreignKeyKeepsRows reports a foreign key of another table that keeps rows of the store's table.
func foreignKeyKeepsRows(table string) func(*checker, []string) {
	return func(c *checker, row []string) {
		name, owner := row[0], row[1]
		c.add(table, fmt.Sprintf("the foreign key %s of %s keeps a session: the store cannot delete it, and its cleanup reports it at every run", name, owner),
			"give the foreign key ON DELETE CASCADE or ON DELETE SET NULL")
	}
}

// triggerKeepsRows reports a trigger that can make the server ignore a statement of the store.
func triggerKeepsRows(table string) func(*checker, []string) {
	return func(c *checker, row []string) {
		c.add(table, fmt.Sprintf("the trigger %s can keep a session that the store deletes or updates, without an error: a user who has signed out, or whose sessions were revoked, may stay signed in", row[0]),
			"raise an error in the trigger, or remove it; on PostgreSQL, a trigger before a DELETE has to RETURN OLD")
	}
}

// isolation reports an isolation level that costs retries, or that shows changes which are
// never committed.
func isolation(c *checker, level string) {
	const remedy = "leave the store's connections at READ COMMITTED"
	switch strings.ToLower(strings.ReplaceAll(level, "-", " ")) {
	case "serializable":
		c.harmless("connection", "the isolation level is SERIALIZABLE, so that the store retries more often", remedy)
	case "read uncommitted":
		if c.dialect.name() != "postgres" { // there, it is READ COMMITTED
			c.add("connection", "the isolation level is READ UNCOMMITTED, so that the store reads changes which are rolled back later, such as the end of a session", remedy)
		}
	}
}

// softDeletes reports columns with which GORM deletes rows softly: the store knows nothing of
// them, and goes on serving such a session.
func (c *checker) softDeletes(model any, namer schema.Namer, live *Table) error {
	parsed, err := schema.Parse(model, &sync.Map{}, namer)
	if err != nil {
		return err
	}
	columns := []string{"deleted_at"}
	for _, field := range parsed.Fields {
		if field.DBName != "" && reflect.New(field.IndirectFieldType).Type().Implements(softDeletes) {
			columns = append(columns, field.DBName)
		}
	}
	slices.Sort(columns)
	for _, column := range slices.Compact(columns) {
		if live.Column(column) != nil {
			c.add(live.Name+"."+column, "the column looks like a soft delete: the store does not look at it, and goes on serving such a session",
				"delete sessions with the store, and remove the column or give it another name")
		}
	}
	return nil
}

// softDeletes is the interface of the field types with which GORM deletes softly, such as
// gorm.DeletedAt.
var softDeletes = reflect.TypeFor[schema.DeleteClausesInterface]()

func isOn(value string) bool {
	return slices.Contains([]string{"1", "ON", "YES", "TRUE", "T"}, strings.ToUpper(value))
}
