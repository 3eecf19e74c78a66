package command

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/pressly/goose/v3/database"

	"example.com/usersession/migrations"
)

// versions is the version table. goose creates it and reads it; versions also repairs it.
type versions struct {
	database.Store
}

func versionsOf(t *target) (versions, error) {
	store, err := database.NewStore(gooseDialects[t.dialect.Name], migrations.VersionTable)
	return versions{store}, err
}

// list returns the rows, the last recorded first, and whether the table exists.
func (v versions) list(ctx context.Context, conn *sql.Conn, s *session) (rows []int64, exists bool, err error) {
	exists, err = s.hasTable(ctx, migrations.VersionTable)
	if err != nil || !exists {
		return nil, false, err
	}
	all, err := v.ListMigrations(ctx, conn)
	if err == nil {
		_, err = conn.ExecContext(ctx, "SELECT id, tstamp FROM "+migrations.VersionTable+" WHERE 1 = 0")
	}
	if err != nil {
		return nil, true, fmt.Errorf("the table %s is not one of goose's, with the columns id, version_id, is_applied and tstamp: %w\nIf no program needs it, drop it, and run: baseline VERSION", migrations.VersionTable, err)
	}
	for _, row := range all {
		rows = append(rows, row.Version)
	}
	return rows, true, nil
}

// ready creates the version table if it is missing, and repairs the row for version 0. Its
// caller holds the lock. goose itself creates the table without the lock in some calls: several
// hosts of a cluster at once, and on MySQL a killed process, may then leave the table without the
// row. goose goes by the order of the ids: it would take version 0 for the current version if its
// row came after others.
func (v versions) ready(ctx context.Context, conn *sql.Conn, rows []int64, exists bool, s *session) error {
	switch {
	case !exists:
		return inTransaction(ctx, conn, func(tx *sql.Tx) error {
			if err := v.CreateVersionTable(ctx, tx); err != nil {
				return err
			}
			return v.Insert(ctx, tx, database.InsertRequest{Version: 0})
		})
	case slices.Index(rows, 0) == len(rows)-1 && len(rows) > 0:
		return nil
	default:
		return inTransaction(ctx, conn, func(tx *sql.Tx) error { return v.renumber(ctx, tx, s) })
	}
}

// renumber writes all rows anew, with the row for version 0 as the first.
func (v versions) renumber(ctx context.Context, tx *sql.Tx, s *session) error {
	if err := v.Insert(ctx, tx, database.InsertRequest{Version: 0}); err != nil {
		return err
	}
	var zero int64
	if err := tx.QueryRowContext(ctx, "SELECT MAX(id) FROM "+migrations.VersionTable+" WHERE version_id = 0").Scan(&zero); err != nil {
		return err
	}
	for _, statement := range []string{
		"INSERT INTO %[1]s (version_id, is_applied, tstamp) SELECT version_id, is_applied, tstamp FROM %[1]s WHERE version_id <> 0 AND id < %[2]d ORDER BY id",
		"DELETE FROM %[1]s WHERE id < %[2]d",
	} {
		if _, err := tx.ExecContext(ctx, fmt.Sprintf(statement, migrations.VersionTable, zero)); err != nil {
			return fmt.Errorf("repair %s: %w", migrations.VersionTable, err)
		}
	}
	s.runner.printf("%s had no row for version 0, or not as its first row: repaired.", migrations.VersionTable)
	return nil
}

func inTransaction(ctx context.Context, conn *sql.Conn, run func(*sql.Tx) error) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	if err := run(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// hasTable reports whether the database has the table where an unqualified name finds it.
func (s *session) hasTable(ctx context.Context, name string) (bool, error) {
	model, err := migrations.Inspect(ctx, s.target.gorm, name)
	return len(model.Tables) > 0, err
}
