package migrations

import (
	"context"
	"database/sql"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// Inspect reads the tables with the names from the catalogue of a live database, without
// changing anything. Without names it reads all tables of the current schema. A table that
// does not exist is left out of the model. An unknown dialect is an [ErrDialect], a
// cancelled context is its error.
func Inspect(ctx context.Context, db *gorm.DB, names ...string) (Model, error) {
	d, err := dialectOf(db.Name())
	if err != nil {
		return Model{}, err
	}
	db = quiet(ctx, db)
	if len(names) == 0 {
		if names, err = d.tables(ctx, db); err != nil {
			return Model{}, fmt.Errorf("migrations: list the tables: %w", err)
		}
	}
	model := Model{Dialect: d.name()}
	for _, name := range names {
		table, err := d.inspect(ctx, db, name)
		if err != nil {
			return Model{}, fmt.Errorf("migrations: read the catalogue of %s: %w", name, err)
		}
		if table != nil {
			model.Tables = append(model.Tables, *table)
		}
	}
	return model, nil
}

// quiet returns a handle without the conditions and the logger of the application's
// handle.
func quiet(ctx context.Context, db *gorm.DB) *gorm.DB {
	return db.Session(&gorm.Session{NewDB: true, Context: ctx, Logger: logger.Discard})
}

// each calls the function for every row of the query.
func each(db *gorm.DB, query string, args []any, row func(*sql.Rows) error) error {
	return eachOf(db.Raw(query, args...), row)
}

// scanOne scans the only row of the query, which has one column.
func scanOne(query *gorm.DB, value any) error {
	return eachOf(query, func(rows *sql.Rows) error { return rows.Scan(value) })
}

// eachOf calls the function for every row. All queries use it, even for a single
// row, since GORM's Row panics if the statement cannot be prepared.
func eachOf(query *gorm.DB, row func(*sql.Rows) error) error {
	rows, err := query.Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// names returns the first column of the query's rows.
func names(db *gorm.DB, query string, args ...any) (names []string, err error) {
	err = each(db, query, args, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names = append(names, name)
		return err
	})
	return names, err
}

// addToIndex adds a column to an index of the table, and the index itself with its first
// column. Columns of the primary key become the table's key.
func addToIndex(table *Table, index Index, primary bool, column string) {
	if primary {
		table.PrimaryKey = append(table.PrimaryKey, column)
		return
	}
	if table.Index(index.Name) == nil {
		table.Indexes = append(table.Indexes, index)
	}
	found := table.Index(index.Name)
	found.Columns = append(found.Columns, column)
	found.folds = found.folds || index.folds
}
