package command

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

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
		if err := r.checkSchema(t); err != nil {
			return err
		}
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
		findings := migrations.Compare(want, got)
		if len(findings) == 0 {
			return r.stamp(ctx, t, number)
		}
		others, err := r.versionsOf(ctx, t)
		if err != nil {
			return err
		}
		for i := range findings {
			findings[i] = baselineFinding(findings[i], want, got, number)
		}
		err = r.report(findings, "")
		switch len(others) {
		case 0:
			return fmt.Errorf("the database differs from version %d: %w", number, err)
		case 1:
			return fmt.Errorf("%w from version %d; the database has the schema of version %[3]d: run baseline %[3]d", err, number, others[0])
		default:
			return fmt.Errorf("%w from version %d; the database has the schema of the versions %s%s", err, number, joined(others), sameSchema)
		}
	})
}

// sameSchema ends a message that lists several versions with the schema of the database.
const sameSchema = ", which differ only in data and the like, which cannot be compared; run: baseline, with the last of these versions whose statements the database has executed"

// versionsOf returns the versions whose schema the database has.
func (r *runner) versionsOf(ctx context.Context, t *target) (same []int64, err error) {
	numbers, err := r.project().Versions(t.dialect.Name)
	if err != nil {
		return nil, err
	}
	models := map[int64]migrations.Model{}
	var names []string
	for _, number := range numbers {
		model, err := r.project().ModelAt(t.dialect.Name, number)
		if errors.Is(err, migrations.ErrNoMigration) {
			continue // a migration of the team's, before the first generated one
		}
		if err != nil {
			return nil, err
		}
		models[number] = model
		for _, table := range model.Tables {
			names = append(names, table.Name)
		}
	}
	if len(names) == 0 { // Inspect would read all tables
		return nil, nil
	}
	slices.Sort(names)
	live, err := migrations.Inspect(ctx, t.gorm, slices.Compact(names)...)
	if err != nil {
		return nil, err
	}
	for _, number := range numbers {
		model, ok := models[number]
		if ok && len(model.Tables) > 0 && len(differences(model, live)) == 0 {
			same = append(same, number)
		}
	}
	return same, nil
}

// baselineFinding returns a finding with the text for a comparison with an older version: the
// present entities do not matter there, and the migrations have not run.
func baselineFinding(f migrations.Finding, want, got migrations.Model, number int64) migrations.Finding {
	for _, table := range want.Tables {
		name, inTable := strings.CutPrefix(f.Where, table.Name+".")
		live := got.Table(table.Name)
		switch {
		case f.Where == table.Name && live == nil:
			f.Remedy = "name the version before the migration that creates the table, or create the table as the migration does"
		case !inTable || live == nil:
		case table.Column(name) == nil && live.Column(name) != nil, table.Index(name) == nil && live.Index(name) != nil:
			f.Problem = fmt.Sprintf("the database has it, and version %d does not", number)
			f.Remedy = "name a later version that has it; if there is none, drop it, or add it to the entities and write a migration"
		case table.Column(name) != nil && live.Column(name) == nil:
			f.Remedy = "name a version before the migration that adds the column, or add the column as the migration does"
		case table.Column(name) != nil:
			f.Remedy = fmt.Sprintf("alter the column as the migrations up to version %d would have made it", number)
		}
	}
	return f
}

// stamp records versions as goose does after it has applied a migration.
func (r *runner) stamp(ctx context.Context, t *target, number int64) error {
	m, err := r.migrator(t)
	if err != nil {
		return err
	}
	return m.locked(ctx, func(conn *sql.Conn) error {
		recorded := 0
		err := inTransaction(ctx, conn, func(tx *sql.Tx) error {
			for _, source := range m.session.sources {
				if source.Version > number || slices.Contains(m.session.recorded, source.Version) {
					continue
				}
				if err := m.session.versions.Insert(ctx, tx, database.InsertRequest{Version: source.Version}); err != nil {
					return err
				}
				r.printf("recorded as applied: %d", source.Version)
				recorded++
			}
			return nil
		})
		if err == nil && recorded == 0 {
			r.printf("Nothing is recorded: the versions up to %d are there already.", number)
		}
		return err
	})
}
