package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gorm.io/gorm"

	"example.com/usersession/examples/usersessiondb/dsn"
	"example.com/usersession/migrations"
)

// verify applies all migrations to an empty database and compares its schema with the
// schema that GORM creates from the entities. For SQLite it uses a temporary file. With -dsn
// it also uses the named database, which must be empty and is left empty.
func (r *runner) verify(ctx context.Context, _ []string) error {
	i := slices.IndexFunc(r.team.Dialects, func(d Dialect) bool { return d.Name == "sqlite" })
	if i < 0 && r.flags.dsn == "" {
		return errors.New("the project does not have SQLite, for which a temporary file would do; name an empty database with -dsn")
	}
	if i >= 0 {
		dir, err := os.MkdirTemp("", "usersessiondb")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		source, err := dsn.Parse("file:" + filepath.ToSlash(filepath.Join(dir, "verify.db")))
		if err != nil {
			return err
		}
		if err := r.verifyAt(ctx, r.team.Dialects[i], source); err != nil {
			return err
		}
	}
	if r.flags.dsn == "" {
		return nil
	}
	dialect, source, err := r.target()
	if err != nil {
		return err
	}
	return r.verifyAt(ctx, dialect, source)
}

func (r *runner) verifyAt(ctx context.Context, dialect Dialect, source dsn.Source) error {
	t, err := r.openAt(dialect, source)
	if err != nil {
		return err
	}
	r.printf("%s: applying all migrations", dialect.Name)
	err = r.verifyOn(ctx, t)
	return errors.Join(err, t.pool.Close())
}

func (r *runner) verifyOn(ctx context.Context, t *target) (err error) {
	before, err := r.allTables(ctx, t)
	if err != nil {
		return err
	}
	for _, table := range before.Tables {
		own, err := isEmptyRecord(ctx, t, table.Name)
		if err != nil {
			return err
		}
		if !own {
			return fmt.Errorf("the database is not empty: it has the table %s; verify needs an empty database, since it drops all tables at its end", table.Name)
		}
	}
	defer func() { err = errors.Join(err, r.dropAll(context.WithoutCancel(ctx), t)) }()
	if err := r.upOn(ctx, t); err != nil {
		return err
	}
	names, err := r.tableNames(t)
	if err != nil {
		return err
	}
	replayed, err := migrations.Inspect(ctx, t.gorm, names...)
	if err != nil {
		return err
	}
	findings, err := r.revertAll(ctx, t)
	if err != nil {
		return err
	}
	if err := r.dropAll(ctx, t); err != nil {
		return err
	}
	if err := t.gorm.WithContext(ctx).AutoMigrate(r.team.Models...); err != nil {
		return fmt.Errorf("create the tables from the entities: %w", err)
	}
	fresh, err := migrations.Inspect(ctx, t.gorm, names...)
	if err != nil {
		return err
	}
	// A comparison of two databases without tables would find no difference.
	if len(fresh.Tables) == 0 || len(fresh.Tables) != len(names) {
		return fmt.Errorf("GORM created %d tables from the entities, want %d", len(fresh.Tables), len(names))
	}
	findings = append(migrations.Compare(fresh, replayed), findings...)
	return r.report(findings, t.dialect.Name+": migrations and entities create the same "+strings.Join(names, ", "))
}

// isEmptyRecord reports whether the table is one that a former command left: the version table
// without a version, or the lock's table.
func isEmptyRecord(ctx context.Context, t *target, table string) (bool, error) {
	if table != migrations.VersionTable {
		return table == lockTable, nil
	}
	var count int64
	err := t.gorm.WithContext(ctx).Table(table).Where("version_id > 0").Count(&count).Error
	return count == 0, err
}

// revertAll runs all Downs and returns a finding for each table that they leave.
func (r *runner) revertAll(ctx context.Context, t *target) ([]migrations.Finding, error) {
	m, err := r.migrator(t)
	if err != nil {
		return nil, err
	}
	if _, err := m.DownTo(ctx, 0); err != nil {
		return nil, err
	}
	left, err := r.allTables(ctx, t)
	if err != nil {
		return nil, err
	}
	var findings []migrations.Finding
	for _, table := range left.Tables {
		if table.Name != migrations.VersionTable && table.Name != lockTable {
			findings = append(findings, migrations.Finding{Where: table.Name, Problem: "the table is left after all migrations are reverted", Remedy: "complete the Down of the migration that creates it"})
		}
	}
	return findings, nil
}

// tableNames returns the names of the entities' tables.
func (r *runner) tableNames(t *target) (names []string, err error) {
	for _, model := range r.team.Models {
		stmt := &gorm.Statement{DB: t.gorm}
		if err := stmt.Parse(model); err != nil {
			return nil, err
		}
		names = append(names, stmt.Schema.Table)
	}
	return names, nil
}

// allTables returns the tables of the schema in which new tables are created, and those of the
// project in schemas that the naming strategy names.
func (r *runner) allTables(ctx context.Context, t *target) (migrations.Model, error) {
	all, err := migrations.Inspect(ctx, t.gorm)
	if err != nil {
		return all, err
	}
	names, err := r.tableNames(t)
	if err != nil {
		return all, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !strings.Contains(name, ".") })
	if len(names) == 0 {
		return all, nil
	}
	elsewhere, err := migrations.Inspect(ctx, t.gorm, names...)
	all.Tables = append(all.Tables, elsewhere.Tables...)
	return all, err
}

// dropAll drops all tables. Its caller has checked that the database was empty before.
func (r *runner) dropAll(ctx context.Context, t *target) error {
	left, err := r.allTables(ctx, t)
	if err != nil {
		return err
	}
	for _, table := range left.Tables {
		if err := t.gorm.WithContext(ctx).Migrator().DropTable(table.Name); err != nil {
			return fmt.Errorf("drop %s: %w", table.Name, err)
		}
	}
	return nil
}
