package command

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/pressly/goose/v3/database"

	"example.com/usersession/migrations"
)

// baseline records the migrations up to a version as applied, if the database has the schema
// that they create. Otherwise it prints the differences and records nothing.
func (r *runner) baseline(ctx context.Context, args []string) error {
	number, err := strconv.ParseInt(args[0], 10, 64)
	if err != nil {
		return errors.New("the argument is not a version; the command status lists the versions")
	}
	return r.with(ctx, func(t *target) error {
		want, err := r.project().ModelAt(t.dialect.Name, number)
		if err != nil {
			return err
		}
		var names []string
		for _, table := range want.Tables {
			names = append(names, table.Name)
		}
		got, err := migrations.Inspect(ctx, t.gorm, names...)
		if err != nil {
			return err
		}
		if findings := migrations.Compare(want, got); len(findings) > 0 {
			return r.report(findings, "")
		}
		return r.stamp(ctx, t, number)
	})
}

// stamp records versions as goose does after it has applied a migration.
func (r *runner) stamp(ctx context.Context, t *target, number int64) error {
	provider, err := r.provider(t)
	if err != nil {
		return err
	}
	// GetDBVersion creates the version table if it is missing.
	if _, err := provider.GetDBVersion(ctx); err != nil {
		return err
	}
	store, err := database.NewStore(gooseDialects[t.dialect.Name], migrations.VersionTable)
	if err != nil {
		return err
	}
	tx, err := t.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // no effect after Commit
	recorded, err := store.ListMigrations(ctx, tx)
	if err != nil {
		return err
	}
	for _, source := range provider.ListSources() {
		known := slices.ContainsFunc(recorded, func(m *database.ListMigrationsResult) bool { return m.Version == source.Version })
		if source.Version > number || known {
			continue
		}
		if err := store.Insert(ctx, tx, database.InsertRequest{Version: source.Version}); err != nil {
			return err
		}
		r.printf("recorded as applied: %d", source.Version)
	}
	return tx.Commit()
}
